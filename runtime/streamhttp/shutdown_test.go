package streamhttp_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func TestShutdownLetsCallsFinish(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(newest)
		get := w.stream(request{method: http.MethodGet, session: s})
		get.next()
		e := w.stream(request{session: s, body: call(1, "ask", `{}`)})
		e.next()
		e.next()
		done := make(chan error, 1)
		go func() { done <- w.h.Shutdown(t.Context()) }()
		synctest.Wait()
		status, body, header := w.answer(request{body: call(0, "initialize", `{"protocolVersion":"`+newest+`"}`)})
		require.Equal(t, http.StatusServiceUnavailable, status, "new sessions are refused")
		require.NotEmpty(t, header.Get("Retry-After"))
		require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32010,"message":"the server shuts down"}}`, body)
		status, _, _ = w.answer(request{session: s, body: call(2, "echo", `{}`)})
		require.Equal(t, http.StatusServiceUnavailable, status, "new requests too")
		status, _, _ = w.answer(request{session: s, body: result(1, `{"a":1}`)})
		require.Equal(t, http.StatusAccepted, status, "what the call waits for is not")
		require.Equal(t, event("1-3", result(1, `{"a":1}`)), e.next())
		require.Empty(t, e.next())
		require.Empty(t, get.next(), "streams end")
		require.NoError(t, <-done)
		require.False(t, isOpen(<-w.app.sessions))
		status, _, _ = w.answer(request{method: http.MethodGet, session: s})
		require.Equal(t, http.StatusNotFound, status)
		require.NoError(t, w.h.Shutdown(t.Context()), "again")
	})
}

func TestShutdownSaysWhatWasCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.open(newest)
		for range 2 {
			s := w.open(newest)
			for id := range 2 {
				w.stream(request{session: s, body: call(id, "wait", `{}`)}).next()
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := w.h.Shutdown(ctx)
		var cut *streamhttp.CutOff
		require.ErrorAs(t, err, &cut)
		require.Equal(t, 2, cut.Sessions)
		require.Equal(t, 4, cut.Requests)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "streamhttp: shut down with 4 requests of 2 sessions in flight: context deadline exceeded")
		for range 4 {
			require.Error(t, <-w.app.ended)
		}
	})
}
