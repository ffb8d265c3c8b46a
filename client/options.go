package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Option changes what [Dial] makes. Of two that set the same thing the later one counts, except that functions for
// notifications are all called, in order.
type Option func(*config)

// Defaults of options.
const (
	defaultTimeout  = 5 * time.Minute
	defaultMaxTime  = time.Hour
	defaultMaxPages = 10_000
)

type config struct {
	version  string
	timeout  time.Duration
	maxTime  time.Duration
	maxPages int
	limits   rpc.Limits
	bounds   Limits
	pings    rpc.Pings
	strict   bool
	logger   *slog.Logger
	incoming []rpc.Interceptor
	outgoing []rpc.Interceptor

	once        bool // no reconnecting
	onReconnect []func(context.Context, Reconnection)
	cache       bool
	unchecked   bool // output is not validated
	polling     Polling
	tasks       *TaskLimits // nil: none are run for the server

	handlers     handlerConfig
	experimental map[string]wire.Raw
	capabilities []func(*mcp.ClientCapabilities)
	level        mcp.LoggingLevel
	rows         []rpc.Row

	errs []error
}

func newConfig(opts []Option) (config, error) {
	cfg := config{version: versions[0], timeout: defaultTimeout, maxTime: defaultMaxTime, maxPages: defaultMaxPages}
	for _, o := range opts {
		o(&cfg)
	}
	cfg.bounds = cfg.bounds.withDefaults()
	if cfg.logger == nil {
		cfg.logger = slog.Default()
	}
	return cfg, errors.Join(cfg.errs...)
}

func (cfg *config) fail(format string, args ...any) {
	cfg.errs = append(cfg.errs, fmt.Errorf("client: "+format, args...))
}

// Info says who the client is, for [Dial]: the program's name, an identifier, and its version. The result has more
// fields for those who want to say more, such as Title for people and WebsiteURL.
func Info(name, version string) mcp.Implementation {
	return mcp.Implementation{Name: name, Version: version}
}

// WithVersion asks the server for this version of the protocol instead of the newest one, 2025-11-25. The server may
// answer another; any that the package speaks is accepted. Spoken are 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05.
func WithVersion(version string) Option {
	return func(cfg *config) {
		if !slices.Contains(versions, version) {
			cfg.fail("WithVersion: protocol version %q is not spoken, only %s", version, strings.Join(versions, ", "))
			return
		}
		cfg.version = version
	}
}

// WithTimeout sets how long a call may be silent before it is given up, where neither its ctx has a deadline nor
// [Timeout] says otherwise; default 5 minutes, negative for no limit. Progress starts the time anew, and it stands still
// while the server asks something of the client. Opening a session counts as a call.
func WithTimeout(d time.Duration) Option {
	return func(cfg *config) { cfg.timeout = orDefault(d, defaultTimeout) }
}

// WithMaxTime sets how long a call may take in all, whatever progress it makes, where its ctx has no deadline and
// [MaxTime] says nothing; default an hour, negative for no limit. A longer timeout raises it.
func WithMaxTime(d time.Duration) Option {
	return func(cfg *config) { cfg.maxTime = orDefault(d, defaultMaxTime) }
}

// WithMaxPages sets how many pages of a list are followed before the server is taken to be at fault; default 10,000,
// negative for no limit.
func WithMaxPages(n int) Option {
	return func(cfg *config) { cfg.maxPages = orDefault(n, defaultMaxPages) }
}

// WithLimits bounds the session; zero fields mean the defaults of [rpc.Limits].
func WithLimits(l rpc.Limits) Option { return func(cfg *config) { cfg.limits = l } }

// WithStrict has results and notifications of the server checked for enums, bounds and formats, as requests are, and
// failed if they do not hold; by default such values are let through.
func WithStrict() Option { return func(cfg *config) { cfg.strict = true } }

// WithLogger sets where the client logs what has nobody else to go to, such as panics of handlers; default
// slog.Default(). For what the server logs see [LogTo].
func WithLogger(l *slog.Logger) Option { return func(cfg *config) { cfg.logger = l } }

// WithIncoming adds interceptors that requests and notifications of the server pass, the first one outermost. Requests
// for which no capability was declared do not get there.
func WithIncoming(in ...rpc.Interceptor) Option {
	return func(cfg *config) { cfg.incoming = append(cfg.incoming, in...) }
}

// WithOutgoing adds interceptors that requests and notifications to the server pass, the first one outermost: initialize
// too, and repeated calls again.
func WithOutgoing(out ...rpc.Interceptor) Option {
	return func(cfg *config) { cfg.outgoing = append(cfg.outgoing, out...) }
}

// WithoutReconnect makes the end of a session final: nothing is opened anew.
func WithoutReconnect() Option { return func(cfg *config) { cfg.once = true } }

// OnReconnect has f called whenever a session that the server ended was replaced by a new one, after subscriptions and
// log level were restored and before calls are repeated. f may call the server. Its ctx has the values of Dial's, and
// ends when the client is closed.
func OnReconnect(f func(ctx context.Context, r Reconnection)) Option {
	return func(cfg *config) { cfg.onReconnect = append(cfg.onReconnect, f) }
}

// WithCache keeps lists that were read to their end, and serves [Client.Tools], [Client.Resources],
// [Client.ResourceTemplates] and [Client.Prompts] from them until the server says that they changed; the next use then
// reads them again. Updates of subscribed resources count as changes of the list of resources, whose entries tell their
// size and age. Lists of a server that does not declare to announce changes (listChanged) are not kept. What the
// iterators yield must then not be modified.
func WithCache() Option { return func(cfg *config) { cfg.cache = true } }

// WithoutOutputValidation has [CallTool] take structured output unchecked, so that it never reads the list of tools. A tool
// that must be a task is then called as one only if it was seen in a list.
func WithoutOutputValidation() Option { return func(cfg *config) { cfg.unchecked = true } }

// WithExperimental declares a capability outside the specification, with settings that make a JSON object; nil means
// an empty one.
func WithExperimental(name string, settings any) Option {
	return func(cfg *config) {
		raw, err := objectOf(settings)
		if err != nil {
			cfg.fail("WithExperimental %q: %w", name, err)
			return
		}
		if cfg.experimental == nil {
			cfg.experimental = map[string]wire.Raw{}
		}
		if raw.IsZero() {
			raw = emptyObject
		}
		cfg.experimental[name] = raw
	}
}

// WithCapabilities has f change the capabilities that were derived from the handlers, before they are declared. It is
// for clients that answer requests by interceptors, such as gateways: what is declared is let through to them.
func WithCapabilities(f func(*mcp.ClientCapabilities)) Option {
	return func(cfg *config) { cfg.capabilities = append(cfg.capabilities, f) }
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}
