package server

import (
	"context"
	"log/slog"
	"slices"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Server is a catalogue of tools, resources and prompts, and the sessions of the clients that use it. It is an
// rpc.Acceptor: transports serve it. Its methods, and the functions that register something with it, are safe for
// concurrent use, before and while it serves. It needs no closing, unless it runs tasks, see [Server.Shutdown]; transports
// close their sessions.
type Server struct {
	cfg      config
	log      *slog.Logger
	dispatch *rpc.Dispatch
	gates    map[string]string // request → capability it needs
	outgoing []rpc.Interceptor
	visible  func(ctx context.Context, item Item) bool // all filters; nil without any
	sessions *sessions
	mounted  []*Server // under the lock mounts
	budget   *rpc.Budget
	counters counters

	tools       toolFeature
	resources   resourceFeature
	prompts     promptFeature
	completions completeFeature
	tasks       taskFeature
}

var _ rpc.Acceptor = (*Server)(nil)

// New makes a server with a name and version, which clients see.
func New(name, version string, opts ...Option) *Server {
	c := config{
		info:      mcp.Implementation{Name: name, Version: version},
		logLevel:  mcp.LoggingLevelInfo,
		listDelay: defaultListDelay,
		handshake: defaultHandshake,
	}
	for _, o := range opts {
		o(&c)
	}
	c.pageSize = orLimit(c.pageSize, defaultPageSize)
	c.visits = orLimit(c.visits, defaultOpenVisits)
	c.timeouts = c.timeouts.withDefaults()
	c.progress = c.progress.withDefaults()
	c.bounds = c.bounds.withDefaults()
	s := &Server{cfg: c, log: c.logger, sessions: newSessions(c.listDelay)}
	s.budget = rpc.NewBudget(c.bounds.InFlight, c.bounds.InFlightBytes)
	if s.log == nil {
		s.log = slog.Default()
	}
	if len(c.filters) > 0 {
		s.visible = func(ctx context.Context, item Item) bool {
			for _, f := range c.filters {
				if !f(ctx, item) {
					return false
				}
			}
			return true
		}
	}
	s.tools.init(s)
	s.resources.init(s)
	s.prompts.init(s)
	s.completions.init(s)

	table := mcp.Latest.Server.With(c.rows...)
	s.gates = make(map[string]string)
	for _, row := range table.Rows() {
		if !row.Notification {
			s.gates[row.Method] = row.Capability
		}
	}
	if len(c.interceptors) == 0 && len(c.rows) == 0 {
		table = s.cachedLists(table)
	}
	s.tasks.init(s, table)
	incoming := []rpc.Interceptor{s.gate}
	if limited := s.limitRates(c.rates); limited != nil {
		incoming = append(incoming, limited)
	}
	incoming = append(incoming, c.interceptors...)
	s.dispatch = rpc.NewDispatch(table, handler{s}, append(incoming, s.tasks.receiver.Intercept)...)
	s.outgoing = append([]rpc.Interceptor{s.checkOutgoing}, c.outgoing...)
	return s
}

// orLimit gives the value of a limit: the default for 0, and a very large one for a negative.
func orLimit(n, standard int) int {
	switch {
	case n == 0:
		return standard
	case n < 0:
		return 1<<31 - 2
	}
	return n
}

// Serve serves the server on a transport: serve is a function such as stdio.Serve, or what stdio.Over returns.
func (s *Server) Serve(ctx context.Context, serve func(context.Context, rpc.Acceptor) error) error {
	return serve(ctx, s)
}

// Opens reports whether m opens a session.
func (s *Server) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }

// Versions are the versions of the protocol that the server speaks, newest first.
func (s *Server) Versions() []string { return slices.Clone(versions) }

// NewSession makes a session for a transport.
func (s *Server) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	s.tasks.start(s)
	number, err := s.reserve(link.Stateless)
	if err != nil {
		return nil, err
	}
	st := &sessionState{server: s, stateless: link.Stateless, number: number}
	cfg := rpc.Config{
		State:    st,
		Dispatch: s.dispatch,
		Outgoing: s.outgoing,
		Limits:   s.cfg.limits,
		Budget:   s.budget,
		Strict:   s.cfg.strict,
		Logger:   s.cfg.logger,
	}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	st.session = rpc.NewSession(cfg)
	st.session.Attach(link)
	if st.stateless {
		st.declared.Store(s.capabilities(st))
	}
	s.sessions.open(st)
	return st.session, nil
}
