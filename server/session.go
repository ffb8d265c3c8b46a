package server

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// sessionState is what the server keeps for a session. It goes when the session does.
type sessionState struct {
	server    *Server
	session   *rpc.Session
	stateless bool
	number    int64 // no other session's

	// Of the session that a task runs in: the task's id, and the state of the session that made it, nil if that was in
	// another process. What belongs to the client is kept there.
	task   string
	origin *sessionState

	// declared is what initialize answered with; in stateless mode what it would answer with.
	declared atomic.Pointer[mcp.ServerCapabilities]
	// logLevel is the severity below which nothing is sent, plus one; 0 is the server's default.
	logLevel atomic.Int32
	// handshake closes the session unless something follows initialize; nil when there is nothing to wait for.
	handshake atomic.Pointer[time.Timer]

	mu      sync.Mutex
	visits  map[string]string // URL elicitations that are not complete, and the task of each, or ""; nil is empty
	pending listChange        // list_changed notifications not yet sent
	sending bool              // a goroutine sends them
	ends    []func()          // see onEnd
	ended   bool
	asking  map[string]int               // questions that wait, by method; nil is empty
	logs    *ratelimit.Buckets[struct{}] // made by the first message, where there is a limit
	quiet   bool                         // that messages are dropped was logged

	remotes   tasks.Remotes // tasks of the client, which are asked for
	taskOwner string        // see ownTasks; "" before it is asked for
}

// onEnd calls f when the session ends, at once if it has. f must not block.
func (st *sessionState) onEnd(f func()) {
	st.mu.Lock()
	if !st.ended {
		st.ends = append(st.ends, f)
		f = nil
	}
	st.mu.Unlock()
	if f != nil {
		f()
	}
}

func (st *sessionState) end() {
	if t := st.handshake.Swap(nil); t != nil {
		t.Stop()
	}
	st.mu.Lock()
	ends := st.ends
	st.ended, st.ends, st.visits = true, nil, nil
	st.mu.Unlock()
	for _, f := range ends {
		f()
	}
}

// root is the state of the client's own session.
func (st *sessionState) root() *sessionState {
	if st.origin != nil {
		return st.origin
	}
	return st
}

// client gives what the client said of itself, nil if it never initialized (as in stateless mode).
func (st *sessionState) client() *mcp.InitializeParams {
	p, _ := st.session.Peer().(*mcp.InitializeParams)
	return p
}

// sessions are the live sessions of a server.
type sessions struct {
	live  sync.Map // *sessionState → nothing
	count atomic.Int64
	dirty atomic.Uint32
	timer *time.Timer // sends list changes; made by newSessions
	delay time.Duration
}

// open takes in a session that was just made, and counted.
func (ss *sessions) open(st *sessionState) {
	ss.live.Store(st, nil)
	st.session.AfterClose(func() {
		ss.count.Add(-1)
		ss.live.Delete(st)
		st.end()
	})
}

// stateOf gives the state of a session, nil if it is none of a Server.
func stateOf(session *rpc.Session) *sessionState {
	if session == nil {
		return nil
	}
	st, _ := session.State().(*sessionState)
	return st
}

// stateFrom gives the state of the session that ctx belongs to, nil if there is none.
func stateFrom(ctx context.Context) *sessionState { return stateOf(rpc.SessionFrom(ctx)) }

// all are the states of the live sessions, in no order.
func (ss *sessions) all() iter.Seq[*sessionState] {
	return func(yield func(*sessionState) bool) {
		ss.live.Range(func(st, _ any) bool { return yield(st.(*sessionState)) })
	}
}

// Sessions gives the live sessions, in no order: those of clients that have initialized.
func (s *Server) Sessions() iter.Seq[*rpc.Session] {
	return func(yield func(*rpc.Session) bool) {
		for st := range s.sessions.all() {
			if st.session.Version() != "" && st.session.Context().Err() == nil && !st.stateless && !yield(st.session) {
				return
			}
		}
	}
}
