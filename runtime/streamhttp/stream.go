package streamhttp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// phase is how far the answer of a POST has come.
type phase uint8

const (
	phaseQuiet phase = iota // nothing was written: it may still become one JSON text
	phaseOpen               // it is an event stream
	phaseLost               // the client went away before it could know how to come back: what is sent is dropped
)

// stream is what the server sends in answer to one POST, or of its own accord (own): the stream of rpc. What is sent is
// encoded and queued here by whoever sends; what carries it is the conn that is attached, at most one at a time.
type stream struct {
	h    *Server
	s    *session // nil without a session
	own  bool
	json bool // the client takes JSON
	sse  bool // the client takes an event stream
	ids  bool // events have ids, and can be had again

	mu       sync.Mutex
	phase    phase
	opening  *session // the session that this POST opens; its answer does not become a stream before it is complete
	batch    bool     // the POST was a batch: JSON is an array
	pending  int      // requests of the POST that have not ended
	over     bool     // nothing more will come
	answered bool     // a result came, not only errors
	why      error    // why a request ended without response
	status   int      // what the answer's error asks for, see rpc.Error.WithHTTP; 0: nothing
	fields   map[string][]string

	number  uint64        // of the stream in the session, once it is open with ids
	seq     uint64        // of the newest event
	written uint64        // the newest event that was written to a connection
	known   bool          // an event id was given to a connection: the client can come back
	poll    bool          // the connection is to end so that the client comes back
	conn    *conn         // carries it; nil: nobody
	buf     []byte        // to be written: frames, or, while quiet, the JSON text
	count   int           // messages in buf
	framed  bool          // there have been frames in buf
	queued  uint64        // the newest event in buf
	waiting int           // bytes kept in the store for a client that does not listen
	room    chan struct{} // closed when buf was taken or conn went; nil if nobody waits for that
}

// conn is a connection that carries a stream, on the goroutine of its request, or parked.
type conn struct {
	wake   chan struct{} // holds a signal: there is something to write, or the stream is over, or was taken over
	timer  *time.Timer
	parked *parked // in place of these; nil: not
}

func (c *conn) signal() {
	if c.parked != nil {
		c.parked.wake()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

var (
	errGone      = fmt.Errorf("the client is gone: %w", rpc.ErrClosed)
	errStateless = errors.New("the server is stateless: it cannot ask the client anything")
	errOnlyJSON  = errors.New("the client takes only JSON for this request, so it cannot be asked anything while it runs")
	errNoRoom    = fmt.Errorf("the client does not listen, and too much is waiting for it: %w", rpc.ErrClosed)
)

// Send takes a message for the client.
func (st *stream) Send(ctx context.Context, m *rpc.Message) error {
	if m.IsResponse() {
		return st.respond(ctx, m)
	}
	asks := m.Kind == rpc.KindRequest
	switch {
	case st.s == nil && asks:
		return rpc.Errorf(rpc.CodeInternalError, "%s was not sent: %w", m.Method, errStateless)
	case !st.sse && asks:
		return rpc.Errorf(rpc.CodeInternalError, "%s was not sent: %w", m.Method, errOnlyJSON)
	case !st.sse:
		return nil // progress and logs are lost on such a client
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over {
		if st.s == nil || st.own {
			return errGone
		}
		return st.s.own.Send(ctx, m)
	}
	if err := st.waitForRoom(ctx); err != nil {
		return err
	}
	if st.phase == phaseQuiet && st.opening == nil {
		st.open(st.h.limits.RetryTime)
	}
	return st.event(ctx, m)
}

// respond takes the response to a request of the POST.
func (st *stream) respond(ctx context.Context, m *rpc.Message) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.waitForRoom(ctx); err != nil {
		return err
	}
	if st.phase == phaseQuiet && st.batch && st.sse && st.pending > 1 {
		st.open(st.h.limits.RetryTime) // the others may take long
	}
	if m.Kind == rpc.KindResult {
		st.answered = true
	}
	alone := st.phase == phaseQuiet && !st.framed
	if alone && !st.batch && m.Kind == rpc.KindError {
		st.status, st.fields = m.Error.HTTP()
	}
	if !alone || !st.json && st.status == 0 {
		return st.event(ctx, m)
	}
	buf := st.buffer()
	if st.batch {
		if len(buf) == 0 {
			buf = append(buf, '[')
		} else {
			buf = append(buf, ',')
		}
	}
	start := len(buf)
	buf = m.AppendJSON(buf)
	if st.s != nil && st.s.large.Load() != (len(buf) > keptBuffer) {
		st.s.large.Store(len(buf) > keptBuffer)
	}
	if err := st.h.fits(len(buf) - start); err != nil {
		return err
	}
	st.buf = buf
	return nil
}

// End is told that a request of the POST has ended; of the own stream, that the session has.
func (st *stream) End(err error) {
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		return
	}
	st.pending--
	if err != nil {
		st.why = err
	}
	st.over = st.pending <= 0
	over, lost := st.over, st.phase == phaseLost && err == nil
	number := st.number
	if over && st.conn != nil {
		st.conn.signal()
	}
	st.mu.Unlock()
	if lost {
		st.h.log.Warn("streamhttp: dropped a response, the client went away before it could know how to come back for it")
	}
	if !over || st.own {
		return
	}
	if number > 0 {
		st.s.forget(number)
	}
	if st.s != nil {
		st.s.leave()
	}
	st.h.calls.leave()
}

// open makes the answer an event stream; the client is to wait for retry before it comes back to it. Under mu.
func (st *stream) open(retry time.Duration) {
	st.phase = phaseOpen
	if st.ids {
		st.number = st.s.number(st)
		st.prime(retry)
	}
}

// prime queues an event that carries nothing but an id and how long to wait before coming back, for clients that know
// of such. Under mu.
func (st *stream) prime(retry time.Duration) {
	if st.s.rpc.Version() < versionPriming {
		return
	}
	if err := st.h.store.Append(context.Background(), st.s.id, st.number, Event{Seq: st.seq + 1}); err != nil {
		st.h.log.Error("streamhttp: the event store failed", "error", err)
		return
	}
	st.seq++
	st.buf, st.queued = appendEventID(st.buffer(), st.number, st.seq), st.seq
	if retry > 0 {
		st.buf = appendRetry(st.buf, retry)
	}
	st.buf = append(st.buf, "data:\n\n"...)
	st.conn.signal()
}

// event queues a message as an event, or keeps it for when the client comes back. Under mu.
func (st *stream) event(ctx context.Context, m *rpc.Message) error {
	if st.conn == nil && !st.known && !st.own {
		if m.Kind == rpc.KindRequest {
			return errGone
		}
		return nil // End logs it if it was the response
	}
	numbered := st.ids && st.phase == phaseOpen
	var buf []byte
	if st.conn != nil {
		buf = st.buffer()
	}
	id := len(buf)
	if numbered {
		buf = appendEventID(buf, st.number, st.seq+1)
	}
	field := len(buf)
	buf = append(buf, "data: "...)
	start := len(buf)
	buf = m.AppendJSON(buf)
	data := buf[start:]
	if err := st.h.fits(len(data)); err != nil {
		return err
	}
	if st.conn == nil && st.waiting > 0 && st.waiting+len(data) > st.h.limits.WaitingBytes && !m.IsResponse() {
		if m.Kind == rpc.KindRequest {
			return errNoRoom
		}
		st.h.counters.dropped.Add(1)
		st.h.log.Warn("streamhttp: dropped a notification, the client does not listen", "method", m.Method, "session", st.s.id)
		return nil
	}
	if numbered {
		err := st.h.store.Append(ctx, st.s.id, st.number, Event{Seq: st.seq + 1, Data: data})
		switch {
		case err == nil:
			st.seq++
		case st.conn == nil:
			return fmt.Errorf("the client is gone, and the event store failed: %w", err)
		default:
			st.h.log.Error("streamhttp: the event store failed", "error", err)
			buf = append(buf[:id], buf[field:]...)
		}
	}
	if st.conn == nil {
		st.waiting += len(data)
		return nil
	}
	st.buf, st.queued, st.framed = append(buf, "\n\n"...), st.seq, true
	st.count++
	st.conn.signal()
	return nil
}

// waitForRoom waits while too much is queued for the connection, and gives that up if it lasts. Under mu, which it gives up
// meanwhile.
func (st *stream) waitForRoom(ctx context.Context) error {
	if st.conn == nil || st.phase == phaseQuiet || !st.full() {
		return nil
	}
	st.h.counters.full.Add(1)
	if st.h.limits.WhenFull == rpc.QueueDropPeer {
		st.h.counters.slow.Add(1)
		st.drop(st.conn)
		return nil
	}
	slow := time.NewTimer(st.h.limits.WriteTime)
	defer slow.Stop()
	for st.conn != nil && st.full() {
		if st.room == nil {
			st.room = make(chan struct{})
		}
		room, c := st.room, st.conn
		st.mu.Unlock()
		var err error
		gone := false
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		case <-slow.C:
			gone = true
		}
		st.mu.Lock()
		if err != nil {
			return err
		}
		if gone {
			st.h.counters.slow.Add(1)
			st.drop(c)
		}
	}
	return nil
}

// full reports whether too much waits for the connection. Under mu.
func (st *stream) full() bool {
	return len(st.buf) >= st.h.limits.QueueBytes || st.count >= st.h.limits.QueueMessages
}

// Listening reports whether the client hears what is sent on the stream now.
func (st *stream) Listening() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.conn != nil
}

// buffer gives what is to be appended to, from the pool if there is nothing yet. Under mu.
func (st *stream) buffer() []byte {
	if st.buf == nil {
		pool := &buffers
		if st.s != nil && st.s.large.Load() {
			pool = &largeBuffers
		}
		st.buf = takeFrom(pool)
	}
	return st.buf
}

// wakeSenders lets those go on who wait for room. Under mu.
func (st *stream) wakeSenders() {
	if st.room != nil {
		close(st.room)
		st.room = nil
	}
}

// promote makes a quiet answer an event stream because it takes long; false if that cannot be.
func (st *stream) promote() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.phase == phaseQuiet && st.sse && !st.over && st.opening == nil {
		st.open(st.h.limits.RetryTime)
	}
	return st.phase == phaseOpen
}

// take gives what is to be written by c, and whether the connection ends after that. ok is false if c does not carry the
// stream any more.
func (st *stream) take(c *conn) (frames []byte, upTo uint64, last, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.conn != c {
		return nil, 0, true, false
	}
	frames, st.buf, st.count = st.buf, nil, 0
	st.known = st.known || st.queued > 0 // though writing it fails, the client may have got it
	st.wakeSenders()
	return frames, st.queued, st.over || st.poll, true
}

// wrote notes that the events up to one have been written.
func (st *stream) wrote(upTo uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.written = max(st.written, upTo)
}

// detach notes that c is gone.
func (st *stream) detach(c *conn) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.drop(c)
}

// drop gives c up, if it is the connection. Under mu.
func (st *stream) drop(c *conn) {
	if st.conn != c {
		return
	}
	st.conn, st.buf, st.count, st.poll = nil, nil, 0, false
	if !st.known && !st.own {
		st.phase = phaseLost
	}
	st.wakeSenders()
}

// listen makes c carry the session's own stream for a client that names no event, in place of who did: it gets what
// nobody has taken yet.
func (st *stream) listen(ctx context.Context, c *conn) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.conn != nil {
		st.conn.signal()
	} else if st.written < st.seq {
		events, err := st.h.store.After(ctx, st.s.id, st.number, st.written)
		if err != nil {
			st.h.log.Warn("streamhttp: messages were dropped, the client did not listen", "session", st.s.id, "error", err)
		}
		st.buf, st.queued = appendEvents(nil, st.number, events), st.seq
	}
	st.carriedBy(c)
	st.prime(st.h.limits.RetryTime)
}

// resume makes c carry the stream, in place of who did, for a client that has seen the events up to a number.
func (st *stream) resume(ctx context.Context, c *conn, seen uint64) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	var events []Event
	if seen > st.seq {
		return ErrEventsGone
	}
	if seen < st.seq {
		var err error
		if events, err = st.h.store.After(ctx, st.s.id, st.number, seen); err != nil {
			return err
		}
		if len(events) == 0 || events[len(events)-1].Seq != st.seq {
			return ErrEventsGone
		}
	}
	if st.conn != nil {
		st.conn.signal()
	}
	st.buf, st.queued = appendEvents(nil, st.number, events), st.seq
	st.carriedBy(c)
	return nil
}

// carriedBy makes c the connection. Under mu.
func (st *stream) carriedBy(c *conn) {
	st.conn, st.poll, st.waiting = c, false, 0
	st.wakeSenders()
	c.signal()
}

// fits reports an answer that is too large.
func (h *Server) fits(n int) error {
	if n > h.limits.Message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, n, h.limits.Message)
	}
	return nil
}

// Poll ends the connection that carries the stream of the request being handled with ctx, after what was sent, so that it
// need not be held open while the handler works on: the client comes back for the rest after the time retry (0: as set by
// Limits.RetryTime). It reports whether it did: not outside of Streamable HTTP, not in stateless mode, not with a client
// that negotiated a version before 2025-11-25 or takes only JSON, and not if the connection is gone already.
func Poll(ctx context.Context, retry time.Duration) bool {
	st, _ := rpc.StreamFrom(ctx).(*exchange)
	if st == nil {
		return false
	}
	return st.endConnection(retry)
}

func (st *stream) endConnection(retry time.Duration) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over || st.conn == nil || !st.ids || !st.sse || st.opening != nil || st.s.rpc.Version() < versionPriming {
		return false
	}
	switch {
	case st.phase == phaseQuiet && retry > 0:
		st.open(retry)
	case st.phase == phaseQuiet:
		st.open(st.h.limits.RetryTime)
	case retry > 0:
		st.buf = append(appendRetry(st.buffer(), retry), '\n')
	}
	st.poll = true
	st.conn.signal()
	return true
}
