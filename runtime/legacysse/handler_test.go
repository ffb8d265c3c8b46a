package legacysse_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestStreamBeginsWithTheEndpoint(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.get("/sse?key=1")
		require.Regexp(t, `^/sse\?sessionId=[A-Za-z0-9_-]{43}$`, e.endpoint)
		require.Equal(t, "text/event-stream", e.resp.Header.Get("Content-Type"))
		require.Equal(t, "no-cache, no-store, no-transform", e.resp.Header.Get("Cache-Control"))
		require.NotEqual(t, e.endpoint, w.get("/sse").endpoint)
		require.Regexp(t, `^/under/sse\?sessionId=`, w.get("/under/sse").endpoint, "as the client sees it")
	})
	inBubble(t, func(t *testing.T, w *world) {
		require.Regexp(t, `^https://mcp.example/messages\?sessionId=`, w.get("/sse").endpoint)
	}, legacysse.WithEndpoint("https://mcp.example/messages"))
}

// A path that could be read as another host is not sent back.
func TestEndpointNamesNoOtherHost(t *testing.T) {
	h := legacysse.Handler(newApp())
	for _, target := range []string{"//evil.example/sse", `/\evil.example/sse`, "http://evil.example/sse"} {
		r := httptest.NewRequest(http.MethodGet, "/sse", nil)
		r.RequestURI = target
		r = r.WithContext(t.Context())
		rec := &firstWrite{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(rec, r)
		require.Regexp(t, `^event: endpoint\ndata: \?sessionId=[A-Za-z0-9_-]{43}\n\n$`, rec.Body.String(), target)
	}
}

// firstWrite is a client that is gone after the first write.
type firstWrite struct{ *httptest.ResponseRecorder }

func (firstWrite) FlushError() error { return errors.New("gone") }

func TestMessagesBothWays(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open("X-Test", "1")
		s := <-w.app.sessions
		require.Equal(t, "legacysse", s.Link().Transport)
		e.post(call(1, "echo", `{"a":"ü\n"}`))
		require.Equal(t, message(result(1, `{"a":"ü\n"}`)), e.next())
		e.post(call(2, "seen", `{}`))
		require.Equal(t, message(result(2, `{}`)), e.next())
		seen := <-w.app.seen
		require.Equal(t, []string{"1"}, seen["X-Test"])
		require.NotEmpty(t, seen["Remote"][0])

		answered := make(chan error, 1)
		go func() {
			var raw wire.Raw
			err := s.Call(s.Context(), "question", wire.MustRaw(`{}`), &raw)
			answered <- errors.Join(err, w.check(raw.String() == `{"yes":true}`))
		}()
		require.Equal(t, message(`{"jsonrpc":"2.0","id":1,"method":"question","params":{}}`), e.next())
		e.post(result(1, `{"yes":true}`))
		require.NoError(t, <-answered)
		e.post(result(99, `{}`)) // nobody waits for it

		e.post(call(3, "wait", `{}`))
		<-w.app.waiting
		e.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
		require.ErrorIs(t, <-w.app.ended, rpc.ErrCancelled)
		require.Equal(t, legacysse.Stats{Sessions: 1, Opened: 1}, w.h.Stats())
	})
}

func (w *world) check(ok bool) error {
	if !ok {
		return errors.New("not what was expected")
	}
	return nil
}

func TestBatchesOfTheVersionThatHasThem(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.get("/sse")
		e.post(call(0, "initialize", `{"protocolVersion":"`+rpc.BatchVersion+`"}`))
		_ = e.next()
		e.post("[" + call(1, "echo", `{}`) + "]")
		require.Equal(t, message("["+result(1, `{}`)+"]"), e.next())
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open("X-Who", "ada")
		ping := call(5, "ping", `{}`)
		for name, c := range map[string]struct {
			method, target, body string
			header               []string
			status               int
			says                 string
		}{
			"no session":             {"POST", "/sse", ping, nil, 400, `the query has no sessionId`},
			"initialize as today":    {"POST", "/sse", call(0, "initialize", `{}`), nil, 400, `open an event stream by GET`},
			"unknown session":        {"POST", "/sse?sessionId=x", ping, nil, 404, `unknown or has ended`},
			"nobody":                 {"POST", e.endpoint, ping, nil, 403, `another principal`},
			"somebody else":          {"POST", e.endpoint, ping, []string{"X-Who", "eve"}, 403, `another principal`},
			"a version we have not":  {"POST", e.endpoint, ping, []string{"X-Who", "ada", "MCP-Protocol-Version", "1999"}, 400, `1999`},
			"a form":                 {"POST", e.endpoint, ping, []string{"X-Who", "ada", "Content-Type", "text/plain"}, 415, `application/json`},
			"no type":                {"POST", e.endpoint, ping, []string{"X-Who", "ada", "Content-Type", "-"}, 415, `application/json`},
			"no JSON":                {"POST", e.endpoint, `{"jsonrpc`, []string{"X-Who", "ada"}, 400, `-32700`},
			"no message":             {"POST", e.endpoint, `{"a":1}`, []string{"X-Who", "ada"}, 400, `-32600`},
			"a batch":                {"POST", e.endpoint, "[" + ping + "]", []string{"X-Who", "ada"}, 400, `-32600`},
			"a method of HTTP":       {"DELETE", e.endpoint, "", nil, 405, `GET, POST`},
			"preflight without CORS": {"OPTIONS", e.endpoint, "", nil, 405, `GET, POST`},
			"no event streams":       {"GET", "/sse", "", []string{"Accept", "application/json"}, 406, `text/event-stream`},
			"a long header":          {"GET", "/sse", "", []string{"Accept", strings.Repeat("x", 4097)}, 431, `Accept header is longer than 4096 bytes`},
			"an origin":              {"GET", "/sse", "", []string{"Origin", "http://evil.example"}, 403, `legacysse.AllowOrigins`},
			"an origin that posts":   {"POST", e.endpoint, ping, []string{"X-Who", "ada", "Origin", "http://evil.example"}, 403, `legacysse.AllowOrigins`},
		} {
			status, answer, h := w.send(c.method, c.target, c.body, c.header...)
			require.Equal(t, c.status, status, "%s: %s", name, answer)
			require.Contains(t, answer, c.says, name)
			require.Equal(t, "application/json", h.Get("Content-Type"), name)
			m, err := rpc.Parse([]byte(answer), wire.Options{})
			require.NoError(t, err, name)
			require.Equal(t, rpc.KindError, m.Kind, name)
		}
		e.post(ping)
		require.Equal(t, message(result(5, `{}`)), e.next(), "nothing of it was on the stream")
	})
}

// What is refused and has an id is answered on the stream too, where clients of that time look.
func TestRefusedRequestsAreAnsweredOnTheStreamToo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		s := <-w.app.sessions
		big := strings.Repeat("x", 5000)
		for body, want := range map[string]int{
			`{"jsonrpc":"2.0","id":7,"method":"echo","params":5}`:                   400,
			`{"jsonrpc":"2.0","id":7,"method":"echo","params":{"x":"` + big + `"}}`: 413,
		} {
			status, answer, _ := w.send(http.MethodPost, e.endpoint, body)
			require.Equal(t, want, status)
			require.Contains(t, answer, `"id":7`)
			require.Equal(t, message(answer), e.next())
		}
		failed := make(chan error, 1)
		go func() { failed <- s.Call(s.Context(), "question", nil, nil) }()
		_ = e.next()
		status, answer, _ := w.send(http.MethodPost, e.endpoint, result(1, `{"x":"`+big+`"}`))
		require.Equal(t, 413, status)
		require.NotContains(t, answer, `"id"`)
		require.ErrorIs(t, <-failed, rpc.ErrTooLarge, "the call that waits for it fails at once")
		require.EqualValues(t, 2, w.h.Stats().TooLarge)

		e.post(call(8, "large", `{}`))
		require.Contains(t, e.next(), `"id":8,"error":`)
		e.post(call(9, "echo", `{}`))
		require.Equal(t, message(result(9, `{}`)), e.next(), "the session goes on")
	}, legacysse.WithLimits(legacysse.Limits{Message: 5000}))
}

func TestTheSessionEndsWithItsStream(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		s := <-w.app.sessions
		e.post(call(1, "wait", `{}`))
		<-w.app.waiting
		e.close()
		require.ErrorIs(t, <-w.app.ended, rpc.ErrClosed)
		require.Error(t, s.Err())
		require.Zero(t, w.h.Stats().Sessions)
		status, _, _ := w.send(http.MethodPost, e.endpoint, call(2, "echo", `{}`))
		require.Equal(t, 404, status)
	})
}

func TestTheServerEndsASession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.open()
		s := <-w.app.sessions
		require.NoError(t, s.Notify(s.Context(), "last", nil))
		s.Close(nil)
		require.Equal(t, message(`{"jsonrpc":"2.0","method":"last"}`), e.next())
		require.Empty(t, e.next())
		synctest.Wait()
		require.Zero(t, w.h.Stats().Sessions)
	})
}

func TestSessionsThatCannotBeMade(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.app.refuse = errors.New("secret")
		status, answer, _ := w.send(http.MethodGet, "/sse", "")
		require.Equal(t, 500, status)
		require.NotContains(t, answer, "secret")
		w.app.refuse = rpc.Errorf(-32001, "pay first").WithHTTP(402, map[string][]string{"X-Price": {"1"}})
		status, answer, h := w.send(http.MethodGet, "/sse", "")
		require.Equal(t, 402, status)
		require.Contains(t, answer, "pay first")
		require.Equal(t, "1", h.Get("X-Price"))
	})
}

// The connection came to a loopback address, so the Host must be one too: DNS rebinding.
func TestHostOfALoopbackConnection(t *testing.T) {
	server := httptest.NewServer(legacysse.Handler(newApp()))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		require.NoError(t, err)
		req.Host = "evil.example"
		resp, err := server.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
	}
	allowed := legacysse.Handler(newApp(), legacysse.AllowHosts("mcp.example"), legacysse.AllowOrigins("https://app.example"))
	r := httptest.NewRequest(http.MethodOptions, "/sse", nil)
	r.Host = "mcp.example"
	r.Header.Set("Origin", "https://app.example")
	r = r.WithContext(withLocalAddr(r, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	rec := httptest.NewRecorder()
	allowed.ServeHTTP(rec, r)
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.Equal(t, "https://app.example", rec.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "GET, POST", rec.Header().Get("Access-Control-Allow-Methods"))
}
