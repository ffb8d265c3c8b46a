package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// taskFeature is the server's share of tasks (specification 2025-11-25, basic/utilities/tasks): what is known of tools and
// sessions. The rest is in runtime/tasks.
type taskFeature struct {
	receiver *tasks.Receiver
	dispatch *rpc.Dispatch // of the sessions that tasks run in
	started  atomic.Bool
	some     atomic.Bool // there is, or was, a tool that takes tasks
}

var (
	_ mcp.TasksHandler      = handler{}
	_ mcp.TaskListHandler   = handler{}
	_ mcp.TaskCancelHandler = handler{}
)

func (f *taskFeature) init(s *Server, table *rpc.Table) {
	f.receiver = tasks.New(tasks.Config{
		Table:    table,
		Store:    s.cfg.tasks.store,
		Limits:   s.cfg.tasks.limits,
		PageSize: s.cfg.pageSize,
		Logger:   s.log,
		Declared: func(session *rpc.Session, capability string) bool {
			st := stateOf(session)
			return st != nil && st.declared.Load().Declares(capability)
		},
		Owner:   s.taskOwner,
		Support: s.taskSupport,
		Session: s.taskSession,
		Resume:  s.mayResume,
	})
	f.dispatch = rpc.NewDispatch(table, handler{s}, f.receiver.Enter, s.enter)
}

// note notes that a tool may take tasks.
func (f *taskFeature) note(t *tool) {
	if t.mode() != mcp.TaskSupportForbidden {
		f.some.Store(true)
	}
}

// mode says whether calls of the tool may be tasks.
func (t *tool) mode() mcp.TaskSupport {
	if e := t.def.Execution; e != nil && (e.TaskSupport == mcp.TaskSupportOptional || e.TaskSupport == mcp.TaskSupportRequired) {
		return e.TaskSupport
	}
	return mcp.TaskSupportForbidden
}

// declare declares tasks to a session: lists of them where it is known whose they are.
func (f *taskFeature) declare(c *mcp.ServerCapabilities, st *sessionState) {
	if c.Tasks == nil && !f.some.Load() {
		return
	}
	c.Tasks = nil
	perSession := st.server.cfg.tasks.perSession
	if perSession && st.stateless {
		return // they would be gone with the request that made them
	}
	_, known := st.session.Principal()
	var declared mcp.ServerCapabilitiesTasks
	if raw := tasks.Capability(known || perSession, mcp.MethodCallTool); raw.Decode(&declared) == nil {
		c.Tasks = &declared
	}
}

// start takes over what the store has from processes that died, the first time somebody needs the server.
func (f *taskFeature) start(s *Server) {
	if s.cfg.tasks.store != nil && !f.started.Load() && !f.started.Swap(true) {
		f.receiver.Start()
	}
}

// StartTasks takes over the tasks that the store has from processes that died, see [StoreTasks]: all tools must have been
// registered. It happens by itself when the first session opens; call it where none may come for long. Without a store
// that was given it does nothing.
func (s *Server) StartTasks() { s.tasks.start(s) }

// Shutdown takes no more tasks, and waits for those that run until ctx ends; then their handlers' ctx ends (its cause
// matches tasks.ErrShutdown). With a store that was given, those of [Resumable] tools are left to the process that comes
// next; all others have failed. The error says how many handlers still run a second later. It ends no session: that is the
// transports'. Call it before the program ends, and before the store is closed; a program without tasks need not.
func (s *Server) Shutdown(ctx context.Context) error { return s.tasks.receiver.Shutdown(ctx) }

// TaskStats gives counters of the server's tasks.
func (s *Server) TaskStats() TaskStats { return s.tasks.receiver.Stats() }

// taskOwner tells whose tasks those of a request are.
func (s *Server) taskOwner(ctx context.Context) string {
	if s.cfg.tasks.perSession {
		if st := stateFrom(ctx); st != nil {
			return st.ownTasks()
		}
	}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		return "principal:" + p.ID
	}
	return ""
}

// sessionOwner is how the owner of tasks begins that is a session.
const sessionOwner = "session:"

// ownTasks names the session as the owner of tasks, which go when it does.
func (st *sessionState) ownTasks() string {
	st.mu.Lock()
	owner, first := st.taskOwner, st.taskOwner == ""
	if first {
		owner = sessionOwner + rand.Text()
		st.taskOwner = owner
	}
	st.mu.Unlock()
	if first {
		st.onEnd(func() {
			go func() {
				if err := st.server.tasks.receiver.Drop(context.Background(), owner); err != nil {
					st.server.log.Error("server: the tasks of a session could not be removed", "error", err)
				}
			}()
		})
	}
	return owner
}

// taskSupport says whether a call may or must be a task.
func (s *Server) taskSupport(ctx context.Context, m *rpc.Message) (tasks.Support, error) {
	params, err := m.Params()
	if err != nil {
		return tasks.Support{}, err
	}
	call, ok := params.(*mcp.CallToolParams)
	if !ok {
		return tasks.Support{Mode: mcp.TaskSupportOptional}, nil
	}
	if t, ok := s.tools.list.peek(call.Name); call.Task == nil && (!ok || t.mode() != mcp.TaskSupportRequired) {
		return tasks.Support{Mode: mcp.TaskSupportOptional}, nil // CallTool asks whether it may be called
	}
	t, ok, err := s.tools.list.use(ctx, call.Name)
	if !ok {
		return tasks.Support{}, unknownName(ctx, s.tools.list, call.Name)
	}
	if err != nil {
		return tasks.Support{}, err
	}
	support := tasks.Support{Mode: t.mode(), Immediate: t.immediate}
	if call.Task != nil && t.resumable {
		if client := stateOf(m.Session()).client(); client != nil {
			support.Extra = raw(client)
		}
	}
	return support, nil
}

// mayResume tells whether a task that was interrupted may run again.
func (s *Server) mayResume(r *tasks.Record) error {
	const interrupted = "the task was interrupted when its server ended"
	switch {
	case strings.HasPrefix(r.Owner, sessionOwner):
		return tasks.ErrDrop // the session ended with its process
	case r.Method != mcp.MethodCallTool:
		return errors.New(interrupted)
	}
	var call mcp.CallToolParams
	if err := r.Params.Decode(&call); err != nil {
		return fmt.Errorf("%s, and its call cannot be read: %w", interrupted, err)
	}
	switch t, ok := s.tools.list.peek(call.Name); {
	case !ok:
		return fmt.Errorf("%s, and the tool %s does not exist any more", interrupted, quoted(call.Name))
	case !t.resumable:
		return fmt.Errorf("%s, and the tool %s is not one that may be run again", interrupted, quoted(call.Name))
	}
	return nil
}

// peek finds an entry, whoever may see it.
func (r *registry[T]) peek(name string) (v T, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e := r.byName[name]
	if e == nil {
		return v, false
	}
	return e.value, true
}

// taskSession makes the session that a task's request runs in.
func (s *Server) taskSession(ctx context.Context, run tasks.Run) (*rpc.Session, error) {
	st := &sessionState{server: s, task: run.Record.ID, origin: stateOf(run.Origin)}
	limits := s.cfg.limits
	limits.HandlerTime = 0 // tasks have their own time
	cfg := rpc.Config{
		State:     st,
		Dispatch:  s.tasks.dispatch,
		Outgoing:  []rpc.Interceptor{s.checkOutgoing, run.Outgoing},
		Principal: run.Record.Principal,
		Limits:    limits,
		Strict:    s.cfg.strict,
		Logger:    s.cfg.logger,
	}
	if p, ok := rpc.PrincipalFrom(ctx); ok {
		cfg.Principal = &p
	}
	var link rpc.Link
	if st.origin != nil {
		st.stateless = st.origin.stateless
		link = run.Origin.Link()
		link.Stream = nil
	}
	st.session = rpc.NewSession(cfg)
	st.session.Attach(link)
	if st.origin != nil {
		st.session.SetPeer(run.Record.Protocol, run.Origin.Peer())
		st.declared.Store(st.origin.declared.Load())
		return st.session, nil
	}
	client := &mcp.InitializeParams{}
	if run.Record.Extra.IsZero() || run.Record.Extra.Decode(client) != nil {
		client = nil
	}
	st.session.SetPeer(run.Record.Protocol, client)
	st.declared.Store(s.capabilities(st))
	return st.session, nil
}

// enter is what gate is to other sessions, for those that tasks run in, whose requests were admitted before.
func (s *Server) enter(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		return s.handle(ctx, stateOf(m.Session()), m, next)
	}
}

// GetTask tells the state of a task.
func (h handler) GetTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskResult, error) {
	return h.tasks.receiver.GetTask(ctx, params)
}

// GetTaskPayload waits for a task to end and gives its outcome.
func (h handler) GetTaskPayload(ctx context.Context, params *mcp.TaskIDParams) (*mcp.GetTaskPayloadResult, error) {
	return h.tasks.receiver.GetTaskPayload(ctx, params)
}

// ListTasks gives a page of the client's tasks.
func (h handler) ListTasks(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListTasksResult, error) {
	return h.tasks.receiver.ListTasks(ctx, params)
}

// CancelTask cancels a task.
func (h handler) CancelTask(ctx context.Context, params *mcp.TaskIDParams) (*mcp.CancelTaskResult, error) {
	return h.tasks.receiver.CancelTask(ctx, params)
}

// whileAsked lets the time of a question run only while somebody has it to answer, if it is one of a task.
func (q *question) whileAsked(ctx context.Context, timer *time.Timer, d time.Duration) context.Context {
	if q.state.task == "" {
		return ctx
	}
	timer.Stop()
	return tasks.WithAsking(ctx, func(asking bool) {
		if asking {
			timer.Reset(d)
		} else {
			timer.Stop()
		}
	})
}
