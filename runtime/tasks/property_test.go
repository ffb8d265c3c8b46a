package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// journal is a Store that notes every status that a record ever had.
type journal struct {
	Store
	mu  sync.Mutex
	was map[string][]mcp.TaskStatus
	end map[string]*Record
}

func (j *journal) Create(ctx context.Context, r *Record, room Room) error {
	err := j.Store.Create(ctx, r, room)
	if err == nil {
		j.mu.Lock()
		j.was[r.ID] = []mcp.TaskStatus{r.Status}
		j.mu.Unlock()
	}
	return err
}

func (j *journal) Update(ctx context.Context, r *Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.Store.Update(ctx, r)
	if err == nil {
		j.was[r.ID] = append(j.was[r.ID], r.Status)
		if r.Ended() && j.end[r.ID] == nil {
			j.end[r.ID] = r.Clone()
		}
	}
	return err
}

// world is what the property test plays with: two processes that share a store, and a peer of each.
type world struct {
	t     *rapid.T
	store *journal
	sides [2]*side
	flaky [2]*flaky
	peers [2]*rpc.Session
	reply chan wire.Raw // what the peers answer questions with
	ids   []string      // by number of the task, which is its job's name
	seen  map[string]string
	ctx   context.Context
	stop  context.CancelFunc
	waits sync.WaitGroup
}

const questionMethod = mcp.MethodElicit

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, store: &journal{Store: NewMemory(0), was: map[string][]mcp.TaskStatus{}, end: map[string]*Record{}},
		reply: make(chan wire.Raw), seen: map[string]string{},
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	for i := range w.sides {
		w.flaky[i] = &flaky{Store: w.store}
		w.sides[i] = newSide(Config{
			Store:  w.flaky[i],
			Owner:  func(context.Context) string { return "ada" },
			Limits: Limits{TTL: 5 * time.Minute, Runs: 3},
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Resume: func(r *Record) error {
				if len(r.Params.Bytes())%2 == 0 {
					return errors.New("not again")
				}
				return nil
			},
		})
		w.sides[i].Start()
		w.peers[i] = w.sides[i].dial(t, "ada", func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Kind == rpc.KindNotification {
				return nil, nil
			}
			select {
			case a := <-w.reply:
				return a, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	}
	return w
}

func (w *world) close() {
	w.stop()
	for i := range w.sides {
		w.flaky[i].set(false)
		w.peers[i].Close(nil)
	}
	for i := range w.sides {
		w.sides[i].stop(w.t)
	}
	w.waits.Wait()
	synctest.Wait()
}

// some picks one of the tasks; false if there is none.
func (w *world) some() (int, bool) {
	if len(w.ids) == 0 {
		return 0, false
	}
	return rapid.IntRange(0, len(w.ids)-1).Draw(w.t, "task"), true
}

func (w *world) side() int { return rapid.IntRange(0, 1).Draw(w.t, "side") }

// tell has the handlers of a task do something.
func (w *world) tell(f func(context.Context) (*mcp.CallToolResult, error)) {
	n, ok := w.some()
	if !ok {
		return
	}
	for _, s := range w.sides {
		for _, j := range s.running(fmt.Sprint(n)) {
			select {
			case j.do <- f:
			default: // it waits for an answer
			}
		}
	}
}

func (w *world) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){
		"create": func(*rapid.T) {
			if len(w.ids) >= 8 {
				return
			}
			var made mcp.CreateTaskResult
			params := callParams(fmt.Sprint(len(w.ids)))
			if rapid.Bool().Draw(w.t, "odd") {
				params.Unknown.Set("x", wire.MustRaw(`1`))
			}
			if w.peers[w.side()].Call(w.ctx, mcp.MethodCallTool, params, &made) == nil {
				w.ids = append(w.ids, made.Task.TaskID)
			}
		},
		"complete": func(*rapid.T) {
			w.tell(func(context.Context) (*mcp.CallToolResult, error) { return said("done"), nil })
		},
		"fail": func(*rapid.T) {
			w.tell(func(context.Context) (*mcp.CallToolResult, error) {
				r := said("bad")
				r.IsError = true
				return r, nil
			})
		},
		"error": func(*rapid.T) {
			w.tell(func(context.Context) (*mcp.CallToolResult, error) { return nil, rpc.Errorf(-5, "worse") })
		},
		"panic": func(*rapid.T) {
			w.tell(func(context.Context) (*mcp.CallToolResult, error) { panic("worst") })
		},
		"ask": func(*rapid.T) {
			w.tell(func(ctx context.Context) (*mcp.CallToolResult, error) {
				_ = rpc.SessionFrom(ctx).Call(ctx, questionMethod, wire.MustRaw(`{"message":"?"}`), nil)
				return nil, nil
			})
		},
		"message": func(*rapid.T) {
			w.tell(func(ctx context.Context) (*mcp.CallToolResult, error) {
				From(ctx).SetMessage(time.Now().String())
				return nil, nil
			})
		},
		"answer": func(*rapid.T) {
			select {
			case w.reply <- wire.MustRaw(`{"action":"accept"}`):
			default:
			}
		},
		"wait": func(*rapid.T) {
			n, ok := w.some()
			if !ok {
				return
			}
			id, peer := w.ids[n], w.peers[w.side()]
			patience := time.Duration(rapid.IntRange(1, 100).Draw(w.t, "patience")) * time.Second
			w.waits.Go(func() {
				ctx, cancel := context.WithTimeout(w.ctx, patience)
				defer cancel()
				_, _ = result(ctx, peer, id)
			})
		},
		"cancel": func(*rapid.T) {
			n, ok := w.some()
			if !ok {
				return
			}
			id, peer := w.ids[n], w.peers[w.side()]
			w.waits.Go(func() {
				_ = peer.Call(w.ctx, mcp.MethodCancelTask, &mcp.TaskIDParams{TaskID: id}, nil)
			})
		},
		"time": func(*rapid.T) {
			time.Sleep(time.Duration(rapid.IntRange(1, 60).Draw(w.t, "seconds")) * time.Second)
		},
		"lose the store": func(*rapid.T) { w.flaky[w.side()].set(true) },
		"get it back":    func(*rapid.T) { w.flaky[w.side()].set(false) },
		// Without this what was done last runs at the same time as what comes next.
		"let things happen": func(*rapid.T) { synctest.Wait() },
	}
	actions[""] = func(*rapid.T) { w.check() }
	return actions
}

// check looks at what must always hold.
func (w *world) check() {
	w.store.mu.Lock()
	for id, was := range w.store.was {
		require.Equal(w.t, mcp.TaskStatusWorking, was[0], "tasks begin as working")
		for i := 1; i < len(was); i++ {
			// A message changes the record and not the status; a process that takes over begins again.
			same := was[i] == was[i-1] && (was[i] == mcp.TaskStatusWorking || was[i] == mcp.TaskStatusInputRequired)
			require.True(w.t, same || may(was[i-1], was[i]), "task %s went from %s to %s", short(id), was[i-1], was[i])
		}
	}
	w.store.mu.Unlock()
	for i, peer := range w.peers {
		if w.flaky[i].err() != nil {
			continue
		}
		for _, id := range w.ids {
			w.checkTask(peer, id)
		}
	}
}

// checkTask compares what is told of a task with what was told before.
func (w *world) checkTask(peer *rpc.Session, id string) {
	var got mcp.GetTaskResult
	err := peer.Call(w.ctx, mcp.MethodGetTask, &mcp.TaskIDParams{TaskID: id}, &got)
	if rpc.CodeOf(err) == rpc.CodeBusy {
		return
	}
	if err != nil {
		require.Equal(w.t, mcp.CodeInvalidParams, rpc.CodeOf(err), err)
		rec, getErr := w.store.Get(w.ctx, id)
		require.True(w.t, getErr != nil || rec.Expired(time.Now()), "a task is gone before its time: %v", err)
		return
	}
	if rec := (&Record{Status: got.Status}); !rec.Ended() {
		require.Empty(w.t, w.seen[id], "a task goes on after its end")
		return
	}
	raw, err := result(w.ctx, peer, id)
	if rpc.CodeOf(err) == rpc.CodeBusy {
		return
	}
	told := fmt.Sprint(got.Status, got.StatusMessage, got.LastUpdatedAt, raw, err)
	if before := w.seen[id]; before != "" {
		require.Equal(w.t, before, told, "a task has two outcomes")
	}
	w.seen[id] = told
	w.store.mu.Lock()
	end := w.store.end[id]
	w.store.mu.Unlock()
	require.NotNil(w.t, end, "an outcome was told before it was stored")
	require.Equal(w.t, end.Status, got.Status)
}

// TestLifecycle plays with tasks at random, in two processes that share a store and lose it now and then.
func TestLifecycle(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var failed any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failed = recover() }()
			w := newWorld(r)
			defer w.close()
			r.Repeat(w.actions())
		})
		if failed != nil {
			panic(failed) // rapid's own way to tell of a failure
		}
	})
}
