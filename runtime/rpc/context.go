package rpc

import "context"

type (
	sessionKey  struct{}
	messageKey  struct{}
	incomingKey struct{}
	progressKey struct{}
)

// SessionFrom gives the session on whose behalf ctx runs: that of the request or notification being handled, or whose
// own context it is; nil outside.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// MessageFrom gives the incoming request or notification being handled; nil outside.
func MessageFrom(ctx context.Context) *Message {
	m, _ := ctx.Value(messageKey{}).(*Message)
	return m
}

// StreamFrom gives the stream that came with the request being handled, for the transport whose stream it is to find it
// again; nil outside of a request, or if none came with it.
func StreamFrom(ctx context.Context) Stream {
	if in, ok := ctx.Value(incomingKey{}).(*incoming); ok {
		return in.out
	}
	return nil
}

// sessionContext carries the session; the session's own context is made of it.
type sessionContext struct {
	context.Context
	s *Session
}

func (c sessionContext) Value(key any) any {
	switch key.(type) {
	case sessionKey:
		return c.s
	case principalKey:
		if c.s.cfg.Principal != nil {
			return *c.s.cfg.Principal
		}
	}
	return c.Context.Value(key)
}

// notificationContext ends with the session and has the values of the context that the notification arrived with.
type notificationContext struct {
	context.Context // the session's
	values          context.Context
	m               *Message
}

func (c *notificationContext) Value(key any) any {
	switch key.(type) {
	case messageKey:
		return c.m
	case sessionKey:
		return c.m.session
	}
	if v := c.values.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// detached gives ctx without its end.
func detached(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
