package websocket_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	ws "github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

func TestTheClientIsToldWhatBecameOfTheConnection(t *testing.T) {
	server, address := start(t)
	e := websocket.Connect(address)
	s, conn := dial(t, e)
	require.NoError(t, s.Call(t.Context(), "initialize", nil, nil))
	waiting := make(chan error, 1)
	go func() { waiting <- s.Call(t.Context(), "wait", nil, nil) }()
	require.Eventually(t, func() bool { return s.Stats().Pending == 1 }, soon, time.Millisecond)
	server.Close()
	err := <-waiting
	if rpc.CodeOf(err) == rpc.CodeClosed { // or the server's answer made it
		require.ErrorIs(t, err, rpc.ErrClosed, "what is in flight is lost")
	}
	<-s.Done()
	require.ErrorIs(t, s.Err(), rpc.ErrSessionEnded)
	require.ErrorContains(t, s.Err(), `the peer closed the connection with code 1001 "the server shuts down"`)
	require.ErrorIs(t, s.Call(t.Context(), "ping", nil, nil), rpc.ErrSessionEnded)
	require.ErrorIs(t, conn.Close(), rpc.ErrSessionEnded)
	require.ErrorIs(t, conn.Close(), rpc.ErrSessionEnded)
	_, err = e.Connect(t.Context(), client(t))
	require.ErrorContains(t, err, "HTTP status 503 Service Unavailable")
	require.ErrorContains(t, err, "the server shuts down")
	require.Equal(t, rpc.Backoff{}, e.Backoff())
}

// A server may do as little as a client.
func TestServersThatDoWhatTheyMustNot(t *testing.T) {
	for code, do := range map[ws.StatusCode]func(c *ws.Conn){
		ws.StatusUnsupportedData:         func(c *ws.Conn) { _ = c.Write(t.Context(), ws.MessageBinary, []byte(ping)) },
		ws.StatusInvalidFramePayloadData: func(c *ws.Conn) { _ = c.Write(t.Context(), ws.MessageText, []byte("\xff")) },
		ws.StatusMessageTooBig:           func(c *ws.Conn) { _ = c.Write(t.Context(), ws.MessageText, make([]byte, 101)) },
	} {
		closed := make(chan ws.StatusCode, 1)
		address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"mcp"}})
			if err != nil {
				return
			}
			do(c)
			_, _, err = c.Read(context.Background())
			closed <- ws.CloseStatus(err)
		}))
		s, conn := dial(t, websocket.Connect(address, websocket.WithClientLimits(websocket.ClientLimits{Wire: websocket.Wire{Message: 100}})))
		require.Equal(t, code, <-closed)
		<-s.Done()
		require.ErrorIs(t, s.Err(), rpc.ErrSessionEnded)
		require.Error(t, conn.Close())
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"http://localhost":          "is not of the form ws://host/path",
		"ws://":                     "is not of the form",
		"%zz":                       "invalid URL escape",
		"wss://ada:pw@/":            "is not of the form",
		"ws://127.0.0.1:1/nobody/s": "refused",
	} {
		_, err := websocket.Connect(url).Connect(t.Context(), client(t))
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "pw@")
	}
}

func TestRedirectsElsewhereAreNotFollowed(t *testing.T) {
	_, address := start(t)
	away := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http"+address[2:], http.StatusTemporaryRedirect)
	}))
	_, err := websocket.Connect(away, websocket.WithHeader("Authorization", "secret")).Connect(t.Context(), client(t))
	require.ErrorContains(t, err, "was not followed")
}

func TestConnectTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and answers nothing
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	limits := websocket.WithClientLimits(websocket.ClientLimits{ConnectTime: 20 * time.Millisecond})
	_, err = websocket.Connect("ws://"+l.Addr().String(), limits).Connect(t.Context(), client(t))
	require.ErrorContains(t, err, "no connection after 20ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = websocket.Connect("ws://"+l.Addr().String()).Connect(ctx, client(t))
	require.ErrorIs(t, err, context.Canceled)
}
