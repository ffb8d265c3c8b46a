package legacysse

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

var (
	errDisconnected = errors.New("the client disconnected")
	errNeverOpened  = errors.New("the session was not initialized in time")
	errIdle         = errors.New("the session was idle for too long")
	errSlow         = errors.New("the client does not take what is sent to it")
)

// session is one session of the server, and the stream of its messages: what is sent is encoded and queued here by whoever
// sends; the goroutine of the GET writes it.
type session struct {
	h    *Server
	id   string
	rpc  *rpc.Session
	wake chan struct{} // holds a signal: there is something to write
	gone chan struct{} // closed when the GET has ended

	began time.Time
	from  string // the remote address, where that matters

	mu       sync.Mutex
	used     time.Time // when something was last received or sent
	buf      []byte    // frames to be written
	spare    []byte    // memory for frames
	messages int       // in buf, and being written
	bytes    int       // of those
	over     bool      // nothing will be written any more
	room     chan struct{}
}

var _ rpc.Stream = (*session)(nil)

// newID makes a session id of 32 random bytes.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open makes a session for the GET r, and puts it into the table. The error is a refusal.
func (h *Server) open(r *http.Request) (*session, error) {
	s := &session{h: h, id: newID(), began: time.Now(), used: time.Now(), wake: make(chan struct{}, 1), gone: make(chan struct{})}
	if h.from != nil || h.limits.SessionsPerAddress > 0 {
		s.from = ratelimit.Address(r.RemoteAddr)
	}
	if err := h.mayOpen(s.from); err != nil {
		return nil, err
	}
	var err error
	link := rpc.Link{Stream: s, Transport: transportName, ID: s.id, RemoteAddr: r.RemoteAddr}
	if s.rpc, err = h.acceptor.NewSession(r.Context(), link); err != nil {
		return nil, err
	}
	h.mu.Lock()
	if err = h.room(s.from); err == nil {
		h.sessions[s.id] = s
		if s.from != "" {
			h.addresses[s.from]++
		}
	}
	h.mu.Unlock()
	if err != nil { // meanwhile
		s.rpc.Close(err)
		return nil, err
	}
	h.counters.opened.Add(1)
	return s, nil
}

// mayOpen refuses one more session before anything is done for it.
func (h *Server) mayOpen(from string) error {
	if h.from != nil {
		if wait := h.from.Take(from); wait > 0 {
			return ratelimit.Refusal("too many sessions are opened from this address", wait)
		}
	}
	if h.opens != nil {
		if wait := h.opens.Take(""); wait > 0 {
			return ratelimit.Refusal("too many sessions are opened", wait)
		}
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.room(from)
}

// room tells why no session may be added; nil if one may. Under mu.
func (h *Server) room(from string) error {
	most := h.limits.SessionsPerAddress
	switch {
	case h.closing:
		return errShutdown
	case len(h.sessions) >= h.limits.Sessions, most > 0 && h.addresses[from] >= most:
		return errFull
	}
	return nil
}

var errFull = errors.New("there are too many sessions")

// end takes the session out of the table once its stream has ended.
func (h *Server) end(s *session) {
	h.mu.Lock()
	delete(h.sessions, s.id)
	if s.from != "" {
		if h.addresses[s.from]--; h.addresses[s.from] == 0 {
			delete(h.addresses, s.from)
		}
	}
	h.mu.Unlock()
	switch cause := s.rpc.Err(); {
	case errors.Is(cause, errNeverOpened):
		h.counters.never.Add(1)
	case errors.Is(cause, errIdle):
		h.counters.idle.Add(1)
	case errors.Is(cause, errSlow):
		h.counters.slow.Add(1)
	}
	close(s.gone)
}

// touch notes that something was received.
func (s *session) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = time.Now()
}

// patience tells for how long the session may go on as it is, and why it may not if that is over.
func (s *session) patience() (time.Duration, error) {
	if s.rpc.Version() == "" {
		return s.h.limits.OpenTime - time.Since(s.began), errNeverOpened
	}
	s.mu.Lock()
	used := time.Since(s.used)
	s.mu.Unlock()
	if stats := s.rpc.Stats(); stats.InFlight > 0 || stats.Pending > 0 {
		used = 0
	}
	return s.h.limits.IdleTime - used, errIdle
}

// Send takes a message for the client.
func (s *session) Send(ctx context.Context, m *rpc.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.waitForRoom(ctx); err != nil {
		return err
	}
	if s.buf == nil {
		s.buf, s.spare = s.spare[:0], nil
	}
	before := len(s.buf)
	buf := append(s.buf, "event: message\ndata: "...)
	start := len(buf)
	buf = m.AppendJSON(buf)
	if n := len(buf) - start; n > s.h.limits.Message {
		return fmt.Errorf("%w: %d bytes, the limit is %d", rpc.ErrTooLarge, n, s.h.limits.Message)
	}
	s.buf = append(buf, "\n\n"...)
	s.messages++
	s.bytes += len(s.buf) - before
	s.used = time.Now()
	s.signal()
	return nil
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// waitForRoom waits while too much is queued, and ends the session if that lasts. Under mu, which it gives up meanwhile.
func (s *session) waitForRoom(ctx context.Context) error {
	if !s.full() {
		return s.closed()
	}
	s.h.counters.queue.Add(1)
	if s.h.limits.WhenFull == rpc.QueueDropPeer {
		s.rpc.Close(errSlow)
		return fmt.Errorf("%w: %w", rpc.ErrClosed, errSlow)
	}
	slow := time.NewTimer(s.h.limits.WriteTime)
	defer slow.Stop()
	for s.full() && !s.over {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		case <-slow.C:
			err = fmt.Errorf("%w: %w", rpc.ErrClosed, errSlow)
			s.rpc.Close(errSlow)
		}
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
	return s.closed()
}

func (s *session) full() bool {
	l := &s.h.limits
	return s.messages > 0 && (s.messages >= l.QueueMessages || s.bytes >= l.QueueBytes)
}

// closed tells that nothing is taken any more; nil if something is. Under mu.
func (s *session) closed() error {
	if s.over {
		return fmt.Errorf("the client is gone: %w", rpc.ErrClosed)
	}
	return nil
}

// take gives what is to be written, and how many messages that are.
func (s *session) take() (frames []byte, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, s.buf = s.buf, nil
	return frames, s.messages
}

// wrote makes room for as much as was written. Small memory is kept for use again.
func (s *session) wrote(frames []byte, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages -= messages
	s.bytes -= len(frames)
	if cap(frames) <= keptBuffer {
		s.spare = frames
	}
	s.wakeSenders()
}

const keptBuffer = 16 << 10

// wakeSenders lets those go on who wait for room. Under mu.
func (s *session) wakeSenders() {
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
}

// finish notes that nothing will be written any more.
func (s *session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over, s.buf, s.spare = true, nil, nil
	s.wakeSenders()
}
