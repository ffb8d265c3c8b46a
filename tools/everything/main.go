// Command everything is a server that has one of everything that the revision 2025-11-25 of the protocol knows, tasks
// aside. It is what the official conformance suite tests, and a server to try a client on.
//
//	everything               on standard input and output
//	everything -http ADDR    on Streamable HTTP, at the path /mcp of ADDR, such as 127.0.0.1:8080; with -sse also on
//	                         HTTP+SSE of protocol version 2024-11-05, at the path /sse
//	everything -ws ADDR      on WebSockets, at the path /mcp of ADDR
//	everything -tcp ADDR     on TCP, or on a Unix socket if ADDR is unix:/path
//
// The tools and prompts whose names start with test_, and the resources of the scheme test, are the ones that the suite
// asks for, with the results that it asks for; see tools/conformance.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("everything", flag.ContinueOnError)
	flags.SetOutput(stderr)
	address := flags.String("http", "", "serve Streamable HTTP at the path /mcp of this `address`, in place of standard input and output")
	older := flags.Bool("sse", false, "with -http: serve HTTP+SSE of protocol version 2024-11-05 too, at the path /sse")
	sockets := flags.String("ws", "", "serve WebSockets at the path /mcp of this `address`")
	lines := flags.String("tcp", "", "serve lines over TCP at this `address`, or over a Unix socket at unix:/path")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *older && *address == "" {
		return errors.New("-sse goes with -http")
	}
	s := newServer()
	switch {
	case *address != "":
		handlers := map[string]handler{"/mcp": streamhttp.Handler(s)}
		if *older {
			handlers["/sse"] = legacysse.Handler(s)
		}
		return serveWeb(ctx, handlers, "http", *address, stderr)
	case *sockets != "":
		return serveWeb(ctx, map[string]handler{"/mcp": websocket.Handler(s)}, "ws", *sockets, stderr)
	case *lines != "":
		return serveLines(ctx, s, *lines, stderr)
	}
	if err := s.Serve(ctx, stdio.Serve); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
