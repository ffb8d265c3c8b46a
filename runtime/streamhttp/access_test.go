package streamhttp_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// visit makes a request that came to a local address and gives the answer.
func visit(h http.Handler, local, method, host, origin string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/mcp", strings.NewReader(call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)))
	r.Host = host
	r.Header.Set("Content-Type", "application/json")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(local), Port: 80})))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func handler(t *testing.T, opts ...streamhttp.Option) *streamhttp.Server {
	h := streamhttp.Handler(newApp(), opts...)
	t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
	return h
}

func TestHostOfALoopbackConnectionMustBeLoopback(t *testing.T) {
	h := handler(t)
	for _, local := range []string{"127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"} {
		for host, want := range map[string]int{
			"localhost": 200, "LocalHost:8080": 200, "127.0.0.1": 200, "127.9.9.9:1": 200, "[::1]": 200, "[::1]:80": 200, "::1": 200,
			"evil.example.com": 403, "evil.example.com:80": 403, "localhost.evil.example.com": 403, "128.0.0.1": 403, "": 403,
			"0.0.0.0": 403, "[::2]:80": 403, "localhost@evil.example.com": 403,
		} {
			require.Equal(t, want, visit(h, local, http.MethodPost, host, "").Code, "%s %s", local, host)
		}
	}
	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the Host header \"evil.example.com\" is not a loopback name, `+
		`though the connection came to a loopback address: if this is meant, as behind a reverse proxy, allow it with streamhttp.AllowHosts"}}`,
		visit(h, "127.0.0.1", http.MethodPost, "evil.example.com", "").Body.String())
}

func TestHostElsewhereIsCheckedOnlyWithAllowHosts(t *testing.T) {
	require.Equal(t, 200, visit(handler(t), "192.0.2.1", http.MethodPost, "anything.example", "").Code)
	h := handler(t, streamhttp.AllowHosts("MCP.example", "with.port:8443", "[2001:db8::1]"))
	for host, want := range map[string]int{
		"mcp.example": 200, "mcp.EXAMPLE:99": 200, "with.port:8443": 200, "[2001:db8::1]:80": 200,
		"with.port": 403, "with.port:1": 403, "localhost": 403, "other.example": 403,
	} {
		require.Equal(t, want, visit(h, "192.0.2.1", http.MethodPost, host, "").Code, host)
	}
	require.Equal(t, 200, visit(h, "127.0.0.1", http.MethodPost, "mcp.example", "").Code, "a proxy on this machine")
	require.Equal(t, 200, visit(h, "127.0.0.1", http.MethodPost, "localhost", "").Code)
	require.Equal(t, 403, visit(h, "127.0.0.1", http.MethodPost, "other.example", "").Code)
	require.Equal(t, 200, visit(handler(t, streamhttp.AllowHosts("*")), "127.0.0.1", http.MethodPost, "any.example", "").Code)
}

func TestOrigin(t *testing.T) {
	h := handler(t)
	for _, c := range []struct {
		local, host, origin string
		want                int
	}{
		{"127.0.0.1", "localhost:8080", "", 200},
		{"127.0.0.1", "localhost:8080", "http://localhost:8080", 200},
		{"127.0.0.1", "localhost:8080", "http://127.0.0.1:3000", 200},
		{"127.0.0.1", "127.0.0.1:8080", "https://[::1]", 200},
		{"127.0.0.1", "localhost:8080", "http://evil.example", 403},
		{"127.0.0.1", "localhost:8080", "http://localhost.evil.example", 403},
		{"127.0.0.1", "localhost:8080", "null", 403},
		{"127.0.0.1", "localhost:8080", "localhost", 403},
		{"127.0.0.1", "localhost:8080", "file://localhost", 403},
		{"192.0.2.1", "mcp.example", "https://mcp.example", 200},
		{"192.0.2.1", "MCP.example:443", "https://mcp.EXAMPLE", 200},
		{"192.0.2.1", "mcp.example", "http://mcp.example:80", 200},
		{"192.0.2.1", "mcp.example", "https://mcp.example:8443", 403},
		{"192.0.2.1", "mcp.example", "https://other.example", 403},
		{"192.0.2.1", "localhost", "http://127.0.0.1", 403}, // the connection did not come to loopback
	} {
		require.Equal(t, c.want, visit(h, c.local, http.MethodPost, c.host, c.origin).Code, "%+v", c)
	}
	rec := visit(h, "192.0.2.1", http.MethodPost, "mcp.example", "https://other.example")
	require.JSONEq(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the Origin \"https://other.example\" is not one of streamhttp.AllowOrigins"}}`,
		rec.Body.String())
	require.Empty(t, rec.Header().Get("Access-Control-Allow-Origin"))
}

func TestAllowOriginsSetsTheCORSHeaders(t *testing.T) {
	const app = "https://app.example"
	h := handler(t, streamhttp.AllowOrigins(app+"/"))
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete, http.MethodPut} { // errors included
		header := visit(h, "192.0.2.1", method, "mcp.example", app).Header()
		require.Equal(t, app, header.Get("Access-Control-Allow-Origin"), method)
		require.Equal(t, "Mcp-Session-Id, WWW-Authenticate", header.Get("Access-Control-Expose-Headers"))
		require.Equal(t, "Origin", header.Get("Vary"))
	}
	rec := visit(h, "192.0.2.1", http.MethodOptions, "mcp.example", app)
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.Equal(t, "GET, POST, DELETE", rec.Header().Get("Access-Control-Allow-Methods"))
	require.Equal(t, "Content-Type, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID", rec.Header().Get("Access-Control-Allow-Headers"))
	require.Equal(t, app, rec.Header().Get("Access-Control-Allow-Origin"))

	rec = visit(h, "192.0.2.1", http.MethodOptions, "mcp.example", "https://other.example")
	require.Equal(t, http.StatusForbidden, rec.Code)
	require.Empty(t, rec.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, 200, visit(h, "192.0.2.1", http.MethodPost, "mcp.example", "https://mcp.example").Code, "its own origin still passes")
	require.Equal(t, 403, visit(h, "127.0.0.1", http.MethodPost, "evil.example", app).Code, "the host still counts")
	all := handler(t, streamhttp.AllowOrigins("*"))
	require.Equal(t, "null", visit(all, "192.0.2.1", http.MethodPost, "mcp.example", "null").Header().Get("Access-Control-Allow-Origin"))
}
