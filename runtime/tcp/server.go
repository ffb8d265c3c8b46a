package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/door"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Server serves the sessions of an [rpc.Acceptor], one to each connection. It is safe for concurrent use.
type Server struct {
	options
	acceptor rpc.Acceptor
	door     *door.Door
	turned   chan struct{} // places for those who are told that there is no room

	mu        sync.Mutex
	ended     bool // nothing more is taken
	listeners map[net.Listener]struct{}
	served    map[*served]struct{}
	work      sync.WaitGroup // of served; added to under mu while not ended

	acceptErrors, unauthenticated, notOpened, idle, slow atomic.Int64
}

// Stats are counters of a server since it began.
type Stats struct {
	// Connections is how many there are now, and Accepted how many there have been.
	Connections int
	Accepted    int64
	// Full is how many were refused because there were too many, in all or from an address; RateLimited because they came
	// too fast.
	Full, RateLimited int64
	// AcceptErrors is how often the system could not give us a connection, for want of file descriptors for instance.
	AcceptErrors int64
	// Unauthenticated is how many failed the TLS handshake or were turned away because of who they are.
	Unauthenticated int64
	// NotOpened is how many opened no session in time, Idle how many were idle for too long, Slow how many began a message
	// and did not finish it in time, or did not take what was written.
	NotOpened, Idle, Slow int64
	// ReadBytes is how much room large messages on their way in take now.
	ReadBytes int64
}

// NewServer makes a server of the sessions of a.
func NewServer(a rpc.Acceptor, opts ...Option) *Server {
	s := &Server{
		options: newOptions(opts), acceptor: a, turned: make(chan struct{}, turnedAtOnce),
		listeners: map[net.Listener]struct{}{}, served: map[*served]struct{}{},
	}
	l := s.limits
	s.door = door.New(door.Limits{
		Connections: l.Connections, PerAddress: l.ConnectionsPerAddress, Opens: l.Opens, OpensPerAddress: l.OpensPerAddress,
	})
	return s
}

// Stats gives the server's counters.
func (s *Server) Stats() Stats {
	d := s.door.Stats()
	stats := Stats{
		Connections: d.Inside, Accepted: d.Entered, Full: d.Full, RateLimited: d.RateLimited,
		AcceptErrors: s.acceptErrors.Load(), Unauthenticated: s.unauthenticated.Load(),
		NotOpened: s.notOpened.Load(), Idle: s.idle.Load(), Slow: s.slow.Load(),
	}
	if s.limits.Lines.Reading != nil {
		stats.ReadBytes = s.limits.Lines.Reading.Held()
	}
	return stats
}

var (
	errServerClosed = fmt.Errorf("tcp: the server is shut down: %w", rpc.ErrClosed)
	errShutdown     = errors.New("the server shuts down")
)

// Serve serves the connections that come to a listener, see [Listen], which it closes in the end. The values of ctx reach
// the handlers. When ctx ends, so do all sessions of this call, at once, and the error is that of ctx; for a gentler end
// call [Server.Shutdown] first, after which it is nil. A listener that fails for a time, as when the process has no file
// descriptors left, is tried again, after 5 ms at first and a second at most.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		_ = listener.Close()
		return errServerClosed
	}
	s.listeners[listener] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, listener)
		s.mu.Unlock()
		_ = listener.Close() // again
	}()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var served sync.WaitGroup
	defer served.Wait()
	wait := time.Duration(0)
	for {
		c, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return ctx.Err()
		case err == nil:
			wait = 0
			served.Go(func() { _ = s.ServeConn(ctx, c) }) // it has been logged
			continue
		case s.isEnded():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("tcp: %w", err)
		}
		s.acceptErrors.Add(1)
		wait = min(max(2*wait, acceptWaitMin), acceptWaitMax)
		s.log.Error("tcp: a connection could not be accepted", "error", err, "retry", wait)
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
}

const (
	acceptWaitMin = 5 * time.Millisecond
	acceptWaitMax = time.Second
)

func (s *Server) isEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// admit takes a connection in, until dismiss.
func (s *Server) admit(c *served) error {
	leave, refusal := s.door.Enter(remoteAddr(c.conn))
	if refusal != nil {
		return refusal
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		leave()
		return errServerClosed
	}
	c.leave = leave
	s.served[c] = struct{}{}
	s.work.Add(1)
	return nil
}

// dismiss forgets a connection.
func (s *Server) dismiss(c *served) {
	c.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.served, c)
	s.work.Done()
}

// end has the server take nothing more, and gives what there is.
func (s *Server) end() []*served {
	s.mu.Lock()
	s.ended = true
	all := make([]*served, 0, len(s.served))
	for c := range s.served {
		all = append(all, c)
	}
	listeners := s.listeners
	s.listeners = map[net.Listener]struct{}{}
	s.mu.Unlock()
	for l := range listeners {
		_ = l.Close() // what Serve says
	}
	return all
}

// CutOff is the error of [Server.Shutdown] if its time was over before everything was finished.
type CutOff struct {
	// Sessions is how many sessions had something in flight, and Requests how many requests those were.
	Sessions, Requests int
	// Cause is the error of the context.
	Cause error
}

func (e *CutOff) Error() string {
	return fmt.Sprintf("tcp: shut down with %d requests of %d sessions in flight: %v", e.Requests, e.Sessions, e.Cause)
}

// Unwrap gives the cause.
func (e *CutOff) Unwrap() error { return e.Cause }

// Shutdown ends the server: connections and requests are refused from now on, requests in flight go on and are answered
// until none is left or ctx ends, then all sessions are ended and connections closed. If ctx ended first the error is a
// *CutOff that tells what was cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	all := s.end()
	for _, c := range all {
		if session := c.drain(); session == nil {
			c.stop(errShutdown) // it never opened one
		}
	}
	var cut *CutOff
	for _, c := range all {
		session := c.opened()
		if session == nil {
			continue
		}
		if err := session.Wait(ctx); err != nil {
			if cut == nil {
				cut = &CutOff{Cause: err}
			}
			if n := session.Stats().InFlight; n > 0 {
				cut.Sessions++
				cut.Requests += n
			}
		}
		c.stop(errShutdown)
	}
	s.work.Wait()
	if cut != nil {
		return cut
	}
	return nil
}

// Close ends the server, its sessions and connections at once; handlers get the time of Limits.Lines to return.
func (s *Server) Close() {
	for _, c := range s.end() {
		c.stop(errShutdown)
	}
	s.work.Wait()
}
