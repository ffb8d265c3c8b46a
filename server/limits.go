package server

import (
	"fmt"
	"sync/atomic"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Limits bounds a server, over all its transports. A zero field means its default; a negative one means no limit. What
// bounds one session is set by [SessionLimits].
type Limits struct {
	// Sessions is how many sessions there may be at once; default 20,000. One more is refused with -32010. Those of
	// stateless transports do not count.
	Sessions int
	// InFlight is how many requests of all sessions may run at once; default 65,536. One more is refused with -32010 and
	// the data {"retryAfter": 1}, as it is over the limit of its session.
	InFlight int
	// InFlightBytes is how many bytes of params those may hold; default 1 GiB. Refused as above; a request that is alone
	// always runs.
	InFlightBytes int64
	// Sampling is how many questions by [Sample] may wait in a session; default 64. One more is an [*AskError] at once.
	Sampling int
	// Elicitations is the same for [Elicit] and [ElicitURL]; default 64.
	Elicitations int
	// Logs is how many log messages a session is sent: by default 10,000 at once and 1,000 a second after that. More are
	// dropped and counted, which the server's own log says once for a session. A negative PerSecond means no limit.
	Logs ratelimit.Rate
	// Description is how many bytes the description of a tool, resource or prompt may have, and its title; default
	// 256 KiB. A longer one is an error where it is registered.
	Description int
	// Icons is how many icons an item may have, default 32, and IconBytes how many bytes the source of one; default
	// 256 KiB. More are an error where the item is registered.
	Icons, IconBytes int
	// Schema bounds the schemas of tools. One beyond is an error where the tool is registered.
	Schema schemalimit.Limits
}

const (
	defaultSessions      = 20_000
	defaultInFlight      = 65_536
	defaultInFlightBytes = 1 << 30
	defaultSampling      = 64
	defaultElicitations  = 64
	defaultLogs          = 1000
	defaultLogBurst      = 10_000
	defaultDescription   = 256 << 10
	defaultIcons         = 32
	defaultIconBytes     = 256 << 10
)

func (l Limits) withDefaults() Limits {
	l.Sessions = orLimit(l.Sessions, defaultSessions)
	l.InFlight = orLimit(l.InFlight, defaultInFlight)
	if l.InFlightBytes == 0 {
		l.InFlightBytes = defaultInFlightBytes
	}
	l.Sampling = orLimit(l.Sampling, defaultSampling)
	l.Elicitations = orLimit(l.Elicitations, defaultElicitations)
	if l.Logs == (ratelimit.Rate{}) {
		l.Logs = ratelimit.Rate{PerSecond: defaultLogs, Burst: defaultLogBurst}
	}
	l.Description = orLimit(l.Description, defaultDescription)
	l.Icons = orLimit(l.Icons, defaultIcons)
	l.IconBytes = orLimit(l.IconBytes, defaultIconBytes)
	return l
}

// WithLimits bounds the server; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(c *config) { c.bounds = l } }

// Ping has every session ping its client now and then once it is initialized, and closed when the client does not answer
// ([rpc.ErrUnresponsive]). Default: no pings. Over Streamable HTTP clients are pinged while they listen.
func Ping(p rpc.Pings) Option { return func(c *config) { c.pings = p } }

// Stats are counters of a server since it was made.
type Stats struct {
	// Sessions is how many there are now, those of stateless transports included, and Opened how many there have been.
	Sessions, Opened int64
	// Full is how many were refused because there were too many.
	Full int64
	// InFlight is how many requests run now, and InFlightBytes how many bytes of params they hold.
	InFlight, InFlightBytes int64
	// Busy is how many requests were refused because too much was in flight in all sessions together.
	Busy int64
	// RateLimited is how many requests were refused because of [RateLimits], the limit of completions included.
	RateLimited int64
	// AskLimited is how many questions were not sent because too many waited in their session.
	AskLimited int64
	// DroppedLogs is how many log messages were not sent because there were too many.
	DroppedLogs int64
}

type counters struct {
	opened, full, rate, asks, logs atomic.Int64
}

// Stats gives the server's counters.
func (s *Server) Stats() Stats {
	b, c := s.budget.Stats(), &s.counters
	return Stats{
		Sessions: s.sessions.count.Load(), Opened: c.opened.Load(), Full: c.full.Load(),
		InFlight: b.InFlight, InFlightBytes: b.InFlightBytes, Busy: b.Busy,
		RateLimited: c.rate.Load(), AskLimited: c.asks.Load(), DroppedLogs: c.logs.Load(),
	}
}

// errSessions refuses a session because there are too many.
var errSessions = &rpc.Error{
	Code:    rpc.CodeBusy,
	Message: "too many sessions: retry later",
	Data:    wire.MustRaw(`{"retryAfter":5}`),
}

// reserve counts one more session, unless there are too many, and gives its number.
func (s *Server) reserve(stateless bool) (number int64, err error) {
	if n := s.sessions.count.Add(1); n > int64(s.cfg.bounds.Sessions) && !stateless {
		s.sessions.count.Add(-1)
		s.counters.full.Add(1)
		return 0, errSessions
	}
	return s.counters.opened.Add(1), nil
}

// checkItem reports what of an item's definition is over the limits.
func (l *Limits) checkItem(definition any) error {
	switch d := definition.(type) {
	case *mcp.Tool:
		if err := l.checkTexts(d.Title, d.Description, d.Icons); err != nil {
			return err
		}
		return l.checkSchemas(d)
	case *mcp.Resource:
		return l.checkTexts(d.Title, d.Description, d.Icons)
	case *mcp.ResourceTemplate:
		return l.checkTexts(d.Title, d.Description, d.Icons)
	case *mcp.Prompt:
		return l.checkTexts(d.Title, d.Description, d.Icons)
	}
	return nil
}

func (l *Limits) checkTexts(title, description string, icons []mcp.Icon) error {
	switch {
	case len(description) > l.Description:
		return fmt.Errorf("the description has %d bytes, the limit is %d", len(description), l.Description)
	case len(title) > l.Description:
		return fmt.Errorf("the title has %d bytes, the limit is %d", len(title), l.Description)
	case len(icons) > l.Icons:
		return fmt.Errorf("there are %d icons, the limit is %d", len(icons), l.Icons)
	}
	for i := range icons {
		if n := len(icons[i].Src); n > l.IconBytes {
			return fmt.Errorf("the source of icon %d has %d bytes, the limit is %d", i, n, l.IconBytes)
		}
	}
	return nil
}

func (l *Limits) checkSchemas(t *mcp.Tool) error {
	if err := schemalimit.Check(t.InputSchema, l.Schema); err != nil {
		return fmt.Errorf("input schema: %w", err)
	}
	if t.OutputSchema.IsZero() {
		return nil
	}
	if err := schemalimit.Check(t.OutputSchema, l.Schema); err != nil {
		return fmt.Errorf("output schema: %w", err)
	}
	return nil
}
