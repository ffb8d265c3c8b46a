package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	ws "github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// play is a server for one connection, as a process of its own.
func play(role string) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	fmt.Println(listener.Addr())
	done := make(chan struct{})
	h := http.Handler(websocket.Handler(acceptor()))
	if role == "bare" { // what moves the same messages and does nothing
		h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"mcp"}})
			if err != nil {
				return
			}
			for {
				kind, text, err := conn.Read(context.Background())
				if err != nil || conn.Write(context.Background(), kind, text) != nil {
					return
				}
			}
		})
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			close(done)
		}))
	}()
	<-done
	return 0
}

// What a call costs the whole server process in CPU, as the operating system counts it, at 32 in flight: a process that
// returns the messages it gets, and one that serves a session. The driver is another process.
func BenchmarkServer(b *testing.B) {
	for _, role := range []string{"bare", "echo"} {
		b.Run(role, func(b *testing.B) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), roleVar+"="+role)
			out, err := cmd.StdoutPipe()
			require.NoError(b, err)
			require.NoError(b, cmd.Start())
			var at string
			_, err = fmt.Fscanln(out, &at)
			require.NoError(b, err)
			r := dialRaw(b, "ws://"+at)
			r.say(hello)
			r.text()
			ctx := context.Background()
			b.ResetTimer()
			var text bytes.Buffer
			for sent, got := 0, 0; got < b.N; got++ {
				for sent < b.N && sent-got < 32 {
					sent++
					text.Reset()
					text.WriteString(`{"jsonrpc":"2.0","id":`)
					text.Write(wire.AppendInt(nil, int64(sent)))
					text.WriteString(`,"method":"echo","params":{"name":"greet","arguments":{"name":"Ada"}}}`)
					require.NoError(b, r.Write(ctx, ws.MessageText, text.Bytes()))
				}
				_, _, err := r.Read(ctx)
				require.NoError(b, err)
			}
			b.StopTimer()
			require.NoError(b, r.Close(ws.StatusNormalClosure, ""))
			require.NoError(b, cmd.Wait())
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "server-cpu-ns/call")
		})
	}
}

// The frames of messages that are answered together go out together.
func BenchmarkThousandCallsAtOnce(b *testing.B) {
	_, address := start(b)
	s, _ := dial(b, websocket.Connect(address))
	require.NoError(b, s.Call(b.Context(), "initialize", nil, nil))
	params := wire.MustRaw(`{"x":"` + strings.Repeat("x", 100) + `"}`)
	for b.Loop() {
		errs := make(chan error, 1000)
		for range 1000 {
			go func() { errs <- s.Call(b.Context(), "echo", params, nil) }()
		}
		for range 1000 {
			require.NoError(b, <-errs)
		}
	}
}
