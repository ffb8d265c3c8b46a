package server

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// RatePer says whose requests a [RateLimit] counts together.
type RatePer uint8

// Whose requests are counted together.
const (
	// PerSession counts each session by itself.
	PerSession RatePer = iota
	// PerPrincipal counts each authenticated principal by itself, in all its sessions, and all who are not together.
	PerPrincipal
	// PerAddress counts each remote address by itself, the first 64 bits of an IPv6 address. Behind a proxy everyone shares
	// one. Those that have none, as over stdio, count together.
	PerAddress
	// PerServer counts all together.
	PerServer
)

// RateLimit says how often requests of some kind may come: a token bucket for each of those it is per. Buckets are bounded
// in number ([ratelimit.Buckets]).
type RateLimit struct {
	// Per says whose requests count together.
	Per RatePer
	// Method is the method that is counted; "" is every one but initialize and ping, all together, and "*" is the same,
	// each by itself.
	Method string
	// Tool is the tool whose calls are counted, "*" being every one by itself; "" is no matter of tools. Method is
	// tools/call then.
	Tool string
	// Rate is how often they may come.
	Rate ratelimit.Rate
	// Keys is how many buckets there may be; default [ratelimit.DefaultKeys].
	Keys int
}

// RateLimits limits how often clients may send requests; each of the limits must allow it. They are asked in order, and what
// one refuses costs the later ones nothing: the narrow ones come first, those of the server last. A request too many is refused
// with -32010 and the data {"retryAfter": seconds}, which over HTTP is status 429 with Retry-After. Default: no limits but
// that of completions ([LimitCompletions]).
func RateLimits(limits ...RateLimit) Option {
	return func(c *config) { c.rates = append(c.rates, limits...) }
}

// rateKey is what a bucket is for. It refers to nothing that would outlive a session by it.
type rateKey struct {
	session int64
	who     string
	what    string
}

// rateLimit is a limit with its buckets.
type rateLimit struct {
	RateLimit
	buckets *ratelimit.Buckets[rateKey]
}

// limitRates makes the interceptor of the limits; nil if there are none.
func (s *Server) limitRates(limits []RateLimit) rpc.Interceptor {
	var all []rateLimit
	for _, l := range limits {
		if l.Tool != "" {
			l.Method = mcp.MethodCallTool
		}
		if l.Rate.On() {
			all = append(all, rateLimit{l, ratelimit.New[rateKey](l.Rate, l.Keys)})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Kind == rpc.KindRequest && m.Method != mcp.MethodPing && m.Method != mcp.MethodInitialize {
				for i := range all {
					if err := all[i].admit(ctx, m); err != nil {
						s.counters.rate.Add(1)
						return nil, err
					}
				}
			}
			return next(ctx, m)
		}
	}
}

// admit takes a token for a request, if the limit is about it.
func (l *rateLimit) admit(ctx context.Context, m *rpc.Message) error {
	var key rateKey
	switch l.Method {
	case "":
	case "*":
		key.what = m.Method
	case m.Method:
		if l.Tool == "" {
			break
		}
		name := toolOf(m)
		if l.Tool != "*" && l.Tool != name {
			return nil
		}
		key.what = name
	default:
		return nil
	}
	switch l.Per {
	case PerSession:
		key.session = stateOf(m.Session()).number
	case PerPrincipal:
		if p, ok := rpc.PrincipalFrom(ctx); ok {
			key.who = "=" + p.ID
		}
	case PerAddress:
		key.who = ratelimit.Address(rpc.RemoteAddrFrom(ctx))
	case PerServer:
	}
	wait := l.buckets.Take(key)
	if wait == 0 {
		return nil
	}
	what := "requests"
	if l.Method != "" {
		what = m.Method
	}
	if key.what != "" && l.Tool != "" {
		what = "calls of " + quoted(key.what)
	}
	return ratelimit.Refusal(fmt.Sprintf("too many %s: %g a second are allowed, retry later", what, l.Rate.PerSecond), wait)
}

// toolOf gives the name of the tool that a tools/call calls; "" if its params are wrong, which is for the handler to say.
func toolOf(m *rpc.Message) string {
	if p, err := m.Params(); err == nil {
		if call, ok := p.(*mcp.CallToolParams); ok && call != nil {
			return call.Name
		}
	}
	return ""
}
