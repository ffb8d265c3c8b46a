package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Task is a call of a tool that the server runs as a task (basic/utilities/tasks): it goes on when nobody waits, when the
// session ends, and, if the server keeps it, when either process is started anew. Out is as for [CallTool]. Its methods
// are safe for concurrent use; it need not be closed.
type Task[Out any] struct{ *task }

// StartTool calls a tool as a task, with arguments as for [CallTool], and returns as soon as the server has taken it on.
// [Task.Wait] gives what came of it. Of the options, [Timeout] and [MaxTime] are about the call that starts it, and
// [OnProgress] is for the task's life: reports are delivered in order, while a [Task.Wait] or [Task.Status] runs, on its
// goroutine and before it returns; [TTL] says how long the server should keep the task.
//
// It is a [*CapabilityError] if the server does not declare tasks.requests.tools.call, and a [*TaskSupportError] if the
// tool does not take part, for which the list of tools is read if need be: nothing is sent then.
//
// Should the server answer with the tool's result at once, that is a task that is over, with no id.
func StartTool[Out any](ctx context.Context, c *Client, name string, arguments any, opts ...CallOption) (*Task[Out], error) {
	args, err := objectOf(arguments)
	if err != nil {
		return nil, fmt.Errorf("client: arguments of tool %s: %w", clip(name), err)
	}
	t, err := c.startTask(ctx, &mcp.CallToolParams{Name: name, Arguments: args}, newCallOptions(opts))
	if err != nil {
		return nil, err
	}
	return &Task[Out]{t}, nil
}

// ResumeTask takes up a task again by its id, such as after the program was started anew, or one that another client
// started. tool is the tool it is a call of; "" if that is not known, and then the output is not validated against what
// the tool declares. Nothing is sent: whether there is such a task shows when it is asked for.
func ResumeTask[Out any](c *Client, tool, id string) *Task[Out] {
	t := &task{c: c, tool: tool}
	t.remote = c.remote(mcp.Task{TaskID: id}, tool, wire.Raw{})
	c.tracked.add(t.remote, mcp.ProgressToken{})
	return &Task[Out]{t}
}

// Wait waits until the task is over and gives what [CallTool] would have given: the output, or the same error. Until the
// status is final or the server needs input it is polled at the interval that the server asks for, with more and more time
// in between if it asks for none; notifications of its status make that shorter. Then tasks/result is called, under which
// the server may ask what it needs. Wait outlasts streams and sessions that break off.
//
// When ctx ends the task goes on, and Wait may be called again; once it has given the outcome it gives that always. If
// the task was cancelled the error matches [ErrTaskCancelled]; if the server does not know it (any more), it is a
// [*TaskLostError].
func (t *Task[Out]) Wait(ctx context.Context) (Out, error) {
	result, err := t.result(ctx)
	return finish[Out](ctx, t.c, t.tool, result, err)
}

// task is a Task without its type.
type task struct {
	c         *Client
	tool      string
	immediate string
	remote    *tasks.Remote
	reports   *reports // nil if progress was not asked for
}

// ErrTaskCancelled is in the chain of the error of a task that was cancelled.
var ErrTaskCancelled = tasks.ErrCancelled

// TaskLostError says that the server does not know a task: its ttl is over, it was deleted, or it is not ours.
type TaskLostError = tasks.LostError

// ID is the task's id, by which it can be taken up again ([ResumeTask]). Where the server does not know who is calling,
// whoever has the id can get at the task.
func (t *task) ID() string { return t.remote.ID() }

// Tool is the tool that the task is a call of.
func (t *task) Tool() string { return t.tool }

// Known gives the state of the task as it was heard of last, without asking the server. Its status is "" if nothing was
// heard yet, as after [ResumeTask].
func (t *task) Known() mcp.Task { return t.remote.Known() }

// ImmediateResponse is what the server suggests to give to the model in place of the result, so that it can go on while
// the task runs; "" if it suggests nothing.
func (t *task) ImmediateResponse() string { return t.immediate }

// Status gives the state of the task, as it is after the call began. It may be called in a loop: it asks the server, but
// not before the poll interval since the last answer is over, unless a notification tells sooner; see [Task.Known] for
// what is known without waiting. Once the status is final it returns at once. The error is a [*TaskLostError] if the
// server does not know the task.
func (t *task) Status(ctx context.Context) (mcp.Task, error) {
	var state mcp.Task
	err := t.reports.during(func() (err error) {
		state, err = t.remote.Status(ctx)
		return err
	})
	t.ended(err)
	return state, err
}

// Cancel asks the server to cancel the task (tasks/cancel). It is a [*CapabilityError] if the server does not declare
// tasks.cancel; a task that is over already is refused by the server, with the code -32602. The server may forget a
// cancelled task at once.
func (t *task) Cancel(ctx context.Context) error {
	_, err := t.remote.Cancel(ctx)
	return err
}

// result waits for the outcome.
func (t *task) result(ctx context.Context) (*mcp.CallToolResult, error) {
	var raw wire.Raw
	err := t.reports.during(func() (err error) {
		raw, err = t.remote.Result(ctx)
		return err
	})
	t.ended(err)
	if err != nil {
		return nil, err
	}
	result := &mcp.CallToolResult{}
	if err := t.c.Session().DecodeResult(mcp.MethodCallTool, raw, result); err != nil {
		if t.remote.Known().Status == mcp.TaskStatusCancelled { // some servers answer with nothing in place of an error
			err = rpc.Errorf(rpc.CodeCancelled, "task %s: %w", t.ID(), ErrTaskCancelled)
		}
		return nil, err
	}
	return result, nil
}

// ended stops tracking a task of which nothing more will come.
func (t *task) ended(err error) {
	if _, lost := errors.AsType[*TaskLostError](err); lost || t.remote.Settled() {
		t.c.tracked.remove(t.remote)
	}
}
