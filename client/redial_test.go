package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// breakable is a transport whose connections break.
type breakable struct {
	to      rpc.Transport
	backoff rpc.Backoff

	mu       sync.Mutex
	sessions []*rpc.Session
	attempts []time.Time
	down     bool
}

func (b *breakable) Backoff() rpc.Backoff { return b.backoff }

func (b *breakable) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts = append(b.attempts, time.Now())
	if b.down {
		return nil, errDown
	}
	b.sessions = append(b.sessions, s)
	return b.to.Connect(ctx, s)
}

var errDown = errors.New("connection refused")

// breaks breaks the newest connection; the server is down after that, or not.
func (b *breakable) breaks(down bool) {
	b.mu.Lock()
	b.down = down
	s := b.sessions[len(b.sessions)-1]
	b.mu.Unlock()
	s.Close(fmt.Errorf("%w: broken pipe", rpc.ErrSessionEnded))
}

func (b *breakable) up() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = false
}

// waits gives the times between attempts to connect.
func (b *breakable) waits() []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var waits []time.Duration
	for i := range b.attempts[1:] {
		waits = append(waits, b.attempts[i+1].Sub(b.attempts[i]))
	}
	return waits
}

// redial runs f where time passes at once when all wait.
func redial(t *testing.T, backoff rpc.Backoff, f func(t *testing.T, b *breakable, server *fake, c *client.Client), opts ...client.Option) {
	synctest.Test(t, func(t *testing.T) {
		server := &fake{capabilities: everything()}
		b := &breakable{to: pipe.To(server.acceptor(), pipe.Limits{}), backoff: backoff}
		c, err := client.Dial(t.Context(), client.Info("test", "1"), b, append(opts, client.WithLogger(quiet))...)
		require.NoError(t, err)
		f(t, b, server, c)
		_ = c.Close()
	})
}

func TestABrokenConnectionIsReplacedByTheNextCall(t *testing.T) {
	redial(t, rpc.Backoff{}, func(t *testing.T, b *breakable, server *fake, c *client.Client) {
		time.Sleep(time.Minute)
		b.breaks(false)
		time.Sleep(time.Hour)
		require.Len(t, b.sessions, 1, "nobody needed it")
		require.NoError(t, c.Ping(t.Context()))
		require.Equal(t, 2, server.count(mcp.MethodInitialize))
		require.Equal(t, []time.Duration{time.Minute + time.Hour}, b.waits(), "after a connection that lasted there is no wait")

		b.breaks(false)
		began := time.Now()
		require.NoError(t, c.Ping(t.Context()))
		require.GreaterOrEqual(t, time.Since(began), time.Second, "after one that did not there is")
		require.LessOrEqual(t, time.Since(began), 3*time.Second)
		require.NoError(t, c.Err())
	})
}

// What is in flight when the connection breaks is not repeated: nobody knows whether it was done.
func TestCallsInFlightAreLostWithTheirConnection(t *testing.T) {
	redial(t, rpc.Backoff{}, func(t *testing.T, b *breakable, server *fake, c *client.Client) {
		server.call = func(ctx context.Context, _ *mcp.CallToolParams) (*mcp.CallToolResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		done := make(chan error, 1)
		go func() {
			_, err := client.CallTool[string](t.Context(), c, "t", nil)
			done <- err
		}()
		synctest.Wait()
		b.breaks(false)
		err := <-done
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.ErrorContains(t, err, "broken pipe")
		require.Equal(t, 1, server.count(mcp.MethodCallTool))
		require.NoError(t, c.Ping(t.Context()))
	})
}

// Attempts are made ever more rarely, 1 s to 60 s apart, and at random, until they are given up; the next call begins anew.
func TestWaitsBetweenAttempts(t *testing.T) {
	for backoff, want := range map[rpc.Backoff]struct {
		min, max time.Duration
		attempts int
	}{
		{}: {time.Second, time.Minute, 10},
		{Min: 5 * time.Second, Max: 7 * time.Second, Attempts: 3}: {5 * time.Second, 7 * time.Second, 3},
	} {
		redial(t, backoff, func(t *testing.T, b *breakable, server *fake, c *client.Client) {
			b.breaks(true)
			for range 2 {
				before := len(b.waits())
				err := c.Ping(t.Context())
				require.ErrorIs(t, err, errDown)
				require.ErrorIs(t, err, rpc.ErrSessionEnded)
				waits := b.waits()[before:]
				require.Len(t, waits, want.attempts)
				for _, wait := range waits[1:] {
					require.GreaterOrEqual(t, wait, want.min)
					require.LessOrEqual(t, wait, want.max)
				}
			}
			b.up()
			require.NoError(t, c.Ping(t.Context()))
			require.Equal(t, 2, server.count(mcp.MethodInitialize))
		}, client.WithTimeout(-1))
	}
}

// A call does not wait longer than its own time, nor a client that is closed at all.
func TestWaitingForAnAttemptEnds(t *testing.T) {
	redial(t, rpc.Backoff{Min: time.Hour, Max: time.Hour}, func(t *testing.T, b *breakable, _ *fake, c *client.Client) {
		b.breaks(true)
		require.ErrorIs(t, c.Ping(t.Context(), client.Timeout(time.Minute)), context.DeadlineExceeded)
		done := make(chan error, 1)
		go func() { done <- c.Ping(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		_ = c.Close()
		require.ErrorIs(t, <-done, rpc.ErrClosed)
		require.Zero(t, time.Since(began))
	})
}

// A client with subscriptions comes back by itself, and takes them up again: after a wait, as others lost the server too.
func TestSubscriptionsBringAClientBack(t *testing.T) {
	redial(t, rpc.Backoff{}, func(t *testing.T, b *breakable, server *fake, c *client.Client) {
		require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
		time.Sleep(time.Hour)
		for n := 1; n <= 3; n++ {
			b.breaks(false)
			time.Sleep(time.Minute)
			require.Equal(t, n+1, server.count(mcp.MethodSubscribe))
		}
		require.GreaterOrEqual(t, b.waits()[0], time.Hour+time.Second)
		require.LessOrEqual(t, b.waits()[0], time.Hour+3*time.Second)
	})
}

func TestWithoutReconnectABrokenConnectionIsFinal(t *testing.T) {
	redial(t, rpc.Backoff{}, func(t *testing.T, b *breakable, server *fake, c *client.Client) {
		require.NoError(t, c.Subscribe(t.Context(), "test:///1"))
		b.breaks(false)
		<-c.Done()
		require.ErrorIs(t, c.Err(), rpc.ErrSessionEnded)
		require.Error(t, c.Ping(t.Context()))
		require.Len(t, b.sessions, 1)
	}, client.WithoutReconnect())
}
