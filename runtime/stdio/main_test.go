package stdio_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
	"go.uber.org/goleak"
)

// roleVar in the environment makes the test binary a server of a certain kind.
const roleVar = "STDIO_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// play is the server.
func play(role string) int {
	switch role {
	case "echo", "chatty", "deaf", "mute":
		switch role {
		case "chatty":
			for i := range 3 {
				fmt.Fprintf(os.Stderr, "line %d\n", i)
			}
			fmt.Fprint(os.Stderr, "no end")
		case "deaf": // exits neither at the end of its input nor when asked to
			signal.Ignore(syscall.SIGTERM)
		}
		if err := stdio.Serve(context.Background(), acceptor{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if role == "deaf" || role == "mute" {
			time.Sleep(time.Hour)
		}
	case "bare": // for benchmarks: what moves the same bytes and does nothing
		in := bufio.NewReader(os.Stdin)
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return 0
			}
			_, _ = os.Stdout.Write(line)
		}
	case "dies":
		fmt.Fprintln(os.Stderr, "cannot open the database")
		return 3
	case "quits":
		return 0
	case "half": // dies in the middle of a line
		fmt.Print(`{"jsonrpc":"2.0","id":1,"resu`)
		return 4
	case "shuts": // closes its output and lives on
		_ = os.Stdout.Close()
		time.Sleep(time.Hour)
	case "floods":
		junk := strings.Repeat("x", 100_000) + "\n"
		for range 200 {
			fmt.Fprint(os.Stderr, junk)
		}
		return play("echo")
	case "parent": // leaves a child behind that holds its streams
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVar+"=orphan")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			return 1
		}
		fmt.Fprintln(os.Stderr, cmd.Process.Pid)
		return play("echo")
	case "orphan":
		time.Sleep(time.Hour)
	}
	return 0
}

// acceptor is a server that returns the params of what it is asked, and does a few more things.
type acceptor struct{}

func (acceptor) Opens(m *rpc.Message) bool { return rpc.IsInitialize(m) }
func (acceptor) Versions() []string        { return []string{"test"} }

func (acceptor) NewSession(_ context.Context, link rpc.Link) (*rpc.Session, error) {
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			switch m.Method {
			case "echo":
				return m.Raw(), nil
			case "wait":
				<-ctx.Done()
				return nil, ctx.Err()
			case "environment":
				dir, err := os.Getwd()
				b := append([]byte(`{"dir":`), wire.AppendString(nil, dir)...)
				b = append(append(b, `,"A":`...), wire.AppendString(nil, os.Getenv("A"))...)
				b = append(append(b, `,"HOME":`...), wire.AppendString(nil, os.Getenv("HOME"))...)
				raw, _ := wire.ParseRaw(append(b, '}'))
				return raw, err
			case "exit":
				fmt.Fprintln(os.Stderr, "last words")
				os.Exit(7)
			case "ask":
				var raw wire.Raw
				err := rpc.SessionFrom(ctx).Call(ctx, "question", nil, &raw)
				return raw, err
			}
			return next(ctx, m)
		}
	})})
	s.Attach(link)
	return s, nil
}
