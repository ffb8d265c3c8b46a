package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// forgetful is a transport over which a server can forget its sessions, as by status 404 of Streamable HTTP.
type forgetful struct {
	to       rpc.Transport
	bySend   bool // the error comes from Send instead of FailCall
	stays    bool // the session is not closed when a call is refused
	refuse   error
	connects atomic.Int32

	mu   sync.Mutex
	last *forgetfulConn
}

type forgetfulConn struct {
	rpc.Conn
	rpc.Stream
	t         *forgetful
	session   *rpc.Session
	forgotten atomic.Bool
}

func (f *forgetful) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	f.connects.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	conn, err := f.to.Connect(ctx, s)
	if err != nil {
		return nil, err
	}
	f.last = &forgetfulConn{Conn: conn, Stream: s.Link().Stream, t: f, session: s}
	s.Attach(rpc.Link{Stream: f.last, Transport: "forgetful"})
	return f.last, nil
}

func (c *forgetfulConn) Send(ctx context.Context, m *rpc.Message) error {
	if !c.forgotten.Load() {
		return c.Stream.Send(ctx, m)
	}
	gone := fmt.Errorf("status 404: %w", rpc.ErrSessionEnded)
	if c.t.bySend || m.Kind != rpc.KindRequest {
		return gone
	}
	c.session.FailCall(m.ID, gone)
	if !c.t.stays {
		c.session.Close(gone)
	}
	return nil
}

// forget has the server forget the newest session.
func (f *forgetful) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last.forgotten.Store(true)
}

func newForgetful(f *fake) *forgetful { return &forgetful{to: pipe.To(f.acceptor(), pipe.Limits{})} }

func TestAnEndedSessionIsInitializedAgainAndTheCallRepeated(t *testing.T) {
	for _, bySend := range []bool{false, true} {
		var events []string
		f := &fake{capabilities: everything()}
		transport := newForgetful(f)
		transport.bySend = bySend
		c := dialOver(t, transport, client.OnReconnect(func(ctx context.Context, r client.Reconnection) {
			events = append(events, fmt.Sprint("reconnected ", len(f.received())))
			require.ErrorIs(t, r.Cause, rpc.ErrSessionEnded)
			require.Empty(t, r.Lost)
			require.Same(t, r.Client, client.From(ctx))
			require.NoError(t, r.Client.Ping(ctx), "it may call the server")
		}))
		first := c.Session()
		require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
		require.NoError(t, c.Subscribe(t.Context(), "test:///2"))
		require.NoError(t, c.Unsubscribe(t.Context(), "test:///2"))
		require.NoError(t, c.SetLevel(t.Context(), mcp.LoggingLevelError))
		before := len(f.received())

		transport.forget()
		got, err := client.CallTool[string](t.Context(), c, "t", nil)
		require.NoError(t, err)
		require.Equal(t, "called t", got)
		require.Equal(t, []string{mcp.MethodSetLevel, mcp.MethodSubscribe, mcp.MethodPing, mcp.MethodCallTool}, f.received()[before:])
		require.Equal(t, []string{fmt.Sprint("reconnected ", before+2)}, events)
		require.Equal(t, 2, f.count(mcp.MethodInitialize))
		require.NotSame(t, first, c.Session())
		require.NoError(t, c.Err())
		select {
		case <-c.Done():
			t.Error("the client is not done")
		default:
		}
	}
}

func TestNotificationsAreRepeatedToo(t *testing.T) {
	f := &fake{}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.WithRoots())
	transport.forget()
	require.NoError(t, c.RootsChanged(t.Context()))
	require.Equal(t, 2, f.count(mcp.MethodInitialize))
	require.Eventually(t, func() bool { return f.count(mcp.MethodRootsListChanged) == 1 }, waitFor, tick)
}

// TestReconnectIsSingleFlight: many calls meet the end of one session, which is replaced once.
func TestReconnectIsSingleFlight(t *testing.T) {
	var reconnects atomic.Int32
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	transport.stays = true // so that no call is failed between its registration and its refusal
	c := dialOver(t, transport, client.OnReconnect(func(context.Context, client.Reconnection) { reconnects.Add(1) }))
	for round := range 5 {
		transport.forget()
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if _, err := client.CallTool[string](t.Context(), c, "t", nil); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, round+2, transport.connects.Load())
		require.EqualValues(t, round+1, reconnects.Load())
	}
	require.Equal(t, 250, f.count(mcp.MethodCallTool))
}

// TestCallsThatMayHaveRunAreNotRepeated: the server had taken one call when it refused another.
func TestCallsThatMayHaveRunAreNotRepeated(t *testing.T) {
	entered := make(chan struct{})
	f := &fake{capabilities: everything(), call: func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		if p.Name == "pay" {
			entered <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return text("ok"), nil
	}}
	transport := newForgetful(f)
	c := dialOver(t, transport)
	failed := make(chan error, 1)
	go func() {
		_, err := client.CallTool[string](t.Context(), c, "pay", nil)
		failed <- err
	}()
	<-entered
	transport.forget()
	_, err := client.CallTool[string](t.Context(), c, "look", nil)
	require.NoError(t, err)
	err = <-failed
	require.ErrorIs(t, err, rpc.ErrSessionEnded)
	require.ErrorIs(t, err, rpc.ErrClosed)
	require.Equal(t, 2, f.count(mcp.MethodCallTool))
}

func TestACallIsRepeatedOnceOnly(t *testing.T) {
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.OnReconnect(func(context.Context, client.Reconnection) { transport.forget() }))
	transport.forget()
	err := c.Ping(t.Context())
	require.ErrorIs(t, err, rpc.ErrSessionEnded)
	require.EqualValues(t, 2, transport.connects.Load())
}

func TestReconnectThatFailsIsTriedAgainByTheNextCall(t *testing.T) {
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	c := dialOver(t, transport)
	transport.forget()
	transport.mu.Lock()
	transport.refuse = errors.New("down for repairs")
	transport.mu.Unlock()
	err := c.Ping(t.Context())
	require.ErrorIs(t, err, rpc.ErrSessionEnded)
	require.EqualError(t, err, "the session ended (ping: status 404: session ended by the server (code -32603)) and no new one could be opened: client: connecting: down for repairs")
	require.ErrorContains(t, c.Ping(t.Context()), "down for repairs")
	transport.mu.Lock()
	transport.refuse = nil
	transport.mu.Unlock()
	require.NoError(t, c.Ping(t.Context()))
}

func TestSubscriptionsThatAreRefusedAreTold(t *testing.T) {
	var lost []error
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.OnReconnect(func(_ context.Context, r client.Reconnection) { lost = r.Lost }))
	require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
	require.NoError(t, c.Subscribe(t.Context(), "test:///2"))
	f.mu.Lock()
	f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodSubscribe: func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Raw().String() == `{"uri":"test:///1"}` {
				return nil, rpc.Errorf(mcp.CodeResourceNotFound, "gone")
			}
			return nil, nil
		},
	}
	f.mu.Unlock()
	transport.forget()
	require.NoError(t, c.Ping(t.Context()))
	require.Len(t, lost, 1)
	require.EqualError(t, lost[0], "subscription to test:///1: gone (code -32002)")
	require.Equal(t, []string{"test:///2"}, c.Subscriptions())
}

func TestWithoutReconnectTheEndIsFinal(t *testing.T) {
	f := &fake{}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.WithoutReconnect())
	transport.forget()
	require.ErrorIs(t, c.Ping(t.Context()), rpc.ErrSessionEnded)
	<-c.Done()
	require.ErrorIs(t, c.Err(), rpc.ErrSessionEnded)
	require.EqualValues(t, 1, transport.connects.Load())
}

func TestListsDoNotCarryCursorsIntoAnotherSession(t *testing.T) {
	f := &fake{capabilities: everything(), tools: tools(4), pageSize: 2}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.WithCache())
	n := 0
	var failed error
	for _, err := range c.Tools(t.Context()) {
		if n++; n == 2 {
			transport.forget()
			require.NoError(t, c.Ping(t.Context()))
		}
		failed = err
	}
	require.EqualError(t, failed, "the session was replaced by a new one: cursors of the old one are void, start again (code -32000)")
	require.Len(t, collect(t, c.Tools(t.Context())), 4)
	collect(t, c.Tools(t.Context()))
	require.Equal(t, 3, f.count(mcp.MethodListTools))

	n = 0
	transport.forget()
	require.NoError(t, c.Ping(t.Context()))
	collect(t, c.Tools(t.Context()))
	require.Equal(t, 5, f.count(mcp.MethodListTools), "the cache was of the old session")
}

// TestTheSecondPageIsNotRepeatedInAnotherSession: a page refused by the server opens a session, but asks it nothing.
func TestTheSecondPageIsNotRepeatedInAnotherSession(t *testing.T) {
	f := &fake{capabilities: everything(), tools: tools(4), pageSize: 2}
	transport := newForgetful(f)
	c := dialOver(t, transport)
	n := 0
	var failed error
	for _, err := range c.Tools(t.Context()) {
		if n++; n == 2 {
			transport.forget()
		}
		failed = err
	}
	require.ErrorContains(t, failed, "start again")
	require.Equal(t, 1, f.count(mcp.MethodListTools))
}

func TestCloseDuringReconnect(t *testing.T) {
	arrived := make(chan struct{})
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	c := dialOver(t, transport)
	f.mu.Lock()
	f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodInitialize: func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			close(arrived)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	f.mu.Unlock()
	transport.forget()
	failed := make(chan error, 1)
	go func() { failed <- c.Ping(context.Background()) }()
	<-arrived
	require.NoError(t, c.Close())
	require.Error(t, <-failed)
	require.ErrorIs(t, c.Ping(t.Context()), rpc.ErrClosed)
}

func TestCallersWaitingForAReconnectMayLeave(t *testing.T) {
	arrived := make(chan struct{})
	release := make(chan struct{})
	f := &fake{capabilities: everything()}
	transport := newForgetful(f)
	c := dialOver(t, transport)
	f.mu.Lock()
	f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodInitialize: func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			close(arrived)
			<-release
			return f.Initialize(context.Background(), &mcp.InitializeParams{ProtocolVersion: mcp.Latest.Name})
		},
	}
	f.mu.Unlock()
	transport.forget()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- c.Ping(ctx) }()
	<-arrived
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	stays := make(chan error, 1)
	go func() { stays <- c.Ping(t.Context()) }()
	close(release)
	require.NoError(t, <-stays, "the attempt does not depend on who began it")
	require.EqualValues(t, 2, transport.connects.Load())
}

func TestAPanicOfOnReconnectIsNotTheCalls(t *testing.T) {
	f := &fake{}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.OnReconnect(func(context.Context, client.Reconnection) { panic("oh") }))
	transport.forget()
	require.NoError(t, c.Ping(t.Context()))
}

func TestOnReconnectMayCloseTheClient(t *testing.T) {
	f := &fake{}
	transport := newForgetful(f)
	c := dialOver(t, transport, client.OnReconnect(func(_ context.Context, r client.Reconnection) { require.NoError(t, r.Client.Close()) }))
	transport.forget()
	require.ErrorIs(t, c.Ping(t.Context()), rpc.ErrClosed)
}
