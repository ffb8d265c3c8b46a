package legacysse_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const version = "2024-11-05"

// app is a server for tests; its methods do what their names say.
type app struct {
	release  chan struct{} // "wait" waits for it to be closed
	waiting  chan struct{} // gets a value for each "wait" that began
	ended    chan error    // gets the cause for each "wait" that was cancelled
	sessions chan *rpc.Session
	seen     chan map[string][]string // headers and addresses of "seen"
	refuse   error
}

func newApp() *app {
	return &app{
		release: make(chan struct{}), waiting: make(chan struct{}, 100), ended: make(chan error, 100),
		sessions: make(chan *rpc.Session, 1000), seen: make(chan map[string][]string, 100),
	}
}

func (a *app) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (a *app) Versions() []string        { return []string{"2025-11-25", rpc.BatchVersion, version} }

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
	a.sessions <- s
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
	switch m.Method {
	case "initialize":
		var p initParams
		if err := m.Raw().Decode(&p); err != nil {
			return nil, rpc.Errorf(rpc.CodeInvalidParams, "not this")
		}
		m.Session().SetPeer(p.version, nil)
		return wire.MustRaw(`{"protocolVersion":"` + p.version + `"}`), nil
	case "echo":
		return m.Raw(), nil
	case "seen":
		seen := map[string][]string{"Remote": {rpc.RemoteAddrFrom(ctx)}}
		for name, values := range rpc.HeaderFrom(ctx) {
			seen[name] = values
		}
		a.seen <- seen
		return nil, nil
	case "large":
		return wire.MustRaw(`{"x":"` + strings.Repeat("x", 10_000) + `"}`), nil
	case "wait":
		a.waiting <- struct{}{}
		select {
		case <-a.release:
			return wire.MustRaw(`{"waited":true}`), nil
		case <-ctx.Done():
			a.ended <- context.Cause(ctx)
			return nil, context.Cause(ctx)
		}
	}
	return next(ctx, m)
}

// world is a server on a network of its own, in a bubble in which time is virtual.
type world struct {
	*testing.T
	app    *app
	h      *legacysse.Server
	client *http.Client
	listen *pipeListener
	mux    *http.ServeMux
}

// inBubble runs a test with a world.
func inBubble(t *testing.T, test func(t *testing.T, w *world), opts ...legacysse.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t, opts...)) })
}

func newWorld(t *testing.T, opts ...legacysse.Option) *world {
	w := &world{T: t, app: newApp(), mux: http.NewServeMux()}
	opts = append([]legacysse.Option{legacysse.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	w.h = legacysse.Handler(w.app, opts...)
	w.mux.Handle("/sse", asPrincipal(w.h))
	w.mux.Handle("/under/", http.StripPrefix("/under", w.h))
	w.listen = &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: w.mux, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(w.listen)
	}()
	w.client = &http.Client{Transport: &http.Transport{DialContext: w.listen.dial, DisableCompression: true}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 0)
		defer cancel()
		_ = w.h.Shutdown(ctx)
		w.client.CloseIdleConnections()
		_ = server.Close()
		<-served
		synctest.Wait()
	})
	return w
}

// asPrincipal takes who calls from a header.
func asPrincipal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("X-Who"); id != "" {
			r = r.WithContext(rpc.WithPrincipal(r.Context(), rpc.Principal{ID: id}))
		}
		next.ServeHTTP(w, r)
	})
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

// send makes a request; header is names and values, of which "-" removes.
func (w *world) send(method, target, body string, header ...string) (status int, answer string, h http.Header) {
	w.Helper()
	resp := w.request(method, target, body, header...)
	b, err := io.ReadAll(resp.Body)
	require.NoError(w, err)
	require.NoError(w, resp.Body.Close())
	return resp.StatusCode, string(b), resp.Header
}

func (w *world) request(method, target, body string, header ...string) *http.Response {
	w.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://server.example"+target, strings.NewReader(body))
	require.NoError(w, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Header.Set("Accept", "text/event-stream")
	}
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i+1] == "-" {
			req.Header.Del(header[i])
		}
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	resp, err := w.client.Do(req)
	require.NoError(w, err)
	return resp
}

// events is an open event stream, and the session that it is. What comes is read at once.
type events struct {
	*world
	resp     *http.Response
	came     chan string
	endpoint string
	header   []string
}

// get opens a stream and reads its first event.
func (w *world) get(target string, header ...string) *events {
	w.Helper()
	resp := w.request(http.MethodGet, target, "", header...)
	require.Equal(w, http.StatusOK, resp.StatusCode)
	e := &events{w, resp, make(chan string, 1000), "", header}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.read()
	}()
	w.Cleanup(func() {
		_ = resp.Body.Close()
		<-done
	})
	first := e.next()
	require.True(w, strings.HasPrefix(first, "event: endpoint\ndata: "), first)
	e.endpoint = strings.TrimPrefix(first, "event: endpoint\ndata: ")
	return e
}

// read reads the events as they stand, without their blank lines, and the error's text if the stream breaks off.
func (e *events) read() {
	defer close(e.came)
	in := bufio.NewReader(e.resp.Body)
	var lines []string
	for {
		line, err := in.ReadString('\n')
		switch {
		case err == io.EOF && line == "" && lines == nil:
			return
		case err != nil:
			e.came <- err.Error()
			return
		case line == "\n":
			e.came <- strings.Join(lines, "\n")
			lines = nil
			continue
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// next gives the next event; "" at the end of the stream.
func (e *events) next() string { return <-e.came }

// open opens a stream and initializes the session.
func (w *world) open(header ...string) *events {
	w.Helper()
	e := w.get("/sse", header...)
	e.post(call(0, "initialize", `{"protocolVersion":"`+version+`"}`))
	require.Equal(w, "event: message\ndata: "+result(0, `{"protocolVersion":"`+version+`"}`), e.next())
	return e
}

// post sends a message, which must be accepted.
func (e *events) post(body string) {
	e.Helper()
	status, answer, _ := e.send(http.MethodPost, e.endpoint, body, e.header...)
	require.Equal(e, http.StatusAccepted, status, answer)
	require.Empty(e, answer)
}

// close goes away.
func (e *events) close() {
	require.NoError(e, e.resp.Body.Close())
	synctest.Wait()
}

func call(id int, method, params string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)
}

func result(id int, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":%s}`, id, result)
}

func message(data string) string { return "event: message\ndata: " + data }
