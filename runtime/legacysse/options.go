package legacysse

import (
	"log/slog"
	"time"

	"github.com/tenonmcp/tenon/runtime/internal/httpaccess"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds a server. A zero field means its default; a negative one means no limit, but for KeepAlive, which a negative
// value switches off.
type Limits struct {
	// Message is the size of a message in bytes, either way; default 16 MiB. A larger body is refused with status 413; a
	// larger answer becomes an error.
	Message int
	// Header is how many bytes each of the header fields read here may have (MCP-Protocol-Version, Accept, Content-Type,
	// Origin); default 4 KiB. A longer one is refused with status 431. The header as a whole is bounded by
	// http.Server.MaxHeaderBytes.
	Header int
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
	// OpenTime is how long a session may be open without having been initialized; default 30 s. Then it is ended.
	OpenTime time.Duration
	// IdleTime is how long a session may have neither anything to say, either way, nor anything in flight before it is
	// ended; default 30 minutes.
	IdleTime time.Duration
	// ReadTime is how long the body of a POST may take to arrive, whatever the ReadTimeout of the http.Server; default
	// 60 s. Then it is refused with status 408, and the connection closed.
	ReadTime time.Duration
	// ReadBytes is how many bytes of bodies over 64 KiB may be on their way in at once, counted by their Content-Length,
	// or as Message without one; default 256 MiB. Others wait, ReadTime at most, and are then refused with status 503 and
	// Retry-After.
	ReadBytes int
	// KeepAlive is how long the stream may be silent before a comment is sent on it; default 30 s.
	KeepAlive time.Duration
	// WriteTime is how long the client may take nothing while we write, or while the queue is full; default 30 s. Then the
	// session is ended.
	WriteTime time.Duration
	// QueueMessages and QueueBytes are how much may wait to be written before senders wait; default 1,024 messages and
	// 32 MiB. A message that is alone is always taken.
	QueueMessages int
	QueueBytes    int
	// WhenFull says what becomes of a sender that finds the queue full; default it waits, at most WriteTime. With
	// rpc.QueueDropPeer the session is ended at once.
	WhenFull rpc.QueuePolicy
}

const (
	defaultMessage       = 16 << 20
	defaultHeader        = 4 << 10
	defaultSessions      = 20_000
	defaultOpenTime      = 30 * time.Second
	defaultIdleTime      = 30 * time.Minute
	defaultOpens         = 2000
	defaultReadTime      = 60 * time.Second
	defaultReadBytes     = 256 << 20
	defaultKeepAlive     = 30 * time.Second
	defaultWriteTime     = 30 * time.Second
	defaultQueueMessages = 1024
	defaultQueueBytes    = 32 << 20
)

func (l Limits) withDefaults() Limits {
	l.Message = limit(l.Message, defaultMessage)
	l.Header = limit(l.Header, defaultHeader)
	l.Sessions = limit(l.Sessions, defaultSessions)
	l.SessionsPerAddress = max(l.SessionsPerAddress, 0)
	if l.Opens == (ratelimit.Rate{}) {
		l.Opens = ratelimit.Rate{PerSecond: defaultOpens, Burst: defaultSessions}
	}
	l.OpenTime = limitTime(l.OpenTime, defaultOpenTime)
	l.IdleTime = limitTime(l.IdleTime, defaultIdleTime)
	l.ReadTime = limitTime(l.ReadTime, defaultReadTime)
	l.ReadBytes = limit(l.ReadBytes, defaultReadBytes)
	l.KeepAlive = limitTime(l.KeepAlive, defaultKeepAlive)
	l.WriteTime = limitTime(l.WriteTime, defaultWriteTime)
	l.QueueMessages = limit(l.QueueMessages, defaultQueueMessages)
	l.QueueBytes = limit(l.QueueBytes, defaultQueueBytes)
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

// access are the rules of a server before its options.
var access = httpaccess.Rules{
	Package: "legacysse",
	Methods: "GET, POST",
	Headers: "Content-Type, Authorization, MCP-Protocol-Version",
	Exposed: "WWW-Authenticate",
}

// Option changes what [Handler] makes.
type Option func(*Server)

// WithEndpoint sets the URL that clients are told to POST to, without query: a path ("/messages"), or a whole URL of the
// same origin. The handler must be reachable there too. Default is the path of the GET as the client sent it, which is wrong
// only behind a proxy that changes paths.
func WithEndpoint(url string) Option { return func(h *Server) { h.endpoint = url } }

// AllowHosts lets requests through whose Host header is one of hosts: a name ("example.com", with any port), a name with
// its port ("example.com:8443"), or "*" for all. Without it a connection that came to a loopback address must name a
// loopback host, which keeps web pages from reaching local servers by a name of their own (DNS rebinding), and elsewhere
// any host passes. With it every host must be one of these, or a loopback name if the connection came to loopback. A
// reverse proxy that forwards to a loopback address with the original Host needs it.
func AllowHosts(hosts ...string) Option { return func(h *Server) { h.access.AllowHosts(hosts...) } }

// AllowOrigins lets requests through that a browser sends for pages of one of origins, such as "https://app.example.com",
// or "*" for all; and answers their preflight requests and sets the CORS headers that they need. Without it requests pass
// that have no Origin header, the server's own origin, or, if the connection came to loopback, a loopback origin.
func AllowOrigins(origins ...string) Option {
	return func(h *Server) { h.access.AllowOrigins(origins...) }
}

// WithLimits sets the limits; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(h *Server) { h.limits = l } }

// WithLogger sets where the server logs to; default slog.Default().
func WithLogger(log *slog.Logger) Option { return func(h *Server) { h.log = log } }
