package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// overHTTP serves s and gives its URL, and a client that leaves nothing behind.
func overHTTP(t *testing.T, s *Server, opts ...streamhttp.Option) (string, *http.Client) {
	t.Helper()
	h := streamhttp.Handler(s, opts...)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user := r.Header.Get("X-User"); user != "" {
			r = r.WithContext(rpc.WithPrincipal(r.Context(), rpc.Principal{ID: user, Scopes: []string{r.Header.Get("X-Scope")}}))
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		require.NoError(t, h.Shutdown(context.WithoutCancel(t.Context())))
		web.Close()
	})
	return web.URL, web.Client()
}

// post sends one message and gives the response.
func post(t *testing.T, c *http.Client, url, message string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(message))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

const initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`

func TestACallOverHTTPHasHeadersAndAPrincipal(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "who", "", func(ctx context.Context, _ struct{}) (string, error) {
		p, _ := CallFrom(ctx).Principal()
		return p.ID + " " + p.Scopes[0] + " " + strings.Join(CallFrom(ctx).Header()["X-Own"], ","), nil
	})
	url, c := overHTTP(t, s)
	opened := post(t, c, url, initialize, "X-User", "ada", "X-Scope", "old")
	require.Equal(t, http.StatusOK, opened.StatusCode)
	var body strings.Builder
	response := post(t, c, url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"who"}}`,
		"Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id"), "X-User", "ada", "X-Scope", "new", "X-Own", "5")
	require.NoError(t, response.Write(&body))
	require.Contains(t, body.String(), `"text":"ada new 5"`, "of this request, not of the one that opened the session")
}

func TestASessionOverHTTPInWhichNothingFollowsInitializeEnds(t *testing.T) {
	s := New("v", "1", HandshakeTimeout(20*time.Millisecond))
	url, c := overHTTP(t, s)
	opened := post(t, c, url, initialize)
	for session := range s.Sessions() {
		<-session.Done()
		require.ErrorContains(t, session.Err(), "nothing followed initialize within 20ms")
	}
	response := post(t, c, url, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, "Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id"))
	require.Equal(t, http.StatusNotFound, response.StatusCode)
}

func TestStatelessOverHTTP(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		Log(ctx, mcp.LoggingLevelInfo, "a message")
		Progress(ctx, 1, 2, "half")
		return CallFrom(ctx).Version(), nil
	})
	url, c := overHTTP(t, s, streamhttp.Stateless())
	response := post(t, c, url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}`, "Mcp-Protocol-Version", "2025-06-18")
	var body strings.Builder
	require.NoError(t, response.Write(&body))
	require.Contains(t, body.String(), `"method":"notifications/message"`)
	require.Contains(t, body.String(), `"method":"notifications/progress"`)
	require.Contains(t, body.String(), `"text":"2025-06-18"`)
}
