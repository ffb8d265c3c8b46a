package tasks

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// GetTask answers tasks/get.
func (r *Receiver) GetTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskResult, error) {
	rec, _, err := r.ask(ctx, params.TaskID, true)
	if err != nil {
		return nil, err
	}
	t := rec.Task()
	r.log.DebugContext(ctx, "tasks: asked after", r.about(rec)...)
	return &mcp.GetTaskResult{
		TaskID: t.TaskID, Status: t.Status, StatusMessage: t.StatusMessage, CreatedAt: t.CreatedAt, LastUpdatedAt: t.LastUpdatedAt,
		TTL: t.TTL, PollInterval: t.PollInterval,
	}, nil
}

// GetTaskPayload answers tasks/result: once the task has ended, with exactly what its request would have been answered
// with. Until then it hands the requestor what the task asks, on the stream of this request. Several may wait for one
// task; each is asked, and the first answer counts.
func (r *Receiver) GetTaskPayload(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskPayloadResult, error) {
	rec, t, err := r.ask(ctx, params.TaskID, true)
	for err == nil && !rec.Ended() {
		if t != nil {
			err = t.wait(ctx, rpc.SessionFrom(ctx))
		} else {
			err = r.waitElsewhere(ctx)
		}
		if err == nil {
			rec, t, err = r.find(ctx, params.TaskID)
		}
	}
	if err != nil {
		return nil, err
	}
	r.add(func(s *Stats) { s.Retrieved++ })
	r.log.InfoContext(ctx, "tasks: outcome retrieved", r.about(rec)...)
	if rec.Error != nil {
		return nil, rec.Error
	}
	result := &mcp.GetTaskPayloadResult{}
	if err := rec.Result.Decode(result); err != nil {
		return nil, r.broken(ctx, "read a result", err)
	}
	result.Meta.Set(MetaRelated, RelatedValue(rec.ID))
	return result, nil
}

// elsewhereInterval is how often the store is asked for a task that another process runs.
const elsewhereInterval = 500 * time.Millisecond

// waitElsewhere waits before the store is asked again for a task that does not run here.
func (r *Receiver) waitElsewhere(ctx context.Context) error {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return refuse(retryFull, "the task has not ended, and this server is shutting down: retry later")
	}
	timer := time.NewTimer(elsewhereInterval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ListTasks answers tasks/list: the tasks of the requestor, the oldest first. It is not for requestors that cannot be told
// from others, to whom the capability should not be declared.
func (r *Receiver) ListTasks(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListTasksResult, error) {
	owner := r.owner(ctx)
	if owner == "" {
		return nil, rpc.Errorf(mcp.CodeMethodNotFound, "tasks cannot be listed: nobody is authenticated, and whose they are is not known")
	}
	if err := r.limitLookups(ctx, owner); err != nil {
		return nil, err
	}
	after := uint64(0)
	if params != nil && params.Cursor != "" {
		var ok bool
		if after, ok = decodeCursor(params.Cursor); !ok {
			return nil, rpc.Errorf(mcp.CodeInvalidParams, "invalid cursor: expected the nextCursor of an earlier page of this list")
		}
	}
	now := time.Now()
	result := &mcp.ListTasksResult{Tasks: []mcp.Task{}}
	for {
		page, err := r.store.List(ctx, owner, after, r.cfg.PageSize+1)
		if err != nil {
			return nil, r.broken(ctx, "list", err)
		}
		for _, rec := range page {
			if rec.Expired(now) {
				after = rec.Seq
				continue
			}
			if len(result.Tasks) == r.cfg.PageSize {
				result.NextCursor = encodeCursor(after)
				return result, nil
			}
			after = rec.Seq
			if t := r.lookup(rec.ID); t != nil && !rec.Ended() {
				if own := t.record(); own.Version == rec.Version {
					rec = own // it may have a newer message
				}
			}
			result.Tasks = append(result.Tasks, rec.Task())
		}
		if len(page) <= r.cfg.PageSize {
			return result, nil
		}
	}
}

// cursorPrefix tells our cursors from those of other lists.
const cursorPrefix = "task:"

func encodeCursor(seq uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + strconv.FormatUint(seq, 36)))
}

func decodeCursor(cursor string) (uint64, bool) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	number, ok := strings.CutPrefix(string(text), cursorPrefix)
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(number, 36, 64)
	return seq, err == nil && encodeCursor(seq) == cursor
}

// CancelTask answers tasks/cancel: the task is cancelled when this returns, and its handler's ctx has ended.
func (r *Receiver) CancelTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.CancelTaskResult, error) {
	for {
		rec, t, err := r.ask(ctx, params.TaskID, false)
		if err != nil {
			return nil, err
		}
		if rec.Ended() {
			return nil, rpc.Errorf(mcp.CodeInvalidParams, "the task cannot be cancelled: it has ended already, with status %q", rec.Status)
		}
		if t != nil {
			rec, err = t.cancel(ctx)
		} else {
			rec, err = r.cancelElsewhere(ctx, rec)
		}
		switch {
		case errors.Is(err, ErrConflict), errors.Is(err, ErrNotFound):
			continue // it changed meanwhile: look again
		case err != nil:
			return nil, r.broken(ctx, "cancel", err)
		}
		task := rec.Task()
		return &mcp.CancelTaskResult{
			TaskID: task.TaskID, Status: task.Status, StatusMessage: task.StatusMessage, CreatedAt: task.CreatedAt,
			LastUpdatedAt: task.LastUpdatedAt, TTL: task.TTL, PollInterval: task.PollInterval,
		}, nil
	}
}

// cancelElsewhere cancels a task that another process runs, which notices at its next tick at the latest.
func (r *Receiver) cancelElsewhere(ctx context.Context, rec *Record) (*Record, error) {
	cancelled(rec)
	if err := r.store.Update(ctx, rec); err != nil {
		return nil, err
	}
	r.add(func(s *Stats) { s.Cancelled++ })
	r.log.InfoContext(ctx, "tasks: cancelled", r.about(rec)...)
	return rec, nil
}

// cancelled makes a record one of a cancelled task.
func cancelled(rec *Record) {
	rec.Status, rec.Message, rec.Updated = mcp.TaskStatusCancelled, "cancelled by request", time.Now()
	rec.Result, rec.Error = wire.Raw{}, &rpc.Error{Code: rpc.CodeCancelled, Message: "the task was cancelled"}
}

// ask finds a task of the requestor of ctx, for a request that counts against the limits.
func (r *Receiver) ask(ctx context.Context, id string, poll bool) (*Record, *live, error) {
	if err := r.limitLookups(ctx, r.owner(ctx)); err != nil {
		return nil, nil, err
	}
	rec, t, err := r.find(ctx, id)
	if err != nil {
		if e, ok := errors.AsType[*rpc.Error](err); ok && e.Code == mcp.CodeInvalidParams {
			r.add(func(s *Stats) { s.Misses++ })
			r.log.DebugContext(ctx, "tasks: asked after one that is not there, or is somebody else's", "owner", r.owner(ctx))
		}
		return nil, nil, err
	}
	if poll && r.polls != nil {
		if wait := r.polls.Take(id); wait > 0 {
			r.add(func(s *Stats) { s.Throttled++ })
			return nil, nil, refuse(wait, "the task is asked after too often: wait for its pollInterval")
		}
	}
	if t != nil {
		t.watch(rpc.SessionFrom(ctx))
	}
	return rec, t, nil
}

func (r *Receiver) limitLookups(ctx context.Context, owner string) error {
	who := requestor(owner, rpc.SessionFrom(ctx))
	if who == nil || r.lookups == nil {
		return nil
	}
	if wait := r.lookups.Take(who); wait > 0 {
		r.add(func(s *Stats) { s.Throttled++ })
		return refuse(wait, "too many requests about tasks: retry later")
	}
	return nil
}

// find gives a task of the requestor of ctx, and what runs it, if it runs here.
func (r *Receiver) find(ctx context.Context, id string) (*Record, *live, error) {
	var rec *Record
	t := r.lookup(id)
	if t != nil {
		// Another process may have cancelled it, and said so already.
		if err := t.check(ctx); err != nil {
			return nil, nil, r.broken(ctx, "get", err)
		}
		if rec = t.record(); !t.ours() {
			t = nil
		}
	}
	if t == nil {
		var err error
		switch rec, err = r.store.Get(ctx, id); {
		case errors.Is(err, ErrNotFound):
			return nil, nil, unknown()
		case err != nil:
			return nil, nil, r.broken(ctx, "get", err)
		}
	}
	if rec.Owner != r.owner(ctx) || rec.Expired(time.Now()) {
		return nil, nil, unknown()
	}
	return rec, t, nil
}

// lookup gives what runs a task, nil if that is not here.
func (r *Receiver) lookup(id string) *live {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}
