package server

import (
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// listChange is a set of lists that changed.
type listChange uint32

const (
	toolsChanged listChange = 1 << iota
	resourcesChanged
	promptsChanged
)

// listChanges are the notifications for the changes, with the capability that promises them.
var listChanges = [...]struct {
	change     listChange
	method     string
	capability string
}{
	{toolsChanged, mcp.MethodToolListChanged, "tools.listChanged"},
	{resourcesChanged, mcp.MethodResourceListChanged, "resources.listChanged"},
	{promptsChanged, mcp.MethodPromptListChanged, "prompts.listChanged"},
}

// listChanged notes that a list changed. The notification goes out after a short while, one for all changes until then.
func (ss *sessions) listChanged(c listChange) {
	if ss.count.Load() == 0 {
		return // nobody has seen the list
	}
	if ss.dirty.Or(uint32(c)) == 0 {
		ss.timer.Reset(ss.delay)
	}
}

// ListChanged tells clients that lists changed, for changes that the server does not see: when filters show something
// else than before. Without kinds it is all of them. Changes by adding and removing are told without it.
func (s *Server) ListChanged(kinds ...ItemKind) {
	var c listChange
	for _, k := range kinds {
		switch k {
		case KindTool:
			c |= toolsChanged
		case KindResource, KindResourceTemplate:
			c |= resourcesChanged
		case KindPrompt:
			c |= promptsChanged
		}
	}
	if len(kinds) == 0 {
		c = toolsChanged | resourcesChanged | promptsChanged
	}
	if c != 0 {
		s.sessions.listChanged(c)
	}
}

// sendListChanges tells every session of the changes so far.
func (ss *sessions) sendListChanges() {
	changed := listChange(ss.dirty.Swap(0))
	for st := range ss.all() {
		if !st.stateless && st.session.Version() != "" {
			st.listChanged(changed)
		}
	}
}

// listChanged tells one session, from a goroutine of its own, so that a slow one keeps nobody waiting; what changes
// while it waits is told once.
func (st *sessionState) listChanged(changed listChange) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.pending |= changed
	if !st.sending && !st.ended {
		st.sending = true
		go st.sendListChanges()
	}
}

func (st *sessionState) sendListChanges() {
	for {
		st.mu.Lock()
		changed := st.pending
		st.pending = 0
		if changed == 0 || st.ended {
			st.sending = false
			st.mu.Unlock()
			return
		}
		st.mu.Unlock()
		for _, l := range listChanges {
			if changed&l.change == 0 || !st.declared.Load().Declares(l.capability) {
				continue
			}
			if err := st.session.Notify(st.session.Context(), l.method, nil); err != nil {
				st.session.Logger().Debug("server: a notification could not be sent", "method", l.method, "error", err)
			}
		}
	}
}

// newSessions makes the set of sessions of a server.
func newSessions(delay time.Duration) *sessions {
	ss := &sessions{delay: delay}
	ss.timer = time.AfterFunc(time.Hour, ss.sendListChanges)
	ss.timer.Stop()
	return ss
}
