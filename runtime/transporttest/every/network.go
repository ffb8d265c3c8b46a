package every

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// network is a network in memory with one listener. Its connections hold what was written until it is read, as real ones
// do, up to a size.
type network struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newNetwork() *network {
	return &network{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for a connection.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the network.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr is a name.
func (n *network) Addr() net.Addr { return memory }

var memory = &net.UnixAddr{Name: "memory", Net: "unix"}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a, b := newHalf(), newHalf()
	select {
	case n.conns <- &conn{in: b, out: a}:
		return &conn{in: a, out: b}, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// conn is one end of a connection.
type conn struct{ in, out *half }

// Read reads what the other end wrote.
func (c *conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write writes to the other end.
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close closes both directions.
func (c *conn) Close() error {
	c.in.change(func(h *half) { h.reader.closed = true })
	c.out.change(func(h *half) { h.writer.closed = true })
	return nil
}

// LocalAddr is a name.
func (c *conn) LocalAddr() net.Addr { return memory }

// RemoteAddr is a name.
func (c *conn) RemoteAddr() net.Addr { return memory }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets when reading fails.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.change(func(h *half) { h.reader.set(h, t) })
	return nil
}

// SetWriteDeadline sets when writing fails.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.change(func(h *half) { h.writer.set(h, t) })
	return nil
}

// half is one direction of a connection.
type half struct {
	mu             sync.Mutex
	changed        *sync.Cond
	buf            []byte
	reader, writer end
}

// end is who reads or writes a half.
type end struct {
	closed, late bool
	timer        *time.Timer
}

// held is how much a half holds, in bytes.
const held = 64 << 10

func newHalf() *half {
	h := &half{}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *half) change(f func(*half)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h)
	h.changed.Broadcast()
}

// set sets the deadline of an end. Under mu.
func (e *end) set(h *half, t time.Time) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	e.late = !t.IsZero() && !time.Now().Before(t)
	if t.IsZero() || e.late {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		h.change(func(*half) { e.late = e.late || e.timer == timer })
	})
	e.timer = timer
}

func (h *half) read(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.reader.closed:
			return 0, net.ErrClosed
		case h.reader.late:
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(b, h.buf)
			h.buf = h.buf[n:]
			h.changed.Broadcast()
			return n, nil
		case h.writer.closed:
			return 0, io.EOF
		}
		h.changed.Wait()
	}
}

func (h *half) write(b []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n < len(b) {
		switch room := held - len(h.buf); {
		case h.writer.closed:
			return n, net.ErrClosed
		case h.writer.late:
			return n, os.ErrDeadlineExceeded
		case h.reader.closed:
			return n, io.ErrClosedPipe
		case room > 0:
			piece := b[n:min(n+room, len(b))]
			h.buf = append(h.buf, piece...)
			n += len(piece)
			h.changed.Broadcast()
		default:
			h.changed.Wait()
		}
	}
	return n, nil
}
