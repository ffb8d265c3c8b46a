package serverauth

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// plain asks without TLS, or with.
func plain(t *testing.T, h http.Handler, method, url, remote, local string, secure bool, header ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(method, url, nil)
	q.TLS = nil
	if secure {
		q.TLS = &tls.ConnectionState{}
	}
	q.RemoteAddr = net.JoinHostPort(remote, "1234")
	q = q.WithContext(context.WithValue(q.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(local), Port: 80})))
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	return send(t, h, q)
}

func TestRequestsWithoutTLSAreRefused(t *testing.T) {
	r := Resource(resourceURL, HTTPS(HTTPSOptions{}))
	h, saw := protect(known, r)
	token := []string{"Authorization", "Bearer good-token-of-ada"}
	rec := plain(t, h, http.MethodPost, "http://mcp.example.com/mcp", "192.0.2.1", "192.0.2.2", false, token...)
	require.Equal(t, http.StatusForbidden, rec.Code)
	require.Contains(t, rec.Body.String(), "https is required")
	require.Empty(t, rec.Header().Get("Strict-Transport-Security"), "it counts over TLS only")
	require.False(t, saw.known)
	require.EqualValues(t, 1, r.Stats().Refused[ReasonInsecure])
	require.Equal(t, http.StatusForbidden, plain(t, h, http.MethodGet, "http://mcp.example.com/mcp", "192.0.2.1", "192.0.2.2", false).Code)
	rec = plain(t, h, http.MethodPost, resourceURL, "192.0.2.1", "192.0.2.2", true, token...)
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.Equal(t, "max-age=31536000", rec.Header().Get("Strict-Transport-Security"))
}

func TestRequestsOnLoopbackAreExempt(t *testing.T) {
	h, _ := protect(known, Resource(resourceURL, HTTPS(HTTPSOptions{Redirect: true})))
	for _, c := range []struct {
		url, remote, local string
		want               int
	}{
		{"http://localhost/mcp", "127.0.0.1", "127.0.0.1", 401},
		{"http://127.0.0.1:80/mcp", "127.0.0.1", "127.0.0.1", 401},
		{"http://[::1]:80/mcp", "::1", "::1", 401},
		{"http://[::1]/mcp", "::1", "::1", 401},
		{"http://mcp.example.com/mcp", "127.0.0.1", "127.0.0.1", 308}, // a proxy on this machine
		{"http://localhost/mcp", "192.0.2.1", "192.0.2.2", 308},       // anybody can write that
		{"http://localhost/mcp", "127.0.0.1", "192.0.2.2", 308},
		{"http://localhost/mcp", "192.0.2.1", "127.0.0.1", 308},
	} {
		require.Equal(t, c.want, plain(t, h, http.MethodGet, c.url, c.remote, c.local, false).Code, c)
	}
}

func TestRequestsWithoutTLSAreRedirected(t *testing.T) {
	h, _ := protect(known, Resource("https://mcp.example.com:8443/mcp", HTTPS(HTTPSOptions{Redirect: true, HSTS: time.Hour})))
	rec := plain(t, h, http.MethodGet, "http://evil.example/mcp?x=1", "192.0.2.1", "192.0.2.2", false)
	require.Equal(t, http.StatusPermanentRedirect, rec.Code)
	require.Equal(t, "https://mcp.example.com:8443/mcp?x=1", rec.Header().Get("Location"), "whatever the Host header says")
	for _, header := range [][]string{{"Authorization", "Bearer good-token-of-ada"}} {
		rec = plain(t, h, http.MethodGet, "http://mcp.example.com/mcp", "192.0.2.1", "192.0.2.2", false, header...)
		require.Equal(t, http.StatusForbidden, rec.Code, "a credential that was seen by others is not asked for again")
		require.Empty(t, rec.Header().Get("Location"))
	}
	rec = plain(t, h, http.MethodGet, "http://mcp.example.com/mcp?access_token=good-token-of-ada", "192.0.2.1", "192.0.2.2", false)
	require.Equal(t, http.StatusForbidden, rec.Code)
	require.Equal(t, "max-age=3600", plain(t, h, http.MethodGet, resourceURL, "192.0.2.1", "192.0.2.2", true).Header().Get("Strict-Transport-Security"))
}

func TestAProxyMayEndTLS(t *testing.T) {
	h, _ := protect(known, Resource(resourceURL, HTTPS(HTTPSOptions{HSTS: -1, Secure: func(q *http.Request) bool {
		return q.Header.Get("X-Forwarded-Proto") == "https"
	}})))
	rec := plain(t, h, http.MethodPost, "http://mcp.example.com/mcp", "192.0.2.1", "192.0.2.2", false, "X-Forwarded-Proto", "https")
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Empty(t, rec.Header().Get("Strict-Transport-Security"))
	require.Equal(t, http.StatusForbidden, plain(t, h, http.MethodPost, "http://mcp.example.com/mcp", "192.0.2.1", "192.0.2.2", false).Code)
}
