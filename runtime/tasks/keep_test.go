package tasks

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// process makes a side on a shared store, whose tasks named "again" may run again, and a peer of it.
func process(t *testing.T, store Store) (*side, *rpc.Session) {
	t.Helper()
	s := newSide(Config{
		Store: store, Logger: slog.New(slog.DiscardHandler), Limits: Limits{Runs: 3},
		Resume: func(r *Record) error {
			if name, _ := member(r.Params, "name"); name.String() != `"again"` {
				return errors.New("it is not one that may run again")
			}
			return nil
		},
	})
	s.Start()
	peer := s.dial(t, "", nil)
	t.Cleanup(func() {
		peer.Close(nil)
		s.stop(t)
	})
	return s, peer
}

func begin(t *testing.T, peer *rpc.Session, name string) string {
	t.Helper()
	var made mcp.CreateTaskResult
	require.NoError(t, peer.Call(t.Context(), mcp.MethodCallTool, callParams(name), &made))
	return made.Task.TaskID
}

func stateOf(t *testing.T, peer *rpc.Session, id string) mcp.GetTaskResult {
	t.Helper()
	var got mcp.GetTaskResult
	require.NoError(t, peer.Call(t.Context(), mcp.MethodGetTask, &mcp.TaskIDParams{TaskID: id}, &got))
	return got
}

// do has the one job of a name that runs do something.
func (s *side) finish(t *testing.T, name string, r *mcp.CallToolResult, err error) {
	t.Helper()
	synctest.Wait()
	jobs := s.running(name)
	require.Len(t, jobs, 1)
	jobs[0].do <- func(context.Context) (*mcp.CallToolResult, error) { return r, err }
	synctest.Wait()
}

func TestTasksOfADeadProcessAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewMemory(0)
		dying := &flaky{Store: shared}
		a, peerA := process(t, dying)
		b, peerB := process(t, shared)
		again, once, done := begin(t, peerA, "again"), begin(t, peerA, "once"), begin(t, peerA, "done")
		a.finish(t, "done", said("yes"), nil)
		dying.set(true) // as good as dead

		time.Sleep(19 * time.Second) // it said that it lives at most 10 s ago, for 30 s
		synctest.Wait()
		require.Empty(t, b.running("again"))
		require.Equal(t, mcp.TaskStatusWorking, stateOf(t, peerB, once).Status)
		time.Sleep(22 * time.Second)
		synctest.Wait()

		require.Equal(t, mcp.TaskStatusCompleted, stateOf(t, peerB, done).Status)
		failed := stateOf(t, peerB, once)
		require.Equal(t, mcp.TaskStatusFailed, failed.Status)
		require.Equal(t, "it is not one that may run again", failed.StatusMessage)
		_, err := result(t.Context(), peerB, once)
		require.Equal(t, mcp.CodeInternalError, rpc.CodeOf(err))
		require.ErrorContains(t, err, "it is not one that may run again")
		require.Equal(t, "started again after an interruption", stateOf(t, peerB, again).StatusMessage)

		// The dead one comes back, and finishes what is not its own any more.
		a.finish(t, "again", said("a"), nil)
		dying.set(false)
		b.finish(t, "again", said("b"), nil)
		time.Sleep(time.Minute)
		for _, peer := range []*rpc.Session{peerA, peerB} {
			got, err := result(t.Context(), peer, again)
			require.NoError(t, err)
			require.Contains(t, got.String(), `"text":"b"`)
		}
		require.EqualValues(t, 1, a.Stats().Superseded)
		require.Equal(t, Stats{Completed: 1, Failed: 1, Resumed: 1, Abandoned: 1, Retrieved: 2}, b.Stats())
	})
}

func TestATaskThatKillsItsProcessIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewMemory(0)
		first := &flaky{Store: shared}
		_, peer := process(t, first)
		id := begin(t, peer, "again")
		first.set(true)
		for range 2 {
			next := &flaky{Store: shared}
			s, _ := process(t, next)
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Len(t, s.running("again"), 1)
			next.set(true)
		}
		_, peer = process(t, shared)
		time.Sleep(time.Minute)
		got := stateOf(t, peer, id)
		require.Equal(t, mcp.TaskStatusFailed, got.Status)
		require.Equal(t, "the task was given up after 3 runs, in each of which its process ended", got.StatusMessage)
	})
}

func TestAnOutcomeIsToldWhenItIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: NewMemory(0)}
		s, peer := process(t, store)
		id := begin(t, peer, "once")
		waited := make(chan string)
		go func() {
			raw, err := result(t.Context(), peer, id)
			waited <- raw.String()
			_ = err
		}()
		synctest.Wait()
		store.set(true)
		s.finish(t, "once", said("yes"), nil)
		select {
		case <-waited:
			t.Fatal("it was told before")
		default:
		}
		store.set(false)
		require.Contains(t, <-waited, "yes", "the tick tries again")
	})
}

func TestCancellingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewMemory(0)
		a, peerA := process(t, shared)
		_, peerB := process(t, shared)
		id := begin(t, peerA, "once")
		synctest.Wait()
		job := a.running("once")[0]
		require.NoError(t, peerB.Call(t.Context(), mcp.MethodCancelTask, &mcp.TaskIDParams{TaskID: id}, nil))
		require.NoError(t, job.ctx.Err())
		time.Sleep(11 * time.Second)
		require.Error(t, job.ctx.Err(), "the tick found out")
		require.Equal(t, mcp.TaskStatusCancelled, stateOf(t, peerA, id).Status)
	})
}

func TestWaitingElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewMemory(0)
		a, peerA := process(t, shared)
		_, peerB := process(t, shared)
		id := begin(t, peerA, "once")
		waited := make(chan string)
		go func() {
			raw, _ := result(t.Context(), peerB, id)
			waited <- raw.String()
		}()
		a.finish(t, "once", said("yes"), nil)
		require.Contains(t, <-waited, "yes")
	})
}

func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := NewMemory(0)
		a, peerA := process(t, shared)
		quick, again, once := begin(t, peerA, "quick"), begin(t, peerA, "again"), begin(t, peerA, "once")
		synctest.Wait()
		job := a.running("once")[0]
		waited := make(chan error)
		go func() { _, err := result(t.Context(), peerA, again); waited <- err }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		down := make(chan error)
		go func() { down <- a.Shutdown(ctx) }()
		synctest.Wait()
		err := peerA.Call(t.Context(), mcp.MethodCallTool, callParams("more"), nil)
		require.Equal(t, rpc.CodeBusy, rpc.CodeOf(err))
		require.ErrorContains(t, err, "no tasks are taken any more: shutting down")
		a.finish(t, "quick", said("in time"), nil)
		start := time.Now()
		require.NoError(t, <-down)
		require.Equal(t, 5*time.Second, time.Since(start))
		require.ErrorIs(t, context.Cause(job.ctx), ErrShutdown)
		require.Equal(t, rpc.CodeBusy, rpc.CodeOf(<-waited), "who waits for what is left to others may come back")

		raw, err := result(t.Context(), peerA, quick)
		require.NoError(t, err)
		require.Contains(t, raw.String(), "in time")
		failed := stateOf(t, peerA, once)
		require.Equal(t, mcp.TaskStatusFailed, failed.Status)
		require.Equal(t, "the task was interrupted: the server was shut down", failed.StatusMessage)
		require.Equal(t, mcp.TaskStatusWorking, stateOf(t, peerA, again).Status)

		b, peerB := process(t, shared)
		b.finish(t, "again", said("later"), nil) // at once: the first has let go
		raw, err = result(t.Context(), peerB, again)
		require.NoError(t, err)
		require.Contains(t, raw.String(), "later")
	})
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(Config{Logger: slog.New(slog.DiscardHandler)})
		peer := s.dial(t, "", nil)
		defer peer.Close(nil)
		begin(t, peer, "deaf")
		synctest.Wait()
		release := make(chan struct{})
		s.running("deaf")[0].do <- func(context.Context) (*mcp.CallToolResult, error) { <-release; return said(""), nil }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, s.Shutdown(ctx), "tasks: 1 handlers still run")
		close(release)
		require.NoError(t, s.Shutdown(t.Context()))
	})
}

func TestNothingTicksWhenNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(Config{Logger: slog.New(slog.DiscardHandler), Limits: Limits{TTL: time.Minute}})
		peer := s.dial(t, "", nil)
		defer peer.Close(nil)
		begin(t, peer, "x")
		s.finish(t, "x", said(""), nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Nil(t, s.Receiver.timer)
	})
}

func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory(0)
		s, peer := process(t, store)
		begin(t, peer, "x")
		done := begin(t, peer, "done")
		s.finish(t, "done", said(""), nil)
		job := s.running("x")[0]
		require.NoError(t, s.Drop(t.Context(), "somebody"))
		stateOf(t, peer, done)
		require.NoError(t, s.Drop(t.Context(), ""))
		require.Error(t, job.ctx.Err())
		_, err := store.Get(t.Context(), done)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestCapability(t *testing.T) {
	require.Equal(t, `{"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}},"cancel":{},"list":{}}`,
		Capability(true, mcp.MethodCreateMessage, mcp.MethodElicit).String())
	require.Equal(t, `{"requests":{"tools":{"call":{}}},"cancel":{}}`, Capability(false, mcp.MethodCallTool).String())
	require.True(t, Capability(true, mcp.MethodPing).IsZero())
}

func TestMay(t *testing.T) {
	all := []mcp.TaskStatus{"working", "input_required", "completed", "failed", "cancelled"}
	valid := map[mcp.TaskStatus][]mcp.TaskStatus{"working": all[1:], "input_required": {all[0], all[2], all[3], all[4]}}
	for _, from := range all {
		for _, to := range all {
			expected := false
			for _, v := range valid[from] {
				expected = expected || v == to
			}
			require.Equal(t, expected, may(from, to), "%s to %s", from, to)
		}
	}
}

func TestFailure(t *testing.T) {
	for text, expected := range map[string]string{
		`{}`: "", `{"isError":false}`: "", `{"isError":true}`: "the result is an error",
		`{"isError":true,"content":[{"type":"image"},{"type":"text","text":"no"},{"type":"text","text":"more"}]}`: "no",
	} {
		why, failed := failure(wire.MustRaw(text))
		require.Equal(t, expected, why)
		require.Equal(t, expected != "", failed)
	}
}

func TestAnExpiredTaskIsGoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := NewMemory(0)
		s := newSide(Config{Store: store, Logger: slog.New(slog.DiscardHandler), Limits: Limits{TTL: 5 * time.Second}, Owner: func(context.Context) string { return "ada" }})
		defer s.stop(t)
		peer := s.dial(t, "", nil)
		defer peer.Close(nil)
		id := begin(t, peer, "x")
		s.finish(t, "x", said(""), nil)
		time.Sleep(5*time.Second - 1)
		stateOf(t, peer, id)
		time.Sleep(time.Nanosecond)
		_, err := store.Get(t.Context(), id)
		require.NoError(t, err, "it has not been swept")
		err = peer.Call(t.Context(), mcp.MethodGetTask, &mcp.TaskIDParams{TaskID: id}, nil)
		require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
		list, err := s.ListTasks(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, list.Tasks)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		_, err = store.Get(t.Context(), id)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

// TestWhoWaitsIsLetGoWithHisSession: nothing is kept of a request for an outcome whose session has ended.
func TestWhoWaitsIsLetGoWithHisSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, peer := process(t, NewMemory(0))
		id := begin(t, peer, "again")
		waiters := func() int {
			synctest.Wait()
			live := s.lookup(id)
			live.lock()
			defer live.unlock()
			return len(live.waiters)
		}
		sessions := []*rpc.Session{s.dial(t, "", nil), s.dial(t, "", nil)}
		ended := make(chan error, len(sessions))
		for _, session := range sessions {
			go func() {
				_, err := result(context.Background(), session, id)
				ended <- err
			}()
		}
		require.Equal(t, 2, waiters())
		for i, session := range sessions {
			session.Close(nil)
			require.Error(t, <-ended)
			require.Equal(t, 1-i, waiters())
		}
	})
}

func TestWhatIsNobodysIsRemoved(t *testing.T) {
	store := NewMemory(0)
	r := &Record{ID: "a", Owner: "gone", Method: mcp.MethodCallTool, Status: mcp.TaskStatusWorking, Created: time.Now(), TTL: time.Hour, Holder: "dead"}
	require.NoError(t, store.Create(t.Context(), r, Room{}))
	s := newSide(Config{Store: store, Logger: slog.New(slog.DiscardHandler), Resume: func(*Record) error { return ErrDrop }})
	s.Start()
	defer s.stop(t)
	require.Eventually(t, func() bool { return s.Stats().Abandoned == 1 }, 10*time.Second, time.Millisecond)
	_, err := store.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrNotFound)
}
