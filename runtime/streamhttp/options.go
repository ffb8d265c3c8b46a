package streamhttp

import (
	"log/slog"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds a server. A zero field means its default; a negative one means no limit, but for RetryTime and KeepAlive,
// which a negative value switches off.
type Limits struct {
	// Message is the size of a message in bytes, either way; default 16 MiB. A larger body is refused with status 413; a
	// larger answer becomes an error.
	Message int
	// Header is how many bytes each of the header fields read here may have (Mcp-Session-Id, MCP-Protocol-Version,
	// Last-Event-ID, Accept, Content-Type, Origin); default 4 KiB. A longer one is refused with status 431. The header as
	// a whole is bounded by http.Server.MaxHeaderBytes.
	Header int
	// Batch is how many messages a batch may have; default 1,000.
	Batch int
	// Sessions is how many sessions there may be; default 20,000. One more is refused with status 503 and Retry-After.
	Sessions int
	// SessionsPerAddress is how many of them may come from one remote address, the first 64 bits of an IPv6 address;
	// default no limit, because behind a proxy everyone shares one. Refused as above.
	SessionsPerAddress int
	// Opens is how many sessions may be opened in the long run, each second; default 2,000, and 20,000 at once, as many as
	// there may be. One more is refused with status 429 and Retry-After. A negative PerSecond means no limit.
	Opens ratelimit.Rate
	// OpensPerAddress is the same for one remote address; default no limit, because behind a proxy everyone shares one.
	OpensPerAddress ratelimit.Rate
	// ReadTime is how long the body of a POST may take to arrive, whatever the ReadTimeout of the http.Server; default
	// 60 s. Then it is refused with status 408, and the connection closed.
	ReadTime time.Duration
	// ReadBytes is how many bytes of bodies over 64 KiB may be on their way in at once, counted by their Content-Length,
	// or as Message without one; default 256 MiB. Others wait, ReadTime at most, and are then refused with status 503 and
	// Retry-After.
	ReadBytes int
	// IdleTime is how long a session may have neither an open stream nor anything in flight before it is ended; default
	// 30 minutes from the last request.
	IdleTime time.Duration
	// OpenTime is the same for a session in which nothing followed its initialize request; default 30 s.
	OpenTime time.Duration
	// QuietTime is how long a request may run before its answer becomes an event stream; default 200 ms. A message before
	// that makes it one at once.
	QuietTime time.Duration
	// RetryTime is how long clients are told to wait before they come back for the rest of a stream; default 1 s.
	RetryTime time.Duration
	// KeepAlive is how long a stream may be silent before a comment is sent on it; default 30 s.
	KeepAlive time.Duration
	// WriteTime is how long the client may take nothing while we write, or while the queue is full; default 30 s. Then the
	// connection is given up, as if the client had gone.
	WriteTime time.Duration
	// QueueMessages and QueueBytes are how much may wait to be written to a stream before senders wait; default 1,024
	// messages and 32 MiB. A message that is alone is always taken.
	QueueMessages int
	QueueBytes    int
	// WhenFull says what becomes of a sender that finds the queue full; default it waits, at most WriteTime. With
	// rpc.QueueDropPeer the connection is given up at once, as if the client had gone.
	WhenFull rpc.QueuePolicy
	// WaitingBytes is how many bytes may wait in a session for a client that does not listen; default 64 KiB. One message
	// more is dropped and logged if it is a notification, and an error if it is a request.
	WaitingBytes int
}

const (
	defaultMessage       = 16 << 20
	defaultHeader        = 4 << 10
	defaultBatch         = 1000
	defaultSessions      = 20_000
	defaultOpens         = 2000
	defaultReadTime      = 60 * time.Second
	defaultReadBytes     = 256 << 20
	defaultIdleTime      = 30 * time.Minute
	defaultOpenTime      = 30 * time.Second
	defaultQuietTime     = 200 * time.Millisecond
	defaultRetryTime     = time.Second
	defaultKeepAlive     = 30 * time.Second
	defaultWriteTime     = 30 * time.Second
	defaultQueueMessages = 1024
	defaultQueueBytes    = 32 << 20
	defaultWaitingBytes  = 64 << 10
)

func (l Limits) withDefaults() Limits {
	l.Message = limit(l.Message, defaultMessage)
	l.Header = limit(l.Header, defaultHeader)
	l.Batch = limit(l.Batch, defaultBatch)
	l.Sessions = limit(l.Sessions, defaultSessions)
	l.SessionsPerAddress = max(l.SessionsPerAddress, 0)
	if l.Opens == (ratelimit.Rate{}) {
		l.Opens = ratelimit.Rate{PerSecond: defaultOpens, Burst: defaultSessions}
	}
	l.ReadTime = limitTime(l.ReadTime, defaultReadTime)
	l.ReadBytes = limit(l.ReadBytes, defaultReadBytes)
	l.IdleTime = limitTime(l.IdleTime, defaultIdleTime)
	l.OpenTime = limitTime(l.OpenTime, defaultOpenTime)
	l.QuietTime = limitTime(l.QuietTime, defaultQuietTime)
	l.KeepAlive = limitTime(l.KeepAlive, defaultKeepAlive)
	l.WriteTime = limitTime(l.WriteTime, defaultWriteTime)
	l.QueueMessages = limit(l.QueueMessages, defaultQueueMessages)
	l.QueueBytes = limit(l.QueueBytes, defaultQueueBytes)
	l.WaitingBytes = limit(l.WaitingBytes, defaultWaitingBytes)
	if l.RetryTime == 0 {
		l.RetryTime = defaultRetryTime
	}
	return l
}

func limit(v, standard int) int {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return 1<<31 - 1
	}
	return v
}

func limitTime(v, standard time.Duration) time.Duration {
	switch {
	case v == 0:
		return standard
	case v < 0:
		return 365 * 24 * time.Hour
	}
	return v
}

// Option changes what [Handler] makes.
type Option func(*Server)

// Stateless makes a server that keeps no sessions, for deployments in which any process must be able to answer any
// request. No session id is issued and any received is ignored; initialize is optional, and answered each time; the
// protocol version is that of the request's header, 2025-03-26 without one. Progress and logs still stream within a call,
// but asking the client anything is an error, nothing can be resumed, and a client that disconnects cancels its request.
// GET and DELETE are answered with status 405.
func Stateless() Option { return func(h *Server) { h.stateless = true } }

// AllowHosts lets requests through whose Host header is one of hosts: a name ("example.com", with any port), a name with
// its port ("example.com:8443"), or "*" for all. Without it a connection that came to a loopback address must name a
// loopback host, which keeps web pages from reaching local servers by a name of their own (DNS rebinding), and elsewhere
// any host passes. With it every host must be one of these, or a loopback name if the connection came to loopback. A
// reverse proxy that forwards to a loopback address with the original Host needs it.
func AllowHosts(hosts ...string) Option {
	return func(h *Server) { h.access.AllowHosts(hosts...) }
}

// AllowOrigins lets requests through that a browser sends for pages of one of origins, such as "https://app.example.com",
// or "*" for all; and answers their preflight requests and sets the CORS headers that they need. Without it requests pass
// that have no Origin header, the server's own origin, or, if the connection came to loopback, a loopback origin.
func AllowOrigins(origins ...string) Option {
	return func(h *Server) { h.access.AllowOrigins(origins...) }
}

// WithLimits sets the limits; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(h *Server) { h.limits = l } }

// WithEventStore sets what keeps the events of streams so that they can be resumed; default NewMemoryStore(MemoryLimits{}).
func WithEventStore(store EventStore) Option { return func(h *Server) { h.store = store } }

// WithLogger sets where the server logs to; default slog.Default().
func WithLogger(log *slog.Logger) Option { return func(h *Server) { h.log = log } }

// WithoutTakeover leaves the connections of idle event streams with net/http, which keeps two buffers and a goroutine for each,
// some 20 KB. By default the server takes them over once they are open, where it can: over HTTP/1.1, and without a
// Content-Encoding. Those do not show up in http.Server's own accounts: not in ConnState, and not in its Shutdown, which is
// why [Server.Shutdown] ends them.
func WithoutTakeover() Option { return func(h *Server) { h.keepConns = true } }
