package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"time"
)

// driveHTTP is drive over Streamable HTTP: it starts r as an HTTP server, opens one session per call in
// flight, each on a connection of its own that is kept, makes the calls, closes the connections,
// interrupts r and waits for it to exit.
func driveHTTP(ctx context.Context, r racer, calls int, l load, limit time.Duration) (s sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %v", limit))
	defer cancel()
	stderr := newAnnouncement()
	cmd := exec.CommandContext(ctx, r.binary, r.args...)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return s, err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	select {
	case address := <-stderr.address:
		s, err = httpSessions(ctx, r.blind, address, calls, l)
	case err = <-exited:
		return s, fmt.Errorf("it does not serve: %w%s", err, stderr.text())
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel()
	} else if err = cmd.Process.Signal(os.Interrupt); err != nil {
		return s, err
	}
	if waitErr := <-exited; err == nil {
		err = waitErr
	}
	if err != nil {
		return s, fmt.Errorf("%w%s", err, stderr.text())
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return s, nil
}

// httpSessions opens the sessions, and has each make its share of the calls, one after the other.
func httpSessions(ctx context.Context, blind bool, address string, calls int, l load) (sample, error) {
	var sessions []*httpSession
	for range l.inFlight {
		c, err := openHTTP(ctx, blind, address)
		if err != nil {
			return sample{}, fmt.Errorf("handshake: %w", err)
		}
		defer func() { _ = c.conn.Close() }()
		sessions = append(sessions, c)
	}
	if calls == 0 {
		return sample{}, nil
	}
	var wait sync.WaitGroup
	failed := make([]error, len(sessions))
	start := time.Now()
	for i, c := range sessions {
		wait.Go(func() {
			for call := i; call < calls && failed[i] == nil; call += len(sessions) {
				failed[i] = c.do(call, l.what)
			}
		})
	}
	wait.Wait()
	s := sample{wall: time.Since(start), calls: calls}
	for i, c := range sessions {
		if err := errors.Join(failed[i], c.check(blind, l.what)); err != nil {
			return s, fmt.Errorf("session %d: %w", i, err)
		}
		s.trips = append(s.trips, c.trips...)
	}
	return s, nil
}

// httpSession is a session on one connection. It keeps what the server said, and looks into it when the
// clock has stopped.
type httpSession struct {
	conn    net.Conn
	read    *bufio.Reader
	head    []byte // of each request, up to the length of the body
	body    []byte // of the request that is made
	out     []byte // the whole request
	answers []httpAnswer
	trips   []time.Duration
}

// httpAnswer is the body of an answer. Of lists, which are long and all alike, only the length is kept
// once there is one.
type httpAnswer struct {
	call   int
	text   []byte
	length int
}

func openHTTP(ctx context.Context, blind bool, address string) (*httpSession, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	c := &httpSession{conn: conn, read: bufio.NewReaderSize(conn, readSize)}
	c.head = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n", u.Path, u.Host)
	answer, header, err := c.post([]byte(initialize), http.StatusOK)
	if err != nil {
		return nil, err
	}
	if blind { // it gives no id, but should read as much
		c.head = fmt.Appendf(c.head, "Mcp-Session-Id: %043d\r\n", 0)
		return c, nil
	}
	if err := checkInitialize(message(answer)); err != nil {
		return nil, err
	}
	if id := header.Get("Mcp-Session-Id"); id != "" {
		c.head = fmt.Appendf(c.head, "Mcp-Session-Id: %s\r\n", id)
	}
	_, _, err = c.post([]byte(initialized), http.StatusAccepted)
	return c, err
}

// post sends one request, in one write, and reads its answer.
func (c *httpSession) post(body []byte, want int) ([]byte, http.Header, error) {
	c.out = append(c.out[:0], c.head...)
	c.out = fmt.Appendf(c.out, "Content-Length: %d\r\n\r\n", len(body))
	c.out = append(c.out, body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, nil, err
	}
	response, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, nil, err
	}
	if response.StatusCode != want {
		return nil, nil, fmt.Errorf("status %s, want %d: %s", response.Status, want, excerpt(text))
	}
	return text, response.Header, nil
}

// do makes one call.
func (c *httpSession) do(call int, what string) error {
	if what == httpList {
		c.body = appendList(c.body[:0], call)
	} else {
		c.body = appendCall(c.body[:0], call)
	}
	start := time.Now()
	text, _, err := c.post(c.body, http.StatusOK)
	if err != nil {
		return err
	}
	c.trips = append(c.trips, time.Since(start))
	a := httpAnswer{call: call, text: text, length: len(text)}
	if what == httpList && len(c.answers) > 0 {
		a.text = nil
	}
	c.answers = append(c.answers, a)
	return nil
}

// check looks into what the server answered.
func (c *httpSession) check(blind bool, what string) error {
	for _, a := range c.answers {
		var err error
		switch {
		case blind && a.length != sizeOf(what):
			err = fmt.Errorf("%d bytes, want %d", a.length, sizeOf(what))
		case blind:
		case a.text == nil && a.length != c.answers[0].length:
			err = fmt.Errorf("%d bytes, want %d as before", a.length, c.answers[0].length)
		case a.text == nil:
		case what == httpList:
			err = checkList(message(a.text), a.call)
		default:
			err = checkAnswer(message(a.text), a.call)
		}
		if err != nil {
			return fmt.Errorf("call %d: %w", a.call, err)
		}
	}
	return nil
}

// message is the JSON-RPC message in a body: all of it, or the data of the last event.
func message(body []byte) []byte {
	found := body
	for line := range bytes.Lines(body) {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			found = bytes.TrimSpace(data)
		}
	}
	return found
}

// announcement is the standard error of a server, which says where it serves.
type announcement struct {
	mu      sync.Mutex
	tail    tail
	address chan string // gets the address, once
	told    bool
}

func newAnnouncement() *announcement { return &announcement{address: make(chan string, 1)} }

func (a *announcement) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.tail.Write(p)
	if _, after, ok := bytes.Cut(a.tail.kept, []byte("serving ")); ok && !a.told {
		if address, _, ok := bytes.Cut(after, []byte("\n")); ok {
			a.told = true
			a.address <- string(bytes.TrimSpace(address))
		}
	}
	return n, err
}

func (a *announcement) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tail.text()
}
