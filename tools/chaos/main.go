// Command chaos lets pairs of a client and a server talk over connections on which everything goes wrong, and checks from
// a journal of what both sides saw that nothing came of it but errors:
//
//	go run ./tools/chaos                     200 pairs for a minute
//	go run ./tools/chaos -pairs 40 -time 5s -journal /tmp/journal
//
// Most pairs talk in lines, through a relay that delays, drops, doubles, truncates and reorders messages and cuts
// connections. The others talk HTTP, through a relay that delays bytes and cuts connections anywhere. What must hold:
//
//   - Every call ends, once: in its result, in an error, or because its caller gave it up.
//   - A result, a progress report, a question to the client and its answer belong to the call and the pair that they
//     reach.
//   - Every handler that began returns, and when all is closed no goroutine is left.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	p := plan{}
	path := ""
	flag.IntVar(&p.Pairs, "pairs", 200, "how many clients there are, each with a server session of its own")
	flag.IntVar(&p.Callers, "callers", 4, "how many calls a client makes at once")
	flag.DurationVar(&p.Time, "time", time.Minute, "how long calls are made")
	flag.Float64Var(&p.Faults, "faults", 0.06, "the part of the messages to which something happens")
	flag.StringVar(&path, "journal", "", "where the journal is kept; default a temporary file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	summary, err := chaos(ctx, p, path)
	fmt.Print(summary)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}
