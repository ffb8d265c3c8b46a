// Command tenon serves the tools of the races with Tenon: over standard input and output, or with -http over Streamable
// HTTP. See the package fixture for its flags. With TENON_BENCH_WITHOUT_TAKEOVER in the environment idle streams stay with
// net/http.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func main() {
	flags := fixture.Parse()
	options := []server.Option{server.LimitProgress(server.ProgressLimit{Off: true})}
	if flags.Many > 0 {
		options = append(options, server.PageSize(fixture.ManyPage))
	}
	s := server.New("tenon", "1.0.0", options...)
	if flags.Catalogue {
		for _, t := range catalogue.Tools() {
			def := mcp.Tool{Name: t.Name, Description: t.Description, InputSchema: wire.MustRaw(t.Schema)}
			server.AddRawTool(s, def, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
				return &mcp.CallToolResult{}, nil
			})
		}
	} else {
		addTools(s)
	}
	for i := range flags.Many {
		server.AddTool(s, fixture.ManyTool(i), "One of many.", greet)
	}
	for i := range 10 * flags.Many {
		server.AddResource(s, fixture.ManyResource(i), fixture.ManyResource(i), "One of many.", func(context.Context) (string, error) {
			return "content", nil
		})
	}
	if flags.Many > 0 {
		debug.FreeOSMemory() // what registering left over: the memory of what is registered is measured
	}
	var err error
	if flags.HTTP != "" {
		var transport []streamhttp.Option
		if os.Getenv("TENON_BENCH_WITHOUT_TAKEOVER") != "" {
			transport = append(transport, streamhttp.WithoutTakeover())
		}
		err = web.Serve("tenon", flags.HTTP, streamhttp.Handler(s, transport...))
	} else {
		err = s.Serve(context.Background(), stdio.Serve)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tenon:", err)
		os.Exit(1)
	}
}

func greet(_ context.Context, in fixture.Greeting) (string, error) { return "hello, " + in.Name, nil }

func addTools(s *server.Server) {
	texts := fixture.Texts()
	image := &mcp.CallToolResult{Content: []mcp.ContentBlock{
		&mcp.ImageContent{Data: wire.EncodeBase64(fixture.Image()), MIMEType: "image/png"},
	}}
	server.AddTool(s, "greet", "Say hi.", greet)
	server.AddTool(s, "text", "A text of so many bytes.", func(_ context.Context, in fixture.Size) (string, error) {
		return texts[in.Size], nil
	})
	server.AddTool(s, "image", "An image.", func(context.Context, struct{}) (*mcp.CallToolResult, error) {
		return image, nil
	})
	server.AddTool(s, "count", "Counts.", func(ctx context.Context, in fixture.Count) (string, error) {
		for i := range in.To {
			server.Progress(ctx, float64(i+1), float64(in.To), "")
		}
		return "done", nil
	})
}
