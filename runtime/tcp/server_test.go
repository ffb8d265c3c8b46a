package tcp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestServeAtAnAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := probe.Addr().String()
	require.NoError(t, probe.Close())
	served := make(chan error, 1)
	go func() { served <- tcp.At(address)(ctx, acceptor()) }()
	var s *rpc.Session
	require.Eventually(t, func() bool {
		s = client(t)
		conn, err := tcp.Connect(address).Connect(t.Context(), s)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return err == nil
	}, soon, time.Millisecond)
	var raw wire.Raw
	require.NoError(t, s.Call(t.Context(), "ask", nil, &raw), "the server asks us in turn")
	require.Equal(t, `{"answer":42}`, raw.String())
	require.Equal(t, address, s.Link().RemoteAddr)
	cancel()
	require.ErrorIs(t, <-served, context.Canceled)
	<-s.Done()
	require.Error(t, tcp.At("nonsense")(ctx, acceptor()))
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	server, l := start(t, "127.0.0.1:0")
	r := dialRaw(t, l.Addr()).opens()
	quiet := dialRaw(t, l.Addr()).opens()
	early := dialRaw(t, l.Addr()) // has opened no session
	r.say(`{"jsonrpc":"2.0","id":"w","method":"ask"}` + "\n")
	question := r.line()
	require.Contains(t, question, `"method":"question"`)
	require.Eventually(t, func() bool { return server.Stats().Connections == 3 }, soon, time.Millisecond)

	shut := make(chan error, 1)
	go func() { shut <- server.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		r.say(ping)
		return strings.Contains(r.line(), "shutting down")
	}, soon, time.Millisecond)
	r.say(`{"jsonrpc":"2.0","id":1,"result":{"answer":1}}` + "\n") // what it asked is still heard
	for line := r.line(); line != `{"jsonrpc":"2.0","id":"w","result":{"answer":1}}`; line = r.line() {
		require.Contains(t, line, "shutting down")
	}
	r.over()
	quiet.over()
	early.over()
	require.NoError(t, r.Close())
	require.NoError(t, <-shut)
	require.NoError(t, server.Shutdown(context.Background()))
	_, err := net.Dial("tcp", l.Addr().String())
	require.Error(t, err)
	ours, theirs := net.Pipe()
	require.ErrorIs(t, server.ServeConn(t.Context(), theirs), rpc.ErrClosed)
	newRaw(t, ours).over()
	again, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, server.Serve(t.Context(), again), rpc.ErrClosed)
}

func TestShutdownThatIsCutOff(t *testing.T) {
	server, l := start(t, "127.0.0.1:0")
	r := dialRaw(t, l.Addr()).opens()
	r.say(`{"jsonrpc":"2.0","id":1,"method":"wait"}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"wait"}` + "\n" + hello)
	require.Equal(t, welcome, r.line())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err := server.Shutdown(ctx)
	var cut *tcp.CutOff
	require.ErrorAs(t, err, &cut)
	require.Equal(t, tcp.CutOff{Sessions: 1, Requests: 2, Cause: context.DeadlineExceeded}, *cut)
	require.EqualError(t, err, "tcp: shut down with 2 requests of 1 sessions in flight: context deadline exceeded")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	r.over()
}

// A server that is closed during the TLS handshake does not wait for it.
func TestCloseDuringTheHandshake(t *testing.T) {
	keys := newAuthority(t, "authority")
	server, l := start(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.NoClientCert)), tcp.WithLimits(tcp.Limits{OpenTime: -1}))
	r := dialRaw(t, l.Addr())
	require.Eventually(t, func() bool { return server.Stats().Connections == 1 }, soon, time.Millisecond)
	server.Close()
	r.over()
}

type refuser struct{ echo }

func (refuser) NewSession(context.Context, rpc.Link) (*rpc.Session, error) {
	return nil, errors.New("full")
}

func TestSessionThatIsRefused(t *testing.T) {
	ours, theirs := net.Pipe()
	require.EqualError(t, tcp.NewServer(refuser{}).ServeConn(t.Context(), theirs), "tcp: full")
	newRaw(t, ours).over()
	ours, theirs = net.Pipe()
	turn := tcp.WithPrincipal(func(net.Conn) (*rpc.Principal, error) { return nil, errors.New("who are you") })
	require.EqualError(t, tcp.NewServer(acceptor(), turn).ServeConn(t.Context(), theirs), "tcp: the peer was turned away: who are you")
	newRaw(t, ours).over()
	ours, theirs = net.Pipe()
	go func() { _ = tcp.NewServer(acceptor(), tcp.WithPrincipal(nil)).ServeConn(t.Context(), theirs) }()
	newRaw(t, ours).opens()
}

// What the peer sent before it closed its side is answered.
func TestPeerThatClosesItsSide(t *testing.T) {
	_, l := start(t, "127.0.0.1:0")
	r := dialRaw(t, l.Addr())
	r.say(hello + strings.TrimSuffix(ping, "\n"))
	require.NoError(t, r.Conn.(*net.TCPConn).CloseWrite())
	require.ElementsMatch(t, []string{welcome, pong}, []string{r.line(), r.line()})
	r.over()
}

// A browser that is led to the port by a web page gets nowhere.
func TestHTTPIsNoSession(t *testing.T) {
	_, l := start(t, "127.0.0.1:0", tcp.WithLimits(tcp.Limits{OpenTime: 100 * time.Millisecond}))
	r := dialRaw(t, l.Addr())
	r.say("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 61\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`)
	answers, err := io.ReadAll(r)
	require.NoError(t, err)
	for line := range bytes.Lines(answers) {
		require.Contains(t, string(line), `"code":-32700`)
	}
}

func TestTheClientIsToldWhatBecameOfTheConnection(t *testing.T) {
	server, l := start(t, "127.0.0.1:0")
	s, conn := dial(t, tcp.Connect(l.Addr().String()))
	require.NoError(t, s.Call(t.Context(), "initialize", nil, nil))
	waiting := make(chan error, 1)
	go func() { waiting <- s.Call(t.Context(), "wait", nil, nil) }()
	require.Eventually(t, func() bool { return s.Stats().Pending == 1 }, soon, time.Millisecond)
	server.Close()
	err := <-waiting
	require.ErrorIs(t, err, rpc.ErrClosed, "what is in flight is lost")
	require.ErrorIs(t, s.Err(), rpc.ErrSessionEnded)
	require.ErrorContains(t, s.Err(), "the connection was lost")
	err = s.Call(t.Context(), "ping", nil, nil)
	require.ErrorIs(t, err, rpc.ErrSessionEnded)
	require.ErrorIs(t, conn.Close(), rpc.ErrSessionEnded)
	require.ErrorIs(t, conn.Close(), rpc.ErrSessionEnded)
}

func TestOneConnectionIsUsedOnce(t *testing.T) {
	server := tcp.NewServer(acceptor())
	defer server.Close()
	ours, theirs := net.Pipe()
	go func() { _ = server.ServeConn(context.Background(), theirs) }()
	d := tcp.Over(ours)
	s, conn := dial(t, d)
	require.NoError(t, s.Call(t.Context(), "ping", nil, nil))
	require.NoError(t, conn.Close())
	_, err := d.Connect(t.Context(), client(t))
	require.EqualError(t, err, "tcp: the one connection there was has been used")
	require.Equal(t, rpc.Backoff{}, d.Backoff())
}
