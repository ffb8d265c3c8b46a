package legacysse

import "sync/atomic"

// Stats are counters of a server since it began.
type Stats struct {
	// Sessions is how many there are now, and Opened how many there have been.
	Sessions int
	Opened   int64
	// InFlight is how many requests run now, and Pending how many calls to clients wait now.
	InFlight, Pending int
	// Full is how many sessions were refused because there were too many, in all or from an address; RateLimited because
	// they came too fast.
	Full, RateLimited int64
	// NeverOpened is how many sessions were ended because nobody initialized them, and Idle because nothing happened in
	// them.
	NeverOpened, Idle int64
	// TooLarge is how many bodies were over the size limit, SlowReads how many did not arrive in time, and Busy how many
	// found no room to be read.
	TooLarge, SlowReads, Busy int64
	// ReadBytes is how much room large bodies on their way in take now.
	ReadBytes int64
	// QueueFull is how often a sender found the queue of a session full, and SlowWrites how many sessions were ended
	// because the client took nothing.
	QueueFull, SlowWrites int64
}

type counters struct {
	opened, full, rate, never, idle, large, slowReads, busy, queue, slow atomic.Int64
}

// Stats gives the server's counters.
func (h *Server) Stats() Stats {
	c := &h.counters
	stats := Stats{
		Opened: c.opened.Load(), Full: c.full.Load(), RateLimited: c.rate.Load(), NeverOpened: c.never.Load(), Idle: c.idle.Load(),
		TooLarge: c.large.Load(), SlowReads: c.slowReads.Load(), Busy: c.busy.Load(), ReadBytes: h.reading.Held(),
		QueueFull: c.queue.Load(), SlowWrites: c.slow.Load(),
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	stats.Sessions = len(h.sessions)
	for _, s := range h.sessions {
		of := s.rpc.Stats()
		stats.InFlight += of.InFlight
		stats.Pending += of.Pending
	}
	return stats
}
