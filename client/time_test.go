package client_test

import (
	"context"
	"errors"
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

// slow is a server whose tool runs until it is cancelled, doing during each second what its ctx allows.
func slow(each func(ctx context.Context, second int)) *fake {
	return &fake{capabilities: everything(), call: func(ctx context.Context, _ *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		for i := 1; ; i++ {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(time.Second):
			}
			if each != nil {
				each(ctx, i)
			}
		}
	}}
}

// dialIn is dial within a synctest bubble.
func dialIn(t *testing.T, f *fake, opts ...client.Option) (*client.Client, func()) {
	c, err := client.Dial(t.Context(), me(), pipe.To(f.acceptor(), pipe.Limits{}), opts...)
	require.NoError(t, err)
	return c, func() { require.NoError(t, c.Close()) }
}

func cancelledBecause(t *testing.T, f *fake, reason string) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.causes, 1)
	require.EqualError(t, f.causes[0], "cancelled by the peer: "+reason)
}

// noteCauses has the causes noted for which tool calls end.
func noteCauses(f *fake) *fake {
	call := f.call
	f.call = func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		r, err := call(ctx, p)
		f.mu.Lock()
		f.causes = append(f.causes, context.Cause(ctx))
		f.mu.Unlock()
		return r, err
	}
	return f
}

func TestDeadlineSendsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := noteCauses(slow(nil))
		c, end := dialIn(t, f)
		defer end()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		start := time.Now()
		_, err := client.CallTool[string](ctx, c, "t", nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, rpc.CodeCancelled, rpc.CodeOf(err))
		require.Equal(t, 10*time.Minute, time.Since(start), "a deadline of one's own stands in for the default")
		cancelledBecause(t, f, "context deadline exceeded")
	})
}

func TestCancellationSendsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := noteCauses(slow(nil))
		c, end := dialIn(t, f)
		defer end()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(errors.New("the user left")) })
		_, err := client.CallTool[string](ctx, c, "t", nil)
		require.ErrorIs(t, err, context.Canceled)
		cancelledBecause(t, f, "the user left")
	})
}

func TestDefaultTimeoutOfCalls(t *testing.T) {
	for _, x := range []struct {
		opts []client.Option
		call []client.CallOption
		want time.Duration
		text string
	}{
		{nil, nil, 5 * time.Minute, "tools/call: nothing was heard for 5m0s (code -32011)"},
		{[]client.Option{client.WithTimeout(7 * time.Second)}, nil, 7 * time.Second, "tools/call: nothing was heard for 7s (code -32011)"},
		{nil, []client.CallOption{client.Timeout(2 * time.Second)}, 2 * time.Second, "tools/call: nothing was heard for 2s (code -32011)"},
		{[]client.Option{client.WithTimeout(-1)}, nil, time.Hour, "tools/call: no answer within 1h0m0s (code -32011)"},
		{[]client.Option{client.WithTimeout(-1), client.WithMaxTime(time.Minute)}, nil, time.Minute, "tools/call: no answer within 1m0s (code -32011)"},
		{nil, []client.CallOption{client.Timeout(-1), client.MaxTime(3 * time.Second)}, 3 * time.Second, "tools/call: no answer within 3s (code -32011)"},
		{nil, []client.CallOption{client.Timeout(2 * time.Hour)}, 2 * time.Hour, "tools/call: no answer within 2h0m0s (code -32011)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := noteCauses(slow(nil))
			c, end := dialIn(t, f, x.opts...)
			defer end()
			start := time.Now()
			_, err := client.CallTool[string](t.Context(), c, "t", nil, x.call...)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.EqualError(t, err, x.text)
			require.Equal(t, x.want, time.Since(start))
			cancelledBecause(t, f, x.text[len("tools/call: "):len(x.text)-len(" (code -32011)")])
		})
	}
}

func TestTimeoutOfACallHoldsUnderADeadlineToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, end := dialIn(t, slow(nil))
		defer end()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := client.CallTool[string](ctx, c, "t", nil, client.Timeout(time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func report(ctx context.Context, n int) {
	var params struct {
		Meta struct {
			Token wire.Raw `json:"progressToken"`
		} `json:"_meta"`
	}
	if rpc.MessageFrom(ctx).Raw().Unmarshal(&params) != nil || params.Meta.Token.IsZero() {
		return
	}
	var id wire.ID
	if params.Meta.Token.Decode(&id) == nil {
		_ = mcp.ClientStub{Caller: rpc.SessionFrom(ctx)}.Progress(ctx, &mcp.ProgressParams{ProgressToken: id, Progress: float64(n), Message: "on it"})
	}
}

func TestProgressCallbackPerCall(t *testing.T) {
	f := &fake{capabilities: everything(), call: func(ctx context.Context, _ *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		for i := range 3 {
			report(ctx, i+1)
		}
		return text("done"), nil
	}}
	c := dial(t, f)
	var got []float64
	_, err := client.CallTool[string](t.Context(), c, "t", nil, client.OnProgress(func(p rpc.Progress) {
		require.Equal(t, "on it", p.Message)
		require.NoError(t, c.Ping(t.Context()), "it may call the server")
		got = append(got, p.Progress)
	}))
	require.NoError(t, err)
	require.Equal(t, []float64{1, 2, 3}, got, "all of it before the call returns")
	got = nil
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Empty(t, got, "it was for the one call")
}

func TestProgressStartsTheTimeoutAnewUpToTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, end := dialIn(t, slow(report), client.WithTimeout(3*time.Second), client.WithMaxTime(time.Minute))
		defer end()
		start := time.Now()
		_, err := client.CallTool[string](t.Context(), c, "t", nil, client.OnProgress(func(rpc.Progress) {}))
		require.EqualError(t, err, "tools/call: no answer within 1m0s (code -32011)")
		require.Equal(t, time.Minute, time.Since(start))

		start = time.Now()
		_, err = client.CallTool[string](t.Context(), c, "t", nil)
		require.EqualError(t, err, "tools/call: nothing was heard for 3s (code -32011)")
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// TestTimeoutWaitsForTheUser: while the server asks something of the client, the call does not time out.
func TestTimeoutWaitsForTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := slow(func(ctx context.Context, second int) {
			if second == 2 {
				_, _ = mcp.ClientStub{Caller: rpc.SessionFrom(ctx)}.Elicit(ctx, &mcp.ElicitFormParams{Message: "?"})
			}
		})
		c, end := dialIn(t, f, client.WithTimeout(3*time.Second), client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			time.Sleep(time.Minute) // the user thinks; the clock is synctest's
			return client.Cancel(), nil
		}))
		defer end()
		start := time.Now()
		_, err := client.CallTool[string](t.Context(), c, "t", nil)
		require.EqualError(t, err, "tools/call: nothing was heard for 3s (code -32011)")
		require.Equal(t, 65*time.Second, time.Since(start))
	})
}
