// Command gosdk serves the tool greet with github.com/modelcontextprotocol/go-sdk, written the way its
// documentation shows.
//
//	gosdk [-http ADDRESS] [-catalogue]
//
// It serves standard input and output, or Streamable HTTP; and the tools of the package catalogue in
// place of greet.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tenonmcp/tenon/tools/bench/servers/catalogue"
	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

type greeting struct {
	Name string `json:"name" jsonschema:"the person to greet"`
}

func greet(_ context.Context, _ *mcp.CallToolRequest, in greeting) (*mcp.CallToolResult, any, error) {
	return &mcp.CallToolResult{
		Content: []mcp.Content{&mcp.TextContent{Text: "hello, " + in.Name}},
	}, nil, nil
}

func nothing(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{}, nil
}

func main() {
	address := flag.String("http", "", "address to serve HTTP at")
	many := flag.Bool("catalogue", false, "serve the tools of the catalogue")
	flag.Parse()
	s := mcp.NewServer(&mcp.Implementation{Name: "gosdk", Version: "1.0.0"}, nil)
	if *many {
		for _, t := range catalogue.Tools() {
			s.AddTool(&mcp.Tool{Name: t.Name, Description: t.Description, InputSchema: json.RawMessage(t.Schema)}, nothing)
		}
	} else {
		mcp.AddTool(s, &mcp.Tool{Name: "greet", Description: "Say hi."}, greet)
	}
	var err error
	if *address != "" {
		err = web.Serve("gosdk", *address, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	} else {
		err = s.Run(context.Background(), &mcp.StdioTransport{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gosdk:", err)
		os.Exit(1)
	}
}
