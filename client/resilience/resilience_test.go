package resilience_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/resilience"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// upstream fails as its script says, one entry an attempt, and then works.
type upstream struct {
	script []error
	calls  int
	at     []time.Duration // when they came, since the first
	began  time.Time
}

func (u *upstream) handle(_ context.Context, m *rpc.Message) (wire.Appender, error) {
	if u.calls == 0 {
		u.began = time.Now()
	}
	u.at = append(u.at, time.Since(u.began))
	u.calls++
	if u.calls <= len(u.script) && u.script[u.calls-1] != nil {
		return nil, u.script[u.calls-1]
	}
	return wire.MustRaw(`{}`), nil
}

// busy is what a server says that did nothing.
func busy(seconds string) error {
	return (&rpc.Error{Code: rpc.CodeBusy, Message: "busy"}).WithData(wire.MustRaw(`{"retryAfter":` + seconds + `}`))
}

var (
	refused  = rpc.Errorf(rpc.CodeInternalError, "not sent: %w", &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	lost     = rpc.Errorf(rpc.CodeInternalError, "lost: %w", &net.OpError{Op: "read", Err: errors.New("connection reset")})
	answered = rpc.Errorf(rpc.CodeInternalError, "the handler failed")
	timedOut = rpc.Errorf(rpc.CodeCancelled, "late: %w", context.DeadlineExceeded)
	closed   = rpc.Errorf(rpc.CodeClosed, "gone: %w", rpc.ErrClosed)
	gateway  = rpc.Errorf(rpc.CodeInternalError, "x: %w", &streamhttp.HTTPError{Method: "POST", Status: 502})
	tooMany  = rpc.Errorf(rpc.CodeInternalError, "x: %w", &streamhttp.HTTPError{Method: "POST", Status: 429, Header: http.Header{"Retry-After": {"3"}}})
	full     = (&rpc.Error{Code: rpc.CodeBusy, Message: "full"}).Wrap(&streamhttp.HTTPError{Status: 503, Header: http.Header{"Retry-After": {"5"}}})
	denied   = rpc.Errorf(rpc.CodeInternalError, "x: %w", &streamhttp.HTTPError{Method: "POST", Status: 403})
)

func TestWhatIsRepeated(t *testing.T) {
	call := rpc.NewRequest(rpc.ID{}, mcp.MethodCallTool, &mcp.CallToolParams{Name: "t"})
	list := rpc.NewRequest(rpc.ID{}, mcp.MethodListTools, nil)
	for name, c := range map[string]struct {
		err         error
		call, reads bool // whether a tools/call is repeated, and a request that reads
		wait        time.Duration
	}{
		"busy":                   {busy("7"), true, true, 7 * time.Second},
		"busy without data":      {&rpc.Error{Code: rpc.CodeBusy, Message: "too many calls wait already"}, false, false, 0},
		"connection refused":     {refused, true, true, 0},
		"connection lost":        {lost, false, true, 0},
		"an error of a handler":  {answered, false, false, 0},
		"no time left":           {timedOut, false, false, 0},
		"the session ended":      {closed, false, false, 0},
		"HTTP 429":               {tooMany, true, true, 3 * time.Second},
		"HTTP 503 of our server": {full, true, true, 5 * time.Second},
		"HTTP 502":               {gateway, false, true, 0},
		"HTTP 403":               {denied, false, false, 0},
		"too long a wait":        {busy("31"), false, false, 0},
		"bad params":             {rpc.Errorf(rpc.CodeInvalidParams, "bad"), false, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			for m, want := range map[*rpc.Message]bool{call: c.call, list: c.reads} {
				synctest.Test(t, func(t *testing.T) {
					u := &upstream{script: []error{c.err}}
					g := resilience.New(resilience.Options{Logger: quiet})
					_, err := g.Intercept(u.handle)(t.Context(), m)
					if !want {
						require.Equal(t, c.err, err)
						require.Equal(t, 1, u.calls, m.Method)
						require.Zero(t, g.Stats().Retried)
						return
					}
					require.NoError(t, err)
					require.Equal(t, 2, u.calls)
					require.EqualValues(t, 1, g.Stats().Retried)
					if c.wait > 0 {
						require.Equal(t, c.wait, u.at[1])
					} else {
						require.GreaterOrEqual(t, u.at[1], 200*time.Millisecond)
						require.LessOrEqual(t, u.at[1], 600*time.Millisecond)
					}
				})
			}
		})
	}
}

func TestAToolCallThatMayHaveRunIsRepeatedOnlyIfToldSo(t *testing.T) {
	yes := true
	tools := []mcp.Tool{{Name: "safe", Annotations: &mcp.ToolAnnotations{IdempotentHint: &yes}}, {Name: "reads", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: &yes}}, {Name: "t"}}
	for name, want := range map[string]int{"safe": 2, "reads": 2, "t": 1, "unknown": 1} {
		synctest.Test(t, func(t *testing.T) {
			u := &upstream{script: []error{lost}}
			g := resilience.New(resilience.Options{Logger: quiet, Idempotent: resilience.IdempotentTools(tools...)})
			m := callOf(name)
			_, _ = g.Intercept(u.handle)(t.Context(), m)
			require.Equal(t, want, u.calls, name)

			u = &upstream{script: []error{lost}}
			_, err := g.Intercept(u.handle)(resilience.Idempotent(t.Context()), m)
			require.NoError(t, err)
			require.Equal(t, 2, u.calls, "its caller says so")
		})
	}
}

// callOf makes an outgoing tools/call, as the client does.
func callOf(name string) *rpc.Message {
	var m *rpc.Message
	s := rpc.NewSession(rpc.Config{Outgoing: []rpc.Interceptor{func(rpc.Handler) rpc.Handler {
		return func(_ context.Context, out *rpc.Message) (wire.Appender, error) {
			m = out
			return nil, nil
		}
	}}})
	_ = s.Call(context.Background(), mcp.MethodCallTool, &mcp.CallToolParams{Name: name}, nil)
	return m
}

func TestRetriesAreBounded(t *testing.T) {
	for retries, want := range map[int]int{0: 4, 1: 2, -1: 1} {
		synctest.Test(t, func(t *testing.T) {
			u := &upstream{script: []error{refused, refused, refused, refused, refused}}
			_, err := resilience.New(resilience.Options{Retries: retries, Logger: quiet}).Intercept(u.handle)(t.Context(), callOf("t"))
			require.Equal(t, refused, err, "the last error as it is")
			require.Equal(t, want, u.calls)
		})
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{script: []error{busy("20")}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := resilience.New(resilience.Options{Logger: quiet}).Intercept(u.handle)(ctx, callOf("t"))
		require.Equal(t, busy("20"), err)
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 1, u.calls)
	})
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{script: []error{lost, lost, answered, lost, lost, lost, lost}}
		g := resilience.New(resilience.Options{Retries: -1, Failures: 3, OpenTime: time.Minute, Logger: quiet})
		send := func() error {
			_, err := g.Intercept(u.handle)(t.Context(), callOf("t"))
			return err
		}
		for range 5 { // an answer, of whatever kind, starts the count anew
			require.NotErrorIs(t, send(), resilience.ErrOpen)
		}
		require.False(t, g.Stats().Open, "one below")
		require.Equal(t, error(lost), send())
		require.True(t, g.Stats().Open)
		for range 3 {
			err := send()
			require.ErrorIs(t, err, resilience.ErrOpen)
			require.EqualError(t, err, "tools/call was not sent, the server did not answer lately: the circuit breaker is open (code -32010)")
		}
		require.Equal(t, 6, u.calls)
		require.EqualValues(t, 3, g.Stats().Refused)
		_, err := g.Intercept(u.handle)(t.Context(), rpc.NewRequest(rpc.ID{}, mcp.MethodPing, nil))
		require.Equal(t, error(lost), err, "pings pass")
		time.Sleep(time.Minute + 1)
		require.NoError(t, send(), "one is let through, and works")
		require.False(t, g.Stats().Open)
		require.NoError(t, send())
	})
}

func TestBreakerDoesNotCountWhatTheCallerGaveUp(t *testing.T) {
	g := resilience.New(resilience.Options{Retries: -1, Failures: 1, Logger: quiet})
	for _, err := range []error{context.Canceled, answered, busy("1"), denied} {
		_, got := g.Intercept((&upstream{script: []error{err}}).handle)(t.Context(), callOf("t"))
		require.Equal(t, err, got)
		require.False(t, g.Stats().Open, err.Error())
	}
	for _, err := range []error{lost, timedOut, closed, gateway, errors.New("what?")} {
		g := resilience.New(resilience.Options{Retries: -1, Failures: 1, Logger: quiet})
		_, _ = g.Intercept((&upstream{script: []error{err}}).handle)(t.Context(), callOf("t"))
		require.True(t, g.Stats().Open, err.Error())
	}
	none := resilience.New(resilience.Options{Retries: -1, Failures: -1})
	u := &upstream{script: []error{lost, lost, lost, lost, lost, lost, lost}}
	for range 7 {
		_, err := none.Intercept(u.handle)(t.Context(), callOf("t"))
		require.Equal(t, error(lost), err)
	}
}

// With a client and a server over HTTP that is not there at first, and then busy.
func TestWithAClient(t *testing.T) {
	attempts := 0
	acceptor := rpc.NewAcceptor(rpc.Config{Logger: quiet, Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			switch m.Method {
			case mcp.MethodInitialize:
				m.Session().SetPeer("2025-11-25", nil)
				return wire.MustRaw(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`), nil
			case mcp.MethodCallTool:
				if attempts++; attempts < 3 {
					return nil, busy("0")
				}
				return wire.MustRaw(`{"content":[]}`), nil
			}
			return next(ctx, m)
		}
	})}, "2025-11-25")
	h := streamhttp.Handler(acceptor)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	started := make(chan *httptest.Server, 1)
	backoff := rpc.Backoff{Min: 20 * time.Millisecond, Max: 100 * time.Millisecond}
	guard := resilience.New(resilience.Options{Retries: 100, Failures: -1, Backoff: backoff, Logger: quiet})
	first := true
	c, err := client.Dial(t.Context(), client.Info("c", "1"), streamhttp.Connect("http://"+address),
		client.WithOutgoing(guard.Intercept, func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				result, err := next(ctx, m)
				if first { // nobody was there: from now on there is
					first = false
					require.Error(t, err)
					l, err := net.Listen("tcp", address)
					require.NoError(t, err)
					web := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
					web.Start()
					started <- web
				}
				return result, err
			}
		}))
	require.NoError(t, err)
	web := <-started
	_, err = c.CallTool(t.Context(), &mcp.CallToolParams{Name: "t"})
	require.NoError(t, err)
	require.Equal(t, 3, attempts)
	require.EqualValues(t, 3, guard.Stats().Retried)
	require.NoError(t, c.Close())
	require.NoError(t, h.Shutdown(t.Context()))
	web.Close()
}
