package tasks

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Task is the task that a handler runs as, for the handler. It is safe for concurrent use.
type Task struct{ t *live }

type taskKey struct{}

// From gives the task that the request of ctx runs as; nil if it is none.
func From(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*live)
	if t == nil {
		return nil
	}
	return &Task{t}
}

// ID is the task's id. Where nobody is authenticated it is all that it takes to see the task: it does not belong in logs.
func (t *Task) ID() string { return t.t.id }

// Record is the task as it is now. It is a copy.
func (t *Task) Record() *Record { return t.t.record() }

// SetMessage says for people what the task is doing. Who asks sees it at once; it is written, and told by a notification,
// at most once a second. Over 1,000 bytes are cut off. After the end of the task it does nothing.
func (t *Task) SetMessage(text string) { t.t.message(text) }

// Enter is the interceptor that belongs outermost in the dispatch of the sessions that tasks run in: it knows when a
// handler has returned.
func (r *Receiver) Enter(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if t, ok := ctx.Value(taskKey{}).(*live); ok && t.r == r {
			defer r.release(t.slot)
		}
		return next(ctx, m)
	}
}

// answered is called when the requestor knows of its task, or never will: then there is none.
func (t *live) answered(ctx context.Context, answered bool) {
	if answered {
		t.launch(ctx)
		return
	}
	go func() { // deleting may take a while
		t.remove(rpc.ErrCancelled)
		t.r.release(t.slot)
	}()
}

// launch starts the handler. The slot is taken, and given back when it has returned.
func (t *live) launch(ctx context.Context) {
	t.lock()
	run, ended := Run{t.rec.Clone(), t.origin, t.outgoing}, t.final
	t.unlock()
	if ended {
		t.r.release(t.slot)
		return
	}
	started, err := t.start(ctx, run)
	if !started {
		t.r.release(t.slot)
	}
	if err != nil {
		t.r.log.ErrorContext(ctx, "tasks: a request could not be started", t.r.about(run.Record, "error", err)...)
		e := rpc.Errorf(mcp.CodeInternalError, "internal error: the request could not be started").Wrap(err)
		t.finish(verdict{status: mcp.TaskStatusFailed, message: e.Message, err: e})
	}
}

// start makes the session and hands it the request. If that is not started and there is no error, the task has ended.
func (t *live) start(ctx context.Context, run Run) (started bool, err error) {
	ctx = context.WithValue(ctx, taskKey{}, t)
	session, err := t.r.cfg.Session(ctx, run)
	if err != nil {
		return false, err
	}
	t.lock()
	t.session = session
	ended := t.final
	t.unlock()
	if ended {
		session.Close(nil)
		return false, nil
	}
	var params wire.Appender
	if !run.Record.Params.IsZero() {
		params = run.Record.Params
	}
	text := rpc.NewRequest(wire.IntID(1), run.Record.Method, params).AppendJSON(nil)
	m, err := rpc.Parse(text, session.Options())
	if err != nil {
		session.Close(err)
		return false, err
	}
	// What is refused is answered with an error all the same, which is the outcome.
	return session.Deliver(ctx, m, &reply{t}) == nil, nil
}

// reply is the stream of a task's request: what is sent on it is the outcome.
type reply struct{ t *live }

var _ rpc.Ender = (*reply)(nil)

// Send takes the outcome.
func (r *reply) Send(_ context.Context, m *rpc.Message) error {
	switch m.Kind {
	case rpc.KindResult:
		result := m.Raw()
		if result.IsZero() {
			result = emptyObject
		}
		if size, most := len(result.Bytes()), r.t.r.limits.ResultBytes; size > most {
			return fmt.Errorf("%w: the result has %d bytes, of a task it may have %d", rpc.ErrTooLarge, size, most)
		}
		v := verdict{status: mcp.TaskStatusCompleted, result: result}
		if why, failed := failure(result); failed {
			v.status, v.message = mcp.TaskStatusFailed, why
		}
		r.t.finish(v)
	case rpc.KindError:
		e := &rpc.Error{Code: m.Error.Code, Message: m.Error.Message, Data: m.Error.Data}
		r.t.finish(verdict{status: mcp.TaskStatusFailed, message: e.Message, err: e})
	}
	return nil
}

// End is told that no outcome will come, if none did.
func (r *reply) End(err error) {
	if err == nil {
		return
	}
	r.t.lock()
	over := r.t.final || r.t.pending != nil
	r.t.unlock()
	if !over {
		e := rpc.Errorf(mcp.CodeInternalError, "internal error: the request ended without an answer").Wrap(err)
		r.t.finish(verdict{status: mcp.TaskStatusFailed, message: e.Message, err: e})
	}
}

var emptyObject = wire.MustRaw(`{}`)
