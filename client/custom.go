package client

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// HandleRequest has f answer requests of the server for a method that the protocol does not know. In and Out are Go types
// that JSON shows as objects, by the rules of [wire.Raw.Unmarshal] and [wire.Marshal], or [wire.Raw]; absent params are
// an empty object. Params that In does not take are answered with -32602. An [*rpc.Error] of f is sent as it is, others
// with the code -32603. A method of the protocol makes Dial fail.
func HandleRequest[In, Out any](method string, f func(ctx context.Context, in In) (Out, error)) Option {
	return custom(method, rpc.Request(method, func(h handlers, ctx context.Context, p *customParams) (*customResult, error) {
		in, err := customIn[In](method, p)
		if err != nil {
			return nil, err
		}
		out, err := f(h.ctx(ctx), in)
		if err != nil {
			return nil, err
		}
		raw, err := objectOf(out)
		if err != nil {
			return nil, rpc.Errorf(rpc.CodeInternalError, "the result of %s cannot be sent: %w", method, err)
		}
		if raw.IsZero() {
			raw = emptyObject
		}
		return &customResult{raw}, nil
	}))
}

// HandleNotification has f called for notifications of the server that the protocol does not know, as [HandleRequest]
// does requests. Its error is logged, at level Debug.
func HandleNotification[In any](method string, f func(ctx context.Context, in In) error) Option {
	return custom(method, rpc.Notification(method, func(h handlers, ctx context.Context, p *customParams) error {
		in, err := customIn[In](method, p)
		if err != nil {
			return err
		}
		return f(h.ctx(ctx), in)
	}))
}

// Request sends the server a request that need not be one of the protocol's. params makes a JSON object, or is nil for
// none; Out is as the Out of [HandleRequest]. See [Client.Call].
func Request[Out any](ctx context.Context, c *Client, method string, params any, opts ...CallOption) (Out, error) {
	var out Out
	raw, err := objectOf(params)
	if err != nil {
		return out, fmt.Errorf("client: params of %s: %w", method, err)
	}
	o := newCallOptions(opts)
	if len(o.meta) > 0 {
		if raw, err = withMeta(raw, o.meta); err != nil {
			return out, fmt.Errorf("client: params of %s: %w", method, err)
		}
	}
	var result wire.Raw
	if _, err := c.do(ctx, method, appender(raw), &result, o); err != nil {
		return out, err
	}
	if r, ok := any(&out).(*wire.Raw); ok {
		*r = result
		return out, nil
	}
	if err := result.Unmarshal(&out); err != nil {
		var none Out
		return none, fmt.Errorf("client: result of %s: %w", method, err)
	}
	return out, nil
}

// Notify sends the server a notification that need not be one of the protocol's, with params as for [Request].
func Notify(ctx context.Context, c *Client, method string, params any) error {
	raw, err := objectOf(params)
	if err != nil {
		return fmt.Errorf("client: params of %s: %w", method, err)
	}
	return c.Notify(ctx, method, appender(raw))
}

// appender gives nil for an absent value.
func appender(raw wire.Raw) wire.Appender {
	if raw.IsZero() {
		return nil
	}
	return raw
}

// withMeta adds members to the _meta of params.
func withMeta(params wire.Raw, more wire.Object) (wire.Raw, error) {
	var members, meta wire.Object
	if !params.IsZero() {
		if err := params.Decode(&members); err != nil {
			return wire.Raw{}, err
		}
	}
	if old, ok := members.Get("_meta"); ok {
		if err := old.Decode(&meta); err != nil {
			return wire.Raw{}, err
		}
	}
	for _, m := range more {
		meta.Set(m.Name, m.Value)
	}
	members.Set("_meta", rawOf(meta))
	return rawOf(members), nil
}

// custom adds a row to the dispatch table.
func custom(method string, row rpc.Row) Option {
	return func(cfg *config) {
		if methods[method] != nil {
			cfg.fail("%q is a method of the protocol: there is an option of its own for it, or none", method)
			return
		}
		cfg.rows = append(cfg.rows, row)
	}
}

// customParams and customResult are params and result as they are.
type (
	customParams struct{ wire.Raw }
	customResult struct{ wire.Raw }
)

// Validate has nothing to say.
func (*customParams) Validate() error { return nil }

func customIn[In any](method string, p *customParams) (in In, err error) {
	if r, ok := any(&in).(*wire.Raw); ok {
		*r = p.Raw
		return in, nil
	}
	if err := p.Unmarshal(&in); err != nil {
		return in, rpc.Errorf(rpc.CodeInvalidParams, "invalid params of %s: %w", method, err)
	}
	return in, nil
}
