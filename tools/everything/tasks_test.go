package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func TestTasks(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, _ *heard) {
		job := work{Steps: 3, Milliseconds: 1}
		for _, tool := range []string{"long_job", "must_be_task"} {
			steps := 0
			task, err := client.StartTool[string](ctx, c, tool, job, client.OnProgress(func(rpc.Progress) { steps++ }))
			require.NoError(t, err)
			require.Equal(t, tool == "long_job", task.ImmediateResponse() != "")
			said, err := task.Wait(ctx)
			require.NoError(t, err)
			require.Equal(t, "3 steps done", said)
			require.LessOrEqual(t, steps, 3)
		}
		_, err := c.Stub().CallTool(ctx, &mcp.CallToolParams{Name: "must_be_task"})
		require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))

		task, err := client.StartTool[string](ctx, c, "ask_midway", nil)
		require.NoError(t, err)
		said, err := task.Wait(ctx)
		require.NoError(t, err)
		require.Equal(t, "went on: careful", said)

		task, err = client.StartTool[string](ctx, c, "fail_later", nil)
		require.NoError(t, err)
		_, err = task.Wait(ctx)
		require.ErrorContains(t, err, "the job failed")
		require.Equal(t, mcp.TaskStatusFailed, task.Known().Status)

		task, err = client.StartTool[string](ctx, c, "long_job", work{Steps: 1000, Milliseconds: 1000})
		require.NoError(t, err)
		require.NoError(t, task.Cancel(ctx))
		_, err = task.Wait(ctx)
		require.ErrorIs(t, err, client.ErrTaskCancelled)

		_, err = client.StartTool[string](ctx, c, "add", addends{1, 2})
		require.Error(t, err)
	})
}

// TestTasksOutliveTheServer: with -tasks what is done is told by the next process, and what ran runs again, or has failed.
func TestTasksOutliveTheServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	ids := map[string]string{}
	t.Run("one process", func(t *testing.T) {
		c := connected(t, listening(t, "-http", "127.0.0.1:0", "-tasks", path))
		for name, job := range map[string]work{"done": {Steps: 1}, "long_job": {Steps: 3, Milliseconds: 500}} {
			task, err := client.StartTool[string](t.Context(), c, "long_job", job)
			require.NoError(t, err)
			ids[name] = task.ID()
			if name == "done" {
				_, err = task.Wait(t.Context())
				require.NoError(t, err)
			}
		}
		task, err := client.StartTool[string](t.Context(), c, "must_be_task", work{Steps: 1000, Milliseconds: 1000})
		require.NoError(t, err)
		ids["must_be_task"] = task.ID()
	})
	t.Run("another", func(t *testing.T) {
		c := connected(t, listening(t, "-http", "127.0.0.1:0", "-tasks", path))
		said, err := client.ResumeTask[string](c, "long_job", ids["done"]).Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "1 steps done", said)
		said, err = client.ResumeTask[string](c, "long_job", ids["long_job"]).Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "3 steps done", said)
		_, err = client.ResumeTask[string](c, "must_be_task", ids["must_be_task"]).Wait(t.Context())
		require.ErrorContains(t, err, "interrupted")
	})
	require.ErrorContains(t, run(t.Context(), []string{"-tasks", t.TempDir()}, nil), "expected a regular file")
}

func connected(t *testing.T, url string) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Info("tester", "1.0.0"), streamhttp.Connect(url))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}
