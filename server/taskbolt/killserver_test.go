package taskbolt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// What says in the environment that the process is to be a server: the file that it keeps tasks in, and the transport.
const (
	childFile      = "TASKBOLT_CHILD_FILE"
	childTransport = "TASKBOLT_CHILD_TRANSPORT"
)

// job is what the tools of the server take: which task it is, and how long it takes.
type job struct {
	N  int `json:"n"`
	Ms int `json:"ms"`
}

// said is what a tool says at the end: the run is told too, so that a second one has another result.
func said(tool string, n, run int) string { return fmt.Sprintf("%s %d, run %d", tool, n, run) }

// serveChild is the server that is killed again and again.
func serveChild(path, transport string) error {
	store, err := Open(path)
	if err != nil {
		return err
	}
	off := ratelimit.Rate{PerSecond: -1}
	s := server.New("child", "1", server.StoreTasks(store), server.LimitTasks(server.TaskLimits{
		Polls: off, Lookups: off, PollInterval: 20 * time.Millisecond, Runs: -1,
	}))
	add := func(name string, opts ...server.ToolOption) {
		server.AddTool(s, name, "", func(ctx context.Context, in job) (string, error) {
			task := server.TaskFrom(ctx)
			run := task.Record().Runs
			task.SetMessage(fmt.Sprintf("run %d", run))
			if run > 1 {
				in.Ms /= 100 // those that are to be interrupted in any case are done soon then
			}
			timer := time.NewTimer(time.Duration(in.Ms) * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
				return said(name, in.N, run), nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}, append(opts, server.TaskRequired())...)
	}
	add("again", server.Resumable())
	add("once")
	if transport == "stdio" {
		return s.Serve(context.Background(), stdio.Serve)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/\n", listener.Addr())
	return http.Serve(listener, streamhttp.Handler(s))
}

// child is a server process.
type child struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *os.File
	said *bytes.Buffer // what it wrote on standard error, once it is gone
	over string
}

func startChild(t *testing.T, path, over string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, childTransport+"="+over, "GORACE=atexit_sleep_ms=0")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, w, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = w
	said := &bytes.Buffer{}
	cmd.Stderr = said
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	return &child{cmd, in, out, said, over}
}

// kill ends the process at once, and waits until it is gone. It must not have ended by itself.
func (c *child) kill(t *testing.T) {
	_ = c.cmd.Process.Kill() // SIGKILL
	_ = c.cmd.Wait()
	if code := c.cmd.ProcessState.ExitCode(); code != -1 && runtime.GOOS != "windows" {
		t.Errorf("the server ended by itself, with status %d: %s", code, c.said)
	}
	_ = c.in.Close()
	_ = c.out.Close()
}

// dial opens a session with the process.
func (c *child) dial(ctx context.Context) (*client.Client, error) {
	var transport rpc.Transport = lines{c}
	if c.over == "http" {
		var url string
		if _, err := fmt.Fscanln(c.out, &url); err != nil {
			return nil, err
		}
		transport = streamhttp.Connect(url)
	}
	return client.Dial(ctx, client.Info("killer", "1"), transport, client.WithLogger(discard), client.WithoutReconnect())
}

// lines is the transport over the standard streams of a process that is there already.
type lines struct{ c *child }

func (l lines) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	conn := rpc.NewLineConn(l.c.out, l.c.in, rpc.LineLimits{})
	s.Attach(rpc.Link{Stream: conn, Transport: "stdio"})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Close(conn.Run(context.WithoutCancel(ctx), s))
	}()
	return closing(func() error {
		s.Close(nil)
		_ = l.c.out.Close()
		<-done
		return nil
	}), nil
}

type closing func() error

func (c closing) Close() error { return c() }
