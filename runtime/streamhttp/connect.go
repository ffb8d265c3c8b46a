package streamhttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// ClientLimits bounds a client's connection. A zero field means its default; a negative one means no limit.
type ClientLimits struct {
	// Message is the size of a message in bytes, either way; default 16 MiB.
	Message int
	// RetryTime is how long to wait before a stream that ended is asked for again, where the server did not say; default
	// 1 s.
	RetryTime time.Duration
	// MaxRetryTime bounds the wait between attempts that keep failing, each of which doubles it; default 30 s. What the
	// server says is respected all the same.
	MaxRetryTime time.Duration
	// Retries is how many attempts in a row to resume the stream of a call may fail before the call does; default 5. The
	// session's own stream is tried for as long as the session lives.
	Retries int
	// CloseTime is how long Close takes at most for telling the server, and for handlers to return; default 2 s.
	CloseTime time.Duration
}

const (
	defaultMaxRetryTime = 30 * time.Second
	defaultRetries      = 5
	defaultCloseTime    = 2 * time.Second
)

func (l ClientLimits) withDefaults() ClientLimits {
	l.Message = limit(l.Message, defaultMessage)
	l.RetryTime = limitTime(l.RetryTime, defaultRetryTime)
	l.MaxRetryTime = limitTime(l.MaxRetryTime, defaultMaxRetryTime)
	l.Retries = limit(l.Retries, defaultRetries)
	l.CloseTime = limitTime(l.CloseTime, defaultCloseTime)
	return l
}

// ConnectOption changes what [Connect] makes.
type ConnectOption func(*Endpoint)

// WithClient sets the HTTP client that requests are made with: for authorization, proxies, certificates, cookies. It must
// have no Timeout, which would cut streams off. Default is one of the endpoint's own, which follows no redirect to another
// host or with another method.
func WithClient(c *http.Client) ConnectOption { return func(e *Endpoint) { e.client = c } }

// WithHeader adds a header field to every request.
func WithHeader(name, value string) ConnectOption {
	return func(e *Endpoint) { e.header.Add(name, value) }
}

// WithClientLimits sets the limits; zero fields mean the defaults.
func WithClientLimits(l ClientLimits) ConnectOption { return func(e *Endpoint) { e.limits = l } }

// WithoutListening makes a client that opens no stream for what belongs to no call: what the server then has to say of its
// own accord is not heard.
func WithoutListening() ConnectOption { return func(e *Endpoint) { e.deaf = true } }

// Endpoint is a server's endpoint: a [rpc.Transport]. It is safe for concurrent use.
type Endpoint struct {
	url    string
	client *http.Client // nil: one is made for each connection
	header http.Header
	limits ClientLimits
	deaf   bool
}

var _ rpc.Transport = (*Endpoint)(nil)

// Connect gives the transport to the server at url, whose scheme is http or https.
func Connect(url string, opts ...ConnectOption) *Endpoint {
	e := &Endpoint{url: url, header: http.Header{}}
	for _, set := range opts {
		set(e)
	}
	e.limits = e.limits.withDefaults()
	return e
}

// Connect attaches s to the endpoint. Nothing is sent before the session's first message; an error is about the URL.
//
// A request of the session is in flight until its response has come, in the answer to its POST or on a stream that was
// resumed. When the server no longer knows the session (status 404), the message that it refused fails with an error that
// matches [rpc.ErrSessionEnded]; a call that was accepted, and only loses its answer, matches [rpc.ErrClosed] besides. The
// session stays open, so that each message that is under way hears what becomes of it. Any other refusal is an error that
// wraps an *[HTTPError].
//
// Close cancels the calls in flight and tells the server that the session has ended, which may fail without harm. Its
// error is nil.
func (e *Endpoint) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u, err := url.Parse(e.url)
	if err != nil {
		return nil, fmt.Errorf("streamhttp: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("streamhttp: the URL %q is not of the form http://host/path or https://host/path", e.url)
	}
	c := &clientConn{
		endpoint: e,
		http:     e.client,
		session:  s,
		values:   context.WithoutCancel(ctx),
		calls:    map[rpc.ID]*clientCall{},
		log:      s.Logger(),
	}
	if c.http == nil {
		c.http = httpclient.New()
		c.owned = true
	}
	c.ctx, c.cancel = context.WithCancelCause(c.values)
	s.Attach(rpc.Link{Stream: c, Transport: transportName})
	context.AfterFunc(s.Context(), func() { c.cancel(context.Cause(s.Context())) })
	return c, nil
}

// clientConn is a client's connection: the stream of its session.
type clientConn struct {
	endpoint *Endpoint
	http     *http.Client
	owned    bool // http is ours
	session  *rpc.Session
	values   context.Context
	log      *slog.Logger

	ctx    context.Context // ends with the session
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // goroutines
	ended  atomic.Bool    // the server no longer knows the session

	mu        sync.Mutex
	id        string // of the session
	listening bool
	closed    bool // no goroutine may be added
	calls     map[rpc.ID]*clientCall
	once      sync.Once
}

var (
	_ rpc.Conn   = (*clientConn)(nil)
	_ rpc.Stream = (*clientConn)(nil)
)

// clientCall is a call in flight.
type clientCall struct {
	id      rpc.ID
	cancel  context.CancelCauseFunc // ends its HTTP exchange
	written chan struct{}           // holds a signal: the server may have got it
	over    bool                    // its response came, or will not be waited for; under the connection's lock
}

// goWork runs f on a goroutine, unless the connection is closed.
func (c *clientConn) goWork(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.work.Go(f)
	return true
}

// sessionID gives the id of the session, "" before there is one.
func (c *clientConn) sessionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Close ends the connection, see [Endpoint.Connect].
func (c *clientConn) Close() error {
	c.once.Do(func() {
		most := c.endpoint.limits.CloseTime
		ctx, cancel := context.WithTimeout(c.values, most)
		defer cancel()
		if c.session.Context().Err() == nil {
			half, cancel := context.WithTimeout(ctx, most/2)
			c.session.CancelCalls(half, nil)
			cancel()
		}
		c.session.Close(nil)
		c.cancel(rpc.ErrClosed)
		if !c.ended.Load() {
			c.deleteSession(ctx)
		}
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		_ = c.session.Wait(ctx)
		c.work.Wait() // all its requests have been cancelled
		if c.owned {
			c.http.CloseIdleConnections()
		}
	})
	return nil
}

// deleteSession tells the server that the session has ended. It need not succeed.
func (c *clientConn) deleteSession(ctx context.Context) {
	if c.sessionID() == "" {
		return
	}
	resp, err := c.do(ctx, http.MethodDelete, nil, "")
	if err != nil {
		c.log.Debug("streamhttp: the server could not be told that the session has ended", "error", err)
		return
	}
	httpclient.Drain(resp)
	if resp.StatusCode >= 300 {
		c.log.Debug("streamhttp: the server did not end the session", "status", resp.Status)
	}
}
