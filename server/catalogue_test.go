package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func addNumbered(s *Server, from, to int) {
	for i := from; i < to; i++ {
		AddTool(s, fmt.Sprintf("t%02d", i), "", greet)
	}
}

func TestListsKeepTheirOrderAndCursorsSurviveChanges(t *testing.T) {
	s := New("v", "1", PageSize(4))
	addNumbered(s, 0, 10)
	p := connect(t, s, clientSide{})
	page := func(cursor string) ([]string, string) {
		list, err := p.ListTools(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.NoError(t, err)
		var names []string
		for _, tool := range list.Tools {
			names = append(names, tool.Name)
		}
		return names, list.NextCursor
	}
	first, cursor := page("")
	require.Equal(t, []string{"t00", "t01", "t02", "t03"}, first)
	s.RemoveTools("t03", "t01", "t05") // the last of the page too
	addNumbered(s, 10, 12)
	second, next := page(cursor)
	require.Equal(t, []string{"t04", "t06", "t07", "t08"}, second)
	third, end := page(next)
	require.Equal(t, []string{"t09", "t10", "t11"}, third)
	require.Empty(t, end)
	again, _ := page(cursor)
	require.Equal(t, second, again, "a cursor may be used again")
	s.RemoveTools("t09", "t10", "t11")
	none, end := page(next)
	require.Empty(t, none)
	require.Empty(t, end)
	// One that is added again is at the end.
	addNumbered(s, 1, 2)
	require.Equal(t, []string{"t00", "t02", "t04", "t06", "t07", "t08", "t01"}, p.names(t))
}

func TestCursorsThatAreNone(t *testing.T) {
	s := New("v", "1", PageSize(1))
	addNumbered(s, 0, 2)
	p := connect(t, s, clientSide{})
	for _, cursor := range []string{
		"x", "====", "MQ", base64.RawURLEncoding.EncodeToString([]byte("tool:99999")), base64.RawURLEncoding.EncodeToString([]byte("prompt:1")),
		base64.RawURLEncoding.EncodeToString([]byte("tool:01")), base64.RawURLEncoding.EncodeToString([]byte("tool:-1")), strings.Repeat("A", 1000),
	} {
		_, err := p.ListTools(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err), cursor)
		require.ErrorContains(t, err, "expected the nextCursor of an earlier page of this list")
	}
}

// listening is a client that counts list changes.
type listening struct{ tools atomic.Int32 }

func (l *listening) ToolListChanged(context.Context, *mcp.NotificationParams) error {
	l.tools.Add(1)
	return nil
}

func TestListChangesAreToldOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1")
		addNumbered(s, 0, 1)
		clients := []*listening{{}, {}}
		var peers []*peer
		for _, c := range clients {
			peers = append(peers, connect(t, s, clientSide{handler: c}))
		}
		told := func() []int32 {
			time.Sleep(time.Second)
			synctest.Wait()
			return []int32{clients[0].tools.Load(), clients[1].tools.Load()}
		}
		require.Equal(t, []int32{0, 0}, told(), "what was there before is no change")
		addNumbered(s, 1, 50)
		s.RemoveTools("t01", "t02")
		require.Equal(t, []int32{1, 1}, told())
		require.Zero(t, s.RemoveTools("nope"))
		require.Equal(t, []int32{1, 1}, told())
		require.NoError(t, peers[0].conn.Close())
		addNumbered(s, 60, 61)
		require.Equal(t, []int32{1, 2}, told())
		s.ListChanged(KindPrompt)
		require.Equal(t, []int32{1, 2}, told(), "prompts are not declared")
		s.ListChanged()
		require.Equal(t, []int32{1, 3}, told(), "a filter shows something else, say")
		require.NoError(t, peers[1].conn.Close())
	})
}

func TestAClientThatWasNotPromisedChangesIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1")
		c := &listening{}
		p := connect(t, s, clientSide{handler: c})
		addNumbered(s, 0, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, c.tools.Load())
		require.NoError(t, p.conn.Close())
	})
}

func TestAFilterHoldsForListAndCallAlike(t *testing.T) {
	s := New("v", "1", PageSize(2), FilterCatalogue(func(ctx context.Context, item Item) bool {
		principal, _ := CallFrom(ctx).Principal()
		tool := item.Definition.(*mcp.Tool)
		return item.Kind == KindTool && tool.Name == item.Name && (principal.ID == "root" || !strings.HasPrefix(item.Name, "admin_"))
	}))
	for _, name := range []string{"admin_a", "b", "admin_c", "d", "e", "admin_f"} {
		AddTool(s, name, "", greet)
	}
	user := connect(t, s, clientSide{principal: "ada"})
	require.Equal(t, []string{"b", "d", "e"}, user.names(t))
	_, err := user.tryCall(t.Context(), "admin_a", `{"name":"x"}`)
	require.EqualError(t, err, `unknown tool "admin_a": expected one of b, d, e (code -32602)`)
	root := connect(t, s, clientSide{principal: "root"})
	require.Equal(t, []string{"admin_a", "b", "admin_c", "d", "e", "admin_f"}, root.names(t))
	require.False(t, root.call(t, "admin_a", `{"name":"x"}`).IsError)
}

func TestCallFrom(t *testing.T) {
	every.Not(t, "the header fields of HTTP are there as well", "websocket", "streamhttp", "legacysse")
	require.Nil(t, CallFrom(t.Context()))
	s := New("v", "1")
	AddTool(s, "look", "", func(ctx context.Context, _ map[string]any) (string, error) {
		c := CallFrom(ctx)
		principal, ok := c.Principal()
		return fmt.Sprint(c.Method(), " ", c.Params(), " ", c.Client().ClientInfo.Name, " ", c.Version(), " ", principal.ID, ok,
			" ", c.Header(), " ", c.Session() == rpc.SessionFrom(ctx), " ", c.Meta().AppendJSON(nil) != nil), nil
	})
	p := connect(t, s, clientSide{principal: "ada"})
	require.Equal(t, `tools/call {"name":"look","arguments":{"a":1}} test 2025-11-25 adatrue map[] true true`, said(t, p.call(t, "look", `{"a":1}`)))
}

func TestMounting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hidden := atomic.Bool{}
		git := New("git", "1", FilterCatalogue(func(_ context.Context, item Item) bool { return item.Name != "secret" || !hidden.Load() }))
		AddTool(git, "status", "", greet)
		AddTool(git, "secret", "", greet)
		all := New("all", "1")
		AddTool(all, "own", "", greet)
		require.NoError(t, all.Mount("git_", git))
		top := New("top", "1")
		require.NoError(t, top.Mount("all.", all))

		c := &listening{}
		p := connect(t, top, clientSide{handler: c})
		require.Equal(t, []string{"all.own", "all.git_status", "all.git_secret"}, p.names(t))
		require.Equal(t, "hello, Ada", said(t, p.call(t, "all.git_status", `{"name":"Ada"}`)))
		require.Contains(t, said(t, p.call(t, "all.git_status", `{}`)), "The arguments of all.git_status are not valid")

		// What the mounted one gets and loses later, and its filter.
		AddTool(git, "log", "", greet)
		git.RemoveTools("status")
		hidden.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, c.tools.Load())
		require.Equal(t, []string{"all.own", "all.git_log"}, p.names(t))
		_, err := p.tryCall(t.Context(), "all.git_secret", `{"name":"x"}`)
		require.ErrorContains(t, err, `unknown tool "all.git_secret"`)

		other := New("other", "1")
		AddTool(other, "own", "", greet)
		require.EqualError(t, all.Mount("", other), `server.Mount "": there is a tool "own" already`)
		require.EqualError(t, all.Mount("x", all), "server.Mount: a server cannot be mounted under itself")
		require.EqualError(t, git.Mount("x", top), "server.Mount: the other server is mounted under this one already")
		require.NoError(t, p.conn.Close())
	})
}

func TestPagesOfMountedToolsThatAreHidden(t *testing.T) {
	for hidden := range 1 << 6 {
		child := New("child", "1", FilterCatalogue(func(_ context.Context, item Item) bool {
			var i int
			_, err := fmt.Sscanf(item.Name, "t%02d", &i)
			require.NoError(t, err)
			return hidden&(1<<i) == 0
		}))
		addNumbered(child, 0, 6)
		s := New("v", "1", PageSize(2))
		require.NoError(t, s.Mount("c_", child))
		var want []string
		for i := range 6 {
			if hidden&(1<<i) == 0 {
				want = append(want, fmt.Sprintf("c_t%02d", i))
			}
		}
		p := connect(t, s, clientSide{})
		require.Equal(t, want, p.names(t))
		require.NoError(t, p.conn.Close())
	}
}

func TestInterceptorsSeeTheCall(t *testing.T) {
	var seen []string
	var opened string
	s := New("v", "1",
		OnInitialize(func(ctx context.Context, p *mcp.InitializeParams) {
			opened = CallFrom(ctx).Method() + " " + p.ClientInfo.Name
		}),
		Interceptors(func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Kind == rpc.KindRequest { // notifications are handled at the same time
					seen = append(seen, CallFrom(ctx).Method())
				}
				return next(ctx, m)
			}
		}),
		OutgoingInterceptors(func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				seen = append(seen, "out "+m.Method)
				return next(ctx, m)
			}
		}))
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		Log(ctx, mcp.LoggingLevelError, "x")
		return "", nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, "initialize test", opened)
	p.call(t, "t", "")
	_, err := p.ListPrompts(t.Context(), nil)
	require.Error(t, err, "not declared, so no interceptor sees it")
	require.Equal(t, []string{"initialize", "tools/call", "out notifications/message"}, seen)
}
