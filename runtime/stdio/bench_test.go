package stdio_test

import (
	"bufio"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What a call costs the whole server process in CPU, as the operating system counts it, at 32 in flight: a process that
// returns the bytes it gets, and one that serves a session. The driver is another process.
func BenchmarkServer(b *testing.B) {
	for _, role := range []string{"bare", "echo"} {
		b.Run(role, func(b *testing.B) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), roleVar+"="+role)
			in, err := cmd.StdinPipe()
			require.NoError(b, err)
			out, err := cmd.StdoutPipe()
			require.NoError(b, err)
			require.NoError(b, cmd.Start())
			b.ResetTimer()
			answers := bufio.NewReaderSize(out, 64<<10)
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
					_, err := in.Write(batch)
					require.NoError(b, err)
				}
				for more := true; more; more = answers.Buffered() > 0 {
					_, err := answers.ReadSlice('\n')
					require.NoError(b, err)
					got++
				}
			}
			b.StopTimer()
			require.NoError(b, in.Close())
			require.NoError(b, cmd.Wait())
			cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "server-cpu-ns/call")
		})
	}
}
