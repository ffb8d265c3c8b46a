package websocket

import (
	"log/slog"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Wire bounds one connection, at either end. A zero field means its default; a negative one means no limit.
type Wire struct {
	// Message is the size of a message in bytes, either way; default 16 MiB. A larger one that arrives ends the connection,
	// with the close code 1009, because the protocol has no way to skip it; one that is to be sent is not sent, and the call
	// fails.
	Message int
	// ReadTime is how long the rest of a message may take once its first frame has begun; default 60 s. Then the connection
	// is closed, with code 1008.
	ReadTime time.Duration
	// QueueMessages and QueueBytes are how much may wait to be written; default 1,024 messages and 32 MiB. A message that is
	// alone is always taken.
	QueueMessages, QueueBytes int
	// WhenFull says what becomes of a sender that finds the queue full; default it waits, at most WriteTime, after which
	// the slow peer loses its connection.
	WhenFull rpc.QueuePolicy
	// WriteTime is how long the peer may take nothing off while we write or the queue is full; default 30 s. Then the
	// connection is cut.
	WriteTime time.Duration
	// PingTime is how long nothing may be heard before the peer is asked by a ping whether it is there; default 30 s.
	PingTime time.Duration
	// PongTime is how long it may take to answer; default 10 s. Then the connection is cut.
	PongTime time.Duration
	// EndTime is how long handlers may take to return once the session is closed, what is queued to be written, and the peer
	// to answer that we close; default 1 s each.
	EndTime time.Duration
}

// Limits bounds a server. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Wire are the limits of each connection.
	Wire Wire
	// Connections is how many connections there may be; default 20,000. One more is refused with status 503 and
	// Retry-After.
	Connections int
	// ConnectionsPerAddress is how many of them may come from one remote address, the first 64 bits of an IPv6 address;
	// default no limit, because behind a proxy everyone shares one. Refused as above.
	ConnectionsPerAddress int
	// Opens is how many connections may come in the long run, each second; default 2,000, and 20,000 at once, as many as
	// there may be. One more is refused with status 429 and Retry-After.
	Opens ratelimit.Rate
	// OpensPerAddress is the same for one remote address; default no limit, because behind a proxy everyone shares one.
	OpensPerAddress ratelimit.Rate
	// OpenTime is how long it may take from the connection to the opening of the session by initialize; default 30 s. Then
	// the connection is closed, with code 1008.
	OpenTime time.Duration
	// IdleTime is how long no message may come or go while nothing is in flight, pings aside; default 5 minutes. Then the
	// connection is closed, with code 1001.
	IdleTime time.Duration
	// ReadBytes is how many bytes messages of more than 64 KiB that are on their way in may take together, each counted as
	// the largest there may be; default 256 MiB. Others are not read on meanwhile.
	ReadBytes int
}

const (
	defaultMessage       = 16 << 20
	defaultReadTime      = 60 * time.Second
	defaultQueueMessages = 1024
	defaultQueueBytes    = 32 << 20
	defaultWriteTime     = 30 * time.Second
	defaultPingTime      = 30 * time.Second
	defaultPongTime      = 10 * time.Second
	defaultEndTime       = time.Second
	defaultConnections   = 20_000
	defaultOpens         = 2000
	defaultOpenTime      = 30 * time.Second
	defaultIdleTime      = 5 * time.Minute
	defaultReadBytes     = 256 << 20
)

func (w Wire) withDefaults() Wire {
	w.Message = limit(w.Message, defaultMessage)
	w.ReadTime = limitTime(w.ReadTime, defaultReadTime)
	w.QueueMessages = limit(w.QueueMessages, defaultQueueMessages)
	w.QueueBytes = limit(w.QueueBytes, defaultQueueBytes)
	w.WriteTime = limitTime(w.WriteTime, defaultWriteTime)
	w.PingTime = limitTime(w.PingTime, defaultPingTime)
	w.PongTime = limitTime(w.PongTime, defaultPongTime)
	w.EndTime = limitTime(w.EndTime, defaultEndTime)
	return w
}

func (l Limits) withDefaults() Limits {
	l.Wire = l.Wire.withDefaults()
	l.Connections = limit(l.Connections, defaultConnections)
	if l.Opens == (ratelimit.Rate{}) {
		l.Opens = ratelimit.Rate{PerSecond: defaultOpens, Burst: defaultConnections}
	}
	l.OpenTime = limitTime(l.OpenTime, defaultOpenTime)
	l.IdleTime = limitTime(l.IdleTime, defaultIdleTime)
	if l.ReadBytes == 0 {
		l.ReadBytes = defaultReadBytes
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

// AllowHosts lets requests through whose Host header is one of hosts: a name ("example.com", with any port), a name with
// its port ("example.com:8443"), or "*" for all. Without it a connection that came to a loopback address must name a
// loopback host, which keeps web pages from reaching local servers by a name of their own (DNS rebinding), and elsewhere
// any host passes. With it every host must be one of these, or a loopback name if the connection came to loopback. A
// reverse proxy that forwards to a loopback address with the original Host needs it.
func AllowHosts(hosts ...string) Option { return func(s *Server) { s.access.AllowHosts(hosts...) } }

// AllowOrigins lets requests through that a browser sends for pages of one of origins, such as "https://app.example.com",
// or "*" for all. Without it requests pass that have no Origin header, the server's own origin, or, if the connection came
// to loopback, a loopback origin. Browsers do not keep pages from opening WebSockets elsewhere: this check does.
func AllowOrigins(origins ...string) Option {
	return func(s *Server) { s.access.AllowOrigins(origins...) }
}

// WithLimits sets the limits; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(s *Server) { s.limits = l } }

// WithCompression has the server agree to compress messages (RFC 7692) where the client asks for it. It is off by default:
// where a secret and what an attacker chose are compressed together, the size gives the secret away; each connection holds
// memory for it; and on the networks where servers are, it costs more than it saves.
func WithCompression() Option { return func(s *Server) { s.compress = true } }

// WithLogger sets where the server logs to; default slog.Default().
func WithLogger(log *slog.Logger) Option { return func(s *Server) { s.log = log } }
