// Package web serves the HTTP form of the servers that are raced, all in the same way.
package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"
)

// Serve serves h at the path /mcp of address until the process is interrupted. It says where on
// standard error, which is how the driver knows that it may begin.
func Serve(name, address string, h http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", h)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second} // as in examples/hello
	end := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer end()
	fmt.Fprintf(os.Stderr, "%s: serving http://%s/mcp\n", name, listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
