// Command bench races MCP servers as whole processes, over stdio and HTTP, and prints one table.
//
// Each server is built, started as a child, and driven by the same few lines of byte pushing. What counts is what the
// operating system says of the child: its processor time, less that of a child that did the handshake and nothing else,
// its resident memory; and the time from request to answer. Each figure is given as a ratio to that of bare, a program that
// moves the same bytes and understands nothing.
//
//	go run . [-work list] [-servers list] [-rounds n] [-scale x] [-parts list | -growth] [-doc file]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings is the command line, checked.
type settings struct {
	args    []string
	rounds  int
	works   []work
	servers []contender
	parts   []part
	scale   float64
	timeout time.Duration // for one run of one server
	doc     string
}

func parse(args []string, usage io.Writer) (settings, error) {
	s := settings{args: args}
	var names, what, which string
	var growth bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.StringVar(&what, "work", strings.Join(workNames(), ","), "what to measure")
	flags.StringVar(&names, "servers", strings.Join(contenderNames(), ","), "servers to race; bare is the unit and should be among them")
	flags.IntVar(&s.rounds, "rounds", 3, "rounds; every server runs once per round and work")
	flags.Float64Var(&s.scale, "scale", 1, "multiplies the number of calls in a run")
	flags.DurationVar(&s.timeout, "timeout", 3*time.Minute, "longest time one run may take")
	flags.StringVar(&which, "parts", "table", "what to do of "+strings.Join(partNames(), ","))
	flags.BoolVar(&growth, "growth", false, "do all parts: growth with sessions and sizes of messages, registered tools, clients, and the soak too")
	flags.StringVar(&s.doc, "doc", "", "besides printing, put what was measured in this file, between its marks, and the plots beside it")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.rounds < 1 {
		return s, fmt.Errorf("-rounds is %d, want at least 1", s.rounds)
	}
	for _, name := range strings.Split(what, ",") {
		i := slices.IndexFunc(works, func(w work) bool { return w.name == name })
		if i < 0 {
			return s, fmt.Errorf("-work has %q, want some of %s", name, strings.Join(workNames(), ","))
		}
		w := works[i]
		n := float64(w.calls) * s.scale
		if w.calls > 0 && (n < float64(max(1, w.flight)) || n > maxCalls) {
			return s, fmt.Errorf("-scale is %g, which makes %g calls of %s, want %d to %d", s.scale, n, name, w.flight, maxCalls)
		}
		w.calls = int(n)
		s.works = append(s.works, w)
	}
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
		if i < 0 {
			return s, fmt.Errorf("-servers has %q, want some of %s", name, strings.Join(contenderNames(), ","))
		}
		s.servers = append(s.servers, contenders[i])
	}
	if growth {
		which = strings.Join(partNames(), ",")
	}
	for _, name := range strings.Split(which, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return s, fmt.Errorf("-parts has %q, want some of %s", name, strings.Join(partNames(), ","))
		}
		s.parts = append(s.parts, parts[i])
	}
	return s, nil
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	s, err := parse(args, progress)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tenon-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var racers []racer
	for _, c := range s.servers {
		fmt.Fprintln(progress, "building", c.name)
		r, err := build(ctx, c, dir)
		if errors.Is(err, errNoNode) {
			fmt.Fprintln(progress, err)
			continue
		}
		if err != nil {
			return err
		}
		racers = append(racers, r)
	}
	if s.doc != "" && (len(s.works) < len(works) || len(s.servers) < len(contenders)) {
		fmt.Fprintf(progress, "%s is left as it is: not all works and servers are measured\n", s.doc)
		s.doc = ""
	}
	return runParts(ctx, s, racers, out, progress)
}

// heat names the runs that are compared with each other: one server at one work.
type heat struct{ server, work string }

// results are the samples of each heat, one per round, and why a peer has none.
type results struct {
	samples map[heat][]sample
	failed  map[heat]error
}

// race runs every racer once per round and work. The racers take turns, and each round starts
// with another one, so that whatever else the machine is doing hits all of them alike.
//
// A peer that does a work wrong, by losing messages, say, has failed at it, and the race goes on.
func race(ctx context.Context, s settings, racers []racer, progress io.Writer) (results, error) {
	got := results{map[heat][]sample{}, map[heat]error{}}
	for round := range s.rounds {
		for _, w := range s.works {
			fmt.Fprintf(progress, "round %d of %d: %s\n", round+1, s.rounds, w.name)
			measure := w.run
			if measure == nil {
				measure = calls
			}
			for i := range racers {
				r := racers[(round+i)%len(racers)]
				at := heat{r.name, w.name}
				if got.failed[at] != nil {
					continue
				}
				one, err := measure(ctx, r, &w, s.timeout)
				switch {
				case err == nil:
					got.samples[at] = append(got.samples[at], one)
				case errors.Is(err, errNotMeasured):
				case ctx.Err() != nil || r.blind || r.name == "tenon":
					return got, fmt.Errorf("%s, %s: %w", r.name, w.name, err)
				default:
					fmt.Fprintf(progress, "%s failed at %s: %v\n", r.name, w.name, err)
					got.failed[at] = err
				}
			}
		}
	}
	return got, nil
}
