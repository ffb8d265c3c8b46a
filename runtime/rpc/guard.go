package rpc

import (
	"context"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// guard runs a function of the user's. A panic in it goes to the log and no further: it may be on a goroutine of ours.
func (s *Session) guard(method string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.logPanic(s.ctx, method, v, stack())
		}
	}()
	f()
}

// sendThrough sends a message through the outgoing interceptors, in which a panic is an error.
func (s *Session) sendThrough(ctx context.Context, m *Message) (v wire.Appender, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.logPanic(ctx, m.Method, r, stack())
			v, err = nil, Errorf(CodeInternalError, "%s was not sent: an interceptor panicked", m.Method)
		}
	}()
	return s.send(ctx, m)
}
