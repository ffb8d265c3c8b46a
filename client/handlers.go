package client

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// handlerConfig is what answers the server.
type handlerConfig struct {
	sample        SampleFunc
	sampleTools   bool
	sampleContext bool

	elicit           ElicitFunc
	elicitURL        ElicitURLFunc
	elicitURLDone    []func(context.Context, string)
	listRoots        func(context.Context) ([]mcp.Root, error)
	staticRoots      bool
	roots            []mcp.Root
	log              []func(context.Context, *mcp.LoggingMessageParams)
	toolsChanged     []func(context.Context)
	promptsChanged   []func(context.Context)
	resourcesChanged []func(context.Context)
	resourceUpdated  []func(context.Context, *mcp.ResourceUpdatedParams)
	taskStatus       []func(context.Context, *mcp.TaskStatusParams)
}

// handlers answers the server on behalf of a client. It has a method for everything; what was not declared is stopped by
// the gate before it.
type handlers struct {
	c *Client
	*handlerConfig
}

var (
	_ mcp.SamplingHandler            = handlers{}
	_ mcp.ElicitationHandler         = handlers{}
	_ mcp.ElicitationCompleteHandler = handlers{}
	_ mcp.RootsHandler               = handlers{}
	_ mcp.LoggingMessageHandler      = handlers{}
	_ mcp.ToolListChangedHandler     = handlers{}
	_ mcp.PromptListChangedHandler   = handlers{}
	_ mcp.ResourceListChangedHandler = handlers{}
	_ mcp.ResourceUpdatedHandler     = handlers{}
	_ mcp.TaskStatusHandler          = handlers{}
	_ mcp.TasksHandler               = handlers{}
	_ mcp.TaskListHandler            = handlers{}
	_ mcp.TaskCancelHandler          = handlers{}
)

// newDispatch makes what handles the messages of the server.
func (c *Client) newDispatch() {
	table := mcp.Latest.Client.With(c.cfg.rows...)
	chain := append([]rpc.Interceptor{c.asked.count, c.gate, tasks.EchoRelated}, c.cfg.incoming...)
	if c.receiver = c.newReceiver(table); c.receiver != nil {
		chain = append(chain, c.receiver.Intercept)
	}
	chain = append(chain, c.limitAsked) // behind it, so that what runs as a task counts too
	c.dispatch = rpc.NewDispatch(table, handlers{c, &c.cfg.handlers}, chain...)
}

func (h handlers) ctx(ctx context.Context) context.Context {
	return context.WithValue(ctx, clientKey{}, h.c)
}

func (h handlers) ToolListChanged(ctx context.Context, _ *mcp.NotificationParams) error {
	h.c.schemas.drop()
	h.c.tools.drop()
	return h.changed(ctx, h.toolsChanged)
}

func (h handlers) PromptListChanged(ctx context.Context, _ *mcp.NotificationParams) error {
	h.c.prompts.drop()
	return h.changed(ctx, h.promptsChanged)
}

func (h handlers) ResourceListChanged(ctx context.Context, _ *mcp.NotificationParams) error {
	h.c.resources.drop()
	h.c.templates.drop()
	return h.changed(ctx, h.resourcesChanged)
}

func (h handlers) changed(ctx context.Context, fs []func(context.Context)) error {
	for _, f := range fs {
		f(h.ctx(ctx))
	}
	return nil
}

func (h handlers) ResourceUpdated(ctx context.Context, params *mcp.ResourceUpdatedParams) error {
	h.c.resources.drop() // its entry tells size and age
	for _, f := range h.resourceUpdated {
		f(h.ctx(ctx), params)
	}
	return nil
}

// OnToolsChanged has f called when the server says that its list of tools changed. In f the list kept by [WithCache] is
// void already.
func OnToolsChanged(f func(ctx context.Context)) Option {
	return func(cfg *config) { cfg.handlers.toolsChanged = append(cfg.handlers.toolsChanged, f) }
}

// OnPromptsChanged is [OnToolsChanged] for prompts.
func OnPromptsChanged(f func(ctx context.Context)) Option {
	return func(cfg *config) { cfg.handlers.promptsChanged = append(cfg.handlers.promptsChanged, f) }
}

// OnResourcesChanged is [OnToolsChanged] for resources and resource templates.
func OnResourcesChanged(f func(ctx context.Context)) Option {
	return func(cfg *config) { cfg.handlers.resourcesChanged = append(cfg.handlers.resourcesChanged, f) }
}

// OnResourceUpdated has f called when a resource that was subscribed to, or a part of it, changed; see
// [Client.Subscribe].
func OnResourceUpdated(f func(ctx context.Context, params *mcp.ResourceUpdatedParams)) Option {
	return func(cfg *config) { cfg.handlers.resourceUpdated = append(cfg.handlers.resourceUpdated, f) }
}
