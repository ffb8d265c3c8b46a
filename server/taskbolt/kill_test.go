package taskbolt

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

var seed = flag.Uint64("kill.seed", 0, "seed of TestKilledAgainAndAgain; 0 for a new one")

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		fmt.Fprintln(os.Stderr, serveChild(path, os.Getenv(childTransport)))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// TestKilledAgainAndAgain kills a server process 50 times (5 with -short) at random moments, over stdio and HTTP in turn,
// while clients create, poll, cancel and fetch tasks, and starts it again on the same file. Of each task that a client knows
// the id of it requires that
//
//   - it is never lost,
//   - its status and its outcome, once told, never change, restarts or not,
//   - it completes, is cancelled if it was asked for, or, its tool not being resumable, has failed and says why.
//
// Which operations meet which moment is not in the seed's hand, but what is done and when it ends is.
func TestKilledAgainAndAgain(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("to repeat: -kill.seed=%d", *seed)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // for what hangs
	defer cancel()
	w := &world{t: t, ctx: ctx, path: filepath.Join(t.TempDir(), "tasks.db"), known: map[string]*known{}, random: rand.New(rand.NewPCG(*seed, 0))}

	w.round(w.atLeastOnce) // and is killed
	for range kills - 1 {
		after := time.Duration(w.random.Int64N(int64(w.startup + 120*time.Millisecond)))
		w.round(func(c *client.Client, r *round) { w.load(c, r) }, after)
	}
	c, server := w.start(kills)
	w.settle(c)
	require.NoError(t, c.Close())
	server.kill(t)

	// Once more, with nothing left to do: what is over is still told.
	c, server = w.start(kills + 1)
	w.settle(c)
	require.NoError(t, c.Close())
	server.kill(t)
	w.judge()
}

// world is what the clients know.
type world struct {
	t       *testing.T
	ctx     context.Context
	path    string
	random  *rand.Rand
	startup time.Duration // what it takes to start a server
	rounds  int

	mu    sync.Mutex
	known map[string]*known
	ids   []string
	next  int
	seen  atomic.Int64 // outcomes fetched before the end
}

// known is what is known of a task.
type known struct {
	tool      string
	n         int
	cancelled bool   // it was asked for
	status    string // the final one, once told
	outcome   string // once told
}

// round is the life of one server process.
type round struct{ dead atomic.Bool }

func (w *world) start(i int) (*client.Client, *child) {
	c := startChild(w.t, w.path, []string{"stdio", "http"}[i%2])
	got, err := c.dial(w.ctx)
	require.NoError(w.t, err)
	return got, c
}

// round starts a server, has do talk to it, and kills it: when do returns, or after a while if that is given.
func (w *world) round(do func(*client.Client, *round), after ...time.Duration) {
	r := &round{}
	begun := time.Now()
	server := startChild(w.t, w.path, []string{"stdio", "http"}[w.rounds%2])
	w.rounds++
	killed := make(chan struct{})
	kill := func() {
		r.dead.Store(true)
		server.kill(w.t)
		close(killed)
	}
	if len(after) > 0 {
		time.AfterFunc(after[0], kill)
	}
	c, err := server.dial(w.ctx)
	if err != nil {
		require.True(w.t, r.dead.Load(), "the server did not start: %v", err)
		<-killed
		return
	}
	if w.startup == 0 {
		w.startup = time.Since(begun)
	}
	do(c, r)
	if len(after) == 0 {
		kill()
	}
	<-killed
	_ = c.Close()
}

// atLeastOnce begins tasks of each kind that are surely interrupted, and others that are surely over by then.
func (w *world) atLeastOnce(c *client.Client, r *round) {
	var over []string
	for _, tool := range []string{"again", "once"} {
		w.create(c, r, tool, 20_000)
		over = append(over, w.create(c, r, tool, 0), w.create(c, r, tool, 20_000))
		w.cancel(c, r, over[len(over)-1])
	}
	for _, id := range over {
		w.fetch(w.ctx, c, r, id)
	}
}

// load does this and that until the server is dead.
func (w *world) load(c *client.Client, r *round) {
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	var all sync.WaitGroup
	for range 4 {
		random := rand.New(rand.NewPCG(w.random.Uint64(), 1))
		all.Go(func() {
			for !r.dead.Load() {
				switch p := random.IntN(100); {
				case p < 25:
					w.create(c, r, []string{"again", "once"}[random.IntN(2)], random.IntN(150))
				case p < 60:
					w.poll(c, r, w.pick(random))
				case p < 70:
					w.cancel(c, r, w.pick(random))
				default:
					some, cancel := context.WithTimeout(ctx, time.Duration(random.IntN(50))*time.Millisecond)
					w.fetch(some, c, r, w.pick(random))
					cancel()
				}
			}
		})
	}
	all.Wait()
}

// pick gives the id of some task, the newer the likelier.
func (w *world) pick(random *rand.Rand) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.ids)
	if random.IntN(2) == 0 {
		return w.ids[n-1-random.IntN(min(n, 20))]
	}
	return w.ids[random.IntN(n)]
}

// create begins a task, and gives its id if the server told it.
func (w *world) create(c *client.Client, r *round, tool string, ms int) string {
	w.mu.Lock()
	w.next++
	n := w.next
	w.mu.Unlock()
	var created mcp.CreateTaskResult
	err := c.Call(w.ctx, mcp.MethodCallTool, &mcp.CallToolParams{
		Name: tool, Arguments: wire.MustRaw(fmt.Sprintf(`{"n":%d,"ms":%d}`, n, ms)), Task: &mcp.TaskMetadata{},
	}, &created)
	if !w.answered(r, err) {
		return ""
	}
	if !w.check(err == nil, "tools/call: %v", err) {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[created.Task.TaskID] = &known{tool: tool, n: n}
	w.ids = append(w.ids, created.Task.TaskID)
	return created.Task.TaskID
}

// answered tells whether an answer came, and not the end of the server.
func (w *world) answered(r *round, err error) bool {
	if err == nil {
		return true
	}
	e, ok := errors.AsType[*rpc.Error](err)
	if ok && !errors.Is(err, rpc.ErrClosed) && (e.Code == mcp.CodeInvalidParams || strings.Contains(e.Message, "interrupted") || e.Code == rpc.CodeCancelled) {
		return true
	}
	w.check(r.dead.Load(), "no answer from a server that lives: %v", err)
	return false
}

func (w *world) check(ok bool, format string, args ...any) bool {
	if !ok {
		w.t.Errorf(format, args...)
	}
	return ok
}

// before gives what was known of a task before it was asked for.
func (w *world) before(id string) known {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.known[id]
}

func idOf(id string) *mcp.TaskIDParams { return &mcp.TaskIDParams{TaskID: id} }

func ended(status string) bool {
	return status != string(mcp.TaskStatusWorking) && status != string(mcp.TaskStatusInputRequired)
}

// poll asks for the state of a task.
func (w *world) poll(c *client.Client, r *round, id string) {
	was := w.before(id)
	var task mcp.GetTaskResult
	err := c.Call(w.ctx, mcp.MethodGetTask, idOf(id), &task)
	if !w.answered(r, err) || !w.check(err == nil, "task %d of %s was lost: %v", was.n, was.tool, err) {
		return
	}
	w.note(id, was, string(task.Status), "")
}

// cancel cancels a task.
func (w *world) cancel(c *client.Client, r *round, id string) {
	w.mu.Lock()
	if w.known[id].status == "" {
		w.known[id].cancelled = true
	}
	was := *w.known[id]
	w.mu.Unlock()
	var task mcp.CancelTaskResult
	err := c.Call(w.ctx, mcp.MethodCancelTask, idOf(id), &task)
	if !w.answered(r, err) {
		return
	}
	if err != nil {
		w.check(strings.Contains(err.Error(), "has ended already"), "task %d of %s was lost: %v", was.n, was.tool, err)
		return
	}
	w.check(was.status == "", "task %d was %s, and could be cancelled", was.n, was.status)
	w.note(id, was, string(task.Status), "")
}

// fetch asks for the outcome of a task, until ctx ends.
func (w *world) fetch(ctx context.Context, c *client.Client, r *round, id string) {
	was := w.before(id)
	var result wire.Raw
	err := c.Call(ctx, mcp.MethodGetTaskPayload, idOf(id), &result)
	if ctx.Err() != nil || !w.answered(r, err) {
		return
	}
	switch {
	case err == nil:
		w.note(id, was, string(mcp.TaskStatusCompleted), result.String())
	case strings.Contains(err.Error(), "was cancelled"):
		w.note(id, was, string(mcp.TaskStatusCancelled), err.Error())
	case strings.Contains(err.Error(), "interrupted"):
		w.note(id, was, string(mcp.TaskStatusFailed), err.Error())
	default:
		w.t.Errorf("task %d of %s was lost: %v", was.n, was.tool, err)
	}
}

// note takes note of what a server said, and compares it with what servers have said before.
func (w *world) note(id string, was known, status, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.known[id]
	if !ended(status) {
		w.check(was.status == "", "task %d of %s was %s, and is %s now", k.n, k.tool, was.status, status)
		return
	}
	w.check(k.status == "" || k.status == status, "task %d of %s was %s, and is %s now", k.n, k.tool, k.status, status)
	k.status = status
	if outcome != "" {
		w.seen.Add(1)
		w.check(k.outcome == "" || k.outcome == outcome, "task %d of %s had the outcome %s, and has %s now", k.n, k.tool, k.outcome, outcome)
		k.outcome = outcome
	}
}

// settle waits until all tasks are over, and asks for each.
func (w *world) settle(c *client.Client) {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	r := &round{}
	for _, id := range w.ids {
		w.fetch(ctx, c, r, id)
		w.poll(c, r, id)
	}
	require.NoError(w.t, ctx.Err(), "some task did not end")
}

// judge looks at how all tasks have ended.
func (w *world) judge() {
	counts := map[string]int{}
	for _, id := range w.ids {
		k := w.known[id]
		end := k.status
		switch mcp.TaskStatus(k.status) {
		case mcp.TaskStatusCompleted:
			run := 1
			for !strings.Contains(k.outcome, `"`+said(k.tool, k.n, run)+`"`) && run < 100 {
				run++
			}
			w.check(run < 100, "task %d of %s has the outcome %s", k.n, k.tool, k.outcome)
			if run > 1 {
				w.check(k.tool == "again", "a task of %s was run again: %s", k.tool, k.outcome)
				end = "completed when run again"
			}
		case mcp.TaskStatusFailed:
			w.check(k.tool == "once" && strings.Contains(k.outcome, "interrupted"), "task %d of %s: %s", k.n, k.tool, k.outcome)
		case mcp.TaskStatusCancelled:
			w.check(k.cancelled, "task %d of %s was cancelled, by nobody", k.n, k.tool)
		default:
			w.t.Errorf("task %d of %s has not ended: %q", k.n, k.tool, k.status)
		}
		counts[end]++
	}
	w.t.Logf("%d tasks, %d outcomes fetched: %v", len(w.ids), w.seen.Load(), counts)
	for _, end := range []string{"completed", "completed when run again", "failed", "cancelled"} {
		require.NotZero(w.t, counts[end], end)
	}
}
