package rpc_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// talkInLines runs a session with handler over a connection of lines, and gives the other end, with nothing buffered between.
func talkInLines(t *testing.T, handler rpc.Interceptor) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, handler)})
	conn := rpc.NewLineConn(there, there, rpc.LineLimits{})
	s.Attach(rpc.Link{Stream: conn})
	done := make(chan error, 1)
	go func() { done <- conn.Run(context.Background(), s) }()
	t.Cleanup(func() {
		require.NoError(t, here.Close())
		<-done
		require.NoError(t, there.Close())
	})
	return here
}

// request writes a request of the method.
func request(t *testing.T, w net.Conn, id int, method string) {
	t.Helper()
	_, err := fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"method":%q}`+"\n", id, method)
	require.NoError(t, err)
}

func answered(t *testing.T, r *bufio.Scanner) string {
	t.Helper()
	require.True(t, r.Scan(), "the connection ended: %v", r.Err())
	return r.Text()
}

// TestASlowHandlerDoesNotKeepTheInputWaiting: the second request is what the first waits for.
func TestASlowHandlerDoesNotKeepTheInputWaiting(t *testing.T) {
	open := make(chan struct{})
	conn := talkInLines(t, func(rpc.Handler) rpc.Handler {
		return func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Method == "wait" {
				<-open
			} else {
				close(open)
			}
			return nil, nil
		}
	})
	answers := bufio.NewScanner(conn)
	go func() {
		request(t, conn, 1, "wait")
		request(t, conn, 2, "open")
	}()
	got := []string{answered(t, answers), answered(t, answers)}
	require.ElementsMatch(t, []string{`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":2,"result":{}}`}, got)
}

// TestAPeerThatDoesNotReadKeepsTheInputGoing: as long as there is room for the answers, requests are read.
func TestAPeerThatDoesNotReadKeepsTheInputGoing(t *testing.T) {
	const n = 100
	conn := talkInLines(t, func(rpc.Handler) rpc.Handler {
		return func(context.Context, *rpc.Message) (wire.Appender, error) {
			return wire.MustRaw(`{"x":"` + strings.Repeat("x", 4<<10) + `"}`), nil
		}
	})
	for i := range n {
		request(t, conn, i, "any")
	}
	answers := bufio.NewScanner(conn)
	for range n {
		require.Contains(t, answered(t, answers), `"result"`)
	}
}

// TestAHandlerThatEndsItsGoroutine: it is an internal error of that request, and the connection goes on.
func TestAHandlerThatEndsItsGoroutine(t *testing.T) {
	conn := talkInLines(t, func(rpc.Handler) rpc.Handler {
		return func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Method == "exit" {
				runtime.Goexit()
			}
			return nil, nil
		}
	})
	answers := bufio.NewScanner(conn)
	for i := range 10 {
		request(t, conn, 2*i, "exit")
		require.Equal(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32603,"message":"internal error"}}`, 2*i), answered(t, answers))
		request(t, conn, 2*i+1, "go on")
		require.Equal(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{}}`, 2*i+1), answered(t, answers))
	}
}

// TestQuickAnswersAreNotHeldBack: with all input read and nothing more to come, every answer is written, also of requests
// that came in one piece.
func TestQuickAnswersAreNotHeldBack(t *testing.T) {
	const n = 500
	conn := talkInLines(t, func(rpc.Handler) rpc.Handler {
		return func(context.Context, *rpc.Message) (wire.Appender, error) { return nil, nil }
	})
	answers := bufio.NewScanner(conn)
	for round := range 5 {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, `{"jsonrpc":"2.0","id":%d,"method":"any"}`+"\n", round*n+i)
		}
		go func() { _, _ = conn.Write([]byte(all.String())) }()
		for range n {
			require.Contains(t, answered(t, answers), `"result":{}`)
		}
	}
}
