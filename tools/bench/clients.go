package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tenonmcp/tenon/tools/bench/clients/lap"
)

// clientNames are the clients that race, each the program of that name in the folder clients. bare is the unit.
var clientNames = []string{"bare", "tenon", "gosdk", "mcpgo"}

// lapKey is a client over a transport.
type lapKey struct{ name, over string }

// runClients races clients against the server bare, which answers what they can read.
func runClients(ctx context.Context, s settings, racers []racer, out, progress io.Writer) (map[string][]byte, error) {
	at := slices.IndexFunc(racers, func(r racer) bool { return r.blind })
	if at < 0 {
		return nil, errors.New("the server bare is needed")
	}
	here, err := moduleFolder(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range clientNames {
		if !slices.ContainsFunc(racers, func(r racer) bool { return r.name == name }) {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(racers[at].dir, "client-"+name), "./clients/"+name)
		cmd.Dir = here
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the client %s: %w\n%s", name, err, text)
		}
		names = append(names, name)
	}
	calls := s.scaled(10_000)
	costs := map[lapKey][]lap.Cost{}
	failed := map[lapKey]error{}
	for round := range s.rounds {
		for _, over := range []string{"HTTP", "stdio"} {
			fmt.Fprintf(progress, "round %d of %d: clients over %s\n", round+1, s.rounds, over)
			for i := range names {
				key := lapKey{names[(round+i)%len(names)], over}
				if failed[key] != nil {
					continue
				}
				one, err := lapOf(ctx, racers[at], key, calls, s.timeout)
				switch {
				case err == nil:
					costs[key] = append(costs[key], one)
				case ctx.Err() != nil || key.name == "bare" || key.name == "tenon":
					return nil, fmt.Errorf("client %s over %s: %w", key.name, over, err)
				default:
					fmt.Fprintf(progress, "client %s over %s fails: %v\n", key.name, over, err)
					failed[key] = err
				}
			}
		}
	}
	fmt.Fprintf(out, "%s calls, one after the other, of a server that does next to nothing; medians of %d rounds, and the ratio to a bare client, which\n"+
		"over HTTP is net/http's. CPU and allocations are those of the client process.\n\n| over | figure |", thousands(calls), s.rounds)
	for _, name := range names {
		fmt.Fprintf(out, " %s |", name)
	}
	fmt.Fprintf(out, "\n|---|---|")
	for range names {
		fmt.Fprint(out, "--:|")
	}
	fmt.Fprintln(out)
	for _, over := range []string{"HTTP", "stdio"} {
		for _, f := range lapFigures {
			fmt.Fprintf(out, "| %s | %s |", over, f.name)
			for _, name := range names {
				mine, bare := costs[lapKey{name, over}], costs[lapKey{"bare", over}]
				if len(mine) == 0 {
					fmt.Fprint(out, " fails |")
					continue
				}
				value, unit := f.of(mine, calls), f.of(bare, calls)
				switch {
				case name == "bare" || unit < 1: // a ratio to nothing says nothing
					fmt.Fprintf(out, " %s |", f.show(value))
				default:
					fmt.Fprintf(out, " %.2f× (%s) |", value/unit, f.show(value))
				}
			}
			fmt.Fprintln(out)
		}
	}
	return nil, nil
}

// lapFigure is a figure of a client, for each call.
type lapFigure struct {
	name string
	of   func(costs []lap.Cost, calls int) float64
	show func(float64) string
}

var lapFigures = []lapFigure{
	{"CPU per call", each(func(c lap.Cost) float64 { return float64(c.CPU.Nanoseconds()) }), nanoseconds},
	{"time per call", each(func(c lap.Cost) float64 { return float64(c.Wall.Nanoseconds()) }), nanoseconds},
	{"allocations per call", each(func(c lap.Cost) float64 { return float64(c.Allocs) }), func(v float64) string { return fmt.Sprintf("%.0f", v) }},
	{"bytes allocated per call", each(func(c lap.Cost) float64 { return float64(c.Bytes) }), func(v float64) string { return fmt.Sprintf("%.1f KB", v/1e3) }},
}

func nanoseconds(v float64) string { return cpuTime.show(v / 1e9) }

func each(figure func(lap.Cost) float64) func([]lap.Cost, int) float64 {
	return func(costs []lap.Cost, calls int) float64 {
		var values []float64
		for _, c := range costs {
			values = append(values, figure(c)/float64(calls))
		}
		return median(values)
	}
}

// lapOf runs a client once, and the server for it.
func lapOf(ctx context.Context, bare racer, key lapKey, calls int, limit time.Duration) (cost lap.Cost, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no end after %v", limit))
	defer cancel()
	args := []string{"-calls", strconv.Itoa(calls)}
	if key.over == "HTTP" {
		c, failed := start(ctx, limit, true, bare.command, "-speak", "-http", "127.0.0.1:0")
		if failed != nil {
			return cost, failed
		}
		defer func() { _, err = c.end(err) }()
		args = append(args, "-http", c.address)
	} else {
		args = append(append(args, bare.command...), "-speak")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bare.dir, "client-"+key.name), args...)
	cmd.WaitDelay = time.Second
	text, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return cost, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return cost, err
	}
	return cost, json.Unmarshal(text, &cost)
}
