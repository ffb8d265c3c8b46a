package dial_test

import (
	"context"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/dial"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

// sockets serves the echo server over TCP, a Unix socket and WebSocket, and gives the URL of each.
func sockets(t *testing.T) map[string]string {
	s := tcp.NewServer(acceptor(nil))
	path := "unix:" + filepath.Join(t.TempDir(), "s")
	urls := map[string]string{"unix": path}
	served := make(chan error, 2)
	for _, address := range []string{path, "tcp://127.0.0.1:0"} {
		l, err := tcp.Listen(t.Context(), address)
		require.NoError(t, err)
		if l.Addr().Network() == "tcp" {
			urls["tcp"] = "tcp://" + l.Addr().String()
		}
		go func() { served <- s.Serve(context.Background(), l) }()
	}
	h := websocket.Handler(acceptor(nil))
	web := httptest.NewServer(h)
	urls["websocket"] = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-served)
		require.NoError(t, <-served)
		h.Close()
		web.Close()
	})
	return urls
}

func TestURLOfASocket(t *testing.T) {
	for transport, url := range sockets(t) {
		c, err := dial.URL(t.Context(), client.Info("test", "1"), url)
		require.NoError(t, err, url)
		require.Equal(t, transport, c.Session().Link().Transport)
		require.NoError(t, c.Ping(t.Context()))
		require.NoError(t, c.Close())

		text := `{"mcpServers":{"s":{"url":"` + url + `"}}}`
		cfg, err := dial.ParseConfig([]byte(text))
		require.NoError(t, err)
		c, err = cfg.Dial(t.Context(), client.Info("test", "1"), "s")
		require.NoError(t, err, url)
		require.Equal(t, transport, c.Session().Link().Transport)
		require.NoError(t, c.Close())
	}
}

func TestErrorsOfSockets(t *testing.T) {
	info := client.Info("test", "1")
	for url, want := range map[string]string{
		"tcp://localhost": "missing port", "tls://localhost": "missing port", "unix:": "names no socket", "ws:///x": "is not of the form",
		"ftp://localhost": "found \"ftp://localhost\"",
	} {
		_, err := dial.URL(t.Context(), info, url)
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		`{"url":"tcp://localhost:1","headers":{"A":"b"}}`:  "a server of the type tcp has no headers: they need HTTP",
		`{"url":"http://localhost","type":"tcp"}`:          "a server of the type tcp has a url that starts with tcp://, tls:// or unix:",
		`{"url":"http://localhost","type":"ws"}`:           "a server of the type websocket has a url that starts with ws:// or wss://",
		`{"url":"tcp://localhost:1","type":"websocket"}`:   "a server of the type websocket has a url that starts with ws:// or wss://",
		`{"url":"http://localhost","type":"carrier bird"}`: "has the type http, streamable-http, sse, websocket, ws or tcp",
	} {
		cfg, err := dial.ParseConfig([]byte(`{"mcpServers":{"s":` + text + `}}`))
		require.NoError(t, err)
		_, err = cfg.Dial(t.Context(), info, "s")
		require.ErrorContains(t, err, want)
	}
}

// A server that is started again has its clients back, with their subscriptions; what they call meanwhile waits for it.
func TestClientsComeBackToARestartedServer(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, at string) (url string, stop func()){
		"tcp": func(t *testing.T, at string) (string, func()) {
			l, err := tcp.Listen(t.Context(), at)
			require.NoError(t, err)
			s := tcp.NewServer(acceptor(nil))
			served := make(chan error, 1)
			go func() { served <- s.Serve(context.Background(), l) }()
			return "tcp://" + l.Addr().String(), func() {
				s.Close()
				require.NoError(t, <-served)
			}
		},
		"websocket": func(t *testing.T, at string) (string, func()) {
			l, err := net.Listen("tcp", at)
			require.NoError(t, err)
			h := websocket.Handler(acceptor(nil))
			web := httptest.NewUnstartedServer(h)
			require.NoError(t, web.Listener.Close())
			web.Listener = l
			web.Start()
			return "ws" + strings.TrimPrefix(web.URL, "http"), func() {
				h.Close()
				web.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, stop := start(t, "127.0.0.1:0")
			backoff := rpc.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond, Attempts: -1}
			var transport rpc.Transport = tcp.Connect(url, tcp.WithClientLimits(tcp.ClientLimits{Backoff: backoff}))
			if name == "websocket" {
				transport = websocket.Connect(url, websocket.WithClientLimits(websocket.ClientLimits{Backoff: backoff}))
			}
			reconnected := make(chan client.Reconnection, 10)
			c, err := client.Dial(t.Context(), client.Info("test", "1"), transport,
				client.OnReconnect(func(_ context.Context, r client.Reconnection) { reconnected <- r }))
			require.NoError(t, err)
			defer func() { _ = c.Close() }()
			require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
			stop()
			called := make(chan error, 1)
			go func() { called <- c.Ping(t.Context()) }()
			_, stop = start(t, url[strings.LastIndex(url, "/")+1:])
			defer stop()
			r := <-reconnected
			require.ErrorIs(t, r.Cause, rpc.ErrSessionEnded)
			require.Empty(t, r.Lost)
			if err := <-called; err != nil { // it was under way when the connection broke
				require.ErrorIs(t, err, rpc.ErrClosed)
			}
			require.NoError(t, c.Ping(t.Context()))
		})
	}
}
