// Command tenon serves the tools of the package catalogue with Tenon over Streamable HTTP. (The tool
// greet is served by examples/hello.)
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

func main() {
	address := flag.String("http", "127.0.0.1:0", "address to serve at")
	flag.Parse()
	s := server.New("tenon", "1.0.0")
	for _, t := range catalogue.Tools() {
		def := mcp.Tool{Name: t.Name, Description: t.Description, InputSchema: wire.MustRaw(t.Schema)}
		server.AddRawTool(s, def, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{}, nil
		})
	}
	if err := web.Serve("tenon", *address, streamhttp.Handler(s)); err != nil {
		fmt.Fprintln(os.Stderr, "tenon:", err)
		os.Exit(1)
	}
}
