package streamhttp

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
	acceptor  rpc.Acceptor
	versions  []string
	stateless bool
	keepConns bool
	access    httpaccess.Rules
	limits    Limits
	store     EventStore
	log       *slog.Logger

	began time.Time
	table table
	conns sync.Pool // of *conn
	calls gate      // POSTs and requests in flight
	gets  gate
	ends  sync.Mutex // held by Shutdown

	reading  *rpc.Memory                // for large bodies
	opens    *ratelimit.Buckets[string] // of sessions in all, under the key ""; nil without limit
	from     *ratelimit.Buckets[string] // by remote address; nil without limit
	counters counters
}

var _ http.Handler = (*Server)(nil)

// Handler makes an HTTP handler that serves the sessions of a, for the one path that is the server's endpoint. It goes
// behind any middleware whose ResponseWriter can be flushed (http.NewResponseController finds it by Unwrap). Middleware
// that authenticates puts the principal into the request's context with [rpc.WithPrincipal]: a session belongs to the
// principal that opened it, and others are refused.
//
// If a has a method Handles(method string) bool, requests without a session for methods that it does not know are refused
// as such (-32601), and not for coming too early (-32600).
func Handler(a rpc.Acceptor, opts ...Option) *Server {
	h := &Server{acceptor: a, versions: a.Versions(), began: time.Now(), access: access}
	for _, set := range opts {
		set(h)
	}
	h.limits = h.limits.withDefaults()
	if h.store == nil {
		h.store = NewMemoryStore(MemoryLimits{})
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	if _, ours := h.store.(*MemoryStore); !ours {
		h.store = guardedStore{h.store, h.log}
	}
	h.reading = rpc.NewMemory(int64(h.limits.ReadBytes))
	if h.limits.Opens.On() {
		h.opens = ratelimit.New[string](h.limits.Opens, 1)
	}
	if h.limits.OpensPerAddress.On() {
		h.from = ratelimit.New[string](h.limits.OpensPerAddress, 0)
	}
	h.conns.New = func() any {
		c := &conn{wake: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
		c.timer.Stop()
		return c
	}
	return h
}

// ServeHTTP serves one request.
func (h *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if reason := h.access.Check(w, r); reason != "" {
		refuse(w, http.StatusForbidden, rpc.CodeInvalidRequest, reason)
		return
	}
	if name := h.longHeader(r.Header); name != "" {
		refuse(w, http.StatusRequestHeaderFieldsTooLarge, rpc.CodeInvalidRequest,
			fmt.Sprintf("the %s header is longer than %d bytes", name, h.limits.Header))
		return
	}
	switch {
	case r.Method == http.MethodPost:
		h.post(w, r)
	case r.Method == http.MethodGet && !h.stateless:
		h.get(w, r)
	case r.Method == http.MethodDelete && !h.stateless:
		h.delete(w, r)
	case r.Method == http.MethodOptions && h.access.Preflight(w):
	default:
		allow := "GET, POST, DELETE"
		if h.stateless {
			allow = "POST"
		}
		w.Header().Set("Allow", allow)
		refuse(w, http.StatusMethodNotAllowed, rpc.CodeInvalidRequest, "the method "+httpaccess.Clip(r.Method)+" is not one of "+allow)
	}
}

// longHeader gives the name of a header field that is too long.
func (h *Server) longHeader(header http.Header) string {
	return httpaccess.TooLong(header, h.limits.Header, headerSession, headerVersion, headerLastEvent, "Accept", "Content-Type", "Origin")
}

const (
	headerSession   = "Mcp-Session-Id"
	headerVersion   = "Mcp-Protocol-Version"
	headerLastEvent = "Last-Event-Id"

	transportName  = "streamhttp"
	versionAssumed = "2025-03-26" // without a header
	versionPriming = "2025-11-25" // from which on clients can handle a priming event
)

// refuse answers a request with a JSON-RPC error that has no id.
func refuse(w http.ResponseWriter, status int, code int64, message string) {
	refuseMessage(w, status, rpc.NewError(rpc.ID{}, &rpc.Error{Code: code, Message: message}))
}

func refuseMessage(w http.ResponseWriter, status int, m *rpc.Message) {
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	_, _ = w.Write(m.AppendJSON(nil)) // the client may be gone
}

// retryLater refuses with status 503.
func retryLater(w http.ResponseWriter, message string) {
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, rpc.CodeBusy, message)
}

// session finds the session that a request belongs to, entered, or refuses the request. A request without one gives nil
// and true.
func (h *Server) session(w http.ResponseWriter, r *http.Request) (*session, bool) {
	id := httpaccess.Value(r.Header, headerSession)
	if id == "" {
		return nil, true
	}
	s := h.find(id)
	if s == nil {
		refuse(w, http.StatusNotFound, rpc.CodeInvalidRequest, "the session is unknown or has ended: initialize a new one")
		return nil, false
	}
	if !s.rpc.OwnedBy(r.Context()) {
		s.leave()
		refuse(w, http.StatusForbidden, rpc.CodeInvalidRequest, "the session belongs to another principal")
		return nil, false
	}
	if !h.checkVersion(w, r) {
		s.leave()
		return nil, false
	}
	s.followed.Store(true)
	return s, true
}

// checkVersion refuses a request whose protocol version we do not speak.
func (h *Server) checkVersion(w http.ResponseWriter, r *http.Request) bool {
	v := httpaccess.Value(r.Header, headerVersion)
	if v == "" || slices.Contains(h.versions, v) {
		return true
	}
	refuse(w, http.StatusBadRequest, rpc.CodeInvalidRequest,
		"the MCP-Protocol-Version "+httpaccess.Clip(v)+" is not one of "+strings.Join(h.versions, ", "))
	return false
}

// CutOff is the error of [Server.Shutdown] if its time was over before everything was finished.
type CutOff struct {
	// Sessions is how many sessions had something in flight, and Requests how many requests those were.
	Sessions, Requests int
	// Cause is the error of the context.
	Cause error
}

func (e *CutOff) Error() string {
	return fmt.Sprintf("streamhttp: shut down with %d requests of %d sessions in flight: %v", e.Requests, e.Sessions, e.Cause)
}

// Unwrap gives the cause.
func (e *CutOff) Unwrap() error { return e.Cause }

var errShutdown = errors.New("the server shuts down")

// Shutdown ends the server: new sessions and requests are refused with status 503 from now on; requests in flight go on,
// and are answered, until none is left or ctx ends; then all sessions and streams are ended. If ctx ended first the error
// is a *CutOff that tells what was cut off. Call it before http.Server.Shutdown, which waits for streams that are open.
func (h *Server) Shutdown(ctx context.Context) error {
	h.ends.Lock()
	defer h.ends.Unlock()
	h.calls.close()
	err := h.calls.wait(ctx)
	var cut *CutOff
	if err != nil {
		cut = &CutOff{Cause: err}
	}
	h.gets.close()
	for _, s := range h.table.all() {
		if n := s.rpc.Stats().InFlight; n > 0 && cut != nil {
			cut.Sessions++
			cut.Requests += n
		}
		s.rpc.Close(errShutdown)
	}
	// What is open now ends by itself: give it a moment, in which the last events are written.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	_ = h.calls.wait(last)
	_ = h.gets.wait(last)
	if cut != nil {
		return cut
	}
	return nil
}

// endTime is how long connections may take to end once their session is closed.
const endTime = time.Second
