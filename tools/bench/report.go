package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
)

// runTable races the works.
func runTable(ctx context.Context, s settings, racers []racer, out, progress io.Writer) (map[string][]byte, error) {
	got, err := race(ctx, s, racers, progress)
	if err == nil {
		report(out, s, racers, got)
	}
	return nil, err
}

// machine says what it was measured on.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// versions says which versions of the libraries are in the servers.
func versions(racers []racer) string {
	var all []string
	for _, r := range racers {
		if r.version != "" {
			all = append(all, r.name+" "+r.version)
		}
	}
	return strings.Join(all, ", ")
}

// report writes the table.
func report(w io.Writer, s settings, racers []racer, got results) {
	fmt.Fprintf(w, "A cell is the median over %d rounds of the ratio to bare in the same round, and the median itself.\n\n", s.rounds)

	fmt.Fprint(w, "| work | figure |")
	for _, r := range racers {
		fmt.Fprintf(w, " %s |", r.name)
	}
	fmt.Fprint(w, " goal |\n|---|---|")
	fmt.Fprintln(w, strings.Repeat("--:|", len(racers)+1))
	for _, work := range s.works {
		for _, g := range work.goals {
			fmt.Fprintf(w, "| %s | %s |", work.title, g.unit)
			for _, r := range racers {
				fmt.Fprintf(w, " %s |", got.cell(r, work.name, g.unit))
			}
			fmt.Fprintf(w, " %s |\n", g)
		}
	}
	for _, r := range racers {
		for _, work := range s.works {
			if err := got.failed[heat{r.name, work.name}]; err != nil {
				first, _, _ := strings.Cut(err.Error(), "\n")
				fmt.Fprintf(w, "\n%s fails at %s: `%s`\n", r.name, work.name, first)
			}
		}
	}
}

// String is what Tenon has to reach.
func (g goal) String() string {
	switch {
	case g.most > 0:
		return fmt.Sprintf("≤ %g×", g.most)
	case g.least > 0:
		return fmt.Sprintf("≥ %.2f×", g.least)
	case g.unit == memory:
		return "≤ 8 KB"
	}
	return "–"
}

// cell is what the table says of one server at one work.
func (got results) cell(r racer, work string, u unit) string {
	samples, bare := got.samples[heat{r.name, work}], got.samples[heat{"bare", work}]
	switch {
	case got.failed[heat{r.name, work}] != nil:
		return "fails"
	case len(samples) == 0:
		return "–"
	case r.blind || len(bare) == 0:
		return u.show(middle(samples, u))
	}
	return fmt.Sprintf("%.2f× (%s)", ratio(samples, bare, u), u.show(middle(samples, u)))
}

// middle is the median of a figure.
func middle(samples []sample, u unit) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, s.value(u))
	}
	return median(values)
}

// ratio is the median over the rounds of a figure in units of what bare had in the same round, which are close in time.
func ratio(samples, bare []sample, u unit) float64 {
	var ratios []float64
	for i := range min(len(samples), len(bare)) {
		if b := bare[i].value(u); b > 0 {
			ratios = append(ratios, samples[i].value(u)/b)
		}
	}
	if len(ratios) == 0 {
		return 0
	}
	return median(ratios)
}

// median is the middle one of values, or the upper of the two in the middle.
func median[T cmp.Ordered](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
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
