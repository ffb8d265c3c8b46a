// Command soak holds many sessions open against one server process and calls on some of them all the time:
//
//	go run ./tools/soak                      15,000 sessions, a minute
//	go run ./tools/soak -sessions 1000 -time 10s
//
// The server is a process of its own, and so are the clients: each has its part of the sessions, every one with an open
// event stream on a connection of its own, and a few connections for all the calls. At the end the server sends every
// session a notification, which must arrive on every stream. A call that fails is a failure of the run.
//
// Everything stays on loopback addresses, on Linux several (127.0.0.1 and on).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"
)

func main() {
	if role := os.Getenv(roleVariable); role != "" {
		playRole(role)
		return
	}
	var p plan
	flag.IntVar(&p.Sessions, "sessions", 15_000, "how many sessions with an open stream there are")
	flag.IntVar(&p.Processes, "processes", 4, "how many client processes share them")
	flag.IntVar(&p.Connections, "connections", 200, "how many connections all calls share")
	flag.Float64Var(&p.Rate, "rate", 0.05, "the part of the sessions that make a call each second")
	flag.DurationVar(&p.Time, "time", time.Minute, "how long calls are made")
	flag.Parse()
	p.Addresses = 1
	if runtime.GOOS == "linux" {
		p.Addresses = 8
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := run(ctx, p, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	fmt.Print(report)
	if err := report.check(p); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}
