package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/tools/bench/servers/fixture"
)

// What the figures grow with.
var sessionCounts = []int{1, 10, 100, 1_000, 10_000}

// curve is one figure at many sizes of something.
type curve struct {
	chart   chart
	figure  unit
	measure func(ctx context.Context, s settings, r racer, x int) (sample, error)
}

// curves are measured with the part growth.
func curves() []curve {
	return []curve{
		{
			chart:  chart{name: "sessions-cpu", title: "CPU of tools/call over HTTP, by sessions", grows: "sessions", tick: thousands, xs: sessionCounts, from: 10},
			figure: cpuTime,
			measure: func(ctx context.Context, s settings, r racer, x int) (sample, error) {
				calls := max(s.scaled(20_000), x)
				return callSessions(ctx, r, &work{req: greet{}, http: true, flight: x, calls: calls}, s.timeout)
			},
		},
		{
			chart:  chart{name: "sessions-memory", title: "Resident memory per idle session with an open stream, by sessions", grows: "sessions", tick: thousands, xs: sessionCounts, from: 100},
			figure: memory,
			measure: func(ctx context.Context, s settings, r racer, x int) (sample, error) {
				return idleSessions(ctx, r, &work{req: greet{}, http: true, flight: x}, s.timeout)
			},
		},
		{
			chart:  chart{name: "size-http", title: "CPU of tools/call over HTTP, by size of the result", grows: "bytes of text", tick: binary, xs: fixture.TextSizes, from: fixture.TextSizes[1]},
			figure: cpuTime,
			measure: func(ctx context.Context, s settings, r racer, x int) (sample, error) {
				return calls(ctx, r, &work{req: text(x), http: true, flight: 8, calls: s.scaled(callsOf(x))}, s.timeout)
			},
		},
		{
			chart:  chart{name: "size-stdio", title: "CPU of tools/call over stdio, by size of the result", grows: "bytes of text", tick: binary, xs: fixture.TextSizes, from: fixture.TextSizes[1]},
			figure: cpuTime,
			measure: func(ctx context.Context, s settings, r racer, x int) (sample, error) {
				return calls(ctx, r, &work{req: text(x), flight: 8, calls: s.scaled(callsOf(x))}, s.timeout)
			},
		},
		{
			chart:  chart{name: "size-memory", title: "Resident memory per idle session (of 1,000) that made one call, by size of the result", grows: "bytes of text", tick: binary, xs: fixture.TextSizes, from: fixture.TextSizes[0]},
			figure: memory,
			measure: func(ctx context.Context, s settings, r racer, x int) (sample, error) {
				return idleSessions(ctx, r, &work{req: text(x), http: true, flight: 1_000, calls: 1}, s.timeout)
			},
		},
	}
}

// callsOf is how many calls with results of so many bytes take some seconds at most.
func callsOf(size int) int { return min(10_000, max(400, 64<<20/size)) }

// scaled multiplies a number of calls by -scale.
func (s settings) scaled(calls int) int { return max(8, int(float64(calls)*s.scale)) }

func thousands(n int) string {
	digits := strconv.Itoa(n)
	if n < 1000 {
		return digits
	}
	return digits[:len(digits)-3] + "," + digits[len(digits)-3:]
}

func binary(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// runGrowth measures the curves. The TypeScript server does not take part: it would take most of the time.
func runGrowth(ctx context.Context, s settings, racers []racer, out, progress io.Writer) (map[string][]byte, error) {
	racers = slices.DeleteFunc(slices.Clone(racers), func(r racer) bool { return r.pkg == "" })
	plots := map[string][]byte{}
	fmt.Fprintf(out, "Medians of %d rounds, and how they compare with bare. The slope is that of a straight line through the logarithms:\n"+
		"0 is flat, 1 in proportion. Memory below 1,000 sessions is mostly what the process takes for itself.\n\n", s.rounds)
	for _, c := range curves() {
		c.chart.figure, c.chart.show = c.figure.String(), c.figure.show
		samples := map[string][][]sample{} // by server, of each x
		for round := range s.rounds {
			for at, x := range c.chart.xs {
				fmt.Fprintf(progress, "round %d of %d: %s: %s\n", round+1, s.rounds, c.chart.name, c.chart.tick(x))
				for i := range racers {
					r := racers[(round+i)%len(racers)]
					if samples[r.name] == nil {
						samples[r.name] = make([][]sample, len(c.chart.xs))
					}
					one, err := c.measure(ctx, s, r, x)
					if err != nil && (ctx.Err() != nil || r.blind || r.name == "tenon") {
						return nil, fmt.Errorf("%s, %s: %s: %w", c.chart.name, c.chart.tick(x), r.name, err)
					}
					if err != nil {
						fmt.Fprintf(progress, "%s fails: %v\n", r.name, err)
						continue
					}
					samples[r.name][at] = append(samples[r.name][at], one)
				}
			}
		}
		for _, r := range racers {
			l := line{server: r.name}
			for _, of := range samples[r.name] {
				y := 0.0
				if len(of) > 0 {
					y = middle(of, c.figure)
				}
				l.ys = append(l.ys, y)
			}
			c.chart.lines = append(c.chart.lines, l)
		}
		c.chart.write(out)
		svg, err := c.chart.svg()
		if err != nil {
			return nil, err
		}
		plots[c.chart.file()] = svg
	}
	return plots, nil
}

// callers is how many sessions have a call in flight at the same time, of many.
const callers = 8

// callSessions opens as many sessions as w.flight says, each on a connection of its own, and makes calls on all of them in
// turn, a few in flight at any time. The processor time is that between the first call and the last: that of opening so many
// sessions would drown it.
func callSessions(ctx context.Context, r racer, w *work, limit time.Duration) (sample, error) {
	args, err := httpArgs(r, w)
	if err != nil {
		return sample{}, err
	}
	c, err := start(ctx, limit, true, r.command, args...)
	if err != nil {
		return sample{}, err
	}
	s, err := callInTurn(c, r.blind, w)
	_, err = c.end(err)
	return s, err
}

// callInTurn is callSessions with a child that has been started.
func callInTurn(c *child, blind bool, w *work) (sample, error) {
	sessions, err := openMany(c, blind, w.flight)
	defer closeAll(sessions)
	if err != nil {
		return sample{}, err
	}
	return turns(c, sessions, w)
}

// openMany opens sessions, each on a connection of its own. Those that it gives must be closed, after an error too.
func openMany(c *child, blind bool, n int) ([]*httpSession, error) {
	var sessions []*httpSession
	for i := range n {
		one, err := dialHTTP(c.ctx, blind, c.address)
		if err != nil {
			return sessions, fmt.Errorf("session %d: %w", i, err)
		}
		sessions = append(sessions, one)
		if err := one.initialize(); err != nil {
			return sessions, fmt.Errorf("session %d: %w", i, err)
		}
	}
	return sessions, nil
}

func closeAll(sessions []*httpSession) {
	for _, one := range sessions {
		_ = one.conn.Close()
	}
}

// turns makes the calls of w on all sessions in turn.
func turns(c *child, sessions []*httpSession, w *work) (sample, error) {
	before, err := c.cpu()
	if err != nil {
		return sample{}, err
	}
	var wait sync.WaitGroup
	failed := make([]error, min(callers, len(sessions)))
	begin := time.Now()
	for k := range failed {
		wait.Go(func() {
			at := k // every caller has sessions of its own
			for call := k; call < w.calls && failed[k] == nil; call += len(failed) {
				failed[k] = sessions[at].do(call, w)
				if at += len(failed); at >= len(sessions) {
					at = k
				}
			}
		})
	}
	wait.Wait()
	s := sample{wall: time.Since(begin), calls: w.calls}
	after, err := c.cpu()
	s.cpu = after - before
	if err := errors.Join(append(failed, err)...); err != nil {
		return s, err
	}
	for i, one := range sessions {
		if err := one.check(w.req); err != nil {
			return s, fmt.Errorf("session %d: %w", i, err)
		}
		one.answers = nil
	}
	return s, nil
}
