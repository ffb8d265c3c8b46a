package rpc

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Receive takes one message as it arrived. It does not wait for handlers, and keeps no reference to text. Of ctx only
// the values reach them. What a request's handler sends while it runs, and the answer, go to out; nil means the
// session's own stream. Where version 2025-03-26 was negotiated, text may be a batch of messages. If out is an [Ender] it is told when nothing more will come for the request.
//
// The error is for the transport's information: everything that follows from it (an answer to the peer, a failed
// call) has been done. The session goes on after any error.
func (s *Session) Receive(ctx context.Context, text []byte, out Stream) error {
	if IsBatch(text) && s.Version() == BatchVersion {
		return s.receiveBatch(ctx, text, out)
	}
	m, err := Parse(text, s.options)
	if err != nil {
		return s.Refuse(ctx, m, err, out)
	}
	return s.Deliver(ctx, m, out)
}

// Deliver is [Session.Receive] for a message that was parsed, which it takes over.
func (s *Session) Deliver(ctx context.Context, m *Message, out Stream) error {
	m.session = s
	switch m.Kind {
	case KindRequest:
		return s.request(ctx, m, out)
	case KindNotification:
		switch m.Method {
		case methodCancelled:
			return s.cancelled(m)
		case methodProgress:
			if known, err := s.progress(m); known {
				return err
			}
		}
		return s.notification(ctx, m)
	case KindResult, KindError:
		return s.response(m)
	}
	return s.Refuse(ctx, m, Errorf(CodeInvalidRequest, "not a message"), out)
}

// Refuse does what follows from a text that [Parse] refused, or that the transport did for a reason of its own (its
// size, say). m is what could be made out ([Salvage]), err the reason. A response fails the call that waits for it; a
// request is answered with the error, under its id unless the text is no JSON; a notification is dropped; anything
// else is answered without id. It returns err as an *Error.
func (s *Session) Refuse(ctx context.Context, m *Message, err error, out Stream) error {
	e := toError(err)
	s.update(func(st *state) { st.stats.Malformed++ })
	s.log.DebugContext(ctx, "rpc: refused what the peer sent", "kind", m.Kind.String(), "id", m.ID.String(), "error", e)
	switch m.Kind {
	case KindResult, KindError:
		if !m.ID.IsZero() {
			s.FailCall(m.ID, &Error{Code: CodeInternalError, Message: "the response was refused: " + e.Message, cause: e})
		}
	case KindNotification:
	default:
		id := m.ID
		if e.Code == CodeParseError || m.Kind != KindRequest {
			id = ID{}
		}
		s.answer(ctx, out, NewError(id, e), e)
	}
	return e
}

// answer sends a response from outside a handler.
func (s *Session) answer(ctx context.Context, out Stream, m *Message, why error) {
	if out == nil {
		out = s.own()
	}
	if err := sendGuarded(ctx, out, m); err != nil {
		s.log.DebugContext(ctx, "rpc: an error response could not be sent", "error", err)
	}
	if e, ok := out.(Ender); ok {
		e.End(why)
	}
}

// own gives the session's own stream.
func (s *Session) own() Stream {
	if l := s.link.Load(); l != nil && l.Stream != nil {
		return l.Stream
	}
	return unattached{}
}

// unattached is the stream of a session that has none.
type unattached struct{}

func (unattached) Send(context.Context, *Message) error {
	return Errorf(CodeClosed, "the session is not connected: %w", ErrClosed)
}

// streamFor gives the stream for what is sent under ctx: that of the request of this session which ctx belongs to, as
// long as it runs, or the session's own.
func (s *Session) streamFor(ctx context.Context) Stream {
	if in, ok := ctx.Value(incomingKey{}).(*incoming); ok && in.m.session == s && !in.over.Load() {
		return in.stream()
	}
	return s.own()
}

// sendGuarded sends a message; a panic of its encoder is an error.
func sendGuarded(ctx context.Context, out Stream, m *Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{value: r, stack: stack()}
		}
	}()
	return out.Send(ctx, m)
}

// response hands a response to the call that waits for it.
func (s *Session) response(m *Message) error {
	if m.ID.IsZero() {
		s.log.Warn("rpc: the peer could not read something we sent", "error", m.Error)
		return nil
	}
	id, ours := m.ID.Canonical().Int()
	var c *call
	s.update(func(st *state) {
		if c = st.out[id]; !ours || c == nil {
			c = nil
			st.stats.UnknownResponses++
			return
		}
		delete(st.out, id)
		c.done, c.result, c.err = true, m.raw, m.Error
	})
	if c == nil {
		s.log.Debug("rpc: dropped a response that nobody waits for", "id", m.ID.String())
		return Errorf(CodeInvalidRequest, "no request with id %s waits for a response", clip(m.ID.String()))
	}
	c.signal()
	return nil
}

// FailCall makes the call with the id fail with err, as if its response had said so. It reports whether there was one.
// Transports call it when they know that no response will come.
func (s *Session) FailCall(id ID, err error) bool {
	n, ours := id.Canonical().Int()
	var c *call
	s.update(func(st *state) {
		if c = st.out[n]; !ours || c == nil {
			c = nil
			return
		}
		delete(st.out, n)
		e := toError(err)
		c.done, c.err = true, &Error{Code: e.Code, Message: c.method + ": " + e.Message, Data: e.Data, cause: err}
	})
	if c == nil {
		return false
	}
	c.signal()
	return true
}

// cancelled ends the request that a cancellation names.
func (s *Session) cancelled(m *Message) error {
	var p cancelParams
	if err := wire.DecodeOptions(m.raw.Bytes(), &p, s.options); err != nil {
		return paramsError(m.Method, err)
	}
	var in *incoming
	s.update(func(st *state) {
		in = st.in.get(p.id.Canonical())
		if in != nil && (in.m.Method == methodInitialize || !in.end()) {
			in = nil
		}
	})
	if in == nil {
		return nil // unknown, already answered, or not to be cancelled
	}
	why := ErrCancelled
	if p.reason != "" {
		why = fmt.Errorf("%w: %s", ErrCancelled, clip(p.reason))
	}
	in.cancel(why)
	in.ended(why)
	return nil
}

// clip shortens what a peer sent for use in an error text.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// cancelParams are the params of a cancellation.
type cancelParams struct {
	id     ID
	reason string
}

func (p *cancelParams) DecodeJSON(d *wire.Decoder) {
	var seen uint64
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case memberRequestID:
			if d.Once(&seen, 0) {
				p.id = d.ID()
			}
		case memberReason:
			if d.Once(&seen, 1) && !d.Null() {
				p.reason = d.String()
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	d.Missing(seen, memberRequestID)
}

func (p *cancelParams) AppendJSON(b []byte) []byte {
	b = append(b, `{"`+memberRequestID+`":`...)
	b = p.id.AppendJSON(b)
	if p.reason != "" {
		b = append(b, `,"`+memberReason+`":`...)
		b = wire.AppendString(b, p.reason)
	}
	return append(b, '}')
}
