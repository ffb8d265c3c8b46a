package rpc

import (
	"context"
	"errors"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// call is a request of ours that waits for its answer.
type call struct {
	method string
	wake   chan struct{} // holds one signal: something below changed

	// Under the session's lock.
	done    bool
	result  wire.Raw
	err     *Error
	report  func(Progress) // nil if progress was not asked for
	reports []Progress     // not yet delivered
}

func (c *call) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Call sends a request and decodes its result into result, which may be nil if it does not matter and a *wire.Raw to
// have it as it is. params nil means none; anything else is validated first, if it can be, and not sent if it is wrong.
//
// Called with the ctx of a handler of this session, the request goes out on the stream of the request being handled.
// The error is an *[Error]: the peer's own, or one made here, in whose chain are context.Canceled or
// context.DeadlineExceeded if ctx ended (the peer is told, by a cancellation, and Call does not wait for it), and
// ErrClosed if the session did.
func (s *Session) Call(ctx context.Context, method string, params wire.Appender, result wire.Decodable) error {
	m := &Message{Kind: KindRequest, Method: method, value: params, session: s, outgoing: true}
	var raw wire.Raw
	var err error
	if s.send == nil {
		raw, err = s.roundTrip(ctx, m)
	} else {
		var v wire.Appender
		if v, err = s.sendThrough(ctx, m); err == nil && v != nil {
			raw = toRaw(v)
		}
	}
	if err != nil {
		return err
	}
	return s.decodeResult(method, raw, result)
}

func (s *Session) decodeResult(method string, raw wire.Raw, result wire.Decodable) error {
	if result == nil {
		return nil
	}
	if r, ok := result.(*wire.Raw); ok {
		*r = raw
		return nil
	}
	data := raw.Bytes()
	if len(data) == 0 {
		data = emptyObject
	}
	err := wire.DecodeOptions(data, result, s.options)
	if err == nil && s.cfg.Strict {
		if v, ok := result.(interface{ Validate() error }); ok {
			err = v.Validate()
		}
	}
	if err != nil {
		return shapeError(CodeInternalError, "unusable result of "+method, "result", err)
	}
	return nil
}

// Notify sends a notification; params as for Call. It returns when the message is queued.
func (s *Session) Notify(ctx context.Context, method string, params wire.Appender) error {
	m := &Message{Kind: KindNotification, Method: method, value: params, session: s, outgoing: true}
	if s.send != nil {
		_, err := s.sendThrough(ctx, m)
		return err
	}
	return s.notify(ctx, m)
}

// sendOut is the innermost handler of the outgoing chain.
func sendOut(ctx context.Context, m *Message) (wire.Appender, error) {
	if m.Kind == KindNotification {
		return nil, m.session.notify(ctx, m)
	}
	raw, err := m.session.roundTrip(ctx, m)
	if err != nil {
		return nil, err
	}
	return raw, nil
}

func (s *Session) notify(ctx context.Context, m *Message) error {
	if err := checkParams(m); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errContext(ctx, m.Method)
	}
	if s.ctx.Err() != nil {
		return errClosed(m.Method, s.Err())
	}
	return s.sendFailed(ctx, m.Method, sendGuarded(ctx, s.streamFor(ctx), m))
}

// checkParams validates what the Go types of params cannot rule out.
func checkParams(m *Message) error {
	if v, ok := m.value.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return shapeError(CodeInvalidParams, m.Method+" was not sent, its params are not valid", "params", err)
		}
	}
	return nil
}

// sendFailed makes the error for the caller of a failure to send; nil stays nil.
func (s *Session) sendFailed(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		s.logPanic(ctx, method, p.value, p.stack)
		return Errorf(CodeInternalError, "%s was not sent: its encoder panicked: %w", method, err)
	}
	switch {
	case errors.Is(err, ErrTooLarge):
		return Errorf(CodeTooLarge, "%s was not sent: %w", method, err)
	case ctx.Err() != nil:
		return errContext(ctx, method)
	case errors.Is(err, ErrClosed) || s.ctx.Err() != nil:
		if cause := s.Err(); cause != nil {
			err = cause
		}
		return errClosed(method, err)
	}
	return Errorf(CodeInternalError, "%s was not sent: %w", method, err)
}

// roundTrip sends a request and waits for the answer.
func (s *Session) roundTrip(ctx context.Context, m *Message) (wire.Raw, error) {
	if err := checkParams(m); err != nil {
		return wire.Raw{}, err
	}
	if ctx.Err() != nil {
		return wire.Raw{}, errContext(ctx, m.Method)
	}
	yield(ctx)
	c := &call{method: m.Method, wake: make(chan struct{}, 1), report: progressOf(ctx)}
	id, err := s.register(c)
	if err != nil {
		return wire.Raw{}, err
	}
	m.ID = wire.IntID(id)
	if c.report != nil {
		m.SetParams(withToken(m, m.ID))
	}
	out := s.streamFor(ctx)
	if err := sendGuarded(ctx, out, m); err != nil {
		if s.forget(id, c) {
			return wire.Raw{}, s.sendFailed(ctx, m.Method, err)
		}
	}
	for {
		select {
		case <-c.wake:
			if done, result, err := s.progressed(c); done {
				return result, err
			}
		case <-ctx.Done():
			if !s.forget(id, c) {
				c.signal() // it is done: take what there is
				continue
			}
			if m.Method != methodInitialize {
				s.sendCancelled(ctx, out, m.ID)
			}
			return wire.Raw{}, errContext(ctx, m.Method)
		}
	}
}

// register adds a call to those that wait and gives it an id.
func (s *Session) register(c *call) (id int64, err error) {
	s.update(func(st *state) {
		switch {
		case st.closed:
			err = errClosed(c.method, st.cause)
		case st.inputEnded:
			err = errClosed(c.method, st.inputCause)
		case len(st.out) >= s.cfg.Limits.Pending:
			err = Errorf(CodeBusy, "%s was not sent: %d calls wait for an answer already", c.method, len(st.out))
		default:
			if st.out == nil {
				st.out = make(map[int64]*call)
			}
			st.nextID++
			id = st.nextID
			st.out[id] = c
		}
	})
	return id, err
}

// forget stops waiting for a call; false if it was done before.
func (s *Session) forget(id int64, c *call) bool {
	var waited bool
	s.update(func(st *state) {
		if waited = !c.done; waited {
			delete(st.out, id)
		}
	})
	return waited
}

// progressed delivers the reports that arrived for a call, and then tells whether it is done.
func (s *Session) progressed(c *call) (done bool, result wire.Raw, err error) {
	for {
		var reports []Progress
		s.update(func(st *state) {
			reports, c.reports = c.reports, nil
			done, result = c.done, c.result
			if c.err != nil {
				err = c.err
			}
		})
		if len(reports) == 0 {
			return done, result, err
		}
		for _, p := range reports {
			s.guard(c.method+" progress", func() { c.report(p) })
		}
	}
}

// cancelTimeout bounds how long a cancellation may wait for a stream that is full.
const cancelTimeout = 30 * time.Second

// sendCancelled tells the peer, without waiting, that we no longer want the answer.
func (s *Session) sendCancelled(ctx context.Context, out Stream, id ID) {
	p := &cancelParams{id: id, reason: clip(context.Cause(ctx).Error())}
	open := false
	s.update(func(st *state) {
		if open = !st.closed; open {
			st.helpers++
		}
	})
	if !open {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(s.ctx, cancelTimeout)
		defer cancel()
		if err := out.Send(ctx, NewNotification(methodCancelled, p)); err != nil {
			s.log.Debug("rpc: a cancellation could not be sent", "id", id.String(), "error", err)
		}
		s.update(func(st *state) { st.helpers-- })
	}()
}
