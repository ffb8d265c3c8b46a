package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// peer is one end of a connection.
type peer struct {
	ws       *websocket.Conn
	cable    *cable
	out      *writer
	session  *rpc.Session
	limits   Wire
	openTime time.Duration     // until the session is open; 0: no limit
	idleTime time.Duration     // without a message; 0: no limit
	memory   *rpc.Memory       // for large messages; nil: no limit
	lost     func(error) error // what a broken connection is for the session; nil: the error

	began time.Time
	last  atomic.Int64 // when a message came or went, in nanoseconds since began
	busy  atomic.Bool  // the reader waits for us, not for the peer
	ended chan struct{}

	mu    sync.Mutex
	clock *time.Timer // nil once it is over
}

// violation is why we close a connection whose peer did what it must not.
type violation struct {
	code   websocket.StatusCode
	reason string
	cause  error // nil: none
}

func (v *violation) Error() string {
	if v.cause != nil {
		return v.reason + ": " + v.cause.Error()
	}
	return v.reason
}

func (v *violation) Unwrap() error { return v.cause }

var (
	errBinary   = &violation{code: websocket.StatusUnsupportedData, reason: "messages are text, this one is binary"}
	errUTF8     = &violation{code: websocket.StatusInvalidFramePayloadData, reason: "the text is not UTF-8"}
	errSlow     = &violation{code: websocket.StatusPolicyViolation, reason: "a message did not arrive whole in time", cause: rpc.ErrSlow}
	errUnopened = &violation{code: websocket.StatusPolicyViolation, reason: "no session was opened in time", cause: rpc.ErrIdle}
	errIdle     = &violation{code: websocket.StatusGoingAway, reason: "the session was idle for too long", cause: rpc.ErrIdle}
	errShutdown = &violation{code: websocket.StatusGoingAway, reason: "the server shuts down"}

	errDead   = errors.New("the peer does not answer pings")
	errBroken = errors.New("the connection broke")
)

// closedError says that the peer closed the connection.
type closedError struct{ websocket.CloseError }

func (e closedError) Error() string {
	return fmt.Sprintf("the peer closed the connection with code %d %q", e.Code, e.Reason)
}

// run carries the session until the connection or the session ends, and then ends the other. Of ctx the values reach the
// handlers.
func (p *peer) run(ctx context.Context) {
	p.ended = make(chan struct{})
	p.ws.SetReadLimit(int64(p.limits.Message))
	p.out.start(p.ws, p.cable, func(err error) { p.session.Close(p.ends(err)) })
	p.mu.Lock()
	p.clock = time.AfterFunc(p.next(), p.check)
	p.mu.Unlock()
	context.AfterFunc(p.session.Context(), p.finish)
	p.session.Close(p.read(ctx))
	<-p.ended
}

// touch notes that a message came or went.
func (p *peer) touch() { p.last.Store(int64(time.Since(p.began))) }

// Send queues a message, see [rpc.Stream].
func (p *peer) Send(ctx context.Context, m *rpc.Message) error {
	p.touch()
	return p.out.Send(ctx, m)
}

// read feeds the session what arrives. The result is nil if the peer closed the connection as it should.
func (p *peer) read(ctx context.Context) error {
	in := incoming{p: p}
	defer in.close()
	for p.session.Context().Err() == nil {
		kind, r, err := p.ws.Reader(context.Background())
		if err == nil && kind != websocket.MessageText {
			err = errBinary
		}
		var text []byte
		if err == nil {
			text, err = in.text(r)
		}
		if err == nil && !utf8.Valid(text) {
			err = errUTF8
		}
		if err != nil {
			return p.broken(err)
		}
		p.touch()
		_ = p.session.Receive(ctx, text, nil) // it has answered what is wrong
		in.free()
	}
	return nil
}

// broken says what an error of reading is for the session.
func (p *peer) broken(err error) error {
	if _, ours := err.(*violation); !ours {
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			if err = (closedError{closed}); p.lost == nil && (closed.Code == websocket.StatusNormalClosure || closed.Code == websocket.StatusGoingAway) {
				return nil
			}
		case errors.Is(err, websocket.ErrMessageTooBig):
			err = &violation{websocket.StatusMessageTooBig, fmt.Sprintf("a message is larger than %d bytes", p.limits.Message), rpc.ErrTooLarge}
		case p.cable.stuck.Load(): // we cut it ourselves
			err = p.out.tooSlow()
		case p.cable.gone():
			err = fmt.Errorf("%w: %w", errBroken, err)
		default:
			err = &violation{websocket.StatusProtocolError, "what came is no WebSocket frame", err}
		}
	}
	return p.ends(err)
}

// ends is what an error that ends the connection is for the session.
func (p *peer) ends(err error) error {
	if p.lost != nil {
		return p.lost(err)
	}
	return err
}

// incoming reads messages.
type incoming struct {
	p    *peer
	buf  []byte
	held int64       // reserved in the memory for buf
	late *time.Timer // ends the session when a message takes too long; nil before it is needed
}

const startText = 4 << 10

// text reads a message whose first frame has begun. It is valid until free.
func (in *incoming) text(r io.Reader) ([]byte, error) {
	in.arm()
	defer in.late.Stop()
	for n := 0; ; {
		if n == len(in.buf) {
			if err := in.grow(); err != nil {
				return nil, err
			}
		}
		m, err := r.Read(in.buf[n:])
		n += m
		if err == io.EOF {
			return in.buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (in *incoming) arm() {
	most := in.p.limits.ReadTime
	if in.late == nil {
		in.late = time.AfterFunc(most, func() { in.p.session.Close(errSlow) })
		return
	}
	in.late.Reset(most)
}

// grow makes the buffer larger: for a message that is large, once there is room for the largest there may be.
func (in *incoming) grow() error {
	p := in.p
	size := max(2*len(in.buf), startText)
	if p.limits.Message < 1<<31-1 {
		size = min(size, p.limits.Message+1) // a byte that shows it to be too long
	}
	if size = max(size, len(in.buf)+1); size > keptText && in.held == 0 && p.memory != nil {
		in.late.Stop() // the wait is ours, not the peer's
		p.busy.Store(true)
		n, err := p.memory.Reserve(p.session.Context(), int64(max(p.limits.Message, size)))
		p.busy.Store(false)
		if err != nil {
			return err
		}
		in.held = n
		in.arm()
	}
	buf := make([]byte, size)
	copy(buf, in.buf)
	in.buf = buf
	return nil
}

// free gives a large buffer back.
func (in *incoming) free() {
	if len(in.buf) > keptText {
		in.close()
	}
}

func (in *incoming) close() {
	in.buf = nil
	if in.held > 0 {
		in.p.memory.Release(in.held)
		in.held = 0
	}
}

// next tells when to look after the session next: at the earliest of what may be due.
func (p *peer) next() time.Duration {
	next := p.limits.PingTime - p.cable.silence()
	if p.openTime > 0 && p.session.Version() == "" {
		next = min(next, p.openTime-time.Since(p.began))
	}
	if p.idleTime > 0 {
		next = min(next, p.idleTime-p.quiet())
	}
	return max(next, time.Millisecond)
}

// quiet tells how long no message has come or gone.
func (p *peer) quiet() time.Duration {
	return time.Since(p.began) - time.Duration(p.last.Load())
}

// check ends the session if it is idle or was not opened in time, and asks a peer that is silent whether it is there.
func (p *peer) check() {
	if stats := p.session.Stats(); stats.InFlight > 0 || stats.Pending > 0 {
		p.touch()
	}
	var why error
	switch {
	case p.openTime > 0 && p.session.Version() == "" && time.Since(p.began) >= p.openTime:
		why = errUnopened
	case p.idleTime > 0 && p.quiet() >= p.idleTime:
		why = errIdle
	case p.cable.silence() >= p.limits.PingTime && !p.answers():
		why = errDead
		why = p.ends(why)
	}
	if why != nil {
		p.session.Close(why)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock != nil {
		p.clock.Reset(p.next())
	}
}

// answers asks the peer whether it is there. A peer to which something is being written has the time of that, and one that
// we keep waiting cannot be heard.
func (p *peer) answers() bool {
	before := p.cable.heard.Load()
	if !p.waits() {
		ctx, cancel := context.WithTimeout(context.Background(), p.limits.PongTime)
		err := p.ws.Ping(ctx)
		cancel()
		if err != nil && !p.waits() {
			return p.cable.heard.Load() != before
		}
	}
	p.cable.heard.Store(int64(time.Since(p.cable.began)))
	return true
}

// waits tells whether the peer waits for us, or we write.
func (p *peer) waits() bool {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	return p.busy.Load() || p.out.waiting() > 0
}

// finish ends the connection once the session is closed.
func (p *peer) finish() {
	defer close(p.ended)
	p.mu.Lock()
	p.clock.Stop()
	p.clock = nil
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), p.limits.EndTime)
	if p.session.Wait(ctx) != nil {
		p.session.Logger().Warn("websocket: the connection ends while handlers still run")
	}
	cancel()
	p.out.close(p.limits.EndTime)
	code, reason := goodbye(p.session.Err())
	if code == 0 {
		_ = p.cable.Close() // nobody is there to take a farewell
		_ = p.ws.CloseNow()
		return
	}
	// The library waits for the peer's farewell longer than we do, and for a frame that has begun without end.
	cut := time.AfterFunc(p.limits.EndTime, func() { _ = p.cable.Close() })
	_ = p.ws.Close(code, reason) // the peer may be gone
	cut.Stop()
}

// goodbye gives the close code and reason for why a session ended; code 0 for none.
func goodbye(err error) (websocket.StatusCode, string) {
	var v *violation
	var closed closedError
	switch {
	case errors.As(err, &v):
		return v.code, v.reason
	case errors.As(err, &closed), errors.Is(err, rpc.ErrSlow), errors.Is(err, errDead), errors.Is(err, errBroken):
		return 0, ""
	}
	return websocket.StatusNormalClosure, ""
}
