package websocket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/tenonmcp/tenon/runtime/internal/door"
	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Subprotocol is what client and server agree to speak.
const Subprotocol = "mcp"

const transportName = "websocket"

// Server serves the sessions of an [rpc.Acceptor]; see [Handler]. It is safe for concurrent use.
type Server struct {
	acceptor rpc.Acceptor
	access   httpaccess.Rules
	limits   Limits
	compress bool
	log      *slog.Logger
	door     *door.Door
	memory   *rpc.Memory // nil: no limit

	mu    sync.Mutex
	ended bool // nothing more is taken
	peers map[*peer]struct{}
	work  sync.WaitGroup // of peers; added to under mu while not ended

	forbidden, notOpened, idle, slow, dead, tooLarge, malformed atomic.Int64
}

var _ http.Handler = (*Server)(nil)

// Handler makes an HTTP handler that serves the sessions of a, one to each connection, for the one path that is the
// server's endpoint. It goes behind any middleware whose ResponseWriter gives the connection away (http.NewResponseController
// finds it by Unwrap). Middleware that authenticates puts the principal into the request's context with
// [rpc.WithPrincipal]. ServeHTTP returns when the connection has ended; a time limit for handlers must not be around it.
func Handler(a rpc.Acceptor, opts ...Option) *Server {
	s := &Server{
		acceptor: a, log: slog.Default(), peers: map[*peer]struct{}{},
		access: httpaccess.Rules{Package: "websocket"},
	}
	for _, set := range opts {
		set(s)
	}
	s.limits = s.limits.withDefaults()
	l := s.limits
	s.door = door.New(door.Limits{
		Connections: l.Connections, PerAddress: l.ConnectionsPerAddress, Opens: l.Opens, OpensPerAddress: l.OpensPerAddress,
	})
	if l.ReadBytes > 0 {
		s.memory = rpc.NewMemory(int64(l.ReadBytes))
	}
	return s
}

// Stats are counters of a server since it began.
type Stats struct {
	// Connections is how many there are now, and Accepted how many there have been.
	Connections int
	Accepted    int64
	// Forbidden is how many requests were refused because of their Host or Origin.
	Forbidden int64
	// Full is how many were refused because there were too many connections, in all or from an address; RateLimited
	// because they came too fast.
	Full, RateLimited int64
	// NotOpened is how many connections opened no session in time, Idle how many were idle for too long, Slow how many
	// began a message and did not finish it in time, or did not take what was written, Dead how many did not answer pings.
	NotOpened, Idle, Slow, Dead int64
	// TooLarge is how many were closed because of a message over the size limit, Malformed because of what is no text.
	TooLarge, Malformed int64
	// ReadBytes is how much room large messages on their way in take now.
	ReadBytes int64
}

// Stats gives the server's counters.
func (s *Server) Stats() Stats {
	d := s.door.Stats()
	stats := Stats{
		Connections: d.Inside, Accepted: d.Entered, Full: d.Full, RateLimited: d.RateLimited,
		Forbidden: s.forbidden.Load(), NotOpened: s.notOpened.Load(), Idle: s.idle.Load(), Slow: s.slow.Load(),
		Dead: s.dead.Load(), TooLarge: s.tooLarge.Load(), Malformed: s.malformed.Load(),
	}
	if s.memory != nil {
		stats.ReadBytes = s.memory.Held()
	}
	return stats
}

// count counts how a session ended.
func (s *Server) count(session *rpc.Session) {
	err := session.Err()
	var v *violation
	switch {
	case errors.Is(err, rpc.ErrSlow):
		s.slow.Add(1)
	case errors.Is(err, errDead):
		s.dead.Add(1)
	case errors.Is(err, rpc.ErrTooLarge):
		s.tooLarge.Add(1)
	case errors.Is(err, errUnopened):
		s.notOpened.Add(1)
	case errors.Is(err, errIdle):
		s.idle.Add(1)
	case errors.As(err, &v) && v != errShutdown:
		s.malformed.Add(1)
	}
}

// refuse answers a request that opens nothing.
func refuse(w http.ResponseWriter, why *rpc.Error) {
	status, header := why.HTTP()
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", httpaccess.TypeJSON)
	w.WriteHeader(status)
	_, _ = w.Write(rpc.NewError(rpc.ID{}, why).AppendJSON(nil)) // the client may be gone
}

func refusal(status int, code int64, text string) *rpc.Error {
	return (&rpc.Error{Code: code, Message: text}).WithHTTP(status, nil)
}

var errEnded = (&rpc.Error{Code: rpc.CodeBusy, Message: "the server shuts down", Data: wire.MustRaw(`{"retryAfter":5}`)}).
	WithHTTP(http.StatusServiceUnavailable, map[string][]string{"Retry-After": {"5"}})

// ServeHTTP serves one connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if reason := s.access.Check(w, r); reason != "" {
		s.forbidden.Add(1)
		refuse(w, refusal(http.StatusForbidden, rpc.CodeInvalidRequest, reason))
		return
	}
	if asksFor(r, "Upgrade", "websocket") && !asksFor(r, "Sec-Websocket-Protocol", Subprotocol) {
		refuse(w, refusal(http.StatusBadRequest, rpc.CodeInvalidRequest,
			`the client does not offer the WebSocket subprotocol "`+Subprotocol+`" (Sec-WebSocket-Protocol)`))
		return
	}
	if !givesAway(w) {
		refuse(w, refusal(http.StatusNotImplemented, rpc.CodeInternalError,
			"the connection cannot become a WebSocket: it is HTTP/2, or middleware does not give it away (http.Hijacker)"))
		return
	}
	leave, full := s.door.Enter(r.RemoteAddr)
	if full != nil {
		refuse(w, full)
		return
	}
	p := &peer{limits: s.limits.Wire, openTime: s.limits.OpenTime, idleTime: s.limits.IdleTime, memory: s.memory, began: time.Now()}
	p.out = newWriter(p.limits)
	if !s.add(p) {
		leave()
		refuse(w, errEnded)
		return
	}
	defer s.remove(p, leave)
	mode := websocket.CompressionDisabled
	if s.compress {
		mode = websocket.CompressionNoContextTakeover
	}
	hijack := &hijack{ResponseWriter: w, most: p.limits.WriteTime}
	ws, err := websocket.Accept(hijack, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // the Origin has been checked
		CompressionMode:    mode,
	})
	if err != nil {
		s.log.Debug("websocket: a connection was refused", "remote", r.RemoteAddr, "error", err)
		return // it has been answered
	}
	p.ws, p.cable = ws, hijack.cable
	ctx := context.WithValue(context.WithoutCancel(r.Context()), rpc.HeaderKey{}, map[string][]string(r.Header))
	session, err := s.acceptor.NewSession(ctx, rpc.Link{Stream: p, Transport: transportName, RemoteAddr: r.RemoteAddr})
	if err != nil {
		s.log.Debug("websocket: a session was refused", "remote", r.RemoteAddr, "error", err)
		code := websocket.StatusInternalError
		if rpc.CodeOf(err) == rpc.CodeBusy {
			code = websocket.StatusTryAgainLater
		}
		cut := time.AfterFunc(p.limits.EndTime, func() { _ = p.cable.Close() })
		_ = ws.Close(code, "no session for you")
		cut.Stop()
		return
	}
	// Middleware may end the request's context: when the credential has expired.
	stop := context.AfterFunc(r.Context(), func() { session.Close(context.Cause(r.Context())) })
	defer stop()
	if why := s.opened(p, session); why != nil {
		session.Close(why)
	}
	p.run(ctx)
	s.count(session)
	if err := session.Err(); err != rpc.ErrClosed {
		s.log.Debug("websocket: a connection ended", "remote", r.RemoteAddr, "error", err)
	}
}

// asksFor reports whether a header field lists a token.
func asksFor(r *http.Request, name, token string) bool {
	for _, value := range r.Header[name] {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// givesAway reports whether the connection can be had, which http.NewResponseController tells only by taking it.
func givesAway(w http.ResponseWriter) bool {
	for {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = inner.Unwrap()
	}
}

// hijack has the library take the connection over through a cable.
type hijack struct {
	http.ResponseWriter
	most  time.Duration
	cable *cable
}

// Hijack takes the connection over.
func (h *hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = c.SetDeadline(time.Time{}) // those of the http.Server were for the request
	h.cable = newCable(c, h.most)
	rw.Writer.Reset(h.cable)
	return serverCable{c, h.cable}, rw, nil
}

// add notes a connection, until remove; false if the server has ended.
func (s *Server) add(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.peers[p] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) remove(p *peer, leave func()) {
	leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
	s.work.Done()
}

// opened notes the session of a connection, and tells why it is over if it is already.
func (s *Server) opened(p *peer, session *rpc.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.session = session
	if s.ended {
		return errShutdown
	}
	return nil
}

// end has the server take nothing more, and gives the sessions there are.
func (s *Server) end() []*rpc.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	all := make([]*rpc.Session, 0, len(s.peers))
	for p := range s.peers {
		if p.session != nil {
			all = append(all, p.session)
		}
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
	return fmt.Sprintf("websocket: shut down with %d requests of %d sessions in flight: %v", e.Requests, e.Sessions, e.Cause)
}

// Unwrap gives the cause.
func (e *CutOff) Unwrap() error { return e.Cause }

// Shutdown ends the server: connections and requests are refused from now on, requests in flight go on and are answered
// until none is left or ctx ends, then all sessions are ended and connections closed. If ctx ended first the error is a
// *CutOff that tells what was cut off. http.Server.Shutdown knows nothing of WebSockets: call both.
func (s *Server) Shutdown(ctx context.Context) error {
	all := s.end()
	for _, session := range all {
		session.Drain()
	}
	var cut *CutOff
	for _, session := range all {
		if err := session.Wait(ctx); err != nil {
			if cut == nil {
				cut = &CutOff{Cause: err}
			}
			if n := session.Stats().InFlight; n > 0 {
				cut.Sessions++
				cut.Requests += n
			}
		}
		session.Close(errShutdown)
	}
	s.work.Wait()
	if cut != nil {
		return cut
	}
	return nil
}

// Close ends the server, its sessions and connections at once; handlers get the time of Limits.Wire to return.
func (s *Server) Close() {
	for _, session := range s.end() {
		session.Close(errShutdown)
	}
	s.work.Wait()
}
