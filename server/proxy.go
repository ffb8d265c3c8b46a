package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Proxy serves the server behind a transport: for each session of a client it opens one upstream, and forwards every
// request and notification between the two, in both directions, with params and results as they are. Request ids are
// those of each connection; so are progress tokens, which is the one change that params may see. Cancellation and
// progress are passed on, the latter before the result. When one session ends, so does the other.
//
// What a client asks while several of its requests are in flight goes its own way; what the upstream server asks or tells
// goes to the stream of the request in flight if there is just one, and to the session's own otherwise.
//
// It is an rpc.Acceptor, and safe for concurrent use.
type Proxy struct {
	upstream rpc.Transport
	cfg      proxyConfig
}

var _ rpc.Acceptor = (*Proxy)(nil)

type proxyConfig struct {
	interceptors []rpc.Interceptor
	limits       rpc.Limits
	connectTime  time.Duration
	logger       *slog.Logger
}

// ProxyOption is an option of [NewProxy].
type ProxyOption func(*proxyConfig)

// ProxyInterceptors adds interceptors that what comes from clients passes before it is forwarded, the first outermost.
func ProxyInterceptors(i ...rpc.Interceptor) ProxyOption {
	return func(c *proxyConfig) { c.interceptors = append(c.interceptors, i...) }
}

// ProxyLimits bounds both sessions; zero fields mean the defaults of rpc.Limits.
func ProxyLimits(l rpc.Limits) ProxyOption { return func(c *proxyConfig) { c.limits = l } }

// ProxyConnectTime sets how long connecting upstream may take. Default 30 s; a negative one means no limit.
func ProxyConnectTime(d time.Duration) ProxyOption { return func(c *proxyConfig) { c.connectTime = d } }

// ProxyLogger sets where the proxy logs. Default slog.Default().
func ProxyLogger(l *slog.Logger) ProxyOption { return func(c *proxyConfig) { c.logger = l } }

const defaultConnectTime = 30 * time.Second

// NewProxy makes a proxy for what is behind a transport, such as stdio.Command("greeter").
func NewProxy(upstream rpc.Transport, opts ...ProxyOption) *Proxy {
	p := &Proxy{upstream: upstream, cfg: proxyConfig{connectTime: defaultConnectTime}}
	for _, o := range opts {
		o(&p.cfg)
	}
	if p.cfg.logger == nil {
		p.cfg.logger = slog.Default()
	}
	return p
}

// Opens reports whether m opens a session.
func (p *Proxy) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }

// Versions are the versions of the protocol that may pass.
func (p *Proxy) Versions() []string { return slices.Clone(versions) }

// NewSession connects upstream and makes a session that forwards there.
func (p *Proxy) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	if link.Stateless {
		return nil, errors.New("server.Proxy: a proxy forwards sessions, which stateless mode has none of")
	}
	f := &forwarding{log: p.cfg.logger}
	cfg := rpc.Config{
		Dispatch: rpc.NewDispatch(nil, nil, append(slices.Clone(p.cfg.interceptors), f.fromClient)...),
		Limits:   p.cfg.limits,
		Logger:   p.cfg.logger,
	}
	if principal, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &principal
	}
	f.down = rpc.NewSession(cfg)
	f.down.Attach(link)
	f.up = rpc.NewSession(rpc.Config{
		Dispatch: rpc.NewDispatch(nil, nil, f.fromServer),
		Limits:   p.cfg.limits,
		Logger:   p.cfg.logger,
	})
	if p.cfg.connectTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.connectTime)
		defer cancel()
	}
	conn, err := p.upstream.Connect(ctx, f.up)
	if err != nil {
		f.down.Close(err)
		f.up.Close(err)
		return nil, fmt.Errorf("server.Proxy: the upstream server cannot be reached: %w", err)
	}
	context.AfterFunc(f.up.Context(), func() {
		f.down.Close(fmt.Errorf("%w: the upstream session ended: %w", rpc.ErrClosed, f.up.Err()))
	})
	context.AfterFunc(f.down.Context(), func() {
		if err := conn.Close(); err != nil {
			f.log.Debug("server: a proxied session was not closed cleanly", "error", err)
		}
	})
	return f.down, nil
}

// forwarding is the two sessions of one client.
type forwarding struct {
	down, up *rpc.Session
	log      *slog.Logger

	mu     sync.Mutex
	flying map[*rpc.Message]context.Context // requests of the client that are upstream
}

// fromClient forwards what the client sends.
func (f *forwarding) fromClient(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Kind == rpc.KindNotification {
			return nil, f.up.Notify(context.WithoutCancel(ctx), m.Method, paramsOf(m))
		}
		if m.Method == mcp.MethodPing {
			return next(ctx, m)
		}
		f.mu.Lock()
		if f.flying == nil {
			f.flying = map[*rpc.Message]context.Context{}
		}
		f.flying[m] = ctx
		f.mu.Unlock()
		defer func() {
			f.mu.Lock()
			delete(f.flying, m)
			f.mu.Unlock()
		}()
		result, err := forward(ctx, f.up, m)
		if err == nil && rpc.IsInitialize(m) {
			f.negotiated(m, result)
		}
		return result, err
	}
}

// fromServer forwards what the upstream server sends.
func (f *forwarding) fromServer(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Kind == rpc.KindRequest && m.Method == mcp.MethodPing {
			return next(ctx, m)
		}
		through, cancel := f.through(ctx)
		defer cancel()
		if m.Kind == rpc.KindNotification {
			return nil, f.down.Notify(through, m.Method, paramsOf(m))
		}
		return forward(through, f.down, m)
	}
}

// through gives a context that ends with ctx and leads to the client by the stream of its only request in flight.
func (f *forwarding) through(ctx context.Context) (context.Context, context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.flying) != 1 {
		return ctx, func() {}
	}
	for _, request := range f.flying {
		through, cancel := context.WithCancelCause(request)
		stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
		return through, func() { stop(); cancel(nil) }
	}
	return ctx, func() {}
}

// negotiated notes what the two ends agreed on, which transports need to know.
func (f *forwarding) negotiated(m *rpc.Message, result wire.Raw) {
	var answer mcp.InitializeResult
	var asked mcp.InitializeParams
	if result.Decode(&answer) != nil || m.Raw().IsZero() || m.Raw().Decode(&asked) != nil {
		return // the client sees what is wrong with it
	}
	f.up.SetPeer(answer.ProtocolVersion, &answer)
	f.down.SetPeer(answer.ProtocolVersion, &asked)
}

// forward sends a request on and gives the result as it came. Progress comes back by the token of the request.
func forward(ctx context.Context, to *rpc.Session, m *rpc.Message) (wire.Raw, error) {
	if token, ok := tokenOf(m.Raw()); ok {
		from := m.Session()
		ctx = rpc.WithProgress(ctx, func(p rpc.Progress) {
			params, err := parseObject(p.Params)
			if err != nil {
				return
			}
			params.Set("progressToken", token)
			// Of an ended request the peer hears nothing more.
			_ = from.Notify(ctx, mcp.MethodProgress, params)
		})
	}
	var result wire.Raw
	if err := to.Call(ctx, m.Method, paramsOf(m), &result); err != nil {
		return wire.Raw{}, err
	}
	if result.IsZero() {
		result = emptyObject
	}
	return result, nil
}

// paramsOf gives the params as they came, nil if there were none.
func paramsOf(m *rpc.Message) wire.Appender {
	if raw := m.Raw(); !raw.IsZero() {
		return raw
	}
	return nil
}

// tokenOf gives the progress token in params.
func tokenOf(params wire.Raw) (wire.Raw, bool) {
	var p metaParams
	if params.Kind() != wire.KindObject || params.Decode(&p) != nil {
		return wire.Raw{}, false
	}
	meta, err := parseObject(p.meta)
	if err != nil {
		return wire.Raw{}, false
	}
	return meta.Get("progressToken")
}
