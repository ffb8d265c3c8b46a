// Command mcpgo serves the tools of the races with github.com/mark3labs/mcp-go, written the way its examples show: over
// standard input and output, or with -http over Streamable HTTP. See the package fixture for its flags.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func greet(_ context.Context, _ mcp.CallToolRequest, in fixture.Greeting) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("hello, " + in.Name), nil
}

func nothing(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{}, nil
}

func main() {
	flags := fixture.Parse()
	s := server.NewMCPServer("mcpgo", "1.0.0", server.WithToolCapabilities(false))
	if flags.Catalogue {
		for _, t := range catalogue.Tools() {
			s.AddTool(mcp.NewToolWithRawSchema(t.Name, t.Description, json.RawMessage(t.Schema)), nothing)
		}
	} else {
		addTools(s)
	}
	var err error
	if flags.HTTP != "" {
		err = web.Serve("mcpgo", flags.HTTP, server.NewStreamableHTTPServer(s))
	} else {
		err = server.ServeStdio(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcpgo:", err)
		os.Exit(1)
	}
}

func addTools(s *server.MCPServer) {
	texts := fixture.Texts()
	image := base64.StdEncoding.EncodeToString(fixture.Image())
	s.AddTool(mcp.NewTool("greet", mcp.WithDescription("Say hi."), mcp.WithString("name", mcp.Required())),
		mcp.NewTypedToolHandler(greet))
	s.AddTool(mcp.NewTool("text", mcp.WithDescription("A text of so many bytes."), mcp.WithNumber("size", mcp.Required())),
		mcp.NewTypedToolHandler(func(_ context.Context, _ mcp.CallToolRequest, in fixture.Size) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(texts[in.Size]), nil
		}))
	s.AddTool(mcp.NewTool("image", mcp.WithDescription("An image.")),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{mcp.NewImageContent(image, "image/png")}}, nil
		})
	s.AddTool(mcp.NewTool("count", mcp.WithDescription("Counts."), mcp.WithNumber("to", mcp.Required())),
		mcp.NewTypedToolHandler(func(ctx context.Context, r mcp.CallToolRequest, in fixture.Count) (*mcp.CallToolResult, error) {
			for i := range in.To {
				err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
					"progressToken": r.Params.Meta.ProgressToken, "progress": i + 1, "total": in.To,
				})
				if err != nil {
					return nil, err
				}
			}
			return mcp.NewToolResultText("done"), nil
		}))
}
