package server

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The levels of the protocol that slog has no names for. The others are slog's: debug, info, warn, error.
const (
	LevelNotice    = slog.LevelInfo + 2
	LevelCritical  = slog.LevelError + 4
	LevelAlert     = slog.LevelError + 8
	LevelEmergency = slog.LevelError + 12
)

// levelOf gives the protocol's level for one of slog's.
func levelOf(l slog.Level) mcp.LoggingLevel {
	switch {
	case l < slog.LevelInfo:
		return mcp.LoggingLevelDebug
	case l < LevelNotice:
		return mcp.LoggingLevelInfo
	case l < slog.LevelWarn:
		return mcp.LoggingLevelNotice
	case l < slog.LevelError:
		return mcp.LoggingLevelWarning
	case l < LevelCritical:
		return mcp.LoggingLevelError
	case l < LevelAlert:
		return mcp.LoggingLevelCritical
	case l < LevelEmergency:
		return mcp.LoggingLevelAlert
	}
	return mcp.LoggingLevelEmergency
}

// NewLogHandler gives a slog.Handler that sends records to the client as log messages (notifications/message), as [Log]
// does: for the request or session of the ctx that a record is logged with (InfoContext and so on), or else of the ctx
// given here, which may be context.Background() for none. Name tells the client what part of the server logs; it may be
// "". The data of a message is an object: the message as msg, and the attributes; the time is left out.
func NewLogHandler(ctx context.Context, name string) slog.Handler {
	return &logHandler{ctx: ctx, name: name}
}

// ClientLogger gives a logger that sends to the client of ctx, see [NewLogHandler].
func ClientLogger(ctx context.Context, name string) *slog.Logger {
	return slog.New(NewLogHandler(ctx, name))
}

// logHandler is immutable.
type logHandler struct {
	ctx   context.Context
	name  string
	steps []logStep // what WithAttrs and WithGroup added, in order
}

// logStep is a group that was opened, or attributes that were added.
type logStep struct {
	group string
	attrs []slog.Attr
}

// target gives the ctx that says where to send to.
func (h *logHandler) target(ctx context.Context) context.Context {
	if stateFrom(ctx) != nil {
		return ctx
	}
	return h.ctx
}

// Enabled reports whether the client wants the level.
func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return LogEnabled(h.target(ctx), levelOf(l))
}

// WithAttrs returns a handler that adds attributes to each record.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	c := *h
	c.steps = append(slices.Clip(h.steps), logStep{attrs: attrs})
	return &c
}

// WithGroup returns a handler that puts what follows into a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.steps = append(slices.Clip(h.steps), logStep{group: name})
	return &c
}

// Handle sends a record. It goes with the request as long as that runs, and with the session after.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	ctx = h.target(ctx)
	level := levelOf(r.Level)
	st, ok := logState(ctx, level)
	if !ok {
		return nil
	}
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	data := wire.Object{{Name: slog.MessageKey, Value: text(r.Message)}}
	addSteps(&data, h.steps, attrs)
	return st.log(context.WithoutCancel(ctx), level, h.name, raw(data))
}

// addSteps adds what the steps and the record's own attributes say.
func addSteps(o *wire.Object, steps []logStep, last []slog.Attr) {
	for i, step := range steps {
		if step.group == "" {
			addAttrs(o, step.attrs)
			continue
		}
		var inner wire.Object
		addSteps(&inner, steps[i+1:], last)
		if len(inner) > 0 {
			o.Set(step.group, raw(inner))
		}
		return
	}
	addAttrs(o, last)
}

func addAttrs(o *wire.Object, attrs []slog.Attr) {
	for _, a := range attrs {
		v := a.Value.Resolve()
		if v.Kind() == slog.KindGroup {
			if a.Key == "" {
				addAttrs(o, v.Group())
				continue
			}
			var inner wire.Object
			addAttrs(&inner, v.Group())
			if len(inner) > 0 {
				o.Set(a.Key, raw(inner))
			}
			continue
		}
		if a.Key != "" || v.Any() != nil {
			o.Set(a.Key, attrValue(v))
		}
	}
}

func attrValue(v slog.Value) wire.Raw {
	switch v.Kind() {
	case slog.KindString:
		return text(v.String())
	case slog.KindDuration:
		return text(v.Duration().String())
	case slog.KindTime:
		return text(v.Time().Format(time.RFC3339Nano))
	}
	if err, ok := v.Any().(error); ok {
		return text(err.Error())
	}
	if r, err := wire.Marshal(v.Any()); err == nil {
		return r
	}
	return text(fmt.Sprint(v.Any()))
}
