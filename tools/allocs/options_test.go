package allocs

import (
	"context"
	"testing"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// BenchmarkOptions is what options add to a call of a tool over the handler of Streamable HTTP: docs/tuning.md has the numbers.
func BenchmarkOptions(b *testing.B) {
	pass := func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) { return next(ctx, m) }
	}
	for _, c := range []struct {
		name   string
		server []server.Option
		tool   []server.ToolOption
		http   []streamhttp.Option
	}{
		{name: "none"},
		{name: "Strict", server: []server.Option{server.Strict()}},
		{name: "WithoutLogging", server: []server.Option{server.WithoutLogging()}},
		{name: "Interceptors", server: []server.Option{server.Interceptors(pass)}},
		{name: "Authorize", server: []server.Option{server.Authorize(func(context.Context, server.Item) error { return nil })}},
		{name: "RateLimits", server: []server.Option{server.RateLimits(server.RateLimit{Rate: ratelimit.Rate{PerSecond: 1e9, Burst: 1e9}})}},
		{name: "HandlerTime", server: []server.Option{server.SessionLimits(rpc.Limits{HandlerTime: time.Minute})}},
		{name: "WithoutValidation", tool: []server.ToolOption{server.WithoutValidation()}},
		{name: "Stateless", http: []streamhttp.Option{streamhttp.Stateless()}},
		{name: "WithoutTakeover", http: []streamhttp.Option{streamhttp.WithoutTakeover()}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := server.New("greeter", "1", c.server...)
			server.AddTool(s, "greet", "Say hi.", greet, c.tool...)
			h, call := openHTTP(b, s, c.http...), []byte(callText)
			b.ReportAllocs()
			for b.Loop() {
				h.post(call)
			}
			if string(h.body) != callAnswer {
				b.Fatal(string(h.body))
			}
		})
	}
}
