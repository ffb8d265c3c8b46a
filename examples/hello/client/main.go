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

	"github.com/tenonmcp/tenon/client"
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
	c, err := client.Dial(ctx, client.Info("hello-client", "1.0.0"), stdio.Command(command[0], command[1:]...), client.WithOutgoing(show))
	if err != nil {
		return err
	}
	defer func() {
		if closing := c.Close(); err == nil {
			err = closing
		}
	}()
	for tool, err := range c.Tools(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("\nit has the tool %s: %s\n", tool.Name, tool.Description)
	}
	greeting, err := client.CallTool[string](ctx, c, "greet", map[string]string{"name": "Ada"})
	if err != nil {
		return err
	}
	fmt.Printf("\ngreet says: %s\n", greeting)
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
