package rpc

import (
	"context"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// ID is a request id or progress token: a string or an integer.
type ID = wire.ID

// Params is what every generated params and result type can do.
type Params interface {
	wire.Appender
	// Validate reports what the Go type cannot rule out: enums, bounds, formats, required values left nil.
	Validate() error
}

// Caller calls a peer: a [Session], or whatever stands for one.
type Caller interface {
	// Call sends a request and decodes its result. A nil params sends none.
	Call(ctx context.Context, method string, params wire.Appender, result wire.Decodable) error
	// Notify sends a notification. A nil params sends none.
	Notify(ctx context.Context, method string, params wire.Appender) error
}

// Call calls method with params (nil: none) and returns its decoded result. It is what the generated stubs are made
// of: rpc.Call[CallToolResult](ctx, c, MethodCallTool, params).
func Call[R any, P any, PR interface {
	*R
	wire.Decodable
}, PP interface {
	*P
	wire.Appender
}](ctx context.Context, c Caller, method string, params PP) (*R, error) {
	var p wire.Appender
	if params != nil {
		p = params
	}
	result := PR(new(R))
	if err := c.Call(ctx, method, p, result); err != nil {
		return nil, err
	}
	return result, nil
}

// Notify sends the notification method with params (nil: none).
func Notify[P any, PP interface {
	*P
	wire.Appender
}](ctx context.Context, c Caller, method string, params PP) error {
	var p wire.Appender
	if params != nil {
		p = params
	}
	return c.Notify(ctx, method, p)
}
