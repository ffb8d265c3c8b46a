package streamhttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const (
	callBody   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"}}}`
	callResult = `{"content":[{"type":"text","text":"hello, Ada"}]}`
	callAnswer = `{"jsonrpc":"2.0","id":1,"result":` + callResult + `}`
)

// BenchmarkCall is a call over eight keep-alive connections from another process, with a session each; the metric is the
// processor time of this process, which is the server.
func BenchmarkCall(b *testing.B) {
	answer := wire.MustRaw(callResult)
	h := streamhttp.Handler(rpc.NewAcceptor(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			switch m.Method {
			case "initialize":
				m.Session().SetPeer("2025-11-25", nil)
				return nil, nil
			case "tools/call":
				return answer, nil
			}
			return next(ctx, m)
		}
	})}, "2025-11-25"))
	benchmarkCalls(b, h)
	require.NoError(b, h.Shutdown(context.Background()))
}

// BenchmarkBare is what BenchmarkCall is compared with: a handler that moves the same bytes.
func BenchmarkBare(b *testing.B) {
	benchmarkCalls(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Mcp-Session-Id", "x")
		_, _ = io.WriteString(w, callAnswer)
	}))
}

const benchConns = 8

func benchmarkCalls(b *testing.B, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), loadVar+"="+strconv.Itoa(b.N)+" "+server.Listener.Addr().String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n') // it is ready
	require.NoError(b, err)
	b.ResetTimer()
	cpu := processorTime()
	_, err = io.WriteString(in, "go\n")
	require.NoError(b, err)
	_, err = lines.ReadString('\n') // it is done
	require.NoError(b, err)
	cpu = processorTime() - cpu
	b.StopTimer()
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
	require.NoError(b, in.Close())
	require.NoError(b, cmd.Wait())
}

// load makes calls: it opens connections and sessions, says that it is ready, waits for a line, and says when it is done.
func load(what string) int {
	count, addr, _ := strings.Cut(what, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return 1
	}
	var callers []*caller
	for range benchConns {
		c, err := newCaller(addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		callers = append(callers, c)
	}
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return 1
	}
	var wait sync.WaitGroup
	for i, c := range callers {
		wait.Go(func() {
			for range (n + i) / benchConns {
				if err := c.call(callAnswer); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	wait.Wait()
	fmt.Println("done")
	_, _ = in.ReadString('\n')
	return 0
}

// caller is a client that does no more than it must.
type caller struct {
	conn    net.Conn
	in      *bufio.Reader
	request string
}

func newCaller(addr string) (*caller, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, in: bufio.NewReader(conn)}
	body := `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}`
	head := "POST /mcp HTTP/1.1\r\nHost: " + addr + "\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
	fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	session, _, err := c.read()
	if err != nil {
		return nil, err
	}
	c.request = fmt.Sprintf("%sMcp-Session-Id: %s\r\nMcp-Protocol-Version: 2025-11-25\r\nContent-Length: %d\r\n\r\n%s",
		head, session, len(callBody), callBody)
	return c, nil
}

func (c *caller) call(want string) error {
	if _, err := io.WriteString(c.conn, c.request); err != nil {
		return err
	}
	_, body, err := c.read()
	if err == nil && string(body) != want {
		err = fmt.Errorf("answered %s", body)
	}
	return err
}

func (c *caller) read() (session string, body []byte, err error) {
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return "", nil, err
		}
		if len(line) == 2 {
			break
		}
		if v, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
		if v, ok := strings.CutPrefix(string(line), "Mcp-Session-Id: "); ok {
			session = strings.TrimSpace(v)
		}
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.in, body)
	return session, body, err
}
