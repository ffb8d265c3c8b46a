package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// work is something that servers are measured at.
type work struct {
	name   string // on the command line
	title  string // in the table
	goals  []goal // what is compared, a row of the table each
	http   bool   // over Streamable HTTP, else over standard input and output
	req    request
	flight int // calls in flight; over HTTP each has a session of its own, on a connection that is kept
	calls  int // in one run
	opens  bool
	// run measures a server at it; nil is calls.
	run func(ctx context.Context, r racer, w *work, limit time.Duration) (sample, error)
}

// goal is a figure of a sample, and what Tenon has to reach, in units of bare.
type goal struct {
	unit  unit
	most  float64 // 0 for none
	least float64 // 0 for none
}

// unit says which figure of a sample it is.
type unit int

const (
	cpuTime unit = iota // processor time of a call
	rate                // calls per second
	latency             // time of a call, of which half take less
	memory              // resident bytes of a session
	startUp             // time from the start of the process to its first answer
	size                // bytes of the program
)

// sample is what one run cost.
type sample struct {
	cpu   time.Duration   // of the child, for the calls alone
	wall  time.Duration   // from the first request written to the last answer read
	calls int             // how many
	trips []time.Duration // of each call, from request written to answer read
	bytes int64           // of memory or of the program
}

// value gives a figure: seconds, calls per second, or bytes.
func (s sample) value(u unit) float64 {
	switch u {
	case cpuTime:
		return s.cpu.Seconds() / float64(s.calls)
	case rate:
		return float64(s.calls) / s.wall.Seconds()
	case latency, startUp:
		return slices.Sorted(slices.Values(s.trips))[len(s.trips)/2].Seconds()
	}
	return float64(s.bytes)
}

func (u unit) String() string {
	return [...]string{"CPU per call", "calls per second", "latency (p50)", "resident memory per session", "time", "bytes"}[u]
}

// show writes a figure for people.
func (u unit) show(v float64) string {
	switch u {
	case cpuTime, latency, startUp:
		if v < 1e-3 {
			return fmt.Sprintf("%.1f µs", v*1e6)
		}
		return fmt.Sprintf("%.2f ms", v*1e3)
	case rate:
		return fmt.Sprintf("%.0f/s", v)
	case size:
		return fmt.Sprintf("%.1f MB", v/1e6)
	}
	return fmt.Sprintf("%.1f KB", v/1e3)
}

// works are the rows of the table.
var works = []work{
	{name: "http-call", title: "`tools/call`, HTTP, 8 keep-alive sessions", http: true, req: greet{}, flight: 8, calls: 20000,
		goals: []goal{{unit: cpuTime, most: 1.25}, {unit: rate, least: 0.80}}},
	{name: "stdio-32", title: "`tools/call`, stdio, 32 in flight", req: greet{}, flight: 32, calls: 30000,
		goals: []goal{{unit: cpuTime, most: 3}}},
	{name: "stdio-1", title: "`tools/call`, stdio, one in flight", req: greet{}, flight: 1, calls: 10000,
		goals: []goal{{unit: latency, most: 1.5}, {unit: cpuTime}}},
	{name: "http-idle", title: "idle session with an open stream (5,000)", http: true, req: greet{}, flight: 5000,
		goals: []goal{{unit: memory}}, run: idleSessions},
	{name: "http-text", title: "1 MiB text result, HTTP", http: true, req: text(1 << 20), flight: 4, calls: 400,
		goals: []goal{{unit: cpuTime, most: 1.5}}},
	{name: "stdio-image", title: "64 KiB base64 image result, stdio", req: image{}, flight: 4, calls: 2000,
		goals: []goal{{unit: cpuTime, most: 1.5}}},
	{name: "http-list", title: "`tools/list`, 50 tools, HTTP", http: true, req: list{}, flight: 8, calls: 4000,
		goals: []goal{{unit: cpuTime, most: 1.3}}},
	{name: "http-progress", title: "call with 100 progress messages, HTTP stream", http: true, req: count(100), flight: 4, calls: 400,
		goals: []goal{{unit: cpuTime, most: 2}}},
	{name: "http-open", title: "session open (initialize, initialized)", http: true, req: greet{}, flight: 4, calls: 3000, opens: true,
		goals: []goal{{unit: cpuTime, most: 1.5}}},
	{name: "cold-start", title: "cold start of hello over stdio to the first answer", req: greet{},
		goals: []goal{{unit: startUp, most: 1.5}}, run: coldStart},
	{name: "size", title: "binary size of hello", req: greet{},
		goals: []goal{{unit: size, most: 2.2}}, run: binarySize},
}

func workNames() []string {
	var names []string
	for _, w := range works {
		names = append(names, w.name)
	}
	return names
}

// calls runs r twice, with and without the calls, and reports the difference.
func calls(ctx context.Context, r racer, w *work, limit time.Duration) (sample, error) {
	drive := driveStdio
	if w.http {
		drive = driveHTTP
	}
	idle, err := drive(ctx, r, w, 0, limit)
	if err != nil {
		return sample{}, fmt.Errorf("handshake: %w", err)
	}
	s, err := drive(ctx, r, w, w.calls, limit)
	s.cpu -= idle.cpu
	return s, err
}

// starts is how many times a process is started for one sample.
const starts = 15

// coldStart measures how long it takes from the start of the smallest server to its answer to initialize.
func coldStart(ctx context.Context, r racer, w *work, limit time.Duration) (sample, error) {
	var s sample
	for range starts {
		var args []string
		if r.blind {
			args = []string{strconv.Itoa(len(w.req.answer(nil, 0)))}
		}
		begin := time.Now()
		c, err := start(ctx, limit, false, r.hello, args...)
		if err != nil {
			return s, err
		}
		conn := newConn(c.in, c.out, 0, 0)
		if _, err = c.in.Write([]byte(initialize + "\n")); err == nil {
			err = conn.await(1)
		}
		s.trips = append(s.trips, time.Since(begin))
		if err == nil {
			err = conn.end()
		}
		if _, err := c.end(err); err != nil {
			return s, err
		}
	}
	return s, nil
}
