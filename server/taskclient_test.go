package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Tasks between our client and our server, over each transport.

// lines connects over a pair of byte streams to stdio.Over.
type lines struct{ s rpc.Acceptor }

func (l lines) Connect(_ context.Context, s *rpc.Session) (rpc.Conn, error) {
	ours, theirs := net.Pipe()
	var work sync.WaitGroup
	work.Go(func() { _ = stdio.Over(theirs, theirs)(context.Background(), l.s); _ = theirs.Close() })
	conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{})
	s.Attach(rpc.Link{Stream: conn, Transport: "stdio"})
	work.Go(func() { _ = conn.Run(context.Background(), s) })
	return closer(func() error {
		s.Close(nil)
		_ = ours.Close()
		work.Wait()
		return nil
	}), nil
}

type closer func() error

func (c closer) Close() error { return c() }

var discard = slog.New(slog.DiscardHandler)

func connectBy(t *testing.T, transport rpc.Transport, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), client.Info("tasks", "1"), transport, append([]client.Option{client.WithLogger(discard)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// overEach runs a test over each transport: dial makes a client of the server.
func overEach(t *testing.T, test func(t *testing.T, s *Server, dial func(...client.Option) *client.Client), opts ...Option) {
	for name, transport := range map[string]func(*testing.T, *Server) rpc.Transport{
		"pipe":  func(_ *testing.T, s *Server) rpc.Transport { return pipe.To(s, pipe.Limits{}) },
		"stdio": func(_ *testing.T, s *Server) rpc.Transport { return lines{s} },
		"http": func(t *testing.T, s *Server) rpc.Transport {
			url, c := overHTTP(t, s)
			return streamhttp.Connect(url, streamhttp.WithClient(c))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := taskServer(t, append([]Option{Logger(discard), LimitTasks(TaskLimits{PollInterval: 50 * time.Millisecond})}, opts...)...)
			tr := transport(t, s)
			test(t, s, func(opts ...client.Option) *client.Client { return connectBy(t, tr, opts...) })
		})
	}
}

func TestTaskOfTheClientWithProgressAndMessages(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		seen := make(chan struct{})
		AddTool(s, "report", "", func(ctx context.Context, in greeting) (string, error) {
			for i := range 3 {
				Progress(ctx, float64(i+1), 3, "step")
			}
			if TaskFrom(ctx) != nil {
				<-seen // streams of their own have no order between them
			}
			return "report for " + in.Name, nil
		}, TaskOptional(), ModelImmediateResponse("Working on it."))
		c := dial()
		for session := range s.Sessions() { // over HTTP its own stream opens a little later
			_, err := mcp.ClientStub{Caller: session}.Ping(session.Context(), nil)
			require.NoError(t, err)
		}
		var got []float64
		task, err := client.StartTool[string](t.Context(), c, "report", greeting{"Ada"}, client.TTL(time.Minute),
			client.OnProgress(func(p rpc.Progress) {
				if got = append(got, p.Progress); len(got) == 3 {
					close(seen)
				}
			}))
		require.NoError(t, err)
		require.Equal(t, "Working on it.", task.ImmediateResponse())
		require.EqualValues(t, 60_000, *task.Known().TTL)
		text, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "report for Ada", text)
		require.Equal(t, []float64{1, 2, 3}, got)
		require.Equal(t, mcp.TaskStatusCompleted, task.Known().Status)
		state, err := task.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, mcp.TaskStatusCompleted, state.Status)
		plain, err := client.CallTool[string](t.Context(), c, "report", greeting{"Ada"})
		require.NoError(t, err)
		require.Equal(t, text, plain)
	})
}

type seat struct {
	Seat string `json:"seat"`
}

func TestTaskOfTheClientThatAsksMidway(t *testing.T) {
	var answers []string // what the answers are related to
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "book", "", func(ctx context.Context, _ struct{}) (string, error) {
			answer, err := Elicit[seat](ctx, "seat", "Which seat?")
			if err != nil {
				return "", err
			}
			result, err := Sample(ctx, "joke", &mcp.CreateMessageParams{MaxTokens: 5, Messages: []mcp.SamplingMessage{
				{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "a joke"}}},
			}})
			if err != nil {
				return "", err
			}
			return answer.Value.Seat + " " + result.Model, nil
		}, TaskRequired())
		var asked []string
		answers = nil
		c := dial(
			client.OnElicit(func(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
				related, _ := p.Meta.Unknown.Get("io.modelcontextprotocol/related-task")
				asked = append(asked, related.String())
				return client.Accept(seat{"12A"})
			}),
			client.OnSample(func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
				related, _ := p.Meta.Unknown.Get("io.modelcontextprotocol/related-task")
				asked = append(asked, related.String())
				return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "x"}}}, nil
			}))
		task, err := client.StartTool[string](t.Context(), c, "book", nil)
		require.NoError(t, err)
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "12A m", got)
		id := `{"taskId":"` + task.ID() + `"}`
		require.Equal(t, []string{id, id}, asked)
		require.Equal(t, []string{id, id}, answers, "the answers say it too")

		got, err = client.CallTool[string](t.Context(), c, "book", nil) // as if it were no task
		require.NoError(t, err)
		require.Equal(t, "12A m", got)
	}, OutgoingInterceptors(func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			result, err := next(ctx, m)
			if raw, ok := result.(wire.Raw); ok && m.Kind == rpc.KindRequest {
				var o, meta wire.Object
				_ = raw.Decode(&o)
				value, _ := o.Get("_meta")
				_ = value.Decode(&meta)
				related, _ := meta.Get("io.modelcontextprotocol/related-task")
				answers = append(answers, related.String())
			}
			return result, err
		}
	}))
}

func TestTaskOfTheClientCancelled(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		g := newGated()
		AddTool(s, "slow", "", g.handle, TaskOptional())
		c := dial()
		task, err := client.StartTool[string](t.Context(), c, "slow", greeting{"Ada"})
		require.NoError(t, err)
		ctx := <-g.entered
		waited := make(chan error, 1)
		go func() {
			_, err := task.Wait(context.Background())
			waited <- err
		}()
		require.NoError(t, task.Cancel(t.Context()))
		<-ctx.Done()
		err = <-waited
		require.ErrorIs(t, err, client.ErrTaskCancelled)
		require.EqualError(t, err, "the task was cancelled (code -32011)")
		requireCode(t, mcp.CodeInvalidParams, task.Cancel(t.Context()))
	})
}

func TestTaskOfTheClientOutlivesItsClient(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		g := newGated()
		AddTool(s, "slow", "", g.handle, TaskOptional())
		first := dial()
		task, err := client.StartTool[string](t.Context(), first, "slow", greeting{"Ada"})
		require.NoError(t, err)
		ctx := <-g.entered
		require.NoError(t, first.Close())

		second, third := dial(), dial()
		var wg sync.WaitGroup
		for _, c := range []*client.Client{second, second, third} {
			wg.Go(func() {
				got, err := client.ResumeTask[string](c, "slow", task.ID()).Wait(context.Background())
				if err == nil && got != "hello, Ada" {
					err = errors.New(got)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		state, err := client.ResumeTask[string](second, "", task.ID()).Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, mcp.TaskStatusWorking, state.Status)
		require.NoError(t, ctx.Err())
		g.release <- nil
		wg.Wait()
		got, err := client.ResumeTask[string](second, "slow", task.ID()).Wait(t.Context())
		require.NoError(t, err, "and later")
		require.Equal(t, "hello, Ada", got)
	})
}

func TestTaskOfTheClientFailsAsTheCallWould(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "text", "", func(context.Context, struct{}) (string, error) { return "", errors.New("no luck") }, TaskOptional())
		AddTool(s, "protocol", "", func(context.Context, struct{}) (string, error) {
			return "", (&rpc.Error{Code: 42, Message: "the answer"}).WithData(wire.MustRaw(`{"why":1}`))
		}, TaskOptional())
		AddTool(s, "panic", "", func(context.Context, struct{}) (string, error) { panic("oops") }, TaskOptional())
		AddTool(s, "picky", "", greet, TaskOptional())
		AddTool(s, "structured", "", func(context.Context, struct{}) (seat, error) { return seat{"12A"}, nil }, TaskOptional())
		c := dial()
		for _, tool := range []string{"text", "protocol", "panic", "picky", "structured"} {
			plain, want := client.CallTool[seat](t.Context(), c, tool, nil)
			task, err := client.StartTool[seat](t.Context(), c, tool, nil)
			require.NoError(t, err, tool)
			got, err := task.Wait(t.Context())
			require.Equal(t, plain, got)
			if want == nil {
				require.NoError(t, err)
				continue
			}
			require.EqualError(t, err, want.Error(), tool)
			require.IsType(t, want, err)
			if e, ok := errors.AsType[*rpc.Error](want); ok {
				mine, _ := errors.AsType[*rpc.Error](err)
				require.Equal(t, e.Data, mine.Data)
			}
			require.Equal(t, mcp.TaskStatusFailed, task.Known().Status, tool)
		}
		_, err := client.StartTool[seat](t.Context(), c, "nothing", nil)
		require.EqualError(t, err, "tools/call of nothing as a task was not sent: its execution.taskSupport is absent, expected optional or required")
	})
}

func TestTasksOfAPrincipalAreListed(t *testing.T) {
	s := taskServer(t, Logger(discard))
	AddTool(s, "greet", "", greet, TaskOptional())
	url, hc := overHTTP(t, s, streamhttp.WithLogger(discard))
	as := func(user string) *client.Client {
		return connectBy(t, streamhttp.Connect(url, streamhttp.WithClient(hc), streamhttp.WithHeader("X-User", user)))
	}
	ada, eve := as("ada"), as("eve")
	var ids []string
	for range 3 {
		task, err := client.StartTool[string](t.Context(), ada, "greet", greeting{"Ada"})
		require.NoError(t, err)
		ids = append(ids, task.ID())
	}
	list := func(c *client.Client) (all []string) {
		for task, err := range c.Tasks(t.Context()) {
			require.NoError(t, err)
			all = append(all, task.TaskID)
		}
		return all
	}
	require.Equal(t, ids, list(ada))
	require.Equal(t, ids, list(as("ada")), "from another session")
	require.Empty(t, list(eve))
	_, err := client.ResumeTask[string](eve, "greet", ids[0]).Wait(t.Context())
	_, lost := errors.AsType[*client.TaskLostError](err)
	require.True(t, lost, "%v", err)
}

// TestTaskOfTheClientSurvivesDroppedStreams closes all connections again and again while the client waits, and has the
// server forget its sessions too.
func TestTaskOfTheClientSurvivesDroppedStreams(t *testing.T) {
	s := taskServer(t, Logger(discard), LimitTasks(TaskLimits{PollInterval: 20 * time.Millisecond}))
	proceed := make(chan struct{})
	AddTool(s, "book", "", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := Elicit[seat](ctx, "seat", "Which seat?")
		if err != nil {
			return "", err
		}
		select {
		case <-proceed:
		case <-ctx.Done():
		}
		return answer.Value.Seat, nil
	}, TaskOptional())
	h := streamhttp.Handler(s, streamhttp.WithLogger(discard))
	web := httptest.NewServer(h)
	defer web.Close()
	defer func() { require.NoError(t, h.Shutdown(context.Background())) }()
	entered := make(chan struct{}, 10)
	c := connectBy(t, streamhttp.Connect(web.URL, streamhttp.WithClient(web.Client())), client.WithPolling(client.Polling{First: 20 * time.Millisecond, Retries: 100}),
		client.OnElicit(func(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			entered <- struct{}{}
			return client.Accept(seat{"12A"})
		}))
	task, err := client.StartTool[string](t.Context(), c, "book", nil)
	require.NoError(t, err)
	type outcome struct {
		got string
		err error
	}
	waited := make(chan outcome, 1)
	go func() {
		got, err := task.Wait(context.Background())
		waited <- outcome{got, err}
	}()
	<-entered
	for range 3 {
		web.CloseClientConnections()
	}
	for session := range s.Sessions() {
		session.Close(nil) // a new one is opened
	}
	close(proceed)
	o := <-waited
	require.NoError(t, o.err)
	require.Equal(t, "12A", o.got)
}

// TestQuestionsOfATaskOnAnyStream asks on the session's own stream, over HTTP that of the GET, what is for a task that the
// client polls.
func TestQuestionsOfATaskOnAnyStream(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		g := newGated()
		AddTool(s, "slow", "", g.handle, TaskOptional())
		c := dial(client.OnElicit(func(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			return client.Accept(seat{"12A"})
		}))
		task, err := client.StartTool[string](t.Context(), c, "slow", greeting{"Ada"})
		require.NoError(t, err)
		related := wire.MustRaw(`{"taskId":"` + task.ID() + `"}`)
		for session := range s.Sessions() {
			answer, err := mcp.ClientStub{Caller: session}.Elicit(session.Context(), &mcp.ElicitFormParams{
				Message: "Which seat?", RequestedSchema: mcp.ElicitSchema{Properties: wire.Map[mcp.PrimitiveSchemaDefinition]{{Name: "seat", Value: &mcp.StringSchema{}}}},
				Meta: &mcp.RequestMeta{Unknown: wire.Object{{Name: "io.modelcontextprotocol/related-task", Value: related}}},
			})
			require.NoError(t, err)
			require.Equal(t, mcp.ElicitActionAccept, answer.Action)
			got, _ := answer.Meta.Get("io.modelcontextprotocol/related-task")
			require.JSONEq(t, related.String(), got.String())
		}
		g.release <- nil
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "hello, Ada", got)
	})
}
