package main

import (
	"context"
	"fmt"
	"io"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// scenario is what the client does in one scenario of the suite.
type scenario struct {
	options   []client.Option
	transport []streamhttp.ConnectOption
	authorize func(given) (clientauth.Flow, []clientauth.Option, error) // nil: without authorization
	do        func(ctx context.Context, c *client.Client, out io.Writer) error
}

var scenarios = map[string]scenario{
	"": {do: list},

	"initialize": {do: func(ctx context.Context, c *client.Client, _ io.Writer) error { return c.Ping(ctx) }},

	"tools_call": {do: addNumbers},

	"elicitation-sep1034-client-defaults": {
		// the user accepts the form as it is: it is the client that fills in the defaults
		options: []client.Option{client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			return client.Accept(struct{}{})
		})},
		do: callText("test_client_elicitation_defaults"),
	},

	"sse-retry": {
		// the mock server sends the result on the first stream that is asked for after the call, which has to be the
		// call's own
		transport: []streamhttp.ConnectOption{streamhttp.WithoutListening()},
		do:        callText("test_reconnection"),
	},

	"json-schema-2020-12-preservation": {do: echoSchema},
}

// list prints the names of all that a server has.
func list(ctx context.Context, c *client.Client, out io.Writer) error {
	info := c.ServerInfo()
	fmt.Fprintf(out, "%s %s, protocol %s\n", info.Name, info.Version, c.Version())
	has := c.ServerCapabilities()
	if has.Tools != nil {
		for tool, err := range c.Tools(ctx) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "tool", tool.Name)
		}
	}
	if has.Resources != nil {
		for resource, err := range c.Resources(ctx) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "resource", resource.URI)
		}
		for template, err := range c.ResourceTemplates(ctx) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "resource template", template.URITemplate)
		}
	}
	if has.Prompts != nil {
		for prompt, err := range c.Prompts(ctx) {
			if err != nil {
				return err
			}
			fmt.Fprintln(out, "prompt", prompt.Name)
		}
	}
	return nil
}

// numbers are the arguments of add_numbers.
type numbers struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

// addNumbers lists the tools, as a host does before its model calls one, and calls the one it knows.
func addNumbers(ctx context.Context, c *client.Client, out io.Writer) error {
	tool, err := find(ctx, c, "add_numbers")
	if err != nil {
		return err
	}
	sum, err := client.CallTool[string](ctx, c, tool.Name, numbers{A: 5, B: 3})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, sum)
	return nil
}

// callText calls a tool without arguments and prints its text.
func callText(name string) func(ctx context.Context, c *client.Client, out io.Writer) error {
	return func(ctx context.Context, c *client.Client, out io.Writer) error {
		tool, err := find(ctx, c, name)
		if err != nil {
			return err
		}
		text, err := client.CallTool[string](ctx, c, tool.Name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, text)
		return nil
	}
}

// echoSchema sends a tool's input schema back to the server as it arrived.
func echoSchema(ctx context.Context, c *client.Client, out io.Writer) error {
	tool, err := find(ctx, c, "json_schema_2020_12_tool")
	if err != nil {
		return err
	}
	text, err := client.CallTool[string](ctx, c, "json_schema_echo", map[string]wire.Raw{"schema": tool.InputSchema})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, text)
	return nil
}

// find gives a tool of the server.
func find(ctx context.Context, c *client.Client, name string) (mcp.Tool, error) {
	for tool, err := range c.Tools(ctx) {
		if err != nil {
			return mcp.Tool{}, err
		}
		if tool.Name == name {
			return tool, nil
		}
	}
	return mcp.Tool{}, fmt.Errorf("the server lists no tool %q", name)
}
