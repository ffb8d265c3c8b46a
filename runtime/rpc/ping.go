package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrUnresponsive is in the chain of why a session closed whose peer did not answer pings.
var ErrUnresponsive = errors.New("the peer does not answer pings")

// Pings says how a session finds out that its peer is dead (specification 2025-11-25, basic/utilities/ping).
type Pings struct {
	// Every is how long to wait between a ping's answer and the next ping; 0 or less sends none.
	Every time.Duration
	// Wait is how long the answer may take; default Every.
	Wait time.Duration
	// Misses is how many pings in a row may stay without answer: with that many the session is closed; default 3.
	Misses int
}

const defaultMisses = 3

// KeepPinging pings the peer until the session closes or stop is called, and closes the session, for a reason that matches
// ErrUnresponsive, when too many pings were missed. Any answer counts, an error too. Between pings there is a timer and no
// goroutine. While the peer listens to no stream ([Listener]) nothing is sent, and nothing is missed.
func (s *Session) KeepPinging(p Pings) (stop func()) {
	if p.Every <= 0 {
		return func() {}
	}
	if p.Wait <= 0 {
		p.Wait = p.Every
	}
	if p.Misses <= 0 {
		p.Misses = defaultMisses
	}
	k := &pinger{session: s, Pings: p}
	k.mu.Lock()
	k.timer = time.AfterFunc(p.Every, k.ping)
	k.mu.Unlock()
	release := context.AfterFunc(s.ctx, k.stop)
	return func() {
		release()
		k.stop()
	}
}

// pinger is the pinging of a session.
type pinger struct {
	Pings
	session *Session

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool

	missed int // in a row; touched by ping only, of which one runs at a time
}

func (k *pinger) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	k.timer.Stop()
}

// again has the next ping sent.
func (k *pinger) again() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.stopped {
		k.timer.Reset(k.Every)
	}
}

// ping sends one ping and waits for the answer.
func (k *pinger) ping() {
	s := k.session
	if l, ok := s.own().(Listener); ok && !l.Listening() {
		k.again()
		return
	}
	s.update(func(st *state) { st.helpers++ })
	defer s.update(func(st *state) { st.helpers-- })
	ctx, cancel := context.WithTimeout(s.ctx, k.Wait)
	err := s.Call(ctx, methodPing, nil, nil)
	cancel()
	if s.ctx.Err() != nil {
		return
	}
	k.missed++
	if answered(err) {
		k.missed = 0
	}
	if k.missed < k.Misses {
		k.again()
		return
	}
	s.log.Info("rpc: the session is closed, its peer does not answer pings", "transport", s.Link().Transport, "missed", k.missed)
	s.update(func(st *state) { st.stats.Unresponsive = true })
	s.Close(fmt.Errorf("%w: %d in a row, each within %v", ErrUnresponsive, k.missed, k.Wait))
}

// answered reports whether err, of a call, is what the peer said: errors made here have a cause.
func answered(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return err == nil || ok && (e.cause == nil || e.Code == CodeBusy)
}
