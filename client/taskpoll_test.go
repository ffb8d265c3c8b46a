package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// How a requestor learns what becomes of a task.

func TestPollIntervalIsRespected(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(5 * time.Second)
		s.get = func(n int, task *mcp.Task) error {
			switch n {
			case 2:
				task.PollInterval = new(int64(20_000)) // it may change
			case 4:
				task.Status = mcp.TaskStatusCompleted
			}
			return nil
		}
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		start := time.Now()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "done", got)
		var at []time.Duration
		for _, when := range s.asked {
			at = append(at, when.Sub(start))
		}
		require.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, 50 * time.Second}, at)
		require.Equal(t, 1, s.count(mcp.MethodGetTaskPayload), "once it is over")
	})
}

func TestWithoutAPollIntervalPollsGetRarer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(0)
		s.becomes(12, mcp.TaskStatusCompleted)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet), client.WithPolling(client.Polling{First: 2 * time.Second, Most: 10 * time.Second}))
		defer end()
		start := time.Now()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		var gaps []time.Duration
		for _, when := range s.asked {
			gaps = append(gaps, when.Sub(start))
			start = when
		}
		require.Equal(t, []time.Duration{2 * time.Second, 3 * time.Second, 4500 * time.Millisecond, 6750 * time.Millisecond, 10 * time.Second, 10 * time.Second}, gaps[:6])
		require.Equal(t, 10*time.Second, gaps[11])
	})
}

func TestStatusIsPacedAndSharedWithWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Second)
		s.becomes(10, mcp.TaskStatusFailed)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := task.Wait(t.Context())
				require.NoError(t, err)
			})
		}
		n := 0
		for {
			state, err := task.Status(t.Context())
			require.NoError(t, err)
			n++
			if state.Status == mcp.TaskStatusFailed {
				break
			}
		}
		wg.Wait()
		require.Equal(t, 10, n, "a loop without a pause of its own")
		require.Len(t, s.asked, 10, "all together ask once an interval")
		state, err := task.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, mcp.TaskStatusFailed, state.Status)
		require.Len(t, s.asked, 10, "what is final is not asked for again")
	})
}

func TestNotificationsSaveWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Hour)
		var heard []mcp.TaskStatus
		c, end := dialIn(t, s.fake, client.WithLogger(quiet), client.OnTaskStatus(func(ctx context.Context, p *mcp.TaskStatusParams) {
			require.NotNil(t, client.From(ctx))
			heard = append(heard, p.Status)
		}))
		defer end()
		start := time.Now()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		time.AfterFunc(time.Minute, func() { s.notify(t, mcp.TaskStatusCompleted) })
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, time.Minute, time.Since(start))
		require.Empty(t, s.asked)
		require.Equal(t, []mcp.TaskStatus{mcp.TaskStatusCompleted}, heard)
	})
}

func TestANotificationThatOvertakesTheID(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Hour)
		s.start = func(context.Context, *mcp.CallToolParams) { s.notify(t, mcp.TaskStatusCompleted) }
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, mcp.TaskStatusCompleted, task.Known().Status)
	})
}

func TestNotificationsAreNotReliedOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(5 * time.Second)
		s.becomes(4, mcp.TaskStatusCompleted)
		c, end := dialIn(t, s.fake, client.WithLogger(quiet))
		defer end()
		start := time.Now()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		for i := range 9 { // one that polled anew after each would never ask
			time.AfterFunc(time.Duration(i*2+1)*time.Second, func() { s.notify(t, mcp.TaskStatusWorking) })
		}
		_, err = task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, 20*time.Second, time.Since(start))
		require.Len(t, s.asked, 4)

		// A status that is final never changes again, whatever comes late.
		s.notify(t, mcp.TaskStatusWorking)
		synctest.Wait()
		require.Equal(t, mcp.TaskStatusCompleted, task.Known().Status)
	})
}

func TestInputRequiredHasTheResultCalledFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := newTaskServer(time.Second)
		s.becomes(3, mcp.TaskStatusInputRequired)
		s.outcome = func(ctx context.Context) (wire.Appender, error) {
			answer, err := s.client().Elicit(ctx, &mcp.ElicitFormParams{
				Message:         "Which seat?",
				RequestedSchema: mcp.ElicitSchema{},
				Meta:            &mcp.RequestMeta{Unknown: wire.Object{{Name: related, Value: wire.MustRaw(`{"taskId":"` + taskID + `"}`)}}},
			})
			if err != nil {
				return nil, err
			}
			raw, _ := answer.Meta.Get(related)
			s.set(mcp.TaskStatusCompleted)
			return text(string(answer.Action) + raw.String()), nil
		}
		c, end := dialIn(t, s.fake, client.WithLogger(quiet), client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			return client.Decline(), nil
		}))
		defer end()
		task, err := client.StartTool[string](t.Context(), c, "optional", nil)
		require.NoError(t, err)
		got, err := task.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, `decline{"taskId":"`+taskID+`"}`, got, "the answer is of the same task")
		require.Len(t, s.asked, 3)
		require.JSONEq(t, `{"taskId":"`+taskID+`"}`, s.params(mcp.MethodGetTaskPayload))
		require.JSONEq(t, `{"taskId":"`+taskID+`"}`, s.params(mcp.MethodGetTask))
	})
}

func TestPollingGoesOnWhenTasksResultFails(t *testing.T) {
	for name, failure := range map[string]func(ctx context.Context) (wire.Appender, error){
		"busy": func(context.Context) (wire.Appender, error) {
			return nil, &rpc.Error{Code: rpc.CodeBusy, Message: "later"}
		},
		"answered":   func(context.Context) (wire.Appender, error) { return nil, &rpc.Error{Code: -32603, Message: "not yet"} },
		"timed out":  func(ctx context.Context) (wire.Appender, error) { <-ctx.Done(); return nil, ctx.Err() },
		"unreadable": func(context.Context) (wire.Appender, error) { return wire.MustRaw(`[]`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := newTaskServer(time.Second)
				s.becomes(2, mcp.TaskStatusInputRequired)
				tries := 0
				s.outcome = func(ctx context.Context) (wire.Appender, error) {
					tries++
					if tries <= 2 {
						return failure(ctx)
					}
					s.mu.Lock()
					s.becomes(0, mcp.TaskStatusCompleted)
					s.mu.Unlock()
					return text("done"), nil
				}
				c, end := dialIn(t, s.fake, client.WithLogger(quiet))
				defer end()
				task, err := client.StartTool[string](t.Context(), c, "optional", nil)
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // a deadline is no reason to sit still
				defer cancel()
				got, err := task.Wait(ctx)
				require.NoError(t, err)
				require.Equal(t, "done", got)
				require.Equal(t, 3, tries)
				require.GreaterOrEqual(t, len(s.asked), 4, "it was looked at between")
			})
		})
	}
}
