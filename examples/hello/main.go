// Command hello is a Model Context Protocol server with one tool, on standard input and output. It is
// written directly over the generated handler interfaces.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dispatch := rpc.NewDispatch(mcp.Latest.Server, hello{})
	if err := stdio.Serve(ctx, rpc.NewAcceptor(rpc.Config{Dispatch: dispatch}, mcp.Latest.Name)); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

// hello handles what it has: the handshake and tools. Every other method is answered with "method
// not found".
type hello struct{}

var (
	_ mcp.LifecycleHandler = hello{}
	_ mcp.ToolsHandler     = hello{}
)

func (hello) Initialize(context.Context, *mcp.InitializeParams) (*mcp.InitializeResult, error) {
	return &mcp.InitializeResult{
		ProtocolVersion: mcp.Latest.Name,
		ServerInfo:      mcp.Implementation{Name: "hello", Version: "1.0.0"},
		Capabilities:    mcp.ServerCapabilities{Tools: &mcp.ListChangedCapability{}},
	}, nil
}

func (hello) Initialized(context.Context, *mcp.NotificationParams) error { return nil }

func (hello) ListTools(context.Context, *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	return &mcp.ListToolsResult{Tools: []mcp.Tool{{
		Name:        "greet",
		Description: "Greets a person.",
		InputSchema: greetSchema,
	}}}, nil
}

var greetSchema = wire.MustRaw(`{"type":"object","properties":{"name":{"type":"string","description":"the person to greet"}},"required":["name"],"additionalProperties":false}`)

func (hello) CallTool(_ context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	if params.Name != "greet" {
		return nil, rpc.Errorf(mcp.CodeInvalidParams, "unknown tool %q: this server has greet", params.Name)
	}
	arguments := params.Arguments
	if arguments.IsZero() {
		arguments = wire.MustRaw(`{}`)
	}
	var in greeting
	if err := arguments.Decode(&in); err != nil {
		// the model sent it and can mend it, so it is a result and not an error of the protocol
		return &mcp.CallToolResult{IsError: true, Content: text("bad arguments: " + err.Error())}, nil
	}
	return &mcp.CallToolResult{Content: text("hello, " + in.Name)}, nil
}

func text(s string) []mcp.ContentBlock {
	return []mcp.ContentBlock{&mcp.TextContent{Text: s}}
}

// greeting is the arguments of greet, read as strictly as the protocol's own messages.
type greeting struct{ Name string }

func (g *greeting) DecodeJSON(d *wire.Decoder) {
	*g = greeting{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) != "name" {
			d.Fail("no argument but name")
			return
		}
		if d.Once(&seen, 0) {
			g.Name = d.String()
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "name")
	}
}
