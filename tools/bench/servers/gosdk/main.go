// Command gosdk serves the tools of the races with github.com/modelcontextprotocol/go-sdk, written the way its
// documentation shows: over standard input and output, or with -http over Streamable HTTP. See the package fixture for its
// flags.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func greet(_ context.Context, _ *mcp.CallToolRequest, in fixture.Greeting) (*mcp.CallToolResult, any, error) {
	return text("hello, " + in.Name), nil, nil
}

func nothing(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{}, nil
}

func main() {
	flags := fixture.Parse()
	s := mcp.NewServer(&mcp.Implementation{Name: "gosdk", Version: "1.0.0"}, nil)
	if flags.Catalogue {
		for _, t := range catalogue.Tools() {
			s.AddTool(&mcp.Tool{Name: t.Name, Description: t.Description, InputSchema: json.RawMessage(t.Schema)}, nothing)
		}
	} else {
		addTools(s)
	}
	var err error
	if flags.HTTP != "" {
		err = web.Serve("gosdk", flags.HTTP, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	} else {
		err = s.Run(context.Background(), &mcp.StdioTransport{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosdk:", err)
		os.Exit(1)
	}
}

func addTools(s *mcp.Server) {
	texts := fixture.Texts()
	image := fixture.Image()
	mcp.AddTool(s, &mcp.Tool{Name: "greet", Description: "Say hi."}, greet)
	mcp.AddTool(s, &mcp.Tool{Name: "text", Description: "A text of so many bytes."},
		func(_ context.Context, _ *mcp.CallToolRequest, in fixture.Size) (*mcp.CallToolResult, any, error) {
			return text(texts[in.Size]), nil, nil
		})
	mcp.AddTool(s, &mcp.Tool{Name: "image", Description: "An image."},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{Data: image, MIMEType: "image/png"}}}, nil, nil
		})
	mcp.AddTool(s, &mcp.Tool{Name: "count", Description: "Counts."},
		func(ctx context.Context, r *mcp.CallToolRequest, in fixture.Count) (*mcp.CallToolResult, any, error) {
			for i := range in.To {
				err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
					ProgressToken: r.Params.GetProgressToken(), Progress: float64(i + 1), Total: float64(in.To),
				})
				if err != nil {
					return nil, nil, err
				}
			}
			return text("done"), nil, nil
		})
}
