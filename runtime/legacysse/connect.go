package legacysse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/eventstream"
	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// ClientLimits bounds a client's connection. A zero field means its default; a negative one means no limit.
type ClientLimits struct {
	// Message is the size of a message in bytes, either way; default 16 MiB.
	Message int
	// OpenTime is how long the server may take to open the stream and name its endpoint; default 30 s.
	OpenTime time.Duration
	// PostTime is how long the server may take to accept a message; default 1 minute.
	PostTime time.Duration
	// Backoff says how a client comes back to a server whose stream broke off; by default it waits 1 s to 60 s, at random
	// and ever longer, between attempts.
	Backoff rpc.Backoff
	// CloseTime is how long Close takes at most for telling the server, and for handlers to return; default 2 s.
	CloseTime time.Duration
}

const (
	defaultClientOpenTime = 30 * time.Second
	defaultPostTime       = time.Minute
	defaultCloseTime      = 2 * time.Second
)

func (l ClientLimits) withDefaults() ClientLimits {
	l.Message = limit(l.Message, defaultMessage)
	l.OpenTime = limitTime(l.OpenTime, defaultClientOpenTime)
	l.PostTime = limitTime(l.PostTime, defaultPostTime)
	l.CloseTime = limitTime(l.CloseTime, defaultCloseTime)
	return l
}

// ConnectOption changes what [Connect] makes.
type ConnectOption func(*Endpoint)

// WithClient sets the HTTP client that requests are made with: for authorization, proxies, certificates, cookies. It must
// have no Timeout, which would cut the stream off. Default is one of the endpoint's own, which follows no redirect to
// another host or with another method.
func WithClient(c *http.Client) ConnectOption { return func(e *Endpoint) { e.client = c } }

// WithHeader adds a header field to every request.
func WithHeader(name, value string) ConnectOption {
	return func(e *Endpoint) { e.header.Add(name, value) }
}

// WithClientLimits sets the limits; zero fields mean the defaults.
func WithClientLimits(l ClientLimits) ConnectOption { return func(e *Endpoint) { e.limits = l } }

// Endpoint is a server's URL for event streams: a [rpc.Transport]. It is safe for concurrent use.
type Endpoint struct {
	url    string
	client *http.Client // nil: one is made for each connection
	header http.Header
	limits ClientLimits
}

var _ rpc.Redialer = (*Endpoint)(nil)

// Connect gives the transport to the server whose event streams are at url, with the scheme http or https.
func Connect(url string, opts ...ConnectOption) *Endpoint {
	e := &Endpoint{url: url, header: http.Header{}}
	for _, set := range opts {
		set(e)
	}
	e.limits = e.limits.withDefaults()
	return e
}

// HTTPError is a status that is no success.
type HTTPError struct {
	// Method is the HTTP method of the request.
	Method string
	// Status is the status code.
	Status int
	// Header is the header of the answer.
	Header http.Header
	// Body is the start of its body, at most 4 KiB.
	Body string
}

func (e *HTTPError) Error() string { return httpclient.Refusal(e.Method, e.Status, e.Body) }

// newHTTPError makes the error of an answer, which it closes.
func newHTTPError(resp *http.Response) *HTTPError {
	head := httpclient.Start(resp)
	return &HTTPError{Method: resp.Request.Method, Status: resp.StatusCode, Header: resp.Header, Body: string(head)}
}

// Connect opens an event stream and attaches s to it, once the server has named the endpoint for what is sent. That must
// have the same origin as the stream. An answer that is no event stream is an error that wraps an *[HTTPError] if its status
// is no success.
//
// When the stream ends, s closes because of an error that matches [rpc.ErrSessionEnded], upon which a client opens a new
// session (see [rpc.Redialer]); so does the error of a message that the server refuses with status 404. Any other refusal of a message is an error that wraps an *HTTPError.
//
// Close cancels the calls in flight and ends the stream. Its error is why the stream ended before that, if it did.
func (e *Endpoint) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	u, err := url.Parse(e.url)
	if err != nil {
		return nil, fmt.Errorf("legacysse: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("legacysse: the URL %q is not of the form http://host/path or https://host/path", u.Redacted())
	}
	c := &clientConn{
		endpoint: e,
		http:     e.client,
		session:  s,
		values:   context.WithoutCancel(ctx),
		posts:    map[rpc.ID]chan struct{}{},
		log:      s.Logger(),
	}
	if c.http == nil {
		c.http = httpclient.New()
		c.owned = true
	}
	c.ctx, c.cancel = context.WithCancelCause(c.values)
	if err := c.open(ctx); err != nil {
		c.cancel(err)
		c.release()
		return nil, fmt.Errorf("legacysse: %w", err)
	}
	return c, nil
}

// Backoff says how a client waits before it connects again.
func (e *Endpoint) Backoff() rpc.Backoff { return e.limits.Backoff }

// clientConn is a client's connection: the stream of its session.
type clientConn struct {
	endpoint *Endpoint
	http     *http.Client
	owned    bool // http is ours
	session  *rpc.Session
	values   context.Context
	log      *slog.Logger
	post     string // the URL that messages are sent to

	ctx    context.Context // ends with the connection
	cancel context.CancelCauseFunc
	work   sync.WaitGroup // goroutines

	mu     sync.Mutex
	closed bool                     // no goroutine may be added
	posts  map[rpc.ID]chan struct{} // requests that are being sent; closed when they are
	broken error                    // why the stream ended before we did
	once   sync.Once
}

var (
	_ rpc.Conn   = (*clientConn)(nil)
	_ rpc.Stream = (*clientConn)(nil)
)

var (
	errNotLegacy = errors.New("the server does not speak HTTP+SSE of protocol version 2024-11-05")
	errNoAnswer  = errors.New("the server did not name an endpoint in time")
)

// open opens the stream.
func (c *clientConn) open(ctx context.Context) error {
	opening, give := context.WithCancelCause(c.ctx) // the stream's; nothing but its end, or ours, ends it once it is open
	late := time.AfterFunc(c.endpoint.limits.OpenTime, func() { give(errNoAnswer) })
	stop := context.AfterFunc(ctx, func() { give(context.Cause(ctx)) })
	resp, events, err := c.begin(opening)
	if stopped := stop(); (!late.Stop() || !stopped) && err == nil {
		_ = resp.Body.Close()
		err = opening.Err()
	}
	if err != nil {
		if cause := context.Cause(opening); cause != nil {
			err = cause
		}
		give(err)
		return err
	}
	c.session.Attach(rpc.Link{Stream: c, Transport: transportName})
	context.AfterFunc(c.session.Context(), func() { c.cancel(context.Cause(c.session.Context())) })
	c.work.Go(func() {
		defer give(nil)
		c.read(resp, events)
	})
	return nil
}

// begin asks for the stream and reads its first event.
func (c *clientConn) begin(ctx context.Context) (*http.Response, *eventstream.Reader, error) {
	req, err := c.request(ctx, http.MethodGet, c.endpoint.url, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", httpaccess.TypeStream)
	req.Header.Set("Cache-Control", "no-cache")
	resp, err := httpclient.Do(c.http, req)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode >= 300 {
		return nil, nil, newHTTPError(resp)
	}
	events := eventstream.NewReader(resp.Body, c.endpoint.limits.Message)
	if err = c.first(resp, events); err != nil {
		_ = resp.Body.Close()
		return nil, nil, err
	}
	return resp, events, nil
}

// first takes the first event, which must be the endpoint.
func (c *clientConn) first(resp *http.Response, events *eventstream.Reader) error {
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if media = strings.ToLower(strings.TrimSpace(media)); media != httpaccess.TypeStream {
		return fmt.Errorf("%w: it answered a GET with content of type %q, expected %s", errNotLegacy, media, httpaccess.TypeStream)
	}
	event, err := events.Next()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: its event stream ended before an endpoint event", errNotLegacy)
	case err != nil:
		return err
	case event.Name == "endpoint" && len(event.Data) > maxEndpoint:
		return fmt.Errorf("%w: the endpoint is longer than %d bytes", errNotLegacy, maxEndpoint)
	case event.Name != "endpoint":
		return fmt.Errorf("%w: the first event is of type %s, expected endpoint", errNotLegacy, httpaccess.Clip(event.Name))
	}
	base := resp.Request.URL
	u, err := base.Parse(strings.TrimSpace(string(event.Data)))
	if err != nil {
		return fmt.Errorf("%w: the endpoint is no URL: %w", errNotLegacy, err)
	}
	if !sameOrigin(u, base) {
		return fmt.Errorf("%w: the endpoint is at %s://%s, which is not where the event stream is: %s://%s",
			errNotLegacy, u.Scheme, u.Host, base.Scheme, base.Host)
	}
	u.User, u.Fragment = base.User, ""
	c.post = u.String()
	return nil
}

const maxEndpoint = 8 << 10 // bytes of the endpoint's URL

// sameOrigin compares the origins of two URLs (RFC 6454).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	}
	return "80"
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
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		_ = c.session.Wait(ctx)
		c.work.Wait() // all its requests have been cancelled
		c.release()
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *clientConn) release() {
	if c.owned {
		c.http.CloseIdleConnections()
	}
}
