// Command mcpgo calls a tool with github.com/mark3labs/mcp-go.
package main

import (
	"context"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

func main() { lap.Main(open) }

func open(s lap.Server) (lap.Client, error) {
	var way transport.Interface = transport.NewStdio(s.Program, nil, s.Args...)
	if s.URL != "" {
		over, err := transport.NewStreamableHTTP(s.URL)
		if err != nil {
			return lap.Client{}, err
		}
		way = over
	}
	ctx := context.Background()
	c := client.NewClient(way)
	if err := c.Start(ctx); err != nil {
		return lap.Client{}, err
	}
	hello := mcp.InitializeRequest{Params: mcp.InitializeParams{ProtocolVersion: "2025-11-25", ClientInfo: mcp.Implementation{Name: "mcpgo", Version: "1.0.0"}}}
	if _, err := c.Initialize(ctx, hello); err != nil {
		return lap.Client{}, err
	}
	call := func() (string, error) {
		result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "greet", Arguments: lap.Ada}})
		if err != nil {
			return "", err
		}
		if text, ok := result.Content[0].(mcp.TextContent); ok {
			return text.Text, nil
		}
		return "", nil
	}
	return lap.Client{Call: call, Close: c.Close}, nil
}
