package tasks

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// question is a request of a task to its requestor.
type question struct {
	ctx    context.Context // ends when the asker gave up, the task ended, or there is an answer
	cancel context.CancelFunc
	method string
	params wire.Raw
	answer chan answer // holds one

	asking func(bool) // nil if nobody wants to know
	mu     sync.Mutex
	sent   int // how many requestors have it now
}

type askingKey struct{}

// WithAsking returns ctx under which f hears, of each request that a task makes to its requestor, when somebody has it to
// answer (true), and when nobody has any more, the answer not having come (false): it waits until somebody asks for the
// task's result. f must not block.
func WithAsking(ctx context.Context, f func(asking bool)) context.Context {
	if outer, ok := ctx.Value(askingKey{}).(func(bool)); ok {
		inner := f
		f = func(asking bool) { outer(asking); inner(asking) }
	}
	return context.WithValue(ctx, askingKey{}, f)
}

// count notes that one requestor more, or less, has the question.
func (q *question) count(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.sent
	if q.sent += n; q.asking != nil && (before == 0 || q.sent == 0) {
		q.asking(q.sent > 0)
	}
}

type answer struct {
	result wire.Raw
	err    error
}

// waiter is a tasks/result request that waits.
type waiter struct {
	t       *live
	ctx     context.Context // the request's
	session *rpc.Session
	wake    chan struct{} // holds one signal: there are questions
	asked   map[*question]struct{}
}

// outgoing is the innermost outgoing interceptor of a task's session.
func (t *live) outgoing(rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		params, err := m.Params()
		if err == nil {
			if v, ok := params.(interface{ Validate() error }); ok {
				err = v.Validate()
			}
		}
		if err != nil {
			return nil, rpc.Errorf(mcp.CodeInvalidParams, "%s was not sent, its params are not valid: %w", m.Method, err)
		}
		if m.Kind == rpc.KindNotification {
			return nil, t.tell(m)
		}
		if named(m.Method) {
			return t.askOfTask(ctx, m)
		}
		return t.ask(ctx, m)
	}
}

// askOfTask sends a request about a task of the requestor's own: to the session that answered last, and at once.
func (t *live) askOfTask(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
	t.lock()
	session := t.answerer
	t.unlock()
	if session == nil {
		session = t.origin
	}
	if session == nil {
		return nil, rpc.Errorf(rpc.CodeClosed, "%s was not sent: there is no session to send it by: %w", m.Method, rpc.ErrClosed)
	}
	var result wire.Raw
	if err := session.Call(ctx, m.Method, m.Raw(), &result); err != nil {
		return nil, err
	}
	return result, nil
}

// ask has a request sent by whoever waits for the task's outcome, and waits for the answer. Meanwhile the task's status
// is input_required.
func (t *live) ask(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
	params := m.Raw()
	if !named(m.Method) {
		params = rawOf(SetRelated(params, t.id))
	}
	q := &question{method: m.Method, params: params, answer: make(chan answer, 1)}
	q.ctx, q.cancel = context.WithCancel(ctx)
	defer q.cancel()
	q.asking, _ = ctx.Value(askingKey{}).(func(bool))
	t.lock()
	switch {
	case t.final:
		t.unlock()
		return nil, rpc.Errorf(rpc.CodeClosed, "%s was not sent: the task has ended: %w", m.Method, rpc.ErrClosed)
	case len(t.questions) >= t.r.limits.Questions:
		t.unlock()
		return nil, rpc.Errorf(rpc.CodeBusy, "%s was not sent: %d requests of the task wait for an answer already", m.Method, t.r.limits.Questions)
	}
	t.questions = append(t.questions, q)
	t.move(mcp.TaskStatusInputRequired)
	for _, w := range t.waiters {
		w.signal()
	}
	t.unlock()

	var a answer
	select {
	case a = <-q.answer:
	case <-q.ctx.Done():
		select {
		case a = <-q.answer:
		default:
			a.err = errGone(ctx, m.Method)
		}
	}
	t.lock()
	t.questions = slices.DeleteFunc(t.questions, func(other *question) bool { return other == q })
	if len(t.questions) == 0 {
		t.move(mcp.TaskStatusWorking)
	}
	t.unlock()
	if a.err != nil {
		return nil, a.err
	}
	return a.result, nil
}

// errGone is the error of a question whose asker does not wait any more.
func errGone(ctx context.Context, method string) error {
	cause := context.Cause(ctx)
	if cause == nil {
		return rpc.Errorf(rpc.CodeClosed, "%s: the task has ended: %w", method, rpc.ErrClosed)
	}
	return rpc.Errorf(rpc.CodeCancelled, "%s: %w", method, cause)
}

func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait waits until the task has ended, and asks the requestor what the task asks meanwhile. The error is that of ctx.
func (t *live) wait(ctx context.Context, session *rpc.Session) error {
	w := &waiter{t: t, ctx: ctx, session: session, wake: make(chan struct{}, 1), asked: map[*question]struct{}{}}
	w.signal()
	t.join(w)
	asking := make(chan struct{}, 1) // signalled by each call that is over
	calls := 0
	defer func() {
		t.lock()
		t.waiters = slices.DeleteFunc(t.waiters, func(other *waiter) bool { return other == w })
		t.unlock()
		for ; calls > 0; calls-- { // all have ended with the task or with ctx: their cancellations go before the answer
			<-asking
		}
	}()
	for {
		for _, q := range t.unasked(w) {
			calls++
			go func() {
				defer func() { asking <- struct{}{} }()
				w.ask(q)
			}()
		}
		select {
		case <-w.wake:
		case <-asking:
			calls--
		case <-t.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// unasked gives the questions that were not asked by way of w, and notes that they are now.
func (t *live) unasked(w *waiter) []*question {
	t.lock()
	defer t.unlock()
	var fresh []*question
	for _, q := range t.questions {
		if _, ok := w.asked[q]; !ok {
			w.asked[q] = struct{}{}
			fresh = append(fresh, q)
		}
	}
	return fresh
}

// ask sends a question to the requestor on the stream of its tasks/result request, and hands its answer to the asker. If
// none comes, because the requestor went away or may not be asked such things, somebody else may still answer.
func (w *waiter) ask(q *question) {
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	defer context.AfterFunc(q.ctx, cancel)()
	var result wire.Raw
	q.count(1)
	err := w.session.Call(&askContext{ctx, q.ctx}, q.method, q.params, &result)
	if err != nil {
		_, fromPeer := errors.AsType[*rpc.Error](err)
		if !fromPeer || errors.Is(err, rpc.ErrClosed) || ctx.Err() != nil {
			q.count(-1)
			w.session.Logger().Debug("tasks: a question got no answer", "method", q.method, "error", err)
			return
		}
	}
	w.t.lock()
	w.t.answerer = w.session
	w.t.unlock()
	select {
	case q.answer <- answer{result, err}:
		q.cancel() // the others need not answer
	default:
	}
}

// askContext is the context of the request that a question is asked in, with what the asker's ctx says besides, such as
// who hears of progress.
type askContext struct {
	context.Context
	asker context.Context
}

func (c *askContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.asker.Value(key)
}
