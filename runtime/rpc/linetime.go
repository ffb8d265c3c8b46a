package rpc

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrIdle is in the chain of why a session closed in which nothing happened for too long, or that was not opened in time.
var ErrIdle = errors.New("the session was idle for too long")

// ErrSlow is in the chain of why a session closed whose peer let us wait too long for the rest of a message, or did not
// take what was sent.
var ErrSlow = errors.New("the peer is too slow")

// lineClock ends a session that is not opened in time, or in which nothing happens.
type lineClock struct {
	began time.Time
	last  atomic.Int64 // when something arrived, since began; kept if idle is limited
	idle  time.Duration
	large atomic.Int64 // messages that were too large

	mu    sync.Mutex
	timer *time.Timer // nil after the end
}

// start starts the clock of a session; what it returns stops it.
func (c *lineClock) start(s *Session, limits LineLimits) (stop func()) {
	c.began, c.idle = time.Now(), limits.IdleTime
	var open *time.Timer
	if most := limits.OpenTime; most > 0 {
		open = time.AfterFunc(most, func() {
			if s.Version() == "" {
				s.Close(fmt.Errorf("%w: it was not opened within %v", ErrIdle, most))
			}
		})
	}
	if c.idle > 0 {
		c.mu.Lock()
		c.timer = time.AfterFunc(c.idle, func() { c.check(s) })
		c.mu.Unlock()
	}
	return func() {
		if open != nil {
			open.Stop()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.timer != nil {
			c.timer.Stop()
			c.timer = nil
		}
	}
}

// heard notes that a message arrived, or with ErrTooLarge the start of one.
func (c *lineClock) heard(err error) {
	if c.idle > 0 {
		c.last.Store(int64(time.Since(c.began)))
	}
	if err == ErrTooLarge {
		c.large.Add(1)
	}
}

// check ends the session if it is idle, and comes back when it may be.
func (c *lineClock) check(s *Session) {
	left := c.idle - (time.Since(c.began) - time.Duration(c.last.Load()))
	if stats := s.Stats(); stats.InFlight > 0 || stats.Pending > 0 {
		left = max(left, c.idle)
	}
	if left <= 0 {
		s.Close(fmt.Errorf("%w: nothing was heard for %v", ErrIdle, c.idle))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Reset(left)
	}
}

// began notes that a message has arrived in part.
func (l *lineReader) began() {
	if l.timed || l.most <= 0 {
		return
	}
	l.timed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(l.most, func() {
			l.late(fmt.Errorf("%w: a message did not arrive whole within %v: %w", ErrClosed, l.most, ErrSlow))
		})
		return
	}
	l.timer.Reset(l.most)
}

// arrived notes that it has arrived whole.
func (l *lineReader) arrived() {
	if l.timed {
		l.timer.Stop()
		l.timed = false
	}
}

// reserve waits until the memory has room for a buffer of the size: as much as a message may need.
func (l *lineReader) reserve(size int) error {
	if l.memory == nil || size <= keptRead || l.held > 0 {
		return nil
	}
	l.arrived() // the wait is ours, not the peer's
	n, err := l.memory.Reserve(l.ctx, int64(max(l.max, size)))
	l.held = n
	return err
}

// use makes buf the buffer, and gives back what was reserved if it is small.
func (l *lineReader) use(buf []byte) {
	l.buf = buf
	if l.held > 0 && len(buf) <= keptRead {
		l.memory.Release(l.held)
		l.held = 0
	}
}

// close gives up what the reader holds.
func (l *lineReader) close() {
	l.arrived()
	l.use(nil)
}

// LineStats are counters of a [LineConn].
type LineStats struct {
	// Queued is how many messages wait to be written now, and QueuedBytes how many bytes those have.
	Queued, QueuedBytes int
	// TooLarge is how many messages arrived that were over the size limit.
	TooLarge int64
}

// Stats gives the connection's counters.
func (c *LineConn) Stats() LineStats {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return LineStats{Queued: c.w.messages, QueuedBytes: c.w.bytes, TooLarge: c.clock.large.Load()}
}
