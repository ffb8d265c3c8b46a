package rpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// handler is a handler whose methods are given as functions.
type handler struct {
	echo  func(ctx context.Context, p *echoParams) (*echoResult, error)
	noted func(ctx context.Context, p *echoParams) error
	open  func(ctx context.Context) error
}

func (h *handler) Echo(ctx context.Context, p *echoParams) (*echoResult, error) {
	if h.echo == nil {
		return &echoResult{p.Text}, nil
	}
	return h.echo(ctx, p)
}

func (h *handler) Noted(ctx context.Context, p *echoParams) error {
	if h.noted == nil {
		return nil
	}
	return h.noted(ctx, p)
}

func (h *handler) Initialize(ctx context.Context, _ *empty) (*empty, error) {
	if h.open == nil {
		return nil, nil
	}
	return nil, h.open(ctx)
}

// wiretap is a stream that shows what was sent, as text.
type wiretap struct {
	sent chan string
	end  chan error
}

func newTap() *wiretap {
	return &wiretap{make(chan string, 4096), make(chan error, 16)}
}

func (w *wiretap) Send(ctx context.Context, m *rpc.Message) error {
	w.sent <- string(m.AppendJSON(nil))
	return nil
}

func (w *wiretap) End(err error) { w.end <- err }

// next gives the next message that was sent.
func (w *wiretap) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-w.sent:
		return s
	case <-t.Context().Done():
		t.Fatal("nothing was sent")
		return ""
	}
}

// quiet checks that nothing was sent.
func (w *wiretap) quiet(t *testing.T) {
	t.Helper()
	select {
	case s := <-w.sent:
		t.Fatalf("sent: %s", s)
	default:
	}
}

// logs collects what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// one is a session whose peer is the test.
type one struct {
	*rpc.Session
	*wiretap
	t    *testing.T
	logs *logs
}

// start makes a session with a handler; the configuration may be changed.
func start(t *testing.T, h any, change ...func(*rpc.Config)) *one {
	t.Helper()
	o := &one{wiretap: newTap(), t: t, logs: new(logs)}
	cfg := rpc.Config{Dispatch: rpc.NewDispatch(table, h), Logger: o.logs.logger()}
	for _, f := range change {
		f(&cfg)
	}
	o.Session = rpc.NewSession(cfg)
	o.Attach(rpc.Link{Stream: o.wiretap, Transport: "test"})
	t.Cleanup(func() {
		o.Close(nil)
		require.NoError(t, o.Wait(context.Background()))
	})
	return o
}

// receive feeds the session a message.
func (o *one) receive(text string) error {
	return o.Receive(context.Background(), []byte(text), nil)
}

// expect checks what the session sends next.
func (o *one) expect(want string) {
	o.t.Helper()
	require.Equal(o.t, want, o.next(o.t))
}
