package tasks

import (
	"context"
	"errors"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// LostError says that the receiver no longer knows a task: its ttl is over, it was deleted, or it never was there, or is
// not ours.
type LostError struct {
	// ID is the task's.
	ID string
	// Err is what the receiver said.
	Err error
}

func (e *LostError) Error() string {
	return "task " + e.ID + " is not there (any more): " + e.Err.Error()
}

// Unwrap gives what the receiver said.
func (e *LostError) Unwrap() error { return e.Err }

// ErrCancelled is in the chain of the error of a task that was cancelled.
var ErrCancelled = errors.New("the task was cancelled")

// Status gives the state as it is after the call began: it asks with tasks/get, but not before the pollInterval of the
// last answer is over, and a notification that comes sooner will do. So it may be called in a loop. Once the status is
// final it returns at once. The error is a [*LostError] if there is no such task, and otherwise that of the call.
func (r *Remote) Status(ctx context.Context) (mcp.Task, error) {
	r.mu.Lock()
	since := r.version
	r.mu.Unlock()
	t, err := r.poll(ctx, since)
	return t, plain(err)
}

// poll gives the state as soon as something was heard since a version.
func (r *Remote) poll(ctx context.Context, since uint64) (mcp.Task, error) {
	for {
		r.mu.Lock()
		t, changed, wait := r.task, r.changed, time.Until(r.due)
		if terminal(t.Status) || r.version != since {
			r.mu.Unlock()
			return t, nil
		}
		ours := wait <= 0 && !r.asking
		if ours {
			r.asking = true
		}
		r.mu.Unlock()
		if ours {
			return r.ask(ctx)
		}
		if wait <= 0 {
			wait = maxInterval // until the other has its answer
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-r.cfg.Done:
			timer.Stop()
			return t, rpc.Errorf(rpc.CodeClosed, "task %s: %w", r.ID(), rpc.ErrClosed)
		case <-ctx.Done():
			timer.Stop()
			return t, ended(ctx, r.ID())
		}
		timer.Stop()
	}
}

// ended is the error of who waits under a context that is over.
func ended(ctx context.Context, id string) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		return rpc.Errorf(rpc.CodeCancelled, "waiting for task %s: %w: %w", id, err, cause)
	}
	return rpc.Errorf(rpc.CodeCancelled, "waiting for task %s: %w", id, err)
}

// ask sends tasks/get. Who calls it has set asking.
func (r *Remote) ask(ctx context.Context) (mcp.Task, error) {
	t, err := r.get(ctx)
	r.mu.Lock()
	r.asking = false
	r.wake()
	r.mu.Unlock()
	switch {
	case err == nil:
		return t, nil
	case ctx.Err() != nil:
		return t, err
	case settles(err):
		return t, r.lost(err)
	}
	if r.missed(mcp.MethodGetTask, err) {
		return t, giveUp{err}
	}
	return t, err
}

// giveUp marks an error after which it is no use to try again.
type giveUp struct{ error }

func (e giveUp) Unwrap() error { return e.error }

// get sends tasks/get.
func (r *Remote) get(ctx context.Context) (mcp.Task, error) {
	var result mcp.GetTaskResult
	err := r.cfg.Caller.Call(rpc.WithoutProgress(ctx), mcp.MethodGetTask, &mcp.TaskIDParams{TaskID: r.ID()}, &result)
	if err != nil {
		return r.Known(), err
	}
	return r.heard(mcp.Task{
		CreatedAt: result.CreatedAt, LastUpdatedAt: result.LastUpdatedAt, Status: result.Status, TaskID: result.TaskID,
		TTL: result.TTL, PollInterval: result.PollInterval, StatusMessage: result.StatusMessage, Unknown: result.Unknown,
	}, true), nil
}

// Cancel asks the receiver to cancel the task (tasks/cancel), and gives its state then. A task whose status is final
// already is refused by the receiver, with the code -32602.
func (r *Remote) Cancel(ctx context.Context) (mcp.Task, error) {
	var result mcp.CancelTaskResult
	err := r.cfg.Caller.Call(rpc.WithoutProgress(ctx), mcp.MethodCancelTask, &mcp.TaskIDParams{TaskID: r.ID()}, &result)
	r.log("task cancel", "error", err)
	if err != nil {
		return r.Known(), err
	}
	return r.heard(mcp.Task{
		CreatedAt: result.CreatedAt, LastUpdatedAt: result.LastUpdatedAt, Status: result.Status, TaskID: result.TaskID,
		TTL: result.TTL, PollInterval: result.PollInterval, StatusMessage: result.StatusMessage, Unknown: result.Unknown,
	}, true), nil
}

// Result waits until the task is over and gives what the request would have given: its result as it came, or its error.
// It polls until the status is final or input_required, and then has tasks/result wait for the rest, on whose stream the
// receiver may ask what it needs. If that breaks off, or a connection is replaced by another, it goes back to polling. The
// error of a task that was cancelled matches [ErrCancelled]; of one that is not there it is a [*LostError]. When ctx ends
// the task goes on.
func (r *Remote) Result(ctx context.Context) (wire.Raw, error) {
	for {
		r.mu.Lock()
		t, since, known := r.task, r.version, r.outcome
		r.mu.Unlock()
		if known != nil {
			return known.result, known.err
		}
		if terminal(t.Status) || t.Status == mcp.TaskStatusInputRequired {
			result, err, done := r.fetch(ctx, t.Status)
			if done {
				return result, err
			}
		}
		_, err := r.poll(ctx, since)
		if err == nil {
			continue
		}
		_, enough := errors.AsType[giveUp](err)
		_, lost := errors.AsType[*LostError](err)
		if enough || lost || ctx.Err() != nil || settles(err) || isDone(r.cfg.Done) {
			return wire.Raw{}, plain(err)
		}
	}
}

func plain(err error) error {
	if g, ok := err.(giveUp); ok {
		return g.error
	}
	return err
}

// fetch sends tasks/result. done is false if the task is to be looked at again.
func (r *Remote) fetch(ctx context.Context, status mcp.TaskStatus) (result wire.Raw, err error, done bool) {
	err = r.cfg.Caller.Call(rpc.WithoutProgress(ctx), mcp.MethodGetTaskPayload, &mcp.TaskIDParams{TaskID: r.ID()}, &result)
	switch {
	case err == nil:
		r.settle(outcome{result: result})
		return result, nil, true
	case ctx.Err() != nil || isDone(r.cfg.Done):
		return result, err, true
	case !answered(err):
		return result, err, !isRPC(err) || r.retry(ctx, err)
	case busy(err):
		return result, err, r.retry(ctx, err)
	case !terminal(status):
		// It may be the task's own error, or one over asking too early: its status tells.
		r.hurry()
		return result, err, false
	case rpc.CodeOf(err) == rpc.CodeInvalidParams:
		// The request's own error, or the task is gone: that, tasks/get tells.
		if _, gone := r.get(ctx); gone != nil && answered(gone) && rpc.CodeOf(gone) == rpc.CodeInvalidParams {
			if status != mcp.TaskStatusCancelled {
				return result, r.lost(err), true
			}
			err = &rpc.Error{Code: rpc.CodeCancelled, Message: "task " + r.ID() + ": " + ErrCancelled.Error()}
		}
	}
	if e, ok := errors.AsType[*rpc.Error](err); ok && status == mcp.TaskStatusCancelled {
		err = e.Wrap(ErrCancelled)
	}
	r.settle(outcome{err: err})
	return result, err, true
}

// retry waits for the time to look again; it reports whether there is no use in that.
func (r *Remote) retry(ctx context.Context, err error) (enough bool) {
	enough = r.missed(mcp.MethodGetTaskPayload, err)
	if enough {
		return true
	}
	r.mu.Lock()
	wait := time.Until(r.due)
	final := terminal(r.task.Status)
	r.mu.Unlock()
	if !final {
		return false // poll waits
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.cfg.Done:
	case <-ctx.Done():
	}
	return false
}

// hurry has the next poll ask at once, unless polls failed.
func (r *Remote) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures == 0 && r.quiet == 0 {
		r.due = time.Time{}
	}
}

// settle keeps the outcome.
func (r *Remote) settle(o outcome) {
	r.mu.Lock()
	r.outcome = &o
	r.failures = 0
	r.mu.Unlock()
	r.log("task result", "error", o.err)
}

// lost makes the error for a task that the receiver does not know, of its answer; others stay as they are.
func (r *Remote) lost(err error) error {
	if answered(err) && rpc.CodeOf(err) == rpc.CodeInvalidParams {
		r.log("task lost", "error", err)
		return &LostError{ID: r.ID(), Err: err}
	}
	return err
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// isRPC tells whether err is of a call that was tried, and not one that was kept from being sent.
func isRPC(err error) bool {
	_, ok := errors.AsType[*rpc.Error](err)
	return ok
}

// answered tells whether an error is an answer of the receiver, and not made on this side.
func answered(err error) bool {
	e, ok := errors.AsType[*rpc.Error](err)
	return ok && e.Unwrap() == nil
}

// busy tells whether an answer says to come again later.
func busy(err error) bool { return rpc.CodeOf(err) == rpc.CodeBusy }

// settles tells whether it is no use to send the same tasks/get again.
func settles(err error) bool {
	if !isRPC(err) {
		return true
	}
	switch rpc.CodeOf(err) {
	case rpc.CodeInvalidParams, rpc.CodeMethodNotFound, rpc.CodeInvalidRequest:
		return answered(err)
	}
	return false
}

// retryAfter is how long a receiver asks to be left alone; 0 if it says nothing.
func retryAfter(err error) time.Duration {
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok || e.Data.Kind() != wire.KindObject {
		return 0
	}
	var data wire.Object
	if e.Data.Decode(&data) != nil {
		return 0
	}
	raw, ok := data.Get("retryAfter")
	if !ok {
		return 0
	}
	var seconds float64
	if raw.Unmarshal(&seconds) != nil || !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, maxInterval.Seconds()) * float64(time.Second))
}
