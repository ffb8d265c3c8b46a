package dial_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/dial"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// asServer makes the test binary be a server on standard input and output.
const asServer = "TENON_TEST_DIAL"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		if err := stdio.Serve(context.Background(), acceptor(nil)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// echo is a server whose tools tell how it was started or called.
type echo struct{}

var (
	_ mcp.LifecycleHandler = echo{}
	_ mcp.ToolsHandler     = echo{}
)

func (echo) Initialize(_ context.Context, p *mcp.InitializeParams) (*mcp.InitializeResult, error) {
	return &mcp.InitializeResult{
		ProtocolVersion: p.ProtocolVersion,
		ServerInfo:      mcp.Implementation{Name: "echo", Version: "1"},
		Capabilities: mcp.ServerCapabilities{
			Tools:     &mcp.ListChangedCapability{},
			Resources: &mcp.ServerCapabilitiesResources{Subscribe: true},
			Logging:   wire.MustRaw(`{}`),
		},
	}, nil
}

func (echo) Initialized(context.Context, *mcp.NotificationParams) error { return nil }

func (echo) ListTools(context.Context, *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	return &mcp.ListToolsResult{}, nil
}

func (echo) CallTool(_ context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	dir, _ := os.Getwd()
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{
		&mcp.TextContent{Text: fmt.Sprintf("%s %q %s %s", p.Name, os.Args[1:], os.Getenv("GREETING"), filepath.Base(dir))},
	}}, nil
}

func (echo) ListResources(context.Context, *mcp.PaginatedParams) (*mcp.ListResourcesResult, error) {
	return &mcp.ListResourcesResult{}, nil
}

func (echo) ListResourceTemplates(context.Context, *mcp.PaginatedParams) (*mcp.ListResourceTemplatesResult, error) {
	return &mcp.ListResourceTemplatesResult{}, nil
}

func (echo) ReadResource(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{}, nil
}

func (echo) Subscribe(context.Context, *mcp.SubscribeParams) (*mcp.EmptyResult, error) {
	return nil, nil
}

func (echo) Unsubscribe(context.Context, *mcp.UnsubscribeParams) (*mcp.EmptyResult, error) {
	return nil, nil
}

func (echo) SetLevel(context.Context, *mcp.SetLevelParams) (*mcp.EmptyResult, error) { return nil, nil }

// notes are the methods a server got.
type notes struct {
	mu  sync.Mutex
	got []string
}

func (n *notes) note(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		n.mu.Lock()
		n.got = append(n.got, m.Method)
		n.mu.Unlock()
		return next(ctx, m)
	}
}

func (n *notes) count(method string) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.got {
		if m == method {
			count++
		}
	}
	return count
}

func acceptor(n *notes) rpc.Acceptor {
	var in []rpc.Interceptor
	if n != nil {
		in = append(in, n.note)
	}
	return rpc.NewAcceptor(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Server, echo{}, in...)}, "2025-11-25", "2025-06-18")
}

var me = client.Info("tester", "1.0.0")

func TestConfigByNameOverStdio(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "mcp.json")
	text := fmt.Sprintf(`{"other":1,"mcpServers":{
		"one":{"command":%q,"args":["a","b c"],"env":{%q:"1","GREETING":"hi"},"cwd":%q,"disabled":false},
		"two":{"url":"http://localhost/mcp"}}}`, os.Args[0], asServer, dir)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cfg, err := dial.ReadConfig(path)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, cfg.Names())
	c, err := cfg.Dial(t.Context(), me, "one")
	require.NoError(t, err)
	got, err := client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`t ["a" "b c"] hi %s`, filepath.Base(dir)), got)
	require.NoError(t, c.Close())
}

// listen serves a over HTTP, and gives the URL and what was in the header X-Key.
func listen(t *testing.T, n *notes) (url string, keys func() string, handler *streamhttp.Server) {
	h := streamhttp.Handler(acceptor(n))
	var key atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key.Store(r.Header.Get("X-Key"))
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		_ = h.Shutdown(context.Background())
		s.Close()
	})
	return s.URL, func() string { return key.Load().(string) }, h
}

func TestConfigByNameOverHTTP(t *testing.T) {
	url, key, _ := listen(t, nil)
	cfg, err := dial.ParseConfig(fmt.Appendf(nil, `{"mcpServers":{"web":{"type":"http","url":%q,"headers":{"X-Key":"secret"}}}}`, url))
	require.NoError(t, err)
	c, err := cfg.Dial(t.Context(), me, "web")
	require.NoError(t, err)
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, "secret", key())
	require.NoError(t, c.Close())
}

func TestURL(t *testing.T) {
	url, _, _ := listen(t, nil)
	c, err := dial.URL(t.Context(), me, url)
	require.NoError(t, err)
	require.Equal(t, "echo", c.ServerInfo().Name)
	require.NoError(t, c.Close())

	_, err = dial.URL(t.Context(), me, "ftp://user:secret@example.com/x")
	require.EqualError(t, err, `dial: expected a URL that starts with http://, https://, ws://, wss://, tcp://, tls:// or unix:, found "ftp://user:xxxxx@example.com/x"`)
	_, err = dial.URL(t.Context(), me, "http://[::1")
	require.ErrorContains(t, err, "dial: parse ")
}

func TestConfigErrors(t *testing.T) {
	_, err := dial.ReadConfig(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"mcpServers":{"a":{"command":5}}}`), 0o600))
	_, err = dial.ReadConfig(path)
	require.EqualError(t, err, "dial: "+path+": at /mcpServers/a/command (offset 30): expected a string, found number 5")
	for text, want := range map[string]string{
		``:                               "dial: at offset 0: expected a JSON value, found the end of the input",
		`{}`:                             `dial: expected an object with the member "mcpServers"`,
		`{"mcpservers":{}}`:              `dial: expected an object with the member "mcpServers"`,
		`{"mcpServers":{"a":{},"a":{}}}`: "",
		`[]`:                             "",
	} {
		_, err := dial.ParseConfig([]byte(text))
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
	}
	cfg, err := dial.ParseConfig([]byte(`{"mcpServers":{
		"both":{"command":"x","url":"http://localhost"}, "neither":{}, "typo":{"command":"x","type":"http"},
		"old":{"url":"http://localhost","type":"smtp"}, "env":{"command":"x","env":{"A=B":"c"}},
		"gone":{"command":"/no/such/program"}}}`))
	require.NoError(t, err)
	for name, want := range map[string]string{
		"both":    `dial: server "both": expected a command or a url, found both`,
		"neither": `dial: server "neither": expected a command or a url, found neither`,
		"typo":    `dial: server "typo": a server with a command has the type stdio, not "http"`,
		"old":     `dial: server "old": a server with a url has the type http, streamable-http, sse, websocket, ws or tcp, not "smtp"`,
		"env":     `dial: server "env": env: "A=B" cannot be the name of a variable`,
		"missing": `dial: there is no server "missing" in the configuration, which has ["both" "env" "gone" "neither" "old" "typo"]`,
	} {
		_, err := cfg.Dial(t.Context(), me, name)
		require.EqualError(t, err, want)
	}
	_, err = cfg.Dial(t.Context(), me, "gone")
	require.ErrorContains(t, err, `dial: server "gone": client: connecting: `)
}

// TestReconnectOverHTTP: a session that was deleted behind the client's back is replaced, and its subscriptions with it.
func TestReconnectOverHTTP(t *testing.T) {
	n := &notes{}
	var ids sync.Map
	h := streamhttp.Handler(acceptor(n))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("Mcp-Session-Id"); id != "" {
			ids.Store(id, true)
		}
		h.ServeHTTP(w, r)
	}))
	defer s.Close()
	defer func() { _ = h.Shutdown(context.Background()) }()
	var reconnects atomic.Int32
	c, err := dial.URL(t.Context(), me, s.URL, client.OnReconnect(func(_ context.Context, r client.Reconnection) {
		require.Empty(t, r.Lost)
		reconnects.Add(1)
	}))
	require.NoError(t, err)
	require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
	require.NoError(t, c.SetLevel(t.Context(), mcp.LoggingLevelError))
	forget := func() {
		ids.Range(func(id, _ any) bool {
			req, err := http.NewRequest(http.MethodDelete, s.URL, nil)
			require.NoError(t, err)
			req.Header.Set("Mcp-Session-Id", id.(string))
			req.Header.Set("MCP-Protocol-Version", "2025-11-25")
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return true
		})
		ids.Clear()
	}
	forget()
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, reconnects.Load())
	require.Equal(t, []int{2, 2, 1}, []int{n.count(mcp.MethodSubscribe), n.count(mcp.MethodSetLevel), n.count(mcp.MethodCallTool)})

	forget()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := client.CallTool[string](t.Context(), c, "t", nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 2, reconnects.Load())
	require.Equal(t, 51, n.count(mcp.MethodCallTool))
	require.NoError(t, c.Close())
	http.DefaultClient.CloseIdleConnections()
}
