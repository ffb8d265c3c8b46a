package pipe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds a pipe. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Message is the size of an encoded message in bytes; default 16 MiB. A larger one is not sent.
	Message int
	// EndTime is how long Close waits for the handlers of both sessions to return; default 1 s.
	EndTime time.Duration
}

const (
	defaultMessage = 16 << 20
	defaultEndTime = time.Second
)

// To returns a transport that connects each client session to a new session of the server a. The values of the context
// that Connect is called with (a principal, say) reach the server. The zero Limits are the defaults.
func To(a rpc.Acceptor, limits Limits) rpc.Transport { return dialer{a, limits} }

type dialer struct {
	acceptor rpc.Acceptor
	limits   Limits
}

func (d dialer) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	p := New(d.limits)
	peer, err := d.acceptor.NewSession(context.WithoutCancel(ctx), p.Link(1))
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	s.Attach(p.Link(0))
	p.Join(ctx, s, peer)
	return p, nil
}

// Pipe is a pair of connected ends, 0 and 1, each a session's. It is safe for concurrent use.
type Pipe struct {
	limits Limits
	joined chan struct{}
	ctx    context.Context // what messages arrive with; set by Join
	ends   [2]*rpc.Session // set by Join

	close sync.Once
}

// New makes a pipe. Attach one session to each of its two links, then Join them.
func New(limits Limits) *Pipe {
	if limits.Message == 0 {
		limits.Message = defaultMessage
	}
	if limits.EndTime == 0 {
		limits.EndTime = defaultEndTime
	}
	return &Pipe{limits: limits, joined: make(chan struct{})}
}

// Link gives what to attach the session at an end to, 0 or 1.
func (p *Pipe) Link(end int) rpc.Link {
	return rpc.Link{Stream: &stream{p, 1 - end}, Transport: "pipe"}
}

// Join starts the conversation between the session at end 0 and that at end 1. What is sent before waits for it. The
// values of ctx reach the handlers of both.
func (p *Pipe) Join(ctx context.Context, end0, end1 *rpc.Session) {
	p.ctx = context.WithoutCancel(ctx)
	p.ends = [2]*rpc.Session{end0, end1}
	close(p.joined)
	for i := range p.ends {
		context.AfterFunc(p.ends[i].Context(), func() { p.ends[1-i].Close(errOther) })
	}
}

var errOther = fmt.Errorf("%w by the other end", rpc.ErrClosed)

// Close closes both sessions and waits, within limits, for their handlers. The error says that some still run.
func (p *Pipe) Close() error {
	<-p.joined
	p.close.Do(func() {
		p.ends[0].Close(nil)
		p.ends[1].Close(errOther)
	})
	ctx := context.Background()
	if p.limits.EndTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.limits.EndTime)
		defer cancel()
	}
	for _, s := range p.ends {
		if s.Wait(ctx) != nil {
			return errors.New("pipe: closed, but handlers still run")
		}
	}
	return nil
}

// stream leads to the session at an end.
type stream struct {
	p  *Pipe
	to int
}

// buffers are for encoding messages into.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// keptBuffer is up to which size a buffer is kept.
const keptBuffer = 64 << 10

func (s *stream) Send(ctx context.Context, m *rpc.Message) error {
	select {
	case <-s.p.joined:
	case <-ctx.Done():
		return ctx.Err()
	}
	to := s.p.ends[s.to]
	if to.Context().Err() != nil {
		return errOther
	}
	buf := buffers.Get().(*[]byte)
	text := m.AppendJSON((*buf)[:0])
	if limit := s.p.limits.Message; limit > 0 && len(text) > limit {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, len(text), limit)
	}
	_ = to.Receive(s.p.ctx, text, nil) // it has answered what is wrong
	if cap(text) <= keptBuffer {
		*buf = text
		buffers.Put(buf)
	}
	return nil
}
