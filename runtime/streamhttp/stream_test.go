package streamhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// priming is the event that a stream begins with for clients that know of such.
func priming(id string) string { return "id: " + id + "\nretry: 1000\ndata:" }

func event(id, data string) string { return "id: " + id + "\ndata: " + data }

func TestInterimMessageMakesAnEventStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		began := time.Now()
		e := w.stream(request{session: s, body: call(1, "sayAndWait", `{"n":1}`)})
		require.Equal(t, priming("1-1"), e.next())
		require.Equal(t, event("1-2", note("note", `{"n":1}`)), e.next())
		require.Zero(t, time.Since(began), "at once")
		require.Equal(t, "no-cache, no-transform", e.resp.Header.Get("Cache-Control"))
		close(w.app.release)
		require.Equal(t, event("1-3", result(1, `{"waited":true}`)), e.next())
		require.Empty(t, e.next(), "the stream ends with the response")
	})
}

func TestLongCallBecomesAnEventStream(t *testing.T) {
	for name, limits := range map[string]streamhttp.Limits{"default": {}, "set": {QuietTime: 3 * time.Second, RetryTime: 50 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				s := w.open(newest)
				quiet, first := 200*time.Millisecond, priming("1-1")
				if name == "set" {
					quiet, first = 3*time.Second, "id: 1-1\nretry: 50\ndata:"
				}
				began := time.Now()
				e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
				require.Equal(t, quiet, time.Since(began))
				require.Equal(t, first, e.next())
				close(w.app.release)
				require.Equal(t, event("1-2", result(1, `{"waited":true}`)), e.next())
				require.Empty(t, e.next())
			}, streamhttp.WithLimits(limits))
		})
	}
}

func TestNoPrimingEventForOlderClients(t *testing.T) {
	for _, version := range []string{older, oldest} {
		inBubble(t, func(t *testing.T, w *world) {
			s := w.open(version)
			e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
			get := w.stream(request{method: http.MethodGet, session: s})
			require.NoError(t, (<-w.app.sessions).Notify(t.Context(), "x", nil))
			require.Equal(t, event("0-1", `{"jsonrpc":"2.0","method":"x"}`), get.next())
			close(w.app.release)
			require.Equal(t, event("1-1", result(1, `{"waited":true}`)), e.next())
		})
	}
}

func TestStreamOnlyClient(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		only := map[string]string{"Accept": "text/event-stream"}
		e := w.stream(request{session: s, header: only, body: call(1, "echo", `{}`)})
		require.Equal(t, "data: "+result(1, `{}`), e.next(), "a quiet call too")
		require.Empty(t, e.next())
	})
}

func TestJSONOnlyClient(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		only := map[string]string{"Accept": "application/json"}
		go func() {
			time.Sleep(time.Second)
			close(w.app.release)
		}()
		began := time.Now()
		status, body, header := w.answer(request{session: s, header: only, body: call(1, "sayAndWait", `{}`)})
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		require.Equal(t, result(1, `{"waited":true}`), body, "one object, however long it takes and whatever is said meanwhile")
		require.Equal(t, time.Second, time.Since(began))

		_, body, _ = w.answer(request{session: s, header: only, body: call(2, "ask", `{}`)})
		require.Equal(t, `{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"question was not sent: the client takes only JSON `+
			`for this request, so it cannot be asked anything while it runs"}}`, body)
	})
}

func TestAskingTheClientWithinACall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "ask", `{"q":1}`)})
		require.Equal(t, priming("1-1"), e.next())
		require.Equal(t, event("1-2", `{"jsonrpc":"2.0","id":1,"method":"question","params":{"q":1}}`), e.next())
		status, _, _ := w.answer(request{session: s, body: result(1, `{"a":2}`)})
		require.Equal(t, http.StatusAccepted, status)
		require.Equal(t, event("1-3", result(1, `{"a":2}`)), e.next())
		require.Empty(t, e.next())
	})
}

func TestEachMessageIsOnOneStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		get := w.stream(request{method: http.MethodGet, session: s})
		require.Equal(t, priming("0-1"), get.next())
		var posts []*events
		for i := range 3 {
			e := w.stream(request{session: s, body: call(i+1, "sayAndWait", `{}`)})
			n := string(rune('1' + i))
			require.Equal(t, priming(n+"-1"), e.next())
			require.Equal(t, event(n+"-2", note("note", `{}`)), e.next())
			posts = append(posts, e)
		}
		require.NoError(t, session.Notify(t.Context(), "own", nil))
		require.Equal(t, event("0-2", `{"jsonrpc":"2.0","method":"own"}`), get.next())
		close(w.app.release)
		for i, e := range posts {
			n := string(rune('1' + i))
			require.Equal(t, event(n+"-3", result(i+1, `{"waited":true}`)), e.next())
			require.Empty(t, e.next())
		}
		synctest.Wait()
		require.Zero(t, get.in.Buffered(), "nothing else came on the session's own stream")
	})
}

func TestNewGETTakesOverFromTheOld(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		first := w.stream(request{method: http.MethodGet, session: s})
		require.Equal(t, priming("0-1"), first.next())
		second := w.stream(request{method: http.MethodGet, session: s})
		require.Empty(t, first.next(), "the old one ends")
		require.Equal(t, priming("0-2"), second.next())
		require.NoError(t, session.Notify(t.Context(), "own", nil))
		require.Equal(t, event("0-3", `{"jsonrpc":"2.0","method":"own"}`), second.next())
	})
}

func TestMessagesWaitForAClientThatListensLater(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		require.NoError(t, session.Notify(t.Context(), "early", nil))
		asked := make(chan error, 1)
		go func() { asked <- session.Call(t.Context(), "question", nil, nil) }()
		synctest.Wait()
		get := w.stream(request{method: http.MethodGet, session: s})
		require.Equal(t, event("0-1", `{"jsonrpc":"2.0","method":"early"}`), get.next())
		require.Equal(t, event("0-2", `{"jsonrpc":"2.0","id":1,"method":"question"}`), get.next())
		require.Equal(t, priming("0-3"), get.next())
		w.answer(request{session: s, body: result(1, `{}`)})
		require.NoError(t, <-asked)
	})
}

func TestTooMuchWaitsForAClientThatDoesNotListen(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.open(newest)
		session := <-w.app.sessions
		big := wire.MustRaw(`{"x":"` + strings.Repeat("x", 90) + `"}`)
		require.NoError(t, session.Notify(t.Context(), "first", big), "alone it is taken")
		require.NoError(t, session.Notify(t.Context(), "second", big))
		require.Contains(t, w.logs.String(), "dropped a notification")
		err := session.Call(t.Context(), "question", nil, nil)
		require.ErrorContains(t, err, "the client does not listen, and too much is waiting for it")
	}, streamhttp.WithLimits(streamhttp.Limits{WaitingBytes: 50}))
}

func TestCancelledCallEndsWithoutResponse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		cancel := func(id string) {
			status, _, _ := w.answer(request{session: s, body: note("notifications/cancelled", `{"requestId":`+id+`}`)})
			require.Equal(t, http.StatusAccepted, status)
			require.ErrorIs(t, <-w.app.ended, rpc.ErrCancelled)
		}
		e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
		e.next()
		cancel("1")
		require.Empty(t, e.next(), "open already")
		status, _, _ := w.answer(request{method: http.MethodGet, session: s, header: map[string]string{"Last-Event-ID": "1-1"}})
		require.Equal(t, http.StatusBadRequest, status, "it is forgotten")

		for accept, want := range map[string]int{"text/event-stream, */*": http.StatusOK, "application/json": http.StatusAccepted} {
			done := make(chan string, 1)
			go func() {
				status, body, _ := w.answer(request{session: s, header: map[string]string{"Accept": accept}, body: call(2, "wait", `{}`)})
				done <- http.StatusText(status) + body
			}()
			synctest.Wait()
			cancel("2")
			require.Equal(t, http.StatusText(want), <-done, "quiet")
		}
	})
}

func TestSessionThatEndsEndsItsStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		get := w.stream(request{method: http.MethodGet, session: s})
		get.next()
		e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
		e.next()
		quiet := make(chan string, 1)
		go func() {
			status, body, _ := w.answer(request{session: s, body: call(2, "wait", `{}`)})
			quiet <- http.StatusText(status) + " " + body
		}()
		synctest.Wait()
		w.answer(request{method: http.MethodDelete, session: s})
		require.Empty(t, get.next())
		require.Empty(t, e.next())
		require.Equal(t, `OK {"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"the session ended before the request was answered"}}`, <-quiet,
			"no status by which a client would take it for never run")
		require.ErrorIs(t, <-w.app.ended, rpc.ErrClosed)
	})
}

func TestKeepAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		get := w.stream(request{method: http.MethodGet, session: s})
		get.next()
		for range 3 {
			require.Equal(t, 30*time.Second, elapsed(func() { require.Equal(t, ":", get.next()) }))
		}
	})
}

func TestSlowClientHoldsUpNobodyForever(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var took time.Duration
		sent := make(chan error, 1)
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			var err error
			took = elapsed(func() {
				for range 100 {
					err = errors.Join(err, m.Session().Notify(ctx, "note", wire.MustRaw(`{"x":"`+strings.Repeat("x", 2000)+`"}`)))
				}
			})
			sent <- err
			return nil, nil
		}
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "x/much", `{}`)})
		require.NoError(t, <-sent, "once the connection is given up, what is sent is kept for when the client comes back")
		require.Equal(t, 5*time.Second, took)
		_, _ = io.ReadAll(e.resp.Body) // it ends, in one way or another
		again := w.stream(request{method: http.MethodGet, session: s, header: map[string]string{"Last-Event-ID": "1-1"}})
		require.Contains(t, again.next(), "id: 1-2\n")
	}, streamhttp.WithLimits(streamhttp.Limits{WriteTime: 5 * time.Second, QueueBytes: 10_000, WaitingBytes: -1}))
}

func TestDisconnectWhileASessionOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, streamhttp.WithLimits(streamhttp.Limits{Sessions: 1}))
		slow := &slowOpening{app: w.app, release: make(chan struct{})}
		w.h = streamhttp.Handler(slow, streamhttp.WithLimits(streamhttp.Limits{Sessions: 1}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		rec := newRecorder()
		go func() {
			defer close(done)
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://server.example/", strings.NewReader(call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)))
			r.Header.Set("Content-Type", "application/json")
			w.h.ServeHTTP(rec, r)
		}()
		time.Sleep(time.Minute)
		require.False(t, rec.wrote, "no event stream before it is known whether there is a session")
		cancel()
		<-done
		require.False(t, isOpen(<-w.app.sessions), "nobody knows its id")
		close(slow.release)
		synctest.Wait()
	})
}

type slowOpening struct {
	*app
	release chan struct{}
}

func (a *slowOpening) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	cfg := rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			<-a.release
			return next(ctx, m)
		}
	})}
	s := rpc.NewSession(cfg)
	s.Attach(link)
	a.app.sessions <- s
	return s, nil
}

type recorder struct {
	header http.Header
	wrote  bool
}

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             { r.wrote = true }
func (r *recorder) Write(b []byte) (int, error) { r.wrote = true; return len(b), nil }

func TestResponseWriterThatCannotFlush(t *testing.T) {
	inBubbleWith(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		go func() {
			time.Sleep(time.Second)
			close(w.app.release)
		}()
		_, body, _ := w.answer(request{session: s, body: call(1, "wait", `{}`)})
		require.Equal(t, priming("1-1")+"\n\n"+event("1-2", result(1, `{"waited":true}`))+"\n\n", body)
		require.Contains(t, w.logs.String(), "has neither Flush nor Unwrap")
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		})
	})
}
