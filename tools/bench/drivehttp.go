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
	"strconv"
	"sync"
	"time"
)

// httpArgs are the flags of r for the requests of w over HTTP.
func httpArgs(r racer, w *work) ([]string, error) {
	args := []string{"-http", "127.0.0.1:0"}
	if r.blind {
		if c, ok := w.req.(count); ok {
			args = append(args, "-events", strconv.Itoa(int(c)), "-event", strconv.Itoa(len(c.event())))
		}
		return append(args, strconv.Itoa(len(w.req.answer(nil, 0)))), nil
	}
	if _, ok := w.req.(list); ok {
		more, err := r.withCatalogue()
		return append(args, more...), err
	}
	return args, nil
}

// driveHTTP is driveStdio over Streamable HTTP: it starts r as an HTTP server, opens one session per call in flight, each on
// a connection of its own that is kept, makes the calls, closes the connections, interrupts r and waits for it to exit.
func driveHTTP(ctx context.Context, r racer, w *work, calls int, limit time.Duration) (s sample, err error) {
	args, err := httpArgs(r, w)
	if err != nil {
		return s, err
	}
	command := r.command
	if _, ok := w.req.(greet); ok && !r.blind {
		command = r.hello
	}
	c, err := start(ctx, limit, true, command, args...)
	if err != nil {
		return s, err
	}
	s, err = httpSessions(c.ctx, r.blind, c.address, calls, w)
	s.cpu, err = c.end(err)
	return s, err
}

// httpSessions opens the sessions, and has each make its share of the calls, one after the other.
func httpSessions(ctx context.Context, blind bool, address string, calls int, w *work) (sample, error) {
	sessions := make([]*httpSession, w.flight)
	defer func() {
		for _, c := range sessions {
			if c != nil {
				_ = c.conn.Close()
			}
		}
	}()
	for i := range sessions {
		c, err := dialHTTP(ctx, blind, address)
		if err != nil {
			return sample{}, err
		}
		sessions[i] = c
		if err := c.initialize(); err != nil {
			return sample{}, fmt.Errorf("handshake: %w", err)
		}
	}
	if calls == 0 {
		return sample{}, nil
	}
	var wait sync.WaitGroup
	failed := make([]error, len(sessions))
	begin := time.Now()
	for i, c := range sessions {
		wait.Go(func() {
			for call := i; call < calls && failed[i] == nil; call += len(sessions) {
				failed[i] = c.do(call, w)
			}
		})
	}
	wait.Wait()
	s := sample{wall: time.Since(begin), calls: calls}
	for i, c := range sessions {
		if err := errors.Join(failed[i], c.check(w.req)); err != nil {
			return s, fmt.Errorf("session %d: %w", i, err)
		}
		s.trips = append(s.trips, c.trips...)
	}
	return s, nil
}

// httpSession is a session on one connection. It keeps what the server said, and looks into it when the
// clock has stopped.
type httpSession struct {
	blind   bool
	host    string
	conn    net.Conn
	read    *bufio.Reader
	start   []byte // of each request, up to the session id
	head    []byte // start and the session id
	body    []byte // of the request that is made
	out     []byte // the whole request
	answers []httpAnswer
	trips   []time.Duration
}

// httpAnswer is the body of an answer. Of long ones, which are all alike, only the length is kept once there is one.
type httpAnswer struct {
	call   int
	body   []byte
	length int
}

// longAnswer is the length from which answers are not all kept.
const longAnswer = 4 << 10

// dialHTTP connects.
func dialHTTP(ctx context.Context, blind bool, address string) (*httpSession, error) {
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
	c := &httpSession{blind: blind, host: u.Host, conn: conn, read: bufio.NewReader(conn)}
	c.start = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n", u.Path, u.Host)
	return c, nil
}

// initialize opens a session.
func (c *httpSession) initialize() error {
	c.head = c.start
	answer, header, err := c.post([]byte(initialize), http.StatusOK)
	if err != nil {
		return err
	}
	id := header.Get("Mcp-Session-Id")
	if c.blind { // it gives no id, but should read as much
		id = fmt.Sprintf("%043d", 0)
	} else if err := checkInitialize(last(messages(answer))); err != nil {
		return err
	}
	if id != "" {
		c.head = fmt.Appendf(bytes.Clone(c.start), "Mcp-Session-Id: %s\r\n", id)
	}
	_, _, err = c.post([]byte(initialized), http.StatusAccepted)
	return err
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

// do makes one call, or opens one session if there is nothing to call.
func (c *httpSession) do(call int, w *work) error {
	begin := time.Now()
	if w.opens {
		err := c.initialize()
		c.trips = append(c.trips, time.Since(begin))
		return err
	}
	c.body = w.req.append(c.body[:0], call)
	body, _, err := c.post(c.body, http.StatusOK)
	if err != nil {
		return err
	}
	c.trips = append(c.trips, time.Since(begin))
	a := httpAnswer{call: call, body: body, length: len(body)}
	if len(body) > longAnswer && len(c.answers) > 0 {
		a.body = nil
	}
	c.answers = append(c.answers, a)
	return nil
}

// check looks into what the server answered.
func (c *httpSession) check(req request) error {
	for _, a := range c.answers {
		var err error
		switch first := c.answers[0]; {
		case c.blind:
			if want := blindLength(req, a.call); a.length != want {
				err = fmt.Errorf("%d bytes, want %d", a.length, want)
			}
		case a.body != nil:
			err = req.check(messages(a.body), a.call)
		case a.length < first.length*9/10 || a.length > first.length*11/10: // ids of events have no one length
			err = fmt.Errorf("%d bytes, the first answer had %d", a.length, first.length)
		}
		if err != nil {
			return fmt.Errorf("call %d: %w", a.call, err)
		}
	}
	return nil
}

// blindLength is the length of what a server answers that understands nothing.
func blindLength(req request, i int) int {
	n := len(req.answer(nil, i))
	if c, ok := req.(count); ok {
		n += int(c) * len(c.event())
	}
	return n
}

// messages are the JSON-RPC messages in a body: it is one, or has them as the data of events.
func messages(body []byte) [][]byte {
	if b := bytes.TrimLeft(body, " \r\n"); len(b) > 0 && b[0] == '{' {
		return [][]byte{body}
	}
	var found [][]byte
	for line := range bytes.Lines(body) {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			if data = bytes.TrimSpace(data); len(data) > 0 {
				found = append(found, data)
			}
		}
	}
	return found
}

func last(messages [][]byte) []byte {
	if len(messages) == 0 {
		return nil
	}
	return messages[len(messages)-1]
}
