package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// ClientLimits bounds a client's connection. A zero field means its default; a negative one means no limit.
type ClientLimits struct {
	// Lines are the limits of the connection: the size of a message, the time to read and to write one, what may wait to
	// be written.
	Lines rpc.LineLimits
	// ConnectTime is how long connecting may take, the TLS handshake included; default 10 s.
	ConnectTime time.Duration
	// KeepAlive is as in [Limits]; default 15 s.
	KeepAlive time.Duration
	// Backoff says how a client comes back to a server that it lost; by default it waits 1 s to 60 s, at random and ever
	// longer, between attempts.
	Backoff rpc.Backoff
}

const (
	defaultConnectTime = 10 * time.Second
	cancelTime         = time.Second // how long telling the server to give up our calls may take
)

// ConnectOption changes what [Connect] makes.
type ConnectOption func(*Dialer)

// WithClientTLS sets how TLS is spoken to the server, and that it is. Where the configuration has no ServerName it is the
// host of the address. For mutual TLS it has the client's certificate.
func WithClientTLS(cfg *tls.Config) ConnectOption { return func(d *Dialer) { d.tls = cfg } }

// WithClientLimits sets the limits; zero fields mean the defaults.
func WithClientLimits(l ClientLimits) ConnectOption { return func(d *Dialer) { d.limits = l } }

// WithDial has connections made by dial, whatever they are: the adapter for any net.Conn. TLS is added to them if the
// address or [WithClientTLS] asks for it. The address is only a name then, which may be "".
func WithDial(dial func(ctx context.Context) (net.Conn, error)) ConnectOption {
	return func(d *Dialer) { d.dial = dial }
}

// Dialer connects to a server: a [rpc.Transport]. It is safe for concurrent use.
type Dialer struct {
	address string
	tls     *tls.Config
	dial    func(ctx context.Context) (net.Conn, error)
	limits  ClientLimits
}

var _ rpc.Redialer = (*Dialer)(nil)

// Connect gives the transport to the server at host:port, tcp://host:port, tls://host:port, or unix:/path.
func Connect(address string, opts ...ConnectOption) *Dialer {
	d := &Dialer{address: address}
	for _, set := range opts {
		set(d)
	}
	l := &d.limits
	l.ConnectTime = limitTime(l.ConnectTime, defaultConnectTime)
	if l.KeepAlive == 0 {
		l.KeepAlive = defaultKeepAlive
	}
	return d
}

// Over gives the transport over one connection that is there already. It can be connected once, and is closed with the
// session.
func Over(c net.Conn, opts ...ConnectOption) *Dialer {
	var used atomic.Bool
	opts = append(opts[:len(opts):len(opts)], WithDial(func(context.Context) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errUsed
		}
		return c, nil
	}))
	return Connect("", opts...)
}

var errUsed = errors.New("the one connection there was has been used")

// Backoff says how a client waits before it connects again.
func (d *Dialer) Backoff() rpc.Backoff { return d.limits.Backoff }

// Connect connects to the server and attaches s. If the connection breaks or the server closes it, s closes with an error
// that matches [rpc.ErrSessionEnded]: calls in flight fail, as nobody knows what became of them, and a client opens a new
// session over a new connection for what follows (see [rpc.Redialer]).
//
// Close cancels the calls in flight, and closes the connection once what is queued is written. Its error is nil unless the
// connection broke before.
func (d *Dialer) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, d.limits.ConnectTime)
	defer cancel()
	c, name, err := d.open(limited)
	if err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			err = fmt.Errorf("no connection after %v: %w", d.limits.ConnectTime, err)
		}
		return nil, fmt.Errorf("tcp: %w", err)
	}
	p := &peer{session: s, done: make(chan struct{})}
	p.conn = &conn{Conn: c, lost: lost}
	p.lines = rpc.NewLineConn(p.conn, p.conn, d.limits.Lines)
	s.Attach(rpc.Link{Stream: p.lines, Transport: name, RemoteAddr: remoteAddr(c)})
	go p.run(context.WithoutCancel(ctx))
	return p, nil
}

// open makes a connection.
func (d *Dialer) open(ctx context.Context) (net.Conn, string, error) {
	var at place
	dial, cfg := d.dial, d.tls
	if dial == nil || d.address != "" {
		var err error
		if at, err = parse(d.address); err != nil && dial == nil {
			return nil, "", err
		}
	}
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, at.network, at.address)
		}
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, "", err
	}
	keepAlive(c, d.limits.KeepAlive)
	name := transportName(c)
	if !at.secure && cfg == nil {
		return c, name, nil
	}
	if cfg = cfg.Clone(); cfg == nil {
		cfg = &tls.Config{}
	}
	if host, _, err := net.SplitHostPort(at.address); err == nil && cfg.ServerName == "" {
		cfg.ServerName = host
	}
	secure := tls.Client(c, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, "", fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, name, nil
}

// lost is the error for a connection that broke, or that the server closed.
func lost(err error) error {
	return fmt.Errorf("%w: the connection was lost: %w", rpc.ErrSessionEnded, err)
}

// peer is a client's connection to a server.
type peer struct {
	session *rpc.Session
	conn    *conn
	lines   *rpc.LineConn
	ours    atomic.Bool   // whatever ends now, we caused it
	done    chan struct{} // closed when all is over; err is set then
	err     error
}

func (p *peer) run(ctx context.Context) {
	defer close(p.done)
	err := p.lines.Run(ctx, p.session)
	ours := p.ours.Load()
	p.conn.shut(ours)
	if err != nil && !ours && !errors.Is(err, rpc.ErrClosed) {
		p.err = err
	}
}

// Close ends the connection, see [Dialer.Connect].
func (p *peer) Close() error {
	if p.session.Context().Err() == nil {
		p.ours.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
		p.session.CancelCalls(ctx, nil)
		cancel()
	}
	p.session.Close(nil)
	<-p.done
	return p.err
}
