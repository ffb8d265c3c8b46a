package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// child is a server that was started.
type child struct {
	cmd     *exec.Cmd
	stderr  *announcement
	in      io.WriteCloser // nil over HTTP
	out     io.Reader
	exited  chan error
	address string // where it serves HTTP
	cancel  context.CancelFunc
	ctx     context.Context
}

// start starts a server, and waits until it serves if that is HTTP. It must be ended.
func start(ctx context.Context, limit time.Duration, http bool, command []string, args ...string) (*child, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %v", limit))
	c := &child{ctx: ctx, cancel: cancel, stderr: newAnnouncement(), exited: make(chan error, 1)}
	c.cmd = exec.CommandContext(ctx, command[0], append(command[1:], args...)...)
	c.cmd.Stderr = c.stderr
	var err error
	if !http {
		if c.in, err = c.cmd.StdinPipe(); err == nil {
			c.out, err = c.cmd.StdoutPipe()
		}
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	if !http {
		return c, nil // Wait closes the pipes, so it comes when they have been read
	}
	go func() { c.exited <- c.cmd.Wait() }()
	select {
	case c.address = <-c.stderr.address:
		return c, nil
	case err = <-c.exited:
		cancel()
		return nil, fmt.Errorf("it does not serve: %w%s", err, c.stderr.text())
	case <-ctx.Done():
		err = errors.Join(context.Cause(ctx), <-c.exited)
		cancel()
		return nil, err
	}
}

// end ends the child, because of err if that is not nil, and gives the processor time of its whole life.
func (c *child) end(err error) (time.Duration, error) {
	defer c.cancel()
	if err != nil {
		c.cancel()
	} else if c.in == nil {
		err = c.cmd.Process.Signal(os.Interrupt)
	}
	cause := context.Cause(c.ctx)
	if c.in != nil {
		_ = c.in.Close()
		go func() { c.exited <- c.cmd.Wait() }()
	}
	if waited := <-c.exited; err == nil {
		err = waited
	}
	if cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	if err != nil {
		return 0, fmt.Errorf("%w%s", err, c.stderr.text())
	}
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime(), nil
}

// resident gives the resident memory of the child in bytes.
func (c *child) resident() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory is read from /proc: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("no VmRSS in its status")
}

// tick is the unit in which Linux tells other processes how long one ran.
const tick = 10 * time.Millisecond

// cpu gives the processor time of the child so far.
func (c *child) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("processor time is read from /proc: %w", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // the name may have blanks
	if len(fields) < 13 {
		return 0, errors.New("no processor time in its stat")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// announcement is the standard error of a server, which says where it serves. It keeps the end of it.
type announcement struct {
	mu      sync.Mutex
	kept    []byte
	address chan string // gets the address, once
	told    bool
}

func newAnnouncement() *announcement { return &announcement{address: make(chan string, 1)} }

func (a *announcement) Write(p []byte) (int, error) {
	const most = 4 << 10
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept = append(a.kept, p...)
	a.kept = a.kept[max(0, len(a.kept)-most):]
	if _, after, ok := bytes.Cut(a.kept, []byte("serving ")); ok && !a.told {
		if address, _, ok := bytes.Cut(after, []byte("\n")); ok {
			a.told = true
			a.address <- string(bytes.TrimSpace(address))
		}
	}
	return len(p), nil
}

func (a *announcement) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) == 0 {
		return ""
	}
	return "\nits standard error ends with:\n" + string(a.kept)
}
