package streamhttp_test

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestStreamIsResumedExactlyAfterRetry(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		var ended time.Time
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			switch {
			case msg != nil: // the call: a priming event, and then the stream ends
				sse(w, "id: e1\nretry: 500\ndata: \n\n")
				time.Sleep(50 * time.Millisecond)
				ended = time.Now()
			case r.Header.Get("Last-Event-ID") == "e1":
				sse(w, "id: e2\nevent: message\ndata: "+`{"jsonrpc":"2.0","id":2,"result":{"done":true}}`+"\n\n")
				<-r.Context().Done() // does not end the stream by itself
			default:
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		}
		s, conn := m.connect()
		var raw wire.Raw
		require.NoError(t, s.Call(t.Context(), "x", nil, &raw))
		require.Equal(t, `{"done":true}`, raw.String())
		gets := m.of(http.MethodGet)
		require.Len(t, gets, 2)
		require.Equal(t, 500*time.Millisecond, gets[1].at.Sub(ended))
		require.NoError(t, conn.Close())
	})
}

func TestJitterIsOnlyAddedAndOnlyFromTheSecondFailure(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		var times []time.Time
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			switch {
			case msg != nil:
				sse(w, "id: e1\nretry: 400\ndata:\n\n")
				times = append(times, time.Now())
			case r.Header.Get("Last-Event-ID") == "":
				w.WriteHeader(http.StatusMethodNotAllowed)
			case len(times) < 5:
				times = append(times, time.Now())
				w.WriteHeader(http.StatusServiceUnavailable)
			default: // the stream is back, and ends again
				times = append(times, time.Now())
				if len(times) == 6 {
					sse(w, ": nothing\n\n")
					return
				}
				sse(w, "data: "+result(2, `{}`)+"\n\n")
			}
		}
		s, _ := m.connect()
		require.NoError(t, s.Call(t.Context(), "x", nil, nil))
		require.Len(t, times, 7)
		const retry = 400 * time.Millisecond
		require.Equal(t, retry, times[1].Sub(times[0]))
		for i := 2; i <= 5; i++ {
			wait, low := times[i].Sub(times[i-1]), retry<<(i-1)
			require.GreaterOrEqual(t, wait, low)
			require.LessOrEqual(t, wait, low+low/4)
		}
		require.Equal(t, retry, times[6].Sub(times[5]), "a stream that came back starts anew")
	})
}

func TestStreamThatCannotBeResumedFailsTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		post   string
		status int
		want   string
	}{
		"no id":   {"data: {\"jsonrpc\":\"2.0\",\"method\":\"note\"}\n\n", 0, "x: the server's answer ended without a response (code -32603)"},
		"refused": {"id: e1\nretry: 1\ndata:\n\n", 400, "could not be resumed: GET: HTTP status 400 Bad Request"},
		"failing": {"id: e1\nretry: 1\ndata:\n\n", 500, "could not be resumed: GET: HTTP status 500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			withMock(t, func(t *testing.T, m *mock) {
				m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
					switch {
					case msg != nil:
						sse(w, c.post)
					case r.Header.Get("Last-Event-ID") == "":
						w.WriteHeader(http.StatusMethodNotAllowed)
					default:
						w.WriteHeader(c.status)
					}
				}
				s, _ := m.connect()
				require.ErrorContains(t, s.Call(t.Context(), "x", nil, nil), c.want)
				require.True(t, isOpen(s))
				if c.status == 500 {
					require.Len(t, m.of(http.MethodGet), 1+5)
				}
			})
		})
	}
}

func TestListeningEndsQuietlyAtAny4xx(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 406} {
		withMock(t, func(t *testing.T, m *mock) {
			m.serve = func(w http.ResponseWriter, _ *http.Request, msg *rpc.Message) {
				if msg == nil {
					w.WriteHeader(status)
					return
				}
				answerJSON(w, `{"jsonrpc":"2.0","id":`+msg.ID.String()+`,"result":{"ok":1}}`)
			}
			s, _ := m.connect()
			time.Sleep(time.Hour)
			require.Len(t, m.of(http.MethodGet), 1)
			require.NoError(t, s.Call(t.Context(), "x", nil, nil), "calls go on")
		})
	}
}

func TestListeningGoesOnAfterOtherFailures(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, _ *http.Request, _ *rpc.Message) { w.WriteHeader(http.StatusBadGateway) }
		m.connect()
		time.Sleep(10 * time.Minute)
		gets := m.of(http.MethodGet)
		require.Greater(t, len(gets), 10)
		before := gets[1].at.Sub(gets[0].at)
		require.Equal(t, time.Second, before, "exactly, at first")
		for i := 2; i < len(gets); i++ {
			wait := gets[i].at.Sub(gets[i-1].at)
			low := min(time.Second<<(i-1), 30*time.Second)
			require.GreaterOrEqual(t, wait, low)
			require.LessOrEqual(t, wait, low+low/4)
		}
	})
}

func TestListeningIsSentBeforeTheNextCall(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if msg == nil {
				<-r.Context().Done() // not even its header is written
			}
		}
		inner := m.client.Transport
		m.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				time.Sleep(time.Second)
			}
			return inner.RoundTrip(r)
		})
		require.Equal(t, time.Second, elapsed(func() { m.connect() }))
		m.client.Transport = inner
	})
}

func TestResponseOnAnotherStream(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		call := make(chan struct{})
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if msg == nil {
				sse(w, ": hello\n\n")
				<-call
				sse(w, "data: "+result(2, `{}`)+"\n\n")
				<-r.Context().Done()
				return
			}
			sse(w, "id: e1\ndata:\n\n")
			close(call)
			<-r.Context().Done()
		}
		s, _ := m.connect()
		require.NoError(t, s.Call(t.Context(), "x", nil, nil))
		synctest.Wait()
		time.Sleep(time.Minute)
		require.Len(t, m.of(http.MethodGet), 1, "the call's own stream is not asked for any more")
	})
}

func TestEndedSession(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			switch {
			case msg == nil:
				w.WriteHeader(http.StatusNotFound) // of a GET it says nothing
			case msg.Method == "accepted":
				sse(w, ": wait\n\n")
				<-r.Context().Done()
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}
		s, conn := m.connect()
		lost := make(chan error, 1)
		go func() { lost <- s.Call(t.Context(), "accepted", nil, nil) }()
		synctest.Wait()
		require.True(t, isOpen(s))
		err := s.Call(t.Context(), "x", nil, nil)
		require.ErrorIs(t, err, rpc.ErrSessionEnded)
		require.NotErrorIs(t, err, rpc.ErrClosed, "it was not run")
		synctest.Wait()
		require.True(t, isOpen(s), "each message hears for itself what becomes of it")
		require.NoError(t, conn.Close())
		require.ErrorIs(t, <-lost, rpc.ErrClosed)
		require.Empty(t, m.of(http.MethodDelete), "there is nothing to end")
	})
}

func TestSessionThatEndsWhileACallRuns(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if msg != nil {
				sse(w, "id: e1\nretry: 1\ndata:\n\n")
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}
		s, _ := m.connect()
		err := s.Call(t.Context(), "x", nil, nil)
		require.ErrorIs(t, err, rpc.ErrSessionEnded)
		require.ErrorIs(t, err, rpc.ErrClosed, "it was run, or may have been")
		require.True(t, isOpen(s))
	})
}

func TestEndedSessionShowsInANotification(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := rpc.NewSession(rpc.Config{Logger: slog.New(slog.DiscardHandler)})
		conn, err := streamhttp.Connect("http://server.example/mcp", streamhttp.WithClient(w.client)).Connect(t.Context(), s)
		require.NoError(t, err)
		require.NoError(t, s.Call(t.Context(), "initialize", wire.MustRaw(`{"protocolVersion":"`+newest+`"}`), nil))
		(<-w.app.sessions).Close(nil)
		synctest.Wait()
		require.ErrorIs(t, s.Notify(t.Context(), "x", nil), rpc.ErrSessionEnded)
		require.True(t, isOpen(s))
		require.NoError(t, conn.Close())
	})
}
