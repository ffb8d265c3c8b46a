package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// live is a task that runs here, or is about to. What is told of it is what the store has, save for messages.
type live struct {
	r      *Receiver
	id     string
	slot   any          // see Receiver.running
	origin *rpc.Session // that the request came by; nil if it runs again
	done   chan struct{}

	mu        sync.Mutex
	after     []func()     // to be done when the lock is let go
	rec       *Record      // as the store has it, but for messages that are not written yet
	written   time.Time    // when a message was last written
	pending   *verdict     // the outcome, which the store did not take yet; nil without one
	final     bool         // it has ended, or is not ours any more; done is closed
	session   *rpc.Session // that the request runs in; nil before
	watcher   *rpc.Session // who asked after it last
	answerer  *rpc.Session // who answered a question last; nil if nobody has
	waiters   []*waiter    // who wait for its outcome, the newest last
	questions []*question  // not yet answered
	untold    []untold
	notes     []*mcp.TaskStatusParams
	noting    bool // a goroutine sends notes
}

// verdict is how a task ends.
type verdict struct {
	status  mcp.TaskStatus
	message string
	result  wire.Raw
	err     *rpc.Error
	cause   error // why the handler's ctx ends; nil if it has returned
}

func (t *live) lock() { t.mu.Lock() }

// unlock lets the lock go and does what had to wait for that.
func (t *live) unlock() {
	after := t.after
	t.after = nil
	t.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// record gives a copy of the record.
func (t *live) record() *Record {
	t.lock()
	defer t.unlock()
	return t.rec.Clone()
}

// watch notes who is to hear of changes.
func (t *live) watch(s *rpc.Session) {
	t.lock()
	t.watcher = s
	t.unlock()
}

// store writes a changed record, which is the present one if there is no error. Under the lock.
func (t *live) store(ctx context.Context, next *Record) error {
	next.Updated = time.Now()
	err := t.r.store.Update(ctx, next)
	if err != nil {
		return err
	}
	t.rec = next
	t.note()
	return nil
}

// move changes the status of a task that goes on. If the store fails it is changed here only, until the next time. Under
// the lock.
func (t *live) move(to mcp.TaskStatus) {
	if t.final || t.pending != nil || !may(t.rec.Status, to) {
		return
	}
	next := t.rec.Clone()
	next.Status = to
	t.adopt(next, t.store(context.Background(), next))
}

// adopt deals with the error of writing next, a record that has not ended. Under the lock.
func (t *live) adopt(next *Record, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		t.lose()
	default:
		t.failed("update", err)
		t.rec = next
		t.note()
	}
}

func (t *live) failed(what string, err error) {
	t.after = append(t.after, func() { _ = t.r.broken(context.Background(), what, err) })
}

// messageInterval is how often a message is written and told at most; those in between are seen by who asks here.
const messageInterval = time.Second

// message sets the message of a task that goes on.
func (t *live) message(text string) {
	t.lock()
	defer t.unlock()
	text = clip(text)
	if t.final || t.pending != nil || t.rec.Message == text {
		return
	}
	next := t.rec.Clone()
	next.Message = text
	now := time.Now()
	if now.Sub(t.written) < messageInterval {
		next.Updated = now
		t.rec = next
		return
	}
	t.written = now
	t.adopt(next, t.store(context.Background(), next))
}

// finish ends the task, unless it has ended. Nobody is told before the store has it: if the store fails, the tick tries
// again.
func (t *live) finish(v verdict) {
	t.lock()
	defer t.unlock()
	if t.final {
		t.r.add(func(s *Stats) { s.Superseded++ })
		return
	}
	if t.pending == nil {
		t.pending = &v
		t.settle(context.Background())
	}
}

// settle writes the outcome. Under the lock.
func (t *live) settle(ctx context.Context) {
	next := t.rec.Clone()
	v := t.pending
	next.Status, next.Message, next.Result, next.Error = v.status, clip(v.message), v.result, v.err
	err := t.store(ctx, next)
	switch {
	case err == nil:
		t.ended()
		t.end(v.cause)
	case errors.Is(err, ErrFull):
		large := rpc.Errorf(mcp.CodeInternalError, "the result cannot be kept: %w", err)
		if v.err != nil && v.err.Code == large.Code && v.result.IsZero() && v.err.Data.IsZero() {
			t.failed("end", err)
			return
		}
		t.pending = &verdict{status: mcp.TaskStatusFailed, message: large.Message, err: large, cause: v.cause}
		t.settle(ctx)
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		t.lose()
	default:
		t.failed("end", err)
	}
}

// ended counts and logs the end of a task. Under the lock.
func (t *live) ended() {
	rec := t.rec
	t.after = append(t.after, func() {
		t.r.add(func(s *Stats) {
			switch rec.Status {
			case mcp.TaskStatusCompleted:
				s.Completed++
			case mcp.TaskStatusFailed:
				s.Failed++
			default:
				s.Cancelled++
			}
		})
		t.r.log.Info("tasks: ended", t.r.about(rec, "after", rec.Updated.Sub(rec.Created))...)
	})
}

// cancel cancels the task; ErrConflict if it has ended meanwhile.
func (t *live) cancel(ctx context.Context) (*Record, error) {
	t.lock()
	defer t.unlock()
	if t.final {
		return nil, ErrConflict
	}
	next := t.rec.Clone()
	cancelled(next)
	if err := t.store(ctx, next); err != nil {
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
			t.lose()
		}
		return nil, err
	}
	if t.pending != nil {
		t.r.add(func(s *Stats) { s.Superseded++ })
	}
	t.ended()
	t.end(fmt.Errorf("%w: tasks/cancel", rpc.ErrCancelled))
	return t.rec.Clone(), nil
}

// lose gives up a task that somebody else ended, removed or took over. Under the lock.
func (t *live) lose() {
	if t.final {
		return
	}
	if t.pending != nil {
		t.r.add(func(s *Stats) { s.Superseded++ })
	}
	t.end(errLost)
}

var (
	// errLost is why the handler of a task ends that is not ours any more.
	errLost = errors.New("the task was ended or taken over elsewhere")
	// ErrExpired is in the chain of context.Cause of a handler's ctx whose task's time was over.
	ErrExpired = errors.New("the task's time is over")
	// ErrShutdown is in the chain of context.Cause of a handler's ctx that [Receiver.Shutdown] ended.
	ErrShutdown = errors.New("shutting down")
)

// end lets a task go: its handler's ctx ends for the cause (nil: it is done), and who waits looks for what became of it.
// Under the lock.
func (t *live) end(cause error) {
	t.final = true
	close(t.done)
	for _, q := range t.questions {
		q.cancel()
	}
	t.questions = nil
	session := t.session
	t.after = append(t.after, func() {
		t.r.forget(t)
		if session != nil {
			session.Close(cause)
		}
	})
}

// remove ends a task without an outcome and deletes its record.
func (t *live) remove(cause error) {
	t.lock()
	defer t.unlock()
	if t.final {
		return
	}
	if err := t.r.store.Delete(context.Background(), t.id); err != nil && !errors.Is(err, ErrNotFound) {
		t.failed("delete", err)
	}
	t.end(cause)
}

// check looks whether the task is still ours, and tries again to write an outcome. The error is the store's.
func (t *live) check(ctx context.Context) error {
	t.lock()
	defer t.unlock()
	if t.final {
		return nil
	}
	rec, err := t.r.store.Get(ctx, t.id)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && rec.Version != t.rec.Version && (rec.Ended() || rec.Holder != t.r.holder):
		t.lose()
	case err != nil:
		return err
	default:
		t.rec.Version = rec.Version // a write that failed may have been done
		if t.pending != nil {
			t.settle(ctx)
		}
	}
	return nil
}

// ours reports whether what is known here of the task still holds.
func (t *live) ours() bool {
	t.lock()
	defer t.unlock()
	return !t.final
}
