package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// taskServer makes a server whose tasks end with the test.
func taskServer(t *testing.T, opts ...Option) *Server {
	t.Helper()
	s := New("tasks", "1", opts...)
	t.Cleanup(func() { stopTasks(t, s) })
	return s
}

func stopTasks(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, s.Shutdown(ctx))
}

// gate is a handler that tells when it runs, and waits to be told to go on.
type gated struct {
	entered chan context.Context
	release chan error
}

func newGated() *gated { return &gated{make(chan context.Context, 100), make(chan error)} }

func (g *gated) handle(ctx context.Context, in greeting) (string, error) {
	g.entered <- ctx
	select {
	case err := <-g.release:
		return "hello, " + in.Name, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

const ada = `{"name":"Ada"}`

// begin calls a tool as a task.
func (p *peer) begin(t *testing.T, name, arguments string) mcp.Task {
	t.Helper()
	result, err := p.tryBegin(t.Context(), name, arguments, 0)
	require.NoError(t, err)
	return result.Task
}

func (p *peer) tryBegin(ctx context.Context, name, arguments string, ttl int64) (*mcp.CreateTaskResult, error) {
	params := &mcp.CallToolParams{Name: name, Task: &mcp.TaskMetadata{}}
	if arguments != "" {
		params.Arguments = wire.MustRaw(arguments)
	}
	if ttl != 0 {
		params.Task.TTL = &ttl
	}
	return p.CallToolAsTask(ctx, params)
}

func idOf(id string) *mcp.TaskIDParams { return &mcp.TaskIDParams{TaskID: id} }

// state asks for the state of a task.
func (p *peer) state(t *testing.T, id string) *mcp.GetTaskResult {
	t.Helper()
	task, err := p.GetTask(t.Context(), idOf(id))
	require.NoError(t, err)
	return task
}

// outcome waits for the outcome of a task, as it came.
func (p *peer) outcome(t *testing.T, id string) (wire.Raw, error) {
	t.Helper()
	var result wire.Raw
	err := p.session.Call(t.Context(), mcp.MethodGetTaskPayload, idOf(id), &result)
	return result, err
}

// until waits for a task to have a status.
func (p *peer) until(t *testing.T, id string, status mcp.TaskStatus) *mcp.GetTaskResult {
	t.Helper()
	var task *mcp.GetTaskResult
	require.Eventually(t, func() bool {
		var err error
		task, err = p.GetTask(t.Context(), idOf(id))
		return err == nil && task.Status == status
	}, 10*time.Second, 20*time.Millisecond)
	return task
}

func requireCode(t *testing.T, code int64, err error) *rpc.Error {
	t.Helper()
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, e.Message)
	return e
}

func TestTaskRunsTheSameHandler(t *testing.T) {
	s := taskServer(t)
	AddTool(s, "greet", "Say hi.", greet, TaskOptional())
	p := connect(t, s, clientSide{})
	require.Equal(t, "hello, Ada", said(t, p.call(t, "greet", ada)))

	task := p.begin(t, "greet", ada)
	require.Equal(t, mcp.TaskStatusWorking, task.Status)
	result, err := p.outcome(t, task.TaskID)
	require.NoError(t, err)
	require.JSONEq(t, `{"content":[{"type":"text","text":"hello, Ada"}],"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"`+task.TaskID+`"}}}`, result.String())
	require.Equal(t, mcp.TaskStatusCompleted, p.state(t, task.TaskID).Status)
}

func TestTaskCancel(t *testing.T) {
	s, g := taskServer(t), newGated()
	AddTool(s, "slow", "Wait.", g.handle, TaskOptional())
	p := connect(t, s, clientSide{})
	task := p.begin(t, "slow", ada)
	ctx := <-g.entered
	cancelled, err := p.CancelTask(t.Context(), idOf(task.TaskID))
	require.NoError(t, err)
	require.Equal(t, mcp.TaskStatusCancelled, cancelled.Status)
	<-ctx.Done()
	require.ErrorIs(t, context.Cause(ctx), rpc.ErrCancelled)
	for range 3 {
		_, err = p.outcome(t, task.TaskID)
		e := requireCode(t, rpc.CodeCancelled, err)
		require.Equal(t, "the task was cancelled", e.Message)
	}
	_, err = p.CancelTask(t.Context(), idOf(task.TaskID))
	e := requireCode(t, mcp.CodeInvalidParams, err)
	require.Equal(t, `the task cannot be cancelled: it has ended already, with status "cancelled"`, e.Message)
}

func TestTaskQuestion(t *testing.T) {
	s := taskServer(t)
	AddTool(s, "book", "Book a seat.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := Elicit[greeting](ctx, "name", "Who?")
		if err != nil {
			return "", err
		}
		return "for " + answer.Value.Name, nil
	}, TaskRequired())
	var related string
	p := connect(t, s, clientSide{
		capabilities: mcp.ClientCapabilities{Elicitation: &mcp.ClientCapabilitiesElicitation{}},
		incoming: []rpc.Interceptor{func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method != mcp.MethodElicit {
					return next(ctx, m)
				}
				var params mcp.ElicitFormParams
				_ = m.Raw().Decode(&params)
				related = m.Raw().String()
				return wire.MustRaw(`{"action":"accept","content":{"name":"Ada"}}`), nil
			}
		}},
	})
	task := p.begin(t, "book", "")
	p.until(t, task.TaskID, mcp.TaskStatusInputRequired)
	result, err := p.outcome(t, task.TaskID)
	require.NoError(t, err)
	require.Contains(t, result.String(), "for Ada")
	require.Contains(t, related, `"io.modelcontextprotocol/related-task":{"taskId":"`+task.TaskID+`"}`)
}

func TestTaskHandlerErrors(t *testing.T) {
	s := taskServer(t)
	AddTool(s, "fail", "Fail.", func(context.Context, struct{}) (string, error) { return "", errors.New("no luck") }, TaskOptional())
	p := connect(t, s, clientSide{})
	task := p.begin(t, "fail", "")
	result, err := p.outcome(t, task.TaskID)
	require.NoError(t, err)
	require.Contains(t, result.String(), `"isError":true`)
	state := p.state(t, task.TaskID)
	require.Equal(t, mcp.TaskStatusFailed, state.Status)
	require.Equal(t, "no luck", state.StatusMessage)
	require.Equal(t, tasks.Stats{Created: 1, Failed: 1, Retrieved: 1}, s.TaskStats())
}
