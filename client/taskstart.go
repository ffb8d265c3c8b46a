package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// TTL asks the server to keep a task for so long after its creation, the time it takes included; the server may choose
// another time, which [Task.Known] tells. It is in whole milliseconds, 0 and less leave it to the server. It has a meaning
// for calls that become tasks only.
func TTL(d time.Duration) CallOption { return func(o *callOptions) { o.ttl = d } }

// TaskSupportError says that a tool was not called as a task because the tool does not take part: the server lists it
// with an execution.taskSupport that is absent or forbidden, or does not list it.
type TaskSupportError struct {
	// Tool is the tool's name.
	Tool string
	// Support is what the server lists, "" for nothing.
	Support mcp.TaskSupport
}

func (e *TaskSupportError) Error() string {
	support := "absent"
	if e.Support != "" {
		support = fmt.Sprintf("%q", clip(string(e.Support)))
	}
	return fmt.Sprintf("tools/call of %s as a task was not sent: its execution.taskSupport is %s, expected optional or required", clip(e.Tool), support)
}

// startTask calls a tool as a task.
func (c *Client) startTask(ctx context.Context, params *mcp.CallToolParams, o callOptions) (*task, error) {
	if o.err != nil {
		return nil, o.err
	}
	p := *params
	if p.Task == nil {
		p.Task = &mcp.TaskMetadata{}
	}
	if ms := o.ttl.Milliseconds(); ms > 0 {
		p.Task = &mcp.TaskMetadata{TTL: &ms, Unknown: p.Task.Unknown}
	}
	ctx = rpc.WithoutProgress(ctx)
	if err := c.mayStart(ctx, &p); err != nil {
		return nil, err
	}
	t := &task{c: c, tool: p.Name}
	token := c.askProgress(t, &p, &o)
	var raw wire.Raw
	_, err := c.do(ctx, mcp.MethodCallTool, &p, &raw, o)
	if err != nil {
		c.tracked.forget(token)
		return nil, err
	}
	created, err := c.created(raw)
	if err != nil {
		c.tracked.forget(token)
		return nil, err
	}
	if created == nil {
		c.tracked.forget(token)
		t.remote = c.remote(mcp.Task{Status: mcp.TaskStatusCompleted}, p.Name, raw)
		return t, nil
	}
	if text, ok := created.Meta.Get(tasks.MetaImmediate); ok {
		_ = text.Unmarshal(&t.immediate) // what is no text is none
	}
	t.remote = c.remote(created.Task, p.Name, wire.Raw{})
	c.tracked.add(t.remote, token)
	return t, nil
}

// mayStart reports whether the server and the tool let a call become a task ("Tool-Level Negotiation").
func (c *Client) mayStart(ctx context.Context, p *mcp.CallToolParams) error {
	l, err := c.current(ctx)
	if err != nil {
		return err
	}
	if err := c.mayCall(l, mcp.MethodCallTool, p); err != nil {
		return err
	}
	facts, err := c.tool(ctx, p.Name)
	if err != nil {
		return fmt.Errorf("tools/call of %s as a task was not sent: its execution.taskSupport could not be read: %w", clip(p.Name), err)
	}
	if facts.support != mcp.TaskSupportOptional && facts.support != mcp.TaskSupportRequired {
		return &TaskSupportError{Tool: p.Name, Support: facts.support}
	}
	return nil
}

// askProgress puts a progress token into the params if progress is wanted: one of our own, as those of the session end
// with the call that they are for.
func (c *Client) askProgress(t *task, p *mcp.CallToolParams, o *callOptions) mcp.ProgressToken {
	var meta mcp.RequestMeta
	if p.Meta != nil {
		meta = *p.Meta
	} else if m := o.requestMeta(); m != nil {
		meta = *m
	}
	var token mcp.ProgressToken
	if o.progress != nil {
		t.reports = newReports(o.progress)
		token = wire.StringID("task-" + rand.Text())
		meta.ProgressToken = token
		c.tracked.expect(token, t.reports)
	}
	o.progress = nil
	if p.Meta != nil || len(meta.Unknown) > 0 || !token.IsZero() {
		p.Meta = &meta
	}
	return token
}

// created reads the answer to a call that was to become a task: nil if it is the result of the tool, from a server that
// ran it at once.
func (c *Client) created(raw wire.Raw) (*mcp.CreateTaskResult, error) {
	var members wire.Object
	if raw.Kind() == wire.KindObject && raw.Decode(&members) == nil {
		if _, ok := members.Get("task"); !ok {
			if _, ok := members.Get("content"); ok {
				return nil, nil
			}
		}
	}
	result := &mcp.CreateTaskResult{}
	if err := c.Session().DecodeResult(mcp.MethodCallTool+" as a task", raw, result); err != nil {
		return nil, err
	}
	if result.Task.TaskID == "" {
		return nil, rpc.Errorf(rpc.CodeInternalError, "unusable result of tools/call as a task: the task has no id")
	}
	return result, nil
}

// remote makes our side of a task; result is what the server gave in place of one.
func (c *Client) remote(state mcp.Task, tool string, result wire.Raw) *tasks.Remote {
	return tasks.NewRemote(tasks.RemoteConfig{
		Caller: taskCaller{c}, Done: c.done, Task: state, Result: result, What: mcp.MethodCallTool + " " + clip(tool),
		Polling: c.cfg.polling, Logger: c.cfg.logger,
	})
}

// taskCaller sends what is about a task, and gives up what is silent for too long, whatever deadline ctx has: the task is
// looked at again then.
type taskCaller struct{ *Client }

func (c taskCaller) Call(ctx context.Context, method string, params wire.Appender, result wire.Decodable) error {
	_, err := c.do(ctx, method, params, result, callOptions{timeout: c.cfg.timeout})
	return err
}

// Polling says how the client asks for the state of its tasks; zero fields mean the defaults.
type Polling = tasks.Polling

// WithPolling sets how the client asks for the state of its tasks.
func WithPolling(p Polling) Option { return func(cfg *config) { cfg.polling = p } }

// callAsTask calls a tool that must be, or is to be, a task, as if it were none: what a call that is given up would
// cancel is cancelled.
func (c *Client) callAsTask(ctx context.Context, params *mcp.CallToolParams, o callOptions) (*mcp.CallToolResult, error) {
	ctx, timer := c.startTimer(ctx, mcp.MethodCallTool, callOptions{timeout: math.MinInt64, maxTime: o.maxTime})
	defer timer.stop()
	t, err := c.startTask(ctx, params, o)
	if err != nil {
		return nil, timer.explain(err)
	}
	result, err := t.result(ctx)
	if err != nil && ctx.Err() != nil && !t.remote.Terminal() {
		c.abandon(t)
	}
	return result, timer.explain(err)
}

// abandonTime is how long the cancellation of a task that nobody waits for any more may take.
const abandonTime = 30 * time.Second

// abandon cancels a task, without waiting.
func (c *Client) abandon(t *task) {
	c.tracked.remove(t.remote)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, abandonTime)
		defer cancel()
		_ = t.Cancel(ctx) // it is logged; the ttl ends the task in any case
	})
}

// mustBeTask tells whether a tool may only be called as a task. The list of tools is read for it if need be, where there
// are tasks at all.
func (c *Client) mustBeTask(ctx context.Context, name string) bool {
	l, err := c.current(ctx)
	if err != nil || !l.server.Capabilities.Declares(methods[mcp.MethodCallTool].TaskCapability) {
		return false
	}
	facts, known := c.schemas.find(name)
	if !known && !c.cfg.unchecked {
		facts, err = c.tool(ctx, name)
	}
	return err == nil && facts.support == mcp.TaskSupportRequired
}
