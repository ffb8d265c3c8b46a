package resilience

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The HTTP statuses that matter here.
const (
	statusTooManyRequests = 429
	statusServerError     = 500
)

// reading are the requests that change nothing.
var reading = map[string]bool{
	mcp.MethodInitialize: true, mcp.MethodListTools: true, mcp.MethodListResources: true, mcp.MethodListResourceTemplates: true,
	mcp.MethodReadResource: true, mcp.MethodListPrompts: true, mcp.MethodGetPrompt: true, mcp.MethodComplete: true,
	mcp.MethodSetLevel: true, mcp.MethodSubscribe: true, mcp.MethodUnsubscribe: true,
	mcp.MethodListTasks: true, mcp.MethodGetTask: true,
}

// repeatable tells whether a request that failed with err may be sent again, and how long the server wants that to wait.
func (g *Guard) repeatable(ctx context.Context, m *rpc.Message, err error) (wait time.Duration, ok bool) {
	if errors.Is(err, ErrOpen) || errors.Is(err, rpc.ErrClosed) || errors.Is(err, rpc.ErrSessionEnded) {
		return 0, false
	}
	if wait, ok := retryAfter(err); ok {
		return wait, true
	}
	status, asked := httpStatus(err)
	if status == statusTooManyRequests || status > 0 && rpc.CodeOf(err) == rpc.CodeBusy {
		return asked, true
	}
	if notConnected(err) {
		return 0, true
	}
	if !isFailure(err) || errors.Is(err, context.DeadlineExceeded) {
		return 0, false
	}
	marked, _ := ctx.Value(idempotentKey{}).(bool)
	return asked, marked || reading[m.Method] || g.options.Idempotent != nil && g.options.Idempotent(m)
}

// busyData is the data of an error that says when to come back.
type busyData struct {
	seconds float64
	found   bool
}

// DecodeJSON reads the data.
func (b *busyData) DecodeJSON(d *wire.Decoder) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if string(key) == "retryAfter" && d.Kind() == wire.KindNumber {
			b.seconds, b.found = d.Float(), true
		} else {
			d.Raw()
		}
	}
}

// retryAfter gives how long the server wants a request to wait that it refused without having done anything.
func retryAfter(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok || e.Code != rpc.CodeBusy || e.Data.Kind() != wire.KindObject {
		return 0, false
	}
	var b busyData
	if e.Data.Decode(&b) != nil || !b.found {
		return 0, false
	}
	const most = 365 * 24 * 3600
	return time.Duration(min(max(b.seconds, 0), most) * float64(time.Second)), true
}

// notConnected tells whether there was no connection to send a request over.
func notConnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// httpStatus gives the status of a refusal over HTTP, 0 if err is none, and how long it asks to wait.
func httpStatus(err error) (status int, wait time.Duration) {
	var e interface {
		HTTPStatus() int
		RetryAfter() time.Duration
	}
	if errors.As(err, &e) {
		return e.HTTPStatus(), e.RetryAfter()
	}
	return 0, 0
}

// isFailure tells whether err is a failure of the connection or of the server as such, as against an answer.
func isFailure(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	if status, _ := httpStatus(err); status > 0 {
		return status >= statusServerError && rpc.CodeOf(err) != rpc.CodeBusy
	}
	e, ok := errors.AsType[*rpc.Error](err)
	if !ok {
		return true
	}
	switch e.Code {
	case rpc.CodeClosed, rpc.CodeCancelled:
		return true
	case rpc.CodeInternalError:
		return errors.Unwrap(e) != nil // what the server answers has no cause
	}
	return false
}
