package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// plan is what a run does.
type plan struct {
	Pairs, Callers int
	Time           time.Duration
	Faults         float64 // the part of the messages to which something happens
}

// overHTTP is which pairs talk HTTP: every so many.
const overHTTP = 5

// chaos runs the plan, and checks the journal. The summary tells what happened, whatever the error.
func chaos(ctx context.Context, p plan, path string) (summary string, err error) {
	j, remove, err := newJournal(path)
	if err != nil {
		return "", err
	}
	defer remove()
	before := runtime.NumGoroutine()
	f := &faults{part: p.Faults}
	s := newServer(j)
	url, end, err := web(s, f)
	if err != nil {
		return "", err
	}
	timed, cancel := context.WithTimeout(ctx, p.Time)
	defer cancel()
	var pairs sync.WaitGroup
	for n := range p.Pairs {
		one := &pair{n: n, journal: j, callers: p.Callers, transport: lines{n, s, f}}
		if n%overHTTP == overHTTP-1 {
			one.transport = streamhttp.Connect(url, streamhttp.WithHeader("X-Pair", fmt.Sprint(n)))
		}
		pairs.Go(func() { one.run(timed) })
	}
	pairs.Wait()
	end()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	left := leftOver(before)
	in, err := j.read()
	if err != nil {
		return "", err
	}
	counts, err := verify(in)
	return describe(counts, f), errors.Join(err, left)
}

// endTime is how long goroutines may take to end when everything is closed.
const endTime = 15 * time.Second

// leftOver waits for the goroutines to be as few as before, and shows those that stay.
func leftOver(before int) error {
	for began := time.Now(); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > endTime {
			buf := make([]byte, 1<<20)
			return fmt.Errorf("%d goroutines are left, there were %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
	return nil
}

func describe(counts map[string]int, f *faults) string {
	var b strings.Builder
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%-10s %d\n", name, counts[name])
	}
	b.WriteString("faults    ")
	for k := range faultKinds {
		fmt.Fprintf(&b, " %s %d", faultNames[k], f.n[k].Load())
	}
	b.WriteByte('\n')
	return b.String()
}
