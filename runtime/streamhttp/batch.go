package streamhttp

import (
	"net/http"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// batchVersion is the protocol version by which batches are allowed or not.
func (p *poster) batchVersion() string {
	if p.s != nil {
		return p.s.rpc.Version()
	}
	if v := httpaccess.Value(p.r.Header, headerVersion); v != "" {
		return v
	}
	return versionAssumed
}

// batch serves a batch of messages.
func (p *poster) batch(texts []wire.Raw) {
	switch {
	case p.s == nil && !p.h.stateless:
		p.noSession(new(rpc.Message))
		return
	case p.s == nil && !p.h.checkVersion(p.w, p.r):
		return
	case p.batchVersion() != rpc.BatchVersion:
		p.refuse(new(rpc.Message), rpc.Errorf(rpc.CodeInvalidRequest,
			"batches are not part of protocol version %s: send one message", p.batchVersion()))
		return
	}
	parsed := make([]batched, len(texts))
	requests := 0
	for i, text := range texts {
		b := &parsed[i]
		b.m, b.err = rpc.Parse(text.Bytes(), p.options())
		if b.err == nil && p.h.acceptor.Opens(b.m) {
			b.err = rpc.Errorf(rpc.CodeInvalidRequest, "%s must not be part of a batch", b.m.Method)
		}
		if b.answered() {
			requests++
		}
	}
	if !p.enter() {
		return
	}
	defer p.h.calls.leave()
	session := p.rpcSession()
	if session == nil {
		return
	}
	if p.s == nil {
		defer session.Close(nil)
	}
	if requests == 0 {
		for _, b := range parsed {
			b.deliver(p, session, nil)
		}
		if p.s == nil {
			_ = session.Wait(p.r.Context())
		}
		p.w.WriteHeader(http.StatusAccepted)
		return
	}
	c := p.h.conn()
	defer p.h.release(c)
	x := p.exchange(p.s, requests, c)
	x.batch = true
	for _, b := range parsed {
		b.deliver(p, session, x)
	}
	if p.h.answer(p.w, p.r, x, c, rpc.ID{}) && p.s == nil {
		session.Close(errDisconnected)
	}
}

// rpcSession gives the session of the POST, or makes that of a stateless server; nil if it could not, which is answered.
func (p *poster) rpcSession() *rpc.Session {
	if p.s != nil {
		return p.s.rpc
	}
	s, err := p.throwaway(true)
	if err != nil {
		refuse(p.w, http.StatusInternalServerError, rpc.CodeInternalError, "the session could not be made")
		return nil
	}
	return s
}

// batched is a message of a batch.
type batched struct {
	m   *rpc.Message
	err error // why it is none
}

// answered reports whether something is sent in return: for requests, and for what is no message at all.
func (b batched) answered() bool { return b.m.Kind == rpc.KindRequest || b.m.Kind == rpc.KindNone }

func (b batched) deliver(p *poster, s *rpc.Session, x *exchange) {
	if b.answered() {
		if b.err != nil {
			_ = s.Refuse(x, b.m, b.err, x)
		} else {
			_ = s.Deliver(x, b.m, x)
		}
		return
	}
	if b.err != nil {
		_ = s.Refuse(p.context(), b.m, b.err, nil)
	} else {
		_ = s.Deliver(p.context(), b.m, nil)
	}
}
