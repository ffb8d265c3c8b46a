package websocket_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	ws "github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// roleVar in the environment makes the test binary a server, for benchmarks.
const roleVar = "WEBSOCKET_TEST_ROLE"

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
				header := http.Header(rpc.HeaderFrom(ctx)).Get("X-Test")
				raw, err := wire.ParseRaw(append(append([]byte(`{"id":`), wire.AppendString(nil, p.ID+" "+header)...), '}'))
				return raw, err
			case "ask":
				var raw wire.Raw
				err := m.Session().Call(ctx, "question", nil, &raw)
				return raw, err
			case "flood":
				for {
					if err := m.Session().Notify(ctx, "note", m.Raw()); err != nil {
						return nil, err
					}
				}
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

// serve serves until the test ends.
func serve(t testing.TB, h http.Handler) (address string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		if s, ok := h.(*websocket.Server); ok {
			s.Close()
		}
		server.Close()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func start(t testing.TB, opts ...websocket.Option) (*websocket.Server, string) {
	s := websocket.Handler(acceptor(), opts...)
	return s, serve(t, s)
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
func dial(t testing.TB, e *websocket.Endpoint) (*rpc.Session, rpc.Conn) {
	t.Helper()
	s := client(t)
	conn, err := e.Connect(context.Background(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return s, conn
}

// raw is a peer that sends what it likes.
type raw struct {
	*ws.Conn
	t   testing.TB
	tcp net.Conn
}

// header changes the request by which a raw peer connects.
type header func(*ws.DialOptions)

func tryRaw(t testing.TB, address string, change ...header) (*raw, *http.Response, error) {
	r := &raw{t: t}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		r.tcp = c
		return c, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	opts := &ws.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{}, Subprotocols: []string{"mcp"},
	}
	for _, f := range change {
		f(opts)
	}
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	conn, resp, err := ws.Dial(ctx, address, opts)
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(-1)
	r.Conn = conn
	t.Cleanup(func() {
		_ = r.tcp.Close()
		_ = conn.CloseNow()
	})
	return r, resp, nil
}

func dialRaw(t testing.TB, address string, change ...header) *raw {
	t.Helper()
	r, _, err := tryRaw(t, address, change...)
	require.NoError(t, err)
	return r
}

func (r *raw) say(text string) {
	r.t.Helper()
	require.NoError(r.t, r.Write(context.Background(), ws.MessageText, []byte(text)))
}

// text gives the next message.
func (r *raw) text() string {
	r.t.Helper()
	kind, text, err := r.Read(context.Background())
	require.NoError(r.t, err)
	require.Equal(r.t, ws.MessageText, kind)
	return string(text)
}

// over requires that the server closes the connection with a code, -1 for without one.
func (r *raw) over(code ws.StatusCode) {
	r.t.Helper()
	_, text, err := r.Read(context.Background())
	require.Error(r.t, err, "%.100s", text)
	require.Equal(r.t, code, ws.CloseStatus(err), "%v", err)
}

const (
	hello   = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{}}`
	welcome = `{"jsonrpc":"2.0","id":"hello","result":{}}`
	ping    = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	pong    = `{"jsonrpc":"2.0","id":1,"result":{}}`
)

// opens has the peer open a session.
func (r *raw) opens() *raw {
	r.t.Helper()
	r.say(hello)
	require.Equal(r.t, welcome, r.text())
	return r
}
