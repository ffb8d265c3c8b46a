package server

import (
	"context"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Call is the request or notification that is being handled. It is safe for concurrent use and must not be kept longer
// than its handler runs.
type Call struct {
	ctx     context.Context // the request's
	server  *Server
	state   *sessionState
	message *rpc.Message

	mu       sync.Mutex
	keys     map[string]struct{} // of questions asked; nil is empty
	progress *progressReport     // made by the first report
	over     bool
}

// callContext is the context of a handler: that of the request, with the call.
type callContext struct {
	context.Context
	call Call
}

type callKey struct{}

func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return &c.call
	}
	return c.Context.Value(key)
}

// CallFrom gives the call that ctx belongs to, nil outside of handlers.
func CallFrom(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// Session is the session of the client. Its methods Call and Notify send it anything, raw; what it did not declare is
// refused.
func (c *Call) Session() *rpc.Session { return c.message.Session() }

// Client is what the client said of itself when it initialized; nil if it did not, as in stateless mode. It must not be
// changed.
func (c *Call) Client() *mcp.InitializeParams { return c.state.client() }

// Version is the version of the protocol that is spoken with the client.
func (c *Call) Version() string { return c.Session().Version() }

// Principal is who is calling; false if nobody was authenticated.
func (c *Call) Principal() (rpc.Principal, bool) { return rpc.PrincipalFrom(c.ctx) }

// Header gives the header fields of the HTTP request that the message came with, by their canonical names, as in
// net/http; nil on transports that have none. It must not be changed.
func (c *Call) Header() map[string][]string { return rpc.HeaderFrom(c.ctx) }

// Method is the method, such as "tools/call".
func (c *Call) Method() string { return c.message.Method }

// Params are the params as they came; absent if there were none.
func (c *Call) Params() wire.Raw { return c.message.Raw() }

// Meta is the member _meta of the params; nil if there was none.
func (c *Call) Meta() wire.Object {
	var p metaParams
	if raw := c.Params(); raw.Kind() == wire.KindObject && raw.Decode(&p) == nil && p.meta.Kind() == wire.KindObject {
		var o wire.Object
		if p.meta.Decode(&o) == nil {
			return o
		}
	}
	return nil
}

// metaParams finds _meta in the params of any method.
type metaParams struct{ meta wire.Raw }

func (p *metaParams) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) == "_meta" {
			p.meta = d.Raw()
		} else {
			d.Raw()
		}
	}
}

// end is called when the handler has returned, before the answer is sent.
func (c *Call) end() {
	c.mu.Lock()
	c.over = true
	p := c.progress
	c.mu.Unlock()
	if p != nil {
		p.finish()
	}
}
