package server

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// taskRules is every paragraph of the specification's page on tasks (2025-11-25, basic/utilities/tasks) that says MUST or
// SHOULD to a receiver, in our words, with the test for it; docs/tasks.md has the whole list. They run over every transport. The valid transitions are
// also what tasks.TestLifecycle plays with. What the page says to requestors is tested in client.
var taskRules = []struct {
	section, rule string
	test          func(*testing.T, *taskWorld)
}{
	{"Capabilities", "a receiver of tasks declares them, and for which requests", ruleDeclared},
	{"Tool-Level Negotiation", "a tool that forbids tasks refuses them with -32601", ruleForbidden},
	{"Tool-Level Negotiation", "a tool that requires tasks refuses other calls with -32601", ruleRequired},
	{"Task Support and Handling", "where tasks are not declared, asking for one is ignored", ruleIgnored},
	{"Task ID Requirements", "ids are strings of the receiver, all different, and cannot be guessed", ruleIDs},
	{"Task Status Lifecycle", "tasks begin as working", ruleBegins},
	{"Task Status Lifecycle", "what has ended stays as it is", ruleFinal},
	{"Input Required Status", "a task that needs something is input_required until it has it", ruleInput},
	{"Input Required Status", "what it needs is asked for with the id of the task", ruleInputRelated},
	{"TTL and Resource Management", "every answer has the times of creation and of the last change", ruleTimes},
	{"TTL and Resource Management", "tasks/get tells the actual ttl", ruleTTL},
	{"TTL and Resource Management", "a pollInterval is suggested", rulePollInterval},
	{"Result Retrieval", "the request is answered with the task, at once", ruleAtOnce},
	{"Result Retrieval", "tasks/result waits for the end", ruleBlocks},
	{"Result Retrieval", "tasks/result gives exactly what the call would have: a result", ruleExactResult},
	{"Result Retrieval", "tasks/result gives exactly what the call would have: a result with isError", ruleExactIsError},
	{"Result Retrieval", "tasks/result gives exactly what the call would have: an error", ruleExactError},
	{"Associating Task-Related Messages", "the id in the params counts, whatever _meta says", ruleParamCounts},
	{"Associating Task-Related Messages", "tasks/get, tasks/list and tasks/cancel have no related-task", ruleUnrelated},
	{"Related Task Metadata", "the result of tasks/result, and what is sent meanwhile, have related-task", ruleRelated},
	{"Task Notifications", "a status is told whole, and without related-task", ruleStatusNotifications},
	{"Task Progress Notifications", "the progress token holds for the life of the task", ruleProgress},
	{"Task Listing", "lists have pages, and a cursor as long as there is more", ruleList},
	{"Task Listing", "what can be got can be listed", ruleListed},
	{"Task Cancellation", "what has ended cannot be cancelled, -32602", ruleCancelEnded},
	{"Task Cancellation", "the task is cancelled, and stopped, before the answer", ruleCancelStops},
	{"Task Cancellation", "a cancelled task stays cancelled though the work goes on", ruleCancelStays},
	{"Protocol Errors", "an unknown id is -32602", ruleUnknownID},
	{"Protocol Errors", "an unknown cursor is -32602", ruleUnknownCursor},
	{"Protocol Errors", "a failure of the receiver is -32603", ruleInternalError},
	{"Task Execution Errors", "a failed task says why", ruleWhy},
	{"Task Isolation and Access Control", "a task is bound to who made it", ruleIsolation},
	{"Task Isolation and Access Control", "without anybody there is no list, and shorter lives", ruleNobody},
	{"Task Isolation and Access Control", "requests about tasks are limited in rate", ruleRate},
	{"Resource Management", "so many tasks run at once for a requestor", ruleConcurrent},
	{"Resource Management", "no task lives longer than the maximum", ruleMaxTTL},
	{"Resource Management", "expired tasks go", ruleExpired},
	{"Resource Management", "use of resources can be watched", ruleStats},
	{"Audit and Logging", "creation, end and retrieval are logged, with who it was", ruleAudit},
}

func TestTaskSpecification(t *testing.T) {
	for _, r := range taskRules {
		t.Run(nameOf(r.test), func(t *testing.T) {
			t.Log(r.section + ": " + r.rule)
			r.test(t, &taskWorld{t: t})
		})
	}
}

// taskWorld is a server with tasks, and its clients.
type taskWorld struct {
	t *testing.T
	*Server
}

// serve makes the server; it has a tool "greet".
func (w *taskWorld) serve(opts ...Option) *taskWorld {
	w.Server = taskServer(w.t, append([]Option{Logger(discard)}, opts...)...)
	AddTool(w.Server, "greet", "", greet, TaskOptional())
	return w
}

// dial connects a client and initializes it.
func (w *taskWorld) dial(c clientSide) *peer {
	w.t.Helper()
	return connect(w.t, w.Server, c)
}

// heard is what a client received, as text.
type heardMessages struct {
	mu   sync.Mutex
	all  []string
	more chan struct{}
}

// hearing makes a client that keeps notifications, and answers questions with answer.
func hearing(answer string) (clientSide, *heardMessages) {
	h := &heardMessages{more: make(chan struct{}, 1000)}
	c := clientSide{capabilities: mcp.ClientCapabilities{
		Elicitation: &mcp.ClientCapabilitiesElicitation{}, Sampling: &mcp.ClientCapabilitiesSampling{}, Roots: &mcp.ListChangedCapability{},
	}}
	c.incoming = []rpc.Interceptor{func(rpc.Handler) rpc.Handler {
		return func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			h.mu.Lock()
			h.all = append(h.all, m.Method+" "+m.Raw().String())
			h.mu.Unlock()
			h.more <- struct{}{}
			if m.Kind == rpc.KindRequest {
				return wire.MustRaw(answer), nil
			}
			return nil, nil
		}
	}}
	return c, h
}

// wait waits for a message with all of the parts.
func (h *heardMessages) wait(t *testing.T, parts ...string) string {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		h.mu.Lock()
		for _, text := range h.all {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) }) {
				h.mu.Unlock()
				return text
			}
		}
		h.mu.Unlock()
		select {
		case <-h.more:
		case <-late:
			t.Fatalf("no message with %q among %q", parts, h.all)
		}
	}
}

func relatedTo(id string) string {
	return `"io.modelcontextprotocol/related-task":{"taskId":"` + id + `"}`
}

func ruleDeclared(t *testing.T, w *taskWorld) {
	w.serve()
	require.JSONEq(t, `{"cancel":{},"requests":{"tools":{"call":{}}}}`, raw(w.dial(clientSide{}).opened.Capabilities.Tasks).String())
	require.JSONEq(t, `{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`, raw(w.dial(clientSide{principal: "ada"}).opened.Capabilities.Tasks).String())
	require.Nil(t, w.dial(clientSide{version: "2025-06-18"}).opened.Capabilities.Tasks, "the version has none")
	w.Server = taskServer(t)
	AddTool(w.Server, "never", "", greet)
	require.Nil(t, w.dial(clientSide{}).opened.Capabilities.Tasks, "no tool takes any")
}

func ruleForbidden(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "never", "", greet)
	_, err := w.dial(clientSide{}).tryBegin(t.Context(), "never", ada, 0)
	e := requireCode(t, mcp.CodeMethodNotFound, err)
	require.Equal(t, `this tools/call cannot be a task: expected no member "task" in its params`, e.Message)
}

func ruleRequired(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "always", "", greet, TaskRequired())
	p := w.dial(clientSide{})
	_, err := p.tryCall(t.Context(), "always", ada)
	e := requireCode(t, mcp.CodeMethodNotFound, err)
	require.Equal(t, `this tools/call must be a task: expected the member "task" in its params`, e.Message)
	p.begin(t, "always", ada)
	list, err := p.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, mcp.TaskSupportRequired, list.Tools[1].Execution.TaskSupport)
}

func ruleIgnored(t *testing.T, w *taskWorld) {
	w.serve()
	AddTool(w.Server, "always", "", greet, TaskRequired())
	AddTool(w.Server, "never", "", greet)
	p := w.dial(clientSide{version: "2025-06-18"})
	for _, name := range []string{"greet", "always", "never"} {
		result, err := p.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: wire.MustRaw(ada), Task: &mcp.TaskMetadata{}})
		require.NoError(t, err, name)
		require.Equal(t, "hello, Ada", said(t, result))
	}
	require.Zero(t, w.TaskStats().Created)
}

func ruleIDs(t *testing.T, w *taskWorld) {
	p := w.serve().dial(clientSide{})
	seen := map[string]bool{}
	for range 100 {
		id := p.begin(t, "greet", ada).TaskID
		require.Len(t, id, 26, "5 bits each")
		require.False(t, seen[id])
		seen[id] = true
	}
}

func ruleBegins(t *testing.T, w *taskWorld) {
	require.Equal(t, mcp.TaskStatusWorking, w.serve().dial(clientSide{}).begin(t, "greet", ada).Status)
}

func ruleFinal(t *testing.T, w *taskWorld) {
	w.serve()
	after := make(chan struct{})
	var task *Task
	AddTool(w.Server, "late", "", func(ctx context.Context, _ struct{}) (string, error) {
		task = TaskFrom(ctx)
		return "done", nil
	}, TaskOptional())
	p := w.dial(clientSide{})
	id := p.begin(t, "late", "").TaskID
	before := p.until(t, id, mcp.TaskStatusCompleted)
	close(after)
	task.SetMessage("too late")
	require.Equal(t, before, p.state(t, id))
}

// asking adds a tool that asks for a name.
func (w *taskWorld) asking() {
	AddTool(w.Server, "ask", "", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := Elicit[greeting](ctx, "who", "Who?")
		return "for " + answer.Value.Name, err
	}, TaskOptional())
}

const accepted = `{"action":"accept","content":{"name":"Ada"}}`

func ruleInput(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "ask", "", func(ctx context.Context, _ struct{}) (string, error) {
		if _, err := Elicit[greeting](ctx, "who", "Who?"); err != nil {
			return "", err
		}
		return g.handle(ctx, greeting{"Ada"})
	}, TaskOptional())
	c, _ := hearing(accepted)
	p := w.dial(c)
	id := p.begin(t, "ask", "").TaskID
	p.until(t, id, mcp.TaskStatusInputRequired)
	waited := make(chan error, 1)
	go func() { _, err := p.GetTaskPayload(t.Context(), idOf(id)); waited <- err }()
	<-g.entered
	require.Equal(t, mcp.TaskStatusWorking, p.state(t, id).Status)
	g.release <- nil
	require.NoError(t, <-waited)
	require.Equal(t, mcp.TaskStatusCompleted, p.state(t, id).Status)
}

func ruleInputRelated(t *testing.T, w *taskWorld) {
	w.serve()
	w.asking()
	c, heard := hearing(accepted)
	p := w.dial(c)
	id := p.begin(t, "ask", "").TaskID
	_, err := p.outcome(t, id)
	require.NoError(t, err)
	heard.wait(t, mcp.MethodElicit, relatedTo(id))
}

func ruleTimes(t *testing.T, w *taskWorld) {
	p := w.serve().dial(clientSide{principal: "ada"})
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional())
	check := func(created, updated string) {
		for _, s := range []string{created, updated} {
			at, err := time.Parse(time.RFC3339, s)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), at, time.Minute)
		}
	}
	task := p.begin(t, "slow", ada)
	check(task.CreatedAt, task.LastUpdatedAt)
	got := p.state(t, task.TaskID)
	check(got.CreatedAt, got.LastUpdatedAt)
	list, err := p.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	check(list.Tasks[0].CreatedAt, list.Tasks[0].LastUpdatedAt)
	cancelled, err := p.CancelTask(t.Context(), idOf(task.TaskID))
	require.NoError(t, err)
	check(cancelled.CreatedAt, cancelled.LastUpdatedAt)
	require.Equal(t, task.CreatedAt, cancelled.CreatedAt)
}

func ruleTTL(t *testing.T, w *taskWorld) {
	p := w.serve(LimitTasks(TaskLimits{MaxTTLUnowned: 2 * time.Minute, TTL: time.Minute})).dial(clientSide{})
	for asked, actual := range map[int64]int64{0: 60_000, 1: 1, 119_999: 119_999, 120_000: 120_000, 120_001: 120_000, 1 << 60: 120_000} {
		made, err := p.tryBegin(t.Context(), "greet", ada, asked)
		require.NoError(t, err)
		require.Equal(t, actual, *made.Task.TTL, asked)
		if actual > 1 {
			require.Equal(t, actual, *p.state(t, made.Task.TaskID).TTL)
		}
	}
	_, err := p.tryBegin(t.Context(), "greet", ada, -1)
	e := requireCode(t, mcp.CodeInvalidParams, err)
	require.Equal(t, "invalid ttl -1: expected a positive number of milliseconds", e.Message)
	w = (&taskWorld{t: t}).serve(LimitTasks(TaskLimits{MaxTTLUnowned: -1, TTL: -1}))
	var result wire.Raw
	p = w.dial(clientSide{})
	require.NoError(t, p.session.Call(t.Context(), mcp.MethodGetTask, idOf(p.begin(t, "greet", ada).TaskID), &result))
	require.Contains(t, result.String(), `"ttl":null`)
}

func rulePollInterval(t *testing.T, w *taskWorld) {
	p := w.serve(LimitTasks(TaskLimits{PollInterval: 3 * time.Second})).dial(clientSide{})
	task := p.begin(t, "greet", ada)
	require.EqualValues(t, 3000, *task.PollInterval)
	require.EqualValues(t, 3000, *p.state(t, task.TaskID).PollInterval)
}

func ruleAtOnce(t *testing.T, w *taskWorld) {
	w.serve()
	g := newGated()
	AddTool(w.Server, "slow", "", g.handle, TaskOptional(), ModelImmediateResponse("I am on it."))
	p := w.dial(clientSide{})
	made, err := p.tryBegin(t.Context(), "slow", ada, 0)
	require.NoError(t, err, "though the handler waits to be released")
	require.JSONEq(t, `{"io.modelcontextprotocol/model-immediate-response":"I am on it.",`+relatedTo(made.Task.TaskID)+`}`, raw(made.Meta).String())
	made, err = p.tryBegin(t.Context(), "greet", ada, 0)
	require.NoError(t, err)
	require.JSONEq(t, `{`+relatedTo(made.Task.TaskID)+`}`, raw(made.Meta).String())
}
