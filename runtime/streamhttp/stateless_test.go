package streamhttp_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestStatelessNeedsNoSession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for range 2 { // initialize is answered each time
			status, body, header := w.answer(request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, result(0, `{"protocolVersion":"`+newest+`"}`), body)
			require.Empty(t, header.Get("Mcp-Session-Id"))
			require.False(t, isOpen(<-w.app.sessions), "it lives for one message")
		}
		for _, id := range []string{"", "whatever"} {
			status, body, _ := w.answer(request{session: id, version: older, body: call(1, "echo", `{"a":1}`)})
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, result(1, `{"a":1}`), body)
			s := <-w.app.sessions
			require.Equal(t, older, s.Version(), "the header's")
			require.True(t, s.Link().Stateless)
			require.Empty(t, s.Link().ID)
			require.False(t, isOpen(s))
		}
		w.answer(request{body: call(1, "echo", `{"a":1}`)})
		require.Equal(t, oldest, (<-w.app.sessions).Version(), "what is assumed")
		status, _, _ := w.answer(request{version: "nonsense", body: call(1, "echo", `{"a":1}`)})
		require.Equal(t, http.StatusBadRequest, status)
		status, _, _ = w.answer(request{version: "nonsense", body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusOK, status)
		status, _, _ = w.answer(request{body: note("notifications/initialized", `{}`)})
		require.Equal(t, http.StatusAccepted, status)
	}, streamhttp.Stateless())
}

func TestStatelessHandlesNotificationsBeforeItAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		handled := false
		w.app.handle = func(context.Context, *rpc.Message) (wire.Appender, error) {
			handled = true
			return nil, nil
		}
		w.answer(request{body: note("x/note", `{}`)})
		require.True(t, handled)
	}, streamhttp.Stateless())
}

func TestStatelessHasOnlyPOST(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			status, _, header := w.answer(request{method: method, session: "x"})
			require.Equal(t, http.StatusMethodNotAllowed, status)
			require.Equal(t, "POST", header.Get("Allow"))
		}
	}, streamhttp.Stateless())
}

func TestStatelessCannotAsk(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, body, _ := w.answer(request{body: call(1, "ask", `{}`)})
		require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"question was not sent: the server is stateless: it cannot ask the client anything"}}`, body)
	}, streamhttp.Stateless())
}

func TestStatelessStreamsWithoutIDs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.stream(request{version: newest, body: call(1, "sayAndWait", `{"n":1}`)})
		require.Equal(t, "data: "+note("note", `{"n":1}`), e.next())
		close(w.app.release)
		require.Equal(t, "data: "+result(1, `{"waited":true}`), e.next())
		require.Empty(t, e.next())
	}, streamhttp.Stateless())
}

func TestStatelessDisconnectCancels(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		e := w.stream(request{version: newest, body: call(1, "sayAndWait", `{}`)})
		e.next()
		e.close()
		require.ErrorContains(t, <-w.app.ended, "the client disconnected")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := w.try(request{ctx: ctx, body: call(2, "wait", `{}`)})
			done <- err
		}()
		synctest.Wait()
		cancel()
		require.Error(t, <-done)
		require.ErrorContains(t, <-w.app.ended, "the client disconnected")
	}, streamhttp.Stateless())
}
