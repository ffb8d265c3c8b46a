package streamhttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// post sends a body as it comes, in chunks.
func (w *world) post(session string, body io.Reader) (status int, text string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://server.example/", body)
	if err != nil {
		return 0, err.Error()
	}
	req.Header = http.Header{"Mcp-Session-Id": {session}, "Content-Type": {"application/json"}}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

func TestBodyLimitByDefault(t *testing.T) {
	const most = 16_777_216
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for over := -1; over <= 1; over++ {
			body := call(1, "unknown", `{}`)
			body += strings.Repeat(" ", most+over-len(body))
			status, text := w.post(s, io.MultiReader(strings.NewReader(body))) // of unknown length
			if over <= 0 {
				require.Equal(t, http.StatusOK, status, text)
				require.Contains(t, text, "-32601")
			} else {
				require.Equal(t, http.StatusRequestEntityTooLarge, status)
			}
		}
		status, _, _ := w.answer(request{session: s, body: call(2, "echo", `{}`)})
		require.Equal(t, http.StatusOK, status, "the session goes on")
		require.EqualValues(t, 1, w.h.Stats().TooLarge)
	})
}

func TestAnswerAtTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for over := -1; over <= 1; over++ {
			params := `{"x":"` + strings.Repeat("x", 1000+over-len(result(1, `{"x":""}`))) + `"}`
			w.app.handle = func(context.Context, *rpc.Message) (wire.Appender, error) { return wire.MustRaw(params), nil }
			_, text, _ := w.answer(request{session: s, body: call(1, "x/large", `{}`)})
			if over <= 0 {
				require.Equal(t, result(1, params), text)
			} else {
				require.Contains(t, text, "the result is too large to be sent")
			}
		}
	}, streamhttp.WithLimits(streamhttp.Limits{Message: 1000}))
}

func TestTimeToReadABody(t *testing.T) {
	for _, drip := range []bool{false, true} {
		for over := time.Duration(-1); over <= 1; over++ {
			inBubble(t, func(t *testing.T, w *world) {
				s := w.open(newest)
				body := call(1, "echo", `{}`)
				r, in := io.Pipe()
				written := make(chan struct{})
				defer func() { <-written }()
				go func() {
					defer close(written)
					_, _ = io.WriteString(in, body[:20])
					if drip { // a byte now and then changes nothing
						for i := range 10 {
							time.Sleep(time.Second)
							_, _ = io.WriteString(in, body[20+i:21+i])
						}
						time.Sleep(50*time.Second + over)
						body = body[10:]
					} else {
						time.Sleep(time.Minute + over)
					}
					_, _ = io.WriteString(in, body[20:])
					_ = in.Close()
				}()
				began := time.Now()
				status, text := w.post(s, r)
				if over < 0 {
					require.Equal(t, http.StatusOK, status, text)
					return
				}
				if over == 0 && status == http.StatusOK {
					return // both at the same moment: either is right
				}
				require.Equal(t, http.StatusRequestTimeout, status, text)
				require.Equal(t, time.Minute, time.Since(began).Round(time.Microsecond))
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the body did not arrive in time, 1m0s"}}`, text)
				require.EqualValues(t, 1, w.h.Stats().SlowReads)
			})
		}
	}
}

// A session's requests may come as slowly as they like one after the other, on one connection.
func TestTheTimeToReadABodyIsNotThatOfTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for range 4 {
			status, _, _ := w.answer(request{session: s, body: call(1, "echo", `{}`)})
			require.Equal(t, http.StatusOK, status)
			time.Sleep(20 * time.Minute)
		}
		go func() {
			<-w.app.waiting
			time.Sleep(time.Hour)
			close(w.app.release)
		}()
		status, text := w.post(s, strings.NewReader(call(1, "wait", `{}`)))
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, text, `{"waited":true}`)
	})
}

// endless is a text without end.
type endless struct{ left int }

func (e *endless) Read(b []byte) (int, error) {
	n := min(len(b), e.left)
	for i := range b[:n] {
		b[i] = ' '
	}
	if e.left -= n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Fifty clients that send too much at once, and fifty that send the start of it and stop, hold no more than the room for
// large bodies, which they get one after the other. Small ones go on meanwhile.
func TestFiftyOversizedBodiesAtOnce(t *testing.T) {
	const most, room, n = 1 << 20, 4 << 20, 50
	for _, stops := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *world) {
			s := w.open(newest)
			before := live()
			var wait sync.WaitGroup
			var mu sync.Mutex
			statuses := map[int]int{}
			peak := uint64(0)
			for range n {
				wait.Go(func() {
					body := io.Reader(&endless{most + 1})
					if stops {
						r, in := io.Pipe()
						body = io.MultiReader(&endless{most / 2}, r)
						defer func() { _ = in.Close() }()
					}
					status, _ := w.post(s, body)
					mu.Lock()
					defer mu.Unlock()
					peak = max(peak, live())
					statuses[status]++
				})
			}
			if stops {
				synctest.Wait()
				require.EqualValues(t, room, w.h.Stats().ReadBytes)
				peak = live()
				status, _, _ := w.answer(request{session: s, body: call(2, "echo", `{}`)})
				require.Equal(t, http.StatusOK, status)
			}
			wait.Wait()
			if !stops {
				require.Equal(t, map[int]int{413: n}, statuses)
			} else {
				require.Zero(t, statuses[200])
				require.EqualValues(t, n, w.h.Stats().SlowReads+w.h.Stats().Busy)
			}
			require.Less(t, peak-min(peak, before), uint64(2*room+n*(512<<10)), "stops: %v", stops)
			require.Zero(t, w.h.Stats().ReadBytes, "all is given back")
		}, streamhttp.WithLimits(streamhttp.Limits{Message: most, ReadBytes: room}))
	}
}

// live is how many bytes of objects are referred to.
func live() uint64 {
	runtime.GC()
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

const initialize = `{"protocolVersion":"` + newest + `"}`

// from posts from an address, straight to the handler.
func (w *world) from(address, session, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://server.example/", strings.NewReader(body))
	r.RemoteAddr = address
	r.Header.Set("Content-Type", "application/json")
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func TestSessionsPerAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		open := func(address string) *httptest.ResponseRecorder {
			return w.from(address, "", call(0, "initialize", initialize))
		}
		first := open("192.0.2.1:1")
		require.Equal(t, 200, first.Code)
		require.Equal(t, 200, open("192.0.2.1:2").Code, "at the limit")
		third := open("192.0.2.1:3")
		require.Equal(t, http.StatusServiceUnavailable, third.Code)
		require.Equal(t, "5", third.Header().Get("Retry-After"))
		require.Contains(t, third.Body.String(), "-32010")
		for _, other := range []string{"192.0.2.2:1", "[2001:db8::1]:1", "[2001:db8::2]:1"} {
			require.Equal(t, 200, open(other).Code, "others are not concerned")
		}
		require.Equal(t, 503, open("[2001:db8::3]:1").Code, "64 bits of an IPv6 address are one")
		require.EqualValues(t, 2, w.h.Stats().Full)
		require.Equal(t, 5, w.h.Stats().Sessions)
		w.answer(request{method: http.MethodDelete, session: first.Header().Get("Mcp-Session-Id")})
		require.Equal(t, 200, open("192.0.2.1:4").Code, "there is room again")
		require.Equal(t, 503, open("192.0.2.1:5").Code)
		time.Sleep(time.Hour) // all are idle
		require.Equal(t, 200, open("192.0.2.1:6").Code)
		require.Equal(t, 200, open("192.0.2.1:7").Code)
		require.Equal(t, 503, open("192.0.2.1:8").Code)
		require.EqualValues(t, 5, w.h.Stats().Idle)
		require.EqualValues(t, 8, w.h.Stats().Opened)
	}, streamhttp.WithLimits(streamhttp.Limits{SessionsPerAddress: 2}))
}

func TestSessionsAreOpenedAtARate(t *testing.T) {
	for name, limits := range map[string]streamhttp.Limits{
		"in all":      {Opens: ratelimit.Rate{PerSecond: 0.5, Burst: 3}},
		"per address": {OpensPerAddress: ratelimit.Rate{PerSecond: 0.5, Burst: 3}},
	} {
		inBubble(t, func(t *testing.T, w *world) {
			open := func(address string) *httptest.ResponseRecorder {
				return w.from(address, "", call(0, "initialize", initialize))
			}
			var s string
			for range 3 { // one below, and at the limit
				rec := open("192.0.2.1:1")
				require.Equal(t, 200, rec.Code)
				s = rec.Header().Get("Mcp-Session-Id")
			}
			rec := open("192.0.2.1:1")
			require.Equal(t, http.StatusTooManyRequests, rec.Code)
			require.Equal(t, "2", rec.Header().Get("Retry-After"))
			require.Contains(t, rec.Body.String(), `"code":-32010`)
			require.Equal(t, map[string]int{"in all": 429, "per address": 200}[name], open("192.0.2.2:1").Code)
			require.Equal(t, 200, w.from("192.0.2.1:1", s, call(1, "echo", `{}`)).Code, "calls are not concerned")
			time.Sleep(2 * time.Second)
			require.Equal(t, 200, open("192.0.2.1:1").Code)
			require.Positive(t, w.h.Stats().RateLimited)
		}, streamhttp.WithLimits(limits))
	}
}

func TestSessionsMayBeOpenedAsFastAsThereMayBeAny(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const most = 20_000 // the default
		for i := range most {
			require.Equal(t, 200, w.from("192.0.2.1:1", "", call(0, "initialize", initialize)).Code, i)
		}
		require.Equal(t, http.StatusTooManyRequests, w.from("192.0.2.1:1", "", call(0, "initialize", initialize)).Code)
		time.Sleep(time.Second)
		require.Equal(t, http.StatusServiceUnavailable, w.from("192.0.2.1:1", "", call(0, "initialize", initialize)).Code, "more than 20,000 at once")
		require.Equal(t, most, w.h.Stats().Sessions)
	})
}

func TestQueueOfAStream(t *testing.T) {
	one := `{"x":"` + strings.Repeat("x", 100_000) + `"}`
	for name, c := range map[string]struct {
		limits streamhttp.Limits
		waits  time.Duration
	}{
		"messages, wait": {streamhttp.Limits{QueueMessages: 5, WriteTime: 5 * time.Second, WaitingBytes: -1}, 5 * time.Second},
		"messages, drop": {streamhttp.Limits{QueueMessages: 5, WriteTime: 5 * time.Second, WaitingBytes: -1, WhenFull: rpc.QueueDropPeer}, 0},
		"bytes, drop":    {streamhttp.Limits{QueueBytes: 5 * 100_000, WriteTime: 5 * time.Second, WaitingBytes: -1, WhenFull: rpc.QueueDropPeer}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				sent := make(chan time.Duration, 1)
				w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
					first := elapsed(func() {
						_ = m.Session().Notify(ctx, "note", wire.MustRaw(one))
						synctest.Wait() // it, and the priming event, are being written: nobody reads
						for range 5 {   // one below, and at the limit
							_ = m.Session().Notify(ctx, "note", wire.MustRaw(one))
						}
					})
					if first > 0 || w.h.Stats().QueueFull > 0 {
						sent <- -1
						return nil, nil
					}
					sent <- elapsed(func() { _ = m.Session().Notify(ctx, "note", wire.MustRaw(one)) })
					return nil, nil
				}
				s := w.open(newest)
				e := w.stream(request{session: s, body: call(1, "x/much", `{}`)})
				require.Equal(t, c.waits, <-sent)
				require.EqualValues(t, 1, w.h.Stats().SlowWrites)
				_, _ = io.ReadAll(e.resp.Body) // it ends, in one way or another
				again := w.stream(request{method: http.MethodGet, session: s, header: map[string]string{"Last-Event-ID": "1-1"}})
				require.Contains(t, again.next(), "id: 1-2\n", "nothing is lost")
			}, streamhttp.WithLimits(c.limits))
		})
	}
}

func TestRemoteAddressOfACall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var seen []string
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			seen = append(seen, rpc.RemoteAddrFrom(ctx))
			return nil, nil
		}
		s := w.from("192.0.2.1:1", "", call(0, "initialize", initialize)).Header().Get("Mcp-Session-Id")
		w.from("192.0.2.1:1", s, call(1, "x/a", `{}`))
		w.from("192.0.2.2:2", s, call(2, "x/b", `{}`))
		require.Equal(t, []string{"192.0.2.1:1", "192.0.2.2:2"}, seen)
	})
}

// Pings are sent while the client listens, and only then; one that listens and does not answer is dead.
func TestPeriodicPingsNeedAListener(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		session.KeepPinging(rpc.Pings{Every: 20 * time.Second, Misses: 2})
		echo := func(id int) int {
			status, _, _ := w.answer(request{session: s, body: call(id, "echo", `{}`)})
			return status
		}
		require.Equal(t, 200, echo(1))
		time.Sleep(10 * time.Minute)
		require.Equal(t, 200, echo(2), "nobody listened, so nothing was missed")
		get := w.stream(request{method: http.MethodGet, session: s})
		require.Equal(t, priming("0-1"), get.next())
		require.Equal(t, event("0-2", `{"jsonrpc":"2.0","id":1,"method":"ping"}`), get.next())
		w.answer(request{session: s, body: result(1, `{}`)})
		require.Equal(t, event("0-3", `{"jsonrpc":"2.0","id":2,"method":"ping"}`), get.next())
		_, _ = io.Copy(io.Discard, get.in)
		require.ErrorIs(t, session.Err(), rpc.ErrUnresponsive)
		require.Equal(t, 404, echo(3))
	})
}

func TestTimeToOpenAndIdleTimeAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for range 3 {
			w.open(newest)
		}
		require.Equal(t, streamhttp.Stats{Sessions: 3, Opened: 3}, w.h.Stats())
		time.Sleep(time.Minute)
		require.Equal(t, streamhttp.Stats{Opened: 3, Idle: 3}, w.h.Stats())
	})
}

func TestBatchLength(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(oldest)
		batch := func(n int) (int, string) {
			var all []string
			for i := range n {
				all = append(all, call(i, "echo", `{}`))
			}
			status, text, _ := w.answer(request{session: s, body: "[" + strings.Join(all, ",") + "]"})
			return status, text
		}
		for n, want := range map[int]int{2: 200, 3: 200, 4: 400} {
			status, text := batch(n)
			require.Equal(t, want, status, text)
			if want == 400 {
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the batch has 4 messages, the limit is 3"}}`, text)
			}
		}
	}, streamhttp.WithLimits(streamhttp.Limits{Batch: 3}))
}

func TestHeaderOfTheLongestLength(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for n, want := range map[int]int{4095: 200, 4096: 200, 4097: 431} {
			accept := "application/json, text/event-stream"
			accept += strings.Repeat(" ", n-len(accept)-1) + ","
			status, text, _ := w.answer(request{session: s, header: map[string]string{"Accept": accept}, body: call(1, "echo", `{}`)})
			require.Equal(t, want, status, fmt.Sprint(n, text))
		}
	})
}

// A server's answer may have a header of 256 KiB, as net/http counts it: one of a little less passes, one of more does not.
func TestHeaderOfAnAnswer(t *testing.T) {
	for size, passes := range map[int]bool{255 << 10: true, 257 << 10: false} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", size))
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
		}))
		s := rpc.NewSession(rpc.Config{})
		conn, err := streamhttp.Connect(web.URL, streamhttp.WithoutListening()).Connect(t.Context(), s)
		require.NoError(t, err)
		err = s.Call(t.Context(), "ping", nil, nil)
		if passes {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "server response headers exceeded 262144 bytes")
		}
		require.NoError(t, conn.Close())
		web.Close()
	}
}

// The time to read is over once the body is there, however little that time is.
func TestACallMayTakeLongerThanItsBody(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			time.Sleep(150 * time.Millisecond)
			return nil, nil
		}
		s := w.open(newest)
		status, text := w.post(s, strings.NewReader(call(1, "x/slow", `{}`)))
		require.Equal(t, http.StatusOK, status, text)
		require.Equal(t, result(1, `{}`), text)
	}, streamhttp.WithLimits(streamhttp.Limits{ReadTime: 100 * time.Millisecond}))
}
