package legacysse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Server serves the sessions of an [rpc.Acceptor]; see [Handler].
type Server struct {
	acceptor rpc.Acceptor
	versions []string
	access   httpaccess.Rules
	endpoint string // "": that of the GET
	limits   Limits
	log      *slog.Logger

	reading *rpc.Memory                // for large bodies
	opens   *ratelimit.Buckets[string] // of sessions in all, under the key ""; nil without limit
	from    *ratelimit.Buckets[string] // by remote address; nil without limit

	mu        sync.RWMutex
	sessions  map[string]*session
	addresses map[string]int // sessions from each, where that matters
	closing   bool           // Shutdown was called

	counters counters
}

var _ http.Handler = (*Server)(nil)

const (
	transportName = "legacysse"
	headerVersion = "Mcp-Protocol-Version"
	querySession  = "sessionId"
)

// Handler makes an HTTP handler that serves the sessions of a, for the one path that is both the URL of the event streams
// and, with a query, that of the POSTs. It goes behind any middleware whose ResponseWriter can be flushed
// (http.NewResponseController finds it by Unwrap). Middleware that authenticates puts the principal into the request's
// context with [rpc.WithPrincipal]: a session belongs to the principal that opened it, and others are refused.
func Handler(a rpc.Acceptor, opts ...Option) *Server {
	h := &Server{acceptor: a, versions: a.Versions(), access: access, sessions: map[string]*session{}, addresses: map[string]int{}}
	for _, set := range opts {
		set(h)
	}
	h.limits = h.limits.withDefaults()
	if h.log == nil {
		h.log = slog.Default()
	}
	h.reading = rpc.NewMemory(int64(h.limits.ReadBytes))
	if h.limits.Opens.On() {
		h.opens = ratelimit.New[string](h.limits.Opens, 1)
	}
	if h.limits.OpensPerAddress.On() {
		h.from = ratelimit.New[string](h.limits.OpensPerAddress, 0)
	}
	return h
}

// ServeHTTP serves one request.
func (h *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if reason := h.access.Check(w, r); reason != "" {
		refuse(w, http.StatusForbidden, rpc.CodeInvalidRequest, reason)
		return
	}
	if name := httpaccess.TooLong(r.Header, h.limits.Header, headerVersion, "Accept", "Content-Type", "Origin"); name != "" {
		refuse(w, http.StatusRequestHeaderFieldsTooLarge, rpc.CodeInvalidRequest,
			fmt.Sprintf("the %s header is longer than %d bytes", name, h.limits.Header))
		return
	}
	switch {
	case r.Method == http.MethodGet:
		h.get(w, r)
	case r.Method == http.MethodPost:
		h.post(w, r)
	case r.Method == http.MethodOptions && h.access.Preflight(w):
	default:
		w.Header().Set("Allow", "GET, POST")
		refuse(w, http.StatusMethodNotAllowed, rpc.CodeInvalidRequest,
			"the method "+httpaccess.Clip(r.Method)+" is not one of GET, POST")
	}
}

var contentJSON = []string{httpaccess.TypeJSON}

// refuse answers a request with a JSON-RPC error that has no id.
func refuse(w http.ResponseWriter, status int, code int64, message string) {
	refuseError(w, status, rpc.ID{}, &rpc.Error{Code: code, Message: message})
}

// refuseError answers a request with a JSON-RPC error; an HTTP status of its own comes first.
func refuseError(w http.ResponseWriter, status int, id rpc.ID, err *rpc.Error) {
	header := w.Header()
	if own, fields := err.HTTP(); own != 0 {
		status = own
		for name, values := range fields {
			header[name] = values
		}
	}
	header["Content-Type"] = contentJSON
	w.WriteHeader(status)
	_, _ = w.Write(rpc.NewError(id, err).AppendJSON(nil)) // the client may be gone
}

// retryLater refuses with status 503.
func retryLater(w http.ResponseWriter, message string) {
	w.Header().Set("Retry-After", retrySeconds)
	refuse(w, http.StatusServiceUnavailable, rpc.CodeBusy, message)
}

const retrySeconds = "5"

// session finds the session that a POST belongs to, or refuses it.
func (h *Server) session(w http.ResponseWriter, r *http.Request) *session {
	id := r.URL.Query().Get(querySession)
	if id == "" {
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest,
			"the query has no "+querySession+": open an event stream by GET, and POST to the endpoint that it names")
		return nil
	}
	h.mu.RLock()
	s := h.sessions[id]
	h.mu.RUnlock()
	if s == nil || s.rpc.Context().Err() != nil {
		refuse(w, http.StatusNotFound, rpc.CodeInvalidRequest, "the session is unknown or has ended: open a new event stream")
		return nil
	}
	if !s.rpc.OwnedBy(r.Context()) {
		refuse(w, http.StatusForbidden, rpc.CodeInvalidRequest, "the session belongs to another principal")
		return nil
	}
	if v := httpaccess.Value(r.Header, headerVersion); v != "" && !slices.Contains(h.versions, v) {
		refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest,
			"the MCP-Protocol-Version "+httpaccess.Clip(v)+" is not one of "+strings.Join(h.versions, ", "))
		return nil
	}
	return s
}

// CutOff is the error of [Server.Shutdown] if its time was over before everything was finished.
type CutOff struct {
	// Sessions is how many sessions had something in flight, and Requests how many requests those were.
	Sessions, Requests int
	// Cause is the error of the context.
	Cause error
}

func (e *CutOff) Error() string {
	return fmt.Sprintf("legacysse: shut down with %d requests of %d sessions in flight: %v", e.Requests, e.Sessions, e.Cause)
}

// Unwrap gives the cause.
func (e *CutOff) Unwrap() error { return e.Cause }

var errShutdown = errors.New("the server shuts down")

// Shutdown ends the server: new sessions and requests are refused with status 503 from now on; requests in flight go on,
// and are answered, until none is left or ctx ends; then all sessions are ended. If ctx ended first the error is a *CutOff
// that tells what was cut off. Call it before http.Server.Shutdown, which waits for streams that are open.
func (h *Server) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closing = true
	sessions := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		sessions = append(sessions, s)
	}
	h.mu.Unlock()
	var cut *CutOff
	for _, s := range sessions {
		if err := s.rpc.Wait(ctx); err != nil && s.rpc.Err() == nil {
			if n := s.rpc.Stats().InFlight; n > 0 {
				if cut == nil {
					cut = &CutOff{Cause: err}
				}
				cut.Sessions++
				cut.Requests += n
			}
		}
		s.rpc.Close(errShutdown)
	}
	// What is open now ends by itself: give it a moment, in which the last events are written.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	for _, s := range sessions {
		select {
		case <-s.gone:
		case <-last.Done():
		}
	}
	if cut != nil {
		return cut
	}
	return nil
}

// endTime is how long connections may take to end once their session is closed.
const endTime = time.Second
