package rpc_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// serveLines gives all that a server with h answers to the input, and what Run returns.
func serveLines(t *testing.T, in io.Reader, h any, limits rpc.LineLimits) ([]string, error) {
	t.Helper()
	var out bytes.Buffer
	conn := rpc.NewLineConn(in, &out, limits)
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, h), Logger: new(logs).logger()})
	s.Attach(rpc.Link{Stream: conn, Transport: "test"})
	err := conn.Run(t.Context(), s)
	require.Error(t, s.Err())
	if out.Len() == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), err
}

func ping(id any) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"ping"}`, id) }
func pong(id any) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"result":{}}`, id) }

func TestLineFraming(t *testing.T) {
	in := ping(1) + "\r\n" + // CRLF
		"\n\r\n \t\n" + // blank lines
		ping(2) + "\n" + ping(3) + "\n" +
		"garbage\n" +
		" " + ping(4) + " \r\n" +
		ping(5) // no end of line
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(in),
		"byte by byte": iotest.OneByteReader(strings.NewReader(in)),
		"with the end": iotest.DataErrReader(strings.NewReader(in)),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := serveLines(t, r, nil, rpc.LineLimits{})
			require.NoError(t, err)
			require.ElementsMatch(t, []string{pong(1), pong(2), pong(3), pong(4), pong(5),
				`{"jsonrpc":"2.0","error":{"code":-32700,"message":"not acceptable JSON: at offset 0: expected an object, found 'g'",` +
					`"data":{"pointer":"","expected":"an object"}}}`}, out)
		})
	}
}

// padded gives a ping of exactly n bytes.
func padded(id, n int) string {
	const form = `{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"pad":"%s"}}`
	return fmt.Sprintf(form, id, strings.Repeat("x", n-len(fmt.Sprintf(form, id, ""))))
}

func TestLineSizeLimit(t *testing.T) {
	const most = 16 << 20 // the default
	require.Equal(t, 16_777_216, most)
	for _, end := range []string{"\n", "\r\n"} {
		for over := -1; over <= 1; over++ {
			in := padded(1, most+over) + end + ping(2) + end
			out, err := serveLines(t, strings.NewReader(in), nil, rpc.LineLimits{})
			require.NoError(t, err)
			if over <= 0 {
				require.ElementsMatch(t, []string{pong(1), pong(2)}, out, "%d over", over)
				continue
			}
			require.ElementsMatch(t, []string{
				`{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"the message is larger than 16777216 bytes: message too large"}}`,
				pong(2),
			}, out, "%d over", over)
		}
	}
}

func TestLineSizeLimitOfAnySize(t *testing.T) {
	for _, most := range []int{200, 8191, 8192, 8193, 70_000, 300_000} {
		for over := -1; over <= 1; over++ {
			for _, end := range []string{"\n", "\r\n", ""} {
				in := ping(1) + "\n" + padded(2, most+over) + end
				if end != "" {
					in += padded(3, most) + end
				}
				for name, r := range map[string]io.Reader{"": strings.NewReader(in), "halves": iotest.HalfReader(strings.NewReader(in))} {
					out, err := serveLines(t, r, nil, rpc.LineLimits{Message: most})
					require.NoError(t, err)
					want := []string{pong(1), pong(2)}
					if over > 0 {
						want[1] = fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"the message is larger than %d bytes: message too large"}}`, most)
					}
					if end != "" {
						want = append(want, pong(3))
					}
					require.ElementsMatch(t, want, out, "%d %d %q %s", most, over, end, name)
				}
			}
		}
	}
}

// flood is n bytes of one endless line, made as they are read.
type flood struct{ left int }

func (f *flood) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := min(len(b), f.left)
	for i := range b[:n] {
		b[i] = 'x'
	}
	f.left -= n
	return n, nil
}

func TestOversizedLinesAreNotHeld(t *testing.T) {
	const most = 1 << 20
	in := io.MultiReader(&flood{64 << 20}, strings.NewReader("\n"+ping(1)+"\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := serveLines(t, in, nil, rpc.LineLimits{Message: most})
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		`{"jsonrpc":"2.0","error":{"code":-32600,"message":"the message is larger than 1048576 bytes: message too large"}}`, pong(1)}, out)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*most))
}

func TestOversizedResponseFailsItsCall(t *testing.T) {
	ours, theirs := net.Pipe()
	conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{Message: 10_000})
	s := rpc.NewSession(rpc.Config{Logger: new(logs).logger()})
	s.Attach(rpc.Link{Stream: conn})
	done := make(chan error, 1)
	go func() { done <- conn.Run(t.Context(), s) }()
	call := calling(t.Context(), s, "x")
	in := bufio.NewReader(theirs)
	_, err := in.ReadString('\n')
	require.NoError(t, err)
	// It fails as soon as it is known to be too large, before the line has ended.
	_, err = fmt.Fprintf(theirs, `{"jsonrpc":"2.0","id":1,"result":{"text":"%s`, strings.Repeat("x", 10_000))
	require.NoError(t, err)
	err = <-call
	require.EqualError(t, err, "echo: the response was refused: the message is larger than 10000 bytes: message too large (code -32603)")
	require.ErrorIs(t, err, rpc.ErrTooLarge)
	// The rest is skipped, and the next line works.
	call = calling(t.Context(), s, "y")
	_, err = in.ReadString('\n')
	require.NoError(t, err)
	_, err = fmt.Fprintf(theirs, "%s\"}}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"text\":\"y\"}}\n", strings.Repeat("x", 50_000))
	require.NoError(t, err)
	require.NoError(t, <-call)
	require.NoError(t, theirs.Close())
	require.NoError(t, <-done)
	require.NoError(t, ours.Close())
}

func TestTooLargeToSend(t *testing.T) {
	const most = 200
	h := &handler{echo: func(_ context.Context, p *echoParams) (*echoResult, error) {
		return &echoResult{strings.Repeat("x", int(p.Delay))}, nil
	}}
	request := `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"","delay":%d}}` + "\n"
	base := len(`{"jsonrpc":"2.0","id":1,"result":{"text":""}}`)
	for over := -1; over <= 1; over++ {
		out, err := serveLines(t, strings.NewReader(fmt.Sprintf(request, most-base+over)), h, rpc.LineLimits{Message: most})
		require.NoError(t, err)
		require.Len(t, out, 1)
		if over > 0 {
			require.Equal(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"the result is too large to be sent: message too large: 201 bytes, the limit is 200"}}`, out[0])
		} else {
			require.Len(t, out[0], most+over)
		}
	}
	s := rpc.NewSession(rpc.Config{})
	conn := rpc.NewLineConn(strings.NewReader(""), io.Discard, rpc.LineLimits{Message: most})
	s.Attach(rpc.Link{Stream: conn})
	_, err := echo(t.Context(), s, &echoParams{Text: strings.Repeat("x", most)})
	require.ErrorIs(t, err, rpc.ErrTooLarge)
	require.EqualValues(t, rpc.CodeTooLarge, rpc.CodeOf(err))
	require.NoError(t, conn.Run(t.Context(), s))
}

// slow is a writer that waits until it is let go, and counts.
type slow struct {
	mu     sync.Mutex
	writes []string
	gate   chan struct{}
}

func (w *slow) Write(b []byte) (int, error) {
	<-w.gate
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, string(b))
	return len(b), nil
}

// connected runs a session whose peer reads from w and never writes.
func connected(t *testing.T, w io.Writer, limits rpc.LineLimits) (s *rpc.Session, end func() error) {
	r, hold := io.Pipe()
	conn := rpc.NewLineConn(r, w, limits)
	s = rpc.NewSession(rpc.Config{Logger: new(logs).logger()})
	s.Attach(rpc.Link{Stream: conn})
	done := make(chan error, 1)
	go func() { done <- conn.Run(context.Background(), s) }()
	return s, func() error { _ = hold.Close(); return <-done }
}

func TestWhatIsQueuedGoesOutInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slow{gate: make(chan struct{})}
		s, end := connected(t, w, rpc.LineLimits{})
		var want strings.Builder
		for i := range 100 {
			require.NoError(t, noted(t.Context(), s, &echoParams{Text: fmt.Sprint(i)}))
			fmt.Fprintf(&want, `{"jsonrpc":"2.0","method":"notifications/noted","params":{"text":"%d"}}`+"\n", i)
			synctest.Wait()
		}
		close(w.gate)
		require.NoError(t, end())
		require.Equal(t, want.String(), strings.Join(w.writes, ""))
		require.Len(t, w.writes, 2, "the first, and while it was being written all others")
	})
}

func TestQueueIsBounded(t *testing.T) {
	line := len(`{"jsonrpc":"2.0","method":"x"}` + "\n")
	for name, limits := range map[string]rpc.LineLimits{
		"messages": {QueueMessages: 3, WriteTime: time.Minute},
		"bytes":    {QueueBytes: 3 * line, WriteTime: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &slow{gate: make(chan struct{})}
				s, end := connected(t, w, limits)
				for range 3 { // one below, and at the limit
					require.NoError(t, s.Notify(t.Context(), "x", nil))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := s.Notify(ctx, "x", nil)
				require.ErrorIs(t, err, context.DeadlineExceeded, "the sender waits")
				require.NoError(t, s.Err())
				sent := make(chan error, 1)
				go func() { sent <- s.Notify(t.Context(), "y", nil) }()
				synctest.Wait()
				require.Empty(t, sent)
				close(w.gate)
				require.NoError(t, <-sent)
				require.NoError(t, end())
				require.Equal(t, 4, strings.Count(strings.Join(w.writes, ""), "\n"))
			})
		})
	}
}

func TestPeerThatTakesNothingFailsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slow{gate: make(chan struct{})}
		s, end := connected(t, w, rpc.LineLimits{QueueMessages: 2})
		call := calling(t.Context(), s, "x")
		synctest.Wait()
		require.NoError(t, s.Notify(t.Context(), "x", nil))
		began := time.Now()
		err := s.Notify(t.Context(), "x", nil)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.ErrorContains(t, err, "the peer has taken nothing for 30s")
		require.ErrorContains(t, <-call, "the peer has taken nothing for 30s")
		<-s.Done()
		go func() { time.Sleep(time.Hour); close(w.gate) }()
		require.ErrorIs(t, end(), rpc.ErrClosed)
		time.Sleep(2 * time.Hour) // let the writer go
	})
}

func TestPeerThatTakesNothingFailsTheSessionByDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s, end := connected(t, ours, rpc.LineLimits{WriteTime: 5 * time.Second})
		began := time.Now()
		_, err := echo(t.Context(), s, &echoParams{Text: "x"})
		require.ErrorContains(t, err, "the peer has taken nothing for 5s")
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Error(t, end())
		require.NoError(t, theirs.Close())
	})
}

func TestWriteErrorFailsTheSession(t *testing.T) {
	broken := errors.New("broken pipe")
	s, end := connected(t, errWriter{broken}, rpc.LineLimits{})
	_, err := echo(t.Context(), s, &echoParams{Text: "x"})
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, rpc.ErrClosed)
	require.EqualError(t, end(), "writing to the peer: broken pipe")
}

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

func TestReadErrorFailsTheSession(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := serveLines(t, iotest.ErrReader(broken), nil, rpc.LineLimits{})
	require.EqualError(t, err, "reading from the peer: the disk is gone")
}

func TestEndOfInputAnswersWhatIsInFlight(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		out   []string
	}{
		"in time":  {9 * time.Second, []string{`{"jsonrpc":"2.0","id":1,"result":{"text":"x"}}`}},
		"too late": {11 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &handler{echo: func(ctx context.Context, p *echoParams) (*echoResult, error) {
					select {
					case <-time.After(c.takes):
						return &echoResult{p.Text}, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}}
				out, err := serveLines(t, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}`), h, rpc.LineLimits{})
				require.NoError(t, err)
				require.Equal(t, c.out, out)
			})
		})
	}
}

func TestRunReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		conn := rpc.NewLineConn(ours, ours, rpc.LineLimits{})
		cause := make(chan error, 1)
		s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(table, &handler{
			echo: func(ctx context.Context, _ *echoParams) (*echoResult, error) {
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return nil, nil
			}})})
		s.Attach(rpc.Link{Stream: conn})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- conn.Run(ctx, s) }()
		_, err := fmt.Fprintln(theirs, `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x"}}`)
		require.NoError(t, err)
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.ErrorIs(t, <-cause, rpc.ErrClosed)
	})
}

// newliner is a value whose encoder breaks the rule.
type newliner struct{}

func (newliner) AppendJSON(b []byte) []byte { return append(b, "{\n}"...) }

func TestLineBreakIsNeverSent(t *testing.T) {
	var out bytes.Buffer
	s, end := connected(t, &out, rpc.LineLimits{})
	require.ErrorContains(t, s.Notify(t.Context(), "x", newliner{}), "a message must not contain a line break")
	require.NoError(t, s.Notify(t.Context(), "x", wire.MustRaw("{\r\n\"a\": \n1}")))
	require.NoError(t, end())
	require.Equal(t, `{"jsonrpc":"2.0","method":"x","params":{"a": 1}}`+"\n", out.String())
}

func TestLargeMessagesInOrder(t *testing.T) {
	var out bytes.Buffer
	s, end := connected(t, &out, rpc.LineLimits{})
	var want []int
	for i := range 40 {
		size := []int{10, 70_000, 65_000, 2_000_000}[i%4]
		want = append(want, size)
		require.NoError(t, noted(t.Context(), s, &echoParams{Text: strings.Repeat("z", size)}))
	}
	require.NoError(t, end())
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		require.Equal(t, want[i], strings.Count(line, "z"), i)
	}
}
