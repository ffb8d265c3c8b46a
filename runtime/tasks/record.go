package tasks

import (
	"slices"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Record is a task as a [Store] keeps it: its state, its outcome, and what it takes to run its request again. It reads
// and writes itself as JSON, all of it, for stores that keep bytes.
type Record struct {
	// ID is the task's id, at least 128 random bits.
	ID string
	// Owner is whose task it is, in a form that only the Receiver understands; "" is nobody's in particular.
	Owner string
	// Seq orders records by their creation; given by the Store.
	Seq uint64
	// Version is how often the record was written; kept by the Store.
	Version uint64

	// Method and Params are the request.
	Method string
	Params wire.Raw
	// Protocol is the version of the protocol that the request was made in.
	Protocol string
	// Principal is who made it, without Value; nil if nobody was authenticated.
	Principal *rpc.Principal
	// Extra is what else the layer above needs to run the request again; absent by default.
	Extra wire.Raw

	// Status and Message are the state of the task.
	Status  mcp.TaskStatus
	Message string
	// Created and Updated are when the task was made, and when its state last changed.
	Created, Updated time.Time
	// TTL is how long after Created it may be deleted; 0 is never.
	TTL time.Duration
	// PollInterval is how often its requestor should ask.
	PollInterval time.Duration

	// Result and Error are the outcome of a task that has ended: one of them is there.
	Result wire.Raw
	Error  *rpc.Error

	// Holder is the Receiver that runs the task, and Runs how often its request was started.
	Holder string
	Runs   int
}

// Ended reports whether the task has reached its final state: completed, failed or cancelled.
func (r *Record) Ended() bool {
	return r.Status != mcp.TaskStatusWorking && r.Status != mcp.TaskStatusInputRequired
}

// Expires gives when the record may be deleted; zero is never.
func (r *Record) Expires() time.Time {
	if r.TTL <= 0 {
		return time.Time{}
	}
	return r.Created.Add(r.TTL)
}

// Expired reports whether the record may be deleted at now.
func (r *Record) Expired(now time.Time) bool {
	at := r.Expires()
	return !at.IsZero() && !now.Before(at)
}

// Clone gives a copy. What is immutable, such as params and results, is shared.
func (r *Record) Clone() *Record {
	c := *r
	if r.Principal != nil {
		c.Principal = &rpc.Principal{ID: r.Principal.ID, Scopes: slices.Clone(r.Principal.Scopes)}
	}
	return &c
}

// Size is about how many bytes the record takes.
func (r *Record) Size() int {
	n := 512 + len(r.ID) + len(r.Owner) + len(r.Method) + len(r.Message) + len(r.Params.Bytes()) + len(r.Extra.Bytes()) + len(r.Result.Bytes())
	if r.Error != nil {
		n += len(r.Error.Message) + len(r.Error.Data.Bytes())
	}
	return n
}

// AppendJSON appends the record, all of it. Times are in nanoseconds since 1970, durations in nanoseconds.
func (r *Record) AppendJSON(b []byte) []byte {
	str := func(name, v string) {
		if v != "" {
			b = append(append(append(wire.AppendComma(b), '"'), name...), `":`...)
			b = wire.AppendString(b, v)
		}
	}
	num := func(name string, v int64) {
		if v != 0 {
			b = append(append(append(wire.AppendComma(b), '"'), name...), `":`...)
			b = wire.AppendInt(b, v)
		}
	}
	val := func(name string, v wire.Appender, there bool) {
		if there {
			b = append(append(append(wire.AppendComma(b), '"'), name...), `":`...)
			b = v.AppendJSON(b)
		}
	}
	b = append(b, '{')
	str("id", r.ID)
	str("owner", r.Owner)
	num("seq", int64(r.Seq))
	num("version", int64(r.Version))
	str("method", r.Method)
	val("params", r.Params, !r.Params.IsZero())
	str("protocol", r.Protocol)
	if r.Principal != nil {
		b = append(wire.AppendComma(b), `"principal":`...)
		b = append(wire.AppendString(b, r.Principal.ID), `,"scopes":[`...)
		for i, s := range r.Principal.Scopes {
			if i > 0 {
				b = append(b, ',')
			}
			b = wire.AppendString(b, s)
		}
		b = append(b, ']')
	}
	val("extra", r.Extra, !r.Extra.IsZero())
	str("status", string(r.Status))
	str("message", r.Message)
	num("created", unixNano(r.Created))
	num("updated", unixNano(r.Updated))
	num("ttl", int64(r.TTL))
	num("pollInterval", int64(r.PollInterval))
	val("result", r.Result, !r.Result.IsZero())
	if r.Error != nil {
		val("error", r.Error, true)
	}
	str("holder", r.Holder)
	num("runs", int64(r.Runs))
	return append(b, '}')
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromUnixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// DecodeJSON reads what AppendJSON wrote; members that it does not know are skipped.
func (r *Record) DecodeJSON(d *wire.Decoder) {
	*r = Record{}
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "id":
			r.ID = d.String()
		case "owner":
			r.Owner = d.String()
		case "seq":
			r.Seq = uint64(d.Int())
		case "version":
			r.Version = uint64(d.Int())
		case "method":
			r.Method = d.String()
		case "params":
			r.Params = d.Raw()
		case "protocol":
			r.Protocol = d.String()
		case "principal":
			r.principal().ID = d.String()
		case "scopes":
			p := r.principal()
			for d.Array(); d.Elem(); {
				p.Scopes = append(p.Scopes, d.String())
			}
		case "extra":
			r.Extra = d.Raw()
		case "status":
			r.Status = mcp.TaskStatus(d.String())
		case "message":
			r.Message = d.String()
		case "created":
			r.Created = fromUnixNano(d.Int())
		case "updated":
			r.Updated = fromUnixNano(d.Int())
		case "ttl":
			r.TTL = time.Duration(d.Int())
		case "pollInterval":
			r.PollInterval = time.Duration(d.Int())
		case "result":
			r.Result = d.Raw()
		case "error":
			r.Error = decodeError(d)
		case "holder":
			r.Holder = d.String()
		case "runs":
			r.Runs = int(d.Int())
		default:
			d.Raw()
		}
	}
}

func (r *Record) principal() *rpc.Principal {
	if r.Principal == nil {
		r.Principal = &rpc.Principal{}
	}
	return r.Principal
}

func decodeError(d *wire.Decoder) *rpc.Error {
	e := &rpc.Error{}
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "code":
			e.Code = d.Int()
		case "message":
			e.Message = d.String()
		case "data":
			e.Data = d.Raw()
		default:
			d.Raw()
		}
	}
	return e
}
