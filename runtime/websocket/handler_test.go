package websocket_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ws "github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// from sets the headers that say where a request comes from and goes to.
func from(origin, host string) header {
	return func(o *ws.DialOptions) {
		if origin != "" {
			o.HTTPHeader.Set("Origin", origin)
		}
		o.Host = host
	}
}

// A browser lets any page open a WebSocket anywhere, so who may is decided here (DNS rebinding, cross-site pages).
func TestOriginAndHost(t *testing.T) {
	for _, test := range []struct {
		origin, host string
		opts         []websocket.Option
		ok           bool
	}{
		{ok: true},
		{origin: "http://localhost:3000", ok: true},
		{origin: "https://evil.example"},
		{origin: "null"},
		{origin: "http://evil.example", host: "evil.example"},
		{host: "evil.example"},
		{host: "localhost:1", ok: true},
		{origin: "https://app.example.com", opts: []websocket.Option{websocket.AllowOrigins("https://app.example.com")}, ok: true},
		{origin: "https://app.example.com.evil.example", opts: []websocket.Option{websocket.AllowOrigins("https://app.example.com")}},
		{origin: "https://any.example", opts: []websocket.Option{websocket.AllowOrigins("*")}, ok: true},
		{host: "api.example.com", opts: []websocket.Option{websocket.AllowHosts("api.example.com")}, ok: true},
		{origin: "https://api.example.com", host: "api.example.com", opts: []websocket.Option{websocket.AllowHosts("api.example.com")}, ok: true},
		{host: "evil.example", opts: []websocket.Option{websocket.AllowHosts("api.example.com")}},
	} {
		s, address := start(t, test.opts...)
		r, resp, err := tryRaw(t, address, from(test.origin, test.host))
		if test.ok {
			require.NoError(t, err, "%+v", test)
			r.opens()
			require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), "this is no CORS")
			continue
		}
		require.Error(t, err, "%+v", test)
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		body, _ := io.ReadAll(resp.Body)
		require.Contains(t, string(body), "websocket.Allow")
		require.EqualValues(t, 1, s.Stats().Forbidden)
		require.Zero(t, s.Stats().Accepted)
	}
}

func TestTheSubprotocolIsRequired(t *testing.T) {
	s, address := start(t)
	for _, offered := range [][]string{nil, {"soap"}, {"mcp2", "xmcp"}} {
		_, resp, err := tryRaw(t, address, func(o *ws.DialOptions) { o.Subprotocols = offered })
		require.Error(t, err)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode)
		body, _ := io.ReadAll(resp.Body)
		require.Contains(t, string(body), `does not offer the WebSocket subprotocol \"mcp\"`)
	}
	require.Zero(t, s.Stats().Accepted)
	r := dialRaw(t, address, func(o *ws.DialOptions) { o.Subprotocols = []string{"soap", "mcp"} })
	require.Equal(t, "mcp", r.Subprotocol())

	// And so it is of a server.
	other := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := ws.Accept(w, r, nil); err == nil {
			_ = c.CloseNow()
		}
	}))
	_, err := websocket.Connect(other).Connect(t.Context(), client(t))
	require.ErrorContains(t, err, `the server does not speak the WebSocket subprotocol "mcp"`)
}

func TestRequestsThatAskForNoWebSocket(t *testing.T) {
	_, address := start(t)
	url := "http" + strings.TrimPrefix(address, "ws")
	for method, status := range map[string]int{http.MethodGet: http.StatusUpgradeRequired, http.MethodPost: http.StatusUpgradeRequired} {
		r, err := http.NewRequest(method, url, strings.NewReader(hello))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, status, resp.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	// A writer that does not give its connection away, as under HTTP/2.
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "mcp",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	s := websocket.Handler(acceptor())
	s.ServeHTTP(w, r)
	require.Equal(t, http.StatusNotImplemented, w.Code)
	require.Contains(t, w.Body.String(), "http.Hijacker")
	require.Zero(t, s.Stats().Accepted)
}

// The request that opens the connection says who the session belongs to.
func TestPrincipalAndHeaders(t *testing.T) {
	s := websocket.Handler(acceptor())
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := rpc.WithPrincipal(r.Context(), rpc.Principal{ID: r.Header.Get("Authorization")})
		s.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(s.Close)
	session, _ := dial(t, websocket.Connect(address, websocket.WithHeader("Authorization", "ada"), websocket.WithHeader("X-Test", "1")))
	var raw wire.Raw
	require.NoError(t, session.Call(t.Context(), "who", nil, &raw))
	require.Equal(t, `{"id":"ada 1"}`, raw.String())
	require.NoError(t, session.Call(t.Context(), "ask", nil, &raw), "the server asks us in turn")
	require.Equal(t, `{"answer":42}`, raw.String())
	require.Equal(t, strings.TrimPrefix(address, "ws://"), session.Link().RemoteAddr)
}

func TestCompressionIsOffByDefault(t *testing.T) {
	asks := func(o *ws.DialOptions) { o.CompressionMode = ws.CompressionContextTakeover }
	_, address := start(t)
	r, resp, err := tryRaw(t, address, asks)
	require.NoError(t, err)
	require.Empty(t, resp.Header.Get("Sec-WebSocket-Extensions"))
	r.opens()
	_, address = start(t, websocket.WithCompression())
	r, resp, err = tryRaw(t, address, asks)
	require.NoError(t, err)
	require.Contains(t, resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	r.opens()
}

// What is no JSON or no message is answered; the connection goes on.
func TestTextThatIsNoMessage(t *testing.T) {
	_, address := start(t)
	r := dialRaw(t, address).opens()
	for text, code := range map[string]string{
		"": "-32700", "nonsense": "-32700", ping + ping: "-32700", `{"id":1,"id":2}`: "-32700", "[]": "-32600", "null": "-32600",
		`{"jsonrpc":"2.0","id":7}`: "-32600", "\x00": "-32700", "\xef\xbb\xbf" + ping: "-32700", ping + "\n": "",
	} {
		r.say(text)
		if code == "" {
			require.Equal(t, pong, r.text())
			continue
		}
		require.Contains(t, r.text(), `"code":`+code, "%q", text)
	}
	r.say(ping)
	require.Equal(t, pong, r.text())
}

func TestWhatIsNoTextEndsTheConnection(t *testing.T) {
	s, address := start(t)
	r := dialRaw(t, address).opens()
	require.NoError(t, r.Write(t.Context(), ws.MessageBinary, []byte(ping)))
	r.over(ws.StatusUnsupportedData)
	r = dialRaw(t, address).opens()
	require.NoError(t, r.Write(t.Context(), ws.MessageText, []byte("{\"\xff\":1}")))
	r.over(ws.StatusInvalidFramePayloadData)
	// UTF-8 cut in two by frames is UTF-8.
	r = dialRaw(t, address).opens()
	w, err := r.Writer(t.Context(), ws.MessageText)
	require.NoError(t, err)
	for _, part := range []string{`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"x":"` + "\xc3", "\xbc" + `"}}`} {
		_, err = w.Write([]byte(part))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.Equal(t, `{"jsonrpc":"2.0","id":1,"result":{"x":"ü"}}`, r.text())

	for _, frame := range []string{
		"\x81\x05hello",                     // not masked
		"\xf1\x80\x00\x00\x00\x00",          // bits that mean nothing
		"\x83\x80\x00\x00\x00\x00",          // an unknown kind
		"\x80\x80\x00\x00\x00\x00",          // goes on with nothing
		"\x89\xfe\x01\x00\x00\x00\x00\x00",  // a ping that is too large
		"\x88\x81\x00\x00\x00\x00\x00",      // a close code cut in two
		"\x88\x82\x00\x00\x00\x00\x03\xed",  // a close code that must not be sent
		"\x09\x80\x00\x00\x00\x00\x81\x80a", // a ping in parts
	} {
		r = dialRaw(t, address).opens()
		_, err := r.tcp.Write([]byte(frame))
		require.NoError(t, err)
		r.over(ws.StatusProtocolError)
	}
	require.Eventually(t, func() bool { return s.Stats().Malformed == 10 && s.Stats().Connections == 1 }, soon, time.Millisecond)
}

// A peer that goes away, with a farewell or without, leaves nothing.
func TestPeersThatGoAway(t *testing.T) {
	s, address := start(t)
	for _, leave := range []func(r *raw){
		func(r *raw) { require.NoError(t, r.Close(ws.StatusNormalClosure, "bye")) },
		func(r *raw) { require.NoError(t, r.Close(ws.StatusGoingAway, "")) },
		func(r *raw) { require.NoError(t, r.Close(4000, "as I please")) },
		func(r *raw) { require.NoError(t, r.tcp.Close()) },
		func(r *raw) {
			_, err := r.tcp.Write([]byte("\x81\xfe\x10\x00\x00")) // in the middle of a header
			require.NoError(t, err)
			require.NoError(t, r.tcp.Close())
		},
	} {
		r := dialRaw(t, address).opens()
		r.say(`{"jsonrpc":"2.0","id":1,"method":"wait"}`)
		leave(r)
		require.Eventually(t, func() bool { return s.Stats().Connections == 0 }, soon, time.Millisecond)
	}
	require.Zero(t, s.Stats().Malformed)
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	s, address := start(t)
	r := dialRaw(t, address).opens()
	quiet := dialRaw(t, address).opens()
	r.say(`{"jsonrpc":"2.0","id":"w","method":"ask"}`)
	require.Contains(t, r.text(), `"method":"question"`)
	shut := make(chan error, 1)
	go func() { shut <- s.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		r.say(ping)
		return strings.Contains(r.text(), "shutting down")
	}, soon, time.Millisecond)
	_, resp, err := tryRaw(t, address)
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "5", resp.Header.Get("Retry-After"))
	r.say(`{"jsonrpc":"2.0","id":1,"result":{"answer":1}}`) // what it asked is still heard
	require.Equal(t, `{"jsonrpc":"2.0","id":"w","result":{"answer":1}}`, r.text())
	r.over(ws.StatusGoingAway)
	quiet.over(ws.StatusGoingAway)
	require.NoError(t, <-shut)
	require.NoError(t, s.Shutdown(context.Background()))
}

func TestShutdownThatIsCutOff(t *testing.T) {
	s, address := start(t)
	r := dialRaw(t, address).opens()
	r.say(`{"jsonrpc":"2.0","id":1,"method":"wait"}`)
	r.say(`{"jsonrpc":"2.0","id":2,"method":"wait"}`)
	r.opens()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := s.Shutdown(ctx)
	var cut *websocket.CutOff
	require.ErrorAs(t, err, &cut)
	require.Equal(t, websocket.CutOff{Sessions: 1, Requests: 2, Cause: context.DeadlineExceeded}, *cut)
	require.EqualError(t, err, "websocket: shut down with 2 requests of 1 sessions in flight: context deadline exceeded")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	r.over(ws.StatusGoingAway)
}

type refuser struct {
	echo
	err error
}

func (r refuser) NewSession(context.Context, rpc.Link) (*rpc.Session, error) { return nil, r.err }

func TestSessionThatIsRefused(t *testing.T) {
	for code, err := range map[ws.StatusCode]error{
		ws.StatusInternalError: errors.New("no"), ws.StatusTryAgainLater: rpc.Errorf(rpc.CodeBusy, "full"),
	} {
		s := websocket.Handler(refuser{err: err})
		dialRaw(t, serve(t, s)).over(code)
		require.Eventually(t, func() bool { return s.Stats().Connections == 0 }, soon, time.Millisecond)
	}
}
