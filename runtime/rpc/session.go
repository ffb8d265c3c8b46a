package rpc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Session is one end of a conversation between two peers, in either role. It is passive: a transport feeds it what
// arrives ([Session.Receive]) and gives it streams for what goes out, and while nothing arrives it has no goroutine of its
// own. All methods
// are safe for concurrent use. It must be closed.
type Session struct {
	cfg      Config // with defaults in place
	dispatch *Dispatch
	options  wire.Options
	send     Handler // chain of the outgoing interceptors; nil without any
	log      *slog.Logger

	ctx    context.Context // ends with the session
	cancel context.CancelCauseFunc
	link   atomic.Pointer[Link]
	peer   atomic.Pointer[negotiated]

	mu    sync.Mutex
	state state // touched by update only
}

var _ Caller = (*Session)(nil)

// state is all of a session that changes while messages come and go.
type state struct {
	in      inFlight      // requests of the peer that may still be answered
	opening chan struct{} // closed when the initialize request in flight has been answered; nil without one
	running int           // goroutines of requests
	inBytes int           // of their params
	helpers int           // other goroutines

	resting []*worker // goroutines that wait for the next request, the last to rest last
	handled int       // requests, as far as it matters
	surplus int       // how few there have been since they were last dismissed
	timed   bool      // they will be dismissed

	out    map[int64]*call // our calls that wait for an answer
	nextID int64

	queue      []queued // notifications that wait for their handler
	queueBytes int
	dropping   bool // the last notification was dropped
	notifying  bool // the goroutine that handles the queue lives

	ends []func() // see AfterClose

	draining   bool // requests are refused
	closed     bool
	cause      error // why it closed
	inputEnded bool
	inputCause error // why nothing more will arrive

	idle  chan struct{} // closed when nothing runs; nil if nobody waits for that
	stats Stats
}

// negotiated is what the opening of the session settled.
type negotiated struct {
	version string
	peer    any
}

// NewSession makes a session, which must be attached to a stream before it can send.
func NewSession(cfg Config) *Session {
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Session{cfg: cfg, dispatch: cfg.Dispatch, options: cfg.options(), log: cfg.Logger}
	if s.log == nil {
		s.log = slog.Default()
	}
	if len(cfg.Outgoing) > 0 {
		s.send = chain(sendOut, cfg.Outgoing)
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Context(sessionContext{context.Background(), s}))
	return s
}

// update is the one place where the state changes: f changes it, under the lock, and what follows from that is done.
// f must not block, nor call anything outside this package.
func (s *Session) update(f func(*state)) {
	s.mu.Lock()
	st := &s.state
	f(st)
	start := len(st.queue) > 0 && !st.notifying
	if start {
		st.notifying = true
	}
	if st.idle != nil && st.running == 0 && st.helpers == 0 && !st.notifying {
		close(st.idle)
		st.idle = nil
	}
	s.mu.Unlock()
	if start {
		go s.handleNotifications()
	}
}

// Attach binds the session to a connection. Attaching again replaces the stream for what is sent from then on.
func (s *Session) Attach(link Link) { s.link.Store(&link) }

// Link gives what the transport told of the connection; the zero Link before Attach.
func (s *Session) Link() Link {
	if l := s.link.Load(); l != nil {
		return *l
	}
	return Link{}
}

// SetPeer notes what the opening of the session settled: the protocol version, and what the peer said of itself, in
// whatever type the layer above uses for it.
func (s *Session) SetPeer(version string, peer any) { s.peer.Store(&negotiated{version, peer}) }

// Version gives the negotiated protocol version, "" before it is settled.
func (s *Session) Version() string {
	if n := s.peer.Load(); n != nil {
		return n.version
	}
	return ""
}

// Peer gives what SetPeer noted of the peer, nil before.
func (s *Session) Peer() any {
	if n := s.peer.Load(); n != nil {
		return n.peer
	}
	return nil
}

// Principal gives who the session belongs to; false if nobody was authenticated.
func (s *Session) Principal() (Principal, bool) {
	if s.cfg.Principal == nil {
		return Principal{}, false
	}
	return *s.cfg.Principal, true
}

// OwnedBy reports whether the principal of ctx, or there being none, is the same as when the session began.
func (s *Session) OwnedBy(ctx context.Context) bool {
	p, ok := PrincipalFrom(ctx)
	own, has := s.Principal()
	return ok == has && p.ID == own.ID
}

// Context gives a context that ends when the session closes (its cause matches ErrClosed), and carries the session and
// its principal. To clean up after a session there is [Session.AfterClose].
func (s *Session) Context() context.Context { return s.ctx }

// Done is closed when the session is.
func (s *Session) Done() <-chan struct{} { return s.ctx.Done() }

// Err tells why the session closed: what Close was given, or ErrClosed; nil while it is open.
func (s *Session) Err() error {
	var err error
	s.update(func(st *state) {
		if st.closed {
			err = st.cause
		}
	})
	return err
}

// Options gives how the session reads JSON, for transports that call [Parse] themselves.
func (s *Session) Options() wire.Options { return s.options }

// Logger gives where the session logs to; never nil.
func (s *Session) Logger() *slog.Logger { return s.log }

// Stats gives the session's counters.
func (s *Session) Stats() Stats {
	var stats Stats
	s.update(func(st *state) {
		stats = st.stats
		stats.InFlight, stats.Pending = st.running, len(st.out)
	})
	return stats
}

// Close ends the session at once, because of cause (nil: because we want to): calls that wait for an answer fail,
// handlers' contexts end, waiting notifications are dropped, and nothing is sent any more. It does not wait for
// handlers, see [Session.Wait]; the connection is the transport's to close, see [Session.Done]. Closing again does
// nothing.
func (s *Session) Close(cause error) {
	if cause == nil {
		cause = ErrClosed
	}
	var requests []*incoming
	var calls []*call
	var workers []*worker
	var ends []func()
	first := false
	s.update(func(st *state) {
		if st.closed {
			return
		}
		first, st.closed, st.cause = true, true, cause
		st.in.all(func(in *incoming) {
			if in.end() {
				requests = append(requests, in)
			}
		})
		ends, st.ends = st.ends, nil
		calls = st.takeCalls(cause)
		workers, st.resting = st.resting, nil
		clear(st.queue)
		st.queue, st.queueBytes = nil, 0
	})
	if !first {
		return
	}
	why := closedBy(cause)
	s.cancel(why)
	dismiss(workers)
	for _, in := range requests {
		in.cancel(why)
		in.ended(why)
	}
	for _, c := range calls {
		c.signal()
	}
	for _, f := range ends {
		go f()
	}
}

// closedBy makes an error that matches ErrClosed of the cause of a close.
func closedBy(cause error) error {
	if errors.Is(cause, ErrClosed) {
		return cause
	}
	return both{ErrClosed, cause}
}

// EndInput says that nothing more will arrive, because of cause (nil: the peer closed its side): calls that wait for
// an answer fail, as later ones will, while requests that already arrived go on and are answered.
func (s *Session) EndInput(cause error) {
	if cause == nil {
		cause = errPeerClosed
	}
	var calls []*call
	s.update(func(st *state) {
		if !st.inputEnded {
			st.inputEnded, st.inputCause = true, cause
			calls = st.takeCalls(cause)
		}
	})
	for _, c := range calls {
		c.signal()
	}
}

// CancelCalls gives up all calls that wait for an answer, as if the session had closed because of cause (nil: because we
// want to), and sends the peer a cancellation for each: what a transport does before it closes a connection politely, so
// that the peer need not finish what nobody waits for. ctx bounds the sending.
func (s *Session) CancelCalls(ctx context.Context, cause error) {
	var ids []int64
	var calls []*call
	s.update(func(st *state) {
		for id, c := range st.out {
			if c.method != methodInitialize {
				ids = append(ids, id)
			}
		}
		calls = st.takeCalls(cause)
	})
	for _, c := range calls {
		c.signal()
	}
	slices.Sort(ids)
	for _, id := range ids {
		p := &cancelParams{id: wire.IntID(id), reason: "the session closes"}
		if sendGuarded(ctx, s.own(), NewNotification(methodCancelled, p)) != nil {
			return
		}
	}
}

var errPeerClosed = errors.New("the peer closed the connection")

// takeCalls fails all calls that wait; each must be signalled then.
func (st *state) takeCalls(cause error) []*call {
	calls := make([]*call, 0, len(st.out))
	for _, c := range st.out {
		c.done, c.err = true, errClosed(c.method, cause)
		calls = append(calls, c)
	}
	clear(st.out)
	return calls
}

// Wait waits until nothing runs: every request that arrived has been answered or given up, and no notification waits
// or is being handled. It returns ctx's error if that ends first.
func (s *Session) Wait(ctx context.Context) error {
	var idle chan struct{}
	s.update(func(st *state) {
		if st.idle == nil {
			st.idle = make(chan struct{})
		}
		idle = st.idle
	})
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
