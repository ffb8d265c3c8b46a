package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// plan is what a run does.
type plan struct {
	Sessions, Processes, Connections, Addresses int
	Rate                                        float64 // of the sessions, each second
	Time                                        time.Duration
	URLs                                        []string // of the server, for the clients
	Share                                       int      // of the sessions, for one client
}

// report is what came of it.
type report struct {
	Sessions, Calls, Failed, Heard int
	P50, P95, P99, Max             time.Duration
	Opening                        time.Duration
	Server                         serverStats
	Errors                         []string // a few
}

// serverStats are taken while all sessions are open.
type serverStats struct {
	Sessions, Goroutines, Descriptors int
	Resident                          int64 // bytes; 0 where it is not known
	Heap                              uint64
}

// clientStats are what a client process did.
type clientStats struct {
	Sessions, Calls, Failed, Heard int
	Times                          []time.Duration
	Errors                         []string
}

func (r report) String() string {
	resident := "not known here"
	if r.Server.Resident > 0 {
		resident = fmt.Sprintf("%.0f MiB, %.1f KiB a session", float64(r.Server.Resident)/(1<<20), float64(r.Server.Resident)/(1<<10)/float64(max(r.Sessions, 1)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "sessions      %d, opened in %v\n", r.Sessions, r.Opening.Round(time.Millisecond))
	fmt.Fprintf(&b, "calls         %d, failed %d\n", r.Calls, r.Failed)
	fmt.Fprintf(&b, "latency       p50 %v, p95 %v, p99 %v, max %v\n", r.P50, r.P95, r.P99, r.Max)
	fmt.Fprintf(&b, "told          %d of %d streams\n", r.Heard, r.Sessions)
	fmt.Fprintf(&b, "server        resident %s; heap %.0f MiB, %d goroutines, %d descriptors, %d sessions\n", resident,
		float64(r.Server.Heap)/(1<<20), r.Server.Goroutines, r.Server.Descriptors, r.Server.Sessions)
	for _, e := range r.Errors {
		fmt.Fprintln(&b, "error        ", e)
	}
	return b.String()
}

// check says what is wrong with a run.
func (r report) check(p plan) error {
	switch {
	case r.Sessions != p.Sessions:
		return fmt.Errorf("%d of %d sessions were opened", r.Sessions, p.Sessions)
	case r.Server.Sessions != p.Sessions:
		return fmt.Errorf("the server had %d sessions of %d", r.Server.Sessions, p.Sessions)
	case r.Failed > 0:
		return fmt.Errorf("%d of %d calls failed", r.Failed, r.Calls)
	case r.Calls == 0:
		return errors.New("no call was made")
	case r.Heard != p.Sessions:
		return fmt.Errorf("%d of %d streams had the notification", r.Heard, p.Sessions)
	}
	return nil
}

// roleVariable tells a process which role it plays.
const roleVariable = "TENON_SOAK_ROLE"

// run starts the processes, leads them through the phases, and gathers what they say.
func run(ctx context.Context, p plan, log io.Writer) (report, error) {
	var r report
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := start(ctx, "server", p)
	if err != nil {
		return r, err
	}
	defer server.end()
	if err := server.expect("listening", &p.URLs); err != nil {
		return r, err
	}
	began := time.Now()
	var clients []*process
	for i := range p.Processes {
		share := p
		share.Share = p.Sessions / p.Processes
		if i < p.Sessions%p.Processes {
			share.Share++
		}
		c, err := start(ctx, "client", share)
		if err != nil {
			return r, err
		}
		defer c.end()
		clients = append(clients, c)
	}
	for _, c := range clients {
		if err := c.expect("open", nil); err != nil {
			return r, err
		}
	}
	r.Opening = time.Since(began)
	fmt.Fprintf(log, "soak: %d sessions are open after %v, calls for %v\n", p.Sessions, r.Opening.Round(time.Millisecond), p.Time)
	for _, c := range clients {
		if err := c.say("call"); err != nil {
			return r, err
		}
	}
	for _, c := range clients {
		if err := c.expect("called", nil); err != nil {
			return r, err
		}
	}
	if err := server.say("stats"); err != nil {
		return r, err
	}
	if err := server.expect("stats", &r.Server); err != nil {
		return r, err
	}
	if err := server.say("tell"); err != nil {
		return r, err
	}
	var times []time.Duration
	for _, c := range clients {
		if err := c.say("finish"); err != nil {
			return r, err
		}
		var s clientStats
		if err := c.expect("finished", &s); err != nil {
			return r, err
		}
		r.Sessions, r.Calls, r.Failed, r.Heard = r.Sessions+s.Sessions, r.Calls+s.Calls, r.Failed+s.Failed, r.Heard+s.Heard
		times = append(times, s.Times...)
		r.Errors = append(r.Errors, s.Errors...)
	}
	slices.Sort(times)
	if n := len(times); n > 0 {
		r.P50, r.P95, r.P99, r.Max = times[n/2], times[n*95/100], times[n*99/100], times[n-1]
	}
	return r, nil
}

// process is a server or client process: it is told what to do in words, one a line, and answers with a word and JSON.
type process struct {
	role string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

func start(ctx context.Context, role string, p plan) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	given, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, planVariable+"="+string(given))
	cmd.Stderr = os.Stderr
	c := &process{role: role, cmd: cmd}
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, cmd.Start()
}

// planVariable has the plan for a process.
const planVariable = "TENON_SOAK_PLAN"

func (c *process) say(word string) error {
	_, err := fmt.Fprintln(c.in, word)
	return err
}

// expect waits for an answer.
func (c *process) expect(word string, v any) error {
	line, err := c.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the %s process ended: %w", c.role, err)
	}
	got, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if got != word {
		return fmt.Errorf("the %s process said %q, expected %q", c.role, line, word)
	}
	if v == nil {
		return nil
	}
	return json.Unmarshal([]byte(rest), v)
}

// end ends the process: its standard input closes.
func (c *process) end() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

// playRole is the main function of the processes.
func playRole(role string) {
	var p plan
	err := json.Unmarshal([]byte(os.Getenv(planVariable)), &p)
	if err == nil {
		switch role {
		case "server":
			err = serve(p)
		case "client":
			err = call(p)
		default:
			err = fmt.Errorf("there is no role %q", role)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "soak %s: %v\n", role, err)
		os.Exit(1)
	}
}

// orders gives what the process is told, one word at a time; it is closed when the leader is gone.
func orders() <-chan string {
	c := make(chan string)
	go func() {
		defer close(c)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			c <- in.Text()
		}
	}()
	return c
}

// answer tells the leader.
func answer(word string, v any) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Printf("%s %s\n", word, text)
	}
	return err
}
