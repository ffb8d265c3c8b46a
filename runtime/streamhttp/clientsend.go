package streamhttp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

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

// newHTTPError makes the error of an answer, which it closes. If the body is a JSON-RPC error it is that, wrapping the
// *HTTPError.
func newHTTPError(resp *http.Response) error {
	head := httpclient.Start(resp)
	e := &HTTPError{Method: resp.Request.Method, Status: resp.StatusCode, Header: resp.Header, Body: string(head)}
	if httpaccess.IsJSON(resp.Header["Content-Type"]) {
		if m := rpc.Salvage(head); m.Kind == rpc.KindError {
			if m, err := parseError(head); err == nil {
				return m.Error.Wrap(e)
			}
		}
	}
	return e
}

// do sends an HTTP request.
func (c *clientConn) do(ctx context.Context, method string, body []byte, lastEvent string) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint.url, r)
	if err != nil {
		return nil, err
	}
	h := req.Header
	for name, values := range c.endpoint.header {
		h[name] = append(h[name], values...)
	}
	switch method {
	case http.MethodPost:
		h.Set("Content-Type", httpaccess.TypeJSON)
		h.Set("Accept", httpaccess.TypeJSON+", "+httpaccess.TypeStream)
	case http.MethodGet:
		h.Set("Accept", httpaccess.TypeStream)
		h.Set("Cache-Control", "no-cache")
	}
	if id := c.sessionID(); id != "" {
		h.Set(headerSession, id)
	}
	if v := c.session.Version(); v != "" {
		h.Set(headerVersion, v)
	}
	if lastEvent != "" {
		h.Set(headerLastEvent, lastEvent)
	}
	return httpclient.Do(c.http, req)
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

// Send posts a message. For a request it returns once that has been written, or could not be; for anything else, once it
// was accepted.
func (c *clientConn) Send(ctx context.Context, m *rpc.Message) error {
	body := m.AppendJSON(nil)
	if n := len(body); n > c.endpoint.limits.Message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, n, c.endpoint.limits.Message)
	}
	if m.Kind == rpc.KindRequest {
		return c.call(ctx, m.ID, rpc.IsInitialize(m), body)
	}
	if err := c.tell(ctx, body); err != nil {
		return err
	}
	if id, ok := rpc.CancelledID(m); ok {
		c.giveUp(id)
	}
	if rpc.IsInitialized(m) && !c.endpoint.deaf {
		c.listen(ctx)
	}
	return nil
}

// tell posts what is not answered.
func (c *clientConn) tell(ctx context.Context, body []byte) error {
	merged, cancel := c.merge(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	defer stop()
	resp, err := c.do(merged, http.MethodPost, body, "")
	if err != nil {
		return c.failed(ctx, err)
	}
	if resp.StatusCode >= 300 {
		return c.refused(resp)
	}
	httpclient.Drain(resp)
	return nil
}

// failed makes the error of a request that got no answer.
func (c *clientConn) failed(ctx context.Context, err error) error {
	switch {
	case c.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", rpc.ErrClosed, context.Cause(c.ctx))
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("streamhttp: %w", err)
}

// refused makes the error of an answer that is no success, which it closes. It matches rpc.ErrSessionEnded if the server
// no longer knows the session.
func (c *clientConn) refused(resp *http.Response) error {
	err := newHTTPError(resp)
	if resp.StatusCode == http.StatusNotFound && resp.Request.Header.Get(headerSession) != "" {
		c.ended.Store(true)
		err = rpc.Errorf(rpc.CodeClosed, "%w: %w", rpc.ErrSessionEnded, err)
	}
	return err
}

// call posts a request, whose answer is dealt with on a goroutine of its own.
func (c *clientConn) call(ctx context.Context, id rpc.ID, opens bool, body []byte) error {
	merged, cancel := c.merge(ctx)
	call := &clientCall{id: id, cancel: cancel, written: make(chan struct{}, 1)}
	merged = httptrace.WithClientTrace(merged, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { call.wrote() },
	})
	c.mu.Lock()
	c.calls[id.Canonical()] = call
	c.mu.Unlock()
	if !c.goWork(func() { c.exchange(merged, call, opens, body) }) {
		c.finish(call)
		return rpc.ErrClosed
	}
	select {
	case <-call.written: // or it has failed, which the session knows by now
	case <-ctx.Done():
		c.finish(call) // the session tells the server, who may have got it for all we know
	}
	return nil
}

// wrote notes that the server may have got the request.
func (call *clientCall) wrote() {
	select {
	case call.written <- struct{}{}:
	default:
	}
}

// finish ends a call's HTTP exchange; true if it was in flight until then.
func (c *clientConn) finish(call *clientCall) bool {
	c.mu.Lock()
	was := !call.over
	call.over = true
	if c.calls[call.id.Canonical()] == call {
		delete(c.calls, call.id.Canonical())
	}
	c.mu.Unlock()
	call.cancel(nil)
	return was
}

// giveUp ends the HTTP exchange of the call with the id, if there is one.
func (c *clientConn) giveUp(id rpc.ID) {
	c.mu.Lock()
	call := c.calls[id.Canonical()]
	c.mu.Unlock()
	if call != nil {
		c.finish(call)
	}
}

// exchange posts a request and takes what comes in return.
func (c *clientConn) exchange(ctx context.Context, call *clientCall, opens bool, body []byte) {
	err := c.roundTrip(ctx, call, opens, body)
	if c.finish(call) && err == nil {
		err = errNoResponse
	}
	if err != nil {
		c.session.FailCall(call.id, err)
	}
	call.wrote()
}

var errNoResponse = rpc.Errorf(rpc.CodeInternalError, "the server's answer ended without a response").Wrap(io.ErrUnexpectedEOF) // not the peer's word

func (c *clientConn) roundTrip(ctx context.Context, call *clientCall, opens bool, body []byte) error {
	resp, err := c.do(ctx, http.MethodPost, body, "")
	call.wrote() // where the HTTP client does not tell
	if err != nil {
		return c.failed(context.Background(), err)
	}
	if resp.StatusCode >= 300 {
		return c.refused(resp)
	}
	if opens {
		if err := c.opened(resp.Header); err != nil {
			httpclient.Drain(resp)
			return err
		}
	}
	switch media := mediaType(resp.Header); media {
	case httpaccess.TypeJSON:
		return c.takeJSON(resp)
	case httpaccess.TypeStream:
		return c.takeStream(ctx, call, resp)
	default:
		httpclient.Drain(resp)
		return rpc.Errorf(rpc.CodeInternalError, "the server answered a request with status %s and content of type %q, expected %s or %s",
			resp.Status, media, httpaccess.TypeJSON, httpaccess.TypeStream)
	}
}

// opened notes the id of a session that the server opened.
func (c *clientConn) opened(h http.Header) error {
	id := h.Get(headerSession)
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7E {
			return rpc.Errorf(rpc.CodeInternalError, "the server's session id %q has other than visible ASCII characters", id)
		}
	}
	c.mu.Lock()
	c.id = id
	c.mu.Unlock()
	link := c.session.Link()
	link.ID = id
	c.session.Attach(link)
	return nil
}

// takeJSON takes an answer that is JSON.
func (c *clientConn) takeJSON(resp *http.Response) error {
	defer httpclient.Drain(resp)
	most := c.endpoint.limits.Message
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return c.failed(context.Background(), fmt.Errorf("the answer broke off: %w", err))
	}
	if len(body) > most {
		return rpc.Errorf(rpc.CodeTooLarge, "the answer is larger than %d bytes: %w", most, rpc.ErrTooLarge)
	}
	c.receive(body, nil)
	return nil
}
