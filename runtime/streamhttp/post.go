package streamhttp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// post takes a message from the client.
func (h *Server) post(w http.ResponseWriter, r *http.Request) {
	accept := httpaccess.ParseAccept(r.Header["Accept"])
	if !accept.JSON && !accept.Stream {
		refuse(w, http.StatusNotAcceptable, rpc.CodeInvalidRequest, "the Accept header allows neither "+httpaccess.TypeJSON+" nor "+httpaccess.TypeStream)
		return
	}
	if !httpaccess.IsJSON(r.Header["Content-Type"]) {
		refuse(w, http.StatusUnsupportedMediaType, rpc.CodeInvalidRequest, "the Content-Type must be "+httpaccess.TypeJSON+" in UTF-8")
		return
	}
	p := poster{h: h, w: w, r: r, accept: accept}
	if !h.stateless {
		s, ok := h.session(w, r)
		if !ok {
			return
		}
		if s != nil {
			p.s = s
			defer s.leave()
		}
	}
	body, held, err := h.readBody(w, r)
	if err != nil {
		h.refuseBody(w, err)
		return
	}
	if rpc.IsBatch(body) {
		texts, err := rpc.SplitBatch(body, h.limits.Batch, wire.Options{})
		if h.done(body, held); err != nil {
			p.refuse(new(rpc.Message), err)
			return
		}
		p.batch(texts)
		return
	}
	m, err := rpc.Parse(body, p.options())
	if h.done(body, held); err != nil {
		p.refuse(m, err)
		return
	}
	p.single(m)
}

// poster is a POST being served.
type poster struct {
	h      *Server
	w      http.ResponseWriter
	r      *http.Request
	s      *session // nil without a session
	accept httpaccess.Accepted
}

func (p *poster) options() wire.Options {
	if p.s != nil {
		return p.s.rpc.Options()
	}
	return wire.Options{}
}

// single serves one message.
func (p *poster) single(m *rpc.Message) {
	opens := p.h.acceptor.Opens(m)
	switch {
	case p.h.stateless:
		if !opens && !p.h.checkVersion(p.w, p.r) {
			return
		}
		p.stateless(m)
	case p.s == nil && opens:
		p.open(m)
	case p.s == nil:
		p.noSession(m)
	case opens:
		p.answerError(http.StatusBadRequest, m, rpc.Errorf(rpc.CodeInvalidRequest, "the session has been initialized already"))
	case m.Kind == rpc.KindRequest:
		p.request(p.s.rpc, m)
	default:
		p.accepted(p.s.rpc.Deliver(p.context(), m, nil))
	}
}

// context is what messages arrive with that are not requests.
func (p *poster) context() context.Context {
	return &exchange{values: context.WithoutCancel(p.r.Context()), header: p.r.Header, remote: p.r.RemoteAddr}
}

// accepted answers for a notification or a response. A response that nobody waits for (any more) is no mistake.
func (p *poster) accepted(err error) {
	if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == rpc.CodeBusy {
		retryLater(p.w, e.Message)
		return
	}
	p.w.WriteHeader(http.StatusAccepted)
}

// answerError refuses a message with an error, under its id if it is a request.
func (p *poster) answerError(status int, m *rpc.Message, err *rpc.Error) {
	id := m.ID
	if m.Kind != rpc.KindRequest || err.Code == rpc.CodeParseError {
		id = rpc.ID{}
	}
	refuseMessage(p.w, status, rpc.NewError(id, err))
}

// refuse answers a body that is no message.
func (p *poster) refuse(m *rpc.Message, err error) {
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok {
		e = rpc.Errorf(rpc.CodeInvalidRequest, "%w", err)
	}
	if p.s != nil {
		_ = p.s.rpc.Refuse(p.context(), m, e, discard{}) // a call of ours fails, if this was to be its response
	}
	p.answerError(http.StatusBadRequest, m, e)
}

// discard is the stream for answers that are given otherwise.
type discard struct{}

func (discard) Send(context.Context, *rpc.Message) error { return nil }

// noSession refuses a message that comes before there is a session.
func (p *poster) noSession(m *rpc.Message) {
	code := rpc.CodeInvalidRequest
	why := "there is no session: initialize one, and send its id in the Mcp-Session-Id header"
	if k, ok := p.h.acceptor.(interface{ Handles(method string) bool }); ok && m.Kind == rpc.KindRequest && !k.Handles(m.Method) {
		code, why = rpc.CodeMethodNotFound, "method not found: "+httpaccess.Clip(m.Method)
	}
	p.answerError(http.StatusBadRequest, m, &rpc.Error{Code: code, Message: why})
}

// exchange makes the exchange for a number of requests, carried by c, and counts it as in flight.
func (p *poster) exchange(s *session, requests int, c *conn) *exchange {
	h := p.h
	x := &exchange{values: p.r.Context(), header: p.r.Header, remote: p.r.RemoteAddr}
	x.h, x.s, x.json, x.sse, x.ids = h, s, p.accept.JSON, p.accept.Stream, s != nil
	x.pending, x.conn = requests, c
	h.calls.add()
	if s != nil {
		s.enter()
	}
	return x
}

// enter counts the POST among those that Shutdown waits for, or refuses it.
func (p *poster) enter() bool {
	if p.h.calls.enter() {
		return true
	}
	retryLater(p.w, "the server shuts down")
	return false
}

// conn takes a connection's place from the pool; it goes back when nothing refers to it.
func (h *Server) conn() *conn {
	c := h.conns.Get().(*conn)
	select {
	case <-c.wake:
	default:
	}
	return c
}

func (h *Server) release(c *conn) {
	c.timer.Stop()
	h.conns.Put(c)
}

// request serves a request of a session.
func (p *poster) request(s *rpc.Session, m *rpc.Message) {
	if !p.enter() {
		return
	}
	defer p.h.calls.leave()
	c := p.h.conn()
	defer p.h.release(c)
	x := p.exchange(p.s, 1, c)
	id := m.ID
	_ = s.Deliver(x, m, x) // it has answered what is wrong
	p.h.answer(p.w, p.r, x, c, id)
}

// open serves the request that opens a session.
func (p *poster) open(m *rpc.Message) {
	h := p.h
	if !p.enter() {
		return
	}
	defer h.calls.leave()
	from := h.remote(p.r)
	if !h.mayOpen(p.w, from) {
		return
	}
	if h.reserve(from) != nil {
		h.counters.refused.Add(1)
		retryLater(p.w, "there are too many sessions")
		return
	}
	s, err := h.open(p.r.Context())
	if busy, ok := errors.AsType[*rpc.Error](err); ok && busy.Code == rpc.CodeBusy {
		h.table.release(from)
		h.counters.refused.Add(1)
		retryLater(p.w, busy.Message)
		return
	}
	if err != nil {
		h.table.release(from)
		h.log.ErrorContext(p.r.Context(), "streamhttp: a session could not be made", "error", err)
		p.answerError(http.StatusInternalServerError, m, rpc.Errorf(rpc.CodeInternalError, "the session could not be made"))
		return
	}
	s.from = from
	c := h.conn()
	defer h.release(c)
	x := p.exchange(s, 1, c)
	x.opening = s
	opened := &opener{ResponseWriter: p.w, x: x}
	id := m.ID
	_ = s.rpc.Deliver(x, m, x)
	h.answer(opened, p.r, x, c, id)
	if !opened.done {
		h.table.release(from)
		s.rpc.Close(errDisconnected)
	}
}

// opener announces the session with the answer to the request that opened it.
type opener struct {
	http.ResponseWriter
	x    *exchange
	done bool // the session was announced
}

// Unwrap is for http.ResponseController.
func (o *opener) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *opener) announce() {
	if o.done || !o.x.answered {
		return
	}
	o.done = true
	o.x.h.add(o.x.s)
	o.Header()[headerSession] = []string{o.x.s.id}
}

// WriteHeader announces and writes the header.
func (o *opener) WriteHeader(status int) {
	o.announce()
	o.ResponseWriter.WriteHeader(status)
}

// Write announces and writes.
func (o *opener) Write(b []byte) (int, error) {
	o.announce()
	return o.ResponseWriter.Write(b)
}

// stateless serves a message in a session of its own.
func (p *poster) stateless(m *rpc.Message) {
	h := p.h
	if !p.enter() {
		return
	}
	defer h.calls.leave()
	s, err := p.throwaway(!h.acceptor.Opens(m))
	if err != nil {
		p.answerError(http.StatusInternalServerError, m, rpc.Errorf(rpc.CodeInternalError, "the session could not be made"))
		return
	}
	defer s.Close(nil)
	if m.Kind != rpc.KindRequest {
		err := s.Deliver(p.context(), m, nil)
		_ = http.NewResponseController(p.w).SetReadDeadline(time.Time{}) // it takes as long as it takes
		_ = s.Wait(p.r.Context())
		p.accepted(err)
		return
	}
	c := h.conn()
	defer h.release(c)
	x := p.exchange(nil, 1, c)
	id := m.ID
	_ = s.Deliver(x, m, x)
	if h.answer(p.w, p.r, x, c, id) {
		s.Close(errDisconnected)
	}
}

// throwaway makes the session of a stateless server for one POST, with the version of the header.
func (p *poster) throwaway(initialized bool) (*rpc.Session, error) {
	link := rpc.Link{Stream: &stream{h: p.h, own: true, over: true, sse: true}, Transport: transportName, Stateless: true}
	s, err := p.h.acceptor.NewSession(p.r.Context(), link)
	if err != nil {
		p.h.log.ErrorContext(p.r.Context(), "streamhttp: a session could not be made", "error", err)
		return nil, err
	}
	if initialized {
		version := httpaccess.Value(p.r.Header, headerVersion)
		if version == "" {
			version = versionAssumed
		}
		s.SetPeer(version, nil)
	}
	return s, nil
}
