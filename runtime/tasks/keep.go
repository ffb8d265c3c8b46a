package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// batch is how many records are taken from the store at once.
const batch = 500

// Start takes over what the store has of processes that died: now, and again and again until [Receiver.Shutdown]. A task
// that ran is run again if Config.Resume agrees, and has failed otherwise. It returns at once. A Receiver with a store of
// its own in memory need not be started, any other should be.
func (r *Receiver) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.always {
		return
	}
	r.always = true
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	r.arm(0)
}

// arm makes sure that there will be a tick. Under the lock.
func (r *Receiver) arm(in time.Duration) {
	if r.closed || r.timer != nil || r.ticking {
		return
	}
	r.timer = time.AfterFunc(in, r.tick)
}

// tick does what has to be done now and then: it says that we live, ends and removes what has expired, looks after what
// runs, and takes over what nobody runs any more.
func (r *Receiver) tick() {
	r.mu.Lock()
	if r.closed || r.ticking {
		r.mu.Unlock()
		return
	}
	r.timer, r.ticking = nil, true
	all := make([]*live, 0, len(r.live))
	for _, t := range r.live {
		all = append(all, t)
	}
	r.mu.Unlock()

	ctx := context.Background()
	now := time.Now()
	if err := r.store.Hold(ctx, r.holder, now.Add(r.limits.Lease)); err != nil {
		_ = r.broken(ctx, "hold", err)
	}
	for _, t := range all {
		if t.record().Expired(now) {
			t.expire()
		} else {
			if err := t.check(ctx); err != nil {
				_ = r.broken(ctx, "get", err)
			}
		}
	}
	left := r.sweep(ctx, now)
	r.adoptOrphans(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticking = false
	if r.ticked != nil {
		close(r.ticked)
		r.ticked = nil
	}
	if r.always || left || len(r.live) > 0 || r.count > 0 {
		r.arm(r.limits.Lease / 3)
	} else {
		r.held = false
	}
}

// expire ends a task whose time is over.
func (t *live) expire() {
	rec := t.record()
	t.remove(ErrExpired)
	t.r.add(func(s *Stats) { s.Expired++ })
	t.r.log.Info("tasks: expired before it ended", t.r.about(rec)...)
}

// sweep removes what has expired, and tells whether anything is left.
func (r *Receiver) sweep(ctx context.Context, now time.Time) (left bool) {
	for {
		removed, left, err := r.store.Sweep(ctx, now, batch)
		if err != nil {
			_ = r.broken(ctx, "sweep", err)
			return true
		}
		if removed < batch {
			return left > 0
		}
	}
}

// adoptOrphans takes over tasks that nobody runs any more.
func (r *Receiver) adoptOrphans(ctx context.Context) {
	for {
		now := time.Now()
		orphans, err := r.store.Orphans(ctx, now, batch)
		if err != nil {
			_ = r.broken(ctx, "find orphans", err)
			return
		}
		taken := 0
		for _, rec := range orphans {
			r.mu.Lock()
			room := !r.closed && r.count < r.limits.Running
			r.mu.Unlock()
			if !room {
				return // later
			}
			if rec.Expired(now) {
				continue
			}
			if r.adopt(ctx, rec) {
				taken++
			}
		}
		if len(orphans) < batch || taken == 0 {
			return
		}
	}
}

// adopt takes over one task: runs it again, or ends it. It reports whether it is no orphan any more.
func (r *Receiver) adopt(ctx context.Context, rec *Record) bool {
	why := r.mayRun(rec)
	if errors.Is(why, ErrDrop) {
		return r.drop(ctx, rec)
	}
	rec.Holder, rec.Updated = r.holder, time.Now()
	if why != nil {
		e := rpc.Errorf(mcp.CodeInternalError, "%w", why)
		rec.Status, rec.Message, rec.Result = mcp.TaskStatusFailed, clip(e.Message), wire.Raw{}
		rec.Error = &rpc.Error{Code: e.Code, Message: e.Message}
	} else {
		rec.Status, rec.Message = mcp.TaskStatusWorking, "started again after an interruption"
		rec.Runs++
	}
	switch err := r.store.Update(ctx, rec); {
	case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
		return true // somebody else was faster
	case err != nil:
		_ = r.broken(ctx, "take over", err)
		return false
	}
	if why != nil {
		r.add(func(s *Stats) { s.Abandoned++; s.Failed++ })
		r.log.WarnContext(ctx, "tasks: ended, its process had died", r.about(rec, "error", why)...)
		return true
	}
	t := &live{r: r, id: rec.ID, slot: requestor(rec.Owner, nil), rec: rec, done: make(chan struct{})}
	r.mu.Lock()
	r.live[t.id] = t
	r.claim(t.slot)
	r.stats.Resumed++
	r.mu.Unlock()
	r.log.InfoContext(ctx, "tasks: started again, its process had died", r.about(rec, "run", rec.Runs)...)
	t.launch(ctx)
	return true
}

// ErrDrop is matched by the error of Config.Resume for a task that is nobody's any more: it is removed.
var ErrDrop = errors.New("the task is nobody's any more")

// drop removes an orphan that nobody can ask for.
func (r *Receiver) drop(ctx context.Context, rec *Record) bool {
	if err := r.store.Delete(ctx, rec.ID); err != nil && !errors.Is(err, ErrNotFound) {
		_ = r.broken(ctx, "delete", err)
		return false
	}
	r.add(func(s *Stats) { s.Abandoned++ })
	r.log.InfoContext(ctx, "tasks: removed, its owner had gone with the process", r.about(rec)...)
	return true
}

// mayRun tells whether an orphan may be run again.
func (r *Receiver) mayRun(rec *Record) error {
	row, ok := r.cfg.Table.Lookup(rec.Method)
	switch {
	case r.cfg.Resume == nil || !ok || !row.Task:
		return errors.New("the task was interrupted when its process ended, and cannot be run again")
	case rec.Runs >= r.limits.Runs:
		return fmt.Errorf("the task was given up after %d runs, in each of which its process ended", rec.Runs)
	}
	return r.cfg.Resume(rec)
}

// Drop ends all tasks of an owner, and removes them and their outcomes.
func (r *Receiver) Drop(ctx context.Context, owner string) error {
	r.mu.Lock()
	all := make([]*live, 0, len(r.live))
	for _, t := range r.live {
		all = append(all, t)
	}
	r.mu.Unlock()
	for _, t := range all {
		if t.record().Owner == owner {
			t.remove(rpc.ErrClosed)
		}
	}
	for {
		page, err := r.store.List(ctx, owner, 0, batch)
		if err != nil {
			return err
		}
		for _, rec := range page {
			if err := r.store.Delete(ctx, rec.ID); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if len(page) < batch {
			return nil
		}
	}
}

// endTime is how long handlers have to return once their ctx has ended for a shutdown.
const endTime = time.Second

// Shutdown takes no more tasks, and waits for those that run until ctx ends. Then it ends their handlers' ctx. If the
// Receiver was started, what may be run again (Config.Resume) is left to the process that opens the store next, or shares
// it; everything else has failed. It lets go of the store, which it does not close. The error says how many handlers still
// run a second later. Outcomes can be retrieved as before. Shutting down again waits again.
func (r *Receiver) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	var ticked chan struct{}
	if r.ticking {
		if r.ticked == nil {
			r.ticked = make(chan struct{})
		}
		ticked = r.ticked
	}
	held := r.held || r.always
	r.held = false
	r.mu.Unlock()
	if ticked != nil {
		<-ticked
	}
	if err := r.settled(ctx); err != nil {
		r.mu.Lock()
		all := make([]*live, 0, len(r.live))
		for _, t := range r.live {
			all = append(all, t)
		}
		r.mu.Unlock()
		for _, t := range all {
			t.stop()
		}
	}
	late, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	err := r.settled(late)
	if held {
		if err := r.store.Hold(context.Background(), r.holder, time.Time{}); err != nil {
			_ = r.broken(ctx, "let go", err)
		}
	}
	return err
}

// stop ends a task's handler for a shutdown.
func (t *live) stop() {
	t.lock()
	defer t.unlock()
	if t.final {
		return
	}
	t.r.mu.Lock()
	shared := t.r.always
	t.r.mu.Unlock()
	next := t.rec.Clone()
	if shared && t.pending == nil && t.r.mayRun(next) == nil {
		next.Status = mcp.TaskStatusWorking
		next.Runs-- // this was no crash
		if err := t.store(context.Background(), next); err != nil {
			t.failed("leave", err)
		}
		t.end(ErrShutdown)
		return
	}
	if t.pending == nil {
		e := &rpc.Error{Code: mcp.CodeInternalError, Message: "the task was interrupted: the server was shut down"}
		t.pending = &verdict{status: mcp.TaskStatusFailed, message: e.Message, err: e, cause: ErrShutdown}
	}
	t.settle(context.Background())
	if !t.final {
		t.end(ErrShutdown) // the store has failed: whoever takes over decides
	}
}

// settled waits until no handler runs, and every outcome is in the store.
func (r *Receiver) settled(ctx context.Context) error {
	r.mu.Lock()
	if r.count == 0 && len(r.live) == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.count == 0 && len(r.live) == 0 {
			return nil
		}
		return fmt.Errorf("tasks: %d handlers still run: %w", r.count, context.Cause(ctx))
	}
}
