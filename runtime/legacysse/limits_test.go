package legacysse_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

func withLocalAddr(r *http.Request, addr any) context.Context {
	return context.WithValue(r.Context(), http.LocalAddrContextKey, addr)
}

func TestSessionsLimit(t *testing.T) {
	for name, limits := range map[string]legacysse.Limits{
		"in all": {Sessions: 2}, "per address": {SessionsPerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				first := w.get("/sse")
				w.get("/sse")
				status, _, h := w.send(http.MethodGet, "/sse", "")
				require.Equal(t, 503, status)
				require.Equal(t, "5", h.Get("Retry-After"))
				require.EqualValues(t, 1, w.h.Stats().Full)
				first.close()
				w.get("/sse")
				require.Equal(t, 2, w.h.Stats().Sessions)
			}, legacysse.WithLimits(limits))
		})
	}
}

func TestOpensAreRateLimited(t *testing.T) {
	for name, limits := range map[string]legacysse.Limits{
		"in all": {Opens: ratelimit.Rate{PerSecond: 0.1}}, "per address": {OpensPerAddress: ratelimit.Rate{PerSecond: 0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.get("/sse").close()
				status, _, h := w.send(http.MethodGet, "/sse", "")
				require.Equal(t, 429, status)
				require.Equal(t, "10", h.Get("Retry-After"))
				require.EqualValues(t, 1, w.h.Stats().RateLimited)
				time.Sleep(10 * time.Second)
				w.get("/sse")
			}, legacysse.WithLimits(limits))
		})
	}
}

func TestASessionNobodyInitializesEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.get("/sse")
		began := time.Now()
		go func() { // pings do not keep it
			for range 5 {
				time.Sleep(5 * time.Second)
				e.post(call(1, "ping", `{}`))
			}
		}()
		for e.next() != "" {
			continue
		}
		require.Equal(t, 30*time.Second, time.Since(began))
		synctest.Wait()
		require.EqualValues(t, 1, w.h.Stats().NeverOpened)
		require.Zero(t, w.h.Stats().Sessions)
	})
}

func TestIdleSessionsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		time.Sleep(29 * time.Minute)
		e.post(call(1, "wait", `{}`)) // while it runs the session is not idle
		time.Sleep(time.Hour)
		close(w.app.release)
		for e.next() == ":" { // kept alive all the time
			continue
		}
		began := time.Now()
		comments, last := 0, ""
		for last = e.next(); last == ":"; last = e.next() {
			comments++
		}
		require.Equal(t, 30*time.Minute, time.Since(began))
		require.Equal(t, 59, comments)
		require.Empty(t, last, "the stream has ended as it should")
		synctest.Wait()
		require.EqualValues(t, 1, w.h.Stats().Idle)
	})
}

// deaf is a ResponseWriter whose client takes nothing once it is told to: a write ends at its deadline.
type deaf struct {
	*httptest.ResponseRecorder
	from     chan struct{}
	deadline time.Time
}

func (d *deaf) SetReadDeadline(time.Time) error { return nil }
func (d *deaf) SetWriteDeadline(t time.Time) error {
	d.deadline = t
	return nil
}

func (d *deaf) Write(b []byte) (int, error) {
	select {
	case <-d.from:
		time.Sleep(time.Until(d.deadline))
		return 0, os.ErrDeadlineExceeded
	default:
		return d.ResponseRecorder.Write(b)
	}
}

// toDeaf opens a session for a client that stops to read after the endpoint.
func toDeaf(t *testing.T, limits legacysse.Limits) (*rpc.Session, *legacysse.Server, <-chan struct{}) {
	a := newApp()
	h := legacysse.Handler(a, legacysse.WithLimits(limits))
	d := &deaf{ResponseRecorder: httptest.NewRecorder(), from: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(d, httptest.NewRequest(http.MethodGet, "/sse", nil).WithContext(t.Context()))
	}()
	s := <-a.sessions
	s.SetPeer(version, nil)
	synctest.Wait()
	close(d.from)
	return s, h, done
}

func TestAClientThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h, done := toDeaf(t, legacysse.Limits{QueueMessages: 3})
		began := time.Now()
		for range 3 {
			require.NoError(t, s.Notify(t.Context(), "note", nil))
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Notify(impatient, "note", nil), context.DeadlineExceeded)
		require.ErrorIs(t, s.Notify(t.Context(), "note", nil), rpc.ErrClosed)
		<-done
		require.Equal(t, 30*time.Second, time.Since(began))
		require.ErrorContains(t, s.Err(), "the client does not take what is sent to it")
		require.EqualValues(t, 1, h.Stats().SlowWrites)
		require.EqualValues(t, 2, h.Stats().QueueFull)
		require.Zero(t, h.Stats().Sessions)
	})
}

func TestAFullQueueMayEndTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h, done := toDeaf(t, legacysse.Limits{QueueBytes: 10, WhenFull: rpc.QueueDropPeer})
		began := time.Now()
		require.NoError(t, s.Notify(t.Context(), "note", nil))
		require.ErrorIs(t, s.Notify(t.Context(), "note", nil), rpc.ErrClosed)
		require.Zero(t, time.Since(began))
		<-done
		require.EqualValues(t, 1, h.Stats().SlowWrites)
	})
}

// A body that does not arrive in time is refused, whatever the server's own times are.
func TestSlowBody(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		c, err := w.listen.dial(t.Context(), "", "")
		require.NoError(t, err)
		began := time.Now()
		head := "POST " + e.endpoint + " HTTP/1.1\r\nHost: server.example\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
		_, err = io.WriteString(c, head)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.Equal(t, 408, resp.StatusCode)
		require.True(t, resp.Close)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, c.Close())
		require.Equal(t, time.Minute, time.Since(began))
		require.EqualValues(t, 1, w.h.Stats().SlowReads)
		e.post(call(1, "echo", `{}`))
		for e.next() == ":" {
			continue
		}
	})
}

// Large bodies share room: who finds none is told to come again.
func TestRoomForLargeBodies(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		stuck := func() net.Conn { // sends half of a large body
			c, err := w.listen.dial(t.Context(), "", "")
			require.NoError(t, err)
			head := "POST " + e.endpoint + " HTTP/1.1\r\nHost: server.example\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
			go func() { _, _ = io.WriteString(c, head+strings.Repeat(" ", 100_000)) }()
			synctest.Wait()
			return c
		}
		first := stuck()
		require.EqualValues(t, 200_000, w.h.Stats().ReadBytes)
		time.Sleep(30 * time.Minute)
		second := stuck() // has its turn when the first is given up, after half an hour more
		time.Sleep(time.Minute)
		status, _, h := w.send(http.MethodPost, e.endpoint, strings.Repeat(" ", 150_000)+call(1, "echo", `{}`))
		require.Equal(t, 503, status)
		require.Equal(t, "5", h.Get("Retry-After"))
		require.EqualValues(t, 1, w.h.Stats().Busy)
		require.EqualValues(t, 1, w.h.Stats().SlowReads)
		require.NoError(t, first.Close())
		require.NoError(t, second.Close())
		synctest.Wait()
		require.Zero(t, w.h.Stats().ReadBytes)
	}, legacysse.WithLimits(legacysse.Limits{ReadBytes: 250_000, ReadTime: time.Hour, IdleTime: -1}))
}

func TestShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e, idle := w.open(), w.open()
		e.post(call(1, "wait", `{}`))
		<-w.app.waiting
		down := make(chan error, 1)
		go func() { down <- w.h.Shutdown(t.Context()) }()
		synctest.Wait()
		status, _, h := w.send(http.MethodGet, "/sse", "")
		require.Equal(t, 503, status)
		require.Equal(t, "5", h.Get("Retry-After"))
		status, answer, _ := w.send(http.MethodPost, e.endpoint, call(2, "echo", `{}`))
		require.Equal(t, 503, status)
		require.Equal(t, message(answer), e.next())
		e.post(`{"jsonrpc":"2.0","method":"still"}`)
		close(w.app.release)
		require.NoError(t, <-down)
		require.Equal(t, message(result(1, `{"waited":true}`)), e.next(), "what runs is answered")
		require.Empty(t, e.next())
		require.Empty(t, idle.next())
	})
}

func TestShutdownCutsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		e.post(call(1, "wait", `{}`))
		<-w.app.waiting
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() {
			for e.next() != "" {
				continue
			}
		}()
		err := w.h.Shutdown(ctx)
		require.EqualError(t, err, "legacysse: shut down with 1 requests of 1 sessions in flight: context deadline exceeded")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, <-w.app.ended, rpc.ErrClosed)
	})
}
