package streamhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// exchange is a POST that has requests: the stream of what is answered, and the context that the requests arrive with,
// which has no end, so that they outlive the connection.
type exchange struct {
	stream
	values context.Context
	header http.Header
	remote string // address
}

var (
	_ rpc.Ender       = (*exchange)(nil)
	_ context.Context = (*exchange)(nil)
)

// Deadline is part of context.Context.
func (x *exchange) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is part of context.Context.
func (x *exchange) Done() <-chan struct{} { return nil }

// Err is part of context.Context.
func (x *exchange) Err() error { return nil }

// Value gives the values of the HTTP request's context, its header, and where it came from.
func (x *exchange) Value(key any) any {
	switch key.(type) {
	case rpc.HeaderKey:
		return map[string][]string(x.header)
	case rpc.RemoteAddrKey:
		if x.remote != "" {
			return x.remote
		}
	}
	return x.values.Value(key)
}

var (
	contentJSON   = []string{httpaccess.TypeJSON}
	contentStream = []string{httpaccess.TypeStream}
	noCache       = []string{"no-cache, no-transform"}
	noBuffering   = []string{"no"}
	closing       = []string{"close"}
)

var errDisconnected = errors.New("the client disconnected")

// answer writes what comes for the exchange, until that is all or the client is gone, which it reports. Nothing has been
// written before, and c carries the exchange.
func (h *Server) answer(w http.ResponseWriter, r *http.Request, x *exchange, c *conn, id rpc.ID) (gone bool) {
	ctx := r.Context()
	c.timer.Reset(h.limits.QuietTime)
	for {
		select {
		case <-c.wake:
		case <-c.timer.C:
			if !x.promote() {
				// It takes as long as it takes: the server's time for a request must not end it.
				out := http.NewResponseController(w)
				_ = out.SetReadDeadline(time.Time{})
				_ = out.SetWriteDeadline(time.Time{})
			}
		case <-ctx.Done():
			x.detach(c)
			return true
		}
		x.mu.Lock()
		phase, over := x.phase, x.over
		x.mu.Unlock()
		switch {
		case phase != phaseQuiet:
			gone, _ = h.carry(w, r, &x.stream, c, nil)
			return gone
		case over:
			h.complete(w, x, c, id)
			return false
		}
	}
}

// complete writes the answer of an exchange that is over and of which nothing was written.
func (h *Server) complete(w http.ResponseWriter, x *exchange, c *conn, id rpc.ID) {
	x.mu.Lock()
	body, framed, why, batch := x.buf, x.framed, x.why, x.batch
	status, fields := x.status, x.fields
	x.conn, x.buf = nil, nil
	x.mu.Unlock()
	header := w.Header()
	switch {
	case framed:
		header["Content-Type"] = contentStream
		header["Cache-Control"] = noCache
	case len(body) > 0:
		header["Content-Type"] = contentJSON
		if batch {
			body = append(body, ']')
		}
	case errors.Is(why, rpc.ErrClosed):
		e := &rpc.Error{Code: rpc.CodeClosed, Message: "the session ended before the request was answered"}
		header["Content-Type"] = contentJSON
		body = rpc.NewError(id, e).AppendJSON(takeBuffer())
	default: // cancelled: there is no response
		if x.sse {
			header["Content-Type"] = contentStream
			w.WriteHeader(http.StatusOK)
		} else {
			w.WriteHeader(http.StatusAccepted)
		}
		return
	}
	if len(body) > writtenAtOnce {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	if status != 0 {
		for name, values := range fields {
			header[name] = slices.Clone(values)
		}
		w.WriteHeader(status)
	}
	_, _ = w.Write(body) // the client may be gone
	giveBuffer(body)
}

// writtenAtOnce is up to which size net/http finds out the length of an answer by itself.
const writtenAtOnce = 2048

// carry writes the events of a stream to a connection that is attached to it, until the stream is over, has been taken
// over, is to be polled, or the client is gone, which it reports.
//
// If park is not nil and the connection allows that, it is taken over from net/http once the first events are written. Then
// carry returns at once, with away, and park is called when the connection has ended.
func (h *Server) carry(w http.ResponseWriter, r *http.Request, st *stream, c *conn, park func()) (gone, away bool) {
	header := w.Header()
	header["Content-Type"] = contentStream
	header["Cache-Control"] = noCache
	header["X-Accel-Buffering"] = noBuffering
	if park != nil && h.takesOver(w, r) {
		header["Connection"] = closing // it will not be net/http's when the stream ends
	}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's time to read a request must not end the stream
	defer st.detach(c)
	ctx := r.Context()
	for first := true; ; first = false {
		frames, upTo, last, ok := st.take(c)
		if !ok {
			return false, false
		}
		if first || len(frames) > 0 {
			if err := h.write(w, out, frames); err != nil {
				return true, false
			}
			st.wrote(upTo)
			giveBuffer(frames)
		}
		if last {
			return false, false
		}
		if first && park != nil && h.takesOver(w, r) && h.takeOver(ctx, out, st, c, park) {
			return false, true
		}
		c.timer.Reset(h.limits.KeepAlive)
		select {
		case <-c.wake:
		case <-c.timer.C:
			if err := h.write(w, out, keepAlive); err != nil {
				return true, false
			}
		case <-ctx.Done():
			return true, false
		}
	}
}

// write writes and flushes, within limits.
func (h *Server) write(w http.ResponseWriter, out *http.ResponseController, b []byte) error {
	_ = out.SetWriteDeadline(time.Now().Add(h.limits.WriteTime)) // where there are none, the client's slowness is the proxy's
	if len(b) > 0 {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		if errors.Is(err, http.ErrNotSupported) {
			h.log.Error("streamhttp: an event stream cannot be flushed: the ResponseWriter of a middleware has neither Flush nor Unwrap")
			return nil
		}
		return err
	}
	return nil
}
