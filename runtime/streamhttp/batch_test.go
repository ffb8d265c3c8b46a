package streamhttp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

func batch(messages ...string) string { return " [" + strings.Join(messages, ",\n") + "]" }

func TestBatchOnlyWithTheVersionThatHasThem(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, version := range []string{newest, older} {
			status, body, _ := w.answer(request{session: w.open(version), body: batch(call(1, "echo", `{}`))})
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"batches are not part of protocol version `+version+`: send one message"}}`, body)
		}
		status, _, _ := w.answer(request{body: batch(call(0, "initialize", `{"protocolVersion":"`+oldest+`"}`))})
		require.Equal(t, http.StatusBadRequest, status, "there is no session")
	})
}

func TestBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(oldest)
		both := batch(call(1, "echo", `{"n":1}`), note("n", `{}`), call(2, "echo", `{"n":2}`))
		only := map[string]string{"Accept": "application/json"}
		status, body, header := w.answer(request{session: s, header: only, body: both})
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "application/json", header.Get("Content-Type"))
		one, two := result(1, `{"n":1}`), result(2, `{"n":2}`)
		require.Contains(t, []string{"[" + one + "," + two + "]", "[" + two + "," + one + "]"}, body)

		e := w.stream(request{session: s, body: both})
		first, second := e.next(), e.next()
		require.ElementsMatch(t, []string{one, two}, []string{
			strings.TrimPrefix(first, "id: 1-1\ndata: "), strings.TrimPrefix(second, "id: 1-2\ndata: "),
		})
		require.Empty(t, e.next())

		_, body, _ = w.answer(request{session: s, body: batch(call(3, "echo", `{}`))})
		require.Equal(t, "["+result(3, `{}`)+"]", body)

		status, body, _ = w.answer(request{session: s, body: batch(note("n", `{}`), result(9, `{}`))})
		require.Equal(t, http.StatusAccepted, status)
		require.Empty(t, body)
	})
}

func TestBatchWithWhatIsNoMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		s := w.open(oldest)
		only := map[string]string{"Accept": "application/json"}
		_, body, _ := w.answer(request{session: s, header: only, body: batch(`7`)})
		require.Contains(t, body, `[{"jsonrpc":"2.0","error":{"code":-32600,`)
		_, body, _ = w.answer(request{session: s, header: only, body: batch(call(1, "initialize", `{}`))})
		require.Equal(t, `[{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"initialize must not be part of a batch"}}]`, body)
		for text, want := range map[string]string{
			`[]`:                      "the batch is empty",
			`[1,`:                     "not acceptable JSON",
			`[1] x`:                   "not acceptable JSON",
			batch(`1`, `2`, `3`, `4`): "the batch has 4 messages, the limit is 3",
		} {
			status, body, _ := w.answer(request{session: s, body: text})
			require.Equal(t, http.StatusBadRequest, status)
			require.Contains(t, body, want)
		}
	}, streamhttp.WithLimits(streamhttp.Limits{Batch: 3}))
}

func TestStatelessBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		only := map[string]string{"Accept": "application/json"}
		_, body, _ := w.answer(request{header: only, body: batch(call(1, "echo", `{}`))})
		require.Equal(t, "["+result(1, `{}`)+"]", body)
		status, _, _ := w.answer(request{header: only, version: newest, body: batch(call(1, "echo", `{}`))})
		require.Equal(t, http.StatusBadRequest, status)
		status, _, _ = w.answer(request{header: only, body: batch(note("n", `{}`))})
		require.Equal(t, http.StatusAccepted, status)
	}, streamhttp.Stateless())
}
