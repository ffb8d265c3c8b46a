package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Option changes how a server is made by [New].
type Option func(*config)

// config is what options set.
type config struct {
	info          mcp.Implementation
	instructions  string
	capabilities  mcp.ServerCapabilities
	noLogging     bool
	logLevel      mcp.LoggingLevel
	pageSize      int
	visits        int
	listDelay     time.Duration
	handshake     time.Duration
	timeouts      AskTimeouts
	progress      ProgressLimit
	filters       []Filter
	authorize     []func(ctx context.Context, item Item) error
	hideForbidden bool
	resources     ResourceLimits
	subscriptions bool
	completions   CompletionLimit
	tasks         taskConfig
	interceptors  []rpc.Interceptor
	outgoing      []rpc.Interceptor
	rows          []rpc.Row
	onInit        []func(ctx context.Context, params *mcp.InitializeParams)
	onRoots       []func(ctx context.Context)
	limits        rpc.Limits
	bounds        Limits
	rates         []RateLimit
	pings         rpc.Pings
	strict        bool
	logger        *slog.Logger
}

const (
	defaultPageSize  = 250
	defaultListDelay = 20 * time.Millisecond
	defaultHandshake = 30 * time.Second
)

// Info sets what the server says of itself beyond name and version: title, description, icons, website. Name and version
// stay those given to New where info has none.
func Info(info mcp.Implementation) Option {
	return func(c *config) {
		if info.Name == "" {
			info.Name = c.info.Name
		}
		if info.Version == "" {
			info.Version = c.info.Version
		}
		c.info = info
	}
}

// Instructions sets the advice on using the server that clients may give to their model. Default none.
func Instructions(text string) Option { return func(c *config) { c.instructions = text } }

// Capabilities declares capabilities besides those that follow from what is registered: experimental ones, or tools for
// a server that has none yet and gets some while sessions live.
func Capabilities(extra mcp.ServerCapabilities) Option {
	return func(c *config) { c.capabilities = extra }
}

// WithoutLogging makes the server not declare logging, and Log and the slog handlers do nothing. Logging is declared by
// default.
func WithoutLogging() Option { return func(c *config) { c.noLogging = true } }

// LogLevel sets the least severe level that is sent to a client that has set none with logging/setLevel. Default info.
func LogLevel(level mcp.LoggingLevel) Option { return func(c *config) { c.logLevel = level } }

// PageSize sets how many entries a page of a list has at most. Default 250; a negative one means no limit.
func PageSize(n int) Option { return func(c *config) { c.pageSize = n } }

// ListChangedDelay sets how long changes of a list are collected before clients are told, once for all of them. Default
// 20 ms.
func ListChangedDelay(d time.Duration) Option { return func(c *config) { c.listDelay = d } }

// HandshakeTimeout sets how long a session that a transport gave an id (Streamable HTTP) may last in which nothing follows
// initialize. Default 30 s; a negative one means no limit. Sessions over stdio and pipes have none.
func HandshakeTimeout(d time.Duration) Option { return func(c *config) { c.handshake = d } }

// Interceptors adds interceptors that incoming requests and notifications pass, the first outermost. They run after the
// checks of the lifecycle and of capabilities, and have the call in their ctx ([CallFrom]).
func Interceptors(i ...rpc.Interceptor) Option {
	return func(c *config) { c.interceptors = append(c.interceptors, i...) }
}

// OutgoingInterceptors adds interceptors that requests and notifications to clients pass, the first outermost.
func OutgoingInterceptors(i ...rpc.Interceptor) Option {
	return func(c *config) { c.outgoing = append(c.outgoing, i...) }
}

// Methods adds methods that the protocol does not have, or replaces ones it has, by rows as rpc.Request and
// rpc.Notification make them. A function that takes an any in place of the handler's interface always fits:
//
//	rpc.Request("acme/count", func(_ any, ctx context.Context, p *countParams) (*countResult, error) { … })
func Methods(rows ...rpc.Row) Option { return func(c *config) { c.rows = append(c.rows, rows...) } }

// OnInitialize calls f for each client that initializes, before it is answered. CallFrom(ctx) has its session.
func OnInitialize(f func(ctx context.Context, params *mcp.InitializeParams)) Option {
	return func(c *config) { c.onInit = append(c.onInit, f) }
}

// OnRootsChanged calls f when a client tells that its roots changed. f may call [Roots] with its ctx.
func OnRootsChanged(f func(ctx context.Context)) Option {
	return func(c *config) { c.onRoots = append(c.onRoots, f) }
}

// SessionLimits bounds each session; zero fields mean the defaults of rpc.Limits.
func SessionLimits(l rpc.Limits) Option { return func(c *config) { c.limits = l } }

// Strict makes sessions refuse what they otherwise tolerate, see rpc.Config.
func Strict() Option { return func(c *config) { c.strict = true } }

// Logger sets where the server logs what concerns its operator. Default slog.Default().
func Logger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// Filter tells whether the client of ctx may know of an item: its principal, session and headers are in CallFrom(ctx).
// What is filtered is not listed, and calling, reading or getting it is as if it did not exist. A filter must be safe
// for concurrent use; it is asked for each item of each list.
type Filter func(ctx context.Context, item Item) bool

// FilterCatalogue adds a filter to the catalogue; with several, all must agree. Default none.
func FilterCatalogue(f Filter) Option { return func(c *config) { c.filters = append(c.filters, f) } }
