package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// Client is a client of one server. Its methods are safe for concurrent use. It must be closed.
type Client struct {
	info         mcp.Implementation
	transport    rpc.Transport
	cfg          config
	capabilities mcp.ClientCapabilities
	dispatch     *rpc.Dispatch
	receiver     *tasks.Receiver // of tasks that the server wants; nil if there are none

	ctx    context.Context // ends when the client is closed; has the values of Dial's
	cancel context.CancelFunc
	link   atomic.Pointer[link] // the present session; changed under mu
	work   sync.WaitGroup       // goroutines of the client's own
	done   chan struct{}        // closed when the client's last session has ended

	mu     sync.Mutex
	closed bool
	err    error   // why it is done
	flight *flight // what replaces an ended session; nil if nothing does
	subs   map[string]struct{}
	level  mcp.LoggingLevel

	asked        asked
	roots        roots
	elicitations elicitations
	schemas      schemas
	tracked      tracked
	counters     counters
	tools        list[mcp.Tool]
	resources    list[mcp.Resource]
	templates    list[mcp.ResourceTemplate]
	prompts      list[mcp.Prompt]

	closeOnce sync.Once
	closeErr  error
}

var _ rpc.Caller = (*Client)(nil)

// Dial connects to a server by the transport and opens a session with it: initialize, the choice of a protocol version,
// initialized (basic/lifecycle). info is who we are, see [Info].
//
// Of ctx the values reach everything the client does, the end only Dial itself. The error is a [*VersionError] if client
// and server speak no common version of the protocol; everything that was opened is closed then.
func Dial(ctx context.Context, info mcp.Implementation, transport rpc.Transport, opts ...Option) (*Client, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if info.Name == "" || info.Version == "" {
		return nil, errors.New("client: the client's info needs a name and a version")
	}
	c := &Client{
		info:      info,
		transport: transport,
		cfg:       cfg,
		done:      make(chan struct{}),
		subs:      map[string]struct{}{},
		level:     cfg.level,
	}
	if c.capabilities, err = cfg.declared(); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.roots.set(cfg.handlers.roots)
	c.newDispatch()
	l, err := c.open(ctx)
	if err != nil {
		c.cancel()
		c.endTasks()
		return nil, err
	}
	c.watch(l)
	for _, err := range c.restore(ctx, l) {
		cfg.logger.WarnContext(ctx, "client: the log level could not be set", "server", l.server.ServerInfo.Name, "error", err)
	}
	return c, nil
}

// Close ends the session in the way of its transport and waits, within bounds of the transport's, until it is gone. Calls
// that wait for an answer fail. The error tells what went wrong with the server before, and is nil if all that happened
// is that we closed. Closing again returns the same.
func (c *Client) Close() error {
	c.closeOnce.Do(func() {
		c.mu.Lock()
		c.closed = true
		l := c.link.Load()
		c.mu.Unlock()
		c.cancel()
		c.endTasks()
		c.closeErr = l.conn.Close()
		c.finish(rpc.ErrClosed)
		c.work.Wait()
	})
	return c.closeErr
}

// finish marks the client as done for good.
func (c *Client) finish(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = cause
		close(c.done)
	}
}

// Done is closed when the client is of no more use: it was closed, or its session ended in a way that is final. See
// [Client.Err] for why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err tells why the client is done, such as the exit status of a server that died; nil as long as it is not. It is
// [rpc.ErrClosed] after [Client.Close].
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ServerInfo gives who the server says it is.
func (c *Client) ServerInfo() mcp.Implementation { return c.link.Load().server.ServerInfo }

// ServerCapabilities gives what the server declared to be able to do. It must not be modified.
func (c *Client) ServerCapabilities() *mcp.ServerCapabilities {
	return &c.link.Load().server.Capabilities
}

// Instructions gives the server's advice on using it, meant for the model; "" if it gave none.
func (c *Client) Instructions() string { return c.link.Load().server.Instructions }

// Version gives the protocol version that was agreed on, such as "2025-11-25".
func (c *Client) Version() string { return c.link.Load().server.ProtocolVersion }

// Opening gives the whole answer of the server to initialize. It must not be modified.
func (c *Client) Opening() *mcp.InitializeResult { return c.link.Load().server }

// Capabilities gives what this client declared. It must not be modified.
func (c *Client) Capabilities() *mcp.ClientCapabilities { return &c.capabilities }

// Session gives the present session. After a reconnect it is another.
func (c *Client) Session() *rpc.Session { return c.link.Load().session }

type clientKey struct{}

// From gives the client on whose behalf a handler runs; nil outside of the handlers given to [Dial]. As long as the server
// has not answered initialize, the client knows nothing of it.
func From(ctx context.Context) *Client {
	c, _ := ctx.Value(clientKey{}).(*Client)
	return c
}
