package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The client as the receiver of tasks: what the server asks of it.

func sampled(s string) *mcp.CreateMessageResult {
	return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: s}}}
}

func sampling(f func(ctx context.Context) error) client.Option {
	return client.OnSample(func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		if f != nil {
			if err := f(ctx); err != nil {
				return nil, err
			}
		}
		return sampled("Paris"), nil
	})
}

func wish(ttl time.Duration) *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{
		MaxTokens: 10, Messages: []mcp.SamplingMessage{say(mcp.RoleUser, &mcp.TextContent{Text: "capital of France?"})},
		Task: &mcp.TaskMetadata{TTL: new(ttl.Milliseconds())},
	}
}

func TestTheClientDeclaresTheTasksItTakes(t *testing.T) {
	for want, opts := range map[string][]client.Option{
		`{"cancel":{},"list":{},"requests":{"sampling":{"createMessage":{}}}}`:                             {sampling(nil)},
		`{"cancel":{},"list":{},"requests":{"elicitation":{"create":{}}}}`:                                 {client.OnElicit(nil2)},
		`{"cancel":{},"list":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}}`: {sampling(nil), client.OnElicit(nil2)},
	} {
		c := dial(t, &fake{}, append(opts, client.WithTasks(client.TaskLimits{}))...)
		require.JSONEq(t, want, string(c.Capabilities().Tasks.AppendJSON(nil)))
		require.Nil(t, dial(t, &fake{}, opts...).Capabilities().Tasks, "only where it is wanted")
	}
	_, err := client.Dial(t.Context(), me(), nil, client.WithTasks(client.TaskLimits{}))
	require.EqualError(t, err, "client: WithTasks needs OnSample, OnElicit or OnElicitURL: there is nothing to run as a task")
}

func nil2(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	return client.Decline(), nil
}

func TestSamplingAsATask(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(0)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet), client.WithTasks(client.TaskLimits{}), sampling(func(ctx context.Context) error {
			require.NotNil(t, client.From(ctx))
			time.Sleep(10 * time.Second) // of the bubble's time: somebody thinks
			_, err := client.CallTool[string](ctx, client.From(ctx), "silent", nil)
			return err
		}))
		defer end()
		start := time.Now()
		created, err := s.client().CreateMessageAsTask(t.Context(), wish(time.Minute))
		require.NoError(t, err)
		require.Zero(t, time.Since(start), "at once")
		id := created.Task.TaskID
		require.Equal(t, mcp.TaskStatusWorking, created.Task.Status)
		require.EqualValues(t, 60_000, *created.Task.TTL)

		state, err := s.client().GetTask(t.Context(), &mcp.TaskIDParams{TaskID: id})
		require.NoError(t, err)
		require.Equal(t, mcp.TaskStatusWorking, state.Status)
		require.Nil(t, state.Meta)
		list, err := s.client().ListTasks(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, list.Tasks, 1)

		result, err := s.client().GetTaskPayload(t.Context(), &mcp.TaskIDParams{TaskID: id})
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(start), "it waits")
		related1, _ := result.Meta.Get(related)
		require.JSONEq(t, `{"taskId":"`+id+`"}`, related1.String())
		content, _ := result.Unknown.Get("content")
		require.JSONEq(t, `{"type":"text","text":"Paris"}`, content.String())
		synctest.Wait()
		require.Equal(t, 1, s.count(mcp.MethodTaskStatus), "completed")
		require.NotContains(t, s.params(mcp.MethodTaskStatus), related)
		require.Contains(t, s.params(mcp.MethodTaskStatus), `"completed"`)
		require.JSONEq(t, `{"name":"silent","_meta":{"`+related+`":{"taskId":"`+id+`"}}}`, s.params(mcp.MethodCallTool), "what its handler sends belongs to it")
		_, err = client.CallTool[string](t.Context(), c, "silent", nil)
		require.NoError(t, err)
	})
}

func TestElicitationAsATask(t *testing.T) {
	f := &fake{}
	dial(t, f, client.WithTasks(client.TaskLimits{}), client.OnElicit(func(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		return client.Accept(map[string]any{})
	}))
	params := &mcp.ElicitFormParams{Message: "?", Task: &mcp.TaskMetadata{}, RequestedSchema: mcp.ElicitSchema{Properties: wire.Map[mcp.PrimitiveSchemaDefinition]{
		{Name: "seat", Value: &mcp.StringSchema{Default: "12A"}},
	}}}
	created, err := f.client().ElicitAsTask(t.Context(), params)
	require.NoError(t, err)
	result, err := f.client().GetTaskPayload(t.Context(), &mcp.TaskIDParams{TaskID: created.Task.TaskID})
	require.NoError(t, err)
	content, _ := result.Unknown.Get("content")
	require.JSONEq(t, `{"seat":"12A"}`, content.String())
}

func TestATaskOfTheServersIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := &fake{}
		var cause error
		_, end := dialIn(t, f, client.WithLogger(quiet), client.WithTasks(client.TaskLimits{}), sampling(func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return cause
		}))
		defer end()
		created, err := f.client().CreateMessageAsTask(t.Context(), wish(time.Minute))
		require.NoError(t, err)
		ref := &mcp.TaskIDParams{TaskID: created.Task.TaskID}
		synctest.Wait()
		state, err := f.client().CancelTask(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, mcp.TaskStatusCancelled, state.Status)
		synctest.Wait()
		require.ErrorIs(t, cause, rpc.ErrCancelled)
		_, err = f.client().CancelTask(t.Context(), ref)
		require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
		_, first := f.client().GetTaskPayload(t.Context(), ref)
		_, again := f.client().GetTaskPayload(t.Context(), ref)
		require.Error(t, first)
		require.Equal(t, first.Error(), again.Error())
		_, err = f.client().GetTask(t.Context(), &mcp.TaskIDParams{TaskID: "nothing"})
		require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
		_, err = f.client().ListTasks(t.Context(), &mcp.PaginatedParams{Cursor: "nonsense"})
		require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
	})
}

func TestTheFailureOfATaskOfTheServers(t *testing.T) {
	f := &fake{}
	dial(t, f, client.WithTasks(client.TaskLimits{}), sampling(func(context.Context) error { return client.ErrRejected }))
	created, err := f.client().CreateMessageAsTask(t.Context(), wish(time.Minute))
	require.NoError(t, err)
	ref := &mcp.TaskIDParams{TaskID: created.Task.TaskID}
	_, err = f.client().GetTaskPayload(t.Context(), ref)
	require.EqualError(t, err, "the user rejected the sampling request (code -1)", "the same error")
	state, err := f.client().GetTask(t.Context(), ref)
	require.NoError(t, err)
	require.Equal(t, mcp.TaskStatusFailed, state.Status)
	require.Equal(t, "the user rejected the sampling request", state.StatusMessage)
}

func TestWithoutTheCapabilityTaskIsIgnored(t *testing.T) {
	f := &fake{}
	dial(t, f, sampling(nil))
	result, err := f.client().CreateMessage(t.Context(), wish(time.Minute))
	require.NoError(t, err)
	require.Equal(t, "m", result.Model)
	for _, method := range []string{mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodCancelTask, mcp.MethodListTasks} {
		err := f.client().Caller.Call(t.Context(), method, &mcp.TaskIDParams{TaskID: "x"}, nil)
		require.Equal(t, rpc.CodeMethodNotFound, rpc.CodeOf(err), method)
	}
	// Sampling is declared, elicitation is not.
	g := &fake{}
	dial(t, g, sampling(nil), client.WithTasks(client.TaskLimits{}), client.OnElicit(nil2), client.WithCapabilities(func(c *mcp.ClientCapabilities) {
		c.Tasks.Requests.Elicitation = nil
	}))
	answer, err := g.client().Elicit(t.Context(), &mcp.ElicitFormParams{Message: "?", Task: &mcp.TaskMetadata{}})
	require.NoError(t, err)
	require.Equal(t, mcp.ElicitActionDecline, answer.Action)
}

func TestRequestsMayBeNoTasksThoughTheyCould(t *testing.T) {
	f := &fake{}
	dial(t, f, sampling(nil), client.WithTasks(client.TaskLimits{}))
	p := wish(0)
	p.Task = nil
	result, err := f.client().CreateMessage(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "m", result.Model)
}

func TestClosingTheClientEndsTheTasksOfTheServers(t *testing.T) {
	f := &fake{}
	started, ended := make(chan struct{}), make(chan error, 1)
	c, err := client.Dial(t.Context(), me(), pipeTo(f), client.WithLogger(quiet), client.WithTasks(client.TaskLimits{}), sampling(func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil
	}))
	require.NoError(t, err)
	_, err = f.client().CreateMessageAsTask(t.Context(), wish(time.Minute))
	require.NoError(t, err)
	<-started
	require.NoError(t, c.Close())
	require.Error(t, <-ended)
}

func TestLimitsOfTheTasksOfTheServers(t *testing.T) {
	f := &fake{}
	release := make(chan struct{})
	dial(t, f, client.WithTasks(client.TaskLimits{RunningPerOwner: 2, MaxTTL: time.Minute}), sampling(func(ctx context.Context) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}))
	for range 2 {
		created, err := f.client().CreateMessageAsTask(t.Context(), wish(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 60_000, *created.Task.TTL, "capped")
	}
	_, err := f.client().CreateMessageAsTask(t.Context(), wish(time.Hour))
	require.Equal(t, rpc.CodeBusy, rpc.CodeOf(err))
	close(release)
}
