// Package lap is the frame of the clients that are raced: it opens a client, has it make calls, and says what they cost.
package lap

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Text is what every call is answered with.
const Text = "hello, Ada"

// Arguments are what it is called with.
type Arguments struct {
	Name string `json:"name"`
}

// Ada are the arguments.
var Ada = Arguments{"Ada"}

// Cost is what all calls of a run cost the client.
type Cost struct {
	CPU    time.Duration // as the operating system counts it
	Wall   time.Duration
	Allocs uint64
	Bytes  uint64 // allocated
}

// Server says where the server is: at a URL, or a program to start.
type Server struct {
	URL     string
	Program string
	Args    []string
}

// Client is one that has opened a session.
type Client struct {
	Call  func() (text string, err error)
	Close func() error
}

// Main is the main function of a client: open opens it.
func Main(open func(Server) (Client, error)) {
	if err := run(open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(open func(Server) (Client, error)) error {
	var s Server
	var calls int
	flag.StringVar(&s.URL, "http", "", "URL of the server; else the arguments are the command that starts it")
	flag.IntVar(&calls, "calls", 1, "calls, one after the other")
	flag.Parse()
	if s.URL == "" {
		if flag.NArg() == 0 {
			return fmt.Errorf("neither a URL nor a command")
		}
		s.Program, s.Args = flag.Arg(0), flag.Args()[1:]
	}
	c, err := open(s)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	cost, err := measure(c, calls)
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(cost)
}

// warmth is how many calls are made before the clock starts.
const warmth = 100

func measure(c Client, calls int) (Cost, error) {
	again := func(n int) error {
		for range n {
			if text, err := c.Call(); err != nil || text != Text {
				return fmt.Errorf("call: got %q, %w", text, err)
			}
		}
		return nil
	}
	if err := again(warmth); err != nil {
		return Cost{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, begin := processor(), time.Now()
	err := again(calls)
	cost := Cost{CPU: processor() - cpu, Wall: time.Since(begin)}
	runtime.ReadMemStats(&after)
	cost.Allocs, cost.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return cost, err
}

// processor is the processor time of this process so far, without its children.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // asked for something that there is
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
