package legacysse

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// post takes a message from the client.
func (h *Server) post(w http.ResponseWriter, r *http.Request) {
	if !httpaccess.IsJSON(r.Header["Content-Type"]) {
		refuse(w, http.StatusUnsupportedMediaType, rpc.CodeInvalidRequest, "the Content-Type must be "+httpaccess.TypeJSON+" in UTF-8")
		return
	}
	s := h.session(w, r)
	if s == nil {
		return
	}
	s.touch()
	p := poster{h: h, w: w, r: r, s: s}
	body, err := h.readBody(w, r)
	if err != nil {
		p.refuseBody(body, err)
		return
	}
	if rpc.IsBatch(body) && s.rpc.Version() == rpc.BatchVersion {
		p.accepted(s.rpc.Receive(p.context(), body, nil))
		return
	}
	m, err := rpc.Parse(body, s.rpc.Options())
	if err != nil {
		p.refuse(http.StatusBadRequest, m, err)
		return
	}
	if m.Kind == rpc.KindRequest && h.isClosing() {
		p.w.Header().Set("Retry-After", retrySeconds)
		p.refuse(http.StatusServiceUnavailable, m, &rpc.Error{Code: rpc.CodeBusy, Message: errShutdown.Error()})
		return
	}
	isRequest := m.Kind == rpc.KindRequest
	err = s.rpc.Deliver(p.context(), m, nil)
	if isRequest {
		err = nil // the answer to it is on the stream
	}
	p.accepted(err)
}

func (h *Server) isClosing() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closing
}

// poster is a POST being served.
type poster struct {
	h *Server
	w http.ResponseWriter
	r *http.Request
	s *session
}

// context is what the message arrives with: the values of the request's context, and its header.
func (p *poster) context() context.Context {
	header := map[string][]string(p.r.Header)
	ctx := context.WithValue(context.WithoutCancel(p.r.Context()), rpc.HeaderKey{}, header)
	return context.WithValue(ctx, rpc.RemoteAddrKey{}, p.r.RemoteAddr)
}

// accepted answers for a message that was taken. A response that nobody waits for (any more) is no mistake.
func (p *poster) accepted(err error) {
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == rpc.CodeBusy {
		retryLater(p.w, e.Message)
		return
	}
	p.w.WriteHeader(http.StatusAccepted)
}

// refuse answers a message that was not taken, of which m is what could be made out. If it is a request with an id its
// client hears of it on the stream as well.
func (p *poster) refuse(status int, m *rpc.Message, err error) {
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok {
		e = rpc.Errorf(rpc.CodeInvalidRequest, "%w", err)
	}
	id := m.ID
	var out rpc.Stream
	if m.Kind != rpc.KindRequest || e.Code == rpc.CodeParseError || id.IsZero() {
		id, out = rpc.ID{}, discard{}
	}
	_ = p.s.rpc.Refuse(p.context(), m, e, out) // a call of ours fails, if this was to be its response
	refuseError(p.w, status, id, e)
}

// discard is the stream for answers that are given otherwise.
type discard struct{}

func (discard) Send(context.Context, *rpc.Message) error { return nil }

// notWritten tells why the client could not be written to.
func notWritten(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", errSlow, err)
	}
	return fmt.Errorf("%w: %w", errDisconnected, err)
}
