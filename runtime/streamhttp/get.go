package streamhttp

import (
	"errors"
	"net/http"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// get serves a client that listens: for what belongs to no request, or for the rest of a stream.
func (h *Server) get(w http.ResponseWriter, r *http.Request) {
	if !httpaccess.ParseAccept(r.Header["Accept"]).Stream {
		refuse(w, http.StatusNotAcceptable, rpc.CodeInvalidRequest, "the Accept header does not allow "+httpaccess.TypeStream)
		return
	}
	s, ok := h.session(w, r)
	if !ok {
		return
	}
	if s == nil {
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest, "the Mcp-Session-Id header is missing")
		return
	}
	if !h.gets.enter() {
		s.leave()
		retryLater(w, "the server shuts down")
		return
	}
	left := false
	leave := func() {
		h.gets.leave()
		s.leave()
	}
	defer func() {
		if !left {
			leave()
		}
	}()
	c := h.conn()
	defer h.release(c)
	st := &s.own
	if last := httpaccess.Value(r.Header, headerLastEvent); last == "" {
		st.listen(r.Context(), c)
	} else if st = h.resumed(w, r, s, c, last); st == nil {
		return
	}
	_, left = h.carry(w, r, st, c, leave)
}

// resumed finds the stream that the client wants the rest of, and attaches c to it; nil if there is none, which is
// answered.
func (h *Server) resumed(w http.ResponseWriter, r *http.Request, s *session, c *conn, last string) *stream {
	number, seq, ok := parseEventID(last)
	var st *stream
	if ok {
		st, ok = s.stream(number)
	}
	err := ErrEventsGone
	switch {
	case ok && st != nil:
		err = st.resume(r.Context(), c, seq)
	case ok:
		st, err = h.replayed(r, s, c, number, seq)
	}
	switch {
	case err == nil:
		return st
	case errors.Is(err, ErrEventsGone):
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest, "the events after "+httpaccess.Clip(last)+" are not known, or no longer kept")
	default:
		h.log.ErrorContext(r.Context(), "streamhttp: the event store failed", "error", err)
		refuse(w, http.StatusInternalServerError, rpc.CodeInternalError, "the event store failed")
	}
	return nil
}

// replayed makes a stream, with c attached, of the rest of one that is over.
func (h *Server) replayed(r *http.Request, s *session, c *conn, number, seq uint64) (*stream, error) {
	events, err := h.store.After(r.Context(), s.id, number, seq)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, ErrEventsGone
	}
	st := &stream{h: h, s: s, ids: true, sse: true, phase: phaseOpen, over: true, known: true, number: number, conn: c}
	st.buf = appendEvents(nil, number, events)
	return st, nil
}

// delete ends a session for its client.
func (h *Server) delete(w http.ResponseWriter, r *http.Request) {
	s, ok := h.session(w, r)
	if !ok {
		return
	}
	if s == nil {
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest, "the Mcp-Session-Id header is missing")
		return
	}
	h.table.remove(s) // at once: the next request must not find it
	s.rpc.Close(errDeleted)
	s.leave()
	w.WriteHeader(http.StatusNoContent)
}
