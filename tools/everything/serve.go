package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
)

// endTime is how long calls may go on when the server is told to end.
const endTime = 5 * time.Second

// handler is a transport that is served over HTTP.
type handler interface {
	http.Handler
	Shutdown(ctx context.Context) error
}

// serveWeb serves handlers at their paths until ctx ends. It says on stderr where the one at /mcp listens, as address may leave
// the port to the system.
func serveWeb(ctx context.Context, handlers map[string]handler, scheme, address string, stderr io.Writer) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for path, h := range handlers {
		mux.Handle(path, h)
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(stderr, "everything: listening on %s://%s/mcp\n", scheme, listener.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	for _, h := range handlers {
		err = errors.Join(err, h.Shutdown(ending))
	}
	return errors.Join(err, web.Shutdown(ending))
}

// serveLines serves until ctx ends, and says where it listens.
func serveLines(ctx context.Context, a rpc.Acceptor, address string, stderr io.Writer) error {
	listener, err := tcp.Listen(ctx, address)
	if err != nil {
		return err
	}
	s := tcp.NewServer(a)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.WithoutCancel(ctx), listener) }()
	url := "tcp://" + listener.Addr().String()
	if listener.Addr().Network() == "unix" {
		url = "unix:" + listener.Addr().String()
	}
	fmt.Fprintf(stderr, "everything: listening on %s\n", url)

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	return errors.Join(s.Shutdown(ending), <-served)
}
