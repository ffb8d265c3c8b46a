package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Reconnection tells of a session that took the place of one that the server ended.
type Reconnection struct {
	// Client is the client; what the server said of itself may have changed.
	Client *Client
	// Cause is why the session before ended.
	Cause error
	// Lost says what could not be restored: one error for each subscription that the server did not take again, and for
	// the log level.
	Lost []error
}

// flight is the one attempt to replace a session, which all calls that met its end wait for.
type flight struct {
	from *link
	done chan struct{}
	link *link // what took its place; nil with err
	err  error
}

// current gives the present session, a new one if it is known to have been ended by the server.
func (c *Client) current(ctx context.Context) (*link, error) {
	l := c.link.Load()
	if cause := l.ended(); cause != nil && c.renewable(cause) {
		return c.renew(ctx, l, cause)
	}
	return l, nil
}

// renew replaces the session of old, which ended because of cause, unless that was done, and waits for it.
func (c *Client) renew(ctx context.Context, old *link, cause error) (*link, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, rpc.Errorf(rpc.CodeClosed, "client: %w", rpc.ErrClosed)
	}
	if l := c.link.Load(); l != old {
		c.mu.Unlock()
		return l, nil
	}
	f := c.flight
	if f == nil || f.from != old {
		f = &flight{from: old, done: make(chan struct{})}
		c.flight = f
		old.over.Store(&cause)
		c.work.Add(1)
		go c.fly(f, cause)
	}
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.link, f.err
	case <-ctx.Done():
		return nil, rpc.Errorf(rpc.CodeCancelled, "waiting for a new session: %w", context.Cause(ctx))
	}
}

// fly makes the attempt.
func (c *Client) fly(f *flight, cause error) {
	defer close(f.done)
	lost, err := c.replace(f, cause)
	c.work.Done() // what follows is the user's, and may close the client
	if err != nil {
		f.err = err
		c.mu.Lock()
		if c.flight == f {
			c.flight = nil // the next call tries again
		}
		c.mu.Unlock()
		return
	}
	ctx := context.WithValue(c.ctx, clientKey{}, c)
	defer func() {
		if v := recover(); v != nil {
			c.cfg.logger.ErrorContext(ctx, "client: panic in an OnReconnect function", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	for _, g := range c.cfg.onReconnect {
		g(ctx, Reconnection{Client: c, Cause: cause, Lost: lost})
	}
}

// replace opens a session and makes it the present one.
func (c *Client) replace(f *flight, cause error) (lost []error, err error) {
	l, err := c.reopen(f.from)
	c.retire(f.from)
	if err != nil {
		return nil, fmt.Errorf("the session ended (%w) and no new one could be opened: %w", cause, err)
	}
	lost = c.restore(c.ctx, l)
	c.mu.Lock()
	closed := c.closed
	if !closed {
		c.link.Store(l)
	}
	c.mu.Unlock()
	if closed {
		_ = l.conn.Close() // as good as never opened
		return nil, rpc.Errorf(rpc.CodeClosed, "client: %w", rpc.ErrClosed)
	}
	f.link = l
	c.dropLists()
	c.watch(l)
	for _, err := range lost {
		c.cfg.logger.Warn("client: not restored in the new session", "server", l.server.ServerInfo.Name, "error", err)
	}
	return lost, nil
}

// retireTime is how long the calls that are in flight when a session was ended have to hear what became of them.
const retireTime = 2 * time.Second

// retire closes a session that the server ended, once no call is in flight or retireTime is over: the server may be
// about to refuse others as well, which can be repeated then. It does not wait.
func (c *Client) retire(l *link) {
	l.retired.Do(func() {
		c.work.Go(func() {
			patience := time.NewTimer(retireTime)
			defer patience.Stop()
			select {
			case <-l.idle():
			case <-patience.C:
			case <-c.ctx.Done():
			}
			l.session.Close(rpc.ErrSessionEnded)
			_ = l.conn.Close() // it has ended: nothing to tell
		})
	})
}

// restore gives a new session the log level and the subscriptions that the client has, as far as the server declares them.
func (c *Client) restore(ctx context.Context, l *link) (lost []error) {
	c.mu.Lock()
	level := c.level
	c.mu.Unlock()
	if level != "" && l.server.Capabilities.Declares("logging") {
		if err := c.callOn(ctx, l, mcp.MethodSetLevel, &mcp.SetLevelParams{Level: level}, nil, callOptions{}); err != nil {
			lost = append(lost, err)
		}
	}
	for _, uri := range c.subscribed() {
		err := c.mayCall(l, mcp.MethodSubscribe, nil)
		if err == nil {
			err = c.callOn(ctx, l, mcp.MethodSubscribe, &mcp.SubscribeParams{URI: uri}, nil, callOptions{})
		}
		if err != nil {
			lost = append(lost, fmt.Errorf("subscription to %s: %w", clip(uri), plain(err)))
			c.forgetSubscription(uri, err)
		}
	}
	return lost
}

// forgetSubscription drops a subscription that the server refused.
func (c *Client) forgetSubscription(uri string, err error) {
	if errors.Is(err, rpc.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return // it did not say no
	}
	c.mu.Lock()
	delete(c.subs, uri)
	c.mu.Unlock()
}

func (c *Client) subscribed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.subs))
}
