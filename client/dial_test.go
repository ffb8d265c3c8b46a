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
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestDialGivesWhatTheServerSaysOfItself(t *testing.T) {
	f := &fake{capabilities: everything(), instructions: "be gentle"}
	c := dial(t, f)
	require.Equal(t, "fake", c.ServerInfo().Name)
	require.True(t, c.ServerCapabilities().Declares("resources.subscribe"))
	require.Equal(t, "be gentle", c.Instructions())
	require.Equal(t, "2025-11-25", c.Version())
	require.Equal(t, "2025-11-25", c.Session().Version())
	require.Same(t, c.Opening(), c.Session().Peer())
	require.JSONEq(t, `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1.0.0"}}`, f.params(mcp.MethodInitialize))
	require.NoError(t, c.Ping(t.Context()))
	require.Eventually(t, func() bool { return f.count(mcp.MethodInitialized) == 1 }, waitFor, tick)
	require.Equal(t, []string{mcp.MethodPing}, f.received())
}

func TestVersionsAnsweredAreAccepted(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"} {
		c := dial(t, &fake{version: version, capabilities: everything()})
		require.Equal(t, version, c.Version())
	}
}

func TestVersionAskedFor(t *testing.T) {
	f := &fake{}
	c := dial(t, f, client.WithVersion("2025-06-18"))
	require.Equal(t, "2025-06-18", c.Version())
	require.Contains(t, f.params(mcp.MethodInitialize), `"protocolVersion":"2025-06-18"`)

	_, err := client.Dial(t.Context(), me(), nil, client.WithVersion("1999-01-01"))
	require.EqualError(t, err, `client: WithVersion: protocol version "1999-01-01" is not spoken, only 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05`)
}

func TestVersionNotSpokenIsGivenUpNamingBoth(t *testing.T) {
	f := &fake{version: "2031-01-01"}
	_, err := client.Dial(t.Context(), me(), pipe.To(f.acceptor(), pipe.Limits{}))
	require.EqualError(t, err, `client: opening a session: no common protocol version: the client asked for 2025-11-25 and speaks 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05, the server answered "2031-01-01"`)
	var v *client.VersionError
	require.ErrorAs(t, err, &v)
	require.Equal(t, "2031-01-01", v.Answered)
	require.Equal(t, []string{mcp.MethodInitialize}, f.got, "nothing is sent after it")
	require.Error(t, f.sessions[0].Err(), "the session is closed")
}

func TestDialFails(t *testing.T) {
	_, err := client.Dial(t.Context(), mcp.Implementation{}, nil)
	require.EqualError(t, err, "client: the client's info needs a name and a version")

	_, err = client.Dial(t.Context(), me(), failing{errors.New("nobody home")})
	require.EqualError(t, err, "client: connecting: nobody home")

	f := &fake{custom: map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodInitialize: func(context.Context, *rpc.Message) (wire.Appender, error) {
			return nil, rpc.Errorf(rpc.CodeInternalError, "not today")
		},
	}}
	_, err = client.Dial(t.Context(), me(), pipe.To(f.acceptor(), pipe.Limits{}))
	require.EqualError(t, err, "client: opening a session: not today (code -32603)")
}

type failing struct{ err error }

func (f failing) Connect(context.Context, *rpc.Session) (rpc.Conn, error) { return nil, f.err }

func TestDialTimesOutAndDoesNotCancelInitialize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{custom: map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
			mcp.MethodInitialize: func(ctx context.Context, _ *rpc.Message) (wire.Appender, error) {
				<-ctx.Done()
				return nil, context.Cause(ctx)
			},
		}}
		start := time.Now()
		_, err := client.Dial(t.Context(), me(), pipe.To(f.acceptor(), pipe.Limits{}), client.WithTimeout(time.Minute))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "client: opening a session: initialize: nothing was heard for 1m0s (code -32011)")
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, []string{mcp.MethodInitialize}, f.got)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = client.Dial(ctx, me(), pipe.To(f.acceptor(), pipe.Limits{}))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.Equal(t, 0, f.count(mcp.MethodCancelled))
	})
}

func TestCloseEndsTheSessionAndCalls(t *testing.T) {
	entered := make(chan struct{})
	f := &fake{capabilities: everything(), call: func(ctx context.Context, _ *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c := dial(t, f)
	failed := make(chan error, 1)
	go func() {
		_, err := client.CallTool[string](context.Background(), c, "slow", nil)
		failed <- err
	}()
	<-entered
	require.NoError(t, c.Err())
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-failed, rpc.ErrClosed)
	<-c.Done()
	require.ErrorIs(t, c.Err(), rpc.ErrClosed)
	require.ErrorIs(t, c.Ping(t.Context()), rpc.ErrClosed)
	require.NoError(t, c.Close())
}

func TestDoneWhenTheServerEnds(t *testing.T) {
	every.Not(t, "the client opens another session", "tcp", "websocket", "streamhttp", "legacysse")
	f := &fake{}
	c := dial(t, f)
	f.sessions[0].Close(errors.New("power cut"))
	<-c.Done()
	require.ErrorIs(t, c.Err(), rpc.ErrClosed)
	require.ErrorIs(t, c.Ping(t.Context()), rpc.ErrClosed)
}

func TestInterceptorsPassBothWays(t *testing.T) {
	var out, in []string
	note := func(to *[]string) rpc.Interceptor {
		return func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				*to = append(*to, m.Method)
				return next(ctx, m)
			}
		}
	}
	f := &fake{capabilities: everything()}
	c := dial(t, f, client.WithOutgoing(note(&out)), client.WithIncoming(note(&in)), client.WithRoots())
	require.NoError(t, c.Ping(t.Context()))
	_, err := f.client().ListRoots(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []string{mcp.MethodInitialize, mcp.MethodInitialized, mcp.MethodPing}, out)
	require.Equal(t, []string{mcp.MethodListRoots}, in)
}
