package pipe_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// acceptor is a server that answers every request by a function.
type acceptor struct {
	handle   rpc.Handler
	sessions chan *rpc.Session
	refuse   error
}

func (a *acceptor) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (a *acceptor) Versions() []string        { return []string{"test"} }

func (a *acceptor) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	if a.refuse != nil {
		return nil, a.refuse
	}
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(rpc.Handler) rpc.Handler { return a.handle })})
	s.Attach(link)
	a.sessions <- s
	return s, nil
}

func echo(_ context.Context, m *rpc.Message) (wire.Appender, error) { return m.Raw(), nil }

func connect(t *testing.T, h rpc.Handler, l pipe.Limits) (client, server *rpc.Session, conn rpc.Conn) {
	t.Helper()
	a := &acceptor{handle: h, sessions: make(chan *rpc.Session, 1)}
	client = rpc.NewSession(rpc.Config{})
	conn, err := pipe.To(a, l).Connect(t.Context(), client)
	require.NoError(t, err)
	t.Cleanup(func() { client.Close(nil) })
	return client, <-a.sessions, conn
}

func TestCallsBothWays(t *testing.T) {
	client, server, conn := connect(t, echo, pipe.Limits{})
	var raw wire.Raw
	require.NoError(t, client.Call(t.Context(), "x", wire.MustRaw(`{"a":1}`), &raw))
	require.Equal(t, `{"a":1}`, raw.String())
	require.EqualValues(t, rpc.CodeMethodNotFound, rpc.CodeOf(server.Call(t.Context(), "x", nil, nil)))
	require.NoError(t, server.Call(t.Context(), "ping", nil, nil))
	require.Equal(t, "pipe", server.Link().Transport)
	require.NoError(t, conn.Close())
}

func TestEitherEndClosesBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := make(chan struct{}, 1)
		block := func(ctx context.Context, _ *rpc.Message) (wire.Appender, error) {
			started <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		for end := range 3 {
			client, server, conn := connect(t, block, pipe.Limits{})
			done := make(chan error, 1)
			go func() { done <- client.Call(t.Context(), "x", nil, nil) }()
			<-started
			switch end {
			case 0:
				client.Close(nil)
			case 1:
				server.Close(errors.New("the server gave up"))
			case 2:
				require.NoError(t, conn.Close())
			}
			require.ErrorIs(t, <-done, rpc.ErrClosed)
			<-client.Done()
			<-server.Done()
			require.NoError(t, conn.Close())
			require.ErrorIs(t, client.Call(t.Context(), "x", nil, nil), rpc.ErrClosed)
		}
	})
}

func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client, _, conn := connect(t, func(context.Context, *rpc.Message) (wire.Appender, error) { <-release; return nil, nil }, pipe.Limits{})
		go func() { _ = client.Call(context.Background(), "x", nil, nil) }()
		synctest.Wait()
		began := time.Now()
		require.EqualError(t, conn.Close(), "pipe: closed, but handlers still run")
		require.Equal(t, time.Second, time.Since(began))
		close(release)
	})
}

func TestMessageSize(t *testing.T) {
	const most = 100
	client, _, conn := connect(t, echo, pipe.Limits{Message: most})
	base := len(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"p":""}}`)
	call := func(n int) error {
		return client.Call(t.Context(), "x", wire.MustRaw(`{"p":"`+strings.Repeat("x", n-base)+`"}`), nil)
	}
	require.NoError(t, call(most-1))
	require.NoError(t, call(most))
	err := call(most + 1)
	require.ErrorIs(t, err, rpc.ErrTooLarge)
	require.EqualError(t, err, "x was not sent: message too large: 101 bytes, the limit is 100 (code -32012)")
	require.NoError(t, conn.Close())
}

func TestValuesOfTheContextReachTheServer(t *testing.T) {
	got := make(chan string, 1)
	a := &acceptor{sessions: make(chan *rpc.Session, 1), handle: func(ctx context.Context, _ *rpc.Message) (wire.Appender, error) {
		p, _ := rpc.PrincipalFrom(ctx)
		got <- p.ID
		return nil, ctx.Err()
	}}
	client := rpc.NewSession(rpc.Config{})
	ctx, cancel := context.WithCancel(rpc.WithPrincipal(t.Context(), rpc.Principal{ID: "ada"}))
	conn, err := pipe.To(a, pipe.Limits{}).Connect(ctx, client)
	require.NoError(t, err)
	cancel() // bounds the connecting only
	require.NoError(t, client.Call(t.Context(), "x", nil, nil))
	require.Equal(t, "ada", <-got)
	require.NoError(t, conn.Close())
}

func TestServerThatRefuses(t *testing.T) {
	client := rpc.NewSession(rpc.Config{})
	defer client.Close(nil)
	_, err := pipe.To(&acceptor{refuse: errors.New("full")}, pipe.Limits{}).Connect(t.Context(), client)
	require.EqualError(t, err, "pipe: full")
}
