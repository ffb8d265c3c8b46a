package server

import (
	"context"
	"errors"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// askTask is how questions are to be asked as tasks.
type askTask struct{ ttl time.Duration }

type askTaskKey struct{}

// AskAsTask returns ctx under which [Sample], [Elicit], [ElicitForm] and [ElicitURL] have the client answer by a task
// (specification 2025-11-25, basic/utilities/tasks), if it declares tasks for them, and ask as usual if it does not: the
// handler's body is the same. As a task the question outlives streams that break off, and every answer to a poll starts
// its time anew, so that it may take as long as the maximum of [AskTimeouts]. When ctx ends, or the time, the task is
// cancelled, if the client lets it. ttl says how long the client should keep it, in whole milliseconds; 0 leaves it to
// the client.
func AskAsTask(ctx context.Context, ttl time.Duration) context.Context {
	return context.WithValue(ctx, askTaskKey{}, &askTask{ttl: ttl})
}

// call sends the question and waits for the answer: as a task, if that is wanted and the client does such.
func (q *question) call(ctx context.Context, session *rpc.Session, params wire.Appender, result wire.Decodable) error {
	how, _ := ctx.Value(askTaskKey{}).(*askTask)
	if how == nil || q.state.requires(q.method, serverMethods[q.method].TaskCapability) != nil {
		return session.Call(ctx, q.method, params, result)
	}
	ctx = rpc.WithoutProgress(ctx)
	var created wire.Raw
	if err := session.Call(ctx, q.method, asTask(params, how.ttl), &created); err != nil {
		return err
	}
	var task mcp.CreateTaskResult
	if !isTask(created) {
		return session.DecodeResult(q.method, created, result) // it did not wait to be asked again
	}
	if err := session.DecodeResult(q.method+" as a task", created, &task); err != nil {
		return err
	}
	q.heard()
	remote := tasks.NewRemote(tasks.RemoteConfig{
		Caller: &patient{session, q}, Done: session.Done(), Task: task.Task, What: q.method + " " + q.key, Logger: session.Logger(),
	})
	asked := q.state.root()
	asked.follow(remote)
	defer asked.unfollow(remote)
	raw, err := remote.Result(ctx)
	if err != nil {
		if ctx.Err() != nil && !remote.Terminal() {
			q.abandon(session, remote)
		}
		return err
	}
	return session.DecodeResult(q.method, raw, result)
}

// asTask gives the params of a question with what makes it a task.
func asTask(params wire.Appender, ttl time.Duration) wire.Appender {
	meta := &mcp.TaskMetadata{}
	if ms := ttl.Milliseconds(); ms > 0 {
		meta.TTL = &ms
	}
	switch p := params.(type) {
	case *mcp.CreateMessageParams:
		c := *p
		c.Task = meta
		return &c
	case *mcp.ElicitFormParams:
		c := *p
		c.Task = meta
		return &c
	case *mcp.ElicitURLParams:
		c := *p
		c.Task = meta
		return &c
	}
	return params
}

// isTask tells whether a result is that of a request that became a task.
func isTask(result wire.Raw) bool {
	var members wire.Object
	if result.Kind() != wire.KindObject || result.Decode(&members) != nil {
		return false
	}
	_, ok := members.Get("task")
	return ok
}

// patient is the session of a question that is a task: every answer shows that the client is there.
type patient struct {
	*rpc.Session
	q *question
}

// Call sends a request about the task. One that waits for the outcome is given up in time to look whether the client is
// still there.
func (p *patient) Call(ctx context.Context, method string, params wire.Appender, result wire.Decodable) error {
	if p.q.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.q.wait/2)
		defer cancel()
	}
	err := p.Session.Call(ctx, method, params, result)
	if e, ok := errors.AsType[*rpc.Error](err); err == nil || ok && e.Unwrap() == nil {
		p.q.heard()
	}
	return err
}

// abandonTime is how long the cancellation of a client's task may take.
const abandonTime = 30 * time.Second

// abandon cancels the task of a question that nobody waits for any more, without waiting.
func (q *question) abandon(session *rpc.Session, remote *tasks.Remote) {
	if q.state.requires(mcp.MethodCancelTask, "tasks.cancel") != nil {
		return // its ttl ends it
	}
	if root := q.state.root(); root.session.Context().Err() == nil {
		session = root.session // that of a task ends with its handler
	}
	go func() {
		ctx, cancel := context.WithTimeout(session.Context(), abandonTime)
		defer cancel()
		err := session.Call(ctx, mcp.MethodCancelTask, &mcp.TaskIDParams{TaskID: remote.ID()}, nil)
		session.Logger().Debug("server: the client's task was cancelled", "task", remote.ID(), "request", q.method, "error", err)
	}()
}

// follow has a task of the client's hear of notifications, those included that came before its id was known.
func (st *sessionState) follow(r *tasks.Remote) { st.remotes.Add(r) }

func (st *sessionState) unfollow(r *tasks.Remote) { st.remotes.Remove(r) }

var _ mcp.TaskStatusHandler = handler{}

// TaskStatus hears of a task of the client's.
func (h handler) TaskStatus(ctx context.Context, params *mcp.TaskStatusParams) error {
	if st := stateFrom(ctx); st != nil {
		st.root().remotes.Note(params)
	}
	return nil
}
