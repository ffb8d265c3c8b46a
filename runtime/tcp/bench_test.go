package tcp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// play is a server for one connection, as a process of its own.
func play(role string) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	fmt.Println(listener.Addr())
	conn, err := listener.Accept()
	if err != nil {
		return 1
	}
	switch role {
	case "echo":
		if tcp.NewServer(acceptor()).ServeConn(context.Background(), conn) != nil {
			return 1
		}
	case "bare": // what moves the same bytes and does nothing
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return 0
			}
			_, _ = conn.Write(line)
		}
	}
	return 0
}

// What a call costs the whole server process in CPU, as the operating system counts it, at 32 in flight: a process that
// returns the lines it gets, and one that serves a session. The driver is another process.
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
			conn, err := net.Dial("tcp", at)
			require.NoError(b, err)
			_, err = conn.Write([]byte(hello))
			require.NoError(b, err)
			answers := bufio.NewReaderSize(conn, 64<<10)
			_, err = answers.ReadSlice('\n')
			require.NoError(b, err)
			b.ResetTimer()
			var batch []byte
			for sent, got := 0, 0; got < b.N; {
				batch = batch[:0]
				for sent < b.N && sent-got < 32 {
					sent++
					batch = append(batch, `{"jsonrpc":"2.0","id":`...)
					batch = wire.AppendInt(batch, int64(sent))
					batch = append(batch, `,"method":"echo","params":{"name":"greet","arguments":{"name":"Ada"}}}`+"\n"...)
				}
				if len(batch) > 0 {
					_, err := conn.Write(batch)
					require.NoError(b, err)
				}
				for more := true; more; more = answers.Buffered() > 0 {
					_, err := answers.ReadSlice('\n')
					require.NoError(b, err)
					got++
				}
			}
			b.StopTimer()
			require.NoError(b, conn.Close())
			require.NoError(b, cmd.Wait())
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "server-cpu-ns/call")
		})
	}
}
