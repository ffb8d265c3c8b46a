package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// caller answers by a function, and notes when it was asked.
type caller struct {
	start  time.Time
	answer func(n int, method string) (string, error)
	mu     sync.Mutex
	at     []time.Duration
	asked  []string
}

func (c *caller) Call(_ context.Context, method string, _ wire.Appender, result wire.Decodable) error {
	c.mu.Lock()
	c.at = append(c.at, time.Since(c.start))
	c.asked = append(c.asked, method)
	n := len(c.at)
	c.mu.Unlock()
	text, err := c.answer(n, method)
	if err != nil {
		return err
	}
	return wire.MustRaw(text).Decode(result)
}

func (c *caller) Notify(context.Context, string, wire.Appender) error { return nil }

func state(status mcp.TaskStatus, more string) string {
	return fmt.Sprintf(`{"taskId":"t","status":%q,"createdAt":"2025-11-25T10:30:00Z","lastUpdatedAt":"2025-11-25T10:30:00Z","ttl":null%s}`, status, more)
}

func remoteOf(c *caller, interval int64, p Polling) *Remote {
	c.start = time.Now()
	t := mcp.Task{TaskID: "t", Status: mcp.TaskStatusWorking}
	if interval != 0 {
		t.PollInterval = &interval
	}
	return NewRemote(RemoteConfig{Caller: c, Task: t, Polling: p, What: "tools/call report", Logger: slog.New(slog.DiscardHandler)})
}

func dropped(string) error {
	return rpc.Errorf(rpc.CodeClosed, "the stream broke off: %w", rpc.ErrClosed)
}

func TestRemoteGivesUpAfterSoManyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{answer: func(int, string) (string, error) { return "", dropped("") }}
		_, err := remoteOf(c, 0, Polling{First: time.Second, Most: 10 * time.Second, Retries: 5}).Result(t.Context())
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.Equal(t, []time.Duration{1, 2, 4, 8, 16, 26}, inSeconds(c.at), "with more and more time between")
	})
}

func inSeconds(all []time.Duration) (n []time.Duration) {
	for _, d := range all {
		n = append(n, d/time.Second)
	}
	return n
}

func TestRemoteCountsFailuresInARowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{answer: func(n int, method string) (string, error) {
			switch {
			case n == 40:
				return state(mcp.TaskStatusCompleted, ""), nil
			case method == mcp.MethodGetTaskPayload:
				return `{"a":1}`, nil
			case n%3 == 0:
				return state(mcp.TaskStatusWorking, ""), nil
			}
			return "", dropped("")
		}}
		raw, err := remoteOf(c, 1000, Polling{Retries: 2}).Result(t.Context())
		require.NoError(t, err)
		require.Equal(t, `{"a":1}`, raw.String())
	})
}

func TestRemoteHeedsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{answer: func(n int, method string) (string, error) {
			switch {
			case n == 1:
				return "", &rpc.Error{Code: rpc.CodeBusy, Message: "later", Data: wire.MustRaw(`{"retryAfter":90}`)}
			case method == mcp.MethodGetTaskPayload && n == 3:
				return "", &rpc.Error{Code: rpc.CodeBusy, Message: "later", Data: wire.MustRaw(`{"retryAfter":7}`)}
			case method == mcp.MethodGetTaskPayload:
				return `{}`, nil
			}
			return state(mcp.TaskStatusCompleted, ""), nil
		}}
		_, err := remoteOf(c, 1000, Polling{}).Result(t.Context())
		require.NoError(t, err)
		require.Equal(t, []time.Duration{1, 91, 91, 98}, inSeconds(c.at))
		require.Equal(t, []string{mcp.MethodGetTask, mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodGetTaskPayload}, c.asked)
	})
}

func TestRemoteBoundsThePollInterval(t *testing.T) {
	for interval, want := range map[int64]time.Duration{
		-5: time.Second, 1: 10 * time.Millisecond, 9: 10 * time.Millisecond, 10: 10 * time.Millisecond, 11: 11 * time.Millisecond,
		3_600_000: time.Hour, 3_600_001: time.Hour, 1 << 62: time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &caller{answer: func(int, string) (string, error) { return state(mcp.TaskStatusWorking, ""), nil }}
			_, err := remoteOf(c, interval, Polling{}).Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, []time.Duration{want}, c.at, "%d ms", interval)
		})
	}
}

func TestRemoteEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		c := &caller{start: time.Now()}
		r := NewRemote(RemoteConfig{Caller: c, Done: done, Task: mcp.Task{TaskID: "t", Status: mcp.TaskStatusWorking}, Logger: slog.New(slog.DiscardHandler)})
		time.AfterFunc(100*time.Millisecond, func() { close(done) })
		_, err := r.Result(t.Context())
		require.EqualError(t, err, "task t: session closed (code -32000)")
		require.Empty(t, c.asked)
	})
}

func TestRemoteErrorsThatSettleTheMatter(t *testing.T) {
	for name, failure := range map[string]error{
		"not found":      &rpc.Error{Code: rpc.CodeMethodNotFound, Message: "no such method"},
		"not sent":       errors.New("not sent: the capability is not declared"),
		"unknown":        &rpc.Error{Code: rpc.CodeInvalidParams, Message: "unknown"},
		"not acceptable": &rpc.Error{Code: rpc.CodeInvalidRequest, Message: "no"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := &caller{answer: func(int, string) (string, error) { return "", failure }}
			_, err := remoteOf(c, 1000, Polling{}).Result(t.Context())
			require.ErrorIs(t, err, failure, name)
			_, lost := errors.AsType[*LostError](err)
			require.Equal(t, name == "unknown", lost)
			require.Len(t, c.asked, 1, name)
		})
	}
}

func TestRemoteWithARequestThatFailedAsTheTaskEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{answer: func(n int, method string) (string, error) {
			switch {
			case method == mcp.MethodGetTaskPayload:
				return "", &rpc.Error{Code: 42, Message: "its own"}
			case n == 1:
				return state(mcp.TaskStatusInputRequired, ""), nil
			}
			return state(mcp.TaskStatusFailed, ""), nil
		}}
		_, err := remoteOf(c, 1000, Polling{}).Result(t.Context())
		require.EqualError(t, err, "its own (code 42)")
		require.Equal(t, []string{mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodGetTask, mcp.MethodGetTaskPayload}, c.asked,
			"whether an error is that of the task, its status tells")
	})
}

func TestRemoteLogsTheLifeOfTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := &caller{start: time.Now(), answer: func(n int, method string) (string, error) {
			switch {
			case method == mcp.MethodGetTaskPayload:
				return `{}`, nil
			case method == mcp.MethodCancelTask:
				return "", &rpc.Error{Code: rpc.CodeInvalidParams, Message: "over"}
			case n == 1:
				return "", dropped("")
			}
			return state(mcp.TaskStatusCompleted, `,"statusMessage":"fine"`), nil
		}}
		r := NewRemote(RemoteConfig{Caller: c, What: "tools/call report", Task: mcp.Task{TaskID: "t", Status: mcp.TaskStatusWorking},
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))})
		_, err := r.Result(t.Context())
		require.NoError(t, err)
		_, err = r.Cancel(t.Context())
		require.Error(t, err)
		require.Equal(t, []string{
			`level=DEBUG msg="tasks: task created" task=t request="tools/call report" status=working`,
			`level=DEBUG msg="tasks: no answer about the task" task=t request="tools/call report" method=tasks/get error="the stream broke off: session closed (code -32000)" wait=1s last=false`,
			`level=DEBUG msg="tasks: task status" task=t request="tools/call report" status=completed message=fine notified=false`,
			`level=DEBUG msg="tasks: task result" task=t request="tools/call report" error=<nil>`,
			`level=DEBUG msg="tasks: task cancel" task=t request="tools/call report" error="over (code -32602)"`,
		}, strings.Split(strings.TrimSpace(log.String()), "\n"))
	})
}

func TestRemotesKeepsTheNewest(t *testing.T) {
	var rs Remotes
	var all []*Remote
	for i := range maxRemotes + 1 {
		r := NewRemote(RemoteConfig{Task: mcp.Task{TaskID: fmt.Sprint(i), Status: mcp.TaskStatusWorking}, Logger: slog.New(slog.DiscardHandler)})
		left := rs.Add(r)
		require.Equal(t, i == maxRemotes, left != nil)
		if left != nil {
			require.Same(t, all[0], left)
		}
		all = append(all, r)
	}
	completed := func(id int) *mcp.TaskStatusParams {
		return &mcp.TaskStatusParams{TaskID: fmt.Sprint(id), Status: mcp.TaskStatusCompleted}
	}
	rs.Note(completed(0))
	rs.Note(completed(1))
	require.False(t, all[0].Terminal(), "it is polled only")
	require.True(t, all[1].Terminal())
	rs.Note(&mcp.TaskStatusParams{TaskID: "1", Status: mcp.TaskStatusWorking})
	require.Equal(t, mcp.TaskStatusCompleted, all[1].Known().Status, "what is final stays so, whatever comes late")
	rs.Remove(all[2])
	rs.Note(completed(2))
	require.False(t, all[2].Terminal())
	require.Len(t, rs.early, 2)
	for i := range 2 * maxEarly {
		rs.Note(completed(10_000 + i))
	}
	require.Len(t, rs.early, maxEarly)
}

func TestRelatedMetadata(t *testing.T) {
	id := "a\"b"
	with := SetRelated(wire.MustRaw(`{"a":1,"_meta":{"x":2}}`), id)
	require.JSONEq(t, `{"a":1,"_meta":{"x":2,"io.modelcontextprotocol/related-task":{"taskId":"a\"b"}}}`, string(with.AppendJSON(nil)))
	require.JSONEq(t, `{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"t"}}}`, string(SetRelated(nil, "t").AppendJSON(nil)))
	raw, err := wire.ParseRaw(with.AppendJSON(nil))
	require.NoError(t, err)
	require.Equal(t, id, relatedIn(raw))
	for _, none := range []string{`{}`, `{"taskId":"t"}`, `{"_meta":{"taskId":1}}`, `{"_meta":{"io.modelcontextprotocol/related-task":{"taskId":5}}}`,
		`{"_meta":{"io.modelcontextprotocol/related-task":"taskId"}}`, `{"_meta":["taskId"]}`} {
		require.Empty(t, relatedIn(wire.MustRaw(none)), none)
	}
	for _, method := range []string{mcp.MethodGetTask, mcp.MethodGetTaskPayload, mcp.MethodListTasks, mcp.MethodCancelTask, mcp.MethodTaskStatus} {
		require.True(t, NamesItsTask(method))
	}
	require.False(t, NamesItsTask(mcp.MethodProgress))
}
