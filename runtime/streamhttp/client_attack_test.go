package streamhttp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// TestServerThatAnswersGarbage: each call fails with an error, and the next finds everything as it was.
func TestServerThatAnswersGarbage(t *testing.T) {
	for what, answer := range map[string]func(w http.ResponseWriter){
		"no JSON":         func(w http.ResponseWriter) { answerJSON(w, "<html>") },
		"nothing":         func(w http.ResponseWriter) { answerJSON(w, "") },
		"zeros":           func(w http.ResponseWriter) { answerJSON(w, strings.Repeat("\x00", 1000)) },
		"nesting":         func(w http.ResponseWriter) { answerJSON(w, strings.Repeat("[", 100_000)) },
		"half a response": func(w http.ResponseWriter) { answerJSON(w, `{"jsonrpc":"2.0","id":2,"result":{"x":`) },
		"another id":      func(w http.ResponseWriter) { answerJSON(w, result(77, `{}`)) },
		"a result and an error": func(w http.ResponseWriter) {
			answerJSON(w, `{"jsonrpc":"2.0","id":2,"result":{},"error":{"code":1,"message":""}}`)
		},
		"a request": func(w http.ResponseWriter) { answerJSON(w, call(2, "question", `{}`)) },
		"another type": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, result(2, `{}`))
		},
		"no type": func(w http.ResponseWriter) {
			w.Header()["Content-Type"] = nil
			_, _ = io.WriteString(w, result(2, `{}`))
		},
		"garbage as events": func(w http.ResponseWriter) {
			sse(w, "data: garbage\n\ndata\n\n:::\nid: \x00\nretry: -1\nretry: 99999999999999999999\n\n\xff\xfe\n\n")
		},
		"an unknown event": func(w http.ResponseWriter) { sse(w, "event: other\ndata: "+result(2, `{}`)+"\n\n") },
		"a status": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		},
	} {
		t.Run(what, func(t *testing.T) {
			withMock(t, func(t *testing.T, m *mock) {
				good := false
				m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
					switch {
					case msg == nil:
						w.WriteHeader(http.StatusMethodNotAllowed)
					case good:
						answerJSON(w, `{"jsonrpc":"2.0","id":`+msg.ID.String()+`,"result":{"good":true}}`)
					default:
						answer(w)
					}
				}
				s, _ := m.connect()
				require.Error(t, s.Call(t.Context(), "x", nil, nil))
				good = true
				var raw wire.Raw
				require.NoError(t, s.Call(t.Context(), "x", nil, &raw))
				require.Equal(t, `{"good":true}`, raw.String())
			})
		})
	}
}

// TestServerThatBreaksOffAtEveryOffset: a call whose answer is cut off fails, and gives nothing of what came.
func TestServerThatBreaksOffAtEveryOffset(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		var n atomic.Int64
		var stream atomic.Bool
		text := func(id string) string {
			return `{"jsonrpc":"2.0","id":` + id + `,"result":{"text":"` + strings.Repeat("x", 480) + `"}}`
		}
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if msg == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			answer, media := text(msg.ID.String()), "application/json"
			if stream.Load() {
				answer, media = "data: "+answer+"\n\n", "text/event-stream"
			}
			w.Header().Set("Content-Type", media)
			w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
			_, _ = io.WriteString(w, answer[:min(int(n.Load()), len(answer))])
			w.(http.Flusher).Flush()
			if int(n.Load()) < len(answer) {
				panic(http.ErrAbortHandler)
			}
		}
		s, _ := m.connect()
		for range 2 {
			whole := len(text("1000"))
			if stream.Load() {
				whole += len("data: ")
			}
			for at := range whole - 4 {
				n.Store(int64(at))
				require.Error(t, s.Call(t.Context(), "x", nil, nil), "offset %d", at)
			}
			n.Store(1 << 20)
			require.NoError(t, s.Call(t.Context(), "x", nil, nil))
			stream.Store(true)
		}
	})
}

// TestStreamThatNeverEnds: the caller's time ends it, whatever the server goes on to send, and little of it is held.
func TestStreamThatNeverEnds(t *testing.T) {
	for what, more := range map[string]string{
		"comments": ": \n", "events": "data: " + note("x", `{}`) + "\n\n", "others' answers": "data: " + result(77, `{}`) + "\n\n",
		"one line": strings.Repeat("x", 1000), "ids": "id: 1\n\n", "fields of one event": "data: x\n",
	} {
		t.Run(what, func(t *testing.T) {
			withMock(t, func(t *testing.T, m *mock) {
				gone := make(chan struct{})
				m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
					if msg == nil {
						w.WriteHeader(http.StatusMethodNotAllowed)
						return
					}
					defer close(gone)
					w.Header().Set("Content-Type", "text/event-stream")
					chunk := []byte(strings.Repeat(more, 10_000/len(more)))
					for r.Context().Err() == nil {
						if _, err := w.Write(chunk); err != nil {
							return
						}
						_ = http.NewResponseController(w).Flush()
						time.Sleep(time.Millisecond)
					}
				}
				s, conn := m.connect(streamhttp.WithClientLimits(streamhttp.ClientLimits{Message: 100_000}))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.ErrorIs(t, s.Call(ctx, "x", nil, nil), context.DeadlineExceeded)
				<-gone
				require.NoError(t, conn.Close())
			})
		})
	}
}

// TestServerThatSendsUsBackAtOnce: to ask for a stream again and again costs the client no more than a hundred requests a
// second, though the server says to come back at once.
func TestServerThatSendsUsBackAtOnce(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		var n atomic.Int32
		m.serve = func(w http.ResponseWriter, r *http.Request, msg *rpc.Message) {
			if n := n.Add(1); n < 10_000 {
				sse(w, fmt.Sprintf("id: %d\nretry: 0\ndata: \n\n", n))
			} else {
				<-r.Context().Done() // the test has failed, and must not go on for ever
			}
		}
		s, conn := m.connect()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Call(ctx, "x", nil, nil), context.DeadlineExceeded)
		require.NoError(t, conn.Close())
		synctest.Wait()
		require.LessOrEqual(t, n.Load(), int32(2*110), "two streams, for a second")
		require.GreaterOrEqual(t, n.Load(), int32(20))
	})
}

// TestGiganticHeadersOfAnAnswer are not held.
func TestGiganticHeadersOfAnAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sent := make(chan int64, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(sent)
				return
			}
			line := "X-Big: " + strings.Repeat("x", 64<<10) + "\r\n"
			n, _ := io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			total := int64(n)
			for total < 64<<20 {
				n, err := io.WriteString(c, line)
				if total += int64(n); err != nil {
					break
				}
			}
			_ = c.Close()
			sent <- total
		}
	}()
	s := rpc.NewSession(rpc.Config{})
	conn, err := streamhttp.Connect("http://"+l.Addr().String()).Connect(t.Context(), s)
	require.NoError(t, err)
	require.ErrorContains(t, s.Call(t.Context(), "initialize", nil, nil), "server response headers exceeded")
	require.NoError(t, conn.Close())
	require.NoError(t, l.Close())
	for n := range sent {
		require.Less(t, n, int64(64<<20))
	}
}

// panicking is an HTTP transport of the user's that panics, once it is told to.
type panicking struct {
	http.RoundTripper
	armed *atomic.Bool
}

func (p panicking) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.armed.Load() {
		panic("no token")
	}
	return p.RoundTripper.RoundTrip(r)
}

// TestPanicsOfTheHTTPClient fail what was to be sent, though it is sent from a goroutine of ours.
func TestPanicsOfTheHTTPClient(t *testing.T) {
	withMock(t, func(t *testing.T, m *mock) {
		m.serve = func(w http.ResponseWriter, _ *http.Request, msg *rpc.Message) {
			if msg == nil {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			answerJSON(w, `{"jsonrpc":"2.0","id":`+msg.ID.String()+`,"result":{}}`)
		}
		armed := new(atomic.Bool)
		s, conn := m.connect(streamhttp.WithClient(&http.Client{Transport: panicking{m.client.Transport, armed}}))
		armed.Store(true)
		require.ErrorContains(t, s.Call(t.Context(), "x", nil, nil), "the HTTP client panicked: no token")
		require.ErrorContains(t, s.Notify(t.Context(), "n", nil), "the HTTP client panicked: no token")
		armed.Store(false)
		require.NoError(t, s.Call(t.Context(), "x", nil, nil))
		require.NoError(t, conn.Close())
	})
}

// panickingStore is an event store that panics.
type panickingStore struct{ streamhttp.EventStore }

func (panickingStore) Append(context.Context, string, uint64, streamhttp.Event) error { panic("disk") }
func (panickingStore) Forget(string)                                                  { panic("disk") }

// TestPanicsOfTheEventStore are as its errors: the client gets everything, but nothing of it twice.
func TestPanicsOfTheEventStore(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		session := w.open(newest)
		s := <-w.app.sessions
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			return nil, m.Session().Notify(ctx, "note", nil)
		}
		status, body, _ := w.answer(request{session: session, body: call(1, "x/note", `{}`)})
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, note("note", "")[:30])
		require.Contains(t, body, `"id":1,"result":`)
		require.NotContains(t, body, "id: ")
		status, _, _ = w.answer(request{session: session, body: call(2, "echo", `{}`)})
		require.Equal(t, http.StatusOK, status)
		w.answer(request{method: http.MethodDelete, session: session})
		synctest.Wait()
		require.False(t, isOpen(s))
		require.Contains(t, w.logs.String(), "panic in the event store")
	}, streamhttp.WithEventStore(panickingStore{}))
}
