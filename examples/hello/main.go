// Command hello is a Model Context Protocol server with one tool, on standard input and output, or, with -http, over
// Streamable HTTP at /mcp:
//
//	hello [-http 127.0.0.1:8080]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// greeting is the arguments of greet. Their schema is made of it.
type greeting struct {
	Name string `json:"name" jsonschema:"description=the person to greet"`
}

func main() {
	address := flag.String("http", "", "serve Streamable HTTP at this `address`, path /mcp, instead of standard input and output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *address); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) error {
	s := server.New("hello", "1.0.0")
	server.AddTool(s, "greet", "Greets a person.", func(_ context.Context, in greeting) (string, error) {
		return "hello, " + in.Name, nil
	})
	if address == "" {
		return s.Serve(ctx, stdio.Serve)
	}
	return serveHTTP(ctx, s, address)
}

// serveHTTP serves s until ctx ends, and then lets what was asked be answered.
func serveHTTP(ctx context.Context, s *server.Server, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "hello: serving http://%s/mcp\n", listener.Addr())
	handler := streamhttp.Handler(s)
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	down := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		down <- errors.Join(handler.Shutdown(ctx), web.Shutdown(ctx))
	})
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-down
}
