package stdio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
)

func TestServeOverStreams(t *testing.T) {
	var out strings.Builder
	in := `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":1}}` + "\r\n\n" + `{"jsonrpc":"2.0","id":2,"method":"nope"}`
	require.NoError(t, stdio.Over(strings.NewReader(in), &out)(t.Context(), acceptor{}))
	require.ElementsMatch(t, []string{
		`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`,
		`{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"method not found: \"nope\""}}`,
	}, strings.Split(strings.TrimSpace(out.String()), "\n"))
}

func TestServeWithLimits(t *testing.T) {
	var out strings.Builder
	in := `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"12345678901234567890123456789012345678901234567890"}}`
	serve := stdio.Over(strings.NewReader(in), &out, stdio.WithLimits(rpc.LineLimits{Message: len(in) - 1}))
	require.NoError(t, serve(t.Context(), acceptor{}))
	require.Empty(t, out.String(), "the refusal is over this limit too")
}

type refuser struct{ acceptor }

func (refuser) NewSession(context.Context, rpc.Link) (*rpc.Session, error) {
	return nil, errors.New("full")
}

func TestServeThatIsRefused(t *testing.T) {
	require.EqualError(t, stdio.Over(strings.NewReader(""), io.Discard)(t.Context(), refuser{}), "full")
}

// A reader without deadlines: Serve returns all the same, and the goroutine that is left ends with the input.
func TestServeReturnsWhenItsContextEnds(t *testing.T) {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- stdio.Over(r, io.Discard)(ctx, acceptor{}) }()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, w.Close())
}

// start starts the test binary as a server by hand.
func start(t *testing.T, role string) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err = cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, in, out
}

// A real server process answers what is in flight when its input ends, and exits with status 0.
func TestServeAnswersAndExitsAtTheEndOfItsInput(t *testing.T) {
	cmd, in, out := start(t, "echo")
	for i := range 100 {
		_, err := fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":"echo","params":{}}`+"\n", i)
		require.NoError(t, err)
	}
	require.NoError(t, in.Close())
	lines := 0
	for scan := bufio.NewScanner(out); scan.Scan(); {
		lines++
	}
	require.Equal(t, 100, lines)
	require.NoError(t, cmd.Wait())
}

// A client that is gone is an error of the session, and not the end of the process by SIGPIPE.
func TestServeWhoseOutputNobodyReads(t *testing.T) {
	cmd, in, out := start(t, "echo")
	cmd.Stderr = nil
	require.NoError(t, out.Close())
	go func() {
		for {
			if _, err := fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); err != nil {
				return
			}
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode(), "what Serve returned, and not a signal")
}
