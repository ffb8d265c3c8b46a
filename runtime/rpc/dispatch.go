package rpc

import (
	"context"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Handler handles one request or notification. Incoming, it is what answers the peer; outgoing, it is what sends the
// message and waits for the answer. The result of a notification is ignored; a nil result of a request is {}. The
// result of an outgoing request is the peer's, as a wire.Raw.
type Handler func(ctx context.Context, m *Message) (wire.Appender, error)

// Interceptor wraps a handler in another that runs before, after or instead of it: the one kind of middleware, for
// both sides and both directions. It is called once, when the chain is built, and what it returns must be safe for
// concurrent use. The first interceptor of a list is the outermost.
type Interceptor func(next Handler) Handler

func chain(h Handler, interceptors []Interceptor) Handler {
	for i := len(interceptors) - 1; i >= 0; i-- {
		h = interceptors[i](h)
	}
	return h
}

// Dispatch is a dispatch table bound to a handler value, with the interceptors that incoming messages pass. It is
// immutable, safe for concurrent use, and meant to be shared by all sessions of a server; what differs between
// sessions reaches the handler by ctx ([SessionFrom]). The zero value and nil handle nothing but ping.
type Dispatch struct {
	requests      map[string]*boundRow
	notifications map[string]*boundRow
	handler       Handler
}

// boundRow is a row with its method on a handler value.
type boundRow struct {
	Row
	call bound
}

// NewDispatch binds the rows of t to handler: each row whose interface handler implements. The others are methods not
// found here (-32601). A nil table or handler binds nothing, which leaves everything to the interceptors.
func NewDispatch(t *Table, handler any, interceptors ...Interceptor) *Dispatch {
	d := &Dispatch{requests: map[string]*boundRow{}, notifications: map[string]*boundRow{}}
	if t != nil {
		for _, row := range t.rows {
			call, ok := row.bind(handler)
			if !ok {
				continue
			}
			if row.Notification {
				d.notifications[row.Method] = &boundRow{row, call}
			} else {
				d.requests[row.Method] = &boundRow{row, call}
			}
		}
	}
	if len(interceptors) > 0 {
		d.handler = chain(serve, interceptors)
	}
	return d
}

// Handles reports whether the handler value takes the method as a request or notification.
func (d *Dispatch) Handles(method string) bool {
	return d.lookup(KindRequest, method) != nil || d.lookup(KindNotification, method) != nil
}

func (d *Dispatch) lookup(k Kind, method string) *boundRow {
	if d == nil {
		return nil
	}
	if k == KindRequest {
		return d.requests[method]
	}
	return d.notifications[method]
}

// handle runs an incoming request or notification through the interceptors.
func (d *Dispatch) handle(ctx context.Context, m *Message) (wire.Appender, error) {
	if d == nil || d.handler == nil {
		return serve(ctx, m)
	}
	return d.handler(ctx, m)
}

// serve is the innermost handler: the bound row of the message's method.
func serve(ctx context.Context, m *Message) (wire.Appender, error) {
	row := m.bind()
	if row == nil {
		switch {
		case m.Kind == KindRequest && m.Method == methodPing:
			return nil, nil
		case m.Kind == KindNotification:
			return nil, nil // nobody is interested
		}
		return nil, MethodNotFound(m.Method)
	}
	params, err := m.decode()
	if err != nil {
		return nil, err
	}
	return row.call(ctx, params)
}

// maxQuoted is how much of what a peer sent an error text may repeat.
const maxQuoted = 64

// MethodNotFound is the error for a method that the receiver does not have (-32601).
func MethodNotFound(method string) *Error {
	if len(method) > maxQuoted {
		method = method[:maxQuoted] + "..."
	}
	return Errorf(CodeMethodNotFound, "method not found: %q", method)
}
