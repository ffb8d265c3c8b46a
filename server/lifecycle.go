package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// versions are the versions of the protocol that are spoken, newest first.
var versions = mcp.Versions

// Initialize opens a session (specification 2025-11-25, basic/lifecycle). A version that we do not speak is answered with
// our newest.
func (h handler) Initialize(ctx context.Context, params *mcp.InitializeParams) (*mcp.InitializeResult, error) {
	st := stateFrom(ctx)
	version := params.ProtocolVersion
	if !slices.Contains(versions, version) {
		version = versions[0]
	}
	for _, f := range h.cfg.onInit {
		f(ctx, params)
	}
	declared := h.capabilities(st)
	if version < tasks.Since {
		declared.Tasks = nil
	}
	st.declared.Store(declared)
	st.session.SetPeer(version, params)
	h.startHandshake(st)
	if !st.stateless {
		st.session.KeepPinging(h.cfg.pings)
	}
	return &mcp.InitializeResult{
		ProtocolVersion: version,
		Capabilities:    *declared,
		ServerInfo:      h.cfg.info,
		Instructions:    h.cfg.instructions,
	}, nil
}

// Initialized needs no answer: everything is served once initialize was answered.
func (h handler) Initialized(context.Context, *mcp.NotificationParams) error { return nil }

// startHandshake closes a session to which nothing comes any more. Only sessions with an id outlast their connections.
func (h handler) startHandshake(st *sessionState) {
	limit := h.cfg.handshake
	if limit < 0 || st.stateless || st.session.Link().ID == "" {
		return
	}
	if limit == 0 {
		limit = defaultHandshake
	}
	session := st.session
	st.handshake.Store(time.AfterFunc(limit, func() {
		session.Close(fmt.Errorf("%w: nothing followed initialize within %s", rpc.ErrClosed, limit))
	}))
}

// gate is the outermost interceptor: it keeps the order of the lifecycle, answers what was not declared with "method not
// found", makes the call that CallFrom gives, and sees results last.
func (s *Server) gate(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		st := stateOf(m.Session())
		if err := s.admit(st, m); err != nil {
			return nil, err
		}
		return s.handle(ctx, st, m, next)
	}
}

// handle handles a message that was admitted.
func (s *Server) handle(ctx context.Context, st *sessionState, m *rpc.Message, next rpc.Handler) (wire.Appender, error) {
	c := &callContext{Context: ctx, call: Call{ctx: ctx, message: m, server: s, state: st}}
	defer c.call.end() // before the answer is sent, and if the handler panics too
	result, err := next(c, m)
	if err != nil || m.Kind != rpc.KindRequest {
		return nil, err
	}
	return s.forPeer(st.session.Version(), result), nil
}

// admit tells whether a message may be handled now.
func (s *Server) admit(st *sessionState, m *rpc.Message) error {
	if m.Kind != rpc.KindRequest {
		if t := st.handshake.Load(); t != nil {
			t.Stop()
			st.handshake.Store(nil)
		}
		return nil
	}
	open := st.stateless || st.session.Version() != ""
	if rpc.IsInitialize(m) {
		if open && !st.stateless {
			return rpc.Errorf(mcp.CodeInvalidRequest, "initialize was sent already: a session is initialized once")
		}
		return nil
	}
	capability, known := s.gates[m.Method]
	switch {
	case m.Method == mcp.MethodPing:
	case !open && !known:
		return rpc.MethodNotFound(m.Method)
	case !open:
		return rpc.Errorf(mcp.CodeInvalidRequest, "%s came before initialize: the first request of a session must be initialize", m.Method)
	case capability != "" && !st.declared.Load().Declares(capability):
		return rpc.MethodNotFound(m.Method)
	}
	if t := st.handshake.Load(); t != nil {
		t.Stop()
		st.handshake.Store(nil)
	}
	return nil
}
