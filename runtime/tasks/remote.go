package tasks

import (
	"log/slog"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Polling says how the requestor of a task asks for its state. Zero fields mean the defaults.
type Polling struct {
	// First is the time before the first tasks/get, and between two of them, where the receiver gives no pollInterval:
	// each that brings nothing new makes it half as long again, up to Most. Default 1 s.
	First time.Duration
	// Most is the most there is between two tasks/get without advice, and after failures; default 30 s.
	Most time.Duration
	// Retries is how many requests in a row may fail without an answer of the receiver that settles the matter, such as
	// those under way when a connection drops, before [Remote.Result] fails; default 10, negative for no limit.
	Retries int
}

const (
	defaultFirst   = time.Second
	defaultMost    = 30 * time.Second
	defaultRetries = 10

	// minInterval and maxInterval bound the pollInterval of a receiver: neither a busy loop, nor a task that is never
	// looked at.
	minInterval = 10 * time.Millisecond
	maxInterval = time.Hour
)

func (p Polling) withDefaults() Polling {
	if p.First <= 0 {
		p.First = defaultFirst
	}
	if p.Most <= 0 {
		p.Most = defaultMost
	}
	p.Most = max(p.Most, p.First)
	if p.Retries == 0 {
		p.Retries = defaultRetries
	}
	return p
}

// RemoteConfig is what a [Remote] is made of.
type RemoteConfig struct {
	// Caller sends tasks/get, tasks/result and tasks/cancel. It should bound the time of a call: one that takes too long
	// is made again.
	Caller rpc.Caller
	// Done is closed when nothing more can be sent to the receiver; nil for never.
	Done <-chan struct{}
	// Task is the task as it was created, or no more than its id.
	Task mcp.Task
	// Result is what the receiver answered in place of a task; absent by default.
	Result wire.Raw
	// What names the request that the task is of, for logs, such as "tools/call report".
	What string
	// Polling says how the state is asked for.
	Polling Polling
	// Logger gets what happens to the task, at level Debug (basic/utilities/tasks, "Audit and Logging"). Nil is
	// slog.Default().
	Logger *slog.Logger
}

// Remote is a task that the peer runs for us: the requestor's side of it (specification 2025-11-25,
// basic/utilities/tasks). It is safe for concurrent use, and several that wait share their polling. It has no goroutine
// of its own and need not be closed.
type Remote struct {
	cfg RemoteConfig

	mu       sync.Mutex
	task     mcp.Task
	version  uint64        // counts what was heard of the task
	changed  chan struct{} // closed when version grows, or asking ends
	asking   bool          // somebody sends tasks/get
	due      time.Time     // before which no tasks/get is sent
	quiet    int           // answers in a row that brought nothing new
	failures int           // requests in a row that got no answer
	outcome  *outcome      // nil as long as it is not known
}

// outcome is what tasks/result gave, once and for all.
type outcome struct {
	result wire.Raw
	err    error
}

// NewRemote makes the requestor's side of a task.
func NewRemote(cfg RemoteConfig) *Remote {
	cfg.Polling = cfg.Polling.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	r := &Remote{cfg: cfg, task: cfg.Task, changed: make(chan struct{})}
	if !cfg.Result.IsZero() {
		r.outcome = &outcome{result: cfg.Result}
	}
	if r.task.Status != "" {
		r.due = time.Now().Add(r.interval())
		r.log("task created", "status", r.task.Status)
	}
	return r
}

// ID is the task's id.
func (r *Remote) ID() string { return r.cfg.Task.TaskID }

// Terminal tells whether a status is final: completed, failed or cancelled.
func (r *Remote) Terminal() bool { return terminal(r.Known().Status) }

func terminal(s mcp.TaskStatus) bool {
	return s == mcp.TaskStatusCompleted || s == mcp.TaskStatusFailed || s == mcp.TaskStatusCancelled
}

// Settled tells whether the outcome is known, which [Remote.Result] gives without asking.
func (r *Remote) Settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.outcome != nil
}

// Known gives the state that was heard of last, without asking. Its status is "" if nothing was heard yet.
func (r *Remote) Known() mcp.Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.task
}

// Note takes the state from a notification (notifications/tasks/status). It is taken as a hint that saves waiting: the
// task is polled all the same, as notifications may fail to come.
func (r *Remote) Note(t *mcp.TaskStatusParams) {
	r.heard(mcp.Task{
		CreatedAt: t.CreatedAt, LastUpdatedAt: t.LastUpdatedAt, Status: t.Status, TaskID: t.TaskID, TTL: t.TTL,
		PollInterval: t.PollInterval, StatusMessage: t.StatusMessage, Unknown: t.Unknown,
	}, false)
}

// heard takes in a state: asked tells an answer to a request of ours. A final status never changes again, whatever the
// receiver says.
func (r *Remote) heard(t mcp.Task, asked bool) mcp.Task {
	r.mu.Lock()
	before := r.task
	if !terminal(before.Status) && t.Status != "" {
		r.task = t
	}
	now := r.task
	news := now.Status != before.Status || now.StatusMessage != before.StatusMessage
	if news {
		r.quiet = 0
	} else if asked {
		r.quiet++
	}
	if asked {
		r.failures = 0
		r.due = time.Now().Add(r.interval())
	}
	r.version++
	r.wake()
	r.mu.Unlock()
	if news {
		r.log("task status", "status", now.Status, "message", now.StatusMessage, "notified", !asked)
	}
	return now
}

// wake tells those who wait to look again. Under mu.
func (r *Remote) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// interval is how long to wait until the next tasks/get. Under mu.
func (r *Remote) interval() time.Duration {
	if p := r.task.PollInterval; p != nil && *p > 0 {
		if *p > int64(maxInterval/time.Millisecond) {
			return maxInterval
		}
		return max(time.Duration(*p)*time.Millisecond, minInterval)
	}
	d := r.cfg.Polling.First
	for i := 0; i < r.quiet && d < r.cfg.Polling.Most; i++ {
		d += d / 2
	}
	return min(d, r.cfg.Polling.Most)
}

// missed notes a request that got no answer, and tells whether that was one too many.
func (r *Remote) missed(method string, err error) (enough bool) {
	r.mu.Lock()
	r.failures++
	wait := r.cfg.Polling.First
	for i := 1; i < r.failures && wait < r.cfg.Polling.Most; i++ {
		wait *= 2
	}
	wait = max(min(wait, r.cfg.Polling.Most), r.interval(), retryAfter(err))
	r.due = time.Now().Add(wait)
	enough = r.cfg.Polling.Retries >= 0 && r.failures > r.cfg.Polling.Retries
	r.mu.Unlock()
	r.log("no answer about the task", "method", method, "error", err, "wait", wait, "last", enough)
	return enough
}

func (r *Remote) log(text string, attrs ...any) {
	r.cfg.Logger.Debug("tasks: "+text, append([]any{"task", r.cfg.Task.TaskID, "request", r.cfg.What}, attrs...)...)
}
