package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// logged is a client that collects log messages.
type logged struct{ messages chan string }

func (l *logged) LoggingMessage(_ context.Context, p *mcp.LoggingMessageParams) error {
	l.messages <- string(p.AppendJSON(nil))
	return nil
}

// logs connects a client to a server whose tool "t" runs f, and gives what calls it and returns what was logged.
func logs(t *testing.T, f func(ctx context.Context), opts ...Option) (*peer, func() []string) {
	t.Helper()
	s := New("v", "1", opts...)
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) { f(ctx); return "", nil })
	l := &logged{make(chan string, 100)}
	p := connect(t, s, clientSide{handler: l})
	return p, func() (all []string) {
		p.call(t, "t", "")
		// Notifications are handled in order: when this one has been, all before have.
		for session := range s.Sessions() {
			require.NoError(t, session.Notify(session.Context(), mcp.MethodLoggingMessage, &mcp.LoggingMessageParams{Level: mcp.LoggingLevelEmergency, Data: text("end")}))
		}
		for m := range l.messages {
			if m == `{"level":"emergency","data":"end"}` {
				return all
			}
			all = append(all, m)
		}
		return nil
	}
}

var allLevels = []mcp.LoggingLevel{
	mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
	mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
}

func TestLogLevels(t *testing.T) {
	p, run := logs(t, func(ctx context.Context) {
		for _, l := range allLevels {
			Log(ctx, l, map[string]string{"level": string(l)})
		}
	})
	require.Len(t, run(), 7, "info by default")
	for i, l := range allLevels {
		_, err := p.SetLevel(t.Context(), &mcp.SetLevelParams{Level: l})
		require.NoError(t, err)
		messages := run()
		require.Len(t, messages, 8-i)
		require.Equal(t, `{"level":"`+string(l)+`","data":{"level":"`+string(l)+`"}}`, messages[0])
	}
	_, err := p.SetLevel(t.Context(), &mcp.SetLevelParams{Level: "loud"})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
}

func TestLogLevelOfASessionIsItsOwn(t *testing.T) {
	s := New("v", "1", LogLevel(mcp.LoggingLevelError))
	a, b := connect(t, s, clientSide{}), connect(t, s, clientSide{})
	_, err := a.SetLevel(t.Context(), &mcp.SetLevelParams{Level: mcp.LoggingLevelDebug})
	require.NoError(t, err)
	enabled := map[bool]int{}
	for session := range s.Sessions() {
		enabled[LogEnabled(session.Context(), mcp.LoggingLevelWarning)]++
	}
	require.Equal(t, map[bool]int{true: 1, false: 1}, enabled)
	require.NotNil(t, b)
}

func TestNothingIsLoggedThatWasNotDeclared(t *testing.T) {
	s := New("v", "1", WithoutLogging())
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		Log(ctx, mcp.LoggingLevelError, "x")
		require.False(t, LogEnabled(ctx, mcp.LoggingLevelEmergency))
		err := CallFrom(ctx).Session().Notify(ctx, mcp.MethodLoggingMessage, &mcp.LoggingMessageParams{Level: "error", Data: text("x")})
		require.EqualError(t, err, `notifications/message was not sent: this server did not declare the capability "logging"`)
		return "", nil
	})
	l := &logged{make(chan string, 1)}
	p := connect(t, s, clientSide{handler: l})
	require.False(t, p.call(t, "t", "").IsError)
	require.Empty(t, l.messages)
}

type point struct{ X, Y int }

func (point) LogValue() slog.Value { return slog.GroupValue(slog.Int("x", 1)) }

func TestSlogHandler(t *testing.T) {
	var fallback *slog.Logger
	_, run := logs(t, func(ctx context.Context) {
		l := slog.New(NewLogHandler(context.Background(), "db"))
		l.Error("belongs to no session")
		l.DebugContext(ctx, "not wanted")
		l.InfoContext(ctx, "connected", "host", "h", "took", 2*time.Second, "err", errors.New("e"), "big", uint64(1<<63), "when", time.Unix(0, 0).UTC(),
			slog.Group("g", "a", 1, "none", slog.GroupValue()), "p", point{1, 2}, "f", func() {})
		l.With("a", 1).WithGroup("outer").With("b", 2).WithGroup("inner").WarnContext(ctx, "grouped", "c", 3)
		l.With("a", 1).WithGroup("empty").Log(ctx, LevelNotice, "no group")
		for _, level := range []slog.Level{LevelCritical, LevelAlert, LevelEmergency} {
			l.Log(ctx, level, "x")
		}
		fallback = ClientLogger(ctx, "")
		fallback.Info("by the context it was made for")
	})
	got := run()
	require.Contains(t, got[0], `"f":"0x`)
	got[0] = got[0][:len(`{"level":"info","data":{"msg":"connected","host":"h","took":"2s","err":"e","big":9223372036854775808,"when":"1970-01-01T00:00:00Z","g":{"a":1},"p":{"x":1}`)]
	require.Equal(t, []string{
		`{"level":"info","data":{"msg":"connected","host":"h","took":"2s","err":"e","big":9223372036854775808,"when":"1970-01-01T00:00:00Z","g":{"a":1},"p":{"x":1}`,
		`{"level":"warning","data":{"msg":"grouped","a":1,"outer":{"b":2,"inner":{"c":3}}},"logger":"db"}`,
		`{"level":"notice","data":{"msg":"no group","a":1},"logger":"db"}`,
		`{"level":"critical","data":{"msg":"x"},"logger":"db"}`,
		`{"level":"alert","data":{"msg":"x"},"logger":"db"}`,
		`{"level":"emergency","data":{"msg":"x"},"logger":"db"}`,
		`{"level":"info","data":{"msg":"by the context it was made for"}}`,
	}, got)
	before := fallback
	_, run = logs(t, func(context.Context) {})
	before.Error("after the session: goes nowhere, and does no harm")
	require.Empty(t, run())
}
