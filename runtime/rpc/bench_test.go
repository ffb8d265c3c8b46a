package rpc_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Calls from a typed client to a typed server in one process: both ends are counted.
func BenchmarkPipe(b *testing.B) {
	client := rpc.NewSession(rpc.Config{})
	server := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, new(handler))})
	p := pipe.New(pipe.Limits{})
	client.Attach(p.Link(0))
	server.Attach(p.Link(1))
	p.Join(b.Context(), client, server)
	defer p.Close()
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprintf("inflight=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					params := &echoParams{Text: "hello, this is a call"}
					for left.Add(-1) >= 0 {
						if _, err := echo(b.Context(), client, params); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Requests as text over a pair of OS pipes, 32 in flight: a server, and for comparison a bare echo of the same lines.
// The driver, which is the same, is counted too.
func BenchmarkLines(b *testing.B) {
	for name, serve := range map[string]func(r, w *os.File){
		"bare": func(r, w *os.File) {
			in := bufio.NewReader(r)
			for {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				_, _ = w.Write(line)
			}
		},
		"session": func(r, w *os.File) {
			conn := rpc.NewLineConn(r, w, rpc.LineLimits{})
			s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, new(handler))})
			s.Attach(rpc.Link{Stream: conn})
			_ = conn.Run(b.Context(), s)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			inR, inW, err := os.Pipe()
			require.NoError(b, err)
			outR, outW, err := os.Pipe()
			require.NoError(b, err)
			done := make(chan struct{})
			go func() {
				serve(inR, outW)
				_ = outW.Close()
				close(done)
			}()
			b.ResetTimer()
			drive(b, inW, outR, b.N, 32)
			b.StopTimer()
			_ = inW.Close()
			<-done
			_ = inR.Close()
			_ = outR.Close()
		})
	}
}

// drive sends n requests, so many in flight, and reads the answers.
func drive(b *testing.B, w io.Writer, r io.Reader, n, inFlight int) {
	in := bufio.NewReaderSize(r, 64<<10)
	var out []byte
	sent, got := 0, 0
	for got < n {
		out = out[:0]
		for sent < n && sent-got < inFlight {
			sent++
			out = append(out, `{"jsonrpc":"2.0","id":`...)
			out = wire.AppendInt(out, int64(sent))
			out = append(out, `,"method":"echo","params":{"text":"hello, this is a call","delay":1}}`+"\n"...)
		}
		if len(out) > 0 {
			_, err := w.Write(out)
			require.NoError(b, err)
		}
		for more := true; more; more = in.Buffered() > 0 {
			_, err := in.ReadSlice('\n')
			require.NoError(b, err)
			got++
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"hello, this is a call","delay":1}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rpc.Parse(text, wire.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
