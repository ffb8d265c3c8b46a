// Package resilience repeats the calls of a client that failed without having done anything, and stops calling a server
// that does not answer any more: an interceptor for the calls of a client, which does neither by itself.
//
//	guard := resilience.New(resilience.Options{})
//	c, err := client.Dial(ctx, info, transport, client.WithOutgoing(guard.Intercept))
//
// # What is repeated
//
// A request is sent again, after a wait, if it is certain that nothing was done: the server refused it because it was busy
// (code -32010 with retryAfter, or HTTP status 429), or no connection to the server came about. One that failed on its way,
// or of which the answer was lost, is sent again only if doing it twice is no harm: the requests that read, and those that
// [Idempotent] or [Options] say so of. A tools/call that may have run is not. Nor is a call of a session that has ended: the
// client opens a new one.
//
// # The circuit breaker
//
// After a number of failures in a row no request is sent any more, and each fails at once with [ErrOpen]; after a while one
// is let through, whose success ends it. Failures are those of the connection, of the time a call has, and HTTP statuses
// from 500 on; what the server answers is none. The breaker is that of github.com/sony/gobreaker: it is long proven, depends
// on nothing, and is all we need of a library that would otherwise bring retries and much else of its own.
package resilience

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Options say how a [Guard] works. A zero field means its default.
type Options struct {
	// Retries is how often a request may be sent again; default 3, negative for never.
	Retries int
	// Backoff says how long to wait before that; default 200 ms at least and 10 s at most, a random time in between that
	// grows. Its Attempts do not matter.
	Backoff rpc.Backoff
	// MaxWait is the longest wait that a server may ask for: a request that is to wait longer fails; default 30 s, negative
	// for any.
	MaxWait time.Duration
	// Idempotent tells that a request may be sent again though it may have been done; nil is never. See [IdempotentTools].
	Idempotent func(m *rpc.Message) bool
	// Failures is how many failures in a row open the breaker; default 5, negative for none that does.
	Failures int
	// OpenTime is how long the breaker stays open before it lets a request through; default 30 s.
	OpenTime time.Duration
	// Logger is told when the breaker opens and closes; nil is slog.Default().
	Logger *slog.Logger
}

const (
	defaultRetries  = 3
	defaultMin      = 200 * time.Millisecond
	defaultMax      = 10 * time.Second
	defaultMaxWait  = 30 * time.Second
	defaultFailures = 5
	defaultOpenTime = 30 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	if o.Backoff.Min == 0 {
		o.Backoff.Min = defaultMin
	}
	if o.Backoff.Max == 0 {
		o.Backoff.Max = max(defaultMax, o.Backoff.Min)
	}
	switch {
	case o.MaxWait == 0:
		o.MaxWait = defaultMaxWait
	case o.MaxWait < 0:
		o.MaxWait = 1<<63 - 1
	}
	if o.Failures == 0 {
		o.Failures = defaultFailures
	}
	if o.OpenTime <= 0 {
		o.OpenTime = defaultOpenTime
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// ErrOpen is in the chain of the error of a request that was not sent because the breaker is open. Its code is CodeBusy.
var ErrOpen = errors.New("the circuit breaker is open")

// Guard guards the calls of a client, or of several clients of one server. It is safe for concurrent use.
type Guard struct {
	options Options
	breaker *gobreaker.CircuitBreaker[wire.Appender] // nil: none

	retried, refused atomic.Int64
}

// New makes a Guard.
func New(o Options) *Guard {
	g := &Guard{options: o.withDefaults()}
	if g.options.Failures < 0 {
		return g
	}
	g.breaker = gobreaker.NewCircuitBreaker[wire.Appender](gobreaker.Settings{
		Timeout:      g.options.OpenTime,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int64(c.ConsecutiveFailures) >= int64(g.options.Failures) },
		IsSuccessful: func(err error) bool { return !isFailure(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			g.options.Logger.Warn("resilience: the circuit breaker changed", "from", from.String(), "to", to.String())
		},
	})
	return g
}

// Stats are counters of a [Guard] since it was made.
type Stats struct {
	// Retried is how often a request was sent again.
	Retried int64
	// Refused is how many were not sent because the breaker was open.
	Refused int64
	// Open says that the breaker is open, or lets one request through to find out whether it should be.
	Open bool
}

// Stats gives the guard's counters.
func (g *Guard) Stats() Stats {
	s := Stats{Retried: g.retried.Load(), Refused: g.refused.Load()}
	s.Open = g.breaker != nil && g.breaker.State() != gobreaker.StateClosed
	return s
}

type idempotentKey struct{}

// Idempotent returns ctx under which every call may be repeated, whatever it is.
func Idempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey{}, true)
}

// IdempotentTools gives, for [Options].Idempotent, that calls of those of the tools may be repeated which say of themselves
// that they only read, or that doing it twice changes nothing more. Hints are for servers that are trusted.
func IdempotentTools(tools ...mcp.Tool) func(m *rpc.Message) bool {
	names := map[string]bool{}
	for i := range tools {
		if a := tools[i].Annotations; a != nil {
			names[tools[i].Name] = isTrue(a.IdempotentHint) || isTrue(a.ReadOnlyHint)
		}
	}
	return func(m *rpc.Message) bool {
		p, err := m.Params()
		call, ok := p.(*mcp.CallToolParams)
		return err == nil && ok && names[call.Name]
	}
}

func isTrue(b *bool) bool { return b != nil && *b }

// Intercept is the interceptor.
func (g *Guard) Intercept(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Kind != rpc.KindRequest || m.Method == mcp.MethodPing {
			return next(ctx, m)
		}
		var wait time.Duration
		for attempt := 0; ; attempt++ {
			again := *m // what sending does to it is done to the copy
			result, err := g.once(ctx, &again, next)
			if err == nil || attempt >= g.options.Retries || ctx.Err() != nil {
				return result, err
			}
			asked, ok := g.repeatable(ctx, m, err)
			if !ok || asked > g.options.MaxWait {
				return nil, err
			}
			wait = max(g.options.Backoff.Next(wait), asked)
			if !sleep(ctx, m.Session(), wait) {
				return nil, err
			}
			g.retried.Add(1)
		}
	}
}

// once sends a request, unless the breaker is open.
func (g *Guard) once(ctx context.Context, m *rpc.Message, next rpc.Handler) (wire.Appender, error) {
	if g.breaker == nil {
		return next(ctx, m)
	}
	result, err := g.breaker.Execute(func() (wire.Appender, error) { return next(ctx, m) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		g.refused.Add(1)
		return nil, rpc.Errorf(rpc.CodeBusy, "%s was not sent, the server did not answer lately: %w", m.Method, ErrOpen)
	}
	return result, err
}

// sleep waits; false if ctx or the session ended first.
func sleep(ctx context.Context, s *rpc.Session, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	var ended <-chan struct{}
	if s != nil {
		ended = s.Done()
	}
	select {
	case <-timer.C:
		return true
	case <-ended:
	case <-ctx.Done():
	}
	return false
}
