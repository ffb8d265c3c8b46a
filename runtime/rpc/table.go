package rpc

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Row is one method of a dispatch table: made by [Request] or [Notification] from a method expression, immutable.
type Row struct {
	// Method is the method's name on the wire.
	Method string
	// Capability is the dotted path of the capability that the handler's side must have declared; "" means none.
	Capability string
	// Notification tells notifications from requests.
	Notification bool
	// Task says that the request may be made a task.
	Task bool

	decode func(raw wire.Raw, o wire.Options) (Params, error)
	bind   func(handler any) (bound, bool)
}

// bound is a row's method on a handler value: params as decode gave them; a notification's result is nil.
type bound func(ctx context.Context, params Params) (wire.Appender, error)

// Request makes the row of a request from a method expression of the interface that handles it, as in
// rpc.Request("tools/call", ToolsHandler.CallTool). A handler may return a nil result and a nil error, which sends
// the zero result.
func Request[H, P, R any, PP interface {
	*P
	wire.Decodable
	Params
}, PR interface {
	*R
	wire.Appender
}](method string, call func(H, context.Context, PP) (PR, error)) Row {
	return Row{
		Method: method,
		decode: decodeParams[P, PP],
		bind: func(handler any) (bound, bool) {
			h, ok := handler.(H)
			if !ok {
				return nil, false
			}
			return func(ctx context.Context, params Params) (wire.Appender, error) {
				result, err := call(h, ctx, params.(PP))
				if err != nil {
					return nil, err
				}
				if result == nil {
					result = new(R)
				}
				return result, nil
			}, true
		},
	}
}

// Notification makes the row of a notification, as [Request] does for a request.
func Notification[H, P any, PP interface {
	*P
	wire.Decodable
	Params
}](method string, call func(H, context.Context, PP) error) Row {
	return Row{
		Method:       method,
		Notification: true,
		decode:       decodeParams[P, PP],
		bind: func(handler any) (bound, bool) {
			h, ok := handler.(H)
			if !ok {
				return nil, false
			}
			return func(ctx context.Context, params Params) (wire.Appender, error) {
				return nil, call(h, ctx, params.(PP))
			}, true
		},
	}
}

// Gate returns the row with the capability it needs, as a dotted path; "" means none.
func (r Row) Gate(capability string) Row {
	r.Capability = capability
	return r
}

// AllowTask returns the row marked as a request that may be made a task.
func (r Row) AllowTask() Row {
	r.Task = true
	return r
}

// emptyObject stands for params that were not sent.
var emptyObject = []byte("{}")

func decodeParams[P any, PP interface {
	*P
	wire.Decodable
	Params
}](raw wire.Raw, o wire.Options) (Params, error) {
	data := raw.Bytes()
	if len(data) == 0 {
		data = emptyObject
	}
	p := PP(new(P))
	if err := wire.DecodeOptions(data, p, o); err != nil {
		return nil, err
	}
	return p, nil
}

// Table is an immutable set of rows, at most one per method. The zero value and nil are empty tables.
type Table struct {
	rows   []Row
	byName map[string]int
}

// NewTable makes a table of rows. Two rows for one method are a programming error: it panics.
func NewTable(rows ...Row) *Table {
	t := &Table{rows: slices.Clone(rows), byName: make(map[string]int, len(rows))}
	for i, r := range t.rows {
		if _, twice := t.byName[r.Method]; twice {
			panic(fmt.Sprintf("rpc.NewTable: two rows for %q", r.Method))
		}
		t.byName[r.Method] = i
	}
	return t
}

// Lookup finds the row of a method.
func (t *Table) Lookup(method string) (Row, bool) {
	if t == nil {
		return Row{}, false
	}
	i, ok := t.byName[method]
	if !ok {
		return Row{}, false
	}
	return t.rows[i], true
}

// Rows gives a copy of the rows in the order they were given.
func (t *Table) Rows() []Row {
	if t == nil {
		return nil
	}
	return slices.Clone(t.rows)
}

// With returns a table with more rows; one for a method already there takes its place.
func (t *Table) With(rows ...Row) *Table {
	all := t.Rows()
	for _, r := range rows {
		if i := slices.IndexFunc(all, func(x Row) bool { return x.Method == r.Method }); i >= 0 {
			all[i] = r
		} else {
			all = append(all, r)
		}
	}
	return NewTable(all...)
}
