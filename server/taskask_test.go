package server

import (
	"context"
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

// The server as the requestor of tasks: what it asks of its client.

// askThings is one body for clients with tasks and without.
func askThings(ctx context.Context, _ struct{}) (string, error) {
	ctx = AskAsTask(ctx, time.Minute)
	answer, err := Elicit[seat](ctx, "seat", "Which seat?")
	if err != nil {
		return "", err
	}
	result, err := Sample(ctx, "joke", aJoke())
	if err != nil {
		return "", err
	}
	return answer.Value.Seat + " " + result.Model, nil
}

func aJoke() *mcp.CreateMessageParams {
	return &mcp.CreateMessageParams{MaxTokens: 5, Messages: []mcp.SamplingMessage{
		{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "a joke"}}},
	}}
}

func thinking(think func(ctx context.Context) error) []client.Option {
	return []client.Option{
		client.OnElicit(func(ctx context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			if err := think(ctx); err != nil {
				return nil, err
			}
			return client.Accept(seat{"12A"})
		}),
		client.OnSample(func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			if err := think(ctx); err != nil {
				return nil, err
			}
			return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "x"}}}, nil
		}),
	}
}

func atOnce(context.Context) error { return nil }

// sent notes the methods that arrive at a client, with their params.
type sent struct {
	mu              sync.Mutex
	methods, params []string
}

func (s *sent) option() client.Option {
	return client.WithIncoming(func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			s.mu.Lock()
			s.methods = append(s.methods, m.Method)
			s.params = append(s.params, m.Raw().String())
			s.mu.Unlock()
			return next(ctx, m)
		}
	})
}

func TestQuestionsAsTasks(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "ask", "", askThings)
		var with, without sent
		c := dial(append(thinking(atOnce), with.option(), client.WithTasks(client.TaskLimits{PollInterval: 20 * time.Millisecond}))...)
		got, err := client.CallTool[string](t.Context(), c, "ask", nil)
		require.NoError(t, err)
		require.Equal(t, "12A m", got)
		require.Contains(t, with.methods, mcp.MethodGetTaskPayload)
		for i, m := range with.methods {
			switch m {
			case mcp.MethodElicit, mcp.MethodCreateMessage:
				require.Contains(t, with.params[i], `"task":{"ttl":60000}`)
			default:
				require.NotContains(t, with.params[i], "related-task", m)
			}
		}

		c = dial(append(thinking(atOnce), without.option())...)
		got, err = client.CallTool[string](t.Context(), c, "ask", nil)
		require.NoError(t, err)
		require.Equal(t, "12A m", got, "the same body")
		require.Equal(t, []string{mcp.MethodElicit, mcp.MethodCreateMessage}, without.methods)
		for _, p := range without.params {
			require.NotContains(t, p, `"task"`, "never to a client that did not declare it")
		}

		var one sent // declares it for sampling only
		c = dial(append(thinking(atOnce), one.option(), client.WithTasks(client.TaskLimits{PollInterval: 20 * time.Millisecond}), client.WithCapabilities(func(c *mcp.ClientCapabilities) {
			c.Tasks.Requests.Elicitation = nil
		}))...)
		_, err = client.CallTool[string](t.Context(), c, "ask", nil)
		require.NoError(t, err)
		require.NotContains(t, one.params[0], `"task"`)
		require.Contains(t, one.params[1], `"task"`)
	})
}

func TestQuestionsAsTasksOfATask(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "ask", "", askThings, TaskRequired())
		var with sent
		c := dial(append(thinking(atOnce), with.option(), client.WithTasks(client.TaskLimits{PollInterval: 20 * time.Millisecond}))...)
		task, err := client.StartTool[string](t.Context(), c, "ask", nil)
		require.NoError(t, err)
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "12A m", got)
		for i, m := range with.methods {
			switch m {
			case mcp.MethodElicit, mcp.MethodCreateMessage:
				require.Contains(t, with.params[i], `"io.modelcontextprotocol/related-task":{"taskId":"`+task.ID()+`"}`)
			default:
				require.NotContains(t, with.params[i], "related-task", m)
			}
		}
	})
}

// bubble runs a test within a synctest bubble, with a tool ask made of ask.
func bubble(t *testing.T, ask func(context.Context, struct{}) (string, error), opts []Option, copts []client.Option, f func(t *testing.T, c *client.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := New("ask", "1", append(opts, Logger(discard))...)
		AddTool(s, "ask", "", ask)
		c, err := client.Dial(t.Context(), client.Info("ask", "1"), pipe.To(s, pipe.Limits{}), append(copts, client.WithLogger(discard))...)
		require.NoError(t, err)
		f(t, c)
		require.NoError(t, c.Close())
	})
}

func TestAQuestionAsATaskMayTakeLongerThanItsTime(t *testing.T) {
	slow := func(d time.Duration) []client.Option {
		return append(thinking(func(ctx context.Context) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}), client.WithTasks(client.TaskLimits{PollInterval: 5 * time.Second}))
	}
	sample := func(ctx context.Context, _ struct{}) (string, error) {
		result, err := Sample(AskAsTask(ctx, 0), "joke", aJoke())
		if err != nil {
			return "", err
		}
		return result.Model, nil
	}
	bubble(t, sample, nil, slow(9*time.Minute), func(t *testing.T, c *client.Client) {
		start := time.Now()
		got, err := client.CallTool[string](t.Context(), c, "ask", nil, client.Timeout(-1))
		require.NoError(t, err, "the polls show that the client is at it")
		require.Equal(t, "m", got)
		require.GreaterOrEqual(t, time.Since(start), 9*time.Minute)
	})
	var got sent
	bubble(t, sample, nil, append(slow(11*time.Minute), got.option()), func(t *testing.T, c *client.Client) {
		_, err := client.CallTool[string](t.Context(), c, "ask", nil, client.Timeout(-1))
		require.EqualError(t, err, `tool ask failed: sampling/createMessage "joke": the client did not answer within 10m0s, progress or not`)
		synctest.Wait()
		require.Contains(t, got.methods, mcp.MethodCancelTask)
	})
}

func TestTheClientsTaskIsCancelledWithTheCall(t *testing.T) {
	ended := make(chan error, 1)
	entered := make(chan struct{}, 1)
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "ask", "", askThings)
		c := dial(append(thinking(func(ctx context.Context) error {
			entered <- struct{}{}
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return ctx.Err()
		}), client.WithTasks(client.TaskLimits{PollInterval: 20 * time.Millisecond}))...)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-entered
			cancel()
		}()
		_, err := client.CallTool[string](ctx, c, "ask", nil)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, <-ended, rpc.ErrCancelled)
	})
}

func TestTheErrorOfAQuestionAsATask(t *testing.T) {
	overEach(t, func(t *testing.T, s *Server, dial func(...client.Option) *client.Client) {
		AddTool(s, "ask", "", askThings)
		refuse := func(context.Context) error { return client.ErrRejected }
		for _, opts := range [][]client.Option{{client.WithTasks(client.TaskLimits{PollInterval: 20 * time.Millisecond})}, nil} {
			_, err := client.CallTool[string](t.Context(), dial(append(thinking(refuse), opts...)...), "ask", nil)
			require.EqualError(t, err, `tool ask failed: elicitation/create "seat": the user rejected the sampling request (code -1)`)
		}
	})
}

func TestAClientThatAnswersAtOnceThoughItIsATask(t *testing.T) {
	s := New("ask", "1")
	AddTool(s, "ask", "", askThings)
	p := connect(t, s, clientSide{
		capabilities: mcp.ClientCapabilities{
			Elicitation: &mcp.ClientCapabilitiesElicitation{}, Sampling: &mcp.ClientCapabilitiesSampling{},
			Tasks: &mcp.ClientCapabilitiesTasks{Requests: &mcp.ClientCapabilitiesTasksRequests{
				Elicitation: &mcp.ClientCapabilitiesTasksRequestsElicitation{Create: emptyObject},
				Sampling:    &mcp.ClientCapabilitiesTasksRequestsSampling{CreateMessage: emptyObject},
			}},
		},
		incoming: []rpc.Interceptor{func(rpc.Handler) rpc.Handler {
			return func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == mcp.MethodElicit {
					return wire.MustRaw(`{"action":"accept","content":{"seat":"1A"}}`), nil
				}
				return wire.MustRaw(`{"model":"m","role":"assistant","content":{"type":"text","text":"x"}}`), nil
			}
		}},
	})
	require.Equal(t, "1A m", said(t, p.call(t, "ask", "")))
}
