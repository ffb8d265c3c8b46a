package client

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// call sends a request of the protocol and gives its result.
func call[R any, PR interface {
	*R
	wire.Decodable
}](ctx context.Context, c *Client, method string, params wire.Appender, o callOptions) (*R, *link, error) {
	result := PR(new(R))
	l, err := c.do(ctx, method, params, result, o)
	if err != nil {
		return nil, nil, err
	}
	return result, l, nil
}

// Ping asks whether the server is there (basic/utilities/ping).
func (c *Client) Ping(ctx context.Context, opts ...CallOption) error {
	o := newCallOptions(opts)
	var params wire.Appender
	if meta := o.requestMeta(); meta != nil {
		params = &mcp.RequestParams{Meta: meta}
	}
	_, err := c.do(ctx, mcp.MethodPing, params, nil, o)
	return err
}

// CallTool calls a tool and gives the result as it came: a tool that failed is a result with IsError, and structured
// output is not validated. For Go values there is the function [CallTool].
//
// A tool that may only be called as a task, by what the server lists, is called as one and waited for, and so it is if
// params have a Task; a task that is given up is cancelled. The list of tools is read for that, once, if the server
// declares such tasks; [StartTool] has the task itself.
func (c *Client) CallTool(ctx context.Context, params *mcp.CallToolParams, opts ...CallOption) (*mcp.CallToolResult, error) {
	o := newCallOptions(opts)
	if params != nil && len(o.meta) > 0 && params.Meta == nil {
		p := *params
		p.Meta = o.requestMeta()
		params = &p
	}
	if params != nil && (params.Task != nil || c.mustBeTask(ctx, params.Name)) {
		return c.callAsTask(ctx, params, o)
	}
	result, _, err := call[mcp.CallToolResult](ctx, c, mcp.MethodCallTool, params, o)
	return result, err
}

// ReadResource reads the resource at a URI, which may have several contents. A server that has no such resource answers
// with the code [mcp.CodeResourceNotFound], and the URI in the error's data (server/resources).
func (c *Client) ReadResource(ctx context.Context, uri string, opts ...CallOption) (*mcp.ReadResourceResult, error) {
	o := newCallOptions(opts)
	result, _, err := call[mcp.ReadResourceResult](ctx, c, mcp.MethodReadResource, &mcp.ReadResourceParams{URI: uri, Meta: o.requestMeta()}, o)
	return result, err
}

// Subscribe asks the server to tell when the resource at a URI changes, which an [OnResourceUpdated] function hears of.
// The subscription outlasts a reconnect.
func (c *Client) Subscribe(ctx context.Context, uri string, opts ...CallOption) error {
	o := newCallOptions(opts)
	return c.lasting(ctx, mcp.MethodSubscribe, &mcp.SubscribeParams{URI: uri, Meta: o.requestMeta()}, o, func() {
		c.subs[uri] = struct{}{}
	})
}

// Unsubscribe undoes [Client.Subscribe]. Whatever the server answers, a reconnect does not restore the subscription.
func (c *Client) Unsubscribe(ctx context.Context, uri string, opts ...CallOption) error {
	o := newCallOptions(opts)
	c.mu.Lock()
	delete(c.subs, uri)
	c.mu.Unlock()
	return c.lasting(ctx, mcp.MethodUnsubscribe, &mcp.UnsubscribeParams{URI: uri, Meta: o.requestMeta()}, o, func() {
		delete(c.subs, uri)
	})
}

// lasting sends a request whose effect outlasts the session: note notes it, under mu.
func (c *Client) lasting(ctx context.Context, method string, params wire.Appender, o callOptions, note func()) error {
	for {
		l, err := c.do(ctx, method, params, nil, o)
		if err != nil {
			return err
		}
		c.mu.Lock()
		note()
		c.mu.Unlock()
		if l.over.Load() == nil {
			return nil
		}
		// The session is being replaced, perhaps without what was only noted now: once more, in the next one.
	}
}

// Subscriptions gives the URIs subscribed to, in order.
func (c *Client) Subscriptions() []string { return c.subscribed() }

// GetPrompt gets a prompt with its arguments filled in; arguments may be nil.
func (c *Client) GetPrompt(ctx context.Context, name string, arguments map[string]string, opts ...CallOption) (*mcp.GetPromptResult, error) {
	o := newCallOptions(opts)
	params := &mcp.GetPromptParams{Name: name, Arguments: arguments, Meta: o.requestMeta()}
	result, _, err := call[mcp.GetPromptResult](ctx, c, mcp.MethodGetPrompt, params, o)
	return result, err
}

// CompletePrompt asks for values of a prompt's argument that begin with, or otherwise suit, what was typed so far. given
// are the values of other arguments, if known.
func (c *Client) CompletePrompt(ctx context.Context, prompt, argument, typed string, given map[string]string, opts ...CallOption) (*mcp.Completion, error) {
	return c.complete(ctx, &mcp.PromptReference{Name: prompt}, argument, typed, given, opts)
}

// CompleteResource is [Client.CompletePrompt] for a variable of a resource template, which is named by its URI template.
func (c *Client) CompleteResource(ctx context.Context, template, variable, typed string, given map[string]string, opts ...CallOption) (*mcp.Completion, error) {
	return c.complete(ctx, &mcp.ResourceTemplateReference{URI: template}, variable, typed, given, opts)
}

func (c *Client) complete(ctx context.Context, ref mcp.CompletionReference, name, typed string, given map[string]string, opts []CallOption) (*mcp.Completion, error) {
	o := newCallOptions(opts)
	params := &mcp.CompleteParams{Ref: ref, Argument: mcp.CompletionArgument{Name: name, Value: typed}, Meta: o.requestMeta()}
	if len(given) > 0 {
		params.Context = &mcp.CompletionContext{Arguments: given}
	}
	result, _, err := call[mcp.CompleteResult](ctx, c, mcp.MethodComplete, params, o)
	if err != nil {
		return nil, err
	}
	return &result.Completion, nil
}

// SetLevel asks the server to send log messages of this severity and above (server/utilities/logging). The level
// outlasts a reconnect.
func (c *Client) SetLevel(ctx context.Context, level mcp.LoggingLevel, opts ...CallOption) error {
	o := newCallOptions(opts)
	return c.lasting(ctx, mcp.MethodSetLevel, &mcp.SetLevelParams{Level: level, Meta: o.requestMeta()}, o, func() {
		c.level = level
	})
}
