// Package ratelimit has token buckets by key for servers and transports: bounded in number, and without goroutines.
//
// A bucket that is full says nothing that a new one would not, so those not used for long make room for others. When there
// are as many as there may be and none is full, all further keys share one bucket: whoever makes up keys by the million
// slows down only those that are as new as he is, and takes no memory.
package ratelimit

import (
	"container/list"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Rate is how often something may happen. The zero Rate is no limit.
type Rate struct {
	// PerSecond is how often in the long run; 0 or less is no limit.
	PerSecond float64
	// Burst is how often at once; default PerSecond, and at least 1.
	Burst int
}

// On reports whether there is a limit.
func (r Rate) On() bool { return r.PerSecond > 0 }

// Buckets are token buckets, one for each key. It is safe for concurrent use.
type Buckets[K comparable] struct {
	rate Rate
	most int

	mu     sync.Mutex
	byKey  map[K]*list.Element // of bucket[K]
	used   list.List           // the least recently used first
	shared *rate.Limiter       // of those for whom there is no room; nil until needed
}

type bucket[K comparable] struct {
	key     K
	limiter *rate.Limiter
}

// DefaultKeys is how many buckets there may be unless New is told otherwise; one takes some 300 bytes.
const DefaultKeys = 65_536

// New makes Buckets that are filled at the rate, which must be on; at most so many, 0 or less being DefaultKeys.
func New[K comparable](r Rate, most int) *Buckets[K] {
	if r.Burst <= 0 {
		r.Burst = max(1, int(math.Ceil(r.PerSecond)))
	}
	if most <= 0 {
		most = DefaultKeys
	}
	return &Buckets[K]{rate: r, most: most, byKey: map[K]*list.Element{}}
}

// Take takes a token out of the bucket of a key, which gives 0, or tells how long it takes for one to come.
func (b *Buckets[K]) Take(key K) (wait time.Duration) {
	now := time.Now()
	l := b.limiter(key, now)
	if l.AllowN(now, 1) {
		return 0
	}
	return max(1, time.Duration((1-l.TokensAt(now))/b.rate.PerSecond*float64(time.Second)))
}

func (b *Buckets[K]) limiter(key K, now time.Time) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.byKey[key]; e != nil {
		b.used.MoveToBack(e)
		return e.Value.(*bucket[K]).limiter
	}
	if len(b.byKey) >= b.most {
		oldest := b.used.Front().Value.(*bucket[K])
		if oldest.limiter.TokensAt(now) < float64(b.rate.Burst) {
			if b.shared == nil {
				b.shared = b.full()
			}
			return b.shared
		}
		b.remove(oldest.key)
	}
	l := b.full()
	b.byKey[key] = b.used.PushBack(&bucket[K]{key, l})
	return l
}

func (b *Buckets[K]) full() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
}

func (b *Buckets[K]) remove(key K) {
	if e := b.byKey[key]; e != nil {
		b.used.Remove(e)
		delete(b.byKey, key)
	}
}

// Forget drops the bucket of a key that will not come again.
func (b *Buckets[K]) Forget(key K) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(key)
}

// Len is how many buckets there are.
func (b *Buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.byKey)
}

// Refusal is the error for a call that comes too soon: CodeBusy with the data {"retryAfter": seconds}, and status 429 with
// Retry-After where it is the whole answer to an HTTP request.
func Refusal(text string, wait time.Duration) *rpc.Error {
	seconds := strconv.FormatInt(Seconds(wait), 10)
	return rpc.Errorf(rpc.CodeBusy, "%s", text).
		WithData(wire.MustRaw(`{"retryAfter":`+seconds+`}`)).
		WithHTTP(429, map[string][]string{"Retry-After": {seconds}})
}

// Seconds gives a wait in whole seconds, at least 1, as Retry-After and retryAfter have it.
func Seconds(wait time.Duration) int64 {
	return max(1, int64(math.Ceil(min(wait.Seconds(), 1<<31))))
}

// Address gives what counts as one peer of an address such as "192.0.2.7:4321": the host, and of IPv6 the first 64 bits,
// all of which one customer of a network has. What is no IP address is taken as it is.
func Address(remote string) string {
	host := remote
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return prefix(ap.Addr())
	}
	if i := strings.LastIndexByte(remote, ':'); i >= 0 {
		host = remote[:i]
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return prefix(a)
	}
	return host
}

func prefix(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
