package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// AskTimeouts says how long a question to the client may wait for its answer. Each progress notification of the client
// starts the time anew, up to the maximum. Zero fields mean the defaults; negative ones no limit.
type AskTimeouts struct {
	// Sampling is for [Sample]; default 60 s, at most SamplingMax, default 10 min, with progress.
	Sampling, SamplingMax time.Duration
	// Elicitation is for [Elicit] and [ElicitURL]; default 10 min, at most ElicitationMax, default 1 h, with progress.
	Elicitation, ElicitationMax time.Duration
	// Roots is for [Roots]; default 30 s, at most RootsMax, default 5 min, with progress.
	Roots, RootsMax time.Duration
}

func (t AskTimeouts) withDefaults() AskTimeouts {
	orElse := func(d *time.Duration, standard time.Duration) {
		if *d == 0 {
			*d = standard
		}
	}
	orElse(&t.Sampling, time.Minute)
	orElse(&t.SamplingMax, 10*time.Minute)
	orElse(&t.Elicitation, 10*time.Minute)
	orElse(&t.ElicitationMax, time.Hour)
	orElse(&t.Roots, 30*time.Second)
	orElse(&t.RootsMax, 5*time.Minute)
	return t
}

// Timeouts sets how long questions to clients may wait for their answers.
func Timeouts(t AskTimeouts) Option { return func(c *config) { c.timeouts = t } }

// AskError is the error of a question that was sent to the client and has no usable answer: it took too long
// (context.DeadlineExceeded is in its chain), the client answered with an error (an *rpc.Error is), or with what does not
// fit the question. A handler that returns it makes a result for the model to read, not an error of the protocol.
type AskError struct {
	// Method is what was asked, such as "sampling/createMessage", and Key the key of the question.
	Method, Key string
	// Err says what went wrong.
	Err error
}

// Error names the question and what went wrong.
func (e *AskError) Error() string { return fmt.Sprintf("%s %q: %v", e.Method, e.Key, e.Err) }

// Unwrap gives what went wrong.
func (e *AskError) Unwrap() error { return e.Err }

// claim takes a key for a question or side effect of the call that ctx belongs to. It is an error if the call has used it
// before: the keys of a call tell its questions apart, in later revisions of the protocol across several runs of the
// handler. Outside of calls, under a session's context, keys are not compared.
func claim(ctx context.Context, key string) error {
	if key == "" {
		return errors.New("the key is empty: expected one that is unique within the call")
	}
	c := CallFrom(ctx)
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, used := c.keys[key]; used {
		return fmt.Errorf("the key %q was used before in this call: each question and side effect needs one of its own", key)
	}
	if c.keys == nil {
		c.keys = map[string]struct{}{}
	}
	c.keys[key] = struct{}{}
	return nil
}

// question is a question to the client that is about to be asked.
type question struct {
	method     string
	key        string
	wait, most time.Duration
	needs      []string // capabilities
	state      *sessionState
	heard      func() // called for each sign that the client is at it
}

// prepare takes the key and checks that the client can be asked.
func (q *question) prepare(ctx context.Context) error {
	if err := claim(ctx, q.key); err != nil {
		return fmt.Errorf("%s: %w", q.method, err)
	}
	if q.state = stateFrom(ctx); q.state == nil {
		return fmt.Errorf("%s %q: the context belongs to no session of a server", q.method, q.key)
	}
	for _, capability := range q.needs {
		if err := q.state.requires(q.method, capability); err != nil {
			return err
		}
	}
	return nil
}

// ask runs send, which sends the question and waits, for as long as there is patience.
func (q *question) ask(ctx context.Context, send func(ctx context.Context, session *rpc.Session) error) error {
	if err := q.state.startAsking(q.method); err != nil {
		return q.failed(err)
	}
	defer q.state.stopAsking(q.method)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q.heard = func() {}
	if q.wait > 0 {
		timer := time.AfterFunc(q.wait, func() {
			cancel(&lateError{fmt.Sprintf("the client did not answer within %s", q.wait)})
		})
		defer timer.Stop()
		q.heard = func() { timer.Reset(q.wait) }
		ctx = rpc.WithProgress(ctx, func(rpc.Progress) { q.heard() })
		ctx = q.whileAsked(ctx, timer, q.wait)
	}
	if q.most > 0 {
		end := time.AfterFunc(q.most, func() {
			cancel(&lateError{fmt.Sprintf("the client did not answer within %s, progress or not", q.most)})
		})
		defer end.Stop()
		ctx = q.whileAsked(ctx, end, q.most)
	}
	err := send(ctx, q.state.session)
	if err == nil {
		return nil
	}
	if late, ok := errors.AsType[*lateError](err); ok {
		err = late // without what was made of it on its way
	}
	return q.failed(err)
}

// lateError is context.DeadlineExceeded in better words.
type lateError struct{ text string }

func (e *lateError) Error() string { return e.text }
func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

func (q *question) failed(err error) error { return &AskError{q.method, q.key, err} }

// startAsking counts a question that is about to wait for its answer, until stopAsking, unless too many do.
func (st *sessionState) startAsking(method string) error {
	most := 1<<31 - 1
	switch method {
	case mcp.MethodCreateMessage:
		most = st.server.cfg.bounds.Sampling
	case mcp.MethodElicit:
		most = st.server.cfg.bounds.Elicitations
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if n := st.asking[method]; n >= most {
		st.server.counters.asks.Add(1)
		return rpc.Errorf(rpc.CodeBusy, "%s was not sent: %d of them wait for the client's answer already", method, n)
	}
	if st.asking == nil {
		st.asking = map[string]int{}
	}
	st.asking[method]++
	return nil
}

func (st *sessionState) stopAsking(method string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.asking[method]--
}
