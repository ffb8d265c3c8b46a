package streamhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/eventstream"
	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/internal/httpclient"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// mediaType gives the media type of an answer, in lower case and without parameters.
func mediaType(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// parseError parses the text of an error response.
func parseError(text []byte) (*rpc.Message, error) {
	m, err := rpc.Parse(text, wire.Options{})
	if err == nil && m.Kind != rpc.KindError {
		err = errors.New("not an error")
	}
	return m, err
}

// receive takes what the server sent: one message, or a batch from a server of the version that has such. on is the call
// on whose stream it came; nil for none.
func (c *clientConn) receive(text []byte, on *clientCall) {
	if rpc.IsBatch(text) && c.session.Version() == rpc.BatchVersion {
		if all, err := rpc.SplitBatch(text, math.MaxInt, c.session.Options()); err == nil {
			for _, raw := range all {
				c.receiveOne(raw.Bytes(), on)
			}
			return
		}
	}
	c.receiveOne(text, on)
}

func (c *clientConn) receiveOne(text []byte, on *clientCall) {
	m, err := rpc.Parse(text, c.session.Options())
	if m.IsResponse() {
		c.answered(m.ID, on)
	}
	if err != nil {
		_ = c.session.Refuse(c.values, m, err, nil) // it has logged it, and failed the call if it was a response
		return
	}
	_ = c.session.Deliver(c.values, m, nil)
}

// answered notes that the response of a call came. If that was on another stream than its own, its own is not needed any
// more.
func (c *clientConn) answered(id rpc.ID, on *clientCall) {
	c.mu.Lock()
	call := c.calls[id.Canonical()]
	if call != nil {
		call.over = true
	}
	c.mu.Unlock()
	if call != nil && call != on {
		call.cancel(nil)
	}
}

func (c *clientConn) isOver(call *clientCall) bool {
	if call == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return call.over
}

// takeStream takes the event stream that answers a call, and what the server sends of it later, up to the response.
func (c *clientConn) takeStream(ctx context.Context, call *clientCall, resp *http.Response) error {
	p := position{retry: -1}
	err := c.read(resp, call, &p)
	for failures := 1; ; {
		switch {
		case c.isOver(call):
			return nil
		case c.ctx.Err() != nil:
			return c.failed(context.Background(), err)
		case p.id == "" && err != nil:
			return fmt.Errorf("streamhttp: the stream of the answer broke off, and cannot be resumed: %w", err)
		case p.id == "":
			return errNoResponse
		}
		if failures > c.endpoint.limits.Retries {
			return fmt.Errorf("streamhttp: the stream of the answer could not be resumed: %w", err)
		}
		if !c.wait(ctx, c.delay(p.retry, failures)) {
			continue // over, or closed
		}
		var again bool
		if again, err = c.resume(ctx, call, &p, nil); !again {
			if c.isOver(call) {
				return nil
			}
			if errors.Is(err, rpc.ErrSessionEnded) { // but the call was run
				err = rpc.Errorf(rpc.CodeClosed, "%w: %w", rpc.ErrClosed, err)
			}
			return fmt.Errorf("streamhttp: the stream of the answer could not be resumed: %w", err)
		}
		failures = p.failures(failures)
	}
}

// position is how far a client has read a stream.
type position struct {
	id     string        // of the last event that had one
	retry  time.Duration // how long the server said to wait before coming back; -1 if it did not
	opened bool          // the last attempt to come back got a stream
}

// failures counts the failures in a row: the end of a stream is the first.
func (p *position) failures(before int) int {
	if p.opened {
		return 1
	}
	return before + 1
}

// read takes the events of a stream, which it closes, until it ends or, if it is that of a call, the call is answered. The
// error is nil if the server ended it.
func (c *clientConn) read(resp *http.Response, call *clientCall, p *position) error {
	defer func() { _ = resp.Body.Close() }()
	events := eventstream.NewReader(resp.Body, c.endpoint.limits.Message)
	events.ID, events.Retry = p.id, p.retry
	for {
		event, err := events.Next()
		p.id, p.retry = events.ID, events.Retry
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case event.Name != "" && event.Name != "message": // none of ours
		case event.Large:
			m := rpc.Salvage(event.Data)
			if m.IsResponse() {
				c.answered(m.ID, call)
			}
			_ = c.session.Refuse(c.values, m, errLargeEvent, nil)
		default:
			c.receive(event.Data, call)
		}
		if c.isOver(call) {
			// The server ends the stream now. If its end is read the connection can be used again.
			late := time.AfterFunc(endOfStream, func() { _ = resp.Body.Close() })
			_, _ = io.CopyN(io.Discard, resp.Body, httpclient.Head)
			late.Stop()
			return nil
		}
	}
}

// errLargeEvent is why an event was not read.
var errLargeEvent = rpc.Errorf(rpc.CodeInvalidRequest, "the event is too large: %w", rpc.ErrTooLarge)

// endOfStream is how long the end of a stream is waited for after the response.
const endOfStream = 100 * time.Millisecond

// resume asks for the rest of a stream, and takes it. reached, if not nil, is called when the server has answered, or will
// not. again is false if there is no point in another attempt.
func (c *clientConn) resume(ctx context.Context, call *clientCall, p *position, reached func()) (again bool, err error) {
	p.opened = false
	resp, err := c.do(ctx, http.MethodGet, nil, p.id)
	if reached != nil {
		reached()
	}
	if err != nil {
		return true, c.failed(context.Background(), err)
	}
	switch {
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return true, newHTTPError(resp)
	case resp.StatusCode >= 300:
		if call == nil {
			return false, newHTTPError(resp)
		}
		return false, c.refused(resp)
	case mediaType(resp.Header) != httpaccess.TypeStream:
		httpclient.Drain(resp)
		return false, fmt.Errorf("the server answered a GET with content of type %q", mediaType(resp.Header))
	}
	p.opened = true
	return true, c.read(resp, call, p)
}

// delay is how long to wait before coming back after a number of failures in a row: at first exactly what the server said,
// but for leastRetryTime, and then ever more, with a random part only added.
func (c *clientConn) delay(retry time.Duration, failures int) time.Duration {
	l := &c.endpoint.limits
	if retry < 0 {
		retry = l.RetryTime
	}
	if failures <= 1 {
		return max(retry, leastRetryTime)
	}
	d := max(retry, min(max(retry, minRetryTime)<<min(failures-1, 16), l.MaxRetryTime))
	return d + rand.N(d/4+1)
}

// leastRetryTime keeps a server that sends us back at once, again and again, from keeping us busy.
const leastRetryTime = 10 * time.Millisecond

// minRetryTime is what the time between attempts that keep failing starts from, if the server allows for less.
const minRetryTime = 50 * time.Millisecond

// wait waits; false if ctx ends first.
func (c *clientConn) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// listen opens the session's own stream, and comes back to it for as long as the session lives and the server offers it.
// It returns when the server can know of the first attempt.
func (c *clientConn) listen(ctx context.Context) {
	c.mu.Lock()
	first := !c.listening
	c.listening = true
	c.mu.Unlock()
	if !first {
		return
	}
	known := make(chan struct{}, 1)
	tell := func() {
		select {
		case known <- struct{}{}:
		default:
		}
	}
	if !c.goWork(func() { c.hear(tell) }) {
		return
	}
	select {
	case <-known:
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
}

// hear takes the session's own stream. tell is called when the server can know of it.
func (c *clientConn) hear(tell func()) {
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { tell() }})
	p := position{retry: -1}
	for failures := 0; ; {
		again, err := c.resume(ctx, nil, &p, tell)
		if c.ctx.Err() != nil {
			return
		}
		c.log.Debug("streamhttp: the stream for what belongs to no call ended", "again", again, "error", err)
		if !again {
			return
		}
		failures = p.failures(failures)
		if !c.wait(c.ctx, c.delay(p.retry, failures)) {
			return
		}
	}
}
