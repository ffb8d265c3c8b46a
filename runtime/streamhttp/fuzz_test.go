package streamhttp_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// FuzzHandler sends a handler arbitrary requests, with and without its session: each is answered, with a status there is,
// and with JSON where it says so.
func FuzzHandler(f *testing.F) {
	open := call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)
	f.Add("POST", open, "application/json", "application/json, text/event-stream", newest, "", "", false)
	f.Add("POST", call(1, "echo", `{"x":1}`), "application/json; charset=utf-8", "text/event-stream", newest, "", "http://localhost", true)
	f.Add("POST", call(1, "x/say", `{"x":1}`), "application/json", "application/json", older, "", "", true)
	f.Add("POST", "["+call(1, "echo", `{}`)+","+note("n", `{}`)+","+result(1, `{}`)+"]", "application/json", "*/*;q=0.5", oldest, "", "", true)
	f.Add("POST", note("notifications/cancelled", `{"requestId":1}`), "application/json", "", "", "", "null", true)
	f.Add("POST", result(1, `{}`), "text/plain", "text/*", "1999-01-01", "", "http://evil.example", true)
	f.Add("GET", "", "", "text/event-stream", newest, "0-1", "", true)
	f.Add("GET", "", "", "text/event-stream", newest, "18446744073709551615-18446744073709551616", "", true)
	f.Add("DELETE", "", "", "", "", "", "", false)
	f.Add("OPTIONS", "", "", "", "", "", "http://a.example", false)
	a := newApp()
	a.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		return nil, m.Session().Notify(ctx, "note", m.Raw())
	}
	h := streamhttp.Handler(a, streamhttp.AllowOrigins("http://a.example"), streamhttp.WithLogger(slog.New(slog.DiscardHandler)), streamhttp.WithLimits(streamhttp.Limits{Message: 1 << 16}))
	f.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	newSession := func(t testing.TB) string {
		r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(strings.Replace(open, newest, oldest, 1)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code)
		return w.Header().Get("Mcp-Session-Id")
	}
	f.Fuzz(func(t *testing.T, method, body, media, accept, version, last, origin string, inSession bool) {
		if strings.Contains(body, "wait") || strings.Contains(body, "ask") || strings.Contains(body, `\u`) {
			return // they wait for somebody
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if method == http.MethodGet {
			cancel() // or it would listen for ever
		}
		r, err := http.NewRequestWithContext(ctx, method, "http://localhost/mcp", strings.NewReader(body))
		if err != nil {
			return // no method that there can be
		}
		for name, value := range map[string]string{"Content-Type": media, "Accept": accept, "MCP-Protocol-Version": version, "Last-Event-ID": last, "Origin": origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if inSession {
			r.Header.Set("Mcp-Session-Id", newSession(t))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.NotEmpty(t, http.StatusText(w.Code))
		if w.Header().Get("Content-Type") == "application/json" {
			_, err := wire.ParseRaw(w.Body.Bytes())
			require.NoError(t, err, w.Body.String())
		}
		if id := r.Header.Get("Mcp-Session-Id"); id != "" {
			end := httptest.NewRequest(http.MethodDelete, "/mcp", nil)
			end.Header.Set("Mcp-Session-Id", id)
			h.ServeHTTP(httptest.NewRecorder(), end)
		}
	})
}
