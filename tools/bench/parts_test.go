package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDocumentKeepsItsText(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "performance.md")
	require.NoError(t, os.WriteFile(file, []byte("before\n<!-- begin table -->\nold\n<!-- end table -->\nafter\n"), 0o644))
	table := section{part: parts[0], text: "new\n", plots: map[string][]byte{"a.svg": []byte("<svg/>")}}
	for range 2 { // again changes nothing
		require.NoError(t, writeDoc(file, table))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "before\n<!-- begin table -->\nnew\n<!-- end table -->\nafter\n", string(text))
		plot, err := os.ReadFile(filepath.Join(folder, "plots", "a.svg"))
		require.NoError(t, err)
		require.Equal(t, "<svg/>", string(plot))
	}
	require.ErrorContains(t, writeDoc(file, section{part: parts[1]}), `it has no lines "<!-- begin growth -->" and "<!-- end growth -->"`)
	require.ErrorContains(t, writeDoc(file+"x", table), "the document has to exist")
}

// TestDocumentHasEveryPart: what is measured has a place in docs/performance.md, and every plot that it shows is there.
func TestDocumentHasEveryPart(t *testing.T) {
	text, err := os.ReadFile("../../docs/performance.md")
	require.NoError(t, err)
	for _, p := range parts {
		_, err := replace(text, p.name, "")
		require.NoError(t, err, p.name)
	}
	for _, c := range curves() {
		if strings.Contains(string(text), c.chart.file()) {
			require.FileExists(t, filepath.Join("../../docs", plotFolder, c.chart.file()))
		}
	}
}

func TestChart(t *testing.T) {
	c := chart{
		name: "c", title: "Much", grows: "sessions", tick: thousands, figure: "seconds", show: func(v float64) string { return fmt.Sprint(v, " s") },
		xs: []int{1, 10, 100, 1000}, from: 10,
		lines: []line{{"bare", []float64{3, 1, 1, 1}}, {"tenon", []float64{0, 2, 20, 200}}, {"gosdk", []float64{0, 0, 0, 0}}},
	}
	for i, want := range []float64{0, 1} {
		got, ok := c.slope(c.lines[i])
		require.True(t, ok)
		require.InDelta(t, want, got, 1e-9)
	}
	_, ok := c.slope(c.lines[2])
	require.False(t, ok)
	var b bytes.Buffer
	c.write(&b)
	require.Equal(t, `### Much

![Much](plots/c.svg)

| sessions | bare | tenon | gosdk |
|--:|--:|--:|--:|
| 1 | 3 s | – | – |
| 10 | 1 s | 2 s (2.00×) | – |
| 100 | 1 s | 20 s (20.00×) | – |
| 1,000 | 1 s | 200 s (200.00×) | – |
| slope from 10 | 0.00 | 1.00 | – |

`, b.String())
	svg, err := c.svg()
	require.NoError(t, err)
	for _, want := range []string{"<svg", "tenon, slope 1.00", "1,000", "sessions"} {
		require.Contains(t, string(svg), want)
	}
	again, err := c.svg()
	require.NoError(t, err)
	require.Equal(t, svg, again)
	c.lines = c.lines[2:]
	_, err = c.svg()
	require.ErrorContains(t, err, "nothing to plot")
}

// TestCallSessions: every session makes its calls, whether there are fewer of them than callers or more.
func TestCallSessions(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the processor time of another process is read from /proc, which only Linux has")
	}
	for _, sessions := range []int{1, 3, callers, 20} {
		t.Setenv(behaviour, "http right")
		s, err := callSessions(t.Context(), self(), &work{req: greet{}, flight: sessions, calls: 60}, time.Minute)
		require.NoError(t, err)
		require.Equal(t, 60, s.calls)
		require.Positive(t, s.wall)
		t.Setenv(behaviour, "http mixes up")
		_, err = callSessions(t.Context(), self(), &work{req: greet{}, flight: sessions, calls: 60}, time.Minute)
		require.ErrorContains(t, err, "want the id 1000019")
	}
}

func TestCommandLeavesOutTheDocument(t *testing.T) {
	require.Equal(t, "go -C tools/bench run . -rounds 9 -growth", settings{args: []string{"-rounds", "9", "-doc", "x.md", "-growth"}}.command())
}
