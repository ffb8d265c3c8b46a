package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// timer gives up a call of which nothing was heard for too long.
type timer struct {
	method     string
	idle, most time.Duration // 0: no limit
	asked      *asked
	cancel     context.CancelCauseFunc

	mu    sync.Mutex
	clock *time.Timer
	start time.Time
	last  time.Time // when something was heard
	over  error     // why it was given up
}

// startTimer gives the ctx for a call: with its time limits, and asking for progress if the options do. The timer must
// be stopped.
func (c *Client) startTimer(ctx context.Context, method string, o callOptions) (context.Context, *timer) {
	t := &timer{method: method, asked: &c.asked}
	_, bounded := ctx.Deadline()
	t.idle, t.most = o.timeout, o.maxTime
	if t.idle == 0 && !bounded {
		t.idle = c.cfg.timeout
	}
	if t.most == 0 && !bounded && c.cfg.maxTime > 0 {
		t.most = max(c.cfg.maxTime, t.idle)
	}
	t.idle, t.most = max(t.idle, 0), max(t.most, 0)
	if o.progress != nil {
		ctx = rpc.WithProgress(ctx, func(p rpc.Progress) {
			t.heard()
			o.progress(p)
		})
	}
	if t.idle > 0 || t.most > 0 {
		ctx, t.cancel = context.WithCancelCause(ctx)
		t.start = time.Now()
		t.last = t.start
		t.mu.Lock()
		t.clock = time.AfterFunc(t.wait(t.start), t.fire)
		t.mu.Unlock()
	}
	return ctx, t
}

// wait gives how long it is until the nearest limit; 0 or less if it is past. Under mu.
func (t *timer) wait(now time.Time) time.Duration {
	left := time.Duration(1<<63 - 1)
	if t.idle > 0 {
		last, asking := t.asked.state()
		switch {
		case asking:
			left = t.idle
		case last.After(t.last):
			left = last.Add(t.idle).Sub(now)
		default:
			left = t.last.Add(t.idle).Sub(now)
		}
	}
	if t.most > 0 {
		left = min(left, t.start.Add(t.most).Sub(now))
	}
	return left
}

func (t *timer) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if left := t.wait(now); left > 0 {
		t.clock.Reset(left)
		return
	}
	what := fmt.Sprintf("nothing was heard for %v", t.idle)
	if t.most > 0 && now.Sub(t.start) >= t.most {
		what = fmt.Sprintf("no answer within %v", t.most)
	}
	t.over = timeoutError(what)
	t.cancel(t.over)
}

func (t *timer) heard() {
	t.mu.Lock()
	t.last = time.Now()
	t.mu.Unlock()
}

func (t *timer) stop() {
	if t.clock != nil {
		t.clock.Stop()
		t.cancel(nil)
	}
}

// explain makes a deadline exceeded of the error of a call that was given up.
func (t *timer) explain(err error) error {
	if err == nil || t.clock == nil {
		return err
	}
	t.mu.Lock()
	over := t.over
	t.mu.Unlock()
	if over == nil || !errors.Is(err, over) {
		return err
	}
	return rpc.Errorf(rpc.CodeCancelled, "%s: %w", t.method, over)
}

// timeoutError is the cause of a call's end by a limit; it matches context.DeadlineExceeded.
type timeoutError string

func (e timeoutError) Error() string { return string(e) }
func (timeoutError) Unwrap() error   { return context.DeadlineExceeded }
func (timeoutError) Timeout() bool   { return true }

// asked counts the requests of the server that are being answered.
type asked struct {
	mu   sync.Mutex
	now  int
	last time.Time // when the last one was answered
}

func (a *asked) state() (last time.Time, asking bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last, a.now > 0
}

// count is the interceptor that counts.
func (a *asked) count(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Kind != rpc.KindRequest || m.Method == mcp.MethodPing {
			return next(ctx, m)
		}
		a.mu.Lock()
		a.now++
		a.mu.Unlock()
		defer func() {
			a.mu.Lock()
			a.now--
			a.last = time.Now()
			a.mu.Unlock()
		}()
		return next(ctx, m)
	}
}
