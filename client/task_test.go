package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The paragraphs of basic/utilities/tasks that are about requestors, against a server made by hand.

const related = "io.modelcontextprotocol/related-task"

// taskServer is a fake with one task, whose state and outcome a test sets.
type taskServer struct {
	*fake
	mu      sync.Mutex
	task    mcp.Task
	meta    wire.Object                                           // of the answer that creates it
	outcome func(ctx context.Context) (wire.Appender, error)      // what tasks/result does
	get     func(n int, t *mcp.Task) error                        // runs at the nth tasks/get
	asked   []time.Time                                           // when
	start   func(ctx context.Context, params *mcp.CallToolParams) // runs when the task is created
}

func tasksDeclared() mcp.ServerCapabilities {
	c := everything()
	c.Tasks = &mcp.ServerCapabilitiesTasks{
		List: object, Cancel: object,
		Requests: &mcp.ServerCapabilitiesTasksRequests{Tools: &mcp.ServerCapabilitiesTasksRequestsTools{Call: object}},
	}
	return c
}

func supporting(name string, s mcp.TaskSupport) mcp.Tool {
	t := mcp.Tool{Name: name, InputSchema: object}
	if s != "" {
		t.Execution = &mcp.ToolExecution{TaskSupport: s}
	}
	return t
}

const taskID = "task-786512e2"

func newTaskServer(interval time.Duration) *taskServer {
	s := &taskServer{
		fake: &fake{capabilities: tasksDeclared(), tools: []mcp.Tool{
			supporting("optional", mcp.TaskSupportOptional), supporting("required", mcp.TaskSupportRequired),
			supporting("forbidden", mcp.TaskSupportForbidden), supporting("silent", ""),
		}},
		task: mcp.Task{TaskID: taskID, Status: mcp.TaskStatusWorking, CreatedAt: "2025-11-25T10:30:00Z", LastUpdatedAt: "2025-11-25T10:30:00Z"},
	}
	if interval > 0 {
		s.task.PollInterval = new(interval.Milliseconds())
	}
	s.outcome = func(context.Context) (wire.Appender, error) { return text("done"), nil }
	s.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodCallTool: func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			var p mcp.CallToolParams
			if err := m.Raw().Decode(&p); err != nil {
				return nil, err
			}
			if p.Task == nil {
				return text("called " + p.Name), nil
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if p.Task.TTL != nil {
				s.task.TTL = p.Task.TTL
			}
			if s.start != nil {
				s.start(ctx, &p)
			}
			return &mcp.CreateTaskResult{Task: s.task, Meta: s.meta}, nil
		},
		mcp.MethodGetTask: func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = append(s.asked, time.Now())
			if s.get != nil {
				if err := s.get(len(s.asked), &s.task); err != nil {
					return nil, err
				}
			}
			return &s.task, nil
		},
		mcp.MethodGetTaskPayload: func(ctx context.Context, m *rpc.Message) (wire.Appender, error) { return s.outcome(ctx) },
		mcp.MethodCancelTask: func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.task.Status = mcp.TaskStatusCancelled
			return &s.task, nil
		},
	}
	return s
}

// becomes has the nth tasks/get find a status.
func (s *taskServer) becomes(n int, status mcp.TaskStatus) {
	s.get = func(i int, t *mcp.Task) error {
		if i >= n {
			t.Status = status
		}
		return nil
	}
}

// set changes the task.
func (s *taskServer) set(status mcp.TaskStatus) {
	s.mu.Lock()
	s.task.Status = status
	s.mu.Unlock()
}

// notify sends the state of the task, with another status.
func (s *taskServer) notify(t testing.TB, status mcp.TaskStatus) {
	require.NoError(t, s.client().TaskStatus(context.Background(), &mcp.TaskStatusParams{
		TaskID: s.task.TaskID, Status: status, CreatedAt: s.task.CreatedAt, LastUpdatedAt: s.task.LastUpdatedAt, PollInterval: s.task.PollInterval,
	}))
}

func inBubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }

func TestNoTaskWithoutTheCapability(t *testing.T) {
	for _, c := range []*mcp.ServerCapabilitiesTasks{
		nil,
		{List: object, Cancel: object},
		{Requests: &mcp.ServerCapabilitiesTasksRequests{}},
	} {
		s := newTaskServer(0)
		s.capabilities.Tasks = c
		cl := dial(t, s.fake)
		for _, tool := range []string{"optional", "required", "forbidden", "silent"} {
			_, err := client.StartTool[string](t.Context(), cl, tool, nil)
			require.EqualError(t, err, `tools/call as a task was not sent: the server does not declare the capability "tasks.requests.tools.call"`)
			got, err := client.CallTool[string](t.Context(), cl, tool, nil)
			require.NoError(t, err)
			require.Equal(t, "called "+tool, got, "without a task, whatever taskSupport says")
		}
		require.Equal(t, 0, s.count(mcp.MethodGetTask))
	}
}

func TestToolsThatAreNoTasksAreNotCalledAsTasks(t *testing.T) {
	s := newTaskServer(0)
	c := dial(t, s.fake)
	for tool, want := range map[string]string{
		"forbidden": `tools/call of forbidden as a task was not sent: its execution.taskSupport is "forbidden", expected optional or required`,
		"silent":    `tools/call of silent as a task was not sent: its execution.taskSupport is absent, expected optional or required`,
		"unlisted":  `tools/call of unlisted as a task was not sent: its execution.taskSupport is absent, expected optional or required`,
	} {
		_, err := client.StartTool[string](t.Context(), c, tool, nil)
		require.EqualError(t, err, want)
		_, refused := errors.AsType[*client.TaskSupportError](err)
		require.True(t, refused)
		_, err = c.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Task: &mcp.TaskMetadata{}})
		require.EqualError(t, err, want)
	}
	require.Zero(t, s.count(mcp.MethodCallTool))
	got, err := client.CallTool[string](t.Context(), c, "silent", nil)
	require.NoError(t, err)
	require.Equal(t, "called silent", got)
}

func TestAnOptionalToolMayBeEither(t *testing.T) {
	s := newTaskServer(time.Millisecond)
	s.becomes(1, mcp.TaskStatusCompleted)
	c := dial(t, s.fake)
	got, err := client.CallTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	require.Equal(t, "called optional", got)
	task, err := client.StartTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	require.Equal(t, taskID, task.ID())
	require.Equal(t, "optional", task.Tool())
	require.Equal(t, mcp.TaskStatusWorking, task.Known().Status)
	got, err = task.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "done", got)
}

func TestARequiredToolIsAlwaysATask(t *testing.T) {
	s := newTaskServer(time.Millisecond)
	s.becomes(2, mcp.TaskStatusCompleted)
	c := dial(t, s.fake)
	got, err := client.CallTool[string](t.Context(), c, "required", nil, client.TTL(time.Minute))
	require.NoError(t, err)
	require.Equal(t, "done", got)
	require.JSONEq(t, `{"name":"required","task":{"ttl":60000}}`, s.params(mcp.MethodCallTool))
	require.Equal(t, 2, s.count(mcp.MethodGetTask))
}

func TestARequiredToolThatIsGivenUpIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Second)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := client.CallTool[string](ctx, c, "required", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, 1, s.count(mcp.MethodCancelTask))
		require.JSONEq(t, `{"taskId":"`+taskID+`"}`, s.params(mcp.MethodCancelTask), "no related-task: the id is there already")

		start := time.Now()
		s.set(mcp.TaskStatusWorking)
		_, err = client.CallTool[string](t.Context(), c, "required", nil, client.MaxTime(time.Minute))
		require.EqualError(t, err, "tools/call: no answer within 1m0s (code -32011)")
		require.Equal(t, time.Minute, time.Since(start))
		synctest.Wait()
		require.Equal(t, 2, s.count(mcp.MethodCancelTask))
	})
}

func TestTTLIsAskedForAndTold(t *testing.T) {
	s := newTaskServer(0)
	c := dial(t, s.fake)
	task, err := client.StartTool[string](t.Context(), c, "optional", nil, client.TTL(90*time.Second), client.Meta("a", 1))
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"optional","_meta":{"a":1},"task":{"ttl":90000}}`, s.params(mcp.MethodCallTool))
	require.EqualValues(t, 90_000, *task.Known().TTL)
	_, err = client.StartTool[string](t.Context(), dial(t, s.fake), "optional", nil)
	require.NoError(t, err)
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	require.JSONEq(t, `{"name":"optional","task":{}}`, s.texts[len(s.texts)-1])
}

func TestModelImmediateResponse(t *testing.T) {
	s := newTaskServer(0)
	s.meta.Set("io.modelcontextprotocol/model-immediate-response", wire.MustRaw(`"It takes a while."`))
	c := dial(t, s.fake)
	task, err := client.StartTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	require.Equal(t, "It takes a while.", task.ImmediateResponse())
	require.Empty(t, client.ResumeTask[string](c, "optional", taskID).ImmediateResponse())
}

func TestTheOutcomeIsExactlyThatOfTheCall(t *testing.T) {
	failed := text("disk full")
	failed.IsError = true
	for name, x := range map[string]struct {
		status  mcp.TaskStatus
		outcome func(context.Context) (wire.Appender, error)
		want    string
	}{
		"tool error": {mcp.TaskStatusFailed, func(context.Context) (wire.Appender, error) { return failed, nil }, "tool optional failed: disk full"},
		"protocol error": {mcp.TaskStatusFailed, func(context.Context) (wire.Appender, error) {
			return nil, &rpc.Error{Code: 42, Message: "no", Data: wire.MustRaw(`{"a":1}`)}
		}, "no (code 42)"},
		"invalid params": {mcp.TaskStatusFailed, func(context.Context) (wire.Appender, error) {
			return nil, &rpc.Error{Code: -32602, Message: "no such tool"}
		}, "no such tool (code -32602)"},
		"cancelled": {mcp.TaskStatusCancelled, func(context.Context) (wire.Appender, error) {
			return nil, &rpc.Error{Code: -32800, Message: "cancelled by request"}
		}, "cancelled by request (code -32800)"},
		"empty cancelled": {mcp.TaskStatusCancelled, func(context.Context) (wire.Appender, error) { return nil, nil }, "task " + taskID + ": the task was cancelled (code -32011)"},
		"bad result":      {mcp.TaskStatusCompleted, func(context.Context) (wire.Appender, error) { return wire.MustRaw(`{"content":5}`), nil }, "unusable result of tools/call: at /result/content: expected an array, found number 5 (code -32603)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTaskServer(time.Millisecond)
			s.becomes(1, x.status)
			s.outcome = x.outcome
			c := dial(t, s.fake)
			task, err := client.StartTool[string](t.Context(), c, "optional", nil)
			require.NoError(t, err)
			for range 2 {
				_, err = task.Wait(t.Context())
				require.EqualError(t, err, x.want)
				require.Equal(t, x.status == mcp.TaskStatusCancelled, errors.Is(err, client.ErrTaskCancelled))
			}
			if name == "protocol error" {
				e, _ := errors.AsType[*rpc.Error](err)
				require.Equal(t, `{"a":1}`, e.Data.String())
			}
			require.Equal(t, 1, s.count(mcp.MethodGetTaskPayload), "the outcome is kept")
		})
	}
}

func TestCancelledTasksNeedNotBeRetained(t *testing.T) {
	s := newTaskServer(time.Millisecond)
	s.outcome = func(context.Context) (wire.Appender, error) {
		return nil, &rpc.Error{Code: -32602, Message: "task not found"}
	}
	c := dial(t, s.fake)
	task, err := client.StartTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	require.NoError(t, task.Cancel(t.Context()))
	require.Equal(t, mcp.TaskStatusCancelled, task.Known().Status)
	s.mu.Lock()
	s.get = func(int, *mcp.Task) error { return &rpc.Error{Code: -32602, Message: "task not found"} }
	s.mu.Unlock()
	_, err = task.Wait(t.Context())
	require.EqualError(t, err, "task "+taskID+": the task was cancelled (code -32011)")
	require.ErrorIs(t, err, client.ErrTaskCancelled)
}

func TestATaskThatIsGone(t *testing.T) {
	s := newTaskServer(time.Millisecond)
	s.get = func(int, *mcp.Task) error { return &rpc.Error{Code: -32602, Message: "task not found"} }
	c := dial(t, s.fake)
	task := client.ResumeTask[string](c, "optional", "nothing")
	_, err := task.Status(t.Context())
	want := "task nothing is not there (any more): task not found (code -32602)"
	require.EqualError(t, err, want)
	_, err = task.Wait(t.Context())
	require.EqualError(t, err, want)
	lost, ok := errors.AsType[*client.TaskLostError](err)
	require.True(t, ok)
	require.Equal(t, "nothing", lost.ID)

	// Its ttl was over between the last poll and tasks/result.
	s.get = func(n int, t *mcp.Task) error {
		if t.Status == mcp.TaskStatusCompleted {
			return &rpc.Error{Code: -32602, Message: "task not found"}
		}
		t.Status = mcp.TaskStatusCompleted
		return nil
	}
	s.outcome = func(context.Context) (wire.Appender, error) { return nil, &rpc.Error{Code: -32602, Message: "expired"} }
	task, err = client.StartTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	_, err = task.Wait(t.Context())
	require.EqualError(t, err, "task "+taskID+" is not there (any more): expired (code -32602)")
}

func TestWaitEndsWithItsContextAndTheTaskGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Second)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		_, err = task.Wait(ctx)
		require.EqualError(t, err, "waiting for task "+taskID+": context deadline exceeded (code -32011)")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.Zero(t, s.count(mcp.MethodCancelTask))
		s.set(mcp.TaskStatusCompleted)
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "done", got)
	})
}

func TestAResumedTask(t *testing.T) {
	s := newTaskServer(time.Millisecond)
	s.becomes(1, mcp.TaskStatusCompleted)
	id := func() string {
		c, err := client.Dial(t.Context(), me(), pipeTo(s.fake), client.WithLogger(quiet))
		require.NoError(t, err)
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		_, err = task.Wait(t.Context())
		require.ErrorIs(t, err, rpc.ErrClosed)
		return task.ID()
	}()
	c := dial(t, s.fake)
	task := client.ResumeTask[string](c, "optional", id)
	require.Empty(t, task.Known().Status)
	got, err := task.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "done", got)
	got, err = client.ResumeTask[string](c, "", id).Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "done", got)
}

func TestListingTasksFollowsOpaqueCursors(t *testing.T) {
	s := newTaskServer(0)
	cursors := []string{"", "\u2603 opaque/+==", "{\"page\":3}"}
	s.custom[mcp.MethodListTasks] = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		var p mcp.PaginatedParams
		if !m.Raw().IsZero() {
			if err := m.Raw().Decode(&p); err != nil {
				return nil, err
			}
		}
		for i, cursor := range cursors {
			if p.Cursor == cursor {
				r := &mcp.ListTasksResult{Tasks: []mcp.Task{{TaskID: fmt.Sprint(i), Status: mcp.TaskStatusWorking}}}
				if i+1 < len(cursors) {
					r.NextCursor = cursors[i+1]
				}
				return r, nil
			}
		}
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "no such cursor %q", p.Cursor)
	}
	c := dial(t, s.fake)
	all := collect(t, c.Tasks(t.Context()))
	require.Len(t, all, 3)
	require.Equal(t, "2", all[2].TaskID)
	page, err := c.ListTasks(t.Context(), cursors[1])
	require.NoError(t, err)
	require.Equal(t, cursors[2], page.NextCursor)
	for _, p := range s.texts {
		require.NotContains(t, p, related)
	}
	s.capabilities.Tasks.List = wire.Raw{}
	_, err = dial(t, s.fake).ListTasks(t.Context(), "")
	require.EqualError(t, err, `tasks/list was not sent: the server does not declare the capability "tasks.list"`)
	s.capabilities.Tasks.Cancel = wire.Raw{}
	require.EqualError(t, client.ResumeTask[string](dial(t, s.fake), "", "x").Cancel(t.Context()),
		`tasks/cancel was not sent: the server does not declare the capability "tasks.cancel"`)
}

func TestTheProgressTokenHoldsForTheTask(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Second)
		var token mcp.ProgressToken
		s.start = func(_ context.Context, p *mcp.CallToolParams) { token = p.Meta.ProgressToken }
		report := func(n float64) {
			require.NoError(t, s.client().Progress(context.Background(), &mcp.ProgressParams{ProgressToken: token, Progress: n}))
		}
		s.get = func(n int, task *mcp.Task) error {
			report(float64(n))
			if n == 3 {
				task.Status = mcp.TaskStatusCompleted
			}
			return nil
		}
		s.outcome = func(context.Context) (wire.Appender, error) {
			report(100)
			return text("done"), nil
		}
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		var got []float64
		var task *client.Task[string]
		task, err := client.StartTool[string](t.Context(), c, "optional", nil, client.OnProgress(func(p rpc.Progress) {
			got = append(got, p.Progress)
			require.NotEmpty(t, task.Known().Status)
			_, err := task.Status(t.Context()) // it may call the server, and about the task too
			require.NoError(t, err)
		}))
		require.NoError(t, err)
		require.False(t, token.IsZero())
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, []float64{1, 2, 3, 100}, got, "in order, all before Wait returns")
		report(101)
		synctest.Wait()
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		require.Len(t, got, 4, "after the end of the task there is none")
	})
}

func TestAToolThatAnswersAtOnceThoughItIsATask(t *testing.T) {
	s := newTaskServer(0)
	s.custom[mcp.MethodCallTool] = func(context.Context, *rpc.Message) (wire.Appender, error) { return text("at once"), nil }
	c := dial(t, s.fake)
	task, err := client.StartTool[string](t.Context(), c, "optional", nil)
	require.NoError(t, err)
	require.Empty(t, task.ID())
	got, err := task.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "at once", got)
	require.Zero(t, s.count(mcp.MethodGetTask))
	for raw, want := range map[string]string{
		`{}`: `unusable result of tools/call as a task: at /result: expected the member task, found none (code -32603)`,
		`{"task":{"taskId":"","status":"working","createdAt":"","lastUpdatedAt":"","ttl":null}}`: `unusable result of tools/call as a task: the task has no id (code -32603)`,
	} {
		s.custom[mcp.MethodCallTool] = func(context.Context, *rpc.Message) (wire.Appender, error) { return wire.MustRaw(raw), nil }
		_, err = client.StartTool[string](t.Context(), c, "optional", nil)
		require.ErrorContains(t, err, want[:40])
	}
}

func pipeTo(f *fake) rpc.Transport { return pipe.To(f.acceptor(), pipe.Limits{}) }
