package rpc

import "sync/atomic"

// Budget bounds what the incoming requests of several sessions take together, all those of a server, say: it is shared by
// their [Config]s. It costs two atomic additions a request, and takes no lock. It is safe for concurrent use.
type Budget struct {
	requests, bytes int64 // limits

	running, held, refused atomic.Int64
}

// NewBudget makes a budget of so many requests that may run at once and so many bytes of params that they may hold; 0 or
// less is no limit. A request too many is refused with CodeBusy; one that is alone always runs.
func NewBudget(requests int, bytes int64) *Budget {
	b := &Budget{requests: int64(requests), bytes: bytes}
	if b.requests <= 0 {
		b.requests = 1<<63 - 1
	}
	if b.bytes <= 0 {
		b.bytes = 1<<63 - 1
	}
	return b
}

// BudgetStats are counters of a [Budget].
type BudgetStats struct {
	// InFlight is how many requests run now, and InFlightBytes how many bytes of params they hold.
	InFlight, InFlightBytes int64
	// Busy is how many requests were refused.
	Busy int64
}

// Stats gives the budget's counters.
func (b *Budget) Stats() BudgetStats {
	return BudgetStats{InFlight: b.running.Load(), InFlightBytes: b.held.Load(), Busy: b.refused.Load()}
}

// take takes room for a request; false if there is none. A nil Budget has always room.
func (b *Budget) take(size int) bool {
	if b == nil {
		return true
	}
	n, held := b.running.Add(1), b.held.Add(int64(size))
	if n > b.requests || n > 1 && held > b.bytes {
		b.put(size)
		b.refused.Add(1)
		return false
	}
	return true
}

// put gives back what take took.
func (b *Budget) put(size int) {
	if b != nil {
		b.running.Add(-1)
		b.held.Add(-int64(size))
	}
}
