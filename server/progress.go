package server

import (
	"context"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ProgressLimit says how many progress notifications a call may send: a token bucket. Zero fields mean the defaults.
type ProgressLimit struct {
	// Burst is how many may go out at once; default 20.
	Burst int
	// PerSecond is how many may follow each second; default 20.
	PerSecond float64
	// Off sends every report.
	Off bool
}

const (
	defaultProgressBurst     = 20
	defaultProgressPerSecond = 20
)

func (l ProgressLimit) withDefaults() ProgressLimit {
	if l.Burst <= 0 {
		l.Burst = defaultProgressBurst
	}
	if l.PerSecond <= 0 {
		l.PerSecond = defaultProgressPerSecond
	}
	return l
}

// LimitProgress sets how many progress notifications a call may send. Default a burst of 20, then 20 a second.
func LimitProgress(l ProgressLimit) Option { return func(c *config) { c.progress = l } }

// Progress tells the client how far the current request has got: done out of total, in any unit, and what is happening,
// which may be "". A total of 0 means that it is not known. Nothing is sent if the client did not ask for progress, if
// done does not exceed what was reported before, or once the handler has returned.
//
// Reports over the limit ([LimitProgress]) wait for their turn, a later one taking the place of an earlier one; the last
// is always sent, and always before the result. It may be called from several goroutines. (Specification 2025-11-25,
// basic/utilities/progress.)
func Progress(ctx context.Context, done, total float64, message string) {
	c := CallFrom(ctx)
	if c == nil || !wire.IsFinite(done) || !wire.IsFinite(total) {
		return
	}
	c.mu.Lock()
	if c.progress == nil && !c.over {
		c.progress = newProgressReport(c)
	}
	p := c.progress
	c.mu.Unlock()
	if p != nil {
		p.report(done, total, message)
	}
}

// progressReport is what a call reports of its progress.
type progressReport struct {
	c     *Call
	token mcp.ProgressToken // absent if the client did not ask
	limit ProgressLimit

	mu      sync.Mutex
	tokens  float64 // in the bucket
	filled  time.Time
	some    bool // something was reported
	last    float64
	pending *mcp.ProgressParams // waits for a token; nil if none
	timer   *time.Timer         // sends pending
	over    bool
}

func newProgressReport(c *Call) *progressReport {
	p := &progressReport{c: c, limit: c.server.cfg.progress, filled: time.Now()}
	p.tokens = float64(p.limit.Burst)
	if raw, ok := c.Meta().Get("progressToken"); ok {
		_ = raw.Decode(&p.token) // what is no token was refused when the params were read
	}
	return p
}

func (p *progressReport) report(done, total float64, message string) {
	if p.token.IsZero() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.some && done <= p.last {
		return
	}
	p.some, p.last = true, done
	params := &mcp.ProgressParams{ProgressToken: p.token, Progress: done, Message: message}
	if total != 0 {
		params.Total = &total
	}
	if wait := p.take(); wait > 0 {
		p.pending = params
		if p.timer == nil {
			p.timer = time.AfterFunc(wait, p.sendPending)
		}
		return
	}
	p.pending = nil
	p.send(params)
}

// take takes a token out of the bucket, which gives 0, or tells how long it takes for one to come.
func (p *progressReport) take() time.Duration {
	if p.limit.Off {
		return 0
	}
	now := time.Now()
	p.tokens = min(float64(p.limit.Burst), p.tokens+now.Sub(p.filled).Seconds()*p.limit.PerSecond)
	p.filled = now
	if p.tokens >= 1 {
		p.tokens--
		return 0
	}
	return max(1, time.Duration((1-p.tokens)/p.limit.PerSecond*float64(time.Second)))
}

// sendPending sends the report that waits, when there is a token for it.
func (p *progressReport) sendPending() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if p.over || p.pending == nil {
		return
	}
	if wait := p.take(); wait > 0 {
		p.timer = time.AfterFunc(wait, p.sendPending)
		return
	}
	params := p.pending
	p.pending = nil
	p.send(params)
}

// finish sends what waits and ends the reporting.
func (p *progressReport) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.pending != nil && p.c.ctx.Err() == nil {
		p.send(p.pending)
	}
	p.pending = nil
}

// send sends under the lock, so that reports stay in order.
func (p *progressReport) send(params *mcp.ProgressParams) {
	s := p.c.Session()
	if err := s.Notify(p.c.ctx, mcp.MethodProgress, params); err != nil {
		s.Logger().Debug("server: progress could not be sent", "method", p.c.Method(), "error", err)
	}
}
