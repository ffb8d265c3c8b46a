package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestCloseEndsEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("the cable was cut")
		causes := make(chan error, 2)
		wait := func(ctx context.Context) { <-ctx.Done(); causes <- context.Cause(ctx) }
		o := start(t, &handler{
			echo:  func(ctx context.Context, _ *echoParams) (*echoResult, error) { wait(ctx); return nil, nil },
			noted: func(ctx context.Context, _ *echoParams) error { wait(ctx); return nil },
		})
		out := newTap()
		require.NoError(t, o.Receive(context.Background(), []byte(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`), out))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":""}}`))
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"is dropped"}}`))
		pending := calling(t.Context(), o, "x")
		o.next(t)
		synctest.Wait()
		require.NoError(t, o.Err())

		cleaned := make(chan struct{})
		context.AfterFunc(o.Context(), func() { close(cleaned) })
		began := time.Now()
		o.Close(why)
		o.Close(errors.New("only the first counts"))

		err := <-pending
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.ErrorIs(t, err, why)
		require.EqualError(t, err, "echo: session closed: the cable was cut (code -32000)")
		for range 2 {
			cause := <-causes
			require.ErrorIs(t, cause, rpc.ErrClosed)
			require.ErrorIs(t, cause, why)
		}
		require.ErrorIs(t, <-out.end, why)
		<-o.Done()
		<-cleaned
		require.ErrorIs(t, o.Err(), why)
		require.NoError(t, o.Wait(t.Context()))
		require.Zero(t, time.Since(began))
		out.quiet(t)

		_, err = echo(t.Context(), o, &echoParams{})
		require.ErrorIs(t, err, why)
		require.ErrorIs(t, noted(t.Context(), o, nil), why)
		require.ErrorIs(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"ping"}`), rpc.ErrClosed)
		require.Empty(t, causes)
	})
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := start(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) { <-release; return nil, nil }})
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":""}}`))
		o.Close(nil)
		require.Equal(t, rpc.ErrClosed, o.Err())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, o.Wait(ctx), context.DeadlineExceeded)
		close(release)
	})
}

func TestEndOfInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := start(t, &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
			<-release
			return &echoResult{p.Text}, ctx.Err()
		}})
		require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}`))
		pending := calling(t.Context(), o, "y")
		o.next(t)
		o.EndInput(nil)
		require.EqualError(t, <-pending, "echo: session closed: the peer closed the connection (code -32000)")
		_, err := echo(t.Context(), o, &echoParams{})
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.NoError(t, o.Err())
		close(release)
		o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":"x"}}`)
	})
}

func TestCancelCalls(t *testing.T) {
	o := start(t, nil)
	a := calling(t.Context(), o, "a")
	o.next(t)
	b := calling(t.Context(), o, "b")
	o.next(t)
	o.CancelCalls(t.Context(), nil)
	require.EqualError(t, <-a, "echo: session closed (code -32000)")
	require.ErrorIs(t, <-b, rpc.ErrClosed)
	o.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"the session closes"}}`)
	o.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2,"reason":"the session closes"}}`)
	require.NoError(t, o.Err())
}

// What a handler sends goes to its request's stream while it runs, and to the session's own after that.
func TestStreamOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := make(chan context.Context, 1)
		other := start(t, nil)
		o := start(t, &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
			s := rpc.SessionFrom(ctx)
			require.IsType(t, new(wiretap), rpc.StreamFrom(ctx))
			require.NoError(t, noted(ctx, s, &echoParams{Text: "during"}))
			require.NoError(t, noted(ctx, other, &echoParams{Text: "to another session"}))
			r, err := echo(ctx, s, &echoParams{Text: "question"})
			if err != nil {
				return nil, err
			}
			after <- context.WithoutCancel(ctx)
			return r, nil
		}})
		out := newTap()
		require.NoError(t, o.Receive(context.Background(), []byte(`{"jsonrpc":"2.0","id":"q","method":"echo","params":{"text":""}}`), out))
		require.Equal(t, `{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"during"}}`, out.next(t))
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"question"}}`, out.next(t))
		other.expect(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"to another session"}}`)
		require.NoError(t, noted(t.Context(), o, &echoParams{Text: "unrelated"}))
		o.expect(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"unrelated"}}`)
		require.Empty(t, out.end)
		require.NoError(t, o.Receive(context.Background(), []byte(`{"jsonrpc":"2.0","id":1,"result":{"text":"question"}}`), newTap()))
		require.Equal(t, `{"jsonrpc":"2.0","id":"q","result":{"text":"question"}}`, out.next(t))
		require.NoError(t, <-out.end)
		require.NoError(t, noted(<-after, o, &echoParams{Text: "after"}))
		o.expect(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"after"}}`)
		out.quiet(t)
	})
}

func TestRefusalsGoToTheStreamTheyCameWith(t *testing.T) {
	o := start(t, nil)
	out := newTap()
	require.Error(t, o.Receive(context.Background(), []byte(`{"id":1,"method":"x"}`), out))
	require.Contains(t, out.next(t), `"id":1,"error"`)
	require.Error(t, <-out.end)
	o.quiet(t)
}

func TestContextOfAHandler(t *testing.T) {
	type key struct{}
	checked := make(chan struct{}, 2)
	check := func(ctx context.Context, method string) {
		require.Equal(t, "value", ctx.Value(key{}))
		require.Equal(t, method, rpc.MessageFrom(ctx).Method)
		require.Equal(t, `{"text":"x"}`, rpc.MessageFrom(ctx).Raw().String())
		p, ok := rpc.PrincipalFrom(ctx)
		require.True(t, ok)
		require.Equal(t, "ada", p.ID)
		require.NotNil(t, rpc.SessionFrom(ctx))
		require.NoError(t, ctx.Err(), "the context it arrived with has ended, which does not matter")
		_, hasDeadline := ctx.Deadline()
		require.False(t, hasDeadline)
		checked <- struct{}{}
	}
	o := start(t, &handler{
		echo:  func(ctx context.Context, _ *echoParams) (*echoResult, error) { check(ctx, "echo"); return nil, nil },
		noted: func(ctx context.Context, _ *echoParams) error { check(ctx, "notifications/noted"); return nil },
	}, func(c *rpc.Config) { c.Principal = &rpc.Principal{ID: "ada"} })
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), key{}, "value"), time.Hour)
	cancel()
	require.NoError(t, o.Receive(ctx, []byte(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}`), nil))
	require.NoError(t, o.Receive(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"x"}}`), nil))
	<-checked
	<-checked
	o.next(t)
	require.Nil(t, rpc.SessionFrom(ctx))
	require.Nil(t, rpc.MessageFrom(ctx))
	require.Equal(t, o.Session, rpc.SessionFrom(o.Context()))
	p, _ := rpc.PrincipalFrom(o.Context())
	require.Equal(t, "ada", p.ID)
}

func TestOwnership(t *testing.T) {
	ada, bob := rpc.Principal{ID: "ada"}, rpc.Principal{ID: "bob"}
	owned := rpc.NewSession(rpc.Config{Principal: &ada})
	free := rpc.NewSession(rpc.Config{})
	ctx := context.Background()
	require.True(t, owned.OwnedBy(rpc.WithPrincipal(ctx, ada)))
	require.False(t, owned.OwnedBy(rpc.WithPrincipal(ctx, bob)))
	require.False(t, owned.OwnedBy(ctx))
	require.True(t, free.OwnedBy(ctx))
	require.False(t, free.OwnedBy(rpc.WithPrincipal(ctx, ada)))
}

// One kind of middleware: both directions, requests and notifications; outermost first.
func TestInterceptors(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	tracer := func(name string) rpc.Interceptor {
		return func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				mu.Lock()
				seen = append(seen, fmt.Sprintf("%s %v %s %s out=%v", name, m.Kind, m.Method, m.Raw(), m.Outgoing()))
				mu.Unlock()
				return next(ctx, m)
			}
		}
	}
	shout := func(next rpc.Handler) rpc.Handler { // changes params on the way in and results on the way out
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Kind != rpc.KindRequest {
				return next(ctx, m)
			}
			p, err := m.Params()
			if err != nil {
				return nil, err
			}
			if p.(*echoParams).Text == "refuse" {
				return nil, rpc.Errorf(-1, "refused")
			}
			m.SetParams(&echoParams{Text: p.(*echoParams).Text + "!"})
			r, err := next(ctx, m)
			if err != nil {
				return nil, err
			}
			return &echoResult{r.(*echoResult).Text + "?"}, nil
		}
	}
	o := start(t, new(handler), func(c *rpc.Config) {
		c.Dispatch = rpc.NewDispatch(table, new(handler), tracer("a"), shout, tracer("b"))
		c.Outgoing = []rpc.Interceptor{tracer("c"), tracer("d")}
	})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"hi"}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":"hi!?"}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"echo","params":{"text":"refuse"}}`))
	o.expect(`{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"refused"}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"n"}}`))
	require.NoError(t, o.Wait(t.Context()))
	done := calling(t.Context(), o, "out")
	o.expect(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"out"}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{"text":"out"}}`))
	require.NoError(t, <-done)
	require.NoError(t, noted(t.Context(), o, &echoParams{Text: "n"}))
	require.Equal(t, []string{
		`a request echo {"text":"hi"} out=false`,
		`b request echo {"text":"hi!"} out=false`,
		`a request echo {"text":"refuse"} out=false`,
		`a notification notifications/noted {"text":"n"} out=false`,
		`b notification notifications/noted {"text":"n"} out=false`,
		`c request echo {"text":"out"} out=true`,
		`d request echo {"text":"out"} out=true`,
		`c notification notifications/noted {"text":"n"} out=true`,
		`d notification notifications/noted {"text":"n"} out=true`,
	}, seen)
}

// An interceptor sees params of the wrong shape only if it asks for them, and methods that nobody handles too.
func TestInterceptorMayAnswerWhatNobodyHandles(t *testing.T) {
	o := start(t, nil, func(c *rpc.Config) {
		c.Dispatch = rpc.NewDispatch(table, new(handler), func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == "custom" {
					return m.Raw(), nil
				}
				return next(ctx, m)
			}
		})
	})
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"method":"custom","params":{"a" :1}}`))
	o.expect(`{"jsonrpc":"2.0","id":1,"result":{"a" :1}}`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":2,"method":"custom"}`))
	o.expect(`{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"internal error: the result is not valid"}}`)
}

func TestOutgoingInterceptorMayAnswer(t *testing.T) {
	o := start(t, nil, func(c *rpc.Config) {
		c.Outgoing = []rpc.Interceptor{func(rpc.Handler) rpc.Handler {
			return func(context.Context, *rpc.Message) (wire.Appender, error) { return &echoResult{"cached"}, nil }
		}}
	})
	r, err := echo(t.Context(), o, &echoParams{Text: "x"})
	require.NoError(t, err)
	require.Equal(t, "cached", r.Text)
	o.quiet(t)
}

func TestTable(t *testing.T) {
	row, ok := table.Lookup("echo")
	require.True(t, ok)
	require.Equal(t, "tools", row.Capability)
	require.True(t, row.Task)
	require.False(t, row.Notification)
	_, ok = table.Lookup("nope")
	require.False(t, ok)
	require.Len(t, table.Rows(), 3)
	require.PanicsWithValue(t, `rpc.NewTable: two rows for "echo"`, func() { rpc.NewTable(row, row) })
	more := table.With(row.Gate("other"), rpc.Request("more", echoHandler.Echo))
	require.Len(t, more.Rows(), 4)
	changed, _ := more.Lookup("echo")
	require.Equal(t, "other", changed.Capability)
	d := rpc.NewDispatch(table, new(handler))
	require.True(t, d.Handles("echo") && d.Handles("notifications/noted"))
	require.False(t, d.Handles("more") || rpc.NewDispatch(table, 5).Handles("echo"))
	var none *rpc.Table
	_, ok = none.Lookup("echo")
	require.False(t, ok || len(none.Rows()) > 0)
}

func TestSessionThatIsNotAttached(t *testing.T) {
	s := rpc.NewSession(rpc.Config{})
	defer s.Close(nil)
	require.ErrorContains(t, s.Notify(t.Context(), "x", nil), "the session is not connected")
	require.Equal(t, rpc.Link{}, s.Link())
	require.Empty(t, s.Version())
	s.SetPeer("2025-11-25", 42)
	require.Equal(t, "2025-11-25", s.Version())
	require.Equal(t, 42, s.Peer())
}

func TestCodeOf(t *testing.T) {
	require.EqualValues(t, 0, rpc.CodeOf(nil))
	require.EqualValues(t, -5, rpc.CodeOf(fmt.Errorf("x: %w", rpc.Errorf(-5, "y"))))
	require.EqualValues(t, rpc.CodeCancelled, rpc.CodeOf(fmt.Errorf("x: %w", context.Canceled)))
	require.EqualValues(t, rpc.CodeInternalError, rpc.CodeOf(errors.New("x")))
	cause := errors.New("cause")
	err := rpc.Errorf(-5, "it failed: %w", cause)
	require.ErrorIs(t, err, cause)
	require.Equal(t, "it failed: cause", err.Message)
	require.ErrorIs(t, rpc.Errorf(1, "x").Wrap(cause), cause)
}

// Many calls in both directions at once, each with a call back, over sessions that face each other.
func TestBothDirectionsAtOnce(t *testing.T) {
	back := func(ctx context.Context, p *echoParams) (*echoResult, error) {
		if p.Delay == 0 {
			return &echoResult{p.Text}, nil
		}
		return echo(ctx, rpc.SessionFrom(ctx), &echoParams{Text: p.Text, Delay: p.Delay - 1})
	}
	var ends [2]*rpc.Session
	p := pipe.New(pipe.Limits{})
	for i := range ends {
		ends[i] = rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, &handler{echo: back}), Limits: rpc.Limits{InFlight: 1 << 20}})
		ends[i].Attach(p.Link(i))
	}
	p.Join(t.Context(), ends[0], ends[1])
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			want := fmt.Sprint("call ", i)
			r, err := echo(t.Context(), ends[i%2], &echoParams{Text: want, Delay: int64(i % 4)})
			if err != nil || r.Text != want {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, p.Close())
	require.Zero(t, ends[0].Stats().UnknownResponses+ends[1].Stats().UnknownResponses)
}
