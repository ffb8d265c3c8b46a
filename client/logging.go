package client

import (
	"context"
	"log/slog"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// OnLog has f called with each log message of the server, in order (server/utilities/logging). The server chooses what to
// send until a level is set, by [WithLogLevel] or [Client.SetLevel].
func OnLog(f func(ctx context.Context, params *mcp.LoggingMessageParams)) Option {
	return func(cfg *config) { cfg.handlers.log = append(cfg.handlers.log, f) }
}

// WithLogLevel asks the server, if it declares logging, to send messages of this severity and above, as soon as the
// session is open and in every later one.
func WithLogLevel(level mcp.LoggingLevel) Option {
	return func(cfg *config) {
		if err := level.Validate(); err != nil {
			cfg.fail("WithLogLevel: %w", err)
		}
		cfg.level = level
	}
}

// LogTo writes the server's log messages to l. Data that is a string is the message; other data is the attribute "data",
// as JSON text. The attribute "server" is the server's name, "logger" its own name for the part that wrote. For the
// levels see [LevelOf].
func LogTo(l *slog.Logger) Option {
	return OnLog(func(ctx context.Context, p *mcp.LoggingMessageParams) {
		level := LevelOf(p.Level)
		if !l.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 3)
		if c := From(ctx); c != nil {
			attrs = append(attrs, slog.String("server", c.ServerInfo().Name))
		}
		if p.Logger != "" {
			attrs = append(attrs, slog.String("logger", p.Logger))
		}
		text := "message of the server"
		if p.Data.Kind() != wire.KindString || p.Data.Unmarshal(&text) != nil {
			attrs = append(attrs, slog.String("data", p.Data.String()))
		}
		l.LogAttrs(ctx, level, text, attrs...)
	})
}

// LevelOf gives the slog level for a severity: those of the same name, notice 2 above info, and critical, alert and
// emergency 4, 8 and 12 above error. An unknown one counts as info.
func LevelOf(level mcp.LoggingLevel) slog.Level {
	switch level {
	case mcp.LoggingLevelDebug:
		return slog.LevelDebug
	case mcp.LoggingLevelNotice:
		return slog.LevelInfo + 2
	case mcp.LoggingLevelWarning:
		return slog.LevelWarn
	case mcp.LoggingLevelError:
		return slog.LevelError
	case mcp.LoggingLevelCritical:
		return slog.LevelError + 4
	case mcp.LoggingLevelAlert:
		return slog.LevelError + 8
	case mcp.LoggingLevelEmergency:
		return slog.LevelError + 12
	}
	return slog.LevelInfo
}

func (h handlers) LoggingMessage(ctx context.Context, params *mcp.LoggingMessageParams) error {
	for _, f := range h.log {
		f(h.ctx(ctx), params)
	}
	return nil
}
