// Command everything is a server that has one of everything that the revision 2025-11-25 of the protocol knows, tasks
// aside. It is what the official conformance suite tests, and a server to try a client on.
//
//	everything               on standard input and output
//	everything -http ADDR    on Streamable HTTP, at the path /mcp of ADDR, such as 127.0.0.1:8080
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
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
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
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	s := newServer()
	if *address != "" {
		return serveHTTP(ctx, s, *address, stderr)
	}
	if err := s.Serve(ctx, stdio.Serve); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// endTime is how long calls may go on when the server is told to end.
const endTime = 5 * time.Second

// serveHTTP serves until ctx ends. It says on stderr where it listens, as address may leave the port to the system.
func serveHTTP(ctx context.Context, a rpc.Acceptor, address string, stderr io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	handler := streamhttp.Handler(a)
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(stderr, "everything: listening on http://%s/mcp\n", listener.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	return errors.Join(handler.Shutdown(ending), web.Shutdown(ending))
}
