package legacysse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/eventstream"
	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// request makes an HTTP request.
func (c *clientConn) request(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, r)
	if err != nil {
		return nil, err
	}
	for name, values := range c.endpoint.header {
		req.Header[name] = append(req.Header[name], values...)
	}
	if v := c.session.Version(); v != "" {
		req.Header.Set(headerVersion, v)
	}
	return req, nil
}

// Send posts a message. For a request it returns once that has been written, or could not be; for anything else, once it
// was accepted.
func (c *clientConn) Send(ctx context.Context, m *rpc.Message) error {
	body := m.AppendJSON(nil)
	if n := len(body); n > c.endpoint.limits.Message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, n, c.endpoint.limits.Message)
	}
	if m.Kind == rpc.KindRequest {
		return c.call(ctx, m.ID, body)
	}
	if id, ok := rpc.CancelledID(m); ok {
		c.sent(ctx, id)
	}
	merged, cancel := c.merge(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	err := c.tell(merged, body)
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
		return ctx.Err()
	}
	return err
}

// merge gives a context with the values of ctx that ends with the connection, or by its cancel function.
func (c *clientConn) merge(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	merged, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })
	return merged, func(cause error) {
		stop()
		cancel(cause)
	}
}

// call posts a request, on a goroutine of its own.
func (c *clientConn) call(ctx context.Context, id rpc.ID, body []byte) error {
	merged, cancel := c.merge(ctx)
	written := make(chan struct{}, 1)
	wrote := func() {
		select {
		case written <- struct{}{}:
		default:
		}
	}
	traced := httptrace.WithClientTrace(merged, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { wrote() }})
	done := make(chan struct{})
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		cancel(nil)
		return rpc.ErrClosed
	}
	c.posts[id.Canonical()] = done
	c.work.Go(func() {
		defer cancel(nil)
		if err := c.tell(traced, body); err != nil {
			c.session.FailCall(id, err)
		}
		c.mu.Lock()
		delete(c.posts, id.Canonical())
		c.mu.Unlock()
		close(done)
		wrote() // where the HTTP client does not tell; or it has failed, which the session knows by now
	})
	c.mu.Unlock()
	select {
	case <-written:
	case <-ctx.Done(): // the session tells the server, who may have got it for all we know
	}
	return nil
}

// sentTime is how long a cancellation waits for the server to accept the request that it is about. If the server accepts
// requests only once they are answered, it has got it by then.
const sentTime = time.Second

// sent waits until a request has been sent, which what follows must not overtake.
func (c *clientConn) sent(ctx context.Context, id rpc.ID) {
	c.mu.Lock()
	done := c.posts[id.Canonical()]
	c.mu.Unlock()
	if done == nil {
		return
	}
	late := time.NewTimer(sentTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
}

var errNotAccepted = errors.New("the server did not accept the message in time")

// tell posts what is not answered.
func (c *clientConn) tell(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, c.endpoint.limits.PostTime, errNotAccepted)
	defer cancel()
	req, err := c.request(ctx, http.MethodPost, c.post, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", httpaccess.TypeJSON)
	resp, err := httpclient.Do(c.http, req)
	switch {
	case err == nil && resp.StatusCode < 300:
		httpclient.Drain(resp)
		return nil
	case err == nil:
		return refused(resp)
	case c.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", rpc.ErrClosed, context.Cause(c.ctx))
	case errors.Is(context.Cause(ctx), errNotAccepted):
		return fmt.Errorf("legacysse: %w", errNotAccepted)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = fmt.Errorf("POST: %w", u.Err) // its text has the URL, and that the session's id
	}
	return fmt.Errorf("legacysse: %w", err)
}

// refused makes the error of an answer to a POST that is no success, which it closes. If the body is a JSON-RPC error it is
// that, wrapping the *HTTPError. It matches rpc.ErrSessionEnded if the server no longer knows the session.
func refused(resp *http.Response) error {
	e := newHTTPError(resp)
	var err error = e
	if m := rpc.Salvage([]byte(e.Body)); m.Kind == rpc.KindError && httpaccess.IsJSON(e.Header["Content-Type"]) {
		if m, parseErr := rpc.Parse([]byte(e.Body), wire.Options{}); parseErr == nil && m.Kind == rpc.KindError {
			err = m.Error.Wrap(e)
		}
	}
	if e.Status == http.StatusNotFound {
		err = rpc.Errorf(rpc.CodeClosed, "%w: %w", rpc.ErrSessionEnded, err)
	}
	return err
}

// errLargeEvent is why an event was not read.
var errLargeEvent = rpc.Errorf(rpc.CodeInvalidRequest, "the event is too large: %w", rpc.ErrTooLarge)

// read takes what the server sends, until the stream ends.
func (c *clientConn) read(resp *http.Response, events *eventstream.Reader) {
	defer func() { _ = resp.Body.Close() }()
	for {
		event, err := events.Next()
		switch {
		case err != nil:
			c.ended(err)
			return
		case event.Name != "" && event.Name != "message": // none of ours
		case event.Large:
			_ = c.session.Refuse(c.values, rpc.Salvage(event.Data), errLargeEvent, nil)
		default:
			_ = c.session.Receive(c.values, event.Data, nil)
		}
	}
}

// ended closes the session, as the stream has ended.
func (c *clientConn) ended(err error) {
	if c.ctx.Err() != nil {
		return // that is why
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the server ended the event stream")
	} else {
		err = fmt.Errorf("the event stream broke off: %w", err)
	}
	err = fmt.Errorf("legacysse: %w: %w", rpc.ErrSessionEnded, err)
	c.mu.Lock()
	c.broken = err
	c.mu.Unlock()
	c.session.Close(err)
}
