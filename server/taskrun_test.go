package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestAThousandTasksAtOnce(t *testing.T) {
	const many = 1000
	w := (&taskWorld{t: t}).serve(LimitTasks(TaskLimits{Lookups: ratelimit.Rate{PerSecond: 1e6, Burst: 1e6}}))
	var running atomic.Int32
	all := make(chan struct{})
	AddTool(w.Server, "together", "", func(ctx context.Context, in greeting) (string, error) {
		if running.Add(1) == many {
			close(all)
		}
		select {
		case <-all:
		case <-ctx.Done():
		}
		return "hello, " + in.Name, nil
	}, TaskOptional())
	peers := []*peer{w.dial(clientSide{principal: "ada"}), w.dial(clientSide{principal: "ada"})}
	var work sync.WaitGroup
	errs := make(chan error, many)
	ctx := t.Context()
	for i := range many {
		work.Go(func() {
			p, name := peers[i%2], fmt.Sprintf("n%d", i)
			made, err := p.tryBegin(ctx, "together", `{"name":"`+name+`"}`, 0)
			if err == nil {
				var result wire.Raw
				err = p.session.Call(ctx, mcp.MethodGetTaskPayload, idOf(made.Task.TaskID), &result)
				if err == nil && !strings.Contains(result.String(), `"hello, `+name+`"`) {
					err = errors.New(result.String())
				}
			}
			errs <- err
		})
	}
	work.Wait()
	for range many {
		require.NoError(t, <-errs)
	}
	stats := w.TaskStats()
	require.EqualValues(t, many, stats.Completed)
	require.EqualValues(t, many, stats.Retrieved)
	require.Zero(t, stats.Running)
}

// oneByOne makes a client whose answers to questions the test gives one by one.
func oneByOne() (clientSide, chan chan wire.Raw) {
	questions := make(chan chan wire.Raw, 10)
	c := clientSide{capabilities: mcp.ClientCapabilities{Elicitation: &mcp.ClientCapabilitiesElicitation{}}}
	c.incoming = []rpc.Interceptor{func(rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Kind != rpc.KindRequest {
				return nil, nil
			}
			answer := make(chan wire.Raw)
			questions <- answer
			select {
			case a := <-answer:
				return a, nil
			case <-ctx.Done():
				close(answer)
				return nil, ctx.Err()
			}
		}
	}}
	return c, questions
}

func TestASecondWaiterIsAskedToo(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	w.asking()
	c, questions := oneByOne()
	first, second := w.dial(c), w.dial(c)
	id := first.begin(t, "ask", "").TaskID
	results := make(chan string, 2)
	wait := func(p *peer) {
		result, _ := p.outcome(t, id)
		results <- result.String()
	}
	go wait(first)
	one := <-questions
	go wait(second)
	two := <-questions
	two <- wire.MustRaw(accepted)
	<-one // cancelled
	for range 2 {
		require.Contains(t, <-results, "for Ada")
	}
}

func TestAQuestionOutlivesWhoWasAsked(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	w.asking()
	c, questions := oneByOne()
	first, second := w.dial(c), w.dial(c)
	id := first.begin(t, "ask", "").TaskID

	// A wait that is given up.
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- first.session.Call(ctx, mcp.MethodGetTaskPayload, idOf(id), nil) }()
	one := <-questions
	cancel()
	require.Error(t, <-gone)
	<-one // cancelled
	require.Equal(t, mcp.TaskStatusInputRequired, second.state(t, id).Status)

	// A client that goes away.
	go func() { gone <- first.session.Call(t.Context(), mcp.MethodGetTaskPayload, idOf(id), nil) }()
	<-questions
	require.NoError(t, first.conn.Close())
	require.Error(t, <-gone)
	require.Equal(t, mcp.TaskStatusInputRequired, second.state(t, id).Status)

	go func() { (<-questions) <- wire.MustRaw(accepted) }()
	result, err := second.outcome(t, id)
	require.NoError(t, err)
	require.Contains(t, result.String(), "for Ada")
}

func TestTheErrorOfAnAnswerIsTheTasks(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	w.asking()
	c, questions := oneByOne()
	p := w.dial(c)
	id := p.begin(t, "ask", "").TaskID
	go func() { (<-questions) <- wire.MustRaw(`{"action":"jump"}`) }()
	result, err := p.outcome(t, id)
	require.NoError(t, err)
	require.Contains(t, result.String(), `"isError":true`)
	require.Equal(t, mcp.TaskStatusFailed, p.state(t, id).Status)
}

func TestWhoCannotBeAskedIsNot(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	w.asking()
	c, questions := oneByOne()
	p, mute := w.dial(c), w.dial(clientSide{})

	// The client that makes the task cannot: it hears so at once.
	id := mute.begin(t, "ask", "").TaskID
	result, err := mute.outcome(t, id)
	require.NoError(t, err)
	require.Contains(t, result.String(), `did not declare the capability \"elicitation\"`)

	// Another that waits cannot: it is left alone.
	id = p.begin(t, "ask", "").TaskID
	done := make(chan struct{})
	go func() { _, _ = mute.outcome(t, id); close(done) }()
	p.until(t, id, mcp.TaskStatusInputRequired)
	go func() { (<-questions) <- wire.MustRaw(accepted) }()
	_, err = p.outcome(t, id)
	require.NoError(t, err)
	<-done
}

func TestTheTimeForAnAnswerBeginsWhenSomebodyIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("tasks", "1", Logger(discard), Timeouts(AskTimeouts{Elicitation: 10 * time.Second, ElicitationMax: 10 * time.Second}))
		defer stopTasks(t, s)
		w := &taskWorld{t: t, Server: s}
		w.asking()
		c, questions := oneByOne()
		p := w.dial(c)
		id := p.begin(t, "ask", "").TaskID
		time.Sleep(30 * time.Second)
		require.Equal(t, mcp.TaskStatusInputRequired, p.state(t, id).Status)

		for range 3 { // nobody has it in between
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			require.Error(t, p.session.Call(ctx, mcp.MethodGetTaskPayload, idOf(id), nil))
			cancel()
			<-<-questions
			synctest.Wait() // the server knows that nobody has it
		}
		require.Equal(t, mcp.TaskStatusInputRequired, p.state(t, id).Status)

		result, err := p.outcome(t, id)
		require.NoError(t, err)
		require.Contains(t, result.String(), "did not answer within 10s")
	})
}

func TestWhatNobodyHeardIsTold(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	url, c := overHTTP(t, w.Server)
	g := newGated()
	AddTool(w.Server, "slow", "", func(ctx context.Context, in greeting) (string, error) {
		for i := range 3 {
			Progress(ctx, float64(i+1), 3, fmt.Sprintf("step %d", i+1))
		}
		return g.handle(ctx, in)
	}, TaskOptional())
	opened := post(t, c, url, initialize)
	session := opened.Header.Get("Mcp-Session-Id")
	_ = opened.Body.Close()
	created := post(t, c, url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":`+ada+
		`,"task":{},"_meta":{"progressToken":"tok"}}}`, "Mcp-Session-Id", session)
	var text strings.Builder
	require.NoError(t, created.Write(&text))
	_, id, ok := strings.Cut(text.String(), `"taskId":"`)
	require.True(t, ok)
	<-g.entered
	g.releaseLater()
	response := post(t, c, url, `{"jsonrpc":"2.0","id":2,"method":"tasks/result","params":{"taskId":"`+id[:26]+`"}}`, "Mcp-Session-Id", session)
	text.Reset()
	require.NoError(t, response.Write(&text))
	require.Regexp(t, `(?s)step 1.*step 2.*step 3.*hello, Ada`, text.String())
}

// releaseLater releases the handler when somebody waits.
func (g *gated) releaseLater() {
	go func() {
		time.Sleep(50 * time.Millisecond)
		g.release <- nil
	}()
}

func TestStatusMessages(t *testing.T) {
	w := (&taskWorld{t: t}).serve()
	g := newGated()
	AddTool(w.Server, "slow", "", func(ctx context.Context, in greeting) (string, error) {
		TaskFrom(ctx).SetMessage("step 1")
		TaskFrom(ctx).SetMessage("step 2")
		return g.handle(ctx, in)
	}, TaskOptional())
	AddTool(w.Server, "alone", "", func(ctx context.Context, _ struct{}) (string, error) {
		require.Nil(t, TaskFrom(ctx), "it runs as no task")
		return "", nil
	}, TaskOptional())
	c, heard := hearing("")
	p := w.dial(c)
	id := p.begin(t, "slow", ada).TaskID
	<-g.entered
	require.Equal(t, "step 2", p.state(t, id).StatusMessage)
	heard.wait(t, mcp.MethodTaskStatus, "step 1")
	g.release <- nil
	_, err := p.outcome(t, id)
	require.NoError(t, err)
	p.call(t, "alone", "")
}

func TestATaskThatNobodyWasToldOfIsNone(t *testing.T) {
	store := tasks.NewMemory(0)
	entered := make(chan struct{})
	s := taskServer(t, StoreTasks(store), Interceptors(func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			result, err := next(ctx, m)
			if m.Method == mcp.MethodCallTool {
				close(entered)
				<-ctx.Done() // the cancellation is here before the answer goes
			}
			return result, err
		}
	}))
	AddTool(s, "greet", "", func(context.Context, greeting) (string, error) {
		t.Error("it ran")
		return "", nil
	}, TaskOptional())
	p := connect(t, s, clientSide{principal: "ada"})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	_, err := p.tryBegin(ctx, "greet", ada, 0)
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool {
		list, err := p.ListTasks(t.Context(), nil)
		return err == nil && len(list.Tasks) == 0 && s.TaskStats().Running == 0
	}, 10*time.Second, time.Millisecond)
}

func TestTaskLimits(t *testing.T) {
	w := (&taskWorld{t: t}).serve(LimitTasks(TaskLimits{ResultBytes: 200, KeptPerOwner: 2, Kept: 3}))
	AddTool(w.Server, "long", "", func(_ context.Context, in struct {
		N int `json:"n"`
	}) (string, error) {
		return strings.Repeat("x", in.N), nil
	}, TaskOptional())
	p := w.dial(clientSide{principal: "ada"})
	fits := p.begin(t, "long", `{"n":150}`).TaskID
	_, err := p.outcome(t, fits)
	require.NoError(t, err)
	large := p.begin(t, "long", `{"n":200}`).TaskID
	_, err = p.outcome(t, large)
	e := requireCode(t, mcp.CodeInternalError, err)
	require.Regexp(t, `the result is too large to be sent: .*the result has 2\d\d bytes, of a task it may have 200`, e.Message)
	_, err = p.tryBegin(t.Context(), "greet", ada, 0)
	requireBusy(t, err, "too many tasks are kept: retry when some have expired")
	other := w.dial(clientSide{})
	other.begin(t, "greet", ada)
	_, err = other.tryBegin(t.Context(), "greet", ada, 0)
	requireBusy(t, err, "too many tasks are kept: retry when some have expired")
}

func TestTasksOfAMountedServer(t *testing.T) {
	s, child := taskServer(t), New("child", "1")
	require.NoError(t, s.Mount("c_", child))
	AddTool(child, "greet", "", greet, TaskRequired())
	p := connect(t, s, clientSide{})
	result, err := p.outcome(t, p.begin(t, "c_greet", ada).TaskID)
	require.NoError(t, err)
	require.Contains(t, result.String(), "hello, Ada")
}

func TestAVisitOutlivesItsTask(t *testing.T) {
	s := taskServer(t)
	var visit string
	AddTool(s, "signin", "", func(ctx context.Context, _ struct{}) (string, error) {
		visit = NewElicitationID()
		return "", URLRequired(ctx, "sign in", mcp.ElicitURLParams{Message: "Sign in.", URL: "https://example.com/x", ElicitationID: visit})
	}, TaskOptional())
	c, heard := hearing("")
	c.capabilities.Elicitation = &mcp.ClientCapabilitiesElicitation{URL: wire.MustRaw(`{}`)}
	p := connect(t, s, c)
	id := p.begin(t, "signin", "").TaskID
	_, err := p.outcome(t, id)
	requireCode(t, mcp.CodeURLElicitationRequired, err)
	require.NoError(t, s.CompleteElicitation(t.Context(), visit))
	heard.wait(t, mcp.MethodElicitationComplete, visit, relatedTo(id))
}
