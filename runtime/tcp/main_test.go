package tcp_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// roleVar in the environment makes the test binary a server, for benchmarks.
const roleVar = "TCP_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// soon bounds how long anything may take.
const soon = time.Minute

// acceptor is a server that returns the params of what it is asked, and does a few more things.
func acceptor() rpc.Acceptor { return echo{} }

type echo struct{}

func (echo) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (echo) Versions() []string        { return []string{"test"} }

func (echo) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	cfg := rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			switch m.Method {
			case "initialize":
				m.Session().SetPeer("test", nil)
				return wire.MustRaw(`{}`), nil
			case "echo":
				return m.Raw(), nil
			case "wait":
				<-ctx.Done()
				return nil, context.Cause(ctx)
			case "who":
				p, _ := rpc.PrincipalFrom(ctx)
				raw, err := wire.ParseRaw(append(append([]byte(`{"id":`), wire.AppendString(nil, p.ID)...), '}'))
				return raw, err
			case "ask":
				var raw wire.Raw
				err := m.Session().Call(ctx, "question", nil, &raw)
				return raw, err
			}
			return next(ctx, m)
		}
	})}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	s := rpc.NewSession(cfg)
	s.Attach(link)
	return s, nil
}

// start serves at an address until the test ends, and gives where that is.
func start(t testing.TB, address string, opts ...tcp.Option) (*tcp.Server, net.Listener) {
	t.Helper()
	listener, err := tcp.Listen(context.Background(), address, opts...)
	require.NoError(t, err)
	return serve(t, listener, opts...), listener
}

func serve(t testing.TB, listener net.Listener, opts ...tcp.Option) *tcp.Server {
	t.Helper()
	s := tcp.NewServer(acceptor(), opts...)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), listener) }()
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-served)
	})
	return s
}

// client is a session whose server may ask it something.
func client(t testing.TB) *rpc.Session {
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Method == "question" {
				return wire.MustRaw(`{"answer":42}`), nil
			}
			return next(ctx, m)
		}
	})})
	t.Cleanup(func() { s.Close(nil) })
	return s
}

// dial connects a session.
func dial(t testing.TB, d *tcp.Dialer) (*rpc.Session, rpc.Conn) {
	t.Helper()
	s := client(t)
	conn, err := d.Connect(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return s, conn
}

// raw is a peer that writes what it likes.
type raw struct {
	net.Conn
	t     testing.TB
	lines *bufio.Reader
}

func newRaw(t testing.TB, c net.Conn) *raw {
	t.Cleanup(func() { _ = c.Close() })
	return &raw{c, t, bufio.NewReader(c)}
}

func dialRaw(t testing.TB, at net.Addr) *raw {
	t.Helper()
	c, err := net.Dial(at.Network(), at.String())
	require.NoError(t, err)
	return newRaw(t, c)
}

func (r *raw) say(text string) {
	r.t.Helper()
	_, err := r.Write([]byte(text))
	require.NoError(r.t, err)
}

// line gives the next line.
func (r *raw) line() string {
	r.t.Helper()
	line, err := r.lines.ReadString('\n')
	require.NoError(r.t, err)
	return strings.TrimSuffix(line, "\n")
}

// over requires that the connection has been ended by the peer.
func (r *raw) over() {
	r.t.Helper()
	_, err := r.lines.ReadByte()
	require.Error(r.t, err)
	require.False(r.t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
}

const (
	hello   = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{}}` + "\n"
	welcome = `{"jsonrpc":"2.0","id":"hello","result":{}}`
	ping    = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"
	pong    = `{"jsonrpc":"2.0","id":1,"result":{}}`
)

// opens has the peer open a session.
func (r *raw) opens() *raw {
	r.t.Helper()
	r.say(hello)
	require.Equal(r.t, welcome, r.line())
	return r
}
