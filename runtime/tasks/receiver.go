package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"
	"weak"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Config is what a [Receiver] is made of. Table, Declared and Session are required.
type Config struct {
	// Table has the rows of what this side answers: the requests that may be tasks are those that Row.Task marks.
	Table *rpc.Table
	// Store keeps the tasks; nil is a NewMemory(0) of its own.
	Store Store
	// Limits bound what is done for requestors; zero fields mean the defaults.
	Limits Limits
	// PageSize is how many tasks a page of tasks/list has at most; default 250.
	PageSize int
	// Logger gets what becomes of tasks, for audits, with the principal and the first characters of the id; nil is
	// slog.Default().
	Logger *slog.Logger

	// Declared reports whether this side declared a capability to the peer of a session. A request whose capability for
	// tasks it did not declare is never a task, whatever the request says.
	Declared func(s *rpc.Session, capability string) bool
	// Owner tells whose are the tasks that a request makes, and whose it may touch. "" is nobody in particular: then tasks
	// are everybody's who knows the id, and live no longer than Limits.MaxTTLUnowned. Nil gives "" always.
	Owner func(ctx context.Context) string
	// Support says whether a request may or must be a task; an error refuses it. It is asked for requests with a declared
	// capability only, whether they want to be tasks or not. Nil lets requests choose.
	Support func(ctx context.Context, m *rpc.Message) (Support, error)
	// Session makes the session that a task's request runs in: with a dispatch that handles the request as that of the
	// peer's session would, [Receiver.Enter] outermost; with run.Outgoing as the innermost outgoing interceptor; with the
	// principal of run.Record; and with the version and peer of the session the request came by. It need not be attached,
	// and the Receiver closes it. ctx has the values of the request's, or none if it runs again.
	Session func(ctx context.Context, run Run) (*rpc.Session, error)
	// Resume tells whether the request of a record that was running when its process died may be run again; an error says
	// why not, and is what the task fails with, unless it matches [ErrDrop]. Nil never runs anything again.
	Resume func(r *Record) error
}

// Support is how a request may be a task.
type Support struct {
	// Mode says whether it may, must or must not; "" is that it must not.
	Mode mcp.TaskSupport
	// Immediate is a text for the model to go on with while the task runs; "" is none.
	Immediate string
	// Extra is kept with the record, for Config.Session to have when the request is run again.
	Extra wire.Raw
}

// Run is one run of a task's request.
type Run struct {
	// Record is the task as it starts. It must not be changed.
	Record *Record
	// Origin is the session that the request came by, which may have ended; nil if it is run again.
	Origin *rpc.Session
	// Outgoing takes what the handler sends to the peer where it can be heard: requests to whoever waits in tasks/result.
	Outgoing rpc.Interceptor
}

// Receiver runs requests as tasks, for one side of any number of sessions. It is safe for concurrent use. It has no
// goroutines but those of the tasks that run; [Receiver.Shutdown] ends these.
type Receiver struct {
	cfg     Config
	store   Store
	limits  Limits
	log     *slog.Logger
	holder  string // names this Receiver in the store
	polls   *ratelimit.Buckets[string]
	lookups *ratelimit.Buckets[any]

	mu      sync.Mutex
	live    map[string]*live // tasks that run here, or are about to
	running map[any]int      // handlers, by slot
	count   int              // of all of them
	idle    chan struct{}    // closed when nothing is left of either; nil if nobody waits for that
	stats   Stats
	timer   *time.Timer // the next tick; nil if there is none
	ticking bool        // a tick runs
	always  bool        // ticks go on though there is nothing to do
	held    bool        // the store knows that we live
	closed  bool
	ticked  chan struct{} // closed when the tick that runs is over; nil if nobody waits for that
}

var (
	_ mcp.TasksHandler      = (*Receiver)(nil)
	_ mcp.TaskListHandler   = (*Receiver)(nil)
	_ mcp.TaskCancelHandler = (*Receiver)(nil)
)

const (
	defaultPageSize = 250
	// mostPolled is for how many tasks it is known how often they are asked after.
	mostPolled = 1 << 20
)

// New makes a Receiver.
func New(cfg Config) *Receiver {
	if cfg.Store == nil {
		cfg.Store = NewMemory(0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.PageSize <= 0 {
		cfg.PageSize = defaultPageSize
	}
	r := &Receiver{
		cfg: cfg, store: cfg.Store, limits: cfg.Limits.withDefaults(), log: cfg.Logger, holder: rand.Text(),
		live: map[string]*live{}, running: map[any]int{},
	}
	if r.limits.Polls.On() {
		r.polls = ratelimit.New[string](r.limits.Polls, min(r.limits.Kept, mostPolled))
	}
	if r.limits.Lookups.On() {
		r.lookups = ratelimit.New[any](r.limits.Lookups, 0)
	}
	return r
}

// Stats gives the counters.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	s := r.stats
	s.Running = r.count
	all := make([]*live, 0, len(r.live))
	for _, t := range r.live {
		all = append(all, t)
	}
	r.mu.Unlock()
	for _, t := range all {
		if t.record().Status == mcp.TaskStatusInputRequired {
			s.Asking++
		}
	}
	return s
}

func (r *Receiver) add(f func(*Stats)) {
	r.mu.Lock()
	f(&r.stats)
	r.mu.Unlock()
}

// Intercept is the interceptor that makes tasks of requests. It belongs innermost: what refuses requests should have done
// so before.
func (r *Receiver) Intercept(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Kind != rpc.KindRequest || !r.may(m) {
			return next(ctx, m)
		}
		if _, err := m.Params(); err != nil {
			return nil, err
		}
		want := asked(m.Raw())
		support := Support{Mode: mcp.TaskSupportOptional}
		if r.cfg.Support != nil {
			var err error
			if support, err = r.cfg.Support(ctx, m); err != nil {
				return nil, err
			}
		}
		switch {
		case want == nil && support.Mode == mcp.TaskSupportRequired:
			return nil, rpc.Errorf(mcp.CodeMethodNotFound, "this %s must be a task: expected the member \"task\" in its params", m.Method)
		case want == nil:
			return next(ctx, m)
		case support.Mode != mcp.TaskSupportRequired && support.Mode != mcp.TaskSupportOptional:
			return nil, rpc.Errorf(mcp.CodeMethodNotFound, "this %s cannot be a task: expected no member \"task\" in its params", m.Method)
		}
		return r.create(ctx, m, want, support)
	}
}

// may reports whether requests such as m may be tasks in its session.
func (r *Receiver) may(m *rpc.Message) bool {
	capability := capabilities[m.Method]
	if capability == "" {
		return false
	}
	row, ok := r.cfg.Table.Lookup(m.Method)
	return ok && row.Task && r.cfg.Declared(m.Session(), capability)
}

func (r *Receiver) owner(ctx context.Context) string {
	if r.cfg.Owner == nil {
		return ""
	}
	return r.cfg.Owner(ctx)
}

// requestor is who counts as one in limits: the owner of tasks, or else the session; nil if nobody can be told apart.
func requestor(owner string, s *rpc.Session) any {
	switch {
	case owner != "":
		return owner
	case s == nil || s.Link().Stateless:
		return nil
	}
	return weak.Make(s) // nothing that lasts keeps it
}

// create makes a task of a request.
func (r *Receiver) create(ctx context.Context, m *rpc.Message, want *mcp.TaskMetadata, support Support) (wire.Appender, error) {
	session := m.Session()
	owner := r.owner(ctx)
	asked := time.Duration(0)
	if want.TTL != nil {
		if *want.TTL <= 0 {
			return nil, rpc.Errorf(mcp.CodeInvalidParams, "invalid ttl %d: expected a positive number of milliseconds", *want.TTL)
		}
		asked = time.Duration(min(*want.TTL, maxMillis)) * time.Millisecond
	}
	now := time.Now()
	rec := &Record{
		ID: rand.Text(), Owner: owner, Method: m.Method, Params: m.Raw(), Protocol: session.Version(), Extra: support.Extra,
		Status: mcp.TaskStatusWorking, Created: now, Updated: now,
		TTL: r.limits.ttl(asked, owner != ""), PollInterval: max(r.limits.PollInterval, 0), Holder: r.holder, Runs: 1,
	}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		rec.Principal = &rpc.Principal{ID: p.ID, Scopes: p.Scopes}
	}
	slot := requestor(owner, session)
	if err := r.take(ctx, slot, rec.TTL); err != nil {
		return nil, err
	}
	if err := r.store.Create(ctx, rec, r.room(owner)); err != nil {
		r.release(slot)
		if errors.Is(err, ErrFull) {
			r.add(func(s *Stats) { s.Refused++ })
			r.log.WarnContext(ctx, "tasks: a task is refused, the store is full", "error", err)
			return nil, refuse(retryFull, "too many tasks are kept: retry when some have expired")
		}
		return nil, r.broken(ctx, "create", err)
	}
	t := &live{r: r, id: rec.ID, slot: slot, origin: session, watcher: session, rec: rec, done: make(chan struct{})}
	r.mu.Lock()
	r.live[t.id] = t
	r.stats.Created++
	r.mu.Unlock()
	r.log.InfoContext(ctx, "tasks: created", r.about(rec)...)
	result := &mcp.CreateTaskResult{Task: rec.Task()}
	result.Meta.Set(MetaRelated, RelatedValue(rec.ID))
	if support.Immediate != "" {
		result.Meta.Set(MetaImmediate, rawString(support.Immediate))
	}
	// The peer hears of the task before it hears anything from it.
	if !rpc.AfterAnswer(ctx, func(answered bool) { t.answered(ctx, answered) }) {
		t.launch(ctx)
	}
	return result, nil
}

const (
	// maxMillis is the longest lifetime that is told from for ever: a hundred years.
	maxMillis = 100 * 365 * 24 * 3600 * 1000
	// retryFull and retryBusy are what requestors are told to wait.
	retryFull = 30 * time.Second
	retryBusy = time.Second
)

func rawString(s string) wire.Raw {
	raw, _ := wire.ParseRaw(wire.AppendString(nil, s))
	return raw
}

// room is what the limits leave to the store.
func (r *Receiver) room(owner string) Room {
	room := Room{All: r.limits.Kept}
	if owner != "" {
		room.Owner = r.limits.KeptPerOwner
	}
	return room
}

// take takes a slot for a task that runs, and makes sure that somebody looks after it.
func (r *Receiver) take(ctx context.Context, slot any, ttl time.Duration) error {
	r.mu.Lock()
	var refused error
	switch {
	case r.closed:
		refused = refuse(retryFull, "no tasks are taken any more: shutting down")
	case r.count >= r.limits.Running:
		refused = refuse(retryBusy, "too many tasks run: retry later")
	case slot != nil && r.running[slot] >= r.limits.RunningPerOwner:
		refused = refuse(retryBusy, "%d tasks of yours run, which is as many as may: retry when one has ended", r.running[slot])
	}
	if refused != nil {
		r.stats.Refused++
		r.mu.Unlock()
		return refused
	}
	r.claim(slot)
	held := r.held
	r.held = true
	r.arm(r.limits.Lease / 3)
	r.mu.Unlock()
	if held {
		return nil
	}
	if err := r.store.Hold(ctx, r.holder, time.Now().Add(r.limits.Lease)); err != nil {
		r.mu.Lock()
		r.held = false
		r.mu.Unlock()
		r.release(slot)
		return r.broken(ctx, "hold", err)
	}
	return nil
}

// claim counts a task that runs. Under the lock.
func (r *Receiver) claim(slot any) {
	r.count++
	if slot != nil {
		r.running[slot]++
	}
}

// release gives a slot back.
func (r *Receiver) release(slot any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count--
	if slot != nil {
		if r.running[slot]--; r.running[slot] <= 0 {
			delete(r.running, slot)
		}
	}
	r.rest()
}

// rest tells who waits for it that nothing runs. Under the lock.
func (r *Receiver) rest() {
	if r.idle != nil && r.count == 0 && len(r.live) == 0 {
		close(r.idle)
		r.idle = nil
	}
}

// forget drops a task that is not ours any more, or has ended.
func (r *Receiver) forget(t *live) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.live[t.id] == t {
		delete(r.live, t.id)
	}
	r.rest()
}

// broken is the error for a store that failed.
func (r *Receiver) broken(ctx context.Context, what string, err error) error {
	r.add(func(s *Stats) { s.StoreErrors++ })
	r.log.ErrorContext(ctx, "tasks: the store failed", "operation", what, "error", err)
	return rpc.Errorf(mcp.CodeInternalError, "internal error: the store of tasks failed").Wrap(err)
}

// about is what the log says of a task.
func (r *Receiver) about(rec *Record, more ...any) []any {
	attrs := []any{"task", short(rec.ID), "method", rec.Method, "status", string(rec.Status)}
	if rec.Principal != nil {
		attrs = append(attrs, "principal", rec.Principal.ID)
	}
	return append(attrs, more...)
}
