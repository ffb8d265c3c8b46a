package tcp

import (
	"crypto/tls"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds a server. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Lines are the limits of each connection: the size of a message, the time to read and to write one, what may wait to
	// be written. OpenTime, IdleTime and Reading of it are set from here.
	Lines rpc.LineLimits
	// Connections is how many connections there may be; default 20,000. One more is told so, with CodeBusy, and closed.
	Connections int
	// ConnectionsPerAddress is how many of them may come from one remote address, the first 64 bits of an IPv6 address;
	// default no limit, because behind a proxy everyone shares one. One more is treated as above. Unix sockets have no
	// addresses.
	ConnectionsPerAddress int
	// Opens is how many connections may come in the long run, each second; default 2,000, and 20,000 at once, as many as
	// there may be. One more is treated as above.
	Opens ratelimit.Rate
	// OpensPerAddress is the same for one remote address; default no limit, because behind a proxy everyone shares one.
	OpensPerAddress ratelimit.Rate
	// OpenTime is how long it may take from the connection to the opening of the session: the TLS handshake and
	// initialize; default 30 s. Then the connection is closed.
	OpenTime time.Duration
	// IdleTime is how long nothing may arrive while nothing is in flight; default 30 minutes. Then the connection is
	// closed.
	IdleTime time.Duration
	// ReadBytes is how many bytes messages of more than 256 KiB that are on their way in may take together, each counted as
	// the largest there may be; default 256 MiB. Others are not read on meanwhile.
	ReadBytes int
	// KeepAlive is how long a TCP connection may be silent before the system asks whether the peer is still there; default
	// 15 s, negative for never. After four questions without an answer the connection has failed.
	KeepAlive time.Duration
}

const (
	defaultConnections = 20_000
	defaultOpens       = 2000
	defaultOpenTime    = 30 * time.Second
	defaultIdleTime    = 30 * time.Minute
	defaultReadBytes   = 256 << 20
	defaultKeepAlive   = 15 * time.Second

	keepAliveCount = 4
)

func (l Limits) withDefaults() Limits {
	l.Connections = limit(l.Connections, defaultConnections)
	if l.Opens == (ratelimit.Rate{}) {
		l.Opens = ratelimit.Rate{PerSecond: defaultOpens, Burst: defaultConnections}
	}
	l.OpenTime = limitTime(l.OpenTime, defaultOpenTime)
	l.Lines.IdleTime = limitTime(l.IdleTime, defaultIdleTime)
	if l.ReadBytes >= 0 {
		l.Lines.Reading = rpc.NewMemory(int64(limit(l.ReadBytes, defaultReadBytes)))
	}
	if l.KeepAlive == 0 {
		l.KeepAlive = defaultKeepAlive
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

// Option changes how [NewServer], [At] and [Listen] serve.
type Option func(*options)

type options struct {
	limits    Limits
	tls       *tls.Config
	principal func(net.Conn) (*rpc.Principal, error)
	mode      fs.FileMode
	log       *slog.Logger
}

func newOptions(opts []Option) options {
	o := options{principal: CertificatePrincipal, mode: defaultMode, log: slog.Default()}
	for _, set := range opts {
		set(&o)
	}
	o.limits = o.limits.withDefaults()
	return o
}

// WithLimits sets the limits; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(o *options) { o.limits = l } }

// WithTLS has the server speak TLS on every connection, of which it is the server's end. For mutual TLS set ClientAuth to
// tls.RequireAndVerifyClientCert and ClientCAs: then the certificate says who the session belongs to, see
// [CertificatePrincipal].
func WithTLS(cfg *tls.Config) Option { return func(o *options) { o.tls = cfg } }

// WithPrincipal sets what finds out who is at the other end of a connection, once the TLS handshake is done: nil for nobody
// in particular, an error to turn the peer away. The connection is the *tls.Conn, the *net.UnixConn and so on, of which
// nothing must be read. Default is [CertificatePrincipal]; for Unix sockets there is [PeerPrincipal].
func WithPrincipal(f func(conn net.Conn) (*rpc.Principal, error)) Option {
	return func(o *options) { o.principal = f }
}

// WithSocketMode sets the permissions of the file of a Unix socket; default 0600, which lets no other user connect.
func WithSocketMode(mode fs.FileMode) Option { return func(o *options) { o.mode = mode } }

// WithLogger sets where the server logs to; default slog.Default().
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }
