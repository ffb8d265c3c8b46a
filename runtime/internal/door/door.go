// Package door counts connections in and out: how many there may be, in all and from one address, and how often one may
// come. The transports that serve connections share it.
package door

import (
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Limits are what a door lets through. Zero fields mean no limit.
type Limits struct {
	// Connections is how many there may be, and PerAddress how many from one address.
	Connections, PerAddress int
	// Opens is how often one may come, and OpensPerAddress how often from one address.
	Opens, OpensPerAddress ratelimit.Rate
}

// Stats are the counters of a door.
type Stats struct {
	// Inside is how many there are now, and Entered how many there have been.
	Inside  int
	Entered int64
	// Full is how many were refused because there were too many, in all or from an address; RateLimited because they came
	// too fast.
	Full, RateLimited int64
}

// Door lets connections in. It is safe for concurrent use.
type Door struct {
	limits Limits
	opens  *ratelimit.Buckets[struct{}] // nil: no limit
	from   *ratelimit.Buckets[string]   // nil: no limit

	mu    sync.Mutex
	stats Stats
	per   map[string]int // inside, from each address
}

// New makes a door.
func New(l Limits) *Door {
	d := &Door{limits: l, per: map[string]int{}}
	if l.Opens.On() {
		d.opens = ratelimit.New[struct{}](l.Opens, 1)
	}
	if l.OpensPerAddress.On() {
		d.from = ratelimit.New[string](l.OpensPerAddress, 0)
	}
	return d
}

// Enter lets a connection from a remote address in, or says why not: an error with CodeBusy and the status for HTTP. The
// address may be "", which does not count as one. leave must be called once.
func (d *Door) Enter(remote string) (leave func(), refusal *rpc.Error) {
	from := remote
	if from != "" {
		from = ratelimit.Address(remote)
	}
	if d.from != nil && from != "" {
		if wait := d.from.Take(from); wait > 0 {
			return nil, d.tooFast("too many connections are opened from your address, this one is refused", wait)
		}
	}
	if d.opens != nil {
		if wait := d.opens.Take(struct{}{}); wait > 0 {
			return nil, d.tooFast("too many connections are opened, this one is refused", wait)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.limits.Connections > 0 && d.stats.Inside >= d.limits.Connections:
		d.stats.Full++
		return nil, full("too many connections, this one is refused")
	case d.limits.PerAddress > 0 && from != "" && d.per[from] >= d.limits.PerAddress:
		d.stats.Full++
		return nil, full("too many connections from your address, this one is refused")
	}
	d.stats.Inside++
	d.stats.Entered++
	if from != "" {
		d.per[from]++
	}
	return func() { d.left(from) }, nil
}

func (d *Door) left(from string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Inside--
	if from == "" {
		return
	}
	if d.per[from]--; d.per[from] == 0 {
		delete(d.per, from)
	}
}

func (d *Door) tooFast(text string, wait time.Duration) *rpc.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.RateLimited++
	return ratelimit.Refusal(text, wait)
}

func full(text string) *rpc.Error {
	return rpc.Errorf(rpc.CodeBusy, "%s", text).
		WithData(wire.MustRaw(`{"retryAfter":5}`)).
		WithHTTP(503, map[string][]string{"Retry-After": {"5"}})
}

// Stats gives the counters.
func (d *Door) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}
