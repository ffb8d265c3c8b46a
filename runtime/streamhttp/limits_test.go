package streamhttp_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func TestBodyLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		body := call(1, "echo", `{"x":"`+strings.Repeat("x", 1000)+`"}`)
		for _, chunked := range []bool{false, true} {
			for extra, want := range map[int]int{0: 200, 1: 413} {
				text := body + strings.Repeat(" ", 2000-len(body)+extra)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server.example/", bytes.NewReader([]byte(text)))
				require.NoError(t, err)
				if chunked {
					req.ContentLength = -1
				}
				req.Header = http.Header{"Mcp-Session-Id": {s}, "Content-Type": {"application/json"}}
				resp, err := w.client.Do(req)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, want, resp.StatusCode, "chunked %v, extra %d", chunked, extra)
			}
		}
		status, text, _ := w.answer(request{session: s, body: strings.Repeat(" ", 2001)})
		require.Equal(t, http.StatusRequestEntityTooLarge, status)
		require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"message too large: the body has 2001 bytes, the limit is 2000"}}`, text)
	}, streamhttp.WithLimits(streamhttp.Limits{Message: 2000}))
}

func TestAnswerThatIsTooLarge(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		params := `{"x":"` + strings.Repeat("x", 150) + `"}` // the answer to "ask" is what the client says, which is longer
		e := w.stream(request{session: s, body: call(1, "ask", `{}`)})
		e.next()
		e.next()
		require.Less(t, len(result(1, params)), 200)
		w.answer(request{session: s, body: result(1, params)})
		require.Equal(t, event("1-3", result(1, params)), e.next())
		session := <-w.app.sessions
		err := session.Notify(t.Context(), "note", rawString(strings.Repeat("x", 200)))
		require.EqualError(t, err, "note was not sent: message too large: 251 bytes, the limit is 200 (code -32012)")
	}, streamhttp.WithLimits(streamhttp.Limits{Message: 200}))
}

func TestHeaderLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, name := range []string{"Mcp-Session-Id", "Mcp-Protocol-Version", "Last-Event-Id", "Accept", "Content-Type", "Origin"} {
			header := map[string]string{name: strings.Repeat("x", 5000)}
			if name == "Origin" {
				header = map[string]string{name: "http://server.example" + strings.Repeat("x", 5000)}
			}
			status, body, _ := w.answer(request{header: header, body: call(1, "echo", `{}`)})
			if name == "Origin" {
				require.Equal(t, http.StatusForbidden, status, "refused before")
				require.Less(t, len(body), 500)
				continue
			}
			require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status, name)
			require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the `+name+` header is longer than 4096 bytes"}}`, body)
		}
	})
}

func TestSessionCap(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		first := w.open(newest)
		w.open(newest)
		status, body, header := w.answer(request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "5", header.Get("Retry-After"))
		require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32010,"message":"there are too many sessions"}}`, body)
		w.answer(request{method: http.MethodDelete, session: first})
		w.open(newest)
		time.Sleep(31 * time.Second) // nothing followed: their places are free again
		w.open(newest)
		w.open(newest)
	}, streamhttp.WithLimits(streamhttp.Limits{Sessions: 2}))
}

func TestSessionThatNothingFollowsEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.open(newest)
		session := <-w.app.sessions
		opened := time.Now()
		<-session.Done()
		require.InDelta(t, 30, time.Since(opened).Seconds(), 8, "swept, within a quarter")
		require.EqualError(t, session.Err(), "the session was idle for too long")
	})
}

func TestIdleSessionEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		session := <-w.app.sessions
		echo := func() int {
			status, _, _ := w.answer(request{session: s, body: call(1, "echo", `{}`)})
			return status
		}
		for range 3 { // each request starts the time anew
			require.Equal(t, 200, echo())
			time.Sleep(29 * time.Minute)
		}
		get := w.stream(request{method: http.MethodGet, session: s})
		go func() { _, _ = io.Copy(io.Discard, get.in) }()
		time.Sleep(2 * time.Hour)
		require.True(t, isOpen(session), "an open stream is not idle")
		get.close()

		e := w.stream(request{session: s, body: call(2, "wait", `{}`)})
		e.close()
		time.Sleep(2 * time.Hour)
		require.True(t, isOpen(session), "nor is a request in flight whose client is gone")
		close(w.app.release)
		synctest.Wait()
		time.Sleep(29 * time.Minute)
		require.Equal(t, 200, echo())
		time.Sleep(30*time.Minute + time.Second)
		require.Equal(t, 404, echo(), "to the second, whenever it is swept")
		synctest.Wait()
		require.False(t, isOpen(session))
	})
}

func TestIdleTimesCanBeSet(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		time.Sleep(time.Hour)
		require.Equal(t, 200, func() int { status, _, _ := w.answer(request{session: s, body: call(1, "echo", `{}`)}); return status }())
		time.Sleep(6 * time.Second)
		require.False(t, isOpen(<-w.app.sessions))
	}, streamhttp.WithLimits(streamhttp.Limits{OpenTime: -1, IdleTime: 4 * time.Second}))
}

func TestSessionThatTheServerEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		(<-w.app.sessions).Close(nil)
		status, _, _ := w.answer(request{session: s, body: call(1, "echo", `{}`)})
		require.Equal(t, http.StatusNotFound, status)
	})
}
