package websocket

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// cable is what the WebSocket runs over. It gathers frames that go out together, and cuts a peer off that takes nothing.
type cable struct {
	rwc   io.ReadWriteCloser
	most  time.Duration // that a write may wait for the peer
	began time.Time
	heard atomic.Int64 // when something arrived, in nanoseconds since began
	stuck atomic.Bool  // the peer was cut off because it took nothing
	over  atomic.Bool  // reading failed, or the end was read

	mu      sync.Mutex
	timer   *time.Timer // cuts it off
	held    []byte      // what waits for more
	holding bool
}

const (
	heldMost = 64 << 10 // no more than this waits for more
	oneWrite = 1 << 20  // so much must be taken in time at a stretch
)

func newCable(rwc io.ReadWriteCloser, most time.Duration) *cable {
	c := &cable{rwc: rwc, most: most, began: time.Now()}
	c.timer = time.AfterFunc(time.Hour, func() {
		c.stuck.Store(true)
		_ = rwc.Close()
	})
	c.timer.Stop()
	return c
}

// Read reads what has arrived.
func (c *cable) Read(p []byte) (int, error) {
	n, err := c.rwc.Read(p)
	if n > 0 {
		c.heard.Store(int64(time.Since(c.began)))
	}
	if err != nil {
		c.over.Store(true)
	}
	return n, err
}

// gone reports whether the connection is at its end.
func (c *cable) gone() bool { return c.over.Load() }

// silence tells how long nothing has arrived.
func (c *cable) silence() time.Duration {
	return time.Since(c.began) - time.Duration(c.heard.Load())
}

// Write writes p, or keeps it until there is enough while the cable holds what comes.
func (c *cable) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding && len(c.held)+len(p) <= heldMost {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	if c.holding && len(p) <= heldMost {
		c.held = append(c.held, p...)
		return len(p), nil
	}
	return len(p), c.write(p)
}

// hold has the cable keep what is written until release.
func (c *cable) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// release writes what was kept.
func (c *cable) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	return c.flush()
}

// flush writes what was kept. Under mu.
func (c *cable) flush() error {
	if len(c.held) == 0 {
		return nil
	}
	err := c.write(c.held)
	c.held = c.held[:0]
	return err
}

// write writes to the peer. Under mu.
func (c *cable) write(p []byte) error {
	for len(p) > 0 {
		part := p[:min(len(p), oneWrite)]
		c.timer.Reset(c.most)
		n, err := c.rwc.Write(part)
		c.timer.Stop()
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Close cuts the connection.
func (c *cable) Close() error { return c.rwc.Close() }

// serverCable is a cable as http.Hijacker gives it.
type serverCable struct {
	net.Conn
	cable *cable
}

func (s serverCable) Read(p []byte) (int, error)  { return s.cable.Read(p) }
func (s serverCable) Write(p []byte) (int, error) { return s.cable.Write(p) }
