// Package every has each transport of the module over a network in memory, for tests that are to hold on all of them: those
// of methods and features. They may run in a bubble of testing/synctest, in which time is virtual.
//
//	for _, way := range every.Ways {
//		t.Run(way.Name, func(t *testing.T) {
//			c, err := client.Dial(t.Context(), info, way.Connect(t, t.Context(), s))
//			…
package every

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

// Way is a way to a server.
type Way struct {
	// Name is that of the transport's package.
	Name string
	// Connect serves a, for as long as the test runs, to the principal of ctx if it has one, and gives the transport to it.
	Connect func(t testing.TB, ctx context.Context, a rpc.Acceptor) rpc.Transport
}

// Ways are all there are. The first is the pipe.
var Ways = []Way{
	{"pipe", overPipe},
	{"stdio", overStdio},
	{"tcp", overTCP},
	{"websocket", overWebSocket},
	{"streamhttp", overStreamHTTP},
	{"legacysse", overLegacySSE},
}

var quiet = slog.New(slog.DiscardHandler)

// asThe gives ctx the principal of who.
func asThe(who, ctx context.Context) context.Context {
	if p, ok := rpc.PrincipalFrom(who); ok {
		return rpc.WithPrincipal(ctx, p)
	}
	return ctx
}

// connectFunc is a transport made of a function.
type connectFunc func(ctx context.Context, s *rpc.Session) (rpc.Conn, error)

// Connect connects s.
func (f connectFunc) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) { return f(ctx, s) }

func overPipe(_ testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	return connectFunc(func(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
		return pipe.To(a, pipe.Limits{}).Connect(asThe(who, ctx), s)
	})
}

// overStdio serves on pipes of this process, as a child would on its standard input and output.
func overStdio(t testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	var served sync.WaitGroup
	t.Cleanup(served.Wait)
	return connectFunc(func(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
		in, toServer := io.Pipe()
		fromServer, out := io.Pipe()
		served.Go(func() {
			_ = stdio.Over(in, out)(asThe(who, context.Background()), a)
			_ = out.Close()
			_ = in.Close()
		})
		lines := rpc.NewLineConn(fromServer, toServer, rpc.LineLimits{})
		s.Attach(rpc.Link{Stream: lines, Transport: "stdio"})
		c := &lineConn{session: s, done: make(chan struct{}), input: toServer}
		go func() {
			defer close(c.done)
			_ = lines.Run(context.WithoutCancel(ctx), s)
			_ = toServer.Close()
			_ = fromServer.Close()
		}()
		return c, nil
	})
}

// lineConn is a client's end of two pipes.
type lineConn struct {
	session *rpc.Session
	done    chan struct{}
	input   io.Closer
}

// Close ends the session.
func (c *lineConn) Close() error {
	c.session.CancelCalls(context.Background(), nil)
	c.session.Close(nil)
	<-c.done
	return nil
}

func overTCP(t testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	server := tcp.NewServer(a, tcp.WithLogger(quiet))
	n := newNetwork()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(asThe(who, context.Background()), n)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return tcp.Connect("", tcp.WithDial(func(ctx context.Context) (net.Conn, error) { return n.dial(ctx, "", "") }))
}

// web serves a handler and gives a client for it.
func web(t testing.TB, who context.Context, h http.Handler) *http.Client {
	n := newNetwork()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(asThe(who, r.Context())))
		}),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(n)
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 64, DisableCompression: true}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	return client
}

// down ends a server's sessions at once.
func down(t testing.TB, shutdown func(context.Context) error) {
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = shutdown(ended)
	})
}

func overWebSocket(t testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	h := websocket.Handler(a, websocket.WithLogger(quiet))
	client := web(t, who, h)
	down(t, h.Shutdown)
	return websocket.Connect("ws://server.example/", websocket.WithClient(client))
}

func overStreamHTTP(t testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	h := streamhttp.Handler(a, streamhttp.WithLogger(quiet))
	client := web(t, who, h)
	down(t, h.Shutdown)
	return streamhttp.Connect("http://server.example/", streamhttp.WithClient(client))
}

func overLegacySSE(t testing.TB, who context.Context, a rpc.Acceptor) rpc.Transport {
	h := legacysse.Handler(a, legacysse.WithLogger(quiet))
	client := web(t, who, h)
	down(t, h.Shutdown)
	return legacysse.Connect("http://server.example/", legacysse.WithClient(client))
}
