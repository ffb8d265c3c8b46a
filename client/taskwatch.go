package client

import (
	"context"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// maxReports is how many progress reports of a task wait for somebody to wait for it; the newest takes the place of the
// one before.
const maxReports = 256

// tracked are the tasks that notifications are for.
type tracked struct {
	remotes tasks.Remotes

	mu     sync.Mutex
	tokens map[mcp.ProgressToken]*reports
	byTask map[*tasks.Remote]mcp.ProgressToken
}

// expect takes in progress reports for a token, of a task that is about to be started.
func (tr *tracked) expect(token mcp.ProgressToken, r *reports) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.tokens == nil {
		tr.tokens, tr.byTask = map[mcp.ProgressToken]*reports{}, map[*tasks.Remote]mcp.ProgressToken{}
	}
	tr.tokens[token.Canonical()] = r
}

// forget undoes expect.
func (tr *tracked) forget(token mcp.ProgressToken) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	delete(tr.tokens, token.Canonical())
}

// add has a task hear of notifications.
func (tr *tracked) add(remote *tasks.Remote, token mcp.ProgressToken) {
	if !token.IsZero() {
		tr.mu.Lock()
		tr.byTask[remote] = token
		tr.mu.Unlock()
	}
	if left := tr.remotes.Add(remote); left != nil {
		tr.silence(left)
	}
}

// remove undoes add.
func (tr *tracked) remove(remote *tasks.Remote) {
	tr.remotes.Remove(remote)
	tr.silence(remote)
}

// silence takes no more progress reports for a task.
func (tr *tracked) silence(remote *tasks.Remote) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	delete(tr.tokens, tr.byTask[remote].Canonical())
	delete(tr.byTask, remote)
}

// progress takes a report for a token that is none of a session's own. It runs on the reader of the connection.
func (tr *tracked) progress(token rpc.ID, p rpc.Progress) (known bool) {
	tr.mu.Lock()
	r := tr.tokens[token.Canonical()]
	tr.mu.Unlock()
	if r == nil {
		return false
	}
	r.put(p)
	return true
}

// TaskStatus hears of a task of the server's (notifications/tasks/status).
func (h handlers) TaskStatus(ctx context.Context, params *mcp.TaskStatusParams) error {
	h.c.tracked.remotes.Note(params)
	for _, f := range h.taskStatus {
		f(h.ctx(ctx), params)
	}
	return nil
}

// OnTaskStatus has f called with each notification of the status of a task of the server's (notifications/tasks/status),
// whoever started it. Servers need not send any; [Task.Wait] and [Task.Status] take account of them by themselves.
func OnTaskStatus(f func(ctx context.Context, params *mcp.TaskStatusParams)) Option {
	return func(cfg *config) { cfg.handlers.taskStatus = append(cfg.handlers.taskStatus, f) }
}

// reports are progress reports of a task that were not delivered yet. Nil takes none.
type reports struct {
	f    func(rpc.Progress)
	more chan struct{} // holds one signal: there are some

	mu      sync.Mutex
	waiting []rpc.Progress

	turn sync.Mutex // held while reports are being delivered; f may call what delivers
}

func newReports(f func(rpc.Progress)) *reports {
	return &reports{f: f, more: make(chan struct{}, 1)}
}

func (r *reports) put(p rpc.Progress) {
	r.mu.Lock()
	if n := len(r.waiting); n >= maxReports {
		r.waiting[n-1] = p
	} else {
		r.waiting = append(r.waiting, p)
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// deliver delivers what waits on this goroutine, unless another does so already.
func (r *reports) deliver() {
	if !r.turn.TryLock() {
		return
	}
	defer r.turn.Unlock()
	for {
		r.mu.Lock()
		waiting := r.waiting
		r.waiting = nil
		r.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		for _, p := range waiting {
			r.f(p)
		}
	}
}

// during runs wait and delivers meanwhile, and what is left once it has returned.
func (r *reports) during(wait func() error) error {
	if r == nil {
		return wait()
	}
	done := make(chan error, 1)
	go func() { done <- wait() }()
	for {
		select {
		case <-r.more:
			r.deliver()
		case err := <-done:
			r.deliver()
			return err
		}
	}
}
