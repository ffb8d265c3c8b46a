package dial_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/dial"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// seen are the requests that a server got: "method path", and the header X-Key of each.
type seen struct {
	mu       sync.Mutex
	requests []string
}

func (s *seen) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Key")))
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// both serves the same sessions over both transports on one mux, at /mcp and /sse.
func both(t *testing.T, n *notes, wrap func(legacy http.Handler) http.Handler) (url string, s *seen) {
	now, older := streamhttp.Handler(acceptor(n)), legacysse.Handler(acceptor(n))
	mux := http.NewServeMux()
	mux.Handle("/mcp", now)
	mux.Handle("/sse", wrap(older))
	s = &seen{}
	server := httptest.NewServer(s.note(mux))
	t.Cleanup(func() {
		require.NoError(t, now.Shutdown(context.Background()))
		require.NoError(t, older.Shutdown(context.Background()))
		server.Close()
	})
	return server.URL, s
}

func asIs(h http.Handler) http.Handler { return h }

// answering answers POSTs without session with a status.
func answering(status int) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.RawQuery == "" {
				http.Error(w, "not here", status)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

func TestBothTransportsOnOneMux(t *testing.T) {
	at, s := both(t, nil, asIs)
	for path, want := range map[string]string{"/mcp": "streamhttp", "/sse": "legacysse"} {
		c, err := dial.URL(t.Context(), me, at+path)
		require.NoError(t, err)
		require.Equal(t, want, c.Session().Link().Transport)
		got, err := client.CallTool[string](t.Context(), c, "t", nil)
		require.NoError(t, err)
		require.Contains(t, got, "t ")
		require.NoError(t, c.Close())
	}
	require.Contains(t, s.all(), "GET /sse")
}

// Basic/transports, "Backwards Compatibility": upon these statuses the transport before is tried, and upon no other.
func TestFallback(t *testing.T) {
	for status, falls := range map[int]bool{
		400: true, 404: true, 405: true,
		401: false, 402: false, 403: false, 406: false, 409: false, 410: false, 415: false, 422: false, 429: false, 500: false, 501: false, 503: false,
	} {
		at, s := both(t, nil, answering(status))
		c, err := dial.URL(t.Context(), me, at+"/sse")
		if falls {
			require.NoError(t, err, status)
			require.Equal(t, "legacysse", c.Session().Link().Transport)
			require.Equal(t, []string{"POST /sse", "GET /sse", "POST /sse"}, s.all()[:3])
			require.NoError(t, c.Close())
			continue
		}
		var e *streamhttp.HTTPError
		require.ErrorAs(t, err, &e, status)
		require.Equal(t, status, e.Status)
		require.Equal(t, []string{"POST /sse"}, s.all(), "the older transport was not tried")
	}
}

func TestNeitherTransport(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no "+r.Method, http.StatusNotFound)
	}))
	defer s.Close()
	_, err := dial.URL(t.Context(), me, strings.Replace(s.URL, "http://", "http://ada:secret@", 1))
	require.EqualError(t, err, fmt.Sprintf("dial: %s was tried over Streamable HTTP: client: opening a session: "+
		"initialize: POST: HTTP status 404 Not Found: no POST (code -32603); and over HTTP+SSE of protocol version 2024-11-05: "+
		"client: connecting: legacysse: GET: HTTP status 404 Not Found: no GET", strings.Replace(s.URL, "http://", "http://ada:xxxxx@", 1)))
	var today *streamhttp.HTTPError
	require.ErrorAs(t, err, &today)
	var older *legacysse.HTTPError
	require.ErrorAs(t, err, &older)
}

// A server that takes initialize speaks Streamable HTTP, whatever it does then.
func TestNoFallbackOnceInitializeSucceeded(t *testing.T) {
	h := streamhttp.Handler(acceptor(nil))
	s := &seen{}
	server := httptest.NewServer(s.note(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Mcp-Session-Id") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		h.ServeHTTP(w, r)
	})))
	defer server.Close()
	_, err := dial.URL(t.Context(), me, server.URL)
	var e *streamhttp.HTTPError
	require.ErrorAs(t, err, &e)
	require.NotContains(t, s.all(), "GET /")
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestConfigTypes(t *testing.T) {
	at, s := both(t, nil, answering(http.StatusMethodNotAllowed))
	cfg, err := dial.ParseConfig(fmt.Appendf(nil, `{"mcpServers":{
		"told":{"type":"sse","url":%[1]q,"headers":{"X-Key":"1"}}, "found":{"url":%[1]q,"headers":{"X-Key":"1"}},
		"wrong":{"type":"http","url":%[1]q}}}`, at+"/sse"))
	require.NoError(t, err)
	for name, first := range map[string]string{"told": "GET /sse 1", "found": "POST /sse 1"} {
		s.requests = nil
		c, err := cfg.Dial(t.Context(), me, name)
		require.NoError(t, err)
		require.Equal(t, "legacysse", c.Session().Link().Transport)
		_, err = client.CallTool[string](t.Context(), c, "t", nil)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.Equal(t, first, s.all()[0])
		for _, r := range s.all() {
			require.True(t, strings.HasSuffix(r, " 1"), r)
		}
	}
	_, err = cfg.Dial(t.Context(), me, "wrong")
	require.ErrorContains(t, err, `dial: server "wrong": client: opening a session: initialize: POST: HTTP status 405`)
}

// TestReconnectOverHTTPSSE: when the stream breaks off a new session is opened, with the subscriptions of the one before, though
// nobody calls.
func TestReconnectOverHTTPSSE(t *testing.T) {
	n := &notes{}
	var mu sync.Mutex
	var hangUp context.CancelFunc
	at, _ := both(t, n, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				mu.Lock()
				hangUp = cancel
				mu.Unlock()
				r = r.WithContext(ctx)
			}
			h.ServeHTTP(w, r)
		})
	})
	back := make(chan client.Reconnection, 1)
	transport := legacysse.Connect(at+"/sse", legacysse.WithClientLimits(legacysse.ClientLimits{Backoff: rpc.Backoff{Min: -1, Max: -1}}))
	c, err := client.Dial(t.Context(), me, transport, client.OnReconnect(func(_ context.Context, r client.Reconnection) { back <- r }))
	require.NoError(t, err)
	require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
	mu.Lock()
	hangUp()
	mu.Unlock()
	r := <-back
	require.ErrorIs(t, r.Cause, rpc.ErrSessionEnded)
	require.Empty(t, r.Lost)
	require.Equal(t, 2, n.count(mcp.MethodSubscribe))
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
}
