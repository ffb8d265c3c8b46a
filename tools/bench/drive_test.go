package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The driver is tested against this very binary, started again as a server of some behaviour.
const behaviour = "TENON_BENCH_BEHAVIOUR"

func TestMain(m *testing.M) {
	if b := os.Getenv(behaviour); strings.HasPrefix(b, "http ") {
		serveHTTP(b)
		return
	} else if b != "" {
		serve(b)
		return
	}
	os.Exit(m.Run())
}

// serve answers as a right server does, except for what b says.
func serve(b string) {
	say := func(line []byte) { _, _ = os.Stdout.Write(line) }
	var held []byte
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var m struct {
			ID     int    `json:"id"`
			Method string `json:"method"`
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			panic(err)
		}
		if m.Method == "initialize" {
			say([]byte(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}` + "\n"))
		}
		if m.Method != "tools/call" {
			continue
		}
		answer := appendAnswer(nil, m.ID-firstID)
		switch {
		case b == "swaps" && held == nil:
			held = answer
			continue
		case b == "swaps":
			answer = append(answer, held...)
			held = nil
		case b == "repeats":
			answer = append(answer, answer...)
		case b == "hangs" && m.ID > firstID:
			continue
		case b == "dies" && m.ID > firstID:
			fmt.Fprintln(os.Stderr, "out of luck")
			os.Exit(3)
		}
		say(answer)
	}
	if b == "says goodbye" {
		say([]byte("bye\n"))
	}
	if b == "fails in the end" {
		os.Exit(4)
	}
}

func TestDrive(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		inFlight  int
		burst     bool
		limit     time.Duration
		err       string
	}{
		{behaviour: "right", inFlight: 1},
		{behaviour: "right", inFlight: 8},
		{behaviour: "right", inFlight: 8, burst: true},
		{behaviour: "right", inFlight: 100},
		{behaviour: "swaps", inFlight: 2},
		{behaviour: "repeats", inFlight: 4, err: "has been answered before"},
		{behaviour: "hangs", inFlight: 4, limit: 200 * time.Millisecond, err: "no end after 200ms"},
		{behaviour: "dies", inFlight: 4, err: "out of luck"},
		{behaviour: "says goodbye", inFlight: 4, err: "not asked for: bye"},
		{behaviour: "fails in the end", inFlight: 4, err: "exit status 4"},
	} {
		t.Run(fmt.Sprint(c.behaviour, " ", c.inFlight, " ", c.burst), func(t *testing.T) {
			t.Setenv(behaviour, c.behaviour)
			if c.limit == 0 {
				c.limit = time.Minute
			}
			self := racer{contender: contender{name: "self"}, binary: os.Args[0]}
			s, err := drive(context.Background(), self, 20, load{inFlight: c.inFlight, burst: c.burst}, c.limit)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 20, s.calls)
			require.Len(t, s.trips, 20)
			require.Positive(t, s.cpu)
			require.Positive(t, s.wall)
			for _, trip := range s.trips {
				require.Positive(t, trip)
				require.LessOrEqual(t, trip, s.wall)
			}
		})
	}
}

func TestParse(t *testing.T) {
	s, err := parse([]string{"-n", "7", "-rounds", "2", "-inflight", "8,1", "-burst", "-servers", "bare,mcpgo"}, os.Stderr)
	require.NoError(t, err)
	require.Equal(t, 7, s.calls)
	require.Equal(t, 2, s.rounds)
	require.Equal(t, []load{{inFlight: 8, burst: true}, {inFlight: 1, burst: true}}, s.loads)
	require.Len(t, s.servers, 2)
	for _, c := range []struct{ flag, value, err string }{
		{"-n", "0", "-n is 0"},
		{"-rounds", "0", "-rounds is 0"},
		{"-inflight", "1,257", `-inflight has "257", want 1 to 256`},
		{"-servers", "bare,nobody", `-servers has "nobody"`},
	} {
		_, err := parse([]string{c.flag, c.value}, os.Stderr)
		require.ErrorContains(t, err, c.err)
	}
}

func TestSummarize(t *testing.T) {
	run := func(cpu time.Duration) sample {
		return sample{cpu: cpu, wall: time.Second, calls: 2, trips: []time.Duration{3, 1}}
	}
	require.Equal(t, summary{cpu: 5, least: 4, most: 10, rate: 2, p50: 3, p99: 3},
		summarize([]sample{run(20), run(8), run(10)}))
	require.Equal(t, "2.50", ratio([]sample{run(10), run(20), run(90)}, []sample{run(4), run(10), run(6)}))
	require.Equal(t, "-", ratio([]sample{run(10)}, nil))
}
