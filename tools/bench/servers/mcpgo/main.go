// Command mcpgo serves the tool greet over stdio with github.com/mark3labs/mcp-go, written the way
// its examples show.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

type greeting struct {
	Name string `json:"name"`
}

func greet(_ context.Context, _ mcp.CallToolRequest, in greeting) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("hello, " + in.Name), nil
}

func main() {
	s := server.NewMCPServer("mcpgo", "1.0.0", server.WithToolCapabilities(false))
	tool := mcp.NewTool("greet",
		mcp.WithDescription("Say hi."),
		mcp.WithString("name", mcp.Required(), mcp.Description("the person to greet")),
	)
	s.AddTool(tool, mcp.NewTypedToolHandler(greet))
	if err := server.ServeStdio(s); err != nil {
		fmt.Fprintln(os.Stderr, "mcpgo:", err)
		os.Exit(1)
	}
}
