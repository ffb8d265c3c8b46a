package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// driveStdio starts r, shakes hands, makes the calls with so many of them in flight, closes its standard input and waits for
// it to exit. The cpu of the sample is that of the whole life of the child.
func driveStdio(ctx context.Context, r racer, w *work, calls int, limit time.Duration) (s sample, err error) {
	args := []string{strconv.Itoa(len(w.req.answer(nil, 0)) + 1)}
	command := r.command
	if !r.blind {
		args = nil
		if _, ok := w.req.(greet); ok {
			command = r.hello
		}
	}
	c, err := start(ctx, limit, false, command, args...)
	if err != nil {
		return s, err
	}
	conn := newConn(c.in, c.out, calls, len(w.req.answer(nil, 0)))
	s, err = conn.session(r.blind, calls, w)
	if err == nil {
		err = conn.end()
	}
	s.cpu, err = c.end(err)
	return s, err
}

// conn is the driver's end of a child. It keeps all that the child said, counts the lines, and looks
// into them only when the clock has stopped.
type conn struct {
	in   io.WriteCloser
	out  io.Reader
	text []byte          // all of it
	ends []int           // where in text each line ends, its newline included
	at   []time.Duration // when each line was read, since open
	open time.Time       // when the child was started
}

func newConn(in io.WriteCloser, out io.Reader, calls, answer int) *conn {
	return &conn{
		in: in, out: out,
		text: make([]byte, 0, (calls+1)*(answer+64)+readSize),
		ends: make([]int, 0, calls+2),
		at:   make([]time.Duration, 0, calls+2),
		open: time.Now(),
	}
}

// readSize is what one read asks for: as much as a pipe holds.
const readSize = 64 << 10

// read takes what has arrived, waiting if that is nothing.
func (c *conn) read() error {
	if cap(c.text)-len(c.text) < readSize {
		c.text = append(make([]byte, 0, 2*cap(c.text)), c.text...)
	}
	n, err := c.out.Read(c.text[len(c.text) : len(c.text)+readSize])
	now := time.Since(c.open)
	from := len(c.text)
	c.text = c.text[:from+n]
	for i, b := range c.text[from:] {
		if b == '\n' {
			c.ends = append(c.ends, from+i+1)
			c.at = append(c.at, now)
		}
	}
	return err
}

// await reads until there are n lines.
func (c *conn) await(n int) error {
	for len(c.ends) < n {
		if err := c.read(); err != nil {
			return fmt.Errorf("reading line %d: %w", len(c.ends)+1, err)
		}
	}
	return nil
}

// line is line k of what the child said, its newline included.
func (c *conn) line(k int) []byte {
	from := 0
	if k > 0 {
		from = c.ends[k-1]
	}
	return c.text[from:c.ends[k]]
}

// session shakes hands and makes the calls.
func (c *conn) session(blind bool, calls int, w *work) (sample, error) {
	greetings := 1 // lines the handshake is answered with
	if blind {
		greetings = 2
	}
	if err := c.handshake(blind, greetings); err != nil {
		return sample{}, err
	}
	sent, err := c.load(greetings, calls, w)
	if err != nil || calls == 0 {
		return sample{}, err
	}
	lines := make([][]byte, calls)
	for k := range lines {
		lines[k] = c.line(greetings + k)
	}
	answers, err := checkLines(w.req, blind, lines)
	if err != nil {
		return sample{}, err
	}
	if last := len(c.ends) - 1; last >= greetings+calls {
		return sample{}, fmt.Errorf("more lines than calls, the last: %s", excerpt(c.line(last)))
	}
	s := sample{wall: c.at[greetings+calls-1] - sent[0], calls: calls, trips: make([]time.Duration, calls)}
	for k, call := range answers {
		s.trips[k] = c.at[greetings+k] - sent[call]
	}
	return s, nil
}

func (c *conn) handshake(blind bool, greetings int) error {
	if _, err := io.WriteString(c.in, initialize+"\n"); err != nil {
		return err
	}
	if err := c.await(1); err != nil {
		return err
	}
	if !blind {
		if err := checkInitialize(c.line(0)); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(c.in, initialized+"\n"); err != nil {
		return err
	}
	return c.await(greetings)
}

// load makes the calls, keeping as many in flight as w says, and returns when each was sent. before is how many lines came
// earlier.
func (c *conn) load(before, calls int, w *work) ([]time.Duration, error) {
	sent := make([]time.Duration, 0, calls)
	var request []byte
	ask := func() error {
		request = append(w.req.append(request[:0], len(sent)), '\n')
		sent = append(sent, time.Since(c.open))
		_, err := c.in.Write(request)
		return err
	}
	for len(sent) < min(calls, w.flight) {
		if err := ask(); err != nil {
			return nil, err
		}
	}
	for answered := 0; answered < calls; {
		if err := c.read(); err != nil {
			return nil, fmt.Errorf("after %d of %d answers: %w", len(c.ends)-before, calls, err)
		}
		for ; answered < len(c.ends)-before; answered++ {
			think(answered)
			if len(sent) == calls {
				continue
			}
			if err := ask(); err != nil {
				return nil, err
			}
		}
	}
	return sent, nil
}

// think takes the time that a client takes to read a small answer before it makes the next call. What it reads is the
// shortest right answer to greet, so that it takes that time for every server; what the server really said is checked when
// the clock has stopped.
func think(i int) {
	if _, err := parseResponse(greet{}.answer(nil, i)); err != nil {
		panic(err) // our own answer
	}
}

// end closes the child's input and reads what it still says, which should be nothing.
func (c *conn) end() error {
	if err := c.in.Close(); err != nil {
		return err
	}
	said := len(c.text)
	for {
		err := c.read()
		if len(c.text) > said {
			return fmt.Errorf("not asked for: %s", excerpt(c.text[said:]))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// checkLines accepts lines as the answers to the requests 0 to len(lines)-1, in any order but each exactly once, and returns
// which request each line answers. Of a server that understands nothing the length is checked; it answers in order.
func checkLines(req request, blind bool, lines [][]byte) ([]int, error) {
	calls := make([]int, len(lines))
	answered := make([]bool, len(lines))
	for k, line := range lines {
		i := k
		if blind {
			if want := len(req.answer(nil, k)) + 1; len(line) != want {
				return nil, fmt.Errorf("answer %d: %d bytes, want %d", k, len(line), want)
			}
		} else {
			var r struct {
				ID json.RawMessage `json:"id"`
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("answer %d: not a message: %w: %s", k, err, excerpt(line))
			}
			id, err := strconv.Atoi(string(r.ID))
			i = id - firstID
			if err != nil || i < 0 || i >= len(lines) {
				return nil, fmt.Errorf("answer %d: id %s is of no call: %s", k, r.ID, excerpt(line))
			}
			if answered[i] {
				return nil, fmt.Errorf("answer %d: id %s has been answered before", k, r.ID)
			}
			if err := req.check([][]byte{line}, i); err != nil {
				return nil, fmt.Errorf("answer %d: %w", k, err)
			}
		}
		answered[i] = true
		calls[k] = i
	}
	return calls, nil
}
