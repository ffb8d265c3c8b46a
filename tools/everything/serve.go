package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/server"
)

const (
	// endTime is how long calls may go on when the server is told to end.
	endTime = 5 * time.Second
	// endTasksTime is the same for tasks.
	endTasksTime = time.Second
)

// endTasks ends the tasks that run. Those that can are run again by the process that opens the file next.
func endTasks(s *server.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTasksTime)
	defer cancel()
	return s.Shutdown(ctx)
}

// handler is a transport that is served over HTTP.
type handler interface {
	http.Handler
	Shutdown(ctx context.Context) error
}

// serveWeb serves handlers at their paths until ctx ends. It says on stderr where the one at /mcp listens, as address may leave
// the port to the system.
func serveWeb(ctx context.Context, s *server.Server, handlers map[string]handler, scheme, address string, stderr io.Writer) error {
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
	err = endTasks(s) // whoever waits for one has an answer then
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	for _, h := range handlers {
		err = errors.Join(err, h.Shutdown(ending))
	}
	return errors.Join(err, web.Shutdown(ending))
}

// serveLines serves until ctx ends, and says where it listens.
func serveLines(ctx context.Context, a *server.Server, address string, stderr io.Writer) error {
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
	err = endTasks(a)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	return errors.Join(err, s.Shutdown(ending), <-served)
}
