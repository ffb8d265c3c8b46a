package streamhttp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// resume comes back to a stream.
func (w *world) resume(session, last string) *events {
	w.Helper()
	return w.stream(request{method: http.MethodGet, session: session, header: map[string]string{"Last-Event-ID": last}})
}

func TestResumeReplaysOnlyItsStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		first := w.stream(request{session: s, body: call(1, "sayAndWait", `{"n":1}`)})
		second := w.stream(request{session: s, body: call(2, "sayAndWait", `{"n":2}`)})
		for _, e := range []*events{first, second} {
			e.next()
			e.next()
			e.close()
		}
		again := w.resume(s, "1-1")
		require.Equal(t, event("1-2", note("note", `{"n":1}`)), again.next())
		close(w.app.release)
		require.Equal(t, event("1-3", result(1, `{"waited":true}`)), again.next(), "and goes on")
		require.Empty(t, again.next(), "to its end")
		synctest.Wait()

		again = w.resume(s, "2-2")
		require.Equal(t, event("2-3", result(2, `{"waited":true}`)), again.next(), "a stream that is over, too")
		require.Empty(t, again.next())
	})
}

func TestResumeTheSessionsOwnStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		get := w.stream(request{method: http.MethodGet, session: s})
		require.Equal(t, priming("0-1"), get.next())
		require.NoError(t, session.Notify(t.Context(), "a", nil))
		require.Equal(t, event("0-2", `{"jsonrpc":"2.0","method":"a"}`), get.next())
		get.close()
		require.NoError(t, session.Notify(t.Context(), "b", nil))
		get = w.resume(s, "0-1")
		require.Equal(t, event("0-2", `{"jsonrpc":"2.0","method":"a"}`), get.next())
		require.Equal(t, event("0-3", `{"jsonrpc":"2.0","method":"b"}`), get.next())
		require.NoError(t, session.Notify(t.Context(), "c", nil))
		require.Equal(t, event("0-4", `{"jsonrpc":"2.0","method":"c"}`), get.next())
	})
}

func TestResumeTakesOverAStreamThatIsStillCarried(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "sayAndWait", `{}`)})
		e.next()
		e.next()
		again := w.resume(s, "1-2") // the client knows what we do not: that its connection is dead
		require.Empty(t, e.next())
		close(w.app.release)
		require.Equal(t, event("1-3", result(1, `{"waited":true}`)), again.next())
	})
}

func TestResumeOfWhatIsNotKept(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "sayAndWait", `{}`)})
		e.next()
		e.next()
		e.close()
		refused := func(session, id string) {
			t.Helper()
			status, body, _ := w.answer(request{method: http.MethodGet, session: session, header: map[string]string{"Last-Event-ID": id}})
			require.Equal(t, http.StatusBadRequest, status, id)
			require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the events after \"`+id+`\" are not known, or no longer kept"}}`, body)
		}
		for _, id := range []string{"nonsense", "1", "1-9", "9-1", "0-7", "1-", "-1-1", "1-1-1"} {
			refused(s, id)
		}
		refused(w.open(newest), "1-1") // another session's stream
		time.Sleep(time.Minute + time.Second)
		refused(s, "1-1") // too old now
		close(w.app.release)
	}, streamhttp.WithEventStore(streamhttp.NewMemoryStore(streamhttp.MemoryLimits{Age: time.Minute})))
}

func TestDisconnectDoesNotCancel(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
		require.Equal(t, priming("1-1"), e.next())
		e.close()
		require.Equal(t, 1, (<-w.app.sessions).Stats().InFlight)
		close(w.app.release)
		synctest.Wait()
		again := w.resume(s, "1-1")
		require.Equal(t, event("1-2", result(1, `{"waited":true}`)), again.next(), "an event id had been delivered")
		require.NotContains(t, w.logs.String(), "dropped")
		require.Empty(t, w.app.ended)
	})
}

func TestResultIsDroppedIfTheClientCannotComeBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := w.try(request{ctx: ctx, session: s, body: call(1, "wait", `{}`)})
			done <- err
		}()
		<-w.app.waiting
		cancel() // before 200 ms
		require.ErrorIs(t, <-done, context.Canceled)
		synctest.Wait()
		require.Equal(t, 1, (<-w.app.sessions).Stats().InFlight)
		close(w.app.release)
		synctest.Wait()
		require.Contains(t, w.logs.String(), "dropped a response")
		status, _, _ := w.answer(request{session: s, body: call(2, "echo", `{}`)})
		require.Equal(t, http.StatusOK, status)
	})
}

func TestResultIsDroppedIfAnOlderClientGotNoEventID(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(older)
		w.stream(request{session: s, body: call(1, "wait", `{}`)}).close() // it was open, and silent
		close(w.app.release)
		synctest.Wait()
		require.Contains(t, w.logs.String(), "dropped a response")

		w.app.release = make(chan struct{})
		e := w.stream(request{session: s, body: call(2, "sayAndWait", `{}`)})
		require.Equal(t, event("2-1", note("note", `{}`)), e.next())
		e.close()
		close(w.app.release)
		require.Equal(t, event("2-2", result(2, `{"waited":true}`)), w.resume(s, "2-1").next(), "one that got an id may come back")
	})
}

func TestPollEndsTheConnectionOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		polled := make(chan bool, 10)
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Method == "x/late" {
				if err := m.Session().Notify(ctx, "note", nil); err != nil {
					return nil, err
				}
			}
			polled <- streamhttp.Poll(ctx, 20*time.Millisecond)
			return w.app.serve(ctx, rpc.NewRequest(rpc.ID{}, "wait", nil), nil)
		}
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "x/quiet", `{}`)})
		require.True(t, <-polled)
		require.Equal(t, "id: 1-1\nretry: 20\ndata:", e.next(), "opened with its priming event, and then ended")
		require.Empty(t, e.next())

		e = w.stream(request{session: s, body: call(2, "x/late", `{}`)})
		require.True(t, <-polled)
		require.Equal(t, priming("2-1"), e.next())
		require.Equal(t, event("2-2", `{"jsonrpc":"2.0","method":"note"}`), e.next())
		require.Equal(t, "retry: 20", e.next())
		require.Empty(t, e.next())

		again := w.resume(s, "1-1")
		close(w.app.release)
		require.Equal(t, event("1-2", result(1, `{"waited":true}`)), again.next())
		require.Empty(t, again.next())

		s = w.open(older)
		_, body, _ := w.answer(request{session: s, body: call(1, "x/quiet", `{}`)})
		require.False(t, <-polled, "never before the response with an older client")
		require.Equal(t, result(1, `{"waited":true}`), body)
		require.False(t, streamhttp.Poll(t.Context(), 0), "nor where there is no request")
	})
}

func TestEventStoreThatFails(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		e := w.stream(request{session: s, body: call(1, "wait", `{}`)})
		close(w.app.release)
		require.Equal(t, "data: "+result(1, `{"waited":true}`), e.next(), "it goes to the client without an id")
		require.Empty(t, e.next())
		require.Contains(t, w.logs.String(), "the event store failed")
	}, streamhttp.WithEventStore(brokenStore{}))
}

type brokenStore struct{ streamhttp.EventStore }

func (brokenStore) Append(context.Context, string, uint64, streamhttp.Event) error {
	return errors.New("disk full")
}
func (brokenStore) Forget(string) {}
