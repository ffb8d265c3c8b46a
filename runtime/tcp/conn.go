package tcp

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// conn is a connection as rpc.LineConn sees it, which knows whether it broke.
type conn struct {
	net.Conn
	lost   func(error) error // what reading and writing say of an error; nil: the error
	broken atomic.Bool       // reading or writing failed
	woken  atomic.Bool       // the reader is to return, which is no failure
}

// Read reads what has arrived.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.failed(err)
}

// Write writes all of p.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	return n, c.failed(err)
}

func (c *conn) failed(err error) error {
	if err == nil || c.woken.Load() {
		return err
	}
	if err != io.EOF {
		c.broken.Store(true)
	}
	if c.lost != nil {
		return c.lost(err)
	}
	return err
}

// SetReadDeadline is how rpc.LineConn has its reader return: by a deadline that is over.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.woken.Store(true)
	return c.Conn.SetReadDeadline(t)
}

// lingerTime is how long a peer may take to close its side once we have closed ours.
const lingerTime = time.Second

// shut closes the connection, politely such that the peer gets what was written: closing it with something unread would
// have the system throw that away.
func (c *conn) shut(politely bool) {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if ok && politely && !c.broken.Load() && half.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, c.Conn) // until it closes too, or the time is over
	}
	_ = c.Conn.Close()
}
