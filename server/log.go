package server

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// SetLevel sets the least severe level that a session is sent (specification 2025-11-25, server/utilities/logging).
func (h handler) SetLevel(ctx context.Context, params *mcp.SetLevelParams) (*mcp.EmptyResult, error) {
	stateFrom(ctx).logLevel.Store(int32(params.Level.Severity()) + 1)
	return &mcp.EmptyResult{}, nil
}

// Log sends the client a log message: for the request that ctx belongs to, or the session whose context it is. Data is
// anything that JSON can hold; a string is the usual. Messages less severe than the client asked for, or than the
// server's default ([LogLevel]) if it did not, are not sent; nor is anything if logging is not declared. What goes wrong
// goes to the server's own log.
func Log(ctx context.Context, level mcp.LoggingLevel, data any) {
	st, ok := logState(ctx, level)
	if !ok {
		return
	}
	raw, err := wire.Marshal(data)
	if err == nil {
		err = st.log(ctx, level, "", raw)
	}
	if err != nil {
		st.server.log.WarnContext(ctx, "server: a log message could not be sent to the client", "error", err)
	}
}

// LogEnabled reports whether a message of the level would be sent, for those who take trouble to make one.
func LogEnabled(ctx context.Context, level mcp.LoggingLevel) bool {
	_, ok := logState(ctx, level)
	return ok
}

// logState gives the session that ctx belongs to, and whether it is sent messages of the level.
func logState(ctx context.Context, level mcp.LoggingLevel) (*sessionState, bool) {
	st := stateFrom(ctx)
	if st == nil || st.server.cfg.noLogging {
		return nil, false
	}
	if !st.stateless && !st.declared.Load().Declares("logging") {
		return nil, false
	}
	least := int(st.root().logLevel.Load()) - 1
	if least < 0 {
		least = st.server.cfg.logLevel.Severity()
	}
	return st, level.Severity() >= least
}

// log sends a message, whatever the level.
func (st *sessionState) log(ctx context.Context, level mcp.LoggingLevel, logger string, data wire.Raw) error {
	if !st.mayLog() {
		return nil
	}
	return st.session.Notify(ctx, mcp.MethodLoggingMessage, &mcp.LoggingMessageParams{Level: level, Logger: logger, Data: data})
}

// mayLog counts a message, and tells whether it may be sent.
func (st *sessionState) mayLog() bool {
	limit := st.server.cfg.bounds.Logs
	if !limit.On() {
		return true
	}
	st.mu.Lock()
	if st.logs == nil {
		st.logs = ratelimit.New[struct{}](limit, 1)
	}
	logs := st.logs
	st.mu.Unlock()
	if logs.Take(struct{}{}) == 0 {
		return true
	}
	st.server.counters.logs.Add(1)
	st.mu.Lock()
	first := !st.quiet
	st.quiet = true
	st.mu.Unlock()
	if first {
		st.server.log.Warn("server: log messages to a client are dropped, there are too many", "limit", limit.PerSecond)
	}
	return false
}
