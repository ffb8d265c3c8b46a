package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// served is a connection of a server.
type served struct {
	s     *Server
	conn  net.Conn
	leave func() // its place

	mu      sync.Mutex
	session *rpc.Session // nil before there is one
	stopped error        // why it was stopped before that
}

// begun notes the session; false if the connection has been stopped.
func (c *served) begun(session *rpc.Session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = session
	return c.stopped == nil
}

// opened gives the session, nil before there is one.
func (c *served) opened() *rpc.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// drain has the session take no more requests.
func (c *served) drain() *rpc.Session {
	session := c.opened()
	if session != nil {
		session.Drain()
	}
	return session
}

// stop ends the session, or the connection if there is none yet.
func (c *served) stop(why error) {
	c.mu.Lock()
	if c.stopped == nil {
		c.stopped = why
	}
	session := c.session
	c.mu.Unlock()
	if session != nil {
		session.Close(why)
		return
	}
	_ = c.conn.Close() // and so ends the TLS handshake
}

const (
	turnedAtOnce = 64              // so many are told at once that there is no room
	turnedTime   = 5 * time.Second // how long telling them may take
)

// ServeConn serves one connection, of any kind, until it or ctx ends, and closes it. It counts against the limits like
// those that [Server.Serve] accepts, and gets TLS if the server has it. The error says why the session failed; it is nil if
// the peer closed the connection or the server shut down, and that of ctx if that ended.
func (s *Server) ServeConn(ctx context.Context, c net.Conn) error {
	one := &served{s: s, conn: c}
	if err := s.admit(one); err != nil {
		s.turnAway(c, err)
		return err
	}
	defer s.dismiss(one)
	err := one.serve(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Debug("tcp: a connection failed", "remote", c.RemoteAddr(), "error", err)
	}
	return err
}

// turnAway tells the peer that there is no room, unless it would have to speak TLS or there are too many to tell.
func (s *Server) turnAway(c net.Conn, why error) {
	refusal, ok := why.(*rpc.Error)
	if !ok || s.tls != nil {
		_ = c.Close()
		return
	}
	select {
	case s.turned <- struct{}{}:
		defer func() { <-s.turned }()
	default:
		_ = c.Close()
		return
	}
	_ = c.SetDeadline(time.Now().Add(turnedTime))
	_, err := c.Write(append(rpc.NewError(rpc.ID{}, refusal).AppendJSON(nil), '\n'))
	(&conn{Conn: c}).shut(err == nil)
}

// serve serves the connection.
func (c *served) serve(ctx context.Context) error {
	s := c.s
	began := time.Now()
	secure, principal, err := c.authenticate(ctx)
	if err != nil {
		s.unauthenticated.Add(1)
		_ = c.conn.Close()
		return err
	}
	keepAlive(c.conn, s.limits.KeepAlive)
	line := &conn{Conn: secure}
	limits := s.limits.Lines
	limits.OpenTime = max(s.limits.OpenTime-time.Since(began), 1)
	lines := rpc.NewLineConn(line, line, limits)
	if principal != nil {
		ctx = rpc.WithPrincipal(ctx, *principal)
	}
	session, err := s.acceptor.NewSession(context.WithoutCancel(ctx), rpc.Link{
		Stream: lines, Transport: transportName(c.conn), RemoteAddr: remoteAddr(c.conn),
	})
	if err != nil {
		_ = c.conn.Close()
		return fmt.Errorf("tcp: %w", err)
	}
	if !c.begun(session) {
		session.Close(c.stopped)
	}
	err = lines.Run(ctx, session)
	// Who was too late once need not be waited for again.
	line.shut(!s.count(session))
	if errors.Is(err, errShutdown) {
		return nil
	}
	return err
}

// count counts how a session ended, and tells whether that was because time was over.
func (s *Server) count(session *rpc.Session) bool {
	err := session.Err()
	switch {
	case errors.Is(err, rpc.ErrSlow):
		s.slow.Add(1)
	case !errors.Is(err, rpc.ErrIdle):
		return false
	case session.Version() == "":
		s.notOpened.Add(1)
	default:
		s.idle.Add(1)
	}
	return true
}

// authenticate finds out who is at the other end.
func (c *served) authenticate(ctx context.Context) (net.Conn, *rpc.Principal, error) {
	secure := c.conn
	if c.s.tls != nil {
		secure = tls.Server(c.conn, c.s.tls)
	}
	if t, ok := secure.(interface{ HandshakeContext(context.Context) error }); ok {
		limited, cancel := context.WithTimeout(ctx, c.s.limits.OpenTime)
		defer cancel()
		if err := t.HandshakeContext(limited); err != nil {
			if limited.Err() != nil && ctx.Err() == nil {
				c.s.notOpened.Add(1)
			}
			return nil, nil, fmt.Errorf("tcp: TLS handshake: %w", err)
		}
	}
	if c.s.principal == nil {
		return secure, nil, nil
	}
	principal, err := c.s.principal(secure)
	if err != nil {
		return nil, nil, fmt.Errorf("tcp: the peer was turned away: %w", err)
	}
	return secure, principal, nil
}

// keepAlive has the system ask whether the peer is still there; every is 0 or less for never.
func keepAlive(c net.Conn, every time.Duration) {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: every > 0, Idle: every, Interval: every, Count: keepAliveCount})
}

// transportName names the transport in logs.
func transportName(c net.Conn) string {
	if _, ok := c.(*net.UnixConn); ok {
		return "unix"
	}
	return "tcp"
}

// remoteAddr gives the address of the peer, "" if it has none.
func remoteAddr(c net.Conn) string {
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return at.String()
	}
	return ""
}
