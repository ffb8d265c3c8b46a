package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
)

func TestInitializeAnswersWhatTheServerIs(t *testing.T) {
	s := New("greeter", "1.2.3", Info(mcp.Implementation{Title: "The greeter", WebsiteURL: "https://example.com"}), Instructions("greet first"))
	AddTool(s, "greet", "", greet)
	p := connect(t, s, clientSide{})
	require.Equal(t, "2025-11-25", p.opened.ProtocolVersion)
	require.Equal(t, mcp.Implementation{Name: "greeter", Version: "1.2.3", Title: "The greeter", WebsiteURL: "https://example.com"}, p.opened.ServerInfo)
	require.Equal(t, "greet first", p.opened.Instructions)
	require.Equal(t, `{"logging":{},"tools":{"listChanged":true}}`, string(p.opened.Capabilities.AppendJSON(nil)))
}

func TestVersionsThatAreSpokenAreAnsweredAndOthersGetTheNewest(t *testing.T) {
	for asked, answered := range map[string]string{
		"2025-11-25": "2025-11-25",
		"2025-06-18": "2025-06-18",
		"2025-03-26": "2025-03-26",
		"2024-11-05": "2024-11-05",
		"2024-10-07": "2025-11-25",
		"2099-01-01": "2025-11-25",
		"nonsense":   "2025-11-25",
	} {
		s := New("v", "1")
		p := connect(t, s, clientSide{version: asked})
		require.Equal(t, answered, p.opened.ProtocolVersion)
		for session := range s.Sessions() {
			require.Equal(t, answered, session.Version())
		}
	}
}

func TestBeforeInitialize(t *testing.T) {
	every.Not(t, "there is no session before initialize", "streamhttp")
	s := New("v", "1")
	AddTool(s, "greet", "", greet)
	p := open(t, s, clientSide{})
	_, err := p.Ping(t.Context(), nil)
	require.NoError(t, err)
	_, err = p.ListTools(t.Context(), nil)
	require.Equal(t, mcp.CodeInvalidRequest, rpc.CodeOf(err))
	require.EqualError(t, err, "tools/list came before initialize: the first request of a session must be initialize (code -32600)")
	err = p.session.Call(t.Context(), "server/discover", nil, nil)
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))

	// It did no harm.
	_, err = p.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0]})
	require.NoError(t, err)
	require.Equal(t, []string{"greet"}, p.names(t), "served though initialized has not arrived")
}

func TestASecondInitializeIsRefused(t *testing.T) {
	every.Not(t, "the transport refuses it, in words of its own", "streamhttp")
	p := connect(t, New("v", "1"), clientSide{})
	_, err := p.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0]})
	require.Equal(t, mcp.CodeInvalidRequest, rpc.CodeOf(err))
	require.EqualError(t, err, "initialize was sent already: a session is initialized once (code -32600)")
	_, err = p.Ping(t.Context(), nil)
	require.NoError(t, err)
}

func TestPingFromTheServer(t *testing.T) {
	s := New("v", "1")
	connect(t, s, clientSide{})
	for session := range s.Sessions() {
		_, err := mcp.ClientStub{Caller: session}.Ping(t.Context(), nil)
		require.NoError(t, err)
	}
}

func TestWhatWasNotDeclaredIsNotFound(t *testing.T) {
	s := New("v", "1", WithoutLogging())
	p := connect(t, s, clientSide{})
	require.Equal(t, "{}", string(p.opened.Capabilities.AppendJSON(nil)))
	for _, method := range []string{mcp.MethodListTools, mcp.MethodCallTool, mcp.MethodListResources, mcp.MethodReadResource, mcp.MethodSubscribe,
		mcp.MethodListPrompts, mcp.MethodComplete, mcp.MethodSetLevel, mcp.MethodGetTask, "nope"} {
		err := p.session.Call(t.Context(), method, nil, nil)
		require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err), method)
	}
	// A tool that comes later was not declared to this client, but is to the next.
	AddTool(s, "greet", "", greet)
	_, err := p.ListTools(t.Context(), nil)
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
	require.Equal(t, []string{"greet"}, connect(t, s, clientSide{}).names(t))
}

func TestDeclaringToolsBeforeThereAreAny(t *testing.T) {
	s := New("v", "1", Capabilities(mcp.ServerCapabilities{Tools: &mcp.ListChangedCapability{}}))
	p := connect(t, s, clientSide{})
	require.Empty(t, p.names(t))
	AddTool(s, "greet", "", greet)
	require.Equal(t, []string{"greet"}, p.names(t))
}

func TestMethodsOfOnesOwn(t *testing.T) {
	s := New("v", "1", Methods(rpc.Request("acme/count", func(_ any, _ context.Context, p *mcp.PaginatedParams) (*mcp.EmptyResult, error) {
		return nil, rpc.Errorf(7, "counted %s", p.Cursor)
	})))
	p := connect(t, s, clientSide{})
	err := p.session.Call(t.Context(), "acme/count", &mcp.PaginatedParams{Cursor: "x"}, nil)
	require.EqualError(t, err, "counted x (code 7)")
}

// linked gives sessions an id, as Streamable HTTP does.
type linked struct{ *Server }

func (l linked) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	link.ID = "abc"
	return l.Server.NewSession(ctx, link)
}

func TestASessionWithAnIDInWhichNothingFollowsInitializeEnds(t *testing.T) {
	every.Not(t, "the transport bounds that itself, or has no ids", "tcp", "websocket", "streamhttp", "legacysse")
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1")
		initialize := func(a rpc.Acceptor) *peer {
			p := open(t, a, clientSide{})
			_, err := p.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0]})
			require.NoError(t, err)
			return p
		}
		idle, active, bare := initialize(linked{s}), initialize(linked{s}), initialize(s)
		require.NoError(t, active.Initialized(t.Context(), nil))
		time.Sleep(29 * time.Second)
		synctest.Wait()
		require.NoError(t, idle.session.Err())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.ErrorIs(t, idle.session.Err(), rpc.ErrClosed)
		require.NoError(t, active.session.Err())
		require.NoError(t, bare.session.Err(), "never over stdio and the like")
		for _, p := range []*peer{idle, active, bare} {
			require.NoError(t, p.conn.Close())
		}
	})
}

func TestAStateOfASessionGoesWithIt(t *testing.T) {
	s := New("v", "1")
	count := func() (n int) {
		for range s.sessions.all() {
			n++
		}
		return n
	}
	p := connect(t, s, clientSide{})
	require.Equal(t, 1, count())
	ended := make(chan struct{})
	for st := range s.sessions.all() {
		st.onEnd(func() { close(ended) })
	}
	require.NoError(t, p.conn.Close())
	require.Eventually(t, func() bool { return count() == 0 }, time.Second, time.Millisecond)
	<-ended
}

func TestStatelessMode(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "greet", "", greet)
	AddTool(s, "ask", "", func(ctx context.Context, _ struct{}) (string, error) {
		_, err := Roots(ctx, "r")
		return "", err
	})
	session := rpc.NewSession(rpc.Config{})
	p := pipe.New(pipe.Limits{})
	link := p.Link(1)
	link.Stateless = true
	served, err := s.NewSession(t.Context(), link)
	require.NoError(t, err)
	session.Attach(p.Link(0))
	p.Join(t.Context(), session, served)
	defer func() { require.NoError(t, p.Close()) }()
	client := &peer{ServerStub: mcp.ServerStub{Caller: session}}

	require.Equal(t, []string{"greet", "ask"}, client.names(t), "initialize is optional")
	for range 2 {
		opened, err := client.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0]})
		require.NoError(t, err, "and answered each time")
		require.Equal(t, `{"tools":{}}`, string(opened.Capabilities.AppendJSON(nil)))
	}
	_, err = client.SetLevel(t.Context(), &mcp.SetLevelParams{Level: mcp.LoggingLevelDebug})
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
	r := client.call(t, "ask", "")
	require.True(t, r.IsError)
	require.Equal(t, "roots/list was not sent: the server runs in stateless mode, in which clients cannot be asked anything", said(t, r))
}
