package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func ruleBlocks(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p := w.dial(clientSide{})
	id := p.begin(t, "slow", ada).TaskID
	<-g.entered
	results := make(chan wire.Raw, 2)
	for range cap(results) {
		go func() {
			var result wire.Raw
			_ = p.session.Call(t.Context(), mcp.MethodGetTaskPayload, idOf(id), &result)
			results <- result
		}()
	}
	require.Equal(t, mcp.TaskStatusWorking, p.state(t, id).Status)
	require.Empty(t, results)
	g.release <- nil
	for range cap(results) {
		require.Contains(t, (<-results).String(), "hello, Ada")
	}
}

// exactly runs a tool as a task and not, and gives both outcomes.
func (w *taskWorld) exactly(h ToolHandler) (call, task string, state *mcp.GetTaskResult, callErr, taskErr error) {
	w.serve()
	AddRawTool(w.Server, mcp.Tool{Name: "x"}, h, TaskOptional())
	p := w.dial(clientSide{})
	var called wire.Raw
	callErr = p.session.Call(w.t.Context(), mcp.MethodCallTool, &mcp.CallToolParams{Name: "x"}, &called)
	id := p.begin(w.t, "x", "").TaskID
	got, taskErr := p.outcome(w.t, id)
	task = strings.Replace(got.String(), relatedTo(id), "", 1)
	for range 2 {
		again, err := p.outcome(w.t, id)
		require.Equal(w.t, got.String(), again.String(), "the same every time")
		require.Equal(w.t, fmt.Sprint(taskErr), fmt.Sprint(err))
	}
	return called.String(), task, p.state(w.t, id), callErr, taskErr
}

func ruleExactResult(t *testing.T, w *taskWorld) {
	call, task, state, callErr, taskErr := w.exactly(func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		r := &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "x"}}, StructuredContent: wire.MustRaw(`{"n":12345678901234567890}`)}
		r.Meta.Set("own", wire.MustRaw(`1`))
		r.Unknown.Set("more", wire.MustRaw(`[2]`))
		return r, nil
	})
	require.NoError(t, errors.Join(callErr, taskErr))
	require.Equal(t, mcp.TaskStatusCompleted, state.Status)
	require.Contains(t, call, `"own":1`)
	require.JSONEq(t, call, strings.Replace(task, `"own":1,`, `"own":1`, 1))
}

func ruleExactIsError(t *testing.T, w *taskWorld) {
	call, task, state, callErr, taskErr := w.exactly(func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return nil, errors.New("no luck")
	})
	require.NoError(t, errors.Join(callErr, taskErr))
	require.Equal(t, mcp.TaskStatusFailed, state.Status)
	require.Equal(t, "no luck", state.StatusMessage)
	require.JSONEq(t, call, strings.Replace(task, `"_meta":{},`, "", 1))
}

func ruleExactError(t *testing.T, w *taskWorld) {
	_, _, state, callErr, taskErr := w.exactly(func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return nil, rpc.Errorf(-32042, "visit this first").WithData(wire.MustRaw(`{"elicitations":[]}`))
	})
	call, task := requireCode(t, -32042, callErr), requireCode(t, -32042, taskErr)
	require.Equal(t, call.Message, task.Message)
	require.Equal(t, call.Data.String(), task.Data.String())
	require.Equal(t, mcp.TaskStatusFailed, state.Status)
	require.Equal(t, "visit this first", state.StatusMessage)
}

func ruleParamCounts(t *testing.T, w *taskWorld) {
	p := w.serve().dial(clientSide{})
	a, b := p.begin(t, "greet", ada).TaskID, p.begin(t, "greet", `{"name":"Bob"}`).TaskID
	params := wire.MustRaw(`{"taskId":"` + a + `","_meta":{` + relatedTo(b) + `}}`)
	for _, method := range []string{mcp.MethodGetTaskPayload, mcp.MethodGetTask} {
		var result wire.Raw
		require.NoError(t, p.session.Call(t.Context(), method, params, &result))
		require.Contains(t, result.String(), a)
		require.NotContains(t, result.String(), b)
	}
	_, err := p.outcome(t, b)
	require.NoError(t, err)
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	c := p.begin(t, "slow", ada).TaskID
	var cancelled mcp.CancelTaskResult
	require.NoError(t, p.session.Call(t.Context(), mcp.MethodCancelTask, wire.MustRaw(`{"taskId":"`+c+`","_meta":{`+relatedTo(b)+`}}`), &cancelled))
	require.Equal(t, c, cancelled.TaskID)
}

func ruleUnrelated(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p := w.dial(clientSide{principal: "ada"})
	id := p.begin(t, "slow", ada).TaskID
	for _, c := range []struct{ method, params string }{
		{mcp.MethodGetTask, `{"taskId":"` + id + `"}`}, {mcp.MethodListTasks, `{}`}, {mcp.MethodCancelTask, `{"taskId":"` + id + `"}`},
	} {
		var result wire.Raw
		require.NoError(t, p.session.Call(t.Context(), c.method, wire.MustRaw(c.params), &result))
		require.Contains(t, result.String(), id)
		require.NotContains(t, result.String(), "related-task", c.method)
	}
}

func ruleRelated(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "talk", "", func(ctx context.Context, _ struct{}) (string, error) {
		if _, err := Roots(ctx, "roots"); err != nil { // somebody waits from here on
			return "", err
		}
		Log(ctx, mcp.LoggingLevelWarning, "careful")
		Progress(ctx, 1, 2, "half")
		return "done", CallFrom(ctx).Session().Notify(ctx, "acme/note", nil)
	}, TaskOptional())
	c, heard := hearing(`{"roots":[]}`)
	p := w.dial(c)
	made, err := p.CallToolAsTask(t.Context(), &mcp.CallToolParams{Name: "talk", Task: &mcp.TaskMetadata{}, Meta: &mcp.RequestMeta{ProgressToken: wire.StringID("tok")}})
	require.NoError(t, err)
	id := made.Task.TaskID
	result, err := p.outcome(t, id)
	require.NoError(t, err)
	require.Contains(t, result.String(), relatedTo(id))
	for _, method := range []string{mcp.MethodListRoots, mcp.MethodLoggingMessage, mcp.MethodProgress, "acme/note"} {
		heard.wait(t, method, relatedTo(id))
	}
}

func ruleStatusNotifications(t *testing.T, w *taskWorld) {
	w.serve()
	w.asking()
	c, heard := hearing(accepted)
	p := w.dial(c)
	id := p.begin(t, "ask", "").TaskID
	_, err := p.outcome(t, id)
	require.NoError(t, err)
	text := heard.wait(t, mcp.MethodTaskStatus, id)
	require.NotContains(t, text, "related-task")
	for _, member := range []string{`"taskId"`, `"status"`, `"createdAt"`, `"lastUpdatedAt"`, `"ttl"`, `"pollInterval"`} {
		require.Contains(t, text, member)
	}
}

func ruleProgress(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", func(ctx context.Context, in greeting) (string, error) {
		text, err := g.handle(ctx, in)
		Progress(ctx, 1, 2, "half")
		_, _ = g.handle(ctx, in)
		return text, err
	}, TaskOptional())
	c, heard := hearing("")
	p := w.dial(c)
	made, err := p.CallToolAsTask(t.Context(), &mcp.CallToolParams{
		Name: "slow", Arguments: wire.MustRaw(ada), Task: &mcp.TaskMetadata{}, Meta: &mcp.RequestMeta{ProgressToken: wire.StringID("tok")},
	})
	require.NoError(t, err)
	<-g.entered
	waited := make(chan error, 1)
	go func() { _, err := p.outcome(t, made.Task.TaskID); waited <- err }()
	g.release <- nil
	heard.wait(t, mcp.MethodProgress, `"progressToken":"tok"`, `"half"`, relatedTo(made.Task.TaskID))
	g.release <- nil
	require.NoError(t, <-waited)
}

func ruleList(t *testing.T, w *taskWorld) {
	p := w.serve(PageSize(3)).dial(clientSide{principal: "ada"})
	var made, listed []string
	for range 7 {
		made = append(made, p.begin(t, "greet", ada).TaskID)
	}
	cursor, pages := "", 0
	for {
		page, err := p.ListTasks(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.NoError(t, err)
		pages++
		for _, task := range page.Tasks {
			listed = append(listed, task.TaskID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		require.Len(t, page.Tasks, 3)
		if pages == 1 {
			made = append(made, p.begin(t, "greet", ada).TaskID) // lists are stable
		}
	}
	require.Equal(t, 3, pages)
	require.Equal(t, made, listed)
}

func ruleListed(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p := w.dial(clientSide{principal: "ada"})
	done, running, cancelled := p.begin(t, "greet", ada).TaskID, p.begin(t, "slow", ada).TaskID, p.begin(t, "slow", ada).TaskID
	_, err := p.outcome(t, done)
	require.NoError(t, err)
	_, err = p.CancelTask(t.Context(), idOf(cancelled))
	require.NoError(t, err)
	list, err := p.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tasks, 3)
	for i, id := range []string{done, running, cancelled} {
		got := p.state(t, id)
		require.Equal(t, mcp.Task{
			TaskID: got.TaskID, Status: got.Status, StatusMessage: got.StatusMessage, CreatedAt: got.CreatedAt,
			LastUpdatedAt: got.LastUpdatedAt, TTL: got.TTL, PollInterval: got.PollInterval,
		}, list.Tasks[i])
	}
}

func ruleCancelEnded(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "fail", "", func(context.Context, struct{}) (string, error) { return "", errors.New("no") }, TaskOptional())
	p := w.dial(clientSide{})
	for name, status := range map[string]string{"greet": "completed", "fail": "failed"} {
		id := p.begin(t, name, ada).TaskID
		_, err := p.outcome(t, id)
		require.NoError(t, err)
		_, err = p.CancelTask(t.Context(), idOf(id))
		e := requireCode(t, mcp.CodeInvalidParams, err)
		require.Equal(t, `the task cannot be cancelled: it has ended already, with status "`+status+`"`, e.Message)
	}
}

func ruleCancelStops(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p := w.dial(clientSide{})
	id := p.begin(t, "slow", ada).TaskID
	ctx := <-g.entered
	waited := make(chan error, 1)
	go func() { _, err := p.outcome(t, id); waited <- err }()
	cancelled, err := p.CancelTask(t.Context(), idOf(id))
	require.NoError(t, err)
	require.Error(t, ctx.Err(), "when the answer is here the handler's ctx has ended")
	require.ErrorIs(t, context.Cause(ctx), rpc.ErrCancelled)
	require.Equal(t, mcp.TaskStatusCancelled, cancelled.Status)
	require.Equal(t, "cancelled by request", cancelled.StatusMessage)
	require.Equal(t, "the task was cancelled", requireCode(t, rpc.CodeCancelled, <-waited).Message)
}

func ruleCancelStays(t *testing.T, w *taskWorld) {
	w.serve()
	entered, stubborn, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	AddTool(w.Server, "deaf", "", func(context.Context, struct{}) (string, error) {
		defer close(left)
		close(entered)
		<-stubborn
		return "done all the same", nil
	}, TaskOptional())
	p := w.dial(clientSide{})
	id := p.begin(t, "deaf", "").TaskID
	<-entered
	_, err := p.CancelTask(t.Context(), idOf(id))
	require.NoError(t, err)
	before := p.state(t, id)
	require.Equal(t, 1, w.TaskStats().Running, "it counts until it has returned")
	close(stubborn)
	<-left
	require.Eventually(t, func() bool { return w.TaskStats().Running == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, before, p.state(t, id))
	_, err = p.outcome(t, id)
	requireCode(t, rpc.CodeCancelled, err)
}

const unknownTask = "task not found: no task with this id, or it has expired"

// requireNone makes sure that a client sees nothing of a task.
func requireNone(t *testing.T, p *peer, id string) {
	t.Helper()
	for _, method := range []string{mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodCancelTask} {
		e := requireCode(t, mcp.CodeInvalidParams, p.session.Call(t.Context(), method, idOf(id), nil))
		require.Equal(t, unknownTask, e.Message)
		require.True(t, e.Data.IsZero())
	}
}

func ruleUnknownID(t *testing.T, w *taskWorld) {
	p := w.serve().dial(clientSide{})
	for _, id := range []string{"", "nope", strings.Repeat("x", 100_000)} {
		requireNone(t, p, id)
	}
}

func ruleUnknownCursor(t *testing.T, w *taskWorld) {
	p := w.serve().dial(clientSide{principal: "ada"})
	for _, cursor := range []string{"x", "dGFzazo", "dG9vbDox"} {
		_, err := p.ListTasks(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		e := requireCode(t, mcp.CodeInvalidParams, err)
		require.Equal(t, "invalid cursor: expected the nextCursor of an earlier page of this list", e.Message)
	}
}

// brokenStore fails.
type brokenStore struct{ tasks.Store }

func (brokenStore) Create(context.Context, *tasks.Record, tasks.Room) error {
	return errors.New("disk on fire, at /secret/place")
}

func (brokenStore) Get(context.Context, string) (*tasks.Record, error) {
	return nil, errors.New("disk on fire, at /secret/place")
}

func ruleInternalError(t *testing.T, w *taskWorld) {
	p := w.serve(StoreTasks(brokenStore{tasks.NewMemory(0)})).dial(clientSide{})
	_, err := p.tryBegin(t.Context(), "greet", ada, 0)
	e := requireCode(t, mcp.CodeInternalError, err)
	require.Equal(t, "internal error: the store of tasks failed", e.Message, "the reason is the operator's")
	_, err = p.GetTask(t.Context(), idOf("x"))
	requireCode(t, mcp.CodeInternalError, err)
	require.EqualValues(t, 2, w.TaskStats().StoreErrors)
	require.Zero(t, w.TaskStats().Running)
}

func ruleWhy(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "panic", "", func(context.Context, struct{}) (string, error) { panic("secret") }, TaskOptional())
	AddTool(w.Server, "long", "", func(context.Context, struct{}) (string, error) { return "", errors.New(strings.Repeat("é", 1000)) }, TaskOptional())
	p := w.dial(clientSide{})
	id := p.begin(t, "panic", "").TaskID
	_, err := p.outcome(t, id)
	require.Equal(t, "internal error", requireCode(t, mcp.CodeInternalError, err).Message)
	require.Equal(t, "internal error", p.state(t, id).StatusMessage)
	id = p.begin(t, "long", "").TaskID
	_, err = p.outcome(t, id)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("é", 500)+"...", p.state(t, id).StatusMessage)
}
