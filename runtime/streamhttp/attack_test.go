package streamhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What docs/security.md says of attempts over HTTP. Each test fails if the defence that its row names is taken away.

// TestCrossSitePOSTIsRefused: what a page may send anywhere without asking first is not taken for a message, whatever the
// body says. A page that has to ask (a preflight request) is not given leave.
func TestCrossSitePOSTIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ran := 0
		w.app.handle = func(context.Context, *rpc.Message) (wire.Appender, error) { ran++; return nil, nil }
		for _, media := range []string{
			"text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "-", "",
			"text/plain; application/json", "application/jsonp", "application/json, text/plain", "text/html",
		} {
			for _, body := range []string{call(1, "initialize", `{"protocolVersion":"`+newest+`"}`), call(1, "x/run", `{}`)} {
				status, _, header := w.answer(request{body: body, header: map[string]string{"Content-Type": media, "Origin": "-"}})
				require.Equal(t, http.StatusUnsupportedMediaType, status, media)
				require.Empty(t, header.Get("Mcp-Session-Id"))
			}
		}
		status, _, header := w.answer(request{method: http.MethodOptions, header: map[string]string{
			"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type", "Origin": "http://evil.example",
		}})
		require.Equal(t, http.StatusForbidden, status)
		require.Empty(t, header.Get("Access-Control-Allow-Origin"))
		require.Zero(t, ran)
	})
}

// TestSessionFixation: a server never takes over a session id that a client made up.
func TestSessionFixation(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		body := call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)
		status, _, header := w.answer(request{session: "chosen-by-the-attacker", body: body})
		require.Equal(t, http.StatusNotFound, status)
		require.Empty(t, header.Get("Mcp-Session-Id"))
		mine := w.open(newest)
		require.NotEqual(t, "chosen-by-the-attacker", mine)
		require.NotEqual(t, mine, w.open(newest))
		status, _, header = w.answer(request{session: mine, body: body})
		require.Equal(t, http.StatusBadRequest, status, "a session is opened once")
		require.Empty(t, header.Get("Mcp-Session-Id"))
	})
}

// TestSessionIDInTheURLIsNotOne: it would be in logs, histories and Referer headers.
func TestSessionIDInTheURLIsNotOne(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open(newest)
		for _, name := range []string{"sessionId", "session_id", "Mcp-Session-Id", "mcp-session-id"} {
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
				resp, err := doOn(w.client, "http://server.example/mcp?"+name+"="+id, request{method: method, body: call(1, "echo", `{}`), header: map[string]string{"Cookie": name + "=" + id}})
				require.NoError(t, err)
				require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s %s", method, name)
				require.NoError(t, resp.Body.Close())
			}
		}
		require.True(t, isOpen(<-w.app.sessions))
		_, _, header := w.answer(request{session: id, body: call(1, "echo", `{}`)})
		require.Empty(t, header.Get("Location"))
		require.Empty(t, header.Get("Set-Cookie"))
	})
}

// rawServer is a server on a real socket, to be sent what no HTTP client sends.
func rawServer(t *testing.T, a rpc.Acceptor, opts ...streamhttp.Option) (address string) {
	h := streamhttp.Handler(a, opts...)
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = h.Shutdown(ctx)
		server.Close()
	})
	return server.Listener.Addr().String()
}

// last is a request after which the server ends the connection.
const last = "GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

// raw sends text, and last, and gives all that comes back until the server ends the connection.
func raw(t *testing.T, address, text string) []*http.Response {
	c, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = io.WriteString(c, text+last)
	require.NoError(t, err)
	var all []*http.Response
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return all
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(strings.NewReader(string(body)))
		all = append(all, resp)
	}
}

// TestHeaderInjection: neither what a client sends nor what is told of it ends up as a header of its own.
func TestHeaderInjection(t *testing.T) {
	address := rawServer(t, newApp(), streamhttp.AllowOrigins("*"))
	body := call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)
	for _, name := range []string{"Origin", "Mcp-Session-Id", "MCP-Protocol-Version", "Last-Event-ID", "Accept", "Content-Type"} {
		for what, value := range map[string]string{
			"NUL": "http://x\x00Injected: yes", "CR": "http://x\rInjected: yes", "LF folded": "http://x\n Injected: yes", "escaped": "http://x%0d%0aInjected: yes",
		} {
			text := "POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
			for other, good := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} {
				if other != name {
					text += other + ": " + good + "\r\n"
				}
			}
			text += fmt.Sprintf("%s: %s\r\nContent-Length: %d\r\n\r\n%s", name, value, len(body), body)
			for i, resp := range raw(t, address, text) {
				require.Empty(t, resp.Header.Get("Injected"), "%s %s", name, what)
				if i > 0 {
					break // last
				}
				if what == "NUL" || what == "CR" {
					require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%s %s", name, what)
				}
			}
		}
	}
}

// TestRequestSmuggling: of two lengths none is believed, and what follows a body is never a request of its own.
func TestRequestSmuggling(t *testing.T) {
	a := newApp()
	ran := make(chan struct{}, 100)
	a.handle = func(context.Context, *rpc.Message) (wire.Appender, error) { ran <- struct{}{}; return nil, nil }
	address := rawServer(t, a)
	resp := raw(t, address, post(call(0, "initialize", `{"protocolVersion":"`+newest+`"}`), ""))
	session := "Mcp-Session-Id: " + resp[0].Header.Get("Mcp-Session-Id") + "\r\n"
	hidden := post(call(2, "x/smuggled", `{}`), session)
	head := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n" + session
	outer := call(1, "echo", `{}`)
	for what, text := range map[string]string{
		"two lengths":            head + fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s%s", len(outer), len(outer)+len(hidden), outer, hidden),
		"a list of lengths":      head + fmt.Sprintf("Content-Length: %d, %d\r\n\r\n%s%s", len(outer), len(outer)+len(hidden), outer, hidden),
		"chunks, oddly":          head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n%s", len(hidden)+5, hidden),
		"a negative length":      head + "Content-Length: -1\r\n\r\n" + hidden,
		"a length with a sign":   head + fmt.Sprintf("Content-Length: +%d\r\n\r\n%s%s", len(outer), outer, hidden),
		"a space before a colon": head + fmt.Sprintf("Content-Length : %d\r\n\r\n%s%s", len(outer), outer, hidden),
		"within the body":        head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s%s", len(outer)+len(hidden), outer, hidden),
	} {
		for _, resp := range raw(t, address, text) {
			require.GreaterOrEqual(t, resp.StatusCode, 400, what)
		}
		require.Empty(t, ran, what)
	}
	require.Len(t, raw(t, address, hidden), 2, "it is a good request, by itself")
	require.Len(t, ran, 1)
	<-ran

	// Of a length and chunks net/http believes the chunks, as RFC 9112 (6.3) has it, and never the length: what follows the
	// last chunk is a request of its own, whole. A proxy in front must not forward both.
	both := head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n%s", len(outer)+len(hidden), len(outer), outer, hidden)
	resp = raw(t, address, both)
	require.Len(t, resp, 3)
	require.Len(t, ran, 1)
}

// post is a good POST as text.
func post(body, header string) string {
	return "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n" + header +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// TestOneSessionCannotAnswerForAnother: nor twice, nor what was never asked.
func TestOneSessionCannotAnswerForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		victim, attacker := w.open(newest), w.open(newest)
		first := <-w.app.sessions
		e := w.stream(request{session: victim, body: call(1, "ask", `{"q":1}`)})
		e.next()
		require.Contains(t, e.next(), `"id":1,"method":"question"`)
		for _, forged := range []string{result(1, `{"forged":true}`), `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"forged"}}`, result(2, `{}`), `{"jsonrpc":"2.0","id":"1","result":{"forged":true}}`} {
			status, _, _ := w.answer(request{session: attacker, body: forged})
			require.Equal(t, http.StatusAccepted, status, "it tells nothing")
		}
		status, _, _ := w.answer(request{session: victim, body: result(2, `{"never":"asked"}`)})
		require.Equal(t, http.StatusAccepted, status)
		synctest.Wait()
		require.Equal(t, 1, first.Stats().Pending, "still not answered")
		w.answer(request{session: victim, body: result(1, `{"good":true}`)})
		w.answer(request{session: victim, body: result(1, `{"late":true}`)})
		require.Contains(t, e.next(), `"result":{"good":true}`)
		require.Empty(t, e.next())
		require.EqualValues(t, 2, first.Stats().UnknownResponses)
	})
}

// TestOneSessionCannotCancelForAnother: nor report progress.
func TestOneSessionCannotCancelForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		victim, attacker := w.open(newest), w.open(newest)
		got := make(chan rpc.Progress, 10)
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			var r wire.Raw
			err := m.Session().Call(rpc.WithProgress(ctx, func(p rpc.Progress) { got <- p }), "question", nil, &r)
			return r, err
		}
		waiting := w.stream(request{session: victim, body: call(7, "sayAndWait", `{}`)})
		asking := w.stream(request{session: victim, body: call(8, "x/ask", `{}`)})
		asking.next()
		require.Contains(t, asking.next(), `"progressToken":1`)
		for _, session := range []string{attacker, victim} {
			if session == attacker {
				w.answer(request{session: session, body: note("notifications/cancelled", `{"requestId":7}`)})
				w.answer(request{session: session, body: note("notifications/cancelled", `{"requestId":8}`)})
				w.answer(request{session: session, body: note("notifications/progress", `{"progressToken":1,"progress":1}`)})
			}
			w.answer(request{session: session, body: note("notifications/cancelled", `{"requestId":99}`)})
			w.answer(request{session: session, body: note("notifications/progress", `{"progressToken":99,"progress":1}`)})
		}
		synctest.Wait()
		require.Empty(t, got)
		require.Empty(t, w.app.ended)
		w.answer(request{session: victim, body: note("notifications/progress", `{"progressToken":1,"progress":1}`)})
		w.answer(request{session: victim, body: note("notifications/cancelled", `{"requestId":7}`)})
		synctest.Wait()
		require.Len(t, got, 1)
		require.Len(t, w.app.ended, 1)
		w.answer(request{session: victim, body: result(1, `{}`)})
		waiting.close()
	})
}
