package server

import (
	"math"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// CompletionLimit says how many completions a session may ask for: a token bucket. Zero fields mean the defaults.
type CompletionLimit struct {
	// Burst is how many may come at once; default 100.
	Burst int
	// PerSecond is how many may follow each second; default 50.
	PerSecond float64
	// Off answers every request.
	Off bool
}

const (
	defaultCompletionBurst     = 100
	defaultCompletionPerSecond = 50
)

func (l CompletionLimit) withDefaults() CompletionLimit {
	if l.Burst <= 0 {
		l.Burst = defaultCompletionBurst
	}
	if l.PerSecond <= 0 {
		l.PerSecond = defaultCompletionPerSecond
	}
	return l
}

// LimitCompletions sets how many completions a session may ask for. Default a burst of 100, then 50 a second. One more is
// refused with -32010 and the data {"retryAfter": seconds}. In stateless mode, where no session outlasts a request, there
// is no limit.
func LimitCompletions(l CompletionLimit) Option { return func(c *config) { c.completions = l } }

// rates are the token buckets of the sessions that asked for completions.
type rates struct {
	mu      sync.Mutex
	buckets map[*sessionState]*bucket
}

type bucket struct {
	tokens float64
	filled time.Time
}

// admit takes a token out of a session's bucket; the error is for the client.
func (f *completeFeature) admit(st *sessionState) error {
	if f.limit.Off || st.stateless {
		return nil
	}
	wait, first := f.rates.take(st, f.limit, time.Now())
	if first {
		st.onEnd(func() { f.rates.forget(st) })
	}
	if wait <= 0 {
		return nil
	}
	st.server.counters.rate.Add(1)
	retry := wire.Object{{Name: "retryAfter", Value: integer(int64(math.Ceil(wait)))}}
	return rpc.Errorf(rpc.CodeBusy, "too many completions asked for: this session may ask for %g a second", f.limit.PerSecond).WithData(raw(retry))
}

// take takes a token, or gives the seconds until there is one. first says that the session had no bucket.
func (r *rates) take(st *sessionState, limit CompletionLimit, now time.Time) (wait float64, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[st]
	if b == nil {
		if r.buckets == nil {
			r.buckets = map[*sessionState]*bucket{}
		}
		b, first = &bucket{float64(limit.Burst), now}, true
		r.buckets[st] = b
	}
	b.tokens = min(float64(limit.Burst), b.tokens+now.Sub(b.filled).Seconds()*limit.PerSecond)
	b.filled = now
	if b.tokens < 1 {
		return (1 - b.tokens) / limit.PerSecond, first
	}
	b.tokens--
	return 0, first
}

func (r *rates) forget(st *sessionState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.buckets, st)
}
