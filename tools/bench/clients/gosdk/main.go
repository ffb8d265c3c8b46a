// Command gosdk calls a tool with github.com/modelcontextprotocol/go-sdk.
package main

import (
	"context"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

func main() { lap.Main(open) }

func open(s lap.Server) (lap.Client, error) {
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: s.URL}
	if s.URL == "" {
		transport = &mcp.CommandTransport{Command: exec.Command(s.Program, s.Args...)}
	}
	ctx := context.Background()
	c := mcp.NewClient(&mcp.Implementation{Name: "gosdk", Version: "1.0.0"}, nil)
	session, err := c.Connect(ctx, transport, nil)
	if err != nil {
		return lap.Client{}, err
	}
	call := func() (string, error) {
		result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "greet", Arguments: lap.Ada})
		if err != nil {
			return "", err
		}
		if text, ok := result.Content[0].(*mcp.TextContent); ok {
			return text.Text, nil
		}
		return "", nil
	}
	return lap.Client{Call: call, Close: session.Close}, nil
}
