// Command client starts a server, by default hello, and shows what the two say to each other while it
// opens a session, lists the tools and calls greet.
//
//	go run ./examples/hello/client [COMMAND [ARGUMENT ...]]
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func main() {
	command := os.Args[1:]
	if len(command) == 0 {
		command = []string{"go", "run", "./examples/hello"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := talk(ctx, command); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func talk(ctx context.Context, command []string) (err error) {
	fmt.Println("starting", command)
	session := rpc.NewSession(rpc.Config{Outgoing: []rpc.Interceptor{show}})
	conn, err := stdio.Command(command[0], command[1:]...).Connect(ctx, session)
	if err != nil {
		return err
	}
	defer func() {
		if closing := conn.Close(); err == nil {
			err = closing
		}
	}()
	server := mcp.ServerStub{Caller: session}
	if _, err := server.Initialize(ctx, &mcp.InitializeParams{
		ProtocolVersion: mcp.Latest.Name,
		ClientInfo:      mcp.Implementation{Name: "hello-client", Version: "1.0.0"},
	}); err != nil {
		return err
	}
	if err := server.Initialized(ctx, nil); err != nil {
		return err
	}
	if _, err := server.ListTools(ctx, nil); err != nil {
		return err
	}
	result, err := server.CallTool(ctx, &mcp.CallToolParams{Name: "greet", Arguments: wire.MustRaw(`{"name":"Ada"}`)})
	if err != nil {
		return err
	}
	for _, block := range result.Content {
		if text, ok := block.(*mcp.TextContent); ok {
			fmt.Printf("\ngreet says: %s\n", text.Text)
		}
	}
	return nil
}

// show prints each message that goes out and what comes back for it.
func show(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		fmt.Printf("\n→ %s %s\n", m.Method, m.Raw())
		result, err := next(ctx, m)
		switch {
		case err != nil:
			fmt.Println("← error:", err)
		case result != nil:
			fmt.Printf("← %s\n", result.AppendJSON(nil))
		}
		return result, err
	}
}
