package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/server"
)

// newServer makes the server with all that it has.
func newServer(opts ...server.Option) *server.Server {
	s := server.New("tenon-everything", "1.0.0", append([]server.Option{
		server.Info(mcp.Implementation{
			Title:       "Everything",
			Description: "One of everything that the protocol knows.",
			Icons:       []mcp.Icon{icon},
		}),
		server.Instructions("Every tool shows one feature of the protocol; its description says which."),
		server.Subscriptions(),
		server.LimitTasks(server.TaskLimits{PollInterval: 200 * time.Millisecond}), // those who try it do not like to wait
	}, opts...)...)
	addContentTools(s)
	addCallTools(s)
	addAskTools(s)
	addFormTools(s)
	addTaskTools(s)
	touched := new(atomic.Int64) // how often the watched resource was changed
	addChangeTools(s, touched)
	addResources(s, touched)
	addPrompts(s)
	return s
}

// nothing is the input of what takes no arguments.
type nothing struct{}

// text makes content of a text.
func text(s string) *mcp.TextContent { return &mcp.TextContent{Text: s} }

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
