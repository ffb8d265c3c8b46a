package rpc_test

import (
	"context"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The types and interfaces that a small protocol would have generated.

type echoParams struct {
	Text  string
	Delay int64
	Meta  wire.Raw
}

func (p *echoParams) DecodeJSON(d *wire.Decoder) {
	*p = echoParams{}
	var seen uint64
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "text":
			if d.Once(&seen, 0) {
				p.Text = d.String()
			}
		case "delay":
			if d.Once(&seen, 1) {
				p.Delay = d.Int()
			}
		case "_meta":
			if d.Once(&seen, 2) {
				p.Meta = d.Raw()
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	d.Missing(seen, "text")
}

func (p *echoParams) AppendJSON(b []byte) []byte {
	b = append(b, `{"text":`...)
	b = wire.AppendString(b, p.Text)
	if p.Delay != 0 {
		b = append(b, `,"delay":`...)
		b = wire.AppendInt(b, p.Delay)
	}
	return append(b, '}')
}

func (p *echoParams) Validate() error {
	if p.Delay < 0 {
		return wire.Invalid("delay", "a number from 0")
	}
	return nil
}

type echoResult struct{ Text string }

func (r *echoResult) DecodeJSON(d *wire.Decoder) {
	*r = echoResult{}
	var seen uint64
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "text":
			if d.Once(&seen, 0) {
				r.Text = d.String()
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	d.Missing(seen, "text")
}

func (r *echoResult) AppendJSON(b []byte) []byte {
	b = append(b, `{"text":`...)
	b = wire.AppendString(b, r.Text)
	return append(b, '}')
}

func (r *echoResult) Validate() error {
	if r.Text == "forbidden" {
		return wire.Invalid("text", "another text")
	}
	return nil
}

type empty struct{}

func (e *empty) DecodeJSON(d *wire.Decoder) { d.Members() }
func (e *empty) AppendJSON(b []byte) []byte { return append(b, "{}"...) }
func (e *empty) Validate() error            { return nil }

type echoHandler interface {
	Echo(ctx context.Context, p *echoParams) (*echoResult, error)
	Noted(ctx context.Context, p *echoParams) error
}

type openHandler interface {
	Initialize(ctx context.Context, p *empty) (*empty, error)
}

// table is what a generator would emit: all type parameters are inferred from the method expressions.
var table = rpc.NewTable(
	rpc.Request("echo", echoHandler.Echo).Gate("tools").AllowTask(),
	rpc.Notification("notifications/noted", echoHandler.Noted),
	rpc.Request("initialize", openHandler.Initialize),
)

// echo is a stub as a generator would emit it.
func echo(ctx context.Context, c rpc.Caller, p *echoParams) (*echoResult, error) {
	return rpc.Call[echoResult](ctx, c, "echo", p)
}

// noted is a stub as a generator would emit it.
func noted(ctx context.Context, c rpc.Caller, p *echoParams) error {
	return rpc.Notify(ctx, c, "notifications/noted", p)
}
