package streamhttp

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

var (
	errIdle    = errors.New("the session was idle for too long")
	errDeleted = errors.New("the client ended the session")
	errFull    = errors.New("too many sessions")
)

// session is one session of the server: what the transport keeps of it while no stream is open.
type session struct {
	h    *Server
	id   string
	from string // the remote address it was opened from; "" where it does not matter
	rpc  *rpc.Session
	own  stream // for what belongs to no request: number 0

	active   atomic.Int32 // requests being served and requests in flight; the session is not idle then
	used     atomic.Int64 // when it was last active, in nanoseconds since h.began
	followed atomic.Bool  // something came after initialize
	large    atomic.Bool  // the last answer was

	mu      sync.Mutex
	last    uint64             // number of the newest stream
	streams map[uint64]*stream // that can be resumed and are not over
}

// open makes a session, which is not in the table yet, for the message with ctx.
func (h *Server) open(ctx context.Context) (*session, error) {
	s := &session{h: h, id: newID()}
	s.own = stream{h: h, s: s, own: true, phase: phaseOpen, ids: true, sse: true}
	var err error
	if s.rpc, err = h.acceptor.NewSession(ctx, rpc.Link{Stream: &s.own, Transport: transportName, ID: s.id}); err != nil {
		return nil, err
	}
	s.touch()
	s.rpc.AfterClose(s.ended)
	return s, nil
}

// newID makes a session id of 32 random bytes.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *session) touch() { s.used.Store(int64(time.Since(s.h.began))) }

// enter notes that something of the session is in flight, until leave.
func (s *session) enter() { s.active.Add(1) }

func (s *session) leave() {
	s.touch()
	s.active.Add(-1)
}

// expired reports whether the session has been idle for too long.
func (s *session) expired(now time.Duration) bool {
	if s.active.Load() > 0 {
		return false
	}
	most := s.h.limits.OpenTime
	if s.followed.Load() {
		most = s.h.limits.IdleTime
	}
	if now-time.Duration(s.used.Load()) <= most {
		return false
	}
	stats := s.rpc.Stats()
	return stats.InFlight == 0 && stats.Pending == 0
}

// ended cleans up once the session is closed.
func (s *session) ended() {
	s.h.table.remove(s)
	s.own.End(s.rpc.Err())
	s.h.store.Forget(s.id)
}

// number gives a stream its number and notes it, so that it can be resumed.
func (s *session) number(st *stream) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams == nil {
		s.streams = map[uint64]*stream{}
	}
	s.last++
	s.streams[s.last] = st
	return s.last
}

// forget removes a stream that is over.
func (s *session) forget(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, n)
}

// stream finds a stream; nil if it is over. ok is false if there never was one with this number.
func (s *session) stream(n uint64) (st *stream, ok bool) {
	if n == 0 {
		return &s.own, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams[n], n <= s.last
}

// table is the sessions of a server. It has no goroutine; a timer sweeps it while there are sessions.
type table struct {
	mu       sync.RWMutex
	sessions map[string]*session
	reserved int            // being opened
	from     map[string]int // sessions and reserved places by remote address; nil where it does not matter
	timer    *time.Timer
	swept    atomic.Int64 // when room was last made, in nanoseconds since h.began
}

// reserve takes a place for a session about to be opened from an address, which add or release gives up again.
func (h *Server) reserve(from string) error {
	t := &h.table
	most := h.limits.SessionsPerAddress
	t.mu.Lock()
	full := len(t.sessions)+t.reserved >= h.limits.Sessions || most > 0 && t.from[from] >= most
	if !full {
		t.reserved++
		if most > 0 {
			if t.from == nil {
				t.from = map[string]int{}
			}
			t.from[from]++
		}
	}
	t.mu.Unlock()
	if !full {
		return nil
	}
	// Those that are idle make room, but whoever asks in a loop must not keep us looking for them.
	now := time.Since(h.began)
	if last := t.swept.Load(); now-time.Duration(last) < sweepAtMost || !t.swept.CompareAndSwap(last, int64(now)) || h.sweep() == 0 {
		return errFull
	}
	return h.reserve(from)
}

// sweepAtMost is how often sessions that are idle are looked for because there is no room.
const sweepAtMost = 100 * time.Millisecond

func (t *table) release(from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
	t.left(from)
}

// left counts one less from an address. Under mu.
func (t *table) left(from string) {
	if t.from == nil {
		return
	}
	if t.from[from]--; t.from[from] <= 0 {
		delete(t.from, from)
	}
}

// add puts a session whose place was reserved into the table.
func (h *Server) add(s *session) {
	t := &h.table
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved--
	if s.rpc.Context().Err() != nil {
		t.left(s.from)
		return
	}
	h.counters.opened.Add(1)
	if t.sessions == nil {
		t.sessions = map[string]*session{}
	}
	t.sessions[s.id] = s
	if t.timer == nil {
		t.timer = time.AfterFunc(h.sweepEvery(), h.sweepAgain)
	}
}

func (t *table) remove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.sessions[s.id]; ok {
		delete(t.sessions, s.id)
		t.left(s.from)
	}
	if len(t.sessions) == 0 && t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// find gives the session with the id, entered; nil if there is none.
func (h *Server) find(id string) *session {
	t := &h.table
	t.mu.RLock()
	s := t.sessions[id]
	expired := s != nil && s.expired(time.Since(h.began))
	if s != nil && !expired {
		s.enter()
	}
	t.mu.RUnlock()
	if expired {
		h.counters.idle.Add(1)
		s.rpc.Close(errIdle)
		return nil
	}
	if s != nil && s.rpc.Context().Err() != nil {
		s.leave()
		return nil
	}
	return s
}

// all gives the sessions there are.
func (t *table) all() []*session {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]*session, 0, len(t.sessions))
	for _, s := range t.sessions {
		all = append(all, s)
	}
	return all
}

// sweepEvery is how often idle sessions are looked for: find does not need it, but memory does.
func (h *Server) sweepEvery() time.Duration {
	return min(max(min(h.limits.IdleTime, h.limits.OpenTime)/4, 10*time.Millisecond), time.Minute)
}

// sweep ends the sessions that have been idle for too long, and tells how many those were.
func (h *Server) sweep() int {
	var idle []*session
	now := time.Since(h.began)
	h.table.mu.Lock()
	for _, s := range h.table.sessions {
		if s.expired(now) {
			idle = append(idle, s)
			delete(h.table.sessions, s.id)
			h.table.left(s.from)
		}
	}
	h.table.mu.Unlock()
	for _, s := range idle {
		s.rpc.Close(errIdle)
	}
	h.counters.idle.Add(int64(len(idle)))
	return len(idle)
}

// sweepAgain sweeps, and sees to it that it is called again if need be.
func (h *Server) sweepAgain() {
	h.sweep()
	h.table.mu.Lock()
	defer h.table.mu.Unlock()
	h.table.timer = nil
	if len(h.table.sessions) > 0 {
		h.table.timer = time.AfterFunc(h.sweepEvery(), h.sweepAgain)
	}
}
