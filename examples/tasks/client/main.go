// Command client calls the tools of examples/tasks as tasks.
//
//	go run ./examples/tasks/client cancel     start a long job, watch it, and cancel it
//	go run ./examples/tasks/client ask        start one that asks a question midway, and answer
//	go run ./examples/tasks/client start      start one, print its id, and leave
//	go run ./examples/tasks/client wait ID    wait for the one with the id, and print its result
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8765/", "where the server is")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, *url, flag.Arg(0), flag.Arg(1), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, what, id string, out io.Writer) error {
	c, err := client.Dial(ctx, client.Info("tasks-client", "1.0.0"), streamhttp.Connect(url), client.OnElicit(answer))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	switch what {
	case "cancel":
		return cancelled(ctx, c, out)
	case "ask":
		return asked(ctx, c, out)
	case "start":
		return started(ctx, c, out)
	case "wait":
		return waited(ctx, c, id, out)
	}
	return fmt.Errorf("unknown command %q: expected cancel, ask, start or wait", what)
}

// answer answers the questions of the server; a program with a user would ask them.
func answer(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	return client.Accept(map[string]string{"seat": "window"})
}

// cancelled starts a long job, watches it until it is at work, and cancels it.
func cancelled(ctx context.Context, c *client.Client, out io.Writer) error {
	task, err := client.StartTool[string](ctx, c, "report", map[string]int{"pages": 1000})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "for the model meanwhile:", task.ImmediateResponse())
	for range 3 {
		state, err := task.Status(ctx) // waits as long as the server wants between two looks
		if err != nil {
			return err
		}
		fmt.Fprintln(out, string(state.Status)+":", state.StatusMessage)
	}
	if err := task.Cancel(ctx); err != nil {
		return err
	}
	if _, err = task.Wait(ctx); !errors.Is(err, client.ErrTaskCancelled) {
		return fmt.Errorf("unexpected outcome of a cancelled task: %w", err)
	}
	fmt.Fprintln(out, "cancelled")
	return nil
}

// asked starts a job that asks a question midway: Wait has it answered by the function given to client.OnElicit.
func asked(ctx context.Context, c *client.Client, out io.Writer) error {
	task, err := client.StartTool[string](ctx, c, "book", map[string]string{"to": "Rome"})
	if err != nil {
		return err
	}
	said, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, said)
	return nil
}

// started starts a job and leaves it to the server. Whoever has the id can fetch the result, so it is kept like a key.
func started(ctx context.Context, c *client.Client, out io.Writer) error {
	task, err := client.StartTool[string](ctx, c, "report", map[string]int{"pages": 10}, client.TTL(time.Hour))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, task.ID())
	return nil
}

// waited takes a job up again, in another process than the one that started it.
func waited(ctx context.Context, c *client.Client, id string, out io.Writer) error {
	said, err := client.ResumeTask[string](c, "report", id).Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, said)
	return nil
}
