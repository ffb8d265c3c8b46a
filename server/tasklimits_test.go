package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

func ruleIsolation(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	owner, other, nobody := w.dial(clientSide{principal: "ada"}), w.dial(clientSide{principal: "eve"}), w.dial(clientSide{})
	running, done := owner.begin(t, "slow", ada).TaskID, owner.begin(t, "greet", ada).TaskID
	_, err := owner.outcome(t, done)
	require.NoError(t, err)
	for _, id := range []string{running, done, "made-up"} {
		requireNone(t, other, id)
		requireNone(t, nobody, id)
	}
	list, err := other.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, list.Tasks)
	require.Equal(t, mcp.TaskStatusWorking, owner.state(t, running).Status, "nobody cancelled it")

	// The owner sees it from another session, and when the one that made it is gone.
	later := w.dial(clientSide{principal: "ada"})
	require.NoError(t, owner.conn.Close())
	list, err = later.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tasks, 2)
	g.release <- nil
	result, err := later.outcome(t, running)
	require.NoError(t, err)
	require.Contains(t, result.String(), "hello, Ada")

	// What nobody in particular made is not somebody's either.
	anybodys := nobody.begin(t, "greet", ada).TaskID
	requireNone(t, later, anybodys)
}

func ruleNobody(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p, other := w.dial(clientSide{}), w.dial(clientSide{})
	made, err := p.tryBegin(t.Context(), "slow", ada, 1<<40)
	require.NoError(t, err)
	require.EqualValues(t, time.Hour.Milliseconds(), *made.Task.TTL)
	_, err = p.ListTasks(t.Context(), nil)
	requireCode(t, mcp.CodeMethodNotFound, err)
	id := made.Task.TaskID
	require.Equal(t, mcp.TaskStatusWorking, other.state(t, id).Status, "the id is the key")
	require.NoError(t, p.conn.Close())
	g.release <- nil
	result, err := other.outcome(t, id)
	require.NoError(t, err)
	require.Contains(t, result.String(), "hello, Ada")
	id = other.begin(t, "slow", ada).TaskID
	_, err = w.dial(clientSide{}).CancelTask(t.Context(), idOf(id))
	require.NoError(t, err)
}

func requireBusy(t *testing.T, err error, text string) {
	t.Helper()
	e := requireCode(t, rpc.CodeBusy, err)
	require.Contains(t, e.Message, text) // over HTTP it comes with status 429, and the client says of which method
	require.Regexp(t, `^\{"retryAfter":[0-9]+\}$`, e.Data.String())
}

func ruleRate(t *testing.T, w *taskWorld) {
	p := w.serve(LimitTasks(TaskLimits{Polls: ratelimit.Rate{PerSecond: 0.01, Burst: 3}, Lookups: ratelimit.Rate{PerSecond: 0.01, Burst: 6}})).dial(clientSide{})
	id := p.begin(t, "greet", ada).TaskID
	for range 3 {
		p.state(t, id)
	}
	_, err := p.GetTask(t.Context(), idOf(id))
	requireBusy(t, err, "the task is asked after too often: wait for its pollInterval")
	for range 2 {
		_, err = p.GetTask(t.Context(), idOf("guess"))
		requireCode(t, mcp.CodeInvalidParams, err)
	}
	_, err = p.GetTask(t.Context(), idOf("guess"))
	requireBusy(t, err, "too many requests about tasks: retry later")
	require.EqualValues(t, 2, w.TaskStats().Throttled)
	require.EqualValues(t, 2, w.TaskStats().Misses)
	_, err = w.dial(clientSide{}).GetTask(t.Context(), idOf("guess"))
	requireCode(t, mcp.CodeInvalidParams, err)
}

func ruleConcurrent(t *testing.T, w *taskWorld) {
	w.serve(LimitTasks(TaskLimits{RunningPerOwner: 2, Running: 3}))
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	for _, principal := range []string{"", "ada"} {
		p := w.dial(clientSide{principal: principal})
		ids := []string{p.begin(t, "slow", ada).TaskID, p.begin(t, "slow", ada).TaskID}
		_, err := p.tryBegin(t.Context(), "slow", ada, 0)
		requireBusy(t, err, "2 tasks of yours run, which is as many as may: retry when one has ended")
		if principal != "" { // in another session too
			_, err := w.dial(clientSide{principal: principal}).tryBegin(t.Context(), "slow", ada, 0)
			requireBusy(t, err, "2 tasks of yours run, which is as many as may: retry when one has ended")
		}
		other := w.dial(clientSide{principal: "bob"})
		ids = append(ids, other.begin(t, "slow", ada).TaskID)
		_, err = other.tryBegin(t.Context(), "slow", ada, 0)
		requireBusy(t, err, "too many tasks run: retry later")
		for range ids {
			<-g.entered
		}
		for i, id := range ids {
			by := p
			if i == 2 {
				by = other
			}
			_, err := by.CancelTask(t.Context(), idOf(id))
			require.NoError(t, err)
		}
		require.Eventually(t, func() bool { return w.TaskStats().Running == 0 }, 10*time.Second, time.Millisecond)
	}
	require.EqualValues(t, 5, w.TaskStats().Refused)
}

func ruleMaxTTL(t *testing.T, w *taskWorld) {
	w.serve()
	made, err := w.dial(clientSide{principal: "ada"}).tryBegin(t.Context(), "greet", ada, 1<<60)
	require.NoError(t, err)
	require.EqualValues(t, (24 * time.Hour).Milliseconds(), *made.Task.TTL)
	made, err = w.dial(clientSide{}).tryBegin(t.Context(), "greet", ada, 1<<60)
	require.NoError(t, err)
	require.EqualValues(t, time.Hour.Milliseconds(), *made.Task.TTL, "shorter where nobody is authenticated")
}

func ruleExpired(t *testing.T, w *taskWorld) {
	w.serve(LimitTasks(TaskLimits{Lease: 30 * time.Millisecond}))
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p := w.dial(clientSide{})
	made, err := p.tryBegin(t.Context(), "slow", ada, 50)
	require.NoError(t, err)
	ctx := <-g.entered
	_, err = p.outcome(t, made.Task.TaskID)
	require.Equal(t, unknownTask, requireCode(t, mcp.CodeInvalidParams, err).Message)
	<-ctx.Done()
	require.ErrorIs(t, context.Cause(ctx), tasks.ErrExpired)
	requireNone(t, p, made.Task.TaskID)
	require.Eventually(t, func() bool { return w.TaskStats().Expired == 1 }, 10*time.Second, time.Millisecond)
}

func ruleStats(t *testing.T, w *taskWorld) {
	w.serve()
	w.asking()
	c, _ := hearing(accepted)
	p := w.dial(c)
	id := p.begin(t, "ask", "").TaskID
	p.until(t, id, mcp.TaskStatusInputRequired)
	stats := w.TaskStats()
	stats.Throttled = 0
	require.Equal(t, TaskStats{Running: 1, Asking: 1, Created: 1}, stats)
	_, err := p.outcome(t, id)
	require.NoError(t, err)
	stats = w.TaskStats()
	stats.Throttled = 0
	require.Equal(t, TaskStats{Created: 1, Completed: 1, Retrieved: 1}, stats)
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func ruleAudit(t *testing.T, w *taskWorld) {
	log := &syncBuffer{}
	w.serve(Logger(slog.New(slog.NewTextHandler(log, nil))))
	p := w.dial(clientSide{principal: "ada"})
	id := p.begin(t, "greet", ada).TaskID
	_, err := p.outcome(t, id)
	require.NoError(t, err)
	for _, event := range []string{`"tasks: created"`, `"tasks: ended"`, `"tasks: outcome retrieved"`} {
		require.Regexp(t, event+` task=`+id[:8]+` method=tools/call status=\S+ principal=ada`, log.String())
	}
	require.NotContains(t, log.String(), id, "who reads the log must not see the task of somebody who has no other key")
}

func TestTasksPerSession(t *testing.T) {
	w := (&taskWorld{t: t}).serve(TasksPerSession())
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	p, other := w.dial(clientSide{principal: "ada"}), w.dial(clientSide{principal: "ada"})
	require.False(t, p.opened.Capabilities.Tasks.List.IsZero())
	done, running := p.begin(t, "greet", ada).TaskID, p.begin(t, "slow", ada).TaskID
	_, err := p.outcome(t, done)
	require.NoError(t, err)
	for _, id := range []string{done, running} {
		requireNone(t, other, id)
	}
	list, err := p.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tasks, 2)
	list, err = other.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, list.Tasks)
	ctx := <-g.entered
	require.NoError(t, p.conn.Close())
	<-ctx.Done()
	require.ErrorIs(t, context.Cause(ctx), rpc.ErrClosed)
	require.Eventually(t, func() bool { return w.TaskStats().Running == 0 }, 10*time.Second, time.Millisecond)

	anonymous := (&taskWorld{t: t}).serve(TasksPerSession()).dial(clientSide{})
	require.False(t, anonymous.opened.Capabilities.Tasks.List.IsZero(), "it is known whose they are")
}

func TestTasksInStatelessMode(t *testing.T) {
	s := taskServer(t)
	AddTool(s, "greet", "", greet, TaskOptional())
	AddTool(s, "ask", "", func(ctx context.Context, _ greeting) (string, error) {
		_, err := Elicit[greeting](ctx, "who", "Who?")
		return "", err
	}, TaskOptional())
	url, c := overHTTP(t, s, streamhttp.Stateless())
	text := func(message string, header ...string) string {
		var body strings.Builder
		require.NoError(t, post(t, c, url, message, append(header, "Mcp-Protocol-Version", "2025-11-25")...).Write(&body))
		return body.String()
	}
	require.Contains(t, text(initialize), `"tasks":{"cancel":{},"requests":{"tools":{"call":{}}}}`)
	require.Contains(t, text(initialize, "X-User", "ada"), `"tasks":{"cancel":{},"list":{},"requests":{"tools":{"call":{}}}}`)
	begin := func(tool string, header ...string) string {
		body := text(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+ada+`,"task":{}}}`, header...)
		_, id, ok := strings.Cut(body, `"task":{"`)
		require.True(t, ok, body)
		_, id, ok = strings.Cut(id, `"taskId":"`)
		require.True(t, ok, body)
		return id[:26]
	}
	ask := func(method, id string, header ...string) string {
		return text(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"taskId":"`+id+`"}}`, header...)
	}
	id := begin("greet", "X-User", "ada")
	require.Contains(t, ask("tasks/result", id, "X-User", "ada"), "hello, Ada")
	require.Contains(t, ask("tasks/list", "", "X-User", "ada"), id)
	for _, who := range [][]string{nil, {"X-User", "eve"}} {
		require.Contains(t, ask("tasks/result", id, who...), unknownTask)
		require.Contains(t, ask("tasks/get", id, who...), unknownTask)
		require.NotContains(t, ask("tasks/list", "", who...), id, "not everybody sees everything")
	}
	require.Contains(t, ask("tasks/list", ""), `"code":-32601`)
	anybodys := begin("greet")
	require.Contains(t, ask("tasks/result", anybodys), "hello, Ada")
	require.Contains(t, ask("tasks/result", begin("ask")), "clients cannot be asked anything")

	perSession := taskServer(t, TasksPerSession())
	AddTool(perSession, "greet", "", greet, TaskOptional())
	url, c = overHTTP(t, perSession, streamhttp.Stateless())
	require.NotContains(t, text(initialize, "X-User", "ada"), `"tasks":`)
	require.Equal(t, http.StatusOK, post(t, c, url, initialize).StatusCode)
}
