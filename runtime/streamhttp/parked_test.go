package streamhttp_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// listener is a client that listens on its session's own stream.
type listener struct {
	session *rpc.Session // the server's
	body    io.ReadCloser
	lines   *bufio.Scanner
	proto   string
}

// listens opens a session and its stream.
func listens(t *testing.T, a *app, client *http.Client, at string) *listener {
	t.Helper()
	send := func(method, session, body string) *http.Response {
		r, err := http.NewRequest(method, at, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if session != "" {
			r.Header.Set("Mcp-Session-Id", session)
		}
		response, err := client.Do(r)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response
	}
	opened := send(http.MethodPost, "", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+newest+`"}}`)
	require.NoError(t, opened.Body.Close())
	stream := send(http.MethodGet, opened.Header.Get("Mcp-Session-Id"), "")
	t.Cleanup(func() { _ = stream.Body.Close() })
	return &listener{session: <-a.sessions, body: stream.Body, lines: bufio.NewScanner(stream.Body), proto: stream.Proto}
}

// hears reads lines until one starts with text.
func (l *listener) hears(t *testing.T, text string) {
	t.Helper()
	for l.lines.Scan() {
		if strings.HasPrefix(l.lines.Text(), text) {
			return
		}
	}
	require.FailNow(t, "the stream ended", "without %q: %v", text, l.lines.Err())
}

// tlsOverHTTP1 is HTTPS without HTTP/2.
func tlsOverHTTP1(t *testing.T, h http.Handler) (string, *http.Client) {
	server := httptest.NewUnstartedServer(h)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, clientOf(t, server)
}

// impatient is a server that gives every response 50 ms.
func impatient(t *testing.T, h http.Handler) (string, *http.Client) {
	server := httptest.NewUnstartedServer(h)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, clientOf(t, server)
}

// compressed is behind a middleware that compresses all it is given.
func compressed(t *testing.T, h http.Handler) (string, *http.Client) {
	return plain(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		h.ServeHTTP(&compressing{w, z}, r)
	}))
}

type compressing struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (c *compressing) Write(b []byte) (int, error) { return c.z.Write(b) }
func (c *compressing) Unwrap() http.ResponseWriter { return c.ResponseWriter }
func (c *compressing) FlushError() error {
	if err := c.z.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// TestStreamsThatAreIdle: on every deployment a stream that was idle carries what is sent then, outlives the server's time for
// a response, and has a proper end.
func TestStreamsThatAreIdle(t *testing.T) {
	for name, deploy := range map[string]deployment{
		"plain": plain, "TLS": tlsOverHTTP1, "HTTP2 with TLS": http2, "middleware": behindMiddleware,
		"compressing middleware": compressed, "impatient server": impatient, "reverse proxy": behindProxy,
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp()
			h := streamhttp.Handler(a, streamhttp.WithLimits(streamhttp.Limits{KeepAlive: 20 * time.Millisecond}))
			at, client := deploy(t, h)
			l := listens(t, a, client, at)
			for range 5 { // that is twice the impatient server's time
				l.hears(t, ":")
			}
			for i := range 3 {
				note := fmt.Sprintf(`{"n":%d}`, i)
				require.NoError(t, l.session.Notify(context.Background(), "note", wire.MustRaw(note)))
				l.hears(t, `data: {"jsonrpc":"2.0","method":"note","params":`+note)
			}
			require.NoError(t, h.Shutdown(context.Background()))
			_, err := io.Copy(io.Discard, l.body)
			require.NoError(t, err, "the body has its end")
		})
	}
}

// TestIdleStreamsHaveNoGoroutine, on plain connections.
func TestIdleStreamsHaveNoGoroutine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere a goroutine for each stream notices that the client goes away")
	}
	const n = 100
	for _, c := range []struct {
		name        string
		opts        []streamhttp.Option
		least, most int
	}{
		{name: "taken over", most: n / 5},
		{name: "left alone", opts: []streamhttp.Option{streamhttp.WithoutTakeover()}, least: n, most: 3 * n},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newApp()
			h := streamhttp.Handler(a, c.opts...)
			at, client := plain(t, h)
			t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
			opened := listens(t, a, client, at) // what there is only once is there from now on
			before := runtime.NumGoroutine()
			for range n {
				id := openSession(t, client, at)
				conn, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
				require.NoError(t, err)
				t.Cleanup(func() { _ = conn.Close() })
				_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMcp-Session-Id: %s\r\n\r\n", id)
				require.NoError(t, err)
				head, err := bufio.NewReader(conn).ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, "HTTP/1.1 200 OK\r\n", head)
			}
			require.Eventually(t, func() bool {
				more := runtime.NumGoroutine() - before
				return more >= c.least && more <= c.most
			}, 10*time.Second, 10*time.Millisecond, "there are too many goroutines, or too few")
			require.NoError(t, opened.session.Notify(context.Background(), "note", nil))
			opened.hears(t, "data: {")
		})
	}
}

// openSession opens a session and gives its id.
func openSession(t *testing.T, client *http.Client, at string) string {
	r, err := http.NewRequest(http.MethodPost, at, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+newest+`"}}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	response, err := client.Do(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.Header.Get("Mcp-Session-Id")
}

// TestAClientThatStopsListeningIsNoticed at once, whatever carries the stream, though nothing is sent.
func TestAClientThatStopsListeningIsNoticed(t *testing.T) {
	for name, deploy := range map[string]deployment{"plain": plain, "TLS": tlsOverHTTP1, "HTTP2 with TLS": http2} {
		t.Run(name, func(t *testing.T) {
			a := newApp()
			h := streamhttp.Handler(a)
			at, client := deploy(t, h)
			t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
			l := listens(t, a, client, at)
			own := l.session.Link().Stream.(interface{ Listening() bool })
			require.True(t, own.Listening())
			require.NoError(t, l.body.Close())
			require.Eventually(t, func() bool { return !own.Listening() }, 10*time.Second, time.Millisecond)
		})
	}
}
