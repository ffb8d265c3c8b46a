package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// holding is a server whose sessions hold all that a session can hold, and that counts it.
type holding struct {
	*Server
	watching, running atomic.Int64
	sessions          sync.Map // by the name of who called hang: the session
}

type named struct {
	Name int `json:"name"`
}

func newHolding() *holding {
	h := &holding{Server: New("v", "1", HandshakeTimeout(2*time.Second), Logger(slog.New(slog.DiscardHandler)))}
	AddStaticResource(h.Server, "a://1", "n", "", "", OnSubscribe(func(context.Context, string) (func(), error) {
		h.watching.Add(1)
		return func() { h.watching.Add(-1) }, nil
	}))
	AddTool(h.Server, "hang", "", func(ctx context.Context, in named) (string, error) {
		h.running.Add(1)
		defer h.running.Add(-1)
		h.sessions.Store(in.Name, CallFrom(ctx).Session())
		Progress(ctx, 1, 2, "it hangs")
		<-ctx.Done()
		return "", ctx.Err()
	})
	AddTool(h.Server, "ask", "", func(ctx context.Context, in named) (string, error) {
		h.running.Add(1)
		defer h.running.Add(-1)
		_, err := Sample(ctx, "q", &mcp.CreateMessageParams{MaxTokens: 1})
		return "", err
	})
	return h
}

// overLines is a transport of lines to a server, over a connection that can be cut.
type overLines struct {
	h    *holding
	ctx  context.Context // of the server
	cut  chan func()     // gets what cuts the connection
	work *sync.WaitGroup
}

func (l overLines) Connect(_ context.Context, s *rpc.Session) (rpc.Conn, error) {
	a, b := net.Pipe()
	ours, theirs := noDeadlines{a}, noDeadlines{b}
	conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{})
	s.Attach(rpc.Link{Stream: conn, Transport: "test"})
	l.work.Go(func() { _ = stdio.Over(theirs, theirs)(l.ctx, l.h.Server); _ = theirs.Close() })
	l.work.Go(func() { _ = conn.Run(context.Background(), s); _ = ours.Close() })
	l.cut <- func() { _ = ours.Close(); _ = theirs.Close() }
	return closing{s}, nil
}

// noDeadlines hides that the ends of a pipe have deadlines: their timers keep them in memory for as long as they are set.
type noDeadlines struct{ io.ReadWriteCloser }

type closing struct{ s *rpc.Session }

func (c closing) Close() error { c.s.Close(nil); return nil }

// TestSessionsLeaveNothing opens sessions that hold a subscription, calls both ways and progress, drops them in every way
// there is, and finds as many goroutines and as much memory as before. With -short there are fewer.
func TestSessionsLeaveNothing(t *testing.T) {
	sessions := 10_000
	if testing.Short() {
		sessions = 1000
	}
	h := newHolding()
	overHTTP := streamhttp.Handler(h.Server, streamhttp.WithLimits(streamhttp.Limits{IdleTime: 10 * time.Second, OpenTime: 10 * time.Second, RetryTime: 10 * time.Millisecond}), streamhttp.WithLogger(slog.New(slog.DiscardHandler)))
	web := httptest.NewServer(overHTTP)
	shared := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	unplugged := errors.New("unplugged")
	var work sync.WaitGroup

	dial := func(t *testing.T, transport rpc.Transport) *client.Client {
		c, err := client.Dial(context.Background(), client.Info("c", "1"), transport, client.WithoutReconnect(), client.WithoutOutputValidation(),
			client.WithLogger(slog.New(slog.DiscardHandler)),
			client.OnSample(func(ctx context.Context, _ *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}))
		require.NoError(t, err)
		require.NoError(t, c.Subscribe(context.Background(), "a://1"))
		return c
	}
	// occupied runs drop while calls hang both ways, all of which must then end.
	occupied := func(t *testing.T, n int, c *client.Client, drop func()) {
		var calls sync.WaitGroup
		began := make(chan struct{}, 1)
		calls.Go(func() {
			_, err := client.CallTool[string](context.Background(), c, "hang", named{n}, client.OnProgress(func(rpc.Progress) { began <- struct{}{} }))
			require.Error(t, err)
		})
		calls.Go(func() {
			_, err := client.CallTool[string](context.Background(), c, "ask", named{n})
			require.Error(t, err)
		})
		<-began
		drop()
		calls.Wait()
		h.sessions.Delete(n)
		require.NoError(t, c.Close())
	}
	serverSide := func(n int) *rpc.Session {
		s, _ := h.sessions.Load(n)
		return s.(*rpc.Session)
	}
	inMemory := func() rpc.Transport { return pipe.To(h.Server, pipe.Limits{}) }
	endpoint := func() rpc.Transport { return streamhttp.Connect(web.URL, streamhttp.WithClient(shared)) }
	ways := []func(t *testing.T, n int){
		func(t *testing.T, n int) { c := dial(t, inMemory()); occupied(t, n, c, func() { _ = c.Close() }) },
		func(t *testing.T, n int) {
			c := dial(t, inMemory())
			occupied(t, n, c, func() { c.Session().Close(unplugged) })
		},
		func(t *testing.T, n int) {
			c := dial(t, inMemory())
			occupied(t, n, c, func() { serverSide(n).Close(unplugged) })
		},
		func(t *testing.T, n int) { // the connection is cut
			l := overLines{h, context.Background(), make(chan func(), 1), &work}
			c := dial(t, l)
			occupied(t, n, c, <-l.cut)
		},
		func(t *testing.T, n int) { // the server's context ends
			ctx, cancel := context.WithCancel(context.Background())
			c := dial(t, overLines{h, ctx, make(chan func(), 1), &work})
			occupied(t, n, c, cancel)
		},
		func(t *testing.T, n int) { c := dial(t, endpoint()); occupied(t, n, c, func() { _ = c.Close() }) }, // DELETE
		func(t *testing.T, n int) {
			c := dial(t, endpoint())
			occupied(t, n, c, func() { serverSide(n).Close(unplugged) })
		},
		func(t *testing.T, _ int) { // the client is gone without a word, and the session idle
			c := dial(t, endpoint())
			c.Session().Close(unplugged)
		},
		func(t *testing.T, _ int) { // nothing follows initialize, and nothing ends it
			resp, err := shared.Post(web.URL, "application/json", strings.NewReader(initialize))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.NoError(t, resp.Body.Close())
		},
	}
	next := 0
	rounds := func(n int) {
		var workers sync.WaitGroup
		names := make(chan int)
		for range 16 {
			workers.Go(func() {
				for n := range names {
					ways[n%len(ways)](t, n)
				}
			})
		}
		for range n {
			names <- next
			next++
		}
		close(names)
		workers.Wait()
	}
	settle := func() {
		work.Wait()
		require.Eventually(t, func() bool {
			for range h.Sessions() {
				return false
			}
			return h.watching.Load() == 0 && h.running.Load() == 0
		}, 60*time.Second, 10*time.Millisecond)
		shared.CloseIdleConnections()
	}
	measure := func() (goroutines int, heap uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), m.HeapAlloc
	}
	rounds(20 * len(ways))
	settle()
	goroutines, heap := measure()
	rounds(sessions)
	settle()
	require.Eventually(t, func() bool { n, _ := measure(); return n <= goroutines+4 }, 60*time.Second, 50*time.Millisecond, "goroutines are left")
	_, after := measure()
	t.Logf("%d sessions: %d goroutines before, %d after; heap %d KiB before, %d KiB after", sessions, goroutines, runtime.NumGoroutine(), heap>>10, after>>10)
	require.Less(t, after, heap+uint64(sessions)*400, "a session leaves less than the smallest thing it could forget")

	// Shutdown ends what is still open.
	c := dial(t, endpoint())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = overHTTP.Shutdown(ctx)
	require.Eventually(t, func() bool { return h.watching.Load() == 0 }, 10*time.Second, time.Millisecond)
	_ = c.Close()
	web.Close()
	shared.CloseIdleConnections()
}
