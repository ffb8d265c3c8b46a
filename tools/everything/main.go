// Command everything is a server that has one of everything that the revision 2025-11-25 of the protocol knows. It is what
// the official conformance suite tests, and a server to try a client on.
//
//	everything               on standard input and output
//	everything -http ADDR    on Streamable HTTP, at the path /mcp of ADDR, such as 127.0.0.1:8080; with -sse also on
//	                         HTTP+SSE of protocol version 2024-11-05, at the path /sse
//	everything -ws ADDR      on WebSockets, at the path /mcp of ADDR
//	everything -tcp ADDR     on TCP, or on a Unix socket if ADDR is unix:/path
//
// With -tasks FILE tasks are kept in FILE, and outlive the process; otherwise they are gone when it ends.
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
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/taskbolt"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "everything:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("everything", flag.ContinueOnError)
	flags.SetOutput(stderr)
	address := flags.String("http", "", "serve Streamable HTTP at the path /mcp of this `address`, in place of standard input and output")
	older := flags.Bool("sse", false, "with -http: serve HTTP+SSE of protocol version 2024-11-05 too, at the path /sse")
	sockets := flags.String("ws", "", "serve WebSockets at the path /mcp of this `address`")
	lines := flags.String("tcp", "", "serve lines over TCP at this `address`, or over a Unix socket at unix:/path")
	kept := flags.String("tasks", "", "keep tasks in this `file`, which is made if it is not there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *older && *address == "" {
		return errors.New("-sse goes with -http")
	}
	var opts []server.Option
	if *kept != "" {
		store, failed := taskbolt.Open(*kept)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		opts = append(opts, server.StoreTasks(store))
	}
	s := newServer(opts...)
	s.StartTasks()
	switch {
	case *address != "":
		handlers := map[string]handler{"/mcp": streamhttp.Handler(s)}
		if *older {
			handlers["/sse"] = legacysse.Handler(s)
		}
		return serveWeb(ctx, s, handlers, "http", *address, stderr)
	case *sockets != "":
		return serveWeb(ctx, s, map[string]handler{"/mcp": websocket.Handler(s)}, "ws", *sockets, stderr)
	case *lines != "":
		return serveLines(ctx, s, *lines, stderr)
	}
	err = s.Serve(ctx, stdio.Serve)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, endTasks(s))
}
