package rpc

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// incoming is a request of the peer, and the context of its handler.
type incoming struct {
	context.Context // ends when the request does
	cancel          context.CancelCauseFunc

	m     *Message
	reply Message // what it is answered with
	key   ID      // canonical
	out   Stream  // nil is the session's own
	size  int

	slow   *time.Timer     // ends it when it takes too long; nil without a limit
	leader *leader         // may handle it, on the goroutine that reads; nil: a goroutine of its own does
	wait   <-chan struct{} // an initialize request that must be answered first; nil if none
	over   atomic.Bool     // out takes nothing more; set under the session's lock

	// Under the session's lock; see AfterAnswer.
	after     func(answered bool) // nil if nobody asked
	responded bool                // the handler has returned
}

func (in *incoming) Value(key any) any {
	switch key.(type) {
	case incomingKey:
		return in
	case messageKey:
		return in.m
	case sessionKey:
		return in.m.session
	case principalKey:
		if v := in.Context.Value(key); v != nil {
			return v
		}
		return in.m.session.ctx.Value(key)
	}
	return in.Context.Value(key)
}

func (in *incoming) stream() Stream {
	if in.leader != nil {
		return (*leaderStream)(in)
	}
	if in.out != nil {
		return in.out
	}
	return in.m.session.own()
}

// end marks the request as ended; false if it was before. Under the session's lock.
func (in *incoming) end() bool { return !in.over.Swap(true) }

// ended tells the request's stream, once.
func (in *incoming) ended(why error) {
	if e, ok := in.out.(Ender); ok {
		e.End(why)
	}
}

// request admits a request and starts its handler, or refuses it.
func (s *Session) request(ctx context.Context, m *Message, out Stream) error {
	in, err := s.admitted(ctx, m, out, nil)
	if err != nil {
		return err
	}
	in.start()
	return nil
}

// start handles the request on a goroutine of its own.
func (in *incoming) start() {
	var w *worker
	in.m.session.update(func(st *state) { w = st.takeWorker() })
	if w != nil {
		w.next <- in
	} else {
		go work(in)
	}
}

// admitted admits a request, or refuses it, which is the error.
func (s *Session) admitted(ctx context.Context, m *Message, out Stream, l *leader) (*incoming, error) {
	in := &incoming{m: m, leader: l, key: m.ID.Canonical(), out: out, size: len(m.raw.Bytes())}
	in.Context, in.cancel = context.WithCancelCause(detached(ctx))
	var refused *Error
	room := s.cfg.Budget.take(in.size)
	s.update(func(st *state) {
		switch {
		case st.closed:
			refused = errClosed(m.Method, st.cause)
		case st.draining:
			refused = errDraining
		case st.in.get(in.key) != nil:
			refused = Errorf(CodeInvalidRequest, "a request with id %s is already in flight", clip(m.ID.String()))
		case !room || st.running >= s.cfg.Limits.InFlight ||
			st.running > 0 && in.size > s.cfg.Limits.InFlightBytes-st.inBytes:
			st.stats.Busy++
			refused = errBusy
		default:
			st.admit(in)
		}
	})
	if refused != nil {
		if room {
			s.cfg.Budget.put(in.size)
		}
		in.cancel(nil)
		s.answer(ctx, out, NewError(m.ID, refused), refused)
		return nil, refused
	}
	if most := s.cfg.Limits.HandlerTime; most > 0 {
		in.limitTime(most)
	}
	return in, nil
}

// admit takes a request in.
func (st *state) admit(in *incoming) {
	st.in.add(in)
	st.running++
	st.inBytes += in.size
	switch in.m.Method {
	case methodInitialize:
		if st.opening == nil {
			st.opening = make(chan struct{})
		}
	case methodPing:
	default:
		in.wait = st.opening
	}
}

// errBusy refuses a request because too much is in flight.
var errBusy = &Error{
	Code:    CodeBusy,
	Message: "too many requests in flight, nothing was done: retry later",
	Data:    wire.MustRaw(`{"retryAfter":1}`),
}

// run handles the request and answers it, on the goroutine of w, which may rest after that.
func (in *incoming) run(w *worker) {
	var result wire.Appender
	var err error
	returned := false
	defer func() {
		if !returned {
			// A panic, or a runtime.Goexit, which recover does not see and which ends the goroutine.
			v := recover()
			if v == nil {
				w = nil
			}
			result, err = nil, in.m.session.panicked(in, in.m.Method, v)
		}
		in.respond(result, err, w)
	}()
	if in.wait != nil {
		select {
		case <-in.wait:
		case <-in.Done(): // cancelled, or the session closed: there is no answer
			returned = true
			return
		}
	}
	s := in.m.session
	result, err = s.dispatch.handle(in, in.m)
	if err == nil {
		err = s.checkResult(in, in.m.Method, result)
	}
	returned = true
}

// checkResult validates what a handler returned.
func (s *Session) checkResult(ctx context.Context, method string, result wire.Appender) error {
	var err error
	switch r := result.(type) {
	case interface{ Validate() error }:
		err = r.Validate()
	case wire.Raw:
		if r.Kind() != wire.KindObject {
			err = fmt.Errorf("expected an object, found %s", r.Kind())
		}
	}
	if err == nil {
		return nil
	}
	err = shapeError(CodeInternalError, "invalid result of "+method, "result", err)
	s.log.ErrorContext(ctx, "rpc: a handler returned an invalid result", "method", method, "error", err)
	return &Error{Code: CodeInternalError, Message: "internal error: the result is not valid", cause: err}
}

// respond answers the request, unless it has ended, and forgets it; w, if there is one, may rest.
func (in *incoming) respond(result wire.Appender, err error, w *worker) {
	s := in.m.session
	var live bool
	var after func(bool)
	s.update(func(st *state) {
		st.in.remove(in)
		live = in.end()
		after, in.responded = in.after, true
	})
	if live {
		m := &in.reply
		m.Kind, m.ID, m.value, m.session, m.outgoing = KindResult, in.m.ID, result, s, true
		if err != nil {
			m.Kind, m.Error = KindError, toError(err)
		}
		in.ended(s.sendResponse(in.stream(), m, in.m.Method))
	}
	if after != nil {
		after(live)
	}
	if in.slow != nil {
		in.slow.Stop()
	}
	in.cancel(nil)
	s.cfg.Budget.put(in.size)
	s.update(func(st *state) {
		st.running--
		st.inBytes -= in.size
		if in.m.Method == methodInitialize && st.opening != nil {
			close(st.opening)
			st.opening = nil
		}
		if w != nil {
			st.rest(s, w)
		}
	})
}

// sendResponse sends a response, or, if it cannot be encoded or is too large, an error that says so.
func (s *Session) sendResponse(out Stream, m *Message, method string) error {
	err := sendGuarded(s.ctx, out, m)
	if err == nil {
		return nil
	}
	var instead *Error
	if p, ok := errors.AsType[*panicError](err); ok {
		s.logPanic(s.ctx, method, p.value, p.stack)
		instead = errInternal
	} else if errors.Is(err, ErrTooLarge) {
		s.log.Error("rpc: a response is too large to be sent", "method", method, "error", err)
		instead = Errorf(CodeInternalError, "the result is too large to be sent: %w", err)
	}
	if instead != nil {
		err = sendGuarded(s.ctx, out, NewError(m.ID, instead))
	}
	if err != nil {
		s.log.Debug("rpc: a response could not be sent", "method", method, "id", m.ID.String(), "error", err)
	}
	return err
}

// errInternal is all that a peer learns of a panic.
var errInternal = &Error{Code: CodeInternalError, Message: "internal error"}

// panicError is a panic that was caught below a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func stack() []byte { return debug.Stack() }

// panicked logs a handler's panic and gives the error for the peer. v is nil for runtime.Goexit.
func (s *Session) panicked(ctx context.Context, method string, v any) error {
	if v == nil {
		v = "runtime.Goexit in a handler"
	}
	s.logPanic(ctx, method, v, stack())
	return errInternal
}

func (s *Session) logPanic(ctx context.Context, method string, v any, stack []byte) {
	s.update(func(st *state) { st.stats.Panics++ })
	s.log.ErrorContext(ctx, "rpc: panic in a handler", "method", method, "panic", fmt.Sprint(v), "stack", string(stack))
}
