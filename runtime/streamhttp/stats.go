package streamhttp

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Stats are counters of a server since it began.
type Stats struct {
	// Sessions is how many there are now, and Opened how many there have been.
	Sessions int
	Opened   int64
	// Streams is how many GETs are open now, and Posts how many POSTs and requests are in flight.
	Streams, Posts int64
	// Full is how many sessions were refused because there were too many, in all or from an address; RateLimited because
	// they came too fast.
	Full, RateLimited int64
	// Idle is how many sessions were ended because nothing happened in them.
	Idle int64
	// TooLarge is how many bodies were over the size limit, SlowReads how many did not arrive in time, and Busy how many
	// found no room to be read.
	TooLarge, SlowReads, Busy int64
	// ReadBytes is how much room large bodies on their way in take now.
	ReadBytes int64
	// QueueFull is how often a sender found the queue of a stream full, and SlowWrites how many connections were given up
	// because the client took nothing.
	QueueFull, SlowWrites int64
	// DroppedNotifications is how many were dropped because a client did not listen.
	DroppedNotifications int64
}

type counters struct {
	opened, refused, rate, idle, large, slowReads, busy, full, slow, dropped atomic.Int64
}

// Stats gives the server's counters.
func (h *Server) Stats() Stats {
	h.table.mu.RLock()
	sessions := len(h.table.sessions)
	h.table.mu.RUnlock()
	c := &h.counters
	return Stats{
		Sessions: sessions, Opened: c.opened.Load(),
		Streams: h.gets.n.Load(), Posts: h.calls.n.Load(),
		Full: c.refused.Load(), RateLimited: c.rate.Load(), Idle: c.idle.Load(),
		TooLarge: c.large.Load(), SlowReads: c.slowReads.Load(), Busy: c.busy.Load(), ReadBytes: h.reading.Held(),
		QueueFull: c.full.Load(), SlowWrites: c.slow.Load(), DroppedNotifications: c.dropped.Load(),
	}
}

// remote gives the address that a request counts for, "" if addresses do not matter.
func (h *Server) remote(r *http.Request) string {
	if h.from == nil && h.limits.SessionsPerAddress == 0 {
		return ""
	}
	return ratelimit.Address(r.RemoteAddr)
}

// mayOpen takes a token for opening a session, or refuses the request.
func (h *Server) mayOpen(w http.ResponseWriter, from string) bool {
	if h.from != nil {
		if wait := h.from.Take(from); wait > 0 {
			h.tooFast(w, "too many sessions are opened from this address", ratelimit.Seconds(wait))
			return false
		}
	}
	if h.opens != nil {
		if wait := h.opens.Take(""); wait > 0 {
			h.tooFast(w, "too many sessions are opened", ratelimit.Seconds(wait))
			return false
		}
	}
	return true
}

// tooFast refuses with status 429.
func (h *Server) tooFast(w http.ResponseWriter, message string, seconds int64) {
	h.counters.rate.Add(1)
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	refuse(w, http.StatusTooManyRequests, rpc.CodeBusy, message)
}
