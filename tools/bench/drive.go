package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// sample is what one run cost.
type sample struct {
	cpu   time.Duration   // of the child, for the calls alone
	wall  time.Duration   // from the first request written to the last answer read
	calls int             // how many
	trips []time.Duration // of each call, from request written to answer read
}

func (s sample) cpuPerCall() time.Duration { return s.cpu / time.Duration(s.calls) }
func (s sample) callsPerSecond() float64   { return float64(s.calls) / s.wall.Seconds() }

// measure runs r twice, with and without the calls, and reports the difference.
func measure(ctx context.Context, r racer, calls int, l load, limit time.Duration) (sample, error) {
	drive := drive
	if l.what != "" {
		drive = driveHTTP
	}
	idle, err := drive(ctx, r, 0, l, limit)
	if err != nil {
		return sample{}, fmt.Errorf("handshake: %w", err)
	}
	s, err := drive(ctx, r, calls, l, limit)
	if err != nil {
		return sample{}, err
	}
	s.cpu -= idle.cpu
	return s, nil
}

// load is how the calls are made.
type load struct {
	inFlight int    // how many calls are without an answer at a time; over HTTP each has a session of its own
	burst    bool   // all requests that may be sent go out in one write, and no answer is read before
	what     string // over HTTP what is asked for, httpCall or httpList; "" over stdio
}

const (
	httpCall = "call"
	httpList = "list"
)

// drive starts r, shakes hands, makes the calls, closes its standard input and waits for it to exit.
// The cpu of the sample is that of the whole life of the child.
func drive(ctx context.Context, r racer, calls int, l load, limit time.Duration) (s sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %v", limit))
	defer cancel()
	var stderr tail
	cmd := exec.CommandContext(ctx, r.binary, r.args...)
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return s, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := cmd.Start(); err != nil {
		return s, err
	}
	c := newConn(in, out, calls)
	s, err = c.session(r.blind, calls, l)
	if err == nil {
		err = c.end()
	} else {
		cancel() // the child may be waiting for us
	}
	if waitErr := cmd.Wait(); err == nil {
		err = waitErr
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled) {
		err = context.Cause(ctx)
	}
	if err != nil {
		return s, fmt.Errorf("%w%s", err, stderr.text())
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return s, nil
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

func newConn(in io.WriteCloser, out io.Reader, calls int) *conn {
	return &conn{
		in: in, out: out,
		text: make([]byte, 0, (calls+1)*answerSize*5/4+readSize),
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
func (c *conn) session(blind bool, calls int, l load) (sample, error) {
	check := checkAnswers
	greetings := 1 // lines the handshake is answered with
	if blind {
		check = checkSizes
		greetings = 2
	}
	if err := c.handshake(blind, greetings); err != nil {
		return sample{}, err
	}
	sent, err := c.load(greetings, calls, l)
	if err != nil || calls == 0 {
		return sample{}, err
	}
	lines := make([][]byte, calls)
	for k := range lines {
		lines[k] = c.line(greetings + k)
	}
	answers, err := check(lines)
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
	if _, err := io.WriteString(c.in, initialize); err != nil {
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
	if _, err := io.WriteString(c.in, initialized); err != nil {
		return err
	}
	return c.await(greetings)
}

// load makes the calls, keeping inFlight of them without an answer, and returns when each was sent.
// before is how many lines came earlier.
func (c *conn) load(before, calls int, l load) ([]time.Duration, error) {
	sent := make([]time.Duration, 0, calls)
	var requests []byte // to be written
	ask := func() error {
		requests = appendCall(requests, len(sent))
		sent = append(sent, time.Since(c.open))
		if l.burst {
			return nil
		}
		return c.write(&requests)
	}
	for len(sent) < min(calls, l.inFlight) {
		if err := ask(); err != nil {
			return nil, err
		}
	}
	for answered := 0; answered < calls; {
		if err := c.write(&requests); err != nil {
			return nil, err
		}
		if err := c.read(); err != nil {
			return nil, fmt.Errorf("after %d of %d answers: %w", len(c.ends)-before, calls, err)
		}
		for ; answered < len(c.ends)-before; answered++ {
			if !l.burst {
				think(answered)
			}
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

// write sends the requests and empties them.
func (c *conn) write(requests *[]byte) error {
	if len(*requests) == 0 {
		return nil
	}
	_, err := c.in.Write(*requests)
	*requests = (*requests)[:0]
	return err
}

// think takes the time that a client takes to read the answer to call i before it makes the next
// call. What it reads is the shortest right answer, so that it takes that time for every server; what
// the server really said is checked when the clock has stopped.
func think(i int) {
	if _, err := parseResponse(appendAnswer(nil, i)); err != nil {
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

// tail keeps the end of what a child writes to its standard error, for when it fails.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.kept = append(t.kept, p...)
	t.kept = t.kept[max(0, len(t.kept)-most):]
	return len(p), nil
}

func (t *tail) text() string {
	if len(t.kept) == 0 {
		return ""
	}
	return "\nits standard error ends with:\n" + string(t.kept)
}
