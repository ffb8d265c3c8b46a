// Command mcpgo serves the tool greet with github.com/mark3labs/mcp-go, written the way its examples
// show.
//
//	mcpgo [-http ADDRESS] [-catalogue]
//
// It serves standard input and output, or Streamable HTTP; and the tools of the package catalogue in
// place of greet.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

type greeting struct {
	Name string `json:"name"`
}

func greet(_ context.Context, _ mcp.CallToolRequest, in greeting) (*mcp.CallToolResult, error) {
	return mcp.NewToolResultText("hello, " + in.Name), nil
}

func nothing(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{}, nil
}

func main() {
	address := flag.String("http", "", "address to serve HTTP at")
	many := flag.Bool("catalogue", false, "serve the tools of the catalogue")
	flag.Parse()
	s := server.NewMCPServer("mcpgo", "1.0.0", server.WithToolCapabilities(false))
	if *many {
		for _, t := range catalogue.Tools() {
			s.AddTool(mcp.NewToolWithRawSchema(t.Name, t.Description, json.RawMessage(t.Schema)), nothing)
		}
	} else {
		tool := mcp.NewTool("greet",
			mcp.WithDescription("Say hi."),
			mcp.WithString("name", mcp.Required(), mcp.Description("the person to greet")),
		)
		s.AddTool(tool, mcp.NewTypedToolHandler(greet))
	}
	var err error
	if *address != "" {
		err = web.Serve("mcpgo", *address, server.NewStreamableHTTPServer(s))
	} else {
		err = server.ServeStdio(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcpgo:", err)
		os.Exit(1)
	}
}
