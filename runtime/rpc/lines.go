package rpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// LineLimits bounds a connection that carries one message a line. A zero field means its default; a negative one
// means no limit.
type LineLimits struct {
	// Message is the size of a message in bytes, without the end of its line, in either direction; default 16 MiB. A
	// longer one that arrives is skipped without being held, and refused; one that is to be sent is not sent, and the
	// call fails.
	Message int
	// QueueMessages is how many messages may wait to be written; default 1,024. Senders wait for room.
	QueueMessages int
	// QueueBytes is how many bytes those may have together, default 32 MiB; a message that is alone is always taken.
	QueueBytes int
	// WhenFull says what becomes of a sender that finds the queue full; default it waits, at most WriteTime.
	WhenFull QueuePolicy
	// ReadTime is how long the rest of a message may take once its start has arrived; default 60 s. Then the session ends.
	ReadTime time.Duration
	// OpenTime is how long the peer may take until the session is open, which is when its protocol version is settled;
	// default no limit. Then the session ends.
	OpenTime time.Duration
	// IdleTime is how long nothing may arrive, while nothing is in flight either; default no limit. Then the session ends.
	IdleTime time.Duration
	// Reading is what the connections that share it may hold together of messages over 256 KiB that have not arrived
	// whole; nil, the default, is no limit. Readers wait for room, within ReadTime of when they have it.
	Reading *Memory
	// WriteTime is how long the peer may take nothing off while a write waits (where the writer has deadlines) or the
	// queue is full; default 30 s. Then the session fails.
	WriteTime time.Duration
	// DrainTime is how long, after the peer closed its side, requests that already arrived may still be worked on and
	// their answers written; default 10 s.
	DrainTime time.Duration
	// EndTime is how long handlers may take to return once the session is closed, and what is queued to be written;
	// default 1 s.
	EndTime time.Duration
}

// QueuePolicy says what becomes of a sender that finds a queue full.
type QueuePolicy uint8

const (
	// QueueWait has it wait for room, until its ctx or the queue's time ends; the latter ends the slow peer.
	QueueWait QueuePolicy = iota
	// QueueDropPeer ends the slow peer at once, so that no sender ever waits for it.
	QueueDropPeer
)

const (
	defaultMessage       = 16 << 20
	defaultQueueMessages = 1024
	defaultQueueBytes    = 32 << 20
	defaultReadTime      = 60 * time.Second
	defaultWriteTime     = 30 * time.Second
	defaultDrainTime     = 10 * time.Second
	defaultEndTime       = time.Second
)

func (l LineLimits) withDefaults() LineLimits {
	l.Message = limit(l.Message, defaultMessage)
	l.QueueMessages = limit(l.QueueMessages, defaultQueueMessages)
	l.QueueBytes = limit(l.QueueBytes, defaultQueueBytes)
	l.ReadTime = limitTime(l.ReadTime, defaultReadTime)
	l.OpenTime = max(l.OpenTime, 0)
	l.IdleTime = max(l.IdleTime, 0)
	l.WriteTime = limitTime(l.WriteTime, defaultWriteTime)
	l.DrainTime = limitTime(l.DrainTime, defaultDrainTime)
	l.EndTime = limitTime(l.EndTime, defaultEndTime)
	return l
}

// LineConn carries one session over a pair of byte streams, one message a line: the framing of stdio and of bare
// sockets. It is the session's [Stream]. Lines may end in CRLF; blank ones are skipped.
//
// While [LineConn.Run] runs one goroutine reads and one writes: whatever is queued goes out in one write. If the reader has no deadline to wake it by, as an inherited standard input has not, it may
// stay blocked in a read after Run returned, until input or its end comes; the same holds for a writer whose peer
// takes nothing.
type LineConn struct {
	r      io.Reader
	w      *lineWriter
	limits LineLimits
	clock  lineClock
}

var _ Stream = (*LineConn)(nil)

// NewLineConn makes a connection that reads from r and writes to w, and closes neither. Deadlines are used where r and
// w have them. It must be run.
func NewLineConn(r io.Reader, w io.Writer, limits LineLimits) *LineConn {
	limits = limits.withDefaults()
	return &LineConn{r: r, w: newLineWriter(w, limits), limits: limits}
}

// Send queues a message, see [Stream].
func (c *LineConn) Send(ctx context.Context, m *Message) error { return c.w.send(ctx, m) }

// Run feeds s what arrives until the input or ctx ends or s is closed, and closes s. After the end of the input, what
// is in flight is answered first, within limits, and the result is nil. Otherwise it is ctx's error, or why the session
// or the connection failed; nil if the session was closed without a cause. What is queued is written before Run returns,
// within limits. Of ctx the values reach the handlers. Run must be called exactly once.
func (c *LineConn) Run(ctx context.Context, s *Session) error {
	c.w.start(s.Close)
	defer c.clock.start(s, c.limits)()
	lead := newLeader(detached(ctx), c, s)
	read := lead.result
	go lead.lead()

	reading, flush := true, c.limits.EndTime
	var err error
	select {
	case err = <-read:
		reading = false
		if err == nil {
			flush = c.limits.DrainTime
			s.EndInput(nil)
			c.wait(ctx, s, c.limits.DrainTime)
		}
		s.Close(err)
	case <-ctx.Done():
		err = ctx.Err()
		s.Close(context.Cause(ctx))
	case <-s.Done():
		if err = s.Err(); err == ErrClosed {
			err = nil
		}
	}
	c.wait(context.WithoutCancel(ctx), s, c.limits.EndTime)
	c.w.close(flush)
	if reading {
		c.wakeReader(read)
	}
	return err
}

// wait waits for what runs in s, at most for the time.
func (c *LineConn) wait(ctx context.Context, s *Session, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		s.log.Warn("rpc: the connection ends while handlers still run", "transport", s.Link().Transport)
	}
}

// wakeReader ends a blocked read, where that is possible.
func (c *LineConn) wakeReader(read <-chan error) {
	d, ok := c.r.(interface{ SetReadDeadline(time.Time) error })
	if !ok || d.SetReadDeadline(time.Unix(1, 0)) != nil {
		return
	}
	if err := <-read; err != nil {
		_ = d.SetReadDeadline(time.Time{}) // the next reader of the descriptor is not to meet it
	}
}

// lineWriter queues messages and writes them from a goroutine of its own, all that wait in one write.
type lineWriter struct {
	w        io.Writer
	deadline interface{ SetWriteDeadline(time.Time) error } // nil if w has none
	limits   LineLimits

	mu       sync.Mutex
	chunks   [][]byte      // what waits, in order; the last may still be added to
	open     bool          // ... namely if this is set
	messages int           // in chunks, and in what is being written
	bytes    int           // of these
	spare    []byte        // a chunk to use again
	large    atomic.Bool   // the newest message was
	ready    chan struct{} // holds one signal for the goroutine: something waits, or closed
	room     chan struct{} // closed when the queue has been taken; nil if nobody waits for that
	held     bool          // nobody has been told of what waits: whoever put it there will
	writing  bool          // the goroutine writes
	flushing bool          // the goroutine that reads writes
	flushed  [][]byte      // its memory for chunks, to use again
	err      error         // why nothing more is taken; ErrClosed after close
	onFail   func(error)
	done     chan struct{} // the goroutine has ended
}

const (
	startChunk  = 4 << 10  // a new chunk's size
	keptChunk   = 64 << 10 // up to this size chunks are kept, and messages copied into a common one
	mostHeld    = 64       // so many messages may wait of which nobody has been told
	pooledLarge = 4 << 20  // larger buffers are not used again
	oneWrite    = 1 << 20  // at most so much goes into one write under a deadline
)

func newLineWriter(w io.Writer, limits LineLimits) *lineWriter {
	l := &lineWriter{w: w, limits: limits, ready: make(chan struct{}, 1), done: make(chan struct{})}
	if d, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok && d.SetWriteDeadline(time.Time{}) == nil {
		l.deadline = d
	}
	return l
}

// start starts writing; onFail is called, once, if that fails.
func (l *lineWriter) start(onFail func(error)) {
	l.mu.Lock()
	err := l.err
	l.onFail = onFail
	l.mu.Unlock()
	if err != nil { // nothing was taken off the queue before we even began
		onFail(err)
	}
	go l.run()
}

// buffers are for encoding messages into, and largeBuffers for those that come after a large one.
var buffers, largeBuffers = sync.Pool{New: newBuffer}, sync.Pool{New: newBuffer}

func newBuffer() any { return new([]byte) }

var errNewline = errors.New("a message must not contain a line break")

// send queues a message and has it written.
func (l *lineWriter) send(ctx context.Context, m *Message) error { return l.put(ctx, m, true) }

// put queues a message. Unless signal is set, it is for the caller to have it written.
func (l *lineWriter) put(ctx context.Context, m *Message, signal bool) error {
	pool := &buffers
	if l.large.Load() {
		pool = &largeBuffers
	}
	buf := pool.Get().(*[]byte)
	line := m.AppendJSON((*buf)[:0])
	if len(line) > l.limits.Message {
		return &sizeError{size: len(line), max: l.limits.Message} // the buffer is dropped: it is large
	}
	for _, c := range [...]byte{'\n', '\r'} {
		if indexByte(line, c) >= 0 {
			return errNewline
		}
	}
	line = append(line, '\n')
	large := len(line) > keptChunk
	l.large.Store(large)
	err := l.enqueue(ctx, line, large, signal)
	if !large {
		*buf = line
		pool.Put(buf)
	}
	return err
}

// enqueue takes a line, into a common chunk unless it may be kept.
func (l *lineWriter) enqueue(ctx context.Context, line []byte, keep, signal bool) error {
	l.mu.Lock()
	for l.err == nil && l.messages > 0 &&
		(l.messages >= l.limits.QueueMessages || len(line) > l.limits.QueueBytes-l.bytes) {
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		l.mu.Unlock()
		l.signal() // it may be that nobody has been told of what waits
		if l.limits.WhenFull == QueueDropPeer {
			err := Errorf(CodeClosed, "%w, %d messages wait for it: %w", ErrSlow, l.limits.QueueMessages, ErrClosed)
			l.fail(err)
			return err
		}
		if err := l.await(ctx, room); err != nil {
			return err
		}
		l.mu.Lock()
	}
	if l.err != nil {
		err := l.err
		l.mu.Unlock()
		return err
	}
	first := len(l.chunks) == 0
	switch {
	case keep:
		l.chunks = append(l.chunks, line)
		l.open = false
	case l.open && len(l.chunks[len(l.chunks)-1])+len(line) <= keptChunk:
		last := &l.chunks[len(l.chunks)-1]
		*last = append(*last, line...)
	default:
		chunk := l.spare
		if l.spare = nil; chunk == nil {
			chunk = make([]byte, 0, max(startChunk, len(line)))
		}
		l.chunks = append(l.chunks, append(chunk, line...))
		l.open = true
	}
	l.messages++
	l.bytes += len(line)
	signal = signal || l.messages > mostHeld
	tell := signal && (first || l.held)
	l.held = !signal && (first || l.held)
	l.mu.Unlock()
	if tell {
		l.signal()
	}
	return nil
}

// await waits for room in the queue.
func (l *lineWriter) await(ctx context.Context, room <-chan struct{}) error {
	timer := time.NewTimer(l.limits.WriteTime)
	defer timer.Stop()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		err := Errorf(CodeClosed, "the peer has taken nothing for %v: %w: %w", l.limits.WriteTime, ErrSlow, ErrClosed)
		l.fail(err)
		return err
	}
}

func (l *lineWriter) signal() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// fail makes the writer take nothing more, because of err, and drops what waits.
func (l *lineWriter) fail(err error) {
	l.mu.Lock()
	first := l.err == nil
	if first {
		l.err = err
	}
	l.chunks, l.open, l.messages, l.bytes = nil, false, 0, 0
	l.wakeSenders()
	f := l.onFail
	l.mu.Unlock()
	l.signal()
	if first && f != nil {
		f(err)
	}
}

// wakeSenders tells senders to look again. Under the lock.
func (l *lineWriter) wakeSenders() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// close takes nothing more and waits, at most for the time, until what waits is written.
func (l *lineWriter) close(most time.Duration) {
	l.mu.Lock()
	if l.err == nil {
		l.err = ErrClosed
	}
	l.wakeSenders()
	l.mu.Unlock()
	l.signal()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-l.done:
		return
	case <-timer.C:
	}
	if l.deadline != nil {
		_ = l.deadline.SetWriteDeadline(time.Unix(1, 0))
		<-l.done
		_ = l.deadline.SetWriteDeadline(time.Time{})
	}
}
