package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What docs/security.md says of attempts on a server's features. Each test fails if the defence that its row names is
// taken away.

// serverLog collects what is logged.
type serverLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *serverLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// fragile panics when it is encoded.
type fragile struct{}

func (fragile) MarshalJSON() ([]byte, error) { panic("secret") }

// TestPanicsInEveryCallback: whichever function of the program's panics, on whatever goroutine, the request at hand fails,
// the client learns no more than that, and everything else goes on.
func TestPanicsInEveryCallback(t *testing.T) {
	boom := func() { panic("secret") }
	prompt := mcp.Prompt{Name: "p", Arguments: []mcp.PromptArgument{{Name: "a"}}}
	noPrompt := func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{}, nil
	}
	armed := false
	outgoing := func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if armed {
				boom()
			}
			return next(ctx, m)
		}
	}
	tool := func(p *peer) error { _, err := p.tryCall(t.Context(), "t", `{}`); return err }
	for name, c := range map[string]struct {
		opts    []Option
		add     func(s *Server)
		provoke func(s *Server, p *peer) error // of a request: its error; else errNone
	}{
		"tool": {add: func(s *Server) {
			AddTool(s, "t", "", func(context.Context, struct{}) (string, error) { boom(); return "", nil })
		}, provoke: func(_ *Server, p *peer) error { return tool(p) }},
		"raw tool": {add: func(s *Server) {
			AddRawTool(s, mcp.Tool{Name: "t", InputSchema: wire.MustRaw(`{"type":"object"}`)}, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { boom(); return nil, nil })
		}, provoke: func(_ *Server, p *peer) error { return tool(p) }},
		"result": {add: func(s *Server) {
			AddTool(s, "t", "", func(context.Context, struct{}) (any, error) { return fragile{}, nil })
		}, provoke: func(_ *Server, p *peer) error { return tool(p) }},
		"prompt": {add: func(s *Server) {
			AddPrompt(s, "p", "", func(context.Context, struct{}) (string, error) { boom(); return "", nil })
		}, provoke: func(_ *Server, p *peer) error {
			_, err := p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "p"})
			return err
		}},
		"completion": {add: func(s *Server) {
			AddRawPrompt(s, prompt, noPrompt, Complete("a", func(context.Context, Completing) ([]string, error) { boom(); return nil, nil }))
		}, provoke: func(_ *Server, p *peer) error {
			_, err := p.complete(t.Context(), "p", "a", "", nil)
			return err
		}},
		"resource": {add: func(s *Server) {
			AddResource(s, "a://1", "n", "", func(context.Context) (string, error) { boom(); return "", nil })
		}, provoke: func(_ *Server, p *peer) error {
			_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a://1"})
			return err
		}},
		"template": {add: func(s *Server) {
			AddResourceTemplate(s, "a://{x}", "n", "", func(context.Context, map[string]string) (string, error) { boom(); return "", nil })
		}, provoke: func(_ *Server, p *peer) error {
			_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a://1"})
			return err
		}},
		"OnSubscribe": {add: func(s *Server) {
			AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(func(context.Context, string) (func(), error) { boom(); return nil, nil }))
		}, provoke: func(_ *Server, p *peer) error {
			_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "a://1"})
			return err
		}},
		"unsubscribing": {add: func(s *Server) {
			AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(func(context.Context, string) (func(), error) { return boom, nil }))
		}, provoke: func(_ *Server, p *peer) error {
			p.subscribe(t, "a://1")
			_, err := p.Unsubscribe(t.Context(), &mcp.UnsubscribeParams{URI: "a://1"})
			return err
		}},
		"the end of a subscription": {add: func(s *Server) {
			AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(func(context.Context, string) (func(), error) { return boom, nil }))
		}, provoke: func(_ *Server, p *peer) error {
			p.subscribe(t, "a://1")
			require.NoError(t, p.conn.Close())
			return errNone
		}},
		"OnRootsChanged": {opts: []Option{OnRootsChanged(func(context.Context) { boom() })}, provoke: func(_ *Server, p *peer) error {
			require.NoError(t, p.session.Notify(t.Context(), mcp.MethodRootsListChanged, nil))
			return errNone
		}},
		"interceptor": {opts: []Option{Interceptors(func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == mcp.MethodListTools {
					boom()
				}
				return next(ctx, m)
			}
		})}, provoke: func(_ *Server, p *peer) error { _, err := p.ListTools(t.Context(), nil); return err }},
		"filter": {opts: []Option{FilterCatalogue(func(context.Context, Item) bool { boom(); return true })}, add: func(s *Server) { AddTool(s, "t", "", greet) }, provoke: func(_ *Server, p *peer) error {
			_, err := p.ListTools(t.Context(), nil)
			return err
		}},
		"a method of one's own": {opts: []Option{Methods(rpc.Request("acme/x", func(_ any, _ context.Context, _ *mcp.RequestParams) (*mcp.EmptyResult, error) {
			boom()
			return nil, nil
		}))}, provoke: func(_ *Server, p *peer) error {
			return p.session.Call(t.Context(), "acme/x", nil, nil)
		}},
		"outgoing interceptor, of an update": {opts: []Option{OutgoingInterceptors(outgoing)}, add: func(s *Server) {
			AddStaticResource(s, "a://1", "n", "", "", OnSubscribe(func(context.Context, string) (func(), error) { return nil, nil }))
		}, provoke: func(s *Server, p *peer) error {
			p.subscribe(t, "a://1")
			armed = true
			s.ResourceUpdated("a://1")
			return errNone
		}},
		"outgoing interceptor, of a change of the list": {opts: []Option{OutgoingInterceptors(outgoing), ListChangedDelay(time.Millisecond)}, add: func(s *Server) { AddTool(s, "t", "", greet) }, provoke: func(s *Server, _ *peer) error {
			armed = true
			AddTool(s, "u", "", greet)
			return errNone
		}},
		"TreeFilter": {add: func(s *Server) {
			calls := 0
			tree, err := AddFileTree(s, "docs:///", "d", "", plant(t, map[string]string{"a": "1"}), TreeWatch(time.Millisecond), TreeFilter(func(string) bool {
				if calls++; calls > 1 { // not the one in AddFileTree, which is the program's own
					boom()
				}
				return true
			}))
			require.NoError(t, err)
			t.Cleanup(func() { _ = tree.Close() })
		}, provoke: func(*Server, *peer) error { return errNone }},
	} {
		t.Run(name, func(t *testing.T) {
			armed = false
			logs := new(serverLog)
			s := New("v", "1", append(c.opts, Logger(slog.New(slog.NewTextHandler(logs, nil))))...)
			AddTool(s, "fine", "", greet)
			if c.add != nil {
				c.add(s)
			}
			p := connect(t, s, clientSide{capabilities: mcp.ClientCapabilities{Roots: &mcp.ListChangedCapability{ListChanged: true}}})
			if err := c.provoke(s, p); err != errNone {
				require.Error(t, err)
				require.NotContains(t, err.Error(), "secret")
				require.NoError(t, p.session.Call(t.Context(), "ping", nil, nil), "the session lives")
			}
			require.Eventually(t, func() bool {
				return strings.Contains(logs.String(), "secret") && strings.Contains(logs.String(), "attack_test.go")
			},
				10*time.Second, time.Millisecond, "the panic and its stack are in the log")
			armed = false
			q := connect(t, s, clientSide{})
			if name != "interceptor" && name != "filter" {
				require.Equal(t, "hello, Ada", said(t, q.call(t, "fine", `{"name":"Ada"}`)), "others are served")
			}
		})
	}
}

var errNone = errors.New("no request")

// TestCompletionInputIsNoPattern: what was typed is a text, however much it looks like a pattern that takes for ever.
func TestCompletionInputIsNoPattern(t *testing.T) {
	s := New("v", "1")
	AddRawPrompt(s, mcp.Prompt{Name: "p", Arguments: []mcp.PromptArgument{{Name: "a"}}},
		func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil },
		CompleteFrom("a", "(a+)+$", "(a+)+$ more", "aaaa", strings.Repeat("a", 1000)+"!"))
	p := connect(t, s, clientSide{})
	for typed, want := range map[string][]string{"(a+)+": {"(a+)+$", "(a+)+$ more"}, ".*": {}, "a{1,1000}": {}, "[": {}, `\`: {}, "(?i)AAAA": {}, strings.Repeat("(a|a)*", 100_000): {}} {
		completion, err := p.complete(t.Context(), "p", "a", typed, nil)
		require.NoError(t, err)
		require.ElementsMatch(t, want, completion.Values, "%.20s", typed)
	}
}

// TestInitializeFlood: the same client opens one session, however often it asks.
func TestInitializeFlood(t *testing.T) {
	s := New("v", "1")
	p := connect(t, s, clientSide{})
	for range 500 {
		_, err := p.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0], ClientInfo: mcp.Implementation{Name: "x", Version: "1"}})
		require.Error(t, err, "a session is opened once")
		require.NoError(t, p.Initialized(t.Context(), nil))
	}
	n := 0
	for range s.Sessions() {
		n++
	}
	require.Equal(t, 1, n)
}

// FuzzTreePath reads URIs from a tree beside which a secret lies: whatever they are, they give what is in the tree.
func FuzzTreePath(f *testing.F) {
	for _, seed := range []string{"inside", "sub/file", "../secret", "%2e%2e/secret", "sub/..%2f..%2fsecret", "link", "up/secret", "sub//file", `..\secret`, "inside\x00", "%00", "sub/%2e", "CON", "a:b", "./inside", "~/x", "%252e%252e/secret"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	for path, content := range map[string]string{"secret": "SECRET", "tree/inside": "inside", "tree/sub/file": "file"} {
		full := filepath.Join(dir, filepath.FromSlash(path))
		require.NoError(f, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(f, os.WriteFile(full, []byte(content), 0o644))
	}
	_ = os.Symlink("../secret", filepath.Join(dir, "tree", "link")) // where there are none, the rest is tested
	_ = os.Symlink("..", filepath.Join(dir, "tree", "up"))
	s := New("v", "1")
	tree, err := AddFileTree(s, "docs:///", "docs", "", filepath.Join(dir, "tree"))
	require.NoError(f, err)
	f.Cleanup(func() { _ = tree.Close() })
	good := []string{"inside", "file", "inside\nsub/", "sub/\ninside"}
	f.Fuzz(func(t *testing.T, path string) {
		if len(path) > 4096 {
			return
		}
		result, err := tree.read(t.Context(), &mcp.ReadResourceParams{URI: "docs:///" + path})
		if err != nil {
			return
		}
		for _, c := range result.Contents {
			text, ok := c.(*mcp.TextResourceContents)
			require.True(t, ok, fmt.Sprintf("%T", c))
			require.Contains(t, good, text.Text, path)
		}
	})
}
