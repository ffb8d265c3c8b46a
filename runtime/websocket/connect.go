package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// ClientLimits bounds a client's connection. A zero field means its default; a negative one means no limit.
type ClientLimits struct {
	// Wire are the limits of the connection.
	Wire Wire
	// ConnectTime is how long connecting may take, up to the server's answer to the request; default 10 s.
	ConnectTime time.Duration
	// Backoff says how a client comes back to a server that it lost; by default it waits 1 s to 60 s, at random and ever
	// longer, between attempts.
	Backoff rpc.Backoff
}

const (
	defaultConnectTime = 10 * time.Second
	cancelTime         = time.Second // how long telling the server to give up our calls may take
)

// ConnectOption changes what [Connect] makes.
type ConnectOption func(*Endpoint)

// WithClient sets the HTTP client that the request is made with: for authorization, proxies, certificates, cookies. Default
// is one of the endpoint's own, which follows no redirect to another host. Its answers to a request that is upgraded must
// have a body that can be written to, as those of http.Transport have.
func WithClient(c *http.Client) ConnectOption { return func(e *Endpoint) { e.client = c } }

// WithHeader adds a header field to the request.
func WithHeader(name, value string) ConnectOption {
	return func(e *Endpoint) { e.header.Add(name, value) }
}

// WithClientLimits sets the limits; zero fields mean the defaults.
func WithClientLimits(l ClientLimits) ConnectOption { return func(e *Endpoint) { e.limits = l } }

// WithClientCompression has the client ask the server to compress messages. See [WithCompression] for why it is off by
// default.
func WithClientCompression() ConnectOption { return func(e *Endpoint) { e.compress = true } }

// Endpoint is a server's endpoint: a [rpc.Transport]. It is safe for concurrent use.
type Endpoint struct {
	url      string
	client   *http.Client // nil: one is made for each connection
	header   http.Header
	limits   ClientLimits
	compress bool
}

var _ rpc.Redialer = (*Endpoint)(nil)

// Connect gives the transport to the server at url, whose scheme is ws or wss.
func Connect(url string, opts ...ConnectOption) *Endpoint {
	e := &Endpoint{url: url, header: http.Header{}}
	for _, set := range opts {
		set(e)
	}
	e.limits.Wire = e.limits.Wire.withDefaults()
	e.limits.ConnectTime = limitTime(e.limits.ConnectTime, defaultConnectTime)
	return e
}

// Backoff says how a client waits before it connects again.
func (e *Endpoint) Backoff() rpc.Backoff { return e.limits.Backoff }

// tap is a way for HTTP requests that puts a cable around the connection it is given.
type tap struct {
	http.RoundTripper
	most  time.Duration
	cable *cable
}

// RoundTrip makes a request.
func (t *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		if rwc, ok := resp.Body.(io.ReadWriteCloser); ok {
			t.cable = newCable(rwc, t.most)
			resp.Body = t.cable
		}
	}
	return resp, err
}

// Connect connects to the server and attaches s. If the connection breaks or the server closes it, s closes with an error
// that matches [rpc.ErrSessionEnded]: calls in flight fail, as nobody knows what became of them, and a client opens a new
// session over a new connection for what follows (see [rpc.Redialer]).
//
// Close cancels the calls in flight, writes what is queued and closes the connection. Its error is nil unless the connection
// broke before.
func (e *Endpoint) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	u, err := url.Parse(e.url)
	if err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	if (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" {
		return nil, fmt.Errorf("websocket: the URL %q is not of the form ws://host/path or wss://host/path", u.Redacted())
	}
	c := &clientConn{done: make(chan struct{})}
	base := e.client
	if base == nil {
		base = httpclient.New()
		c.owned = base
	}
	p := &peer{session: s, limits: e.limits.Wire, lost: lost, began: time.Now()}
	p.out = newWriter(p.limits)
	remote, err := e.dial(ctx, base, p)
	if err != nil {
		c.closeIdle()
		return nil, fmt.Errorf("websocket: %w", err)
	}
	c.p = p
	s.Attach(rpc.Link{Stream: p, Transport: transportName, RemoteAddr: remote})
	go c.run(context.WithoutCancel(ctx))
	return c, nil
}

// dial opens the connection of p, and gives the server's address.
func (e *Endpoint) dial(ctx context.Context, base *http.Client, p *peer) (remote string, err error) {
	limited, cancel := context.WithTimeout(ctx, e.limits.ConnectTime)
	defer cancel()
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		remote = i.Conn.RemoteAddr().String()
	}})
	way := &tap{RoundTripper: base.Transport, most: p.limits.WriteTime}
	if way.RoundTripper == nil {
		way.RoundTripper = http.DefaultTransport
	}
	client := *base
	client.Transport = way
	mode := websocket.CompressionDisabled
	if e.compress {
		mode = websocket.CompressionNoContextTakeover
	}
	ws, resp, err := websocket.Dial(traced, e.url, &websocket.DialOptions{
		HTTPClient: &client, HTTPHeader: e.header, Subprotocols: []string{Subprotocol}, CompressionMode: mode,
	})
	switch {
	case err != nil && resp != nil && resp.Body != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return "", errors.New(httpclient.Refusal(http.MethodGet, resp.StatusCode, string(httpclient.Start(resp))))
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return "", fmt.Errorf("no connection after %v: %w", e.limits.ConnectTime, err)
	case err != nil:
		return "", err
	case ws.Subprotocol() != Subprotocol:
		_ = way.cable.Close()
		_ = ws.CloseNow()
		return "", fmt.Errorf("the server does not speak the WebSocket subprotocol %q", Subprotocol)
	}
	p.ws, p.cable = ws, way.cable
	return remote, nil
}

// lost is the error for a connection that broke, or that the server closed.
func lost(err error) error {
	return fmt.Errorf("%w: %w", rpc.ErrSessionEnded, err)
}

// clientConn is a client's connection.
type clientConn struct {
	p     *peer
	owned *http.Client  // nil: the user's
	ours  atomic.Bool   // whatever ends now, we caused it
	done  chan struct{} // closed when all is over; err is set then
	err   error
}

func (c *clientConn) run(ctx context.Context) {
	defer close(c.done)
	c.p.run(ctx)
	c.closeIdle()
	if err := c.p.session.Err(); err != rpc.ErrClosed && !c.ours.Load() {
		c.err = err
	}
}

func (c *clientConn) closeIdle() {
	if c.owned != nil {
		c.owned.CloseIdleConnections()
	}
}

// Close ends the connection, see [Endpoint.Connect].
func (c *clientConn) Close() error {
	s := c.p.session
	if s.Context().Err() == nil {
		c.ours.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
		s.CancelCalls(ctx, nil)
		cancel()
	}
	s.Close(nil)
	<-c.done
	return c.err
}
