package legacysse

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// get opens a session, and is its stream until it ends.
func (h *Server) get(w http.ResponseWriter, r *http.Request) {
	if !httpaccess.ParseAccept(r.Header["Accept"]).Stream {
		refuse(w, http.StatusNotAcceptable, rpc.CodeInvalidRequest, "the Accept header does not allow "+httpaccess.TypeStream)
		return
	}
	s, err := h.open(r)
	switch e, ok := errors.AsType[*rpc.Error](err); {
	case err == nil:
	case errors.Is(err, errFull):
		h.counters.full.Add(1)
		retryLater(w, err.Error())
		return
	case errors.Is(err, errShutdown):
		retryLater(w, err.Error())
		return
	case ok:
		if e.Code == rpc.CodeBusy {
			h.counters.rate.Add(1)
		}
		refuseError(w, http.StatusInternalServerError, rpc.ID{}, e)
		return
	default:
		h.log.ErrorContext(r.Context(), "legacysse: a session could not be made", "error", err)
		refuse(w, http.StatusInternalServerError, rpc.CodeInternalError, "the session could not be made")
		return
	}
	cause := h.carry(w, r, s)
	s.rpc.Close(cause)
	s.finish()
	h.end(s)
}

// endpointFor gives the URL that the client of r is to POST to in the session.
func (h *Server) endpointFor(r *http.Request, id string) string {
	path := h.endpoint
	if path == "" {
		path, _, _ = strings.Cut(r.RequestURI, "?") // as it was sent: r.URL may have been stripped of a prefix
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, `\`) {
			path = "" // it could be taken for another host: the query alone means the same
		}
	}
	return path + "?" + querySession + "=" + id
}

// carry writes what is sent in a session until it ends, and tells why it did.
func (h *Server) carry(w http.ResponseWriter, r *http.Request, s *session) error {
	header := w.Header()
	header["Content-Type"] = []string{httpaccess.TypeStream}
	header["Cache-Control"] = []string{"no-cache, no-store, no-transform"}
	header["X-Accel-Buffering"] = []string{"no"}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's time to read a request must not end the stream
	var last time.Time                   // when writing must be over; zero while the session lives
	if err := h.write(w, out, last, []byte("event: endpoint\ndata: "+h.endpointFor(r, s.id)+"\n\n")); err != nil {
		return err
	}
	defer func() { _ = out.SetWriteDeadline(time.Now().Add(h.limits.WriteTime)) }() // for the end of the answer
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		frames, messages := s.take()
		if len(frames) > 0 {
			if err := h.write(w, out, last, frames); err != nil {
				return err
			}
			s.wrote(frames, messages)
		}
		if !last.IsZero() {
			return s.rpc.Err()
		}
		left, why := s.patience()
		if left <= 0 {
			s.rpc.Close(why)
		}
		timer.Reset(max(min(left, h.limits.KeepAlive), 0))
		select {
		case <-s.wake:
		case <-s.rpc.Done():
			last = time.Now().Add(h.limits.WriteTime) // for what is queued
		case <-timer.C:
			if left > h.limits.KeepAlive {
				if err := h.write(w, out, last, keepAlive); err != nil {
					return err
				}
			}
		case <-r.Context().Done():
			return errDisconnected
		}
	}
}

// keepAlive is a comment, which no client sees as an event.
var keepAlive = []byte(":\n\n")

// oneWrite is how much is written with one deadline, in bytes: a client that takes it slowly is not one that takes nothing.
const oneWrite = 64 << 10

// write writes and flushes, within limits, and before last unless that is zero.
func (h *Server) write(w http.ResponseWriter, out *http.ResponseController, last time.Time, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), oneWrite)
		deadline := time.Now().Add(h.limits.WriteTime)
		if !last.IsZero() {
			deadline = last
		}
		_ = out.SetWriteDeadline(deadline) // where there are none, the client's slowness is the proxy's
		if _, err := w.Write(b[:n]); err != nil {
			return notWritten(err)
		}
		b = b[n:]
	}
	if err := out.Flush(); err != nil {
		if errors.Is(err, http.ErrNotSupported) {
			h.log.Error("legacysse: an event stream cannot be flushed: the ResponseWriter of a middleware has neither Flush nor Unwrap")
		}
		return notWritten(err)
	}
	return nil
}
