package transporttest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
	"go.uber.org/goleak"
)

// Run runs the suite. open gives a transport that leads to the suite's Server, for one test; what it sets up it tears down
// with t.Cleanup. Every test connects once, fails if a goroutine is left after the last cleanup, and takes seconds at most.
func Run(t *testing.T, open func(t *testing.T) rpc.Transport) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, p *peer)
	}{
		{"answers", answers},
		{"notifications arrive in order", notesInOrder},
		{"what a handler sends arrives in order and before its answer", countUp},
		{"a handler asks the client", ask},
		{"the server asks the client outside of any request", askLater},
		{"both directions at once", bothDirections},
		{"a thousand calls at once", thousandCalls},
		{"the client cancels", cancels},
		{"the server cancels", serverCancels},
		{"a message of 16 MiB both ways", large},
		{"a message that is too large", tooLarge},
		{"a handler that takes its time holds up nobody", slowHandler},
		{"close while calls are in flight", closeInFlight},
		{"the server closes while calls are in flight", serverCloses},
		{"close twice", closeTwice},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) })
			test.run(t, connect(t, open(t)))
		})
	}
}

// most bounds how long anything may take.
const most = time.Minute

// peer is the client.
type peer struct {
	*rpc.Session
	conn  rpc.Conn
	begun chan struct{} // closed when the server holds one of our handlers
	ended chan struct{} // closed when that handler was cancelled

	mu    sync.Mutex
	notes []int64       // that arrived, in order
	hold  chan struct{} // what handlers of notes wait for; nil: nothing
	asked chan wire.Raw
}

func connect(t *testing.T, transport rpc.Transport) *peer {
	t.Helper()
	p, err := attempt(bounded(t), transport)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.conn.Close() })
	return p
}

// attempt connects and opens the session. With an error the connection is there if it came to one.
func attempt(ctx context.Context, transport rpc.Transport) (*peer, error) {
	p := &peer{begun: make(chan struct{}), ended: make(chan struct{}), asked: make(chan wire.Raw, 1000)}
	p.Session = rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) { return p.handle(ctx, m, next) }
	})})
	var err error
	if p.conn, err = transport.Connect(ctx, p.Session); err != nil {
		p.Close(err)
		return p, err
	}
	hello := wire.MustRaw(`{"protocolVersion":"` + version + `","capabilities":{},"clientInfo":{"name":"transporttest","version":"1"}}`)
	if err := p.Call(ctx, methodInitialize, hello, nil); err != nil {
		return p, err
	}
	p.SetPeer(version, nil)
	return p, p.Notify(ctx, methodInitialized, nil)
}

// bounded gives a context for one test.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	t.Cleanup(cancel)
	return ctx
}

func (p *peer) handle(ctx context.Context, m *rpc.Message, next rpc.Handler) (wire.Appender, error) {
	switch m.Method {
	case methodEchoBack:
		p.asked <- m.Raw()
		return m.Raw(), nil
	case methodNote:
		p.mu.Lock()
		hold := p.hold
		p.mu.Unlock()
		if hold != nil {
			<-hold
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.notes = append(p.notes, number(m.Raw(), "i"))
		return nil, nil
	case methodHeld:
		close(p.begun)
		<-ctx.Done()
		close(p.ended)
		return nil, context.Cause(ctx)
	case methodBegun:
		select {
		case <-p.begun:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return next(ctx, m)
}

func (p *peer) echo(ctx context.Context, params wire.Raw) (wire.Raw, error) {
	var raw wire.Raw
	err := p.Call(ctx, methodEcho, params, &raw)
	return raw, err
}

// state asks the server for its state.
func (p *peer) state(t *testing.T) numbers {
	var raw wire.Raw
	require.NoError(t, p.Call(bounded(t), methodState, nil, &raw))
	return decoded(raw)
}

// reaches waits until the server's state has the value.
func (p *peer) reaches(t *testing.T, name string, value int64) {
	t.Helper()
	require.Eventually(t, func() bool { return p.state(t)[name] == value }, most, 5*time.Millisecond)
}

func answers(t *testing.T, p *peer) {
	raw, err := p.echo(bounded(t), wire.MustRaw(`{"a":[1,2.50,"\u00fc\n"]}`))
	require.NoError(t, err)
	require.Equal(t, `{"a":[1,2.50,"\u00fc\n"]}`, raw.String())
	require.NoError(t, p.Call(bounded(t), "ping", nil, nil))
	err = p.Call(bounded(t), "test/unknown", nil, nil)
	require.EqualValues(t, rpc.CodeMethodNotFound, rpc.CodeOf(err))
}

func notesInOrder(t *testing.T, p *peer) {
	const n = 200
	for i := range n {
		require.NoError(t, p.Notify(bounded(t), methodNote, numbers{"i": int64(i + 1)}.raw()))
	}
	p.reaches(t, "notes", n)
}

func countUp(t *testing.T, p *peer) {
	const n = 300
	require.NoError(t, p.Call(bounded(t), methodCountUp, numbers{"n": n}.raw(), nil))
	// They have arrived; their handler runs behind the answer.
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.notes) == n
	}, most, time.Millisecond)
	for i, note := range p.notes {
		require.EqualValues(t, i+1, note)
	}
}

func ask(t *testing.T, p *peer) {
	var raw wire.Raw
	require.NoError(t, p.Call(bounded(t), methodAsk, wire.MustRaw(`{"q":1}`), &raw))
	require.Equal(t, `{"q":1}`, raw.String())
	require.Equal(t, `{"q":1}`, (<-p.asked).String())
}

func askLater(t *testing.T, p *peer) {
	require.NoError(t, p.Call(bounded(t), methodAskLater, wire.MustRaw(`{"q":2}`), nil))
	select {
	case raw := <-p.asked:
		require.Equal(t, `{"q":2}`, raw.String())
	case <-bounded(t).Done():
		require.FailNow(t, "the server's request did not arrive")
	}
}

func bothDirections(t *testing.T, p *peer) {
	const n = 100
	var wait sync.WaitGroup
	defer wait.Wait()
	errs := make(chan error, n+1)
	ctx := bounded(t)
	wait.Go(func() { errs <- p.Call(ctx, methodBoth, numbers{"n": n}.raw(), nil) })
	for i := range n {
		wait.Go(func() {
			params := numbers{"i": int64(i)}.raw()
			raw, err := p.echo(ctx, params)
			if err == nil && raw.String() != params.String() {
				err = errOther
			}
			errs <- err
		})
	}
	for range n + 1 {
		require.NoError(t, <-errs)
	}
}

var errOther = rpc.Errorf(rpc.CodeInternalError, "the answer belongs to another call")

func thousandCalls(t *testing.T, p *peer) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	errs := make(chan error, n)
	ctx := bounded(t)
	for i := range n {
		go func() {
			params := numbers{"i": int64(i)}.raw()
			raw, err := p.echo(ctx, params)
			if err == nil && raw.String() != params.String() {
				err = errOther
			}
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, <-errs)
	}
}

func cancels(t *testing.T, p *peer) {
	ctx, cancel := context.WithCancel(bounded(t))
	done := make(chan error, 1)
	go func() { done <- p.Call(ctx, methodBlock, nil, nil) }()
	p.reaches(t, "blocked", 1)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	p.reaches(t, "cancelled", 1)
	_, err := p.echo(bounded(t), wire.MustRaw(`{}`))
	require.NoError(t, err, "the session goes on")
}

func serverCancels(t *testing.T, p *peer) {
	require.NoError(t, p.Call(bounded(t), methodHold, nil, nil))
	select {
	case <-p.ended:
	case <-bounded(t).Done():
		require.FailNow(t, "the cancellation did not arrive")
	}
}

// largest is the size of a message that every transport takes by default.
const largest = 16 << 20

// filled makes params with which a message of the method has about n bytes, and never more.
func filled(n int) wire.Raw {
	const around = 128
	return wire.MustRaw(`{"x":"` + strings.Repeat("x", n-around) + `"}`)
}

func large(t *testing.T, p *peer) {
	if testing.Short() {
		t.Skip("megabytes take long under the race detector: the full run has them")
	}
	params := filled(largest)
	raw, err := p.echo(bounded(t), params)
	require.NoError(t, err)
	require.True(t, raw.String() == params.String())
	require.NoError(t, p.Call(bounded(t), methodAsk, params, &raw))
	require.True(t, raw.String() == params.String())
}

func tooLarge(t *testing.T, p *peer) {
	if testing.Short() {
		t.Skip("megabytes take long under the race detector: the full run has them")
	}
	_, err := p.echo(bounded(t), filled(largest+1024))
	require.Error(t, err)
	_, err = p.echo(bounded(t), wire.MustRaw(`{}`))
	require.NoError(t, err, "the session goes on")
}

// slowHandler has a handler of each end wait, the client's for a notification included, while everything else goes on.
func slowHandler(t *testing.T, p *peer) {
	release := make(chan struct{})
	p.mu.Lock()
	p.hold = release
	p.mu.Unlock()
	blocked, cancel := context.WithCancel(bounded(t))
	done := make(chan error, 2)
	go func() { done <- p.Call(blocked, methodBlock, nil, nil) }()
	go func() { done <- p.Call(blocked, methodHold, nil, nil) }()
	const n = 300
	require.NoError(t, p.Call(bounded(t), methodCountUp, numbers{"n": n}.raw(), nil))
	require.NoError(t, p.Call(bounded(t), methodAsk, wire.MustRaw(`{}`), nil))
	_, err := p.echo(bounded(t), wire.MustRaw(`{}`))
	require.NoError(t, err)
	p.mu.Lock()
	require.Empty(t, p.notes)
	p.mu.Unlock()
	close(release)
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.notes) == n
	}, most, time.Millisecond)
	cancel()
	for range 2 {
		if err := <-done; err != nil { // what was held may have been answered
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}

func closeInFlight(t *testing.T, p *peer) {
	const n = 20
	done := make(chan error, n)
	for range n {
		go func() { done <- p.Call(context.Background(), methodBlock, nil, nil) }()
	}
	p.reaches(t, "blocked", n)
	require.NoError(t, p.conn.Close())
	for range n {
		require.ErrorIs(t, <-done, rpc.ErrClosed)
	}
	require.ErrorIs(t, p.Call(bounded(t), methodEcho, nil, nil), rpc.ErrClosed)
}

func serverCloses(t *testing.T, p *peer) {
	done := make(chan error, 1)
	go func() { done <- p.Call(bounded(t), methodBlock, nil, nil) }()
	p.reaches(t, "blocked", 1)
	_ = p.Call(bounded(t), methodQuit, nil, nil) // may or may not be answered
	err := <-done
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	_, err = p.echo(bounded(t), wire.MustRaw(`{}`))
	require.Error(t, err)
	_ = p.conn.Close() // what it says of a server that went away is the transport's
}

func closeTwice(t *testing.T, p *peer) {
	require.NoError(t, p.conn.Close())
	require.NoError(t, p.conn.Close())
	<-p.Done()
}
