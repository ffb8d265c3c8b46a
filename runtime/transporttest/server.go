package transporttest

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// version is the protocol version that the server speaks: one that every transport gives all it has.
const version = "2025-11-25"

// The methods of the server. Those that begin with "client/" it asks the client for.
const (
	methodInitialize  = "initialize"
	methodInitialized = "notifications/initialized"

	methodEcho     = "test/echo"       // answers with the params
	methodBlock    = "test/block"      // waits until it is cancelled
	methodState    = "test/state"      // says how many blocks wait, have been cancelled, and which notes came
	methodCountUp  = "test/countUp"    // sends notes 1 to params.n, and then answers
	methodAsk      = "test/ask"        // asks the client client/echo with the params, and answers with the answer
	methodAskLater = "test/askLater"   // answers, and asks the client client/echo then, outside of any request
	methodNote     = "test/note"       // a notification with a number, params.i
	methodLength   = "test/length"     // answers with the length of the params, n
	methodSized    = "test/sized"      // answers so that the message has params.n bytes
	methodQuit     = "test/quit"       // closes the session
	methodBoth     = "test/both"       // asks the client params.n times at once while it is called itself
	methodEchoBack = "client/echo"     // answers with the params
	methodHeld     = "client/held"     // waits until it is cancelled
	methodHold     = "test/hold"       // asks the client client/held, and gives up as soon as that has begun
	methodBegun    = "client/hasBegun" // waits until client/held has begun
)

// Server gives the server that the suite calls. Over stdio, a child process serves it.
func Server() rpc.Acceptor { return acceptor{} }

type acceptor struct{}

func (acceptor) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (acceptor) Versions() []string        { return []string{version} }

func (acceptor) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	st := &state{}
	cfg := rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) { return st.handle(ctx, m, next) }
	})}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	s := rpc.NewSession(cfg)
	s.Attach(link)
	return s, nil
}

// state is what the server keeps of a session.
type state struct {
	blocked, cancelled atomic.Int64
	notes              atomic.Int64 // the last note, -1 once they came out of order
}

func (st *state) handle(ctx context.Context, m *rpc.Message, next rpc.Handler) (wire.Appender, error) {
	s := m.Session()
	switch m.Method {
	case methodInitialize:
		s.SetPeer(version, nil)
		return wire.MustRaw(`{"protocolVersion":"` + version + `","capabilities":{},"serverInfo":{"name":"transporttest","version":"1"}}`), nil
	case methodEcho:
		return m.Raw(), nil
	case methodBlock:
		st.blocked.Add(1)
		<-ctx.Done()
		if errors.Is(context.Cause(ctx), rpc.ErrCancelled) {
			st.cancelled.Add(1)
		}
		return nil, context.Cause(ctx)
	case methodState:
		return numbers{"blocked": st.blocked.Load(), "cancelled": st.cancelled.Load(), "notes": st.notes.Load()}.raw(), nil
	case methodNote:
		if i := number(m.Raw(), "i"); !st.notes.CompareAndSwap(i-1, i) {
			st.notes.Store(-1)
		}
		return nil, nil
	case methodLength:
		return numbers{"n": int64(len(m.Raw().Bytes()))}.raw(), nil
	case methodSized:
		id := m.ID
		return exactly(int(number(m.Raw(), "n")), func(v wire.Appender) *rpc.Message { return rpc.NewResult(id, v) }), nil
	case methodCountUp:
		for i := range number(m.Raw(), "n") {
			if err := s.Notify(ctx, methodNote, numbers{"i": i + 1}.raw()); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case methodAsk:
		var raw wire.Raw
		err := s.Call(ctx, methodEchoBack, m.Raw(), &raw)
		return raw, err
	case methodAskLater:
		params := m.Raw()
		go func() { _ = s.Call(s.Context(), methodEchoBack, params, nil) }()
		return nil, nil
	case methodBoth:
		return nil, both(ctx, s, number(m.Raw(), "n"))
	case methodHold:
		held, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- s.Call(held, methodHeld, nil, nil) }()
		err := s.Call(ctx, methodBegun, nil, nil)
		cancel()
		return nil, errors.Join(err, notCancelled(<-done))
	case methodQuit:
		s.Close(errQuit)
		return nil, nil
	}
	return next(ctx, m)
}

var errQuit = errors.New("the server quits")

func notCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return errors.Join(errors.New("expected the call to be cancelled"), err)
}

// both asks the client n times at once.
func both(ctx context.Context, s *rpc.Session, n int64) error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			var raw wire.Raw
			params := numbers{"i": i}.raw()
			err := s.Call(ctx, methodEchoBack, params, &raw)
			if err == nil && !bytes.Equal(raw.Bytes(), params.Bytes()) {
				err = errors.New("the answer belongs to another call")
			}
			errs <- err
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	return err
}

// numbers is an object of numbers.
type numbers map[string]int64

func (n numbers) raw() wire.Raw {
	return wire.MustRaw(string(wire.AppendMap(nil, n, wire.AppendInt)))
}

func number(raw wire.Raw, name string) int64 { return decoded(raw)[name] }

func decoded(raw wire.Raw) numbers {
	var n numbers
	if raw.Decode(&n) != nil {
		return nil
	}
	return n
}

// DecodeJSON reads an object of numbers.
func (n *numbers) DecodeJSON(d *wire.Decoder) { *n = wire.DecodeMap(d, (*wire.Decoder).Int) }
