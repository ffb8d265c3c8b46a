// Command tenon calls a tool with Tenon.
package main

import (
	"context"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

func main() { lap.Main(open) }

func open(s lap.Server) (lap.Client, error) {
	var transport rpc.Transport = stdio.Command(s.Program, s.Args...)
	if s.URL != "" {
		transport = streamhttp.Connect(s.URL)
	}
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("tenon", "1.0.0"), transport)
	if err != nil {
		return lap.Client{}, err
	}
	call := func() (string, error) { return client.CallTool[string](ctx, c, "greet", lap.Ada) }
	return lap.Client{Call: call, Close: c.Close}, nil
}
