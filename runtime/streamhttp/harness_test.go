package streamhttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const (
	newest = "2025-11-25"
	older  = "2025-06-18"
	oldest = "2025-03-26"
)

// app is a server for tests. Its methods do what their names say; what else a test needs it hooks in.
type app struct {
	handle   func(ctx context.Context, m *rpc.Message) (wire.Appender, error) // nil: none; methods that start with "x/"
	release  chan struct{}                                                    // "wait" waits for it to be closed
	waiting  chan struct{}                                                    // gets a value for each "wait" that began
	ended    chan error                                                       // gets the cause for each "wait" that was cancelled
	sessions chan *rpc.Session
	refuse   error
}

func newApp() *app {
	return &app{release: make(chan struct{}), waiting: make(chan struct{}, 100), ended: make(chan error, 100), sessions: make(chan *rpc.Session, 1000)}
}

func (a *app) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (a *app) Versions() []string        { return []string{newest, older, oldest} }
func (a *app) Handles(method string) bool {
	return method == "echo" || method == "wait"
}

func (a *app) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	if a.refuse != nil {
		return nil, a.refuse
	}
	cfg := rpc.Config{
		Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) { return a.serve(ctx, m, next) }
		}),
		Logger: slog.New(slog.DiscardHandler),
	}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	s := rpc.NewSession(cfg)
	s.Attach(link)
	select {
	case a.sessions <- s:
	default:
	}
	return s, nil
}

type initParams struct{ version string }

func (p *initParams) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) == "protocolVersion" {
			p.version = d.String()
		} else {
			d.Raw()
		}
	}
}

func (a *app) serve(ctx context.Context, m *rpc.Message, next rpc.Handler) (wire.Appender, error) {
	s := m.Session()
	switch {
	case m.Method == "initialize":
		var p initParams
		if err := m.Raw().Decode(&p); err != nil || p.version == "bad" {
			return nil, rpc.Errorf(rpc.CodeInvalidParams, "not this")
		}
		s.SetPeer(p.version, nil)
		return wire.MustRaw(`{"protocolVersion":"` + p.version + `"}`), nil
	case m.Method == "echo":
		return m.Raw(), nil
	case m.Method == "wait":
		a.waiting <- struct{}{}
		select {
		case <-a.release:
			return wire.MustRaw(`{"waited":true}`), nil
		case <-ctx.Done():
			a.ended <- context.Cause(ctx)
			return nil, context.Cause(ctx)
		}
	case m.Method == "sayAndWait": // one notification, then as wait
		if err := s.Notify(ctx, "note", m.Raw()); err != nil {
			return nil, err
		}
		return a.serve(ctx, rpc.NewRequest(rpc.ID{}, "wait", nil), nil)
	case m.Method == "ask":
		var raw wire.Raw
		err := s.Call(ctx, "question", m.Raw(), &raw)
		return raw, err
	case strings.HasPrefix(m.Method, "x/"):
		return a.handle(ctx, m)
	}
	return next(ctx, m)
}

// world is a server on a network of its own, in a bubble in which time is virtual.
type world struct {
	*testing.T
	app    *app
	h      *streamhttp.Server
	client *http.Client
	logs   *logs
}

// inBubble runs a test with a world.
func inBubble(t *testing.T, test func(t *testing.T, w *world), opts ...streamhttp.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, nil, opts...)) })
}

// newWorld makes a world, within a bubble; wrap, if there is one, is the middleware.
func newWorld(t *testing.T, wrap func(http.Handler) http.Handler, opts ...streamhttp.Option) *world {
	w := &world{T: t, app: newApp(), logs: &logs{}}
	opts = append([]streamhttp.Option{streamhttp.WithLogger(slog.New(slog.NewTextHandler(w.logs, nil)))}, opts...)
	w.h = streamhttp.Handler(w.app, opts...)
	var h http.Handler = w.h
	if wrap != nil {
		h = wrap(h)
	}
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	w.client = &http.Client{Transport: &http.Transport{DialContext: l.dial, DisableCompression: true}}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		_ = server.Close()
		<-served
		ctx, cancel := context.WithTimeout(context.Background(), 0)
		defer cancel()
		_ = w.h.Shutdown(ctx)
		synctest.Wait()
	})
	return w
}

// pipeListener is a network in memory.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// request is a request of a test; zero fields are what a good client sends.
type request struct {
	method  string // POST
	session string
	version string
	header  map[string]string // "-" removes
	host    string
	body    string
	ctx     context.Context
}

func (w *world) do(r request) *http.Response {
	w.Helper()
	resp, err := w.try(r)
	require.NoError(w, err)
	return resp
}

func (w *world) try(r request) (*http.Response, error) {
	return doOn(w.client, "http://server.example/mcp", r)
}

func doOn(client *http.Client, url string, r request) (*http.Response, error) {
	if r.ctx == nil {
		r.ctx = context.Background()
	}
	if r.method == "" {
		r.method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(r.ctx, r.method, url, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	switch r.method {
	case http.MethodPost:
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	case http.MethodGet:
		req.Header.Set("Accept", "text/event-stream")
	}
	if r.session != "" {
		req.Header.Set("Mcp-Session-Id", r.session)
	}
	if r.version != "" {
		req.Header.Set("MCP-Protocol-Version", r.version)
	}
	for name, value := range r.header {
		if req.Header.Set(name, value); value == "-" {
			req.Header.Del(name)
		}
	}
	if r.host != "" {
		req.Host = r.host
	}
	return client.Do(req)
}

// answer is the whole of an answer.
func (w *world) answer(r request) (status int, body string, header http.Header) {
	w.Helper()
	resp := w.do(r)
	b, err := io.ReadAll(resp.Body)
	require.NoError(w, err)
	require.NoError(w, resp.Body.Close())
	return resp.StatusCode, string(b), resp.Header
}

func call(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
}

func note(method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, method, params)
}

func result(id int, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, id, result)
}

// open opens a session and gives its id.
func (w *world) open(version string) string {
	w.Helper()
	status, body, header := w.answer(request{body: call(0, "initialize", `{"protocolVersion":"`+version+`"}`)})
	require.Equal(w, http.StatusOK, status, body)
	require.NotEmpty(w, header.Get("Mcp-Session-Id"))
	return header.Get("Mcp-Session-Id")
}

// events reads an event stream.
type events struct {
	*world
	resp *http.Response
	in   *bufio.Reader
}

// stream makes a request that must be answered with an event stream.
func (w *world) stream(r request) *events {
	w.Helper()
	resp := w.do(r)
	e := &events{w, resp, bufio.NewReader(resp.Body)}
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		require.FailNow(w, "no event stream", "%s %s", resp.Status, b)
	}
	require.Equal(w, http.StatusOK, resp.StatusCode)
	w.Cleanup(func() { _ = resp.Body.Close() })
	return e
}

// next gives the next event as it stands, without the blank line; "" at the end of the stream, and an error's text.
func (e *events) next() string {
	var lines []string
	for {
		line, err := e.in.ReadString('\n')
		switch {
		case err == io.EOF && line == "" && lines == nil:
			return ""
		case err != nil:
			return err.Error()
		case line == "\n":
			return strings.Join(lines, "\n")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// close goes away.
func (e *events) close() {
	require.NoError(e, e.resp.Body.Close())
	synctest.Wait()
}

func isOpen(s *rpc.Session) bool { return s.Context().Err() == nil }

var errTest = errors.New("test")

// elapsed says how long f takes.
func elapsed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

// inBubbleWith is inBubble with a middleware.
func inBubbleWith(t *testing.T, test func(t *testing.T, w *world), wrap func(http.Handler) http.Handler, opts ...streamhttp.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, wrap, opts...)) })
}

// goroutines counts those of this process. The runtime's own count is off while it moves its records of dead ones.
func goroutines() int {
	synctest.Wait()
	buf := make([]byte, 4<<20)
	return strings.Count("\n"+string(buf[:runtime.Stack(buf, true)]), "\ngoroutine ")
}
