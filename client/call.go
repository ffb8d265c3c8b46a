package client

import (
	"context"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// CallOption changes one call.
type CallOption func(*callOptions)

type callOptions struct {
	timeout  time.Duration // 0: the client's
	maxTime  time.Duration
	progress func(rpc.Progress)
	meta     wire.Object
	ttl      time.Duration // of a call that becomes a task
	pin      *link         // the only session it may be sent in; nil for the present one
	err      error
}

func newCallOptions(opts []CallOption) callOptions {
	var o callOptions
	for _, f := range opts {
		f(&o)
	}
	return o
}

// Timeout sets how long the call may be silent, see [WithTimeout]; it holds whatever deadline ctx has. Negative for no
// limit.
func Timeout(d time.Duration) CallOption { return func(o *callOptions) { o.timeout = d } }

// MaxTime sets how long the call may take in all, see [WithMaxTime]. Negative for no limit.
func MaxTime(d time.Duration) CallOption { return func(o *callOptions) { o.maxTime = d } }

// OnProgress asks the server for progress on the call and has f called with each report: in order, on the goroutine of
// the caller, and before the call returns. f may call the server.
func OnProgress(f func(rpc.Progress)) CallOption { return func(o *callOptions) { o.progress = f } }

// Meta adds a member to the _meta of the request. The value is encoded as JSON, a [wire.Raw] as it is. It is ignored
// where the params are given as a whole.
func Meta(name string, value any) CallOption {
	return func(o *callOptions) {
		raw, ok := value.(wire.Raw)
		if !ok {
			var err error
			if raw, err = wire.Marshal(value); err != nil {
				o.err = fmt.Errorf("client: Meta %q: %w", name, err)
				return
			}
		}
		o.meta.Set(name, raw)
	}
}

// requestMeta gives the _meta of the options, nil if there is none.
func (o *callOptions) requestMeta() *mcp.RequestMeta {
	if len(o.meta) == 0 {
		return nil
	}
	return &mcp.RequestMeta{Unknown: o.meta}
}

// Call sends any request and decodes its result: the raw form of all methods here. params is a generated type, a
// [wire.Raw] or nil for none; result is a pointer to a generated type, a *[wire.Raw] to have it as it is, or nil. The
// capability that the method needs must be declared; of methods the protocol does not know nothing is asked. Progress is
// asked for by [rpc.WithProgress].
//
// Called with the ctx of a handler, the request goes out in connection with what is being handled, where the transport
// knows such a thing. initialize is refused: Dial sends it.
func (c *Client) Call(ctx context.Context, method string, params wire.Appender, result wire.Decodable) error {
	_, err := c.do(ctx, method, params, result, callOptions{})
	return err
}

// Notify sends any notification, as [Client.Call] does requests. It returns when the transport has taken charge of it.
func (c *Client) Notify(ctx context.Context, method string, params wire.Appender) error {
	if method == mcp.MethodInitialized {
		return rpc.Errorf(rpc.CodeInvalidRequest, "client: %s was not sent: Dial sends it", method)
	}
	_, err := c.attempt(ctx, method, params, callOptions{}, func(l *link) error {
		return l.session.Notify(ctx, method, params)
	})
	return err
}

// Stub gives every method a client may send, with all of its params, tasks included. Its calls are as [Client.Call].
func (c *Client) Stub() mcp.ServerStub { return mcp.ServerStub{Caller: c} }

// do sends a request in the present session, and again in the next one if the server refused it because the session was
// over. It gives the session that answered.
func (c *Client) do(ctx context.Context, method string, params wire.Appender, result wire.Decodable, o callOptions) (*link, error) {
	if o.err != nil {
		return nil, o.err
	}
	if method == mcp.MethodInitialize {
		return nil, rpc.Errorf(rpc.CodeInvalidRequest, "client: %s was not sent: Dial sends it", method)
	}
	ctx, t := c.startTimer(ctx, method, o)
	defer t.stop()
	l, err := c.attempt(ctx, method, params, o, func(l *link) error {
		return l.session.Call(ctx, method, params, result)
	})
	c.elicitations.noteRequired(err)
	return l, t.explain(err)
}

// callOn sends a request in the session of l and nowhere else.
func (c *Client) callOn(ctx context.Context, l *link, method string, params wire.Appender, result wire.Decodable, o callOptions) error {
	ctx, t := c.startTimer(rpc.WithoutProgress(ctx), method, o)
	defer t.stop()
	return t.explain(plain(l.session.Call(ctx, method, params, result)))
}

// attempt sends in the present session by send, and once more in a new one if the first is over and took nothing.
func (c *Client) attempt(ctx context.Context, method string, params wire.Appender, o callOptions, send func(*link) error) (*link, error) {
	for again := false; ; again = true {
		l, err := c.current(ctx)
		if err != nil {
			return nil, err
		}
		if o.pin != nil && o.pin != l {
			return nil, errPinned
		}
		if err := c.mayCall(l, method, params); err != nil {
			return nil, err
		}
		l.enter()
		err = send(l)
		l.leave()
		if !refused(err) {
			return l, plain(err)
		}
		if c.cfg.once {
			l.session.Close(rpc.ErrSessionEnded) // which ends the client
		}
		if again || c.cfg.once {
			return l, plain(err)
		}
		if _, err := c.renew(ctx, l, plain(err)); err != nil {
			return nil, err
		}
	}
}

// errPinned is the error for a call that made sense only in a session that is over.
var errPinned = rpc.Errorf(rpc.CodeClosed, "the session was replaced by a new one: cursors of the old one are void, start again")
