package tasks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// job is one run of a request in a test: it does what it is told.
type job struct {
	name string
	ctx  context.Context
	do   chan func(ctx context.Context) (*mcp.CallToolResult, error) // a nil result and error: go on
}

// side is a process with a Receiver and the sessions of its peers.
type side struct {
	*Receiver
	dispatch *rpc.Dispatch // of peers' sessions
	inTask   *rpc.Dispatch

	mu   sync.Mutex
	jobs []*job
}

func (s *side) CallTool(ctx context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	j := &job{name: params.Name, ctx: ctx, do: make(chan func(context.Context) (*mcp.CallToolResult, error))}
	s.mu.Lock()
	s.jobs = append(s.jobs, j)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.jobs = slices.DeleteFunc(s.jobs, func(other *job) bool { return other == j })
		s.mu.Unlock()
	}()
	for {
		select {
		case f := <-j.do:
			if result, err := f(ctx); result != nil || err != nil {
				return result, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *side) ListTools(context.Context, *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	return &mcp.ListToolsResult{}, nil
}

// running gives the jobs of a name that run now.
func (s *side) running(name string) []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	var named []*job
	for _, j := range s.jobs {
		if j.name == name {
			named = append(named, j)
		}
	}
	return named
}

// newSide makes a side; cfg may say more.
func newSide(cfg Config) *side {
	s := &side{}
	cfg.Table = mcp.Latest.Server
	cfg.Declared = func(*rpc.Session, string) bool { return true }
	cfg.Session = func(ctx context.Context, run Run) (*rpc.Session, error) {
		session := rpc.NewSession(rpc.Config{Dispatch: s.inTask, Outgoing: []rpc.Interceptor{run.Outgoing}, Principal: run.Record.Principal, Logger: cfg.Logger})
		session.SetPeer(run.Record.Protocol, nil)
		return session, nil
	}
	s.Receiver = New(cfg)
	s.dispatch = rpc.NewDispatch(mcp.Latest.Server, s, s.Intercept)
	s.inTask = rpc.NewDispatch(mcp.Latest.Server, s, s.Enter)
	return s
}

// dial connects a peer, who answers with its handler.
func (s *side) dial(t require.TestingT, principal string, answer rpc.Handler) *rpc.Session {
	var incoming []rpc.Interceptor
	if answer != nil {
		incoming = append(incoming, func(rpc.Handler) rpc.Handler { return answer })
	}
	session := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Client, nil, incoming...)})
	ctx := context.Background()
	if principal != "" {
		ctx = rpc.WithPrincipal(ctx, rpc.Principal{ID: principal})
	}
	_, err := pipe.To(rpc.NewAcceptor(rpc.Config{Dispatch: s.dispatch}, "2025-11-25"), pipe.Limits{}).Connect(ctx, session)
	require.NoError(t, err)
	return session
}

// stop ends a side at once.
func (s *side) stop(t require.TestingT) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, s.Shutdown(ctx))
}

func callParams(name string) *mcp.CallToolParams {
	return &mcp.CallToolParams{Name: name, Task: &mcp.TaskMetadata{}}
}

func said(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: text}}}
}

var errDown = errors.New("the store is down")

// flaky is a Store of one process, which may lose it for a time.
type flaky struct {
	Store
	mu   sync.Mutex
	down bool
}

func (f *flaky) set(down bool) {
	f.mu.Lock()
	f.down = down
	f.mu.Unlock()
}

func (f *flaky) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errDown
	}
	return nil
}

func (f *flaky) Create(ctx context.Context, r *Record, room Room) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Create(ctx, r, room)
}

func (f *flaky) Get(ctx context.Context, id string) (*Record, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, id)
}

func (f *flaky) Update(ctx context.Context, r *Record) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Update(ctx, r)
}

func (f *flaky) Delete(ctx context.Context, id string) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Delete(ctx, id)
}

func result(ctx context.Context, s *rpc.Session, id string) (wire.Raw, error) {
	var raw wire.Raw
	err := s.Call(ctx, mcp.MethodGetTaskPayload, &mcp.TaskIDParams{TaskID: id}, &raw)
	return raw, err
}

func (f *flaky) Hold(ctx context.Context, holder string, until time.Time) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Hold(ctx, holder, until)
}

func (f *flaky) Orphans(ctx context.Context, now time.Time, limit int) ([]*Record, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Orphans(ctx, now, limit)
}

func (f *flaky) Sweep(ctx context.Context, now time.Time, limit int) (int, int, error) {
	if err := f.err(); err != nil {
		return 0, 0, err
	}
	return f.Store.Sweep(ctx, now, limit)
}
