// Command tasks is a server whose tools take their time, so clients call them as tasks: they have an id at once, look how
// far the work is, cancel it, answer its questions, and fetch the result later, from another process too.
//
//	go run ./examples/tasks -store tasks.db
//
// It serves Streamable HTTP on 127.0.0.1:8765. With -store FILE tasks are kept in FILE and survive the process: kill it
// while a report is written, start it again, and the report is written anew. See examples/tasks/client for what to ask.
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
	"syscall"
	"time"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/taskbolt"
)

func main() {
	address := flag.String("http", "127.0.0.1:8765", "the address to listen on")
	file := flag.String("store", "", "the file to keep tasks in; without one they end with the process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *address, *file); err != nil {
		fmt.Fprintln(os.Stderr, "tasks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, file string) (err error) {
	opts := []server.Option{
		// Clients are told to look five times a second; the default is once.
		server.LimitTasks(server.TaskLimits{PollInterval: 200 * time.Millisecond}),
	}
	if file != "" {
		store, failed := taskbolt.Open(file)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		opts = append(opts, server.StoreTasks(store))
	}
	s := server.New("tasks", "1.0.0", opts...)
	addTools(s)
	s.StartTasks() // what an earlier process left unfinished goes on now, and not when the first client comes

	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	handler := streamhttp.Handler(s)
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()
	fmt.Fprintf(os.Stderr, "tasks: serving http://%s/\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Tasks first: who waits for one is told. Those that can run again are left to the next process.
	short, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(s.Shutdown(short), handler.Shutdown(short), web.Close())
}
