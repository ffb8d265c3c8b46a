package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// link is a session with the server and the connection it runs over.
type link struct {
	session *rpc.Session
	conn    rpc.Conn
	server  *mcp.InitializeResult

	over    atomic.Pointer[error] // why it is known to have ended, as far as a call found out
	retired sync.Once

	opened time.Time     // when the session was
	wait   time.Duration // that preceded it, see [Client.reopen]
	eager  atomic.Bool   // it is replaced though no call waits for that

	mu    sync.Mutex
	calls int           // in flight
	quiet chan struct{} // closed when there are none; nil if nobody waits for that
}

// enter counts a call as in flight until leave.
func (l *link) enter() {
	l.mu.Lock()
	l.calls++
	l.mu.Unlock()
}

func (l *link) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls--; l.calls == 0 && l.quiet != nil {
		close(l.quiet)
		l.quiet = nil
	}
}

// idle gives what is closed when no call is in flight.
func (l *link) idle() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	quiet := make(chan struct{})
	if l.calls == 0 {
		close(quiet)
	} else {
		l.quiet = quiet
	}
	return quiet
}

// ended tells why the session of l is known to have ended; nil if it is not.
func (l *link) ended() error {
	if why := l.over.Load(); why != nil {
		return *why
	}
	return l.session.Err()
}

// open connects to the server and opens a session.
func (c *Client) open(ctx context.Context) (*link, error) {
	session := rpc.NewSession(rpc.Config{
		Dispatch: c.dispatch,
		Outgoing: append(c.cfg.outgoing[:len(c.cfg.outgoing):len(c.cfg.outgoing)], relate, markUnsent),
		Limits:   c.cfg.limits,
		Progress: c.tracked.progress,
		Strict:   c.cfg.strict,
		Logger:   c.cfg.logger,
	})
	conn, err := c.transport.Connect(ctx, session)
	if err != nil {
		session.Close(err)
		return nil, fmt.Errorf("client: connecting: %w", err)
	}
	l := &link{session: session, conn: conn}
	// Handlers may run before the first session is open: they find one that knows nothing of the server.
	first := c.link.CompareAndSwap(nil, &link{session: session, conn: conn, server: &mcp.InitializeResult{}})
	if err := c.initialize(ctx, l, first); err != nil {
		_ = conn.Close() // err says why
		return nil, fmt.Errorf("client: opening a session: %w", err)
	}
	l.opened = time.Now()
	return l, nil
}

// initialize performs the handshake (basic/lifecycle, "Initialization").
func (c *Client) initialize(ctx context.Context, l *link, first bool) error {
	ctx, t := c.startTimer(rpc.WithoutProgress(ctx), mcp.MethodInitialize, callOptions{})
	defer t.stop()
	server := mcp.ServerStub{Caller: l.session}
	result, err := server.Initialize(ctx, &mcp.InitializeParams{
		ProtocolVersion: c.cfg.version,
		Capabilities:    c.capabilities,
		ClientInfo:      c.info,
	})
	if err != nil {
		return t.explain(plain(err))
	}
	if err := checkVersion(c.cfg.version, result.ProtocolVersion); err != nil {
		return err
	}
	l.server = result
	l.session.SetPeer(result.ProtocolVersion, result)
	if first {
		c.link.Store(l)
	}
	c.counters.sessions.Add(1)
	l.session.KeepPinging(c.cfg.pings)
	return t.explain(plain(server.Initialized(ctx, nil)))
}

// watch notes when the session of l ends for good.
func (c *Client) watch(l *link) {
	context.AfterFunc(l.session.Context(), func() {
		cause := l.session.Err()
		switch {
		case c.link.Load() != l:
		case c.renewable(cause):
			c.hurry(l, cause)
		default:
			c.finish(cause)
		}
	})
}

// renewable tells whether a session that ended because of cause is to be replaced by another.
func (c *Client) renewable(cause error) bool {
	if c.cfg.once {
		return false
	}
	_, again := c.transport.(rpc.Redialer)
	return errors.Is(cause, rpc.ErrSessionEnded) || again && cause != rpc.ErrClosed
}

// unsent marks the error of a message that did not get as far as being handed to the transport.
type unsent struct{ error }

func (e unsent) Unwrap() error { return e.error }

// markUnsent is the innermost outgoing interceptor: a request has its id once it was to be sent.
func markUnsent(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		result, err := next(ctx, m)
		if err != nil && m.Kind == rpc.KindRequest && m.ID.IsZero() {
			err = unsent{err}
		}
		return result, err
	}
}

// plain takes the mark off.
func plain(err error) error {
	if u, ok := err.(unsent); ok {
		return u.error
	}
	return err
}

// refused tells whether a message is known not to have been handled because its session was over: the server refused the
// message itself, or it was never sent.
func refused(err error) bool {
	if !errors.Is(err, rpc.ErrSessionEnded) {
		return false
	}
	_, never := errors.AsType[unsent](err)
	return never || !errors.Is(err, rpc.ErrClosed)
}
