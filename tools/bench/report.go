package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report prints the table, with all that is needed to repeat it, as Markdown.
func report(w io.Writer, args []string, s settings, racers []racer, samples map[heat][]sample) {
	fmt.Fprintf(w, "command: %s\n", strings.Join(append([]string{"go -C tools/bench run ."}, args...), " "))
	fmt.Fprintf(w, "machine: %s, %d cores, %s/%s, %s\n",
		processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Fprintf(w, "%d rounds of %d %s; medians over the rounds; CPU is user and system time of\n", s.rounds, s.calls, kind(s.loads[0]))
	fmt.Fprintf(w, "the server process, less that of a process that only shook hands\n")
	for _, l := range s.loads {
		fmt.Fprintf(w, "\n%d %s%s:\n\n", l.inFlight, many(l), burst(l))
		fmt.Fprintln(w, "| server | version | CPU per call | lowest to highest | × bare | calls per second | p50 | p99 |")
		fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|")
		bare := samples[heat{"bare", l}]
		for _, r := range racers {
			sum := summarize(samples[heat{r.name, l}])
			fmt.Fprintf(w, "| %s | %s | %s | %s to %s | %s | %.0f | %s | %s |\n", r.name, r.version,
				micros(sum.cpu), micros(sum.least), micros(sum.most), ratio(samples[heat{r.name, l}], bare),
				sum.rate, micros(sum.p50), micros(sum.p99))
		}
	}
}

// kind says what is asked for.
func kind(l load) string {
	if l.what == httpList {
		return "lists of 50 tools"
	}
	return "calls of greet"
}

// many says what there are several of.
func many(l load) string {
	if l.what != "" {
		return "sessions over HTTP"
	}
	return "in flight"
}

func burst(l load) string {
	if l.burst {
		return ", requests in bursts"
	}
	return ""
}

// summary is what the table says of one server under one load.
type summary struct {
	cpu, least, most time.Duration // per call: median, lowest and highest of the rounds
	rate             float64       // calls per second
	p50, p99         time.Duration // within which half and 99 % of the calls were answered
}

func summarize(samples []sample) summary {
	var cpu, p50, p99 []time.Duration
	var rate []float64
	for _, s := range samples {
		cpu = append(cpu, s.cpuPerCall())
		rate = append(rate, s.callsPerSecond())
		trips := slices.Sorted(slices.Values(s.trips))
		p50 = append(p50, trips[len(trips)/2])
		p99 = append(p99, trips[len(trips)*99/100])
	}
	return summary{
		cpu: median(cpu), least: slices.Min(cpu), most: slices.Max(cpu),
		rate: median(rate), p50: median(p50), p99: median(p99),
	}
}

// median is the middle one of values, or the upper of the two in the middle.
func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func micros(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}

// ratio is the median over the rounds of what a server took in units of what bare took in the same
// round, which are close in time, or a dash when bare did not run.
func ratio(samples, bare []sample) string {
	var ratios []float64
	for i := range min(len(samples), len(bare)) {
		if b := bare[i].cpuPerCall(); b > 0 {
			ratios = append(ratios, float64(samples[i].cpuPerCall())/float64(b))
		}
	}
	if len(ratios) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

// processor names the processor where the operating system says so in a file, its architecture else.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
