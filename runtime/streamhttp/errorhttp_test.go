package streamhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// refusing answers every request with an error that asks for status 403, after a notification where the method is "late".
func refusing(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if m.Method == "late" {
			if err := m.Session().Notify(ctx, "note", nil); err != nil {
				return nil, err
			}
		}
		return nil, rpc.Errorf(-32013, "not you").WithHTTP(http.StatusForbidden, map[string][]string{
			"Www-Authenticate": {`Bearer scope="a b"`},
		})
	}
}

func TestErrorsChooseTheStatusWhereNothingHasBegun(t *testing.T) {
	h := streamhttp.Handler(rpc.NewAcceptor(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, refusing)}, newest, oldest), streamhttp.Stateless())
	t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
	post := func(accept, version, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", accept)
		r.Header.Set("Mcp-Protocol-Version", version)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec
	}
	const refusal = `{"jsonrpc":"2.0","id":1,"error":{"code":-32013,"message":"not you"}}`
	for _, accept := range []string{"application/json, text/event-stream", "application/json", "text/event-stream"} {
		rec := post(accept, newest, call(1, "any", `{}`))
		require.Equal(t, http.StatusForbidden, rec.Code, accept)
		require.Equal(t, `Bearer scope="a b"`, rec.Header().Get("WWW-Authenticate"))
		require.Equal(t, "application/json", rec.Header().Get("Content-Type"))
		require.JSONEq(t, refusal, rec.Body.String())
	}

	// The response has begun: it is an error like any other.
	rec := post("application/json, text/event-stream", newest, call(1, "late", `{}`))
	require.Equal(t, http.StatusOK, rec.Code)
	require.Empty(t, rec.Header().Get("WWW-Authenticate"))
	require.Contains(t, rec.Body.String(), `"not you"`)

	// One of several has no status for all.
	rec = post("application/json", oldest, "["+call(1, "any", `{}`)+","+call(2, "any", `{}`)+"]")
	require.Equal(t, http.StatusOK, rec.Code)
	require.Empty(t, rec.Header().Get("WWW-Authenticate"))
}
