package tasks

import (
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
)

const (
	// maxRemotes is how many tasks hear of notifications; those that are left out are polled only.
	maxRemotes = 4096
	// maxEarly is how many notifications are kept of tasks not known yet: they may overtake the answer with the id.
	maxEarly = 64
)

// Remotes are the tasks that status notifications of a peer are for: the newest 4,096, as the others are polled all the
// same. The zero value is empty. It is safe for concurrent use.
type Remotes struct {
	mu    sync.Mutex
	all   []*Remote // the oldest first
	early []*mcp.TaskStatusParams
}

// Add has a task hear of notifications, those included that came before its id was known. It gives the task that had to
// make room for it, nil if none.
func (rs *Remotes) Add(r *Remote) (left *Remote) {
	rs.mu.Lock()
	if len(rs.all) >= maxRemotes {
		left = rs.all[0]
		rs.all = append(rs.all[:0], rs.all[1:]...)
	}
	rs.all = append(rs.all, r)
	var mine []*mcp.TaskStatusParams
	rest := rs.early[:0]
	for _, p := range rs.early {
		if p.TaskID == r.ID() {
			mine = append(mine, p)
		} else {
			rest = append(rest, p)
		}
	}
	clear(rs.early[len(rest):])
	rs.early = rest
	rs.mu.Unlock()
	for _, p := range mine {
		r.Note(p)
	}
	return left
}

// Remove undoes Add.
func (rs *Remotes) Remove(r *Remote) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i, other := range rs.all {
		if other == r {
			rs.all = append(rs.all[:i], rs.all[i+1:]...)
			return
		}
	}
}

// Note passes a notification on to the tasks it is about.
func (rs *Remotes) Note(p *mcp.TaskStatusParams) {
	rs.mu.Lock()
	var about []*Remote
	for _, r := range rs.all {
		if r.ID() == p.TaskID {
			about = append(about, r)
		}
	}
	if about == nil {
		if len(rs.early) >= maxEarly {
			rs.early = append(rs.early[:0], rs.early[1:]...)
		}
		rs.early = append(rs.early, p)
	}
	rs.mu.Unlock()
	for _, r := range about {
		r.Note(p)
	}
}
