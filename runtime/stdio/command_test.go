package stdio_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// buffer is a bytes.Buffer for two goroutines.
type buffer struct {
	mu     sync.Mutex
	b      bytes.Buffer
	writes int
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// child is the test binary in a role.
func child(role string) (*stdio.Child, *buffer) {
	c := stdio.Command(os.Args[0])
	c.Env = []string{roleVar + "=" + role}
	stderr := new(buffer)
	c.Stderr = stderr
	return c, stderr
}

func dial(t *testing.T, c *stdio.Child) (*rpc.Session, rpc.Conn) {
	t.Helper()
	s := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(nil, nil, func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			if m.Method == "question" {
				return wire.MustRaw(`{"answer":42}`), nil
			}
			return next(ctx, m)
		}
	})})
	conn, err := c.Connect(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return s, conn
}

func TestCallsThroughAChild(t *testing.T) {
	c, stderr := child("echo")
	s, conn := dial(t, c)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			want := `{"n":` + strconv.Itoa(i) + `,"pad":"` + strings.Repeat("x", i*i) + `"}`
			var raw wire.Raw
			if err := s.Call(t.Context(), "echo", wire.MustRaw(want), &raw); err != nil || raw.String() != want {
				t.Errorf("%v: %.100s", err, raw)
			}
		})
	}
	wg.Wait()
	var raw wire.Raw
	require.NoError(t, s.Call(t.Context(), "ask", nil, &raw), "the server asks us in turn")
	require.Equal(t, `{"answer":42}`, raw.String())
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Close())
	require.Equal(t, rpc.ErrClosed, s.Err())
	require.Empty(t, stderr.String())
}

func TestMessageOf16MiBThroughAChild(t *testing.T) {
	c, _ := child("echo")
	s, conn := dial(t, c)
	form := `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"pad":""}}`
	raw := wire.MustRaw(`{"pad":"` + strings.Repeat("x", 16_777_216-len(form)) + `"}`)
	var back wire.Raw
	require.NoError(t, s.Call(t.Context(), "echo", raw, &back))
	require.Equal(t, len(raw.Bytes()), len(back.Bytes()))
	over := wire.MustRaw(`{"pad":"` + strings.Repeat("x", 16_777_217-len(form)) + `"}`)
	require.ErrorIs(t, s.Call(t.Context(), "echo", over, &back), rpc.ErrTooLarge)
	require.NoError(t, conn.Close())
}

func TestEnvironmentOfTheChild(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Setenv("HOME", "/home")
	t.Setenv("A", "ours")
	for clean, want := range map[bool]string{
		false: `{"dir":"` + dir + `","A":"last","HOME":"/home"}`,
		true:  `{"dir":"` + dir + `","A":"last","HOME":""}`,
	} {
		c, _ := child("echo")
		c.Dir = dir
		c.Env = append(c.Env, "A=first", "A=last")
		c.CleanEnv = clean
		s, conn := dial(t, c)
		var raw wire.Raw
		require.NoError(t, s.Call(t.Context(), "environment", nil, &raw))
		require.Equal(t, want, raw.String())
		require.NoError(t, conn.Close())
	}
}

func TestStderrLineByLine(t *testing.T) {
	c, stderr := child("chatty")
	_, conn := dial(t, c)
	require.NoError(t, conn.Close())
	require.Equal(t, "line 0\nline 1\nline 2\nno end", stderr.String())
	require.Equal(t, 4, stderr.writes)

	c, _ = child("chatty")
	logged := new(buffer)
	c.Stderr, c.Logger = nil, slog.New(slog.NewTextHandler(logged, nil))
	_, conn = dial(t, c)
	require.NoError(t, conn.Close())
	require.Contains(t, logged.String(), `level=INFO msg="line 1" server=`)
	require.Equal(t, 4, strings.Count(logged.String(), "\n"))
}

func TestStderrFlood(t *testing.T) {
	c, stderr := child("floods")
	s, conn := dial(t, c)
	require.NoError(t, s.Call(t.Context(), "ping", nil, nil))
	require.NoError(t, conn.Close())
	require.Equal(t, 200*100_001, len(stderr.String()))
}

func TestServerThatDies(t *testing.T) {
	for role, want := range map[string]string{
		"dies": `ended by itself: exit status 3; the last it wrote to standard error: cannot open the database`,
		"half": `ended by itself: exit status 4`,
	} {
		c, _ := child(role)
		s, conn := dial(t, c)
		err := s.Call(t.Context(), "ping", nil, nil)
		require.ErrorIs(t, err, rpc.ErrClosed)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, s.Err(), want)
		require.ErrorContains(t, conn.Close(), want)
	}
	c, _ := child("echo")
	s, conn := dial(t, c)
	waiting := make(chan error, 1)
	go func() { waiting <- s.Call(t.Context(), "wait", nil, nil) }()
	require.ErrorContains(t, s.Call(t.Context(), "exit", nil, nil), "exit status 7; the last it wrote to standard error: last words")
	require.ErrorContains(t, <-waiting, "exit status 7")
	require.ErrorContains(t, conn.Close(), "exit status 7")
}

func TestServerThatQuits(t *testing.T) {
	c, _ := child("quits")
	s, conn := dial(t, c)
	require.ErrorContains(t, s.Call(t.Context(), "ping", nil, nil), "ended by itself: exit status 0")
	require.NoError(t, conn.Close(), "which it may")
}

func TestServerThatClosesItsOutput(t *testing.T) {
	c, _ := child("shuts")
	c.Limits.ExitTime = time.Millisecond
	s, conn := dial(t, c)
	require.ErrorContains(t, s.Call(t.Context(), "ping", nil, nil), "closed its output")
	require.NoError(t, conn.Close(), "we ended it")
}

// Input closed, then SIGTERM, then SIGKILL, each after its time.
func TestCloseGetsLessAndLessPolite(t *testing.T) {
	for role, atLeast := range map[string]time.Duration{"echo": 0, "mute": 300 * time.Millisecond, "deaf": 700 * time.Millisecond} {
		c, _ := child(role)
		c.Limits.ExitTime, c.Limits.TermTime = 300*time.Millisecond, 400*time.Millisecond
		if role == "echo" {
			c.Limits.ExitTime = time.Minute
		}
		s, conn := dial(t, c)
		require.NoError(t, s.Call(t.Context(), "ping", nil, nil))
		began := time.Now()
		require.NoError(t, conn.Close(), role)
		took := time.Since(began)
		require.GreaterOrEqual(t, took, atLeast, role)
		require.Less(t, took, atLeast+20*time.Second, role)
	}
}

func TestCloseWhileInFlight(t *testing.T) {
	c, _ := child("echo")
	s, conn := dial(t, c)
	waiting := make(chan error, 1)
	go func() { waiting <- s.Call(t.Context(), "wait", nil, nil) }()
	require.Eventually(t, func() bool { return s.Stats().Pending == 1 }, 10*time.Second, time.Millisecond)
	closed := make(chan error, 1)
	go func() { closed <- conn.Close() }()
	require.ErrorIs(t, <-waiting, rpc.ErrClosed)
	require.NoError(t, <-closed)
}

func TestClosingTheSessionEndsTheServer(t *testing.T) {
	c, _ := child("echo")
	s, conn := dial(t, c)
	s.Close(nil)
	require.NoError(t, conn.Close())
}

// What a server started goes with it, and does not keep us waiting.
func TestWhatTheServerStartedEndsWithIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no process groups to kill on Windows")
	}
	c, stderr := child("parent")
	s, conn := dial(t, c)
	require.NoError(t, s.Call(t.Context(), "ping", nil, nil))
	require.Eventually(t, func() bool { return strings.HasSuffix(stderr.String(), "\n") }, 10*time.Second, time.Millisecond)
	pid, err := strconv.Atoi(strings.TrimSpace(stderr.String()))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return !alive(pid) }, 10*time.Second, 10*time.Millisecond)
}

// alive reports whether the process runs; one that nobody has waited for yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

func TestProgramThatDoesNotExist(t *testing.T) {
	s := rpc.NewSession(rpc.Config{})
	defer s.Close(nil)
	_, err := stdio.Command("/no/such/program").Connect(t.Context(), s)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, `the server "/no/such/program" could not be started`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = stdio.Command(os.Args[0]).Connect(ctx, s)
	require.ErrorIs(t, err, context.Canceled)
}
