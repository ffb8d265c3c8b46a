// Command benchtable puts the benchmarks of generated/mcp side by side, as Markdown:
//
//	go test -run '^$' -bench . -count 6 ./generated/mcp | go run ./tools/benchtable
//
// Of repeated runs the fastest counts: what else the machine does can only slow one down.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// ours is the library that the others are compared with.
const ours = "tenon"

var others = []string{"encoding/json", "goccy v2"}

// result is one benchmark's time for an operation, in nanoseconds, and its allocations.
type result struct {
	ns     float64
	allocs string
}

// results are the benchmarks by operation, message and library, with the messages in order.
type results struct {
	byName   map[string]result
	messages []string
}

var line = regexp.MustCompile(`^Benchmark(\w+)/(.+)/(tenon|encoding/json|goccy_v2)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op(?:.*?(\d+) allocs/op)?`)

func run(in io.Reader, out io.Writer) error {
	r := results{byName: map[string]result{}}
	scan := bufio.NewScanner(in)
	for scan.Scan() {
		if cpu, ok := strings.CutPrefix(scan.Text(), "cpu: "); ok {
			fmt.Fprintf(out, "Machine: %s.\n", cpu)
		}
		m := line.FindStringSubmatch(scan.Text())
		if m == nil {
			continue
		}
		ns, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			return err
		}
		name := strings.ReplaceAll(m[2], "_", " ")
		library := strings.ReplaceAll(m[3], "_", " ")
		if m[1] == "Decode" && library == ours && !slices.Contains(r.messages, name) {
			r.messages = append(r.messages, name)
		}
		key := m[1] + "/" + name + "/" + library
		if before, ok := r.byName[key]; !ok || ns < before.ns {
			r.byName[key] = result{ns, m[5]}
		}
	}
	if err := scan.Err(); err != nil {
		return err
	}
	if len(r.messages) == 0 {
		return errors.New("no benchmark of generated/mcp in the input")
	}
	r.table(out, "Decode")
	r.table(out, "Encode")
	r.validate(out)
	return nil
}

// table prints an operation: our time, and how many times as long the others take.
func (r results) table(out io.Writer, op string) {
	fmt.Fprintf(out, "\n| %s | tenon | allocations |", strings.ToLower(op))
	for _, o := range others {
		fmt.Fprintf(out, " %s | allocations |", o)
	}
	fmt.Fprintf(out, "\n|---|--:|--:|%s\n", strings.Repeat("--:|--:|", len(others)))
	logs := make([]float64, len(others))
	for _, m := range r.messages {
		mine := r.byName[op+"/"+m+"/"+ours]
		fmt.Fprintf(out, "| %s | %s | %s |", m, duration(mine.ns), mine.allocs)
		for i, o := range others {
			other := r.byName[op+"/"+m+"/"+o]
			logs[i] += math.Log(other.ns / mine.ns)
			fmt.Fprintf(out, " %.1f× | %s |", other.ns/mine.ns, other.allocs)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "| geometric mean | | |")
	for i := range others {
		fmt.Fprintf(out, " %.1f× | |", math.Exp(logs[i]/float64(len(r.messages))))
	}
	fmt.Fprintln(out)
}

// validate prints what checking costs, as a share of decoding.
func (r results) validate(out io.Writer) {
	fmt.Fprint(out, "\n| validate | tenon | of decode |\n|---|--:|--:|\n")
	for _, m := range r.messages {
		v, d := r.byName["Validate/"+m+"/"+ours], r.byName["Decode/"+m+"/"+ours]
		fmt.Fprintf(out, "| %s | %s | %.1f%% |\n", m, duration(v.ns), 100*v.ns/d.ns)
	}
}

func duration(ns float64) string {
	if ns < 1000 {
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.1f µs", ns/1000)
}
