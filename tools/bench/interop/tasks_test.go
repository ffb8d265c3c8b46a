package interop

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	gocl "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	gomcp "github.com/mark3labs/mcp-go/mcp"
	gosrv "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// Tasks between our client and mcp-go's server, and between its client and our server. go-sdk has none. Every server here
// has the tools
//
//	job       optional: "done" after a moment
//	must      required: "done"
//	broken    optional: a result with isError
//	endless   optional: until it is cancelled
//	never     forbidden
//
// What mcp-go v1.2.1 does otherwise than the specification says is noted where it shows.

func init() {
	sdks["mcpgotasks"] = sdk{
		serve: func(context.Context) error { return gosrv.ServeStdio(mcpgoTasks()) },
		handler: func() (http.Handler, func(*testing.T)) {
			h := gosrv.NewStreamableHTTPServer(mcpgoTasks(), gosrv.WithStreamableHTTPLogger(quiet), gosrv.WithStateful(true))
			return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
		},
	}
	sdks["tenontasks"] = sdk{
		serve: func(ctx context.Context) error { return tenonTasks().Serve(ctx, stdio.Serve) },
		handler: func() (http.Handler, func(*testing.T)) {
			s := tenonTasks()
			h := streamhttp.Handler(s)
			return h, func(t *testing.T) {
				over, cancel := context.WithCancel(context.Background())
				cancel()
				require.NoError(t, s.Shutdown(over))
				require.NoError(t, h.Shutdown(context.Background()))
			}
		},
	}
}

// moment is how long a job takes: longer than the first answer about it, so that it is seen at work.
const moment = 100 * time.Millisecond

func mcpgoTasks() *gosrv.MCPServer {
	s := gosrv.NewMCPServer("mcpgo", "1.0.0", gosrv.WithToolCapabilities(true), gosrv.WithTaskCapabilities(true, true, true))
	add := func(name string, support gomcp.TaskSupport, f func(ctx context.Context) (*gomcp.CallToolResult, error)) {
		s.AddTool(gomcp.NewTool(name, gomcp.WithTaskSupport(support)), func(ctx context.Context, _ gomcp.CallToolRequest) (*gomcp.CallToolResult, error) {
			return f(ctx)
		})
	}
	// The ctx of a handler ends with the answer that creates its task (server/request_handler.go: the request's is
	// cancelled when it has been handled), so that one that looks at it is cancelled from the start: here none does.
	done := func(context.Context) (*gomcp.CallToolResult, error) {
		<-time.After(moment)
		return gomcp.NewToolResultText("done"), nil
	}
	add("job", gomcp.TaskSupportOptional, done)
	add("never", gomcp.TaskSupportForbidden, done)
	add("broken", gomcp.TaskSupportOptional, func(context.Context) (*gomcp.CallToolResult, error) {
		return gomcp.NewToolResultError("it broke"), nil
	})
	add("endless", gomcp.TaskSupportOptional, func(context.Context) (*gomcp.CallToolResult, error) {
		<-time.After(5 * moment)
		return gomcp.NewToolResultText("too late"), nil
	})
	add("attentive", gomcp.TaskSupportOptional, func(ctx context.Context) (*gomcp.CallToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s.AddTaskTool(gomcp.NewTool("must", gomcp.WithTaskSupport(gomcp.TaskSupportRequired)), func(context.Context, gomcp.CallToolRequest) (*gomcp.CreateTaskResult, error) {
		return &gomcp.CreateTaskResult{Content: []gomcp.Content{gomcp.NewTextContent("done")}}, nil
	})
	return s
}

func tenonTasks() *server.Server {
	s := server.New("tenon", "1.0.0", server.Logger(quiet), server.TasksPerSession(), server.LimitTasks(server.TaskLimits{PollInterval: 50 * time.Millisecond}))
	done := func(ctx context.Context, _ nobody) (string, error) {
		select {
		case <-time.After(moment):
			return "done", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	server.AddTool(s, "job", "", done, server.TaskOptional(), server.ModelImmediateResponse("It takes a moment."))
	server.AddTool(s, "must", "", done, server.TaskRequired())
	server.AddTool(s, "never", "", done)
	server.AddTool(s, "broken", "", func(context.Context, nobody) (string, error) { return "", errors.New("it broke") }, server.TaskOptional())
	server.AddTool(s, "endless", "", func(ctx context.Context, _ nobody) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}, server.TaskOptional())
	return s
}

// withTasks runs a test with our client at a server, over each transport.
func withTasks(t *testing.T, name string, test func(t *testing.T, transport string, c *client.Client), opts ...client.Option) {
	opts = append(opts, client.WithPolling(client.Polling{First: 20 * time.Millisecond}), client.WithLogger(quiet))
	dial := func(t *testing.T, tr rpc.Transport) *client.Client {
		c, err := client.Dial(t.Context(), client.Info("tenon", "1.0.0"), tr, opts...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	t.Run("stdio", func(t *testing.T) {
		child := stdio.Command(os.Args[0])
		child.Env = []string{asServer + "=" + name}
		test(t, "stdio", dial(t, child))
	})
	t.Run("http", func(t *testing.T) {
		test(t, "http", dial(t, streamhttp.Connect(webAt(t, name))))
	})
}

func webAt(t *testing.T, name string) string {
	h, shutdown := sdks[name].handler()
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		shutdown(t)
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

func TestTasksOfOurClient(t *testing.T) {
	for _, name := range []string{"mcpgotasks", "tenontasks"} {
		mcpgo := name == "mcpgotasks"
		var notified atomic.Int64
		t.Run(name, func(t *testing.T) {
			withTasks(t, name, func(t *testing.T, transport string, c *client.Client) {
				var opts []client.CallOption
				if !mcpgo || transport == "stdio" { // a task with a ttl has a goroutine of mcp-go's sleep for so long
					opts = append(opts, client.TTL(time.Minute))
				}
				task, err := client.StartTool[string](t.Context(), c, "job", nil, opts...)
				require.NoError(t, err)
				require.Equal(t, mcp.TaskStatusWorking, task.Known().Status)
				if opts != nil {
					require.EqualValues(t, 60_000, *task.Known().TTL)
				}
				got, err := task.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, "done", got)
				state, err := task.Status(t.Context())
				require.NoError(t, err)
				require.Equal(t, mcp.TaskStatusCompleted, state.Status)
				got, err = client.ResumeTask[string](c, "job", task.ID()).Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, "done", got)

				// One that must be a task is one.
				got, err = client.CallTool[string](t.Context(), c, "must", nil)
				require.NoError(t, err)
				require.Equal(t, "done", got)

				_, err = client.StartTool[string](t.Context(), c, "never", nil)
				require.ErrorContains(t, err, `its execution.taskSupport is`)

				// The result with isError is the tool's error.
				task, err = client.StartTool[string](t.Context(), c, "broken", nil)
				require.NoError(t, err)
				_, err = task.Wait(t.Context())
				require.EqualError(t, err, "tool broken failed: it broke")
				if mcpgo {
					// mcp-go calls such a task completed (server/server.go, completeTask): the specification has it failed.
					require.Equal(t, mcp.TaskStatusCompleted, task.Known().Status)
				} else {
					require.Equal(t, mcp.TaskStatusFailed, task.Known().Status)
				}

				task, err = client.StartTool[string](t.Context(), c, "endless", nil)
				require.NoError(t, err)
				require.NoError(t, task.Cancel(t.Context()))
				require.Equal(t, mcp.TaskStatusCancelled, task.Known().Status)
				_, err = task.Wait(t.Context())
				require.ErrorIs(t, err, client.ErrTaskCancelled)
				require.EqualValues(t, rpc.CodeInvalidParams, rpc.CodeOf(task.Cancel(t.Context())))

				n := 0
				for task, err := range c.Tasks(t.Context()) {
					require.NoError(t, err)
					require.NotEmpty(t, task.TaskID)
					n++
				}
				require.GreaterOrEqual(t, n, 3)
				_, err = client.ResumeTask[string](c, "", "nothing").Status(t.Context())
				_, lost := errors.AsType[*client.TaskLostError](err)
				require.True(t, lost, "%v", err)
			}, client.OnTaskStatus(func(context.Context, *mcp.TaskStatusParams) { notified.Add(1) }))
			if mcpgo {
				// Its notifications lack ttl, which they must have, if no ttl was asked for (sendTaskStatusNotification): those
				// are not taken. Polling finds out.
				return
			}
			require.NotZero(t, notified.Load())
		})
	}
}

// TestATaskOfMcpgosThatLooksAtItsContext shows why no job of mcp-go's here does.
func TestATaskOfMcpgosThatLooksAtItsContext(t *testing.T) {
	withTasks(t, "mcpgotasks", func(t *testing.T, _ string, c *client.Client) {
		task, err := client.StartTool[string](t.Context(), c, "attentive", nil)
		require.NoError(t, err)
		_, err = task.Wait(t.Context())
		require.ErrorIs(t, err, client.ErrTaskCancelled, "nobody cancelled it; and the answer lacks the content that a result of tools/call has")
		require.Equal(t, "context canceled", task.Known().StatusMessage)
	})
}

// TestTasksOfMcpgosClient has mcp-go's client use the tasks of our server.
func TestTasksOfMcpgosClient(t *testing.T) {
	dial := func(t *testing.T, tr transport.Interface) *gocl.Client {
		c := gocl.NewClient(tr)
		require.NoError(t, c.Start(context.WithoutCancel(t.Context())))
		_, err := c.Initialize(t.Context(), gomcp.InitializeRequest{Params: gomcp.InitializeParams{
			ProtocolVersion: "2025-11-25", ClientInfo: gomcp.Implementation{Name: "mcpgo", Version: "1.0.0"},
		}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		return c
	}
	test := func(t *testing.T, c *gocl.Client) {
		call := gomcp.CallToolRequest{}
		call.Params.Name, call.Params.Task = "job", &gomcp.TaskParams{}
		// CallTool sends the member task, but takes no answer without content (mcp/utils.go, ParseCallToolResult), so that
		// its user never learns the id: the request is sent by hand here.
		_, err := c.CallTool(t.Context(), call)
		require.ErrorContains(t, err, "content is missing")
		start := func(tool string) string {
			call.Params.Name = tool
			response, err := c.GetTransport().SendRequest(t.Context(), transport.JSONRPCRequest{
				JSONRPC: "2.0", ID: gomcp.NewRequestId("by hand " + tool), Method: "tools/call", Params: call.Params,
			})
			require.NoError(t, err)
			require.Nil(t, response.Error)
			var created mcp.CreateTaskResult
			require.NoError(t, created.UnmarshalJSON(response.Result))
			return created.Task.TaskID
		}
		get := func(id string) gomcp.GetTaskRequest {
			return gomcp.GetTaskRequest{Params: gomcp.GetTaskParams{TaskId: id}}
		}
		for tool, want := range map[string]gomcp.TaskStatus{"job": "completed", "must": "completed", "broken": "failed"} {
			id := start(tool)
			state, err := c.WaitForTask(t.Context(), get(id), time.Millisecond)
			require.NoError(t, err)
			require.Equal(t, want, state.Status, tool)
			result, err := c.TaskResult(t.Context(), gomcp.TaskResultRequest{Params: gomcp.TaskResultParams{TaskId: id}})
			require.NoError(t, err)
			require.Equal(t, tool == "broken", result.IsError)
			require.Len(t, result.Content, 1)
			require.Equal(t, map[string]any{"taskId": id}, result.Meta.AdditionalFields[gomcp.RelatedTaskMetaKey])
		}
		id := start("endless")
		cancelled, err := c.CancelTask(t.Context(), gomcp.CancelTaskRequest{Params: gomcp.CancelTaskParams{TaskId: id}})
		require.NoError(t, err)
		require.EqualValues(t, "cancelled", cancelled.Status)
		_, err = c.TaskResult(t.Context(), gomcp.TaskResultRequest{Params: gomcp.TaskResultParams{TaskId: id}})
		require.ErrorContains(t, err, "the task was cancelled")
		list, err := c.ListTasks(t.Context(), gomcp.ListTasksRequest{})
		require.NoError(t, err)
		require.Len(t, list.Tasks, 5, "one for the call that it could not read")

		call.Params.Name, call.Params.Task = "must", nil
		_, err = c.CallTool(t.Context(), call)
		require.ErrorContains(t, err, "must be a task")
		call.Params.Name, call.Params.Task = "never", &gomcp.TaskParams{}
		_, err = c.CallTool(t.Context(), call)
		require.ErrorContains(t, err, "cannot be a task")
	}
	t.Run("stdio", func(t *testing.T) {
		test(t, dial(t, transport.NewStdio(os.Args[0], []string{asServer + "=tenontasks"})))
	})
	t.Run("http", func(t *testing.T) {
		web := &http.Client{Transport: &http.Transport{}}
		t.Cleanup(web.CloseIdleConnections)
		tr, err := transport.NewStreamableHTTP(webAt(t, "tenontasks"), transport.WithHTTPBasicClient(web), transport.WithHTTPLogger(quiet), transport.WithContinuousListening())
		require.NoError(t, err)
		test(t, dial(t, tr))
	})
}
