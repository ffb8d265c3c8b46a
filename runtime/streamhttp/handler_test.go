package streamhttp_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestQuietCallIsAnsweredWithJSON(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		status, body, header := w.answer(request{session: s, version: newest, body: call(1, "echo", `{"a":1}`)})
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		require.Equal(t, result(1, `{"a":1}`), body)
		require.Empty(t, header.Get("Mcp-Session-Id"), "the id is told once")
	})
}

func TestLargeAnswerHasItsLength(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		params := `{"a":"` + strings.Repeat("x", 100_000) + `"}`
		resp := w.do(request{session: s, body: call(1, "echo", params)})
		require.EqualValues(t, len(result(1, params)), resp.ContentLength)
		require.NoError(t, resp.Body.Close())
	})
}

func TestAcceptDecidesTheFormOfTheAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for accept, want := range map[string]string{
			"":                                     "application/json",
			"-":                                    "application/json",
			"*/*":                                  "application/json",
			"application/*":                        "application/json",
			"APPLICATION/JSON":                     "application/json",
			"text/html, application/json;q=0.1":    "application/json",
			"application/json; charset=\"a,b\"":    "application/json",
			"text/event-stream":                    "text/event-stream",
			"text/*":                               "text/event-stream",
			"Text/Event-Stream ; q=0.5, text/html": "text/event-stream",
			"*/*, application/json;q=0":            "text/event-stream",
			"application/*;q=0, text/event-stream": "text/event-stream",
			"text/html":                            "",
			"application/json;q=0, text/event-stream;q=0": "",
			"*/*;q=0":             "",
			"image/*, text/plain": "",
		} {
			status, body, header := w.answer(request{session: s, header: map[string]string{"Accept": accept}, body: call(1, "echo", `{}`)})
			if want == "" {
				require.Equal(t, http.StatusNotAcceptable, status, accept)
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the Accept header allows neither application/json nor text/event-stream"}}`, body)
				continue
			}
			require.Equal(t, http.StatusOK, status, accept)
			require.Equal(t, want, header.Get("Content-Type"), accept)
			text := result(1, `{}`)
			if want == "text/event-stream" {
				text = "data: " + text + "\n\n"
			}
			require.Equal(t, text, body, accept)
		}
		status, _, _ := w.answer(request{method: http.MethodGet, session: s, header: map[string]string{"Accept": "application/json"}})
		require.Equal(t, http.StatusNotAcceptable, status)
	})
}

func TestSeveralAcceptHeaders(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server.example/", strings.NewReader(call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)))
		require.NoError(t, err)
		req.Header = http.Header{"Accept": {"text/html", "text/event-stream"}, "Content-Type": {"application/json"}}
		resp, err := w.client.Do(req)
		require.NoError(t, err)
		require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"), "initialize too")
		require.NotEmpty(t, resp.Header.Get("Mcp-Session-Id"))
		require.NoError(t, resp.Body.Close())
	})
}

func TestContentTypeMustBeJSON(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for contentType, want := range map[string]int{
			"application/json":                   200,
			"Application/JSON; Charset=UTF-8":    200,
			"application/json;charset=\"utf-8\"": 200,
			"application/json; charset=latin1":   415,
			"text/json":                          415,
			"text/plain":                         415,
			"-":                                  415,
			"application/json;;;=":               415,
		} {
			status, body, _ := w.answer(request{session: s, header: map[string]string{"Content-Type": contentType}, body: call(1, "echo", `{}`)})
			require.Equal(t, want, status, contentType)
			if want == 415 {
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the Content-Type must be application/json in UTF-8"}}`, body)
			}
		}
	})
}

func TestProtocolVersionHeader(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		status, _, header := w.answer(request{version: "1999-01-01", body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusOK, status, "ignored on initialize")
		s := header.Get("Mcp-Session-Id")
		for version, want := range map[string]int{newest: 200, older: 200, oldest: 200, "": 200, "1999-01-01": 400, "nonsense": 400} {
			status, body, _ := w.answer(request{session: s, version: version, body: call(1, "echo", `{}`)})
			require.Equal(t, want, status, version)
			if want == 400 {
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the MCP-Protocol-Version \"`+version+
					`\" is not one of 2025-11-25, 2025-06-18, 2025-03-26"}}`, body)
			}
		}
		status, _, _ = w.answer(request{method: http.MethodGet, session: s, version: "nonsense"})
		require.Equal(t, http.StatusBadRequest, status)
		status, _, _ = w.answer(request{method: http.MethodDelete, session: s, version: "nonsense"})
		require.Equal(t, http.StatusBadRequest, status)
	})
}

func TestNotificationsAndResponsesAreAccepted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for _, body := range []string{
			note("notifications/initialized", `{}`),
			note("anything", `{}`),
			result(77, `{}`), // nobody waits for it (any more): that is no mistake
			`{"jsonrpc":"2.0","id":5,"error":{"code":1,"message":"x"}}`,
		} {
			status, text, _ := w.answer(request{session: s, body: body})
			require.Equal(t, http.StatusAccepted, status, body)
			require.Empty(t, text)
		}
	})
}

func TestWhatIsNoMessageIsRefusedWithAnErrorBody(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for body, want := range map[string]string{
			`{`:                 `{"jsonrpc":"2.0","error":{"code":-32700,`,
			``:                  `{"jsonrpc":"2.0","error":{"code":-32700,`,
			`{"jsonrpc":"2.0"}`: `{"jsonrpc":"2.0","error":{"code":-32600,`,
			`{"jsonrpc":"2.0","id":3,"method":"echo","params":7}`: `{"jsonrpc":"2.0","id":3,"error":{"code":-32602,`,
			`{"jsonrpc":"1.0","id":4,"method":"echo"}`:            `{"jsonrpc":"2.0","id":4,"error":{"code":-32600,`,
			`{"jsonrpc":"2.0","method":"x","params":[]}`:          `{"jsonrpc":"2.0","error":{"code":-32602,`,
		} {
			for _, session := range []string{s, ""} {
				status, text, header := w.answer(request{session: session, body: body})
				require.Equal(t, http.StatusBadRequest, status, body)
				require.Equal(t, "application/json", header.Get("Content-Type"))
				require.True(t, strings.HasPrefix(text, want), "%s: %s", body, text)
			}
		}
	})
}

func TestRefusedResponseFailsTheCall(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		id := w.open(newest)
		s := <-w.app.sessions
		failed := make(chan error, 1)
		get := w.stream(request{method: http.MethodGet, session: id})
		require.Equal(t, "id: 0-1\nretry: 1000\ndata:", get.next())
		go func() { failed <- s.Call(context.Background(), "question", nil, nil) }()
		require.Equal(t, "id: 0-2\ndata: "+`{"jsonrpc":"2.0","id":1,"method":"question"}`, get.next())
		status, _, _ := w.answer(request{session: id, body: `{"jsonrpc":"2.0","id":1,"result":7}`})
		require.Equal(t, http.StatusBadRequest, status)
		require.ErrorContains(t, <-failed, "the response was refused")
	})
}

func TestOtherMethodsAreNotAllowed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodOptions} {
			status, _, header := w.answer(request{method: method})
			require.Equal(t, http.StatusMethodNotAllowed, status)
			require.Equal(t, "GET, POST, DELETE", header.Get("Allow"))
		}
	})
}

func TestSessionIDsAre32RandomBytes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		seen := map[string]bool{}
		for range 50 {
			id := w.open(newest)
			b, err := base64.RawURLEncoding.DecodeString(id)
			require.NoError(t, err)
			require.Len(t, b, 32)
			require.Equal(t, id, (<-w.app.sessions).Link().ID)
			require.False(t, seen[id])
			seen[id] = true
		}
	})
}

func TestSessionIDMissingUnknownAndEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			status, _, _ := w.answer(request{method: method, body: call(1, "echo", `{}`)})
			require.Equal(t, http.StatusBadRequest, status, method)
			status, body, _ := w.answer(request{method: method, session: "unknown", body: call(1, "echo", `{}`)})
			require.Equal(t, http.StatusNotFound, status, method)
			require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the session is unknown or has ended: initialize a new one"}}`, body)
		}
		status, _, _ := w.answer(request{method: http.MethodDelete, session: s})
		require.Equal(t, http.StatusNoContent, status)
		require.False(t, isOpen(<-w.app.sessions))
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			status, _, _ := w.answer(request{method: method, session: s, body: call(1, "echo", `{}`)})
			require.Equal(t, http.StatusNotFound, status, method)
		}
	})
}

func TestBeforeInitialize(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for method, code := range map[string]string{"echo": "-32600", "server/discover": "-32601"} {
			status, body, _ := w.answer(request{body: call(7, method, `{}`)})
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, body, `{"jsonrpc":"2.0","id":7,"error":{"code":`+code+`,`)
		}
		status, body, _ := w.answer(request{body: note("x", `{}`)})
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, body, `{"jsonrpc":"2.0","error":{"code":-32600,`)
		w.open(newest) // no harm was done
	})
}

func TestSecondInitializeIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		status, body, _ := w.answer(request{session: s, body: call(9, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, `{"jsonrpc":"2.0","id":9,"error":{"code":-32600,"message":"the session has been initialized already"}}`, body)
		status, _, _ = w.answer(request{session: s, body: call(1, "echo", `{}`)})
		require.Equal(t, http.StatusOK, status)
	})
}

func TestFailedInitializeOpensNoSession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		status, body, header := w.answer(request{body: call(0, "initialize", `{"protocolVersion":"bad"}`)})
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `"error"`)
		require.Empty(t, header.Get("Mcp-Session-Id"))
		require.False(t, isOpen(<-w.app.sessions))
		w.app.refuse = errTest
		status, body, _ = w.answer(request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusInternalServerError, status)
		require.NotContains(t, body, "test", "the reason is for the log")
		require.Contains(t, w.logs.String(), "test")
	}, streamhttp.WithLimits(streamhttp.Limits{Sessions: 1}))
}

func TestSessionBelongsToItsPrincipal(t *testing.T) {
	inBubbleWith(t, func(t *testing.T, w *world) {
		ada := map[string]string{"Authorization": "ada"}
		_, _, header := w.answer(request{header: ada, body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		s := header.Get("Mcp-Session-Id")
		p, ok := (<-w.app.sessions).Principal()
		require.True(t, ok)
		require.Equal(t, "ada", p.ID)
		for who, want := range map[string]int{"ada": 200, "bob": 403, "-": 403} {
			status, _, _ := w.answer(request{session: s, header: map[string]string{"Authorization": who}, body: call(1, "echo", `{}`)})
			require.Equal(t, want, status, who)
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			status, body, _ := w.answer(request{method: method, session: s, header: map[string]string{"Authorization": "bob"}})
			require.Equal(t, http.StatusForbidden, status)
			require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"the session belongs to another principal"}}`, body)
		}
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if who := r.Header.Get("Authorization"); who != "" {
				r = r.WithContext(rpc.WithPrincipal(r.Context(), rpc.Principal{ID: who}))
			}
			next.ServeHTTP(w, r)
		})
	})
}

func TestHandlersSeeTheRequestsHeaderAndValues(t *testing.T) {
	type key struct{}
	inBubbleWith(t, func(t *testing.T, w *world) {
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			b := wire.AppendString([]byte(`{"header":`), rpc.HeaderFrom(ctx)["X-Test"][0]+ctx.Value(key{}).(string))
			raw, err := wire.ParseRaw(append(b, '}'))
			return raw, err
		}
		s := w.open(newest)
		_, body, _ := w.answer(request{session: s, header: map[string]string{"X-Test": "a"}, body: call(1, "x/header", `{}`)})
		require.Equal(t, result(1, `{"header":"ab"}`), body)
	}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "b")))
		})
	})
}

func TestDroppedNotificationIsNotAccepted(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		held := make(chan struct{})
		w.app.handle = func(context.Context, *rpc.Message) (wire.Appender, error) {
			<-held
			return nil, nil
		}
		s := w.open(newest)
		for i := range 1026 { // one is being handled, 1,024 wait
			status, body, _ := w.answer(request{session: s, body: note("x/note", `{}`)})
			if i == 1025 {
				require.Equal(t, http.StatusServiceUnavailable, status)
				require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32010,"message":"too many notifications are waiting"}}`, body)
				break
			}
			require.Equal(t, http.StatusAccepted, status)
		}
		close(held)
	})
}
