// Command bench races MCP servers over stdio or HTTP as whole processes and prints one table.
//
// Each server is built, started as a child, and driven through its standard input and output by the
// same few lines of byte pushing: the handshake, then N calls of the tool greet with a fixed number
// of them in flight. What counts is the processor time the operating system charged the child, minus
// that of a child that did the handshake and nothing else.
//
// Over HTTP it opens one session for each call in flight, on a connection that is kept, and calls greet
// or lists the fifty tools of servers/catalogue.
//
//	go run . [-http call|list] [-n calls] [-rounds n] [-inflight list] [-burst] [-servers list] [-timeout d]
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
	"strconv"
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

// maxInFlight keeps the requests in flight, and their answers, smaller than a pipe: the driver
// writes and reads in turns and would otherwise wait for a child that waits for it.
const maxInFlight = 256

// settings is the command line, checked.
type settings struct {
	calls   int
	rounds  int
	loads   []load // one per variant
	servers []contender
	timeout time.Duration // for one run of one server
}

func parse(args []string, usage io.Writer) (settings, error) {
	var s settings
	var inFlight, names, what string
	var burst bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.IntVar(&s.calls, "n", 20000, "calls in one run")
	flags.IntVar(&s.rounds, "rounds", 5, "rounds; every server runs once per round and variant")
	flags.StringVar(&what, "http", "", "race over HTTP: call makes calls of greet, list lists fifty tools")
	flags.StringVar(&inFlight, "inflight", "", "calls in flight, one variant each; over HTTP the number of sessions (default 32,1; over HTTP 8)")
	flags.BoolVar(&burst, "burst", false, "write all requests that may be sent at once, and read no answer before")
	flags.StringVar(&names, "servers", strings.Join(contenderNames(), ","), "servers to race")
	flags.DurationVar(&s.timeout, "timeout", 2*time.Minute, "longest time one run may take")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.calls < 1 || s.calls > maxCalls {
		return s, fmt.Errorf("-n is %d, want 1 to %d", s.calls, maxCalls)
	}
	if s.rounds < 1 {
		return s, fmt.Errorf("-rounds is %d, want at least 1", s.rounds)
	}
	if what != "" && what != httpCall && what != httpList {
		return s, fmt.Errorf("-http is %q, want %s or %s", what, httpCall, httpList)
	}
	if what != "" && burst {
		return s, errors.New("-burst is for stdio only")
	}
	if inFlight == "" && what != "" {
		inFlight = "8"
	} else if inFlight == "" {
		inFlight = "32,1"
	}
	for _, text := range strings.Split(inFlight, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxInFlight {
			return s, fmt.Errorf("-inflight has %q, want 1 to %d", text, maxInFlight)
		}
		s.loads = append(s.loads, load{inFlight: n, burst: burst, what: what})
	}
	runners := contenders
	if what != "" {
		runners = httpContenders(what)
	}
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(runners, func(c contender) bool { return c.name == name })
		if i < 0 {
			return s, fmt.Errorf("-servers has %q, want some of %s", name, strings.Join(contenderNames(), ","))
		}
		s.servers = append(s.servers, runners[i])
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
		if err != nil {
			return err
		}
		racers = append(racers, r)
	}
	samples, err := race(ctx, s, racers, progress)
	if err != nil {
		return err
	}
	report(out, args, s, racers, samples)
	return nil
}

// race runs every racer once per round and variant. The racers take turns, and each round starts
// with another one, so that whatever else the machine is doing hits all of them alike.
func race(ctx context.Context, s settings, racers []racer, progress io.Writer) (map[heat][]sample, error) {
	samples := map[heat][]sample{}
	for round := range s.rounds {
		fmt.Fprintf(progress, "round %d of %d\n", round+1, s.rounds)
		for _, l := range s.loads {
			for i := range racers {
				r := racers[(round+i)%len(racers)]
				got, err := measure(ctx, r, s.calls, l, s.timeout)
				if err != nil {
					return nil, fmt.Errorf("%s, %d in flight: %w", r.name, l.inFlight, err)
				}
				at := heat{r.name, l}
				samples[at] = append(samples[at], got)
			}
		}
	}
	return samples, nil
}

// heat names the runs that are compared with each other: one server under one load.
type heat struct {
	server string
	load   load
}
