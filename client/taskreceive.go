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

// TaskLimits bounds the tasks that the client runs for its server, see [WithTasks]. Zero fields mean the defaults.
type TaskLimits = tasks.Limits

// WithTasks has the client run what the server asks of it as tasks, where the server wants that (basic/utilities/tasks):
// sampling/createMessage with [OnSample], elicitation/create with [OnElicit] and [OnElicitURL]. The handlers stay as they
// are; their ctx ends when the server cancels the task, when its time is over, and when the client is closed. It declares
// tasks.requests for these, tasks.list and tasks.cancel. The tasks are the server's, whatever becomes of its sessions,
// and are kept in memory: at most 24 hours, 1,000 at once and 10,000 in all, by default.
//
// What a handler sends to the server says to which task it belongs.
func WithTasks(l TaskLimits) Option {
	return func(cfg *config) { cfg.tasks = &l }
}

// owner is whose the tasks are that a client runs: it has one server only.
const owner = "server"

// taskMethods are the requests that the client takes as tasks.
func (cfg *config) taskMethods() (all []string) {
	if cfg.tasks == nil {
		return nil
	}
	if cfg.handlers.sample != nil {
		all = append(all, mcp.MethodCreateMessage)
	}
	if cfg.handlers.elicit != nil || cfg.handlers.elicitURL != nil {
		all = append(all, mcp.MethodElicit)
	}
	return all
}

// declareTasks adds the capability tasks.
func (cfg *config) declareTasks(caps *mcp.ClientCapabilities) error {
	methods := cfg.taskMethods()
	if cfg.tasks != nil && len(methods) == 0 {
		return errors.New("client: WithTasks needs OnSample, OnElicit or OnElicitURL: there is nothing to run as a task")
	}
	if len(methods) == 0 {
		return nil
	}
	caps.Tasks = &mcp.ClientCapabilitiesTasks{}
	return tasks.Capability(true, methods...).Decode(caps.Tasks)
}

// newReceiver makes what runs tasks for the server; nil if the client runs none.
func (c *Client) newReceiver(table *rpc.Table) *tasks.Receiver {
	if c.cfg.tasks == nil {
		return nil
	}
	var r *tasks.Receiver
	var inTask *rpc.Dispatch
	r = tasks.New(tasks.Config{
		Table: table, Limits: *c.cfg.tasks, Logger: c.cfg.logger,
		Declared: func(s *rpc.Session, capability string) bool {
			return s.Version() >= tasks.Since && c.capabilities.Declares(capability)
		},
		Owner: func(context.Context) string { return owner },
		Session: func(_ context.Context, run tasks.Run) (*rpc.Session, error) {
			if run.Origin == nil {
				return nil, fmt.Errorf("the task was started by another process")
			}
			s := rpc.NewSession(rpc.Config{
				Dispatch: inTask,
				Outgoing: append(c.cfg.outgoing[:len(c.cfg.outgoing):len(c.cfg.outgoing)], run.Outgoing),
				Limits:   c.cfg.limits, Strict: c.cfg.strict, Logger: c.cfg.logger,
			})
			s.SetPeer(run.Origin.Version(), run.Origin.Peer())
			return s, nil
		},
	})
	inTask = rpc.NewDispatch(table, handlers{c, &c.cfg.handlers}, r.Enter, c.asked.count)
	return r
}

// relate has what is sent to the server on behalf of a task say so.
func relate(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if t := tasks.From(ctx); t != nil && !tasks.NamesItsTask(m.Method) {
			m.SetParams(tasks.SetRelated(m.Raw(), t.ID()))
		}
		return next(ctx, m)
	}
}

// endTasks ends the tasks of the server's, and waits a second at most for their handlers to return.
func (c *Client) endTasks() {
	if c.receiver == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.receiver.Shutdown(ctx); err != nil {
		c.cfg.logger.Warn("client: handlers of tasks still run", "error", err)
	}
}

// GetTask, GetTaskPayload, CancelTask and ListTasks answer the server about its tasks.

func (h handlers) GetTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskResult, error) {
	if h.c.receiver == nil {
		return nil, rpc.MethodNotFound(mcp.MethodGetTask)
	}
	return h.c.receiver.GetTask(ctx, params)
}

func (h handlers) GetTaskPayload(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskPayloadResult, error) {
	if h.c.receiver == nil {
		return nil, rpc.MethodNotFound(mcp.MethodGetTaskPayload)
	}
	return h.c.receiver.GetTaskPayload(ctx, params)
}

func (h handlers) CancelTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.CancelTaskResult, error) {
	if h.c.receiver == nil {
		return nil, rpc.MethodNotFound(mcp.MethodCancelTask)
	}
	return h.c.receiver.CancelTask(ctx, params)
}

func (h handlers) ListTasks(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListTasksResult, error) {
	if h.c.receiver == nil {
		return nil, rpc.MethodNotFound(mcp.MethodListTasks)
	}
	return h.c.receiver.ListTasks(ctx, params)
}
