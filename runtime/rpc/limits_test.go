package rpc_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

func echoRequest(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"text":"x"}}`, id)
}

const busy = `{"jsonrpc":"2.0","id":%d,"error":{"code":-32010,"message":"too many requests in flight, nothing was done: retry later","data":{"retryAfter":1}}}`

// What several sessions have in flight together is bounded: one below and at the limit pass, one above is refused, and may
// come again when there is room.
func TestBudgetOfSeveralSessions(t *testing.T) {
	for name, budget := range map[string]*rpc.Budget{
		"requests": rpc.NewBudget(3, 0),
		"bytes":    rpc.NewBudget(0, int64(3*len(`{"text":"x"}`))),
	} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			var sessions []*one
			for range 2 {
				sessions = append(sessions, start(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) {
					<-release
					return nil, nil
				}}, func(c *rpc.Config) { c.Budget = budget }))
			}
			for id := range 3 {
				require.NoError(t, sessions[id%2].receive(echoRequest(id)))
			}
			require.EqualValues(t, 3, budget.Stats().InFlight)
			for i, o := range sessions {
				require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(o.receive(echoRequest(7))))
				o.expect(fmt.Sprintf(busy, 7))
				require.EqualValues(t, i+1, budget.Stats().Busy)
				require.EqualValues(t, 1, o.Stats().Busy)
			}
			close(release)
			for _, o := range sessions {
				o.next(t)
				require.NoError(t, o.Wait(t.Context()))
			}
			require.Equal(t, rpc.BudgetStats{Busy: 2}, budget.Stats(), "all of it is given back")
			require.NoError(t, sessions[0].receive(echoRequest(8)))
			require.NoError(t, sessions[0].Wait(t.Context()))
		})
	}
}

func TestBudgetIsGivenBackHoweverARequestEnds(t *testing.T) {
	budget := rpc.NewBudget(1, 0)
	block := make(chan struct{})
	o := start(t, &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
		switch p.Text {
		case "panic":
			panic("on purpose")
		case "wait":
			<-block
		}
		return nil, nil
	}}, func(c *rpc.Config) { c.Budget, c.Limits.InFlight = budget, 1 })
	for i, text := range []string{"panic", "x", "panic"} {
		require.NoError(t, o.receive(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"echo","params":{"text":%q}}`, i, text)))
		require.NoError(t, o.Wait(t.Context()))
		require.Zero(t, budget.Stats().InFlight, text)
	}
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":9,"method":"echo","params":{"text":"wait"}}`))
	require.Error(t, o.receive(echoRequest(9)), "the same id")
	require.EqualValues(t, 1, budget.Stats().InFlight)
	o.Close(nil)
	require.Error(t, o.receive(echoRequest(10)), "closed")
	require.EqualValues(t, 1, budget.Stats().InFlight, "until the handler has returned")
	close(block)
	require.NoError(t, o.Wait(t.Context()))
	require.Zero(t, budget.Stats().InFlight)
}

func TestHandlerTime(t *testing.T) {
	for over := time.Duration(-1); over <= 1; over++ {
		synctest.Test(t, func(t *testing.T) {
			var cause error
			o := start(t, &handler{echo: func(ctx context.Context, _ *echoParams) (*echoResult, error) {
				select {
				case <-time.After(time.Minute + over):
				case <-ctx.Done():
					cause = context.Cause(ctx)
					time.Sleep(time.Hour) // it takes its time to notice
				}
				return nil, nil
			}}, func(c *rpc.Config) { c.Limits.HandlerTime = time.Minute })
			began := time.Now()
			require.NoError(t, o.receive(echoRequest(1)))
			if over < 0 {
				o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":""}}`)
				return
			}
			got := o.next(t)
			require.Equal(t, time.Minute, time.Since(began))
			if over == 0 && cause == nil {
				return // both at the same moment: either is right
			}
			require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32014,"message":"echo took longer than 1m0s and was given up: context deadline exceeded"}}`, got)
			synctest.Wait()
			require.ErrorIs(t, cause, context.DeadlineExceeded)
			require.EqualValues(t, rpc.CodeTimeout, rpc.CodeOf(cause))
			stats := o.Stats()
			require.EqualValues(t, 1, stats.TimedOut)
			require.Equal(t, 1, stats.InFlight, "it still runs")
			require.NoError(t, o.Wait(context.Background()))
			o.quiet(t)
		})
	}
}

func TestHandlersMayTakeAsLongAsTheyLikeByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := start(t, &handler{echo: func(ctx context.Context, _ *echoParams) (*echoResult, error) {
			time.Sleep(30 * 24 * time.Hour)
			return nil, ctx.Err()
		}})
		require.NoError(t, o.receive(echoRequest(1)))
		o.expect(`{"jsonrpc":"2.0","id":1,"result":{"text":""}}`)
	})
}

// lines runs a session over a pipe into which the test writes, with what it answers collected.
type lines struct {
	*rpc.Session
	conn *rpc.LineConn
	in   *io.PipeWriter
	done chan error
}

func runLines(t *testing.T, h any, limits rpc.LineLimits) *lines {
	r, w := io.Pipe()
	l := &lines{in: w, done: make(chan error, 1), conn: rpc.NewLineConn(r, io.Discard, limits)}
	l.Session = rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, h), Logger: new(logs).logger()})
	l.Attach(rpc.Link{Stream: l.conn, Transport: "test"})
	go func() { l.done <- l.conn.Run(context.Background(), l.Session) }()
	t.Cleanup(func() { _ = w.Close() })
	return l
}

func (l *lines) write(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(l.in, text)
	require.NoError(t, err)
}

func TestTimeToReadALine(t *testing.T) {
	for _, drip := range []bool{false, true} {
		for over := time.Duration(-1); over <= 1; over++ {
			synctest.Test(t, func(t *testing.T) {
				l := runLines(t, nil, rpc.LineLimits{})
				time.Sleep(time.Hour) // silence between messages is no matter
				text := ping(1) + "\n" + ping(2)
				l.write(t, text)
				if drip { // a byte now and then changes nothing
					for range 59 {
						time.Sleep(time.Second)
						l.write(t, " ")
					}
					time.Sleep(time.Second + over)
				} else {
					time.Sleep(time.Minute + over)
				}
				synctest.Wait()
				if over < 0 {
					l.write(t, "\n")
					time.Sleep(time.Hour)
					require.NoError(t, l.Err())
					require.NoError(t, l.in.Close())
					require.NoError(t, <-l.done)
					return
				}
				require.EqualError(t, l.Err(), "session closed: a message did not arrive whole within 1m0s: the peer is too slow")
				require.NoError(t, l.in.Close())
				require.Error(t, <-l.done)
			})
		}
	}
}

func TestTimeToSkipALineThatIsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runLines(t, nil, rpc.LineLimits{Message: 1000, ReadTime: 10 * time.Second})
		l.write(t, strings.Repeat("x", 1002))
		for range 9 {
			time.Sleep(time.Second)
			l.write(t, "x")
		}
		require.NoError(t, l.Err())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Error(t, l.Err())
		require.EqualValues(t, 1, l.conn.Stats().TooLarge)
		require.NoError(t, l.in.Close())
		require.Error(t, <-l.done)
	})
}

func TestTimeToOpenASession(t *testing.T) {
	for _, opened := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := runLines(t, nil, rpc.LineLimits{OpenTime: 30 * time.Second})
			l.write(t, ping(1)+"\n") // does not open it
			time.Sleep(30*time.Second - 1)
			require.NoError(t, l.Err())
			if opened {
				l.SetPeer("2025-11-25", nil)
			}
			time.Sleep(2 * time.Nanosecond)
			synctest.Wait()
			if opened {
				require.NoError(t, l.Err())
			} else {
				require.ErrorIs(t, l.Err(), rpc.ErrIdle)
			}
			require.NoError(t, l.in.Close())
			<-l.done
		})
	}
}

func TestIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runLines(t, &handler{echo: func(context.Context, *echoParams) (*echoResult, error) {
			time.Sleep(3 * time.Hour)
			return nil, nil
		}}, rpc.LineLimits{IdleTime: time.Hour})
		for range 3 { // one below: each message starts the time anew
			time.Sleep(time.Hour - 1)
			l.write(t, ping(1)+"\n")
		}
		l.write(t, echoRequest(2)+"\n")
		time.Sleep(3*time.Hour - 1)
		require.NoError(t, l.Err(), "a handler runs")
		time.Sleep(time.Hour + 1)
		synctest.Wait()
		require.ErrorIs(t, l.Err(), rpc.ErrIdle)
		require.NoError(t, l.in.Close())
		require.ErrorIs(t, <-l.done, rpc.ErrIdle)
	})
}

func TestAFullQueueDropsThePeerIfToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slow{gate: make(chan struct{})}
		s, end := connected(t, w, rpc.LineLimits{QueueMessages: 3, WhenFull: rpc.QueueDropPeer})
		for range 3 { // one below, and at the limit
			require.NoError(t, s.Notify(t.Context(), "x", nil))
		}
		require.NoError(t, s.Err())
		began := time.Now()
		require.ErrorContains(t, s.Notify(t.Context(), "x", nil), "the peer is too slow, 3 messages wait for it")
		require.Zero(t, time.Since(began), "nobody waits")
		<-s.Done()
		close(w.gate)
		require.ErrorIs(t, end(), rpc.ErrClosed)
	})
}

func TestRemoteAddr(t *testing.T) {
	seen := make(chan string, 1)
	o := start(t, &handler{echo: func(ctx context.Context, _ *echoParams) (*echoResult, error) {
		seen <- rpc.RemoteAddrFrom(ctx)
		return nil, nil
	}})
	require.NoError(t, o.receive(echoRequest(1)))
	require.Empty(t, <-seen)
	o.Attach(rpc.Link{Stream: o.wiretap, RemoteAddr: "192.0.2.1:1"})
	require.NoError(t, o.receive(echoRequest(2)))
	require.Equal(t, "192.0.2.1:1", <-seen)
	ctx := context.WithValue(t.Context(), rpc.RemoteAddrKey{}, "192.0.2.2:2")
	require.NoError(t, o.Receive(ctx, []byte(echoRequest(3)), nil))
	require.Equal(t, "192.0.2.2:2", <-seen, "the message's own counts first")
	require.Empty(t, rpc.RemoteAddrFrom(t.Context()))
}
