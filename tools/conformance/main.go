// Command conformance runs the official conformance suite, @modelcontextprotocol/conformance, for the
// revision 2025-11-25 of the protocol: its server scenarios against tools/everything, over Streamable
// HTTP, and its client scenarios against tools/everythingclient. It prints a line per scenario, and
// fails if one has a failure, a warning, or nothing that succeeded.
//
// The suite is a Node program. npm installs it, in the versions that package-lock.json pins, into a
// cache folder, once; a machine that has no Node 22 gets one the same way. If that cannot be done,
// nothing was checked, and the command fails.
//
//	go run ./tools/conformance [-runs n] [-race] [-keep] [-cache folder] [-timeout d]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// settings is the command line.
type settings struct {
	runs    int
	race    bool
	keep    bool
	cache   string
	timeout time.Duration // for one run of the suite
}

func parse(args []string, usage io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.IntVar(&s.runs, "runs", 1, "how often to run the suite; the first run that fails is the last")
	flags.BoolVar(&s.race, "race", false, "build the server and the client with the race detector")
	flags.BoolVar(&s.keep, "keep", false, "keep the results of runs that passed too")
	flags.StringVar(&s.cache, "cache", filepath.Join(".cache", "conformance"), "`folder` for the installed suite and for results")
	flags.DurationVar(&s.timeout, "timeout", 5*time.Minute, "longest time one run may take")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.runs < 1:
		return s, fmt.Errorf("-runs is %d; at least 1 is needed", s.runs)
	}
	var err error
	s.cache, err = filepath.Abs(s.cache)
	return s, err
}

func run(ctx context.Context, args []string, out, usage io.Writer) error {
	s, err := parse(args, usage)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.cache, 0o755); err != nil {
		return err
	}
	suite, err := install(ctx, s.cache, out)
	if err != nil {
		return fmt.Errorf("nothing was checked: %w", err)
	}
	fmt.Fprintf(out, "conformance suite %s, requirements %s\n", suite.version, revision)
	for i := range s.runs {
		if s.runs > 1 {
			fmt.Fprintf(out, "\nrun %d of %d\n", i+1, s.runs)
		}
		if err := once(ctx, s, suite, out); err != nil {
			return err
		}
	}
	return nil
}

// once builds both programs, runs the suite against them, and prints what came out.
func once(ctx context.Context, s settings, suite suite, out io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, fmt.Errorf("the run took longer than %v", s.timeout))
	defer cancel()
	started := time.Now()
	dir, err := os.MkdirTemp(s.cache, "run-")
	if err != nil {
		return err
	}
	if err := build(ctx, dir, s.race); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}

	failed := 0
	for _, leg := range []leg{serverLeg, clientLeg} {
		results := filepath.Join(dir, leg.name)
		ended := leg.run(ctx, suite, dir, results)
		n, err := report(out, leg, results)
		if err != nil {
			return err
		}
		if ended != nil {
			fmt.Fprintf(out, "%-7s %v\n", leg.name, ended)
			n++
		}
		failed += n
	}

	if failed > 0 {
		return fmt.Errorf("%d of %d scenarios did not pass; the checks, and what the programs wrote, are in %s",
			failed, len(serverLeg.scenarios)+len(clientLeg.scenarios), dir)
	}
	fmt.Fprintf(out, "all %d scenarios passed in %v\n", len(serverLeg.scenarios)+len(clientLeg.scenarios), time.Since(started).Round(time.Second))
	if s.keep {
		fmt.Fprintln(out, "the results are in", dir)
		return nil
	}
	return os.RemoveAll(dir)
}

// build compiles the server and the client into dir.
func build(ctx context.Context, dir string, race bool) error {
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if race {
		args = append(args, "-race")
	}
	args = append(args, "github.com/tenonmcp/tenon/tools/everything", "github.com/tenonmcp/tenon/tools/everythingclient")
	if output, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("the server and the client do not build: %w\n%s", err, output)
	}
	return nil
}

// program gives the name of a built program's file.
func program(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}
