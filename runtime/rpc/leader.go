package rpc

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// leader is who reads a [LineConn]: the one goroutine that may touch lines. As long as requests are quick it handles them
// itself, and writes the answers before it waits for more input, which saves two changes of goroutines and a write each.
// When one takes longer than slow, or asks the peer for something, another goroutine takes over reading, and this one only
// finishes what it is doing: the input never waits for a handler longer than that.
type leader struct {
	c      *LineConn
	s      *Session
	ctx    context.Context
	lines  lineReader
	result chan error // gets how reading ended, once

	busy    atomic.Pointer[incoming] // what the goroutine that reads is doing besides reading; nil: nothing
	count   atomic.Uint64            // of requests handled by it
	timer   *time.Timer
	armed   atomic.Bool // the timer runs
	seen    uint64      // count when the timer last fired; its own
	late    int         // points for requests that were not quick
	shyness int         // what shy will be set to
	shy     int         // so many requests go to goroutines of their own before the next is handled by this one
}

const (
	slow  = 500 * time.Microsecond // the input may wait as long as this, or twice
	quick = 20 * time.Microsecond  // what takes longer is better off on goroutines of its own, of which several run

	leastShy, mostShy = 64, 4096
	latePoints        = 4 // as many quick requests make up for one that was not
)

// flushing stands for writing what is queued.
var flushing = new(incoming)

func newLeader(ctx context.Context, c *LineConn, s *Session) *leader {
	l := &leader{c: c, s: s, ctx: ctx, result: make(chan error, 1)}
	l.lines = lineReader{r: c.r, max: c.limits.Message, most: c.limits.ReadTime, late: s.Close, memory: c.limits.Reading, ctx: s.ctx}
	l.timer = time.AfterFunc(time.Hour, l.watch)
	l.timer.Stop()
	return l
}

// lead reads until the input ends, the session is closed, or another goroutine takes over.
func (l *leader) lead() {
	for l.s.ctx.Err() == nil {
		if !l.lines.ready() && !l.rest() {
			return
		}
		line, err := l.lines.next()
		l.c.clock.heard(err)
		switch {
		case err == ErrTooLarge:
			_ = l.s.Refuse(l.ctx, Salvage(line), Errorf(CodeInvalidRequest,
				"the message is larger than %d bytes: %w", l.c.limits.Message, err), nil)
		case err == io.EOF:
			l.end(nil)
			return
		case err != nil:
			l.end(err)
			return
		case !l.receive(line):
			return
		}
	}
	l.end(l.s.Err())
}

func (l *leader) end(err error) {
	l.timer.Stop()
	l.lines.close()
	l.result <- err
}

// receive takes one message; false if another goroutine reads from now on.
func (l *leader) receive(line []byte) bool {
	s := l.s
	if IsBatch(line) && s.Version() == BatchVersion {
		_ = s.receiveBatch(l.ctx, line, nil) // it has answered or logged what is wrong, as do those below
		return true
	}
	m, err := Parse(line, s.options)
	switch {
	case err != nil:
		_ = s.Refuse(l.ctx, m, err, nil)
		return true
	case m.Kind != KindRequest:
		_ = s.Deliver(l.ctx, m, nil)
		return true
	case l.shy > 0:
		l.shy--
		_ = s.Deliver(l.ctx, m, nil)
		return true
	}
	m.session = s
	in, _ := s.admitted(l.ctx, m, nil, l)
	switch {
	case in == nil:
		return true
	case in.wait != nil:
		in.start()
		return true
	}
	return l.handle(in)
}

// handle handles a request on this goroutine; false if another reads from now on.
func (l *leader) handle(in *incoming) bool {
	began := time.Now()
	l.count.Add(1)
	l.busy.Store(in)
	l.arm()
	returned := false
	defer func() {
		if !returned { // runtime.Goexit in the handler, which ends this goroutine
			l.takeOver(in)
		}
	}()
	in.run(nil)
	returned = true
	if !l.busy.CompareAndSwap(in, nil) {
		return false
	}
	l.took(time.Since(began) <= quick || !l.lines.ready()) // nobody waited where nothing has arrived
	return true
}

// rest is called before the goroutine waits for input: it writes what is queued; false if another goroutine reads from now
// on.
func (l *leader) rest() bool {
	if l.c.w.waits() {
		l.busy.Store(flushing)
		l.arm()
		l.c.w.flush()
		if !l.busy.CompareAndSwap(flushing, nil) {
			return false
		}
	}
	return true
}

// arm has the timer run.
func (l *leader) arm() {
	if !l.armed.Load() {
		l.armed.Store(true)
		l.timer.Reset(slow)
	}
}

// watch runs when the timer fires: it has another goroutine read if nothing came of what is being done.
func (l *leader) watch() {
	doing := l.busy.Load()
	if n := l.count.Load(); n != l.seen {
		l.seen = n
		l.timer.Reset(slow)
		return
	}
	l.armed.Store(false)
	// Between the two somebody may have begun something without arming the timer.
	if now := l.busy.Load(); now != nil && now == doing {
		l.takeOver(doing)
	} else if now != nil {
		l.arm()
	}
}

// took notes whether a request was quick enough. Where several were not, one after the other or nearly so, the next ones go
// to goroutines of their own, and the more of them the oftener that was so. A single one may have met a busy machine.
func (l *leader) took(quickly bool) {
	if quickly {
		if l.late > 0 {
			l.late--
		} else {
			l.shyness = leastShy
		}
		return
	}
	if l.late += latePoints; l.late < 2*latePoints {
		return
	}
	l.late = latePoints
	l.shy = max(l.shyness, leastShy)
	l.shyness = min(2*l.shy, mostShy)
}

// takeOver has another goroutine read, unless what is being done is done.
func (l *leader) takeOver(doing *incoming) {
	if !l.busy.CompareAndSwap(doing, nil) {
		return
	}
	if doing != flushing {
		l.took(false) // nobody else is at it: whoever was reading does not any more
	}
	l.c.w.signal()
	go l.lead()
}

// leaderStream is the stream of a request that the reading goroutine handles: what is sent waits for that to rest.
type leaderStream incoming

// Send queues a message.
func (x *leaderStream) Send(ctx context.Context, m *Message) error {
	in := (*incoming)(x)
	w := in.leader.c.w
	err := w.put(ctx, m, false)
	if in.leader.busy.Load() != in {
		w.signal()
	}
	return err
}

// yield has another goroutine read if ctx belongs to a request that the reading goroutine handles, because it is about to
// wait for the peer.
func yield(ctx context.Context) {
	if in, ok := ctx.Value(incomingKey{}).(*incoming); ok && in.leader != nil {
		in.leader.takeOver(in)
	}
}
