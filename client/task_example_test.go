package client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
)

func ExampleStartTool() {
	s := newTaskServer(time.Millisecond)
	s.becomes(3, mcp.TaskStatusCompleted)
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), pipe.To(s.acceptor(), pipe.Limits{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()

	task, err := client.StartTool[string](ctx, c, "required", nil, client.TTL(time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	id := task.ID() // keep it to take the task up again, in another process too:
	task = client.ResumeTask[string](c, "required", id)
	text, err := task.Wait(ctx)
	fmt.Println(text, err)
	// Output: done <nil>
}
