package rpc

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long a client waits before each attempt to connect again to a server that it lost, and how often it
// tries. The zero value is the default.
type Backoff struct {
	// Min is the shortest wait; default 1 s, negative for none.
	Min time.Duration
	// Max is the longest wait; default 60 s, negative for no limit. A connection that lasts longer starts the waits anew.
	Max time.Duration
	// Attempts is how many attempts in a row may fail until whoever waits for the connection is told so, and the next call
	// begins anew; default 10, which takes some minutes. Negative is no limit.
	Attempts int
}

const (
	defaultBackoffMin      = time.Second
	defaultBackoffMax      = 60 * time.Second
	defaultBackoffAttempts = 10
)

// WithDefaults gives b with the defaults in place of zero fields, and values that do the same in place of negative ones.
func (b Backoff) WithDefaults() Backoff {
	if b.Min == 0 {
		b.Min = defaultBackoffMin
	}
	b.Min = max(b.Min, 0)
	b.Max = max(limitTime(b.Max, defaultBackoffMax), b.Min)
	b.Attempts = limit(b.Attempts, defaultBackoffAttempts)
	return b
}

// Next gives how long to wait after an attempt that was preceded by the wait last (0 for none): a random time between
// Min and thrice last, and at most Max. So waits grow, and clients that lost a server together do not come back together.
func (b Backoff) Next(last time.Duration) time.Duration {
	b = b.WithDefaults()
	most := b.Max
	if last = max(last, b.Min); last < b.Max/3 {
		most = 3 * last
	}
	return b.Min + rand.N(max(most-b.Min, 0)+1)
}

// Redialer is a Transport whose connections can break. When one does, the transport closes its session with an error that
// matches ErrSessionEnded. When its session is closed for that or any other cause, a client opens a new session over a new
// connection; it waits between attempts as Backoff says.
type Redialer interface {
	Transport
	Backoff() Backoff
}
