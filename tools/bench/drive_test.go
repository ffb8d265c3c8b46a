package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/tools/bench/servers/web"
)

// The drivers are tested against this very binary, started again as a server of some behaviour.
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

const helloInitialize = `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}`

// serve answers as a right server does, except for what b says.
func serve(b string) {
	say := func(line []byte) { _, _ = os.Stdout.Write(append(line, '\n')) }
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
			say([]byte(helloInitialize))
		}
		if m.Method != "tools/call" {
			continue
		}
		answer := greet{}.answer(nil, m.ID-firstID)
		switch {
		case b == "swaps" && held == nil:
			held = answer
			continue
		case b == "swaps":
			answer = append(append(answer, '\n'), held...)
			held = nil
		case b == "repeats":
			answer = append(append(answer, '\n'), answer...)
		case b == "hangs" && m.ID > firstID:
			continue
		case b == "dies" && m.ID > firstID:
			fmt.Fprintln(os.Stderr, "out of luck")
			os.Exit(3)
		}
		say(answer)
	}
	if b == "says goodbye" {
		say([]byte("bye"))
	}
	if b == "fails in the end" {
		os.Exit(4)
	}
}

// self is this binary as a racer.
func self() racer {
	return racer{contender: contender{name: "self"}, command: []string{os.Args[0]}, hello: []string{os.Args[0]}}
}

func checkSample(t *testing.T, s sample) {
	require.Equal(t, 20, s.calls)
	require.Len(t, s.trips, 20)
	require.Positive(t, s.cpu)
	require.Positive(t, s.wall)
	for _, trip := range s.trips {
		require.Positive(t, trip)
		require.LessOrEqual(t, trip, s.wall)
	}
}

func TestDriveStdio(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		flight    int
		limit     time.Duration
		err       string
	}{
		{behaviour: "right", flight: 1},
		{behaviour: "right", flight: 8},
		{behaviour: "right", flight: 100},
		{behaviour: "swaps", flight: 2},
		{behaviour: "repeats", flight: 4, err: "has been answered before"},
		{behaviour: "hangs", flight: 4, limit: 200 * time.Millisecond, err: "no end after 200ms"},
		{behaviour: "dies", flight: 4, err: "out of luck"},
		{behaviour: "says goodbye", flight: 4, err: "not asked for: bye"},
		{behaviour: "fails in the end", flight: 4, err: "exit status 4"},
	} {
		t.Run(fmt.Sprint(c.behaviour, " ", c.flight), func(t *testing.T) {
			t.Setenv(behaviour, c.behaviour)
			if c.limit == 0 {
				c.limit = time.Minute
			}
			s, err := driveStdio(context.Background(), self(), &work{req: greet{}, flight: c.flight}, 20, c.limit)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			checkSample(t, s)
		})
	}
}

// serveHTTP answers as a right server does, except for what b says after "http ".
func serveHTTP(b string) {
	if b == "http refuses to start" {
		fmt.Fprintln(os.Stderr, "the address is in use")
		os.Exit(5)
	}
	err := web.Serve("self", "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     int    `json:"id"`
			Method string `json:"method"`
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Mcp-Session-Id", "one")
		i := m.ID - firstID
		var answer []byte
		switch {
		case m.Method == "initialize":
			answer = []byte(helloInitialize)
		case m.Method == "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
			return
		case m.Method == "tools/list":
			answer = list{}.answer(nil, i)
		case strings.Contains(string(body), `"image"`):
			answer = image{}.answer(nil, i)
		case strings.Contains(string(body), `"count"`):
			for k := range 3 {
				answer = fmt.Appendf(answer, "data: "+
					`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%d,"progress":%d}}`+"\n\n", m.ID, k+1)
				if b == "http loses" && k == 1 {
					answer = nil
				}
			}
			answer = fmt.Appendf(answer, "data: %s\n\n", count(3).answer(nil, i))
		default:
			answer = greet{}.answer(nil, i)
		}
		last := m.ID == firstID+19
		switch {
		case r.Header.Get("Mcp-Session-Id") != "one" && m.Method != "initialize":
			http.Error(w, "no session", http.StatusBadRequest)
			return
		case last && b == "http mixes up":
			answer = greet{}.answer(nil, 0)
		case last && b == "http fails":
			http.Error(w, "out of luck", http.StatusInternalServerError)
			return
		case m.ID == firstID && b == "http lists less":
			answer = []byte(strings.Replace(string(answer), `"name":"update_record07"`, `"name":"update_record08"`, 1))
		case b == "http streams":
			answer = fmt.Appendf(nil, "id: 1\ndata:\n\nid: 2\nevent: message\ndata: %s\n\n", answer)
		}
		_, _ = w.Write(answer)
	}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestDriveHTTP(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		req       request
		sessions  int
		opens     bool
		err       string
	}{
		{behaviour: "http right", req: greet{}, sessions: 1},
		{behaviour: "http right", req: greet{}, sessions: 8},
		{behaviour: "http right", req: greet{}, sessions: 2, opens: true},
		{behaviour: "http right", req: list{}, sessions: 2},
		{behaviour: "http right", req: image{}, sessions: 2},
		{behaviour: "http right", req: count(3), sessions: 2},
		{behaviour: "http streams", req: greet{}, sessions: 2},
		{behaviour: "http streams", req: list{}, sessions: 2},
		{behaviour: "http loses", req: count(3), sessions: 2, err: "want progress 1"},
		{behaviour: "http right", req: count(4), sessions: 2, err: "3 progress notifications, want 4"},
		{behaviour: "http mixes up", req: greet{}, sessions: 2, err: "want the id 1000019"},
		{behaviour: "http fails", req: greet{}, sessions: 2, err: "out of luck"},
		{behaviour: "http lists less", req: list{}, sessions: 2, err: `the tool "update_record08" is another than that`},
		{behaviour: "http refuses to start", req: greet{}, sessions: 2, err: "the address is in use"},
	} {
		t.Run(fmt.Sprintf("%s %T %d %v", c.behaviour, c.req, c.sessions, c.opens), func(t *testing.T) {
			t.Setenv(behaviour, c.behaviour)
			w := &work{req: c.req, flight: c.sessions, opens: c.opens, http: true}
			s, err := driveHTTP(context.Background(), self(), w, 20, time.Minute)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			checkSample(t, s)
		})
	}
}

func TestParse(t *testing.T) {
	s, err := parse([]string{"-scale", "0.5", "-rounds", "2", "-work", "stdio-1,http-list", "-servers", "bare,mcpgo"}, os.Stderr)
	require.NoError(t, err)
	require.Equal(t, 2, s.rounds)
	require.Equal(t, "stdio-1", s.works[0].name)
	require.Equal(t, 5000, s.works[0].calls)
	require.Equal(t, "http-list", s.works[1].name)
	require.Len(t, s.servers, 2)
	require.Len(t, s.parts, 1)
	s, err = parse([]string{"-growth"}, os.Stderr)
	require.NoError(t, err)
	require.Len(t, s.parts, len(parts))
	for _, c := range []struct{ flag, value, err string }{
		{"-scale", "0.00001", "-scale is 1e-05"},
		{"-rounds", "0", "-rounds is 0"},
		{"-work", "nothing", `-work has "nothing", want some of http-call,`},
		{"-servers", "bare,nobody", `-servers has "nobody"`},
		{"-parts", "all", `-parts has "all", want some of table,growth,`},
	} {
		_, err := parse([]string{c.flag, c.value}, io.Discard)
		require.ErrorContains(t, err, c.err)
	}
}

func TestFigures(t *testing.T) {
	run := func(cpu time.Duration) sample {
		return sample{cpu: cpu, wall: time.Second, calls: 2, trips: []time.Duration{3 * time.Microsecond, time.Microsecond}, bytes: 5000}
	}
	s := run(20 * time.Microsecond)
	require.Equal(t, "10.0 µs", cpuTime.show(s.value(cpuTime)))
	require.Equal(t, "2/s", rate.show(s.value(rate)))
	require.Equal(t, "3.0 µs", latency.show(s.value(latency)))
	require.Equal(t, "5.0 KB", memory.show(s.value(memory)))

	a, b := heat{"tenon", "w"}, heat{"bare", "w"}
	got := results{samples: map[heat][]sample{
		a: {run(10000), run(20000), run(90000)},
		b: {run(4000), run(10000), run(6000)},
	}, failed: map[heat]error{{"mcpgo", "w"}: io.EOF}}
	require.Equal(t, "2.50× (10.0 µs)", got.cell(racer{contender: contender{name: "tenon"}}, "w", cpuTime))
	require.Equal(t, "3.0 µs", got.cell(racer{contender: contender{name: "bare", blind: true}}, "w", cpuTime))
	require.Equal(t, "fails", got.cell(racer{contender: contender{name: "mcpgo"}}, "w", cpuTime))
	require.Equal(t, "–", got.cell(racer{contender: contender{name: "gosdk"}}, "w", cpuTime))
}
