package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Limits bounds a child process and its end. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Lines are the limits of the connection to it.
	Lines rpc.LineLimits
	// ExitTime is how long the child may take to exit after its standard input was closed; default 5 s. Then it gets
	// SIGTERM (on Windows CTRL_BREAK).
	ExitTime time.Duration
	// TermTime is how long it may take after that; default 5 s. Then it is killed.
	TermTime time.Duration
	// StderrLine is how many bytes of a line of its standard error are delivered at once; default 64 KiB.
	StderrLine int
	// StderrTail is how many of the last bytes of its standard error are kept for the error about its death; default
	// 4 KiB.
	StderrTail int
}

const (
	defaultExitTime   = 5 * time.Second
	defaultTermTime   = 5 * time.Second
	defaultStderrLine = 64 << 10
	defaultStderrTail = 4 << 10

	cancelTime = time.Second            // how long telling the server to give up our calls may take
	killTime   = 5 * time.Second        // how long a killed process may take to be gone
	outputTime = 2 * time.Second        // how long one that closed its output may take to exit before it is an error
	stderrTime = 500 * time.Millisecond // how long standard error may stay open after the exit
)

func (l Limits) withDefaults() Limits {
	const never = 365 * 24 * time.Hour
	for _, f := range []struct {
		field    *time.Duration
		standard time.Duration
	}{{&l.ExitTime, defaultExitTime}, {&l.TermTime, defaultTermTime}} {
		switch {
		case *f.field == 0:
			*f.field = f.standard
		case *f.field < 0:
			*f.field = never
		}
	}
	if l.StderrLine <= 0 {
		l.StderrLine = defaultStderrLine
	}
	if l.StderrTail == 0 {
		l.StderrTail = defaultStderrTail
	}
	return l
}

// Child says how to start a server as a child process: a [rpc.Transport], each Connect of which starts one. Set its
// fields before; it must not be changed while Connect runs.
type Child struct {
	// Name is the program, looked up in PATH if it has no slash, and Args are its arguments.
	Name string
	Args []string
	// Dir is its working directory; "" is ours.
	Dir string
	// Env are entries NAME=value added to its environment, of which a later one wins. CleanEnv leaves out our own
	// environment, which is there by default.
	Env      []string
	CleanEnv bool
	// Stderr gets its standard error line by line, each with its end in one Write; the last may lack an end and a very
	// long one comes in pieces. Nil means Logger, or os.Stderr if that is nil as well.
	Stderr io.Writer
	// Logger gets each line of its standard error as a message at level Info, with the program's name as "server".
	Logger *slog.Logger
	// Limits bound it; zero fields mean the defaults.
	Limits Limits
}

// Command says to start the program name with args.
func Command(name string, args ...string) *Child {
	return &Child{Name: name, Args: args}
}

var _ rpc.Transport = (*Child)(nil)

// Connect starts the server, in a process group of its own where there are such, and attaches s to it. If the server
// ends by itself, s closes with an error that has its exit status and the last it wrote to standard error.
//
// Closing the connection closes the server's standard input, waits for it to exit, and ends it otherwise (see
// [Limits]), with whatever it started in its process group. The error of Close is nil unless the server had died by
// itself, with a status other than 0, or could not be ended.
func (c *Child) Connect(ctx context.Context, s *rpc.Session) (rpc.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &process{
		name:    c.Name,
		session: s,
		limits:  c.Limits.withDefaults(),
		exited:  make(chan struct{}),
		errRead: make(chan struct{}),
		done:    make(chan struct{}),
	}
	p.cmd = exec.Command(c.Name, c.Args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = c.environ()
	p.cmd.SysProcAttr = ownGroup()
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("stdio: the server %q could not be started: %w", c.Name, err)
	}
	p.lines = rpc.NewLineConn(&output{p.stdout, p}, p.stdin, p.limits.Lines)
	s.Attach(rpc.Link{Stream: p.lines, Transport: "stdio"})
	go p.wait()
	go p.readStderr(c.stderr())
	go p.run(context.WithoutCancel(ctx))
	return p, nil
}

func (c *Child) environ() []string {
	if c.CleanEnv {
		return append([]string{}, c.Env...)
	}
	return append(os.Environ(), c.Env...)
}

func (c *Child) stderr() func(line []byte) {
	switch {
	case c.Stderr != nil:
		return func(line []byte) { _, _ = c.Stderr.Write(line) }
	case c.Logger != nil:
		return func(line []byte) {
			c.Logger.Info(string(bytes.TrimRight(line, "\r\n")), "server", c.Name)
		}
	}
	return func(line []byte) { _, _ = os.Stderr.Write(line) }
}

// process is a running server: the client's connection to it.
type process struct {
	name    string
	cmd     *exec.Cmd
	session *rpc.Session
	lines   *rpc.LineConn
	limits  Limits

	stdin, stdout, stderr *os.File // our ends

	ours    atomic.Bool   // whatever ends now, we caused it
	exited  chan struct{} // closed when the process is gone; exit and died are set then
	exit    error         // of exec.Cmd.Wait
	died    bool          // it went by itself
	errRead chan struct{} // closed when standard error has been read; tail is set then
	tail    []byte        // the last of standard error
	done    chan struct{} // closed when all is over; err is set then
	err     error
}

// start starts the process with pipes. We make them ourselves so that waiting for the process neither closes our ends
// nor waits for others who hold theirs.
func (p *process) start() error {
	var files []*os.File
	closeAll := func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll()
			return err
		}
		files = append(files, r, w)
	}
	p.cmd.Stdin, p.stdin = files[0], files[1]
	p.stdout, p.cmd.Stdout = files[2], files[3]
	p.stderr, p.cmd.Stderr = files[4], files[5]
	if err := p.cmd.Start(); err != nil {
		closeAll()
		return err
	}
	for _, f := range []*os.File{files[0], files[3], files[5]} {
		_ = f.Close()
	}
	return nil
}

func (p *process) wait() {
	p.exit = p.cmd.Wait()
	p.died = !p.ours.Load()
	// Whoever else holds standard error must not keep us.
	_ = p.stderr.SetReadDeadline(time.Now().Add(stderrTime))
	close(p.exited)
}

// output is the server's standard output, whose end is an error that tells what became of the server.
type output struct {
	*os.File
	p *process
}

func (o *output) Read(b []byte) (int, error) {
	n, err := o.File.Read(b)
	if n == 0 && err == io.EOF {
		err = o.p.ended()
	}
	return n, err
}

// ended says how the server ended, once it has closed its output.
func (p *process) ended() error {
	timer := time.NewTimer(outputTime)
	defer timer.Stop()
	select {
	case <-p.exited:
		select {
		case <-p.errRead:
		case <-timer.C:
		}
		return p.death()
	case <-timer.C:
		return fmt.Errorf("the server %q closed its output", p.name)
	case <-p.session.Done():
		return io.EOF
	}
}

// death says how the server died. After exited.
func (p *process) death() error {
	status := "exit status 0"
	if p.exit != nil {
		status = p.exit.Error()
	}
	var tail []byte
	select {
	case <-p.errRead:
		tail = bytes.TrimSpace(p.tail)
	default:
	}
	if len(tail) == 0 {
		return fmt.Errorf("the server %q ended by itself: %s", p.name, status)
	}
	return fmt.Errorf("the server %q ended by itself: %s; the last it wrote to standard error: %s", p.name, status, tail)
}

// run carries the session, and then ends the process.
func (p *process) run(ctx context.Context) {
	defer close(p.done)
	_ = p.lines.Run(ctx, p.session) // the session has its error
	select {
	case <-p.exited:
	default:
		p.ours.Store(true)
	}
	_ = p.stdin.Close()
	// A server that is still writing must be able to finish.
	drained := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, p.stdout)
		close(drained)
	}()
	gone := p.end()
	_ = p.stdout.SetReadDeadline(time.Unix(1, 0))
	_ = p.stdout.Close()
	_ = p.stderr.SetReadDeadline(time.Now().Add(stderrTime))
	within(2*stderrTime, p.errRead)
	_ = p.stderr.Close()
	within(stderrTime, drained) // where pipes have no deadlines, another holder of this one may keep it
	switch {
	case !gone:
		p.err = fmt.Errorf("the server %q could not be ended", p.name)
	case p.died && p.exit != nil:
		p.err = p.death()
	}
}

// end waits for the process to exit, ever less politely; false if it does not.
func (p *process) end() bool {
	defer killGroup(p.cmd) // what it left behind
	if within(p.limits.ExitTime, p.exited) {
		return true
	}
	terminateGroup(p.cmd)
	if within(p.limits.TermTime, p.exited) {
		return true
	}
	killGroup(p.cmd)
	return within(killTime, p.exited)
}

// within waits for c to be closed; false if the time passes first.
func within(most time.Duration, c <-chan struct{}) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// Close ends the server, see [Child.Connect].
func (p *process) Close() error {
	select {
	case <-p.exited:
	default:
		p.ours.Store(true)
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	p.session.CancelCalls(ctx, nil)
	cancel()
	p.session.Close(nil)
	<-p.done
	return p.err
}

// readStderr delivers standard error line by line.
func (p *process) readStderr(deliver func(line []byte)) {
	defer close(p.errRead)
	buf := make([]byte, 0, 4<<10)
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*cap(buf), p.limits.StderrLine))
			copy(grown, buf)
			buf = grown
		}
		n, err := p.stderr.Read(buf[len(buf):cap(buf)])
		p.keep(buf[len(buf) : len(buf)+n])
		buf = buf[:len(buf)+n]
		rest := buf
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			deliver(rest[:i+1])
			rest = rest[i+1:]
		}
		if len(rest) > 0 && (err != nil || len(rest) >= p.limits.StderrLine) {
			deliver(rest)
			rest = nil
		}
		buf = buf[:copy(buf[:cap(buf)], rest)]
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				p.session.Logger().Debug("stdio: reading the server's standard error", "error", err)
			}
			return
		}
	}
}

// keep keeps the last of standard error.
func (p *process) keep(b []byte) {
	most := max(p.limits.StderrTail, 0)
	p.tail = append(p.tail, b[max(0, len(b)-most):]...)
	if over := len(p.tail) - most; over > 0 {
		p.tail = p.tail[:copy(p.tail, p.tail[over:])]
	}
}
