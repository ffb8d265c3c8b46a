package streamhttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/transporttest"
)

// deployment is a way to put the handler on a network: it gives the URL and the client to reach it with.
type deployment func(t *testing.T, h http.Handler) (url string, client *http.Client)

func plain(t *testing.T, h http.Handler) (string, *http.Client) {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, clientOf(t, server)
}

func http2(t *testing.T, h http.Handler) (string, *http.Client) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http.Error(w, "this is "+r.Proto, http.StatusTeapot)
			return
		}
		h.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, clientOf(t, server)
}

// behindProxy puts the handler behind a reverse proxy that passes on the Host header it got.
func behindProxy(t *testing.T, h http.Handler) (string, *http.Client) {
	inner, client := plain(t, h)
	target, err := url.Parse(inner)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport:     client.Transport,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
	})
	t.Cleanup(proxy.Close)
	return proxy.URL, clientOf(t, proxy)
}

func behindMiddleware(t *testing.T, h http.Handler) (string, *http.Client) {
	mux := http.NewServeMux()
	mux.Handle("/some/path/", http.StripPrefix("/some/path", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&counted{ResponseWriter: w}, r)
	})))
	at, client := plain(t, mux)
	return at + "/some/path/mcp", client
}

// counted is the ResponseWriter of a middleware.
type counted struct {
	http.ResponseWriter
	n int
}

func (c *counted) Write(b []byte) (int, error) {
	c.n += len(b)
	return c.ResponseWriter.Write(b)
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func clientOf(t *testing.T, s *httptest.Server) *http.Client {
	client := s.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	t.Cleanup(client.CloseIdleConnections)
	return client
}

var deployments = map[string]deployment{
	"plain": plain, "HTTP2 with TLS": http2, "reverse proxy": behindProxy, "middleware": behindMiddleware,
}

// What plain and HTTP/2 do is in transporttest's own tests.
func TestSuite(t *testing.T) {
	for _, name := range []string{"reverse proxy", "middleware"} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) rpc.Transport {
				h := streamhttp.Handler(transporttest.Server())
				at, client := deployments[name](t, h)
				t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
				return streamhttp.Connect(at, streamhttp.WithClient(client))
			})
		})
	}
}

// The client of the endpoint's own.
func TestSuiteWithTheDefaultClient(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) rpc.Transport {
		h := streamhttp.Handler(transporttest.Server())
		at, _ := plain(t, h)
		t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
		return streamhttp.Connect(at)
	})
}

// On every deployment events arrive as they are sent, a client that goes away is noticed, and the stream can be resumed.
func TestStreamsOnRealNetworks(t *testing.T) {
	for name, deploy := range deployments {
		t.Run(name, func(t *testing.T) {
			a := newApp()
			h := streamhttp.Handler(a)
			at, client := deploy(t, h)
			t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
			do := func(r request) *http.Response {
				resp, err := doOn(client, at, r)
				require.NoError(t, err)
				return resp
			}
			resp := do(request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
			require.Equal(t, http.StatusOK, resp.StatusCode)
			id := resp.Header.Get("Mcp-Session-Id")
			require.NoError(t, resp.Body.Close())
			session := <-a.sessions

			ctx, cancel := context.WithCancel(t.Context())
			resp = do(request{ctx: ctx, session: id, body: call(1, "sayAndWait", `{}`)})
			first := priming("1-1") + "\n\n" + event("1-2", note("note", `{}`)) + "\n\n"
			got := make([]byte, len(first))
			_, err := io.ReadFull(resp.Body, got) // though the call goes on
			require.NoError(t, err)
			require.Equal(t, first, string(got))
			cancel()
			require.NoError(t, resp.Body.Close())

			resp = do(request{method: http.MethodGet, session: id, header: map[string]string{"Last-Event-ID": "1-2"}})
			require.Equal(t, 1, session.Stats().InFlight)
			close(a.release)
			rest, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, event("1-3", result(1, `{"waited":true}`))+"\n\n", string(rest))
			require.NoError(t, resp.Body.Close())

			resp = do(request{method: http.MethodDelete, session: id})
			require.Equal(t, http.StatusNoContent, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
		})
	}
}

// The server's time limits are for requests, not for what takes long.
func TestLongAnswersOutliveTheServersTimeouts(t *testing.T) {
	for _, accept := range []string{"*/*", "application/json"} {
		a := newApp()
		h := streamhttp.Handler(a)
		server := httptest.NewUnstartedServer(h)
		server.Config.ReadTimeout, server.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
		server.Start()
		t.Cleanup(server.Close)
		client := clientOf(t, server)
		t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
		resp, err := doOn(client, server.URL, request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		timer := time.AfterFunc(time.Second, func() { close(a.release) })
		defer timer.Stop()
		resp, err = doOn(client, server.URL, request{
			session: resp.Header.Get("Mcp-Session-Id"), header: map[string]string{"Accept": accept}, body: call(1, "wait", `{}`),
		})
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), `{"waited":true}`)
		require.NoError(t, resp.Body.Close())
	}
}

// No goroutine is left for a session without an open stream.
func TestIdleSessionHasNoGoroutine(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		count := func() int {
			w.client.CloseIdleConnections()
			time.Sleep(5 * time.Second) // goroutines that rest for the next request go
			return goroutines()
		}
		before := count()
		var ids []string
		for range 100 {
			ids = append(ids, w.open(newest))
		}
		for _, id := range ids {
			w.answer(request{session: id, body: call(1, "echo", `{}`)})
		}
		require.LessOrEqual(t, count(), before)
	})
}
