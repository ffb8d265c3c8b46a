package streamhttp_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// offsets gives all up to 512, and 200 random ones.
func offsets(text string) []int {
	var all []int
	for i := range min(513, len(text)) {
		all = append(all, i)
	}
	for range 200 {
		all = append(all, rand.IntN(len(text)))
	}
	return all
}

// rawConn gives a bare connection to the world's server.
func (w *world) rawConn() net.Conn {
	c, err := w.client.Transport.(*http.Transport).DialContext(context.Background(), "", "")
	require.NoError(w, err)
	return c
}

// TestDisconnectAtEveryOffset: whatever part of a request has come when the client goes away, nothing is handled but what
// came whole, no session is opened, and the server serves the next.
func TestDisconnectAtEveryOffset(t *testing.T) {
	pad := strings.Repeat("x", 1500)
	for kind, body := range map[string]string{
		"request":      call(7, "x/run", `{"pad":"`+pad+`"}`),
		"notification": note("x/run", `{"pad":"`+pad+`"}`),
		"result":       result(1, `{"pad":"`+pad+`"}`),
		"error":        `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"` + pad + `"}}`,
		"initialize":   call(0, "initialize", `{"protocolVersion":"`+newest+`","pad":"`+pad+`"}`),
		"cancellation": note("notifications/cancelled", `{"requestId":1,"reason":"`+pad+`"}`),
		"batch":        `[` + call(7, "x/run", `{"pad":"`+pad+`"}`) + `,` + note("x/run", `{}`) + `]`,
	} {
		t.Run(kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				ran := 0
				w.app.handle = func(context.Context, *rpc.Message) (wire.Appender, error) { ran++; return nil, nil }
				version := newest
				if kind == "batch" {
					version = oldest
				}
				session := w.open(version)
				<-w.app.sessions
				header := "Mcp-Session-Id: " + session + "\r\n"
				if kind == "initialize" {
					header = ""
				}
				text := post(body, header)
				w.answer(request{session: session, body: call(1, "echo", `{}`)})
				before := goroutines()
				for _, n := range offsets(text) {
					c := w.rawConn()
					_, err := io.WriteString(c, text[:n])
					require.NoError(t, err)
					synctest.Wait()
					require.NoError(t, c.Close())
					synctest.Wait()
					require.Zero(t, ran, "offset %d", n)
					require.Empty(t, w.app.sessions, "offset %d", n)
				}
				require.LessOrEqual(t, goroutines(), before)
				status, answered, _ := w.answer(request{session: session, body: call(9, "echo", `{"still":"there"}`)})
				require.Equal(t, http.StatusOK, status)
				require.Equal(t, result(9, `{"still":"there"}`), answered)
			})
		})
	}
}

// TestClientsThatLeaveAStreamAtEveryOffset: the bytes of an answer that a client takes before it goes away make no
// difference to anybody else.
func TestClientsThatLeaveAStreamAtEveryOffset(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.app.handle = func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			return nil, m.Session().Notify(ctx, "note", wire.MustRaw(`{"pad":"`+strings.Repeat("x", 600)+`"}`))
		}
		session := w.open(newest)
		s := <-w.app.sessions
		text := post(call(7, "x/stream", `{}`), "Mcp-Session-Id: "+session+"\r\n")
		for n := range 512 {
			c := w.rawConn()
			_, err := io.WriteString(c, text)
			require.NoError(t, err)
			_, err = io.CopyN(io.Discard, c, int64(n))
			require.NoError(t, err)
			require.NoError(t, c.Close())
			synctest.Wait()
			require.Zero(t, s.Stats().InFlight, "offset %d", n)
		}
		status, _, _ := w.answer(request{session: session, body: call(9, "echo", fmt.Sprintf(`{"n":%d}`, 1))})
		require.Equal(t, http.StatusOK, status)
	})
}
