package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestSessionsOfAServer(t *testing.T) {
	s := New("v", "1", WithLimits(Limits{Sessions: 2}))
	connect(t, s, clientSide{})
	second := connect(t, s, clientSide{}) // at the limit
	_, err := pipe.To(s, pipe.Limits{}).Connect(t.Context(), rpc.NewSession(rpc.Config{}))
	require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(err))
	require.ErrorContains(t, err, "too many sessions: retry later")

	url, c := overHTTP(t, s)
	response := post(t, c, url, initialize)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, "over all transports")
	require.Equal(t, "5", response.Header.Get("Retry-After"))
	stateless, c2 := overHTTP(t, s, streamhttp.Stateless())
	require.Equal(t, http.StatusOK, post(t, c2, stateless, initialize).StatusCode, "no session outlasts it")
	require.EqualValues(t, 2, s.Stats().Full)

	require.NoError(t, second.conn.Close())
	require.Eventually(t, func() bool { return s.Stats().Sessions == 1 }, time.Minute, time.Millisecond)
	connect(t, s, clientSide{})
}

func TestRequestsInFlightInAll(t *testing.T) {
	for name, limits := range map[string]Limits{
		"requests": {InFlight: 3},
		"bytes":    {InFlightBytes: int64(3 * len(`{"name":"wait"}`))},
	} {
		t.Run(name, func(t *testing.T) {
			s := New("v", "1", WithLimits(limits))
			began, release := make(chan struct{}, 10), make(chan struct{})
			AddTool(s, "wait", "", func(context.Context, struct{}) (string, error) {
				began <- struct{}{}
				<-release
				return "", nil
			})
			a, b := connect(t, s, clientSide{}), connect(t, s, clientSide{})
			done := make(chan error, 3)
			for _, p := range []*peer{a, b, a} { // one below, and at the limit
				go func() {
					_, err := p.tryCall(context.Background(), "wait", "")
					done <- err
				}()
				<-began
			}
			require.EqualValues(t, 3, s.Stats().InFlight)
			for _, p := range []*peer{a, b} {
				_, err := p.tryCall(t.Context(), "wait", "")
				require.EqualError(t, err, "too many requests in flight, nothing was done: retry later (code -32010)")
			}
			require.EqualValues(t, 2, s.Stats().Busy)
			close(release)
			for range 3 {
				require.NoError(t, <-done)
			}
			b.call(t, "wait", "")
		})
	}
}

func TestHandlerTimeOfATool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1", SessionLimits(rpc.Limits{HandlerTime: time.Minute}))
		AddTool(s, "sleep", "", func(ctx context.Context, in struct {
			Seconds int `json:"seconds"`
		}) (string, error) {
			select {
			case <-time.After(time.Duration(in.Seconds) * time.Second):
				return "slept", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		p := connect(t, s, clientSide{})
		require.Equal(t, "slept", said(t, p.call(t, "sleep", `{"seconds":59}`)))
		_, err := p.tryCall(t.Context(), "sleep", `{"seconds":61}`)
		require.EqualValues(t, rpc.CodeTimeout, rpc.CodeOf(err))
		require.NoError(t, p.conn.Close())
	})
}

// asks is a tool that asks n questions at once; what went wrong is in errs, in no order.
func asks(t *testing.T, limits Limits, n int, ask func(ctx context.Context, key string) error) (errs []error) {
	t.Helper()
	answer := make(chan struct{})
	asked := make(chan struct{}, n)
	client := &answering{
		sample: func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			asked <- struct{}{}
			<-answer
			return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "x"}}}, nil
		},
		elicit: func(context.Context, mcp.ElicitParams) (*mcp.ElicitResult, error) {
			asked <- struct{}{}
			<-answer
			return &mcp.ElicitResult{Action: mcp.ElicitActionDecline}, nil
		},
	}
	s := New("v", "1", WithLimits(limits))
	AddTool(s, "ask", "", func(ctx context.Context, _ struct{}) (string, error) {
		results := make(chan error, n)
		for i := range n {
			go func() { results <- ask(ctx, fmt.Sprint(i)) }()
			select {
			case <-asked:
			case err := <-results:
				errs = append(errs, err)
			}
		}
		close(answer)
		for range n - len(errs) {
			if err := <-results; err != nil {
				return "", err
			}
		}
		return "done", ask(ctx, "again")
	})
	p := connect(t, s, clientSide{handler: client, capabilities: everything})
	require.Equal(t, "done", said(t, p.call(t, "ask", "")))
	require.EqualValues(t, len(errs), s.Stats().AskLimited)
	return errs
}

func TestQuestionsThatWaitAreBounded(t *testing.T) {
	sample := func(ctx context.Context, key string) error {
		_, err := Sample(ctx, key, &mcp.CreateMessageParams{MaxTokens: 1, Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "x"}}}}})
		return err
	}
	elicit := func(ctx context.Context, key string) error {
		_, err := Elicit[greeting](ctx, key, "?")
		return err
	}
	for name, ask := range map[string]func(context.Context, string) error{"sampling/createMessage": sample, "elicitation/create": elicit} {
		limits := Limits{Sampling: 3, Elicitations: 3}
		for n, refused := range map[int]int{2: 0, 3: 0, 4: 1} {
			errs := asks(t, limits, n, ask)
			require.Len(t, errs, refused, "%s %d", name, n)
			for _, err := range errs {
				var e *AskError
				require.ErrorAs(t, err, &e)
				require.ErrorContains(t, err, name+" was not sent: 3 of them wait for the client's answer already")
			}
		}
		require.Len(t, asks(t, Limits{}, 65, ask), 1, "64 by default")
	}
}

func TestLogsToAClientAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1", WithLimits(Limits{Logs: ratelimit.Rate{PerSecond: 2, Burst: 3}}))
		AddTool(s, "log", "", func(ctx context.Context, in struct {
			N int `json:"n"`
		}) (string, error) {
			for range in.N {
				Log(ctx, mcp.LoggingLevelError, "x")
			}
			return "", nil
		})
		got := 0
		p := connect(t, s, clientSide{incoming: []rpc.Interceptor{func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == mcp.MethodLoggingMessage {
					got++
				}
				return next(ctx, m)
			}
		}}})
		logged := func(n int) int {
			got = 0
			p.call(t, "log", fmt.Sprintf(`{"n":%d}`, n))
			synctest.Wait()
			return got
		}
		require.Equal(t, 2, logged(2))
		require.Equal(t, 1, logged(1), "at the limit")
		require.Equal(t, 0, logged(1))
		require.EqualValues(t, 1, s.Stats().DroppedLogs)
		time.Sleep(time.Second)
		require.Equal(t, 2, logged(3))
		require.NoError(t, p.conn.Close())
	})
}

func TestSizesOfDefinitions(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	icons := func(n, size int) []mcp.Icon {
		return slicesOf(n, mcp.Icon{Src: "data:," + long(size-len("data:,"))})
	}
	const most = 256 << 10
	for what, c := range map[string]struct {
		most int
		tool func(n int) mcp.Tool
		want string
	}{
		"description": {most, func(n int) mcp.Tool { return mcp.Tool{Name: "t", Description: long(n)} }, "the description has 262145 bytes, the limit is 262144"},
		"title":       {most, func(n int) mcp.Tool { return mcp.Tool{Name: "t", Title: long(n)} }, "the title has 262145 bytes, the limit is 262144"},
		"icons":       {32, func(n int) mcp.Tool { return mcp.Tool{Name: "t", Icons: icons(n, 10)} }, "there are 33 icons, the limit is 32"},
		"icon bytes":  {most, func(n int) mcp.Tool { return mcp.Tool{Name: "t", Icons: icons(1, n)} }, "the source of icon 0 has 262145 bytes, the limit is 262144"},
	} {
		for n := c.most - 1; n <= c.most+1; n++ {
			def := c.tool(n)
			handler := func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil }
			errs := []error{TryAddRawTool(New("v", "1"), def, handler)}
			errs = append(errs, New("v", "1").tools.list.bounds.checkItem(&mcp.Resource{Title: def.Title, Description: def.Description, Icons: def.Icons}))
			errs = append(errs, New("v", "1").tools.list.bounds.checkItem(&mcp.ResourceTemplate{Title: def.Title, Description: def.Description, Icons: def.Icons}))
			errs = append(errs, New("v", "1").tools.list.bounds.checkItem(&mcp.Prompt{Title: def.Title, Description: def.Description, Icons: def.Icons}))
			for _, err := range errs {
				if n <= c.most {
					require.NoError(t, err, what)
				} else {
					require.ErrorContains(t, err, c.want, what)
				}
			}
		}
		require.NoError(t, TryAddRawTool(New("v", "1", WithLimits(Limits{Description: -1, Icons: -1, IconBytes: -1})), c.tool(c.most+1),
			func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil }))
	}
}

func slicesOf[T any](n int, v T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// A schema that is too much, an upstream's for one, is not even compiled.
func TestComplexityOfAToolsSchemas(t *testing.T) {
	handler := func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil }
	add := func(n int, opts ...Option) error {
		schema := wire.MustRaw(`{"type":"object","properties":{"x":` + strings.Repeat(`{"not":`, n-3) + "{}" + strings.Repeat("}", n-3) + `}}`)
		err := TryAddRawTool(New("v", "1", opts...), mcp.Tool{Name: "t", InputSchema: schema}, handler)
		if e := TryAddRawTool(New("v", "1", opts...), mcp.Tool{Name: "t", OutputSchema: schema}, handler); e == nil || err == nil {
			require.Equal(t, err, e)
		}
		return err
	}
	require.NoError(t, add(127))
	require.NoError(t, add(128))
	require.ErrorContains(t, add(129), "input schema: the schema is nested more than 128 levels deep")
	require.NoError(t, add(129, WithLimits(Limits{Schema: schemalimit.Limits{Depth: -1}})))
	bomb := wire.MustRaw(`{"type":"object","patternProperties":{"` + strings.Repeat("a", 4097) + `":{}}}`)
	require.ErrorContains(t, TryAddRawTool(New("v", "1"), mcp.Tool{Name: "t", InputSchema: bomb}, handler), "a regular expression of 4097 bytes")
}

func TestPingsOfTheServer(t *testing.T) {
	every.Not(t, "the transport ends sessions that are not initialized, and lets handlers finish", "stdio", "tcp", "websocket", "streamhttp", "legacysse")
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1", Ping(rpc.Pings{Every: time.Minute, Wait: 10 * time.Second, Misses: 2}))
		dead := make(chan struct{})
		var pings atomic.Int32
		p := connect(t, s, clientSide{incoming: []rpc.Interceptor{func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == mcp.MethodPing {
					if pings.Add(1) > 3 {
						<-dead
					}
				}
				return next(ctx, m)
			}
		}}})
		idle := open(t, s, clientSide{}) // never initialized: not pinged
		time.Sleep(3*time.Minute + time.Second)
		require.EqualValues(t, 3, pings.Load())
		time.Sleep(time.Minute + 10*time.Second) // the first miss
		require.NoError(t, p.session.Err())
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
		require.Error(t, p.session.Err())
		require.NoError(t, idle.session.Err())
		close(dead)
		_ = p.conn.Close()
		_ = idle.conn.Close()
	})
}

func TestNoPingsOfTheServerByDefault(t *testing.T) {
	every.Not(t, "the transport ends sessions that are idle", "tcp", "websocket", "legacysse")
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New("v", "1"), clientSide{incoming: []rpc.Interceptor{func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				panic(m.Method)
			}
		}}})
		time.Sleep(100 * time.Hour)
		require.NoError(t, p.session.Err())
		require.NoError(t, p.conn.Close())
	})
}

// Arguments that would take time exponential in their depth are refused, and told to the model.
func TestArgumentsThatWouldTakeTooLong(t *testing.T) {
	s := New("v", "1")
	AddRawTool(s, mcp.Tool{Name: "t", InputSchema: wire.MustRaw(`{"type":"object","anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["b"]},{"properties":{"a":{"$ref":"#"}}}]}`)},
		func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "called"}}}, nil
		})
	p := connect(t, s, clientSide{})
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "{}" + strings.Repeat("}", n) }
	require.Equal(t, "called", said(t, p.call(t, "t", nested(10))))
	result := p.call(t, "t", nested(300))
	require.True(t, result.IsError)
	require.Contains(t, said(t, result), "the value is nested too deeply for its schema: validating it takes more than 1000000 steps")
}
