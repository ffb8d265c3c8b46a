package tasks

import (
	"context"
	"slices"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// untold is a notification that nobody could hear.
type untold struct {
	method string
	params wire.Appender
}

// mostUntold is how many notifications of a task are kept for who comes to wait; of more, the oldest are dropped.
const mostUntold = 100

// tell sends a notification of the handler where the requestor hears it: on the stream of a tasks/result request that
// waits, or else on the own stream of the session that the request came by. If neither is there, it is kept for who comes
// to wait.
func (t *live) tell(m *rpc.Message) error {
	t.lock()
	if t.final {
		t.unlock()
		return rpc.Errorf(rpc.CodeClosed, "%s was not sent: the task has ended: %w", m.Method, rpc.ErrClosed)
	}
	var to *waiter
	for _, w := range t.waiters {
		if t.concerns(w.session, m.Method) {
			to = w
		}
	}
	var params wire.Appender = m.Raw()
	if !named(m.Method) {
		params = SetRelated(m.Raw(), t.id)
	}
	if to == nil && !heard(t.origin) {
		if len(t.untold) == mostUntold {
			t.untold = slices.Delete(t.untold, 0, 1)
		}
		t.untold = append(t.untold, untold{m.Method, params})
		t.unlock()
		return nil
	}
	t.unlock()
	if to != nil {
		return to.session.Notify(to.ctx, m.Method, params)
	}
	return t.origin.Notify(t.origin.Context(), m.Method, params)
}

// concerns reports whether a notification means something in a session: a progress token does in its own session only, or
// to who has none.
func (t *live) concerns(s *rpc.Session, method string) bool {
	return method != mcp.MethodProgress || t.origin != nil && (s == t.origin || t.origin.Link().Stateless)
}

// join makes w one of those who wait, once it has been told what nobody could hear before.
func (t *live) join(w *waiter) {
	for {
		var missed []untold
		t.lock()
		t.untold = slices.DeleteFunc(t.untold, func(u untold) bool {
			concerns := t.concerns(w.session, u.method)
			if concerns {
				missed = append(missed, u)
			}
			return concerns
		})
		if len(missed) == 0 {
			t.waiters = append(t.waiters, w)
			t.unlock()
			return
		}
		t.unlock()
		for _, u := range missed {
			if err := w.session.Notify(w.ctx, u.method, u.params); err != nil {
				w.session.Logger().Debug("tasks: a notification could not be sent", "method", u.method, "error", err)
			}
		}
	}
}

// heard reports whether what is sent on the own stream of a session reaches somebody.
func heard(s *rpc.Session) bool {
	if s == nil || s.Context().Err() != nil {
		return false
	}
	link := s.Link()
	if link.Stateless || link.Stream == nil {
		return false
	}
	if l, ok := link.Stream.(rpc.Listener); ok {
		return l.Listening()
	}
	return true
}

// note has the requestor told of the present state (notifications/tasks/status). Under the lock.
func (t *live) note() {
	now := t.rec.Task()
	t.notes = append(t.notes, &mcp.TaskStatusParams{
		TaskID: now.TaskID, Status: now.Status, StatusMessage: now.StatusMessage, CreatedAt: now.CreatedAt,
		LastUpdatedAt: now.LastUpdatedAt, TTL: now.TTL, PollInterval: now.PollInterval,
	})
	if !t.noting {
		t.noting = true
		go t.sendNotes()
	}
}

// sendNotes sends what is to be told, in order; its goroutine lives while there is something.
func (t *live) sendNotes() {
	for {
		t.lock()
		if len(t.notes) == 0 {
			t.notes, t.noting = nil, false
			t.unlock()
			return
		}
		params := t.notes[0]
		t.notes = t.notes[1:]
		session := t.watcher
		var ctx context.Context
		if heard(session) {
			ctx = session.Context()
		} else {
			for _, w := range t.waiters {
				session, ctx = w.session, w.ctx
			}
		}
		t.unlock()
		if ctx == nil {
			continue
		}
		if err := session.Notify(ctx, mcp.MethodTaskStatus, params); err != nil {
			session.Logger().Debug("tasks: a status could not be sent", "task", short(t.id), "error", err)
		}
	}
}
