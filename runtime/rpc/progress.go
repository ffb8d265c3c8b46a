package rpc

import (
	"context"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Progress is a report on a call in flight.
type Progress struct {
	// Progress is how much is done; it grows from report to report.
	Progress float64
	// Total is how much there is to do; nil if unknown.
	Total *float64
	// Message says what is happening, for people; may be "".
	Message string
	// Params are the params of the notification as they came.
	Params wire.Raw
}

// WithProgress returns ctx under which a call asks its peer for progress, by a token of the session's own in params'
// _meta, and has each report delivered to f: in order, on the goroutine of the caller, and before the call returns. f
// may itself call the peer. It holds for every call made under ctx.
func WithProgress(ctx context.Context, f func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// WithoutProgress returns ctx under which calls ask for no progress, whatever ctx said.
func WithoutProgress(ctx context.Context) context.Context {
	return WithProgress(ctx, nil)
}

func progressOf(ctx context.Context) func(Progress) {
	f, _ := ctx.Value(progressKey{}).(func(Progress))
	return f
}

// withToken gives the params of m with a progress token.
func withToken(m *Message, token ID) wire.Appender {
	params := members(m.Raw())
	value, _ := params.Get(memberMeta)
	meta := members(value)
	tokenRaw, _ := wire.ParseRaw(token.AppendJSON(nil))
	meta.Set(memberToken, tokenRaw)
	metaRaw, _ := wire.ParseRaw(meta.AppendJSON(nil))
	params.Set(memberMeta, metaRaw)
	return params
}

// members gives the members of an object, none of anything else.
func members(raw wire.Raw) wire.Object {
	var o object
	if raw.Kind() == wire.KindObject {
		_ = raw.Decode(&o)
	}
	return wire.Object(o)
}

type object wire.Object

func (o *object) DecodeJSON(d *wire.Decoder) { *o = object(d.Members()) }

// progress hands a report to the call it is about. known is false if its token is none of ours.
func (s *Session) progress(m *Message) (known bool, err error) {
	p := progressParams{Progress: Progress{Params: m.raw}}
	if err := wire.DecodeOptions(m.raw.Bytes(), &p, s.options); err != nil {
		return false, paramsError(m.Method, err)
	}
	id, ours := p.token.Canonical().Int()
	if !ours {
		return s.cfg.Progress != nil && s.cfg.Progress(p.token, p.Progress), nil
	}
	var c *call
	s.update(func(st *state) {
		if c = st.out[id]; c == nil || c.report == nil {
			c = nil
			return
		}
		if n := len(c.reports); n >= s.cfg.Limits.Progress {
			c.reports[n-1] = p.Progress
		} else {
			c.reports = append(c.reports, p.Progress)
		}
	})
	if c == nil {
		return false, nil
	}
	c.signal()
	return true, nil
}

// progressParams are the params of a progress notification.
type progressParams struct {
	Progress
	token ID
}

func (p *progressParams) DecodeJSON(d *wire.Decoder) {
	var seen uint64
	var unknown wire.Object
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case memberToken:
			if d.Once(&seen, 0) {
				p.token = d.ID()
			}
		case "progress":
			if d.Once(&seen, 1) {
				p.Progress.Progress = d.Float()
			}
		case "total":
			if d.Once(&seen, 2) && !d.Null() {
				p.Total = new(d.Float())
			}
		case "message":
			if d.Once(&seen, 3) && !d.Null() {
				p.Message = d.String()
			}
		default:
			unknown = d.Unknown(unknown, key)
		}
	}
	if seen&3 != 3 {
		d.Missing(seen, memberToken, "progress")
	}
}
