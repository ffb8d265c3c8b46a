package client

import (
	"context"
	"errors"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// reopen opens a session in place of that of from. Where the transport's connections can break it waits before attempts,
// as the transport says: before the first one as well if the connection did not last, or if nobody waits for the session.
func (c *Client) reopen(from *link) (*link, error) {
	redialer, ok := c.transport.(rpc.Redialer)
	if !ok {
		return c.open(c.ctx)
	}
	b := redialer.Backoff().WithDefaults()
	wait, now := from.wait, false
	if time.Since(from.opened) >= b.Max {
		wait, now = 0, !from.eager.Load()
	}
	for failed := 1; ; failed++ {
		if !now {
			wait = b.Next(wait)
			if err := c.pause(wait); err != nil {
				return nil, err
			}
		}
		now = false
		l, err := c.open(c.ctx)
		if err == nil {
			l.wait = wait
			return l, nil
		}
		if _, never := errors.AsType[*VersionError](err); never || failed >= b.Attempts || c.ctx.Err() != nil {
			return nil, err
		}
		c.cfg.logger.WarnContext(c.ctx, "client: the server could not be reached again, which will be tried later", "attempt", failed, "error", err)
	}
}

// pause waits, unless the client is closed.
func (c *Client) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return rpc.Errorf(rpc.CodeClosed, "client: %w", rpc.ErrClosed)
	}
}

// hurry replaces the session of l, whose connection was lost, without waiting for a call that needs it, if the server has
// something to tell this client without being asked. It returns when that is done.
func (c *Client) hurry(l *link, cause error) {
	if _, ok := c.transport.(rpc.Redialer); !ok || len(c.subscribed()) == 0 {
		return
	}
	l.eager.Store(true)
	if _, err := c.renew(c.ctx, l, cause); err != nil && !errors.Is(err, context.Canceled) && c.ctx.Err() == nil {
		c.cfg.logger.WarnContext(c.ctx, "client: the server could not be reached again, which the next call tries", "error", err)
	}
}
