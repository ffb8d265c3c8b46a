package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func (p *peer) subscribe(t *testing.T, uri string) {
	t.Helper()
	_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: uri})
	require.NoError(t, err)
}

func (p *peer) unsubscribe(t *testing.T, uri string) {
	t.Helper()
	_, err := p.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: uri})
	require.NoError(t, err)
}

func TestSubscribersAreToldOfChanges(t *testing.T) {
	s := New("v", "1", Subscriptions())
	for _, uri := range []string{"a://1", "a://2", "a://dir"} {
		AddStaticResource(s, uri, "n", "", "")
	}
	heard, others := make(chan string, 10), make(chan string, 10)
	p := connect(t, s, clientSide{handler: listener{heard}})
	q := connect(t, s, clientSide{handler: listener{others}})
	require.Equal(t, `{"listChanged":true,"subscribe":true}`, string(p.opened.Capabilities.Resources.AppendJSON(nil)))

	p.subscribe(t, "a://1")
	p.subscribe(t, "a://1")
	p.subscribe(t, "a://dir")
	q.subscribe(t, "a://2")
	s.ResourceUpdated("a://1")
	require.Equal(t, "a://1", <-heard)
	s.ResourceUpdated("a://2")
	require.Equal(t, "a://2", <-others)
	s.ResourceUpdated("a://dir/file", "a://dir")
	require.Equal(t, "a://dir/file", <-heard)

	p.unsubscribe(t, "a://1")
	p.unsubscribe(t, "a://1") // no error if there is nothing to undo
	s.ResourceUpdated("a://1")
	s.ResourceUpdated("a://nobody")
	s.ResourceUpdated("a://dir")
	require.Equal(t, "a://dir", <-heard, "nothing came of a://1")

	_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "a://none"})
	requireNotFound(t, err, "a://none")
}

func TestSubscriptionsNeedToBeDeclared(t *testing.T) {
	s := New("v", "1")
	AddStaticResource(s, "a://1", "n", "", "")
	p := connect(t, s, clientSide{})
	_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "a://1"})
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
	_, err = p.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: "a://1"})
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
	s.ResourceUpdated("a://1")
}

// watch is a watcher that tells what it is told.
type watch struct{ heard chan string }

func (w watch) watch(ctx context.Context, uri string) (func(), error) {
	if stateFrom(ctx) == nil {
		return nil, errors.New("no session")
	}
	w.heard <- "+" + uri
	var once sync.Once
	return func() { once.Do(func() { w.heard <- "-" + uri }) }, nil
}

func TestSubscriptionsEndHoweverTheSessionDoes(t *testing.T) {
	every.Not(t, "a session outlives its connection", "streamhttp")
	w := watch{make(chan string, 10)}
	s := New("v", "1")
	AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(w.watch))
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing, OnSubscribe(w.watch))
	for name, end := range map[string]func(p *peer){
		"the client closes":       func(p *peer) { require.NoError(t, p.conn.Close()) },
		"the connection fails":    func(p *peer) { p.session.Close(errors.New("unplugged")) },
		"the server closes":       func(*peer) { s.closeAll() },
		"the client unsubscribes": func(p *peer) { p.unsubscribe(t, "a://1"); p.unsubscribe(t, "t:1") },
	} {
		p := connect(t, s, clientSide{})
		require.True(t, p.opened.Capabilities.Resources.Subscribe, "OnSubscribe declares it")
		p.subscribe(t, "a://1")
		p.subscribe(t, "a://1")
		p.subscribe(t, "t:1")
		require.Equal(t, []string{"+a://1", "+t:1"}, []string{<-w.heard, <-w.heard}, name)
		end(p)
		require.ElementsMatch(t, []string{"-a://1", "-t:1"}, []string{<-w.heard, <-w.heard}, name)
		_ = p.conn.Close() // what it says of how the session ended is the transport's
		require.Eventually(t, func() bool {
			s.resources.subs.mu.Lock()
			defer s.resources.subs.mu.Unlock()
			return len(s.resources.subs.byURI) == 0 && len(s.resources.subs.bySession) == 0
		}, 5*time.Second, time.Millisecond, name)
		require.Empty(t, w.heard, name)
	}
}

// closeAll closes all sessions from the server's side.
func (s *Server) closeAll() {
	for session := range s.Sessions() {
		session.Close(nil)
	}
}

func TestASubscriptionMayBeRefused(t *testing.T) {
	s := New("v", "1", LimitResources(ResourceLimits{Subscriptions: 2}))
	var refusal error
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing, OnSubscribe(func(context.Context, string) (func(), error) {
		return nil, refusal
	}))
	p := connect(t, s, clientSide{})
	refusal = errors.New("too tired")
	_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "t:1"})
	require.EqualError(t, err, "too tired (code -32603)")
	refusal = fmt.Errorf("no: %w", ErrResourceNotFound)
	_, err = p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "t:1"})
	requireNotFound(t, err, "t:1")
	refusal = nil
	p.subscribe(t, "t:1")
	p.subscribe(t, "t:2")
	_, err = p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "t:3"})
	require.EqualError(t, err, "too many subscriptions: this session has 2, expected at most that; unsubscribe from others first (code -32600)")
	p.unsubscribe(t, "t:1")
	p.subscribe(t, "t:3")
}

// TestASessionThatEndsWhileItSubscribes: what was started is stopped.
func TestASessionThatEndsWhileItSubscribes(t *testing.T) {
	every.Not(t, "a session outlives its connection", "streamhttp")
	started, stopped := make(chan struct{}), make(chan struct{})
	s := New("v", "1")
	AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(func(ctx context.Context, _ string) (func(), error) {
		close(started)
		<-ctx.Done()
		return func() { close(stopped) }, nil
	}))
	p := connect(t, s, clientSide{})
	go func() { _, _ = p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "a://1"}) }()
	<-started
	p.session.Close(nil)
	<-stopped
	require.NoError(t, p.conn.Close())
}

// TestASlowSubscriberKeepsNobodyWaiting: what happened in between it is told once.
func TestASlowSubscriberKeepsNobodyWaiting(t *testing.T) {
	slow, quick := make(chan string), make(chan string, 10)
	gate := make(chan struct{})
	var held sync.Once
	s := New("v", "1", Subscriptions(), OutgoingInterceptors(func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if stateOf(m.Session()).subscribedTo("t:slow") {
				held.Do(func() { <-gate })
			}
			return next(ctx, m)
		}
	}))
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing)
	p := connect(t, s, clientSide{handler: listener{slow}})
	q := connect(t, s, clientSide{handler: listener{quick}})
	p.subscribe(t, "t:slow")
	p.subscribe(t, "t:1")
	q.subscribe(t, "t:1")
	for range 100 {
		s.ResourceUpdated("t:slow")
	}
	s.ResourceUpdated("t:1")
	require.Equal(t, "t:1", <-quick)
	close(gate)
	var heard []string
	for len(heard) == 0 || heard[len(heard)-1] != "t:1" {
		heard = append(heard, <-slow)
	}
	require.LessOrEqual(t, len(heard), 3)
}

func (st *sessionState) subscribedTo(uri string) bool {
	subs := &st.server.resources.subs
	subs.mu.Lock()
	defer subs.mu.Unlock()
	sub := subs.bySession[st]
	return sub != nil && sub.uris[uri] != nil
}

func TestManyUpdatesOfPartsBecomeOneOfTheWhole(t *testing.T) {
	subs := subscriptions{maxUpdates: 10}
	sub := &subscriber{uris: map[string]*subscription{"t:dir": {}}, known: map[string]struct{}{}, sending: true}
	subs.byURI = map[string]map[*subscriber]struct{}{"t:dir": {sub: {}}}
	for i := range 50 {
		subs.updated(fmt.Sprint("t:dir/", i), []string{"t:dir"})
	}
	require.Len(t, sub.pending, 11)
	require.Equal(t, update{"t:dir", "t:dir"}, sub.pending[10])
}

func TestMountedResourcesTellTheirSubscribers(t *testing.T) {
	w := watch{make(chan string, 10)}
	inner, middle, outer := New("inner", "1"), New("middle", "1"), New("outer", "1")
	require.NoError(t, middle.Mount("m_", inner))
	require.NoError(t, outer.Mount("o_", middle))
	AddStaticResource(inner, "a://1", "n", "", "x", OnSubscribe(w.watch))
	heard := make(chan string, 10)
	p := connect(t, outer, clientSide{handler: listener{heard}})
	require.Equal(t, "x", p.text(t, "a://1"))
	p.subscribe(t, "a://1")
	require.Equal(t, "+a://1", <-w.heard)
	inner.ResourceUpdated("a://1")
	require.Equal(t, "a://1", <-heard)
	require.NoError(t, p.conn.Close())
	require.Equal(t, "-a://1", <-w.heard)
}
