package rpc

import (
	"log/slog"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Limits bounds what one session may hold. A zero field means its default; a negative one means no limit.
type Limits struct {
	// InFlight is how many incoming requests may run at once; default 2,048. One more is refused with CodeBusy.
	InFlight int
	// InFlightBytes is how many bytes of params those may hold together; default 256 MiB. Refused as above; a request
	// that is alone always runs.
	InFlightBytes int
	// Notifications is how many incoming notifications may wait for their handler; default 1,024. One more is dropped,
	// counted and logged.
	Notifications int
	// NotificationBytes is how many bytes of params those may hold together; default 32 MiB. Dropped as above.
	NotificationBytes int
	// Pending is how many calls to the peer may wait for an answer; default 2,048. One more fails with CodeBusy.
	Pending int
	// Progress is how many reports of one call may wait for its callback; default 256. One more takes the place of the
	// newest that waits, so that the last always arrives.
	Progress int
	// Batch is how many messages a batch may have, where there are batches; default 1,000. More are refused together.
	Batch int
	// Depth is how deeply a message may be nested; default 512.
	Depth int
	// HandlerTime is how long the handler of an incoming request may take; default no limit. Then the request is answered
	// with CodeTimeout and its ctx ends, for that cause; until the handler has returned it counts as in flight.
	HandlerTime time.Duration
}

const (
	defaultInFlight          = 2048
	defaultInFlightBytes     = 256 << 20
	defaultNotifications     = 1024
	defaultNotificationBytes = 32 << 20
	defaultPending           = 2048
	defaultProgress          = 256
	defaultBatch             = 1000
	defaultDepth             = 512
)

func (l Limits) withDefaults() Limits {
	l.InFlight = limit(l.InFlight, defaultInFlight)
	l.InFlightBytes = limit(l.InFlightBytes, defaultInFlightBytes)
	l.Notifications = limit(l.Notifications, defaultNotifications)
	l.NotificationBytes = limit(l.NotificationBytes, defaultNotificationBytes)
	l.Pending = limit(l.Pending, defaultPending)
	l.Progress = limit(l.Progress, defaultProgress)
	l.Batch = limit(l.Batch, defaultBatch)
	l.Depth = limit(l.Depth, defaultDepth)
	l.HandlerTime = max(l.HandlerTime, 0)
	return l
}

// noLimit stands for a limit that is switched off.
const noLimit = 1<<31 - 1

// limit gives the value of a limit's field.
func limit[T ~int | ~int64](v, standard T) T {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return noLimit
	}
	return v
}

// limitTime is limit for durations, with a year for no limit.
func limitTime(v, standard time.Duration) time.Duration {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return 365 * 24 * time.Hour
	}
	return v
}

// Config is what a session is made of. The zero value is usable: it answers ping, and every other request with
// "method not found".
type Config struct {
	// Dispatch handles what arrives; nil handles nothing.
	Dispatch *Dispatch
	// Outgoing are the interceptors that requests and notifications to the peer pass.
	Outgoing []Interceptor
	// Principal is who is at the other end; nil if nobody was authenticated.
	Principal *Principal
	// State is what the layer above keeps with the session, see [Session.State]; nil by default.
	State any
	// Progress takes reports whose token is none that the session made, and tells whether it knows the token: for what
	// outlives calls. It is called as they are received, in order, and must not block; nil knows none.
	Progress func(token ID, p Progress) (known bool)
	// Limits bound the session; zero fields mean the defaults.
	Limits Limits
	// Budget bounds the session together with the others that share it; nil by default.
	Budget *Budget
	// Strict makes results and notifications that we receive fail for what otherwise only sent values and received
	// requests fail for (enums, bounds, formats), and half surrogate pairs in strings an error.
	Strict bool
	// Logger gets what has nobody else to go to: panics of handlers, what was dropped. Nil is slog.Default().
	Logger *slog.Logger
}

func (c *Config) options() wire.Options {
	return wire.Options{MaxDepth: c.Limits.Depth, Strict: c.Strict}
}

// Stats are counters of a session since it began.
type Stats struct {
	// Malformed is how many texts arrived that were no message.
	Malformed int64
	// Busy is how many requests were refused because too much was in flight.
	Busy int64
	// UnknownResponses is how many responses arrived that nobody waits for (any more).
	UnknownResponses int64
	// DroppedNotifications is how many notifications were dropped because too many were waiting.
	DroppedNotifications int64
	// Panics is how many handlers panicked.
	Panics int64
	// TimedOut is how many handlers took longer than they may.
	TimedOut int64
	// Unresponsive says that the session was closed because its peer did not answer pings.
	Unresponsive bool
	// InFlight is how many incoming requests run now, and Pending how many calls to the peer wait now.
	InFlight, Pending int
}
