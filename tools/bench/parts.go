package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// part is a part of what can be measured. Each has a section of its own in the document.
type part struct {
	name, title string
	// run measures it and writes what it found as Markdown; plots are SVG files by their names.
	run func(ctx context.Context, s settings, racers []racer, out, progress io.Writer) (plots map[string][]byte, err error)
}

var parts = []part{
	{"table", "The table", runTable},
	{"growth", "Growth", runGrowth},
	{"registered", "Many tools and resources", runRegistered},
	{"clients", "Clients", runClients},
	{"soak", "15,000 sessions", runSoak},
}

func partNames() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// section is what a part gave.
type section struct {
	part  part
	text  string
	plots map[string][]byte
}

// runParts measures the parts that were asked for. What one gives is printed, and put in the document if there is one, when it
// is done.
func runParts(ctx context.Context, s settings, racers []racer, out, progress io.Writer) error {
	for _, p := range s.parts {
		var text bytes.Buffer
		fmt.Fprintf(&text, "Command: `%s`, %s.\n", s.command(), time.Now().UTC().Format(time.DateOnly))
		fmt.Fprintf(&text, "Machine: %s.\n", machine())
		fmt.Fprintf(&text, "Versions: %s.\n\n", versions(racers))
		plots, err := p.run(ctx, s, racers, &text, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(out, "## %s\n\n%s\n", p.title, text.String())
		if s.doc == "" {
			continue
		}
		if err := writeDoc(s.doc, section{p, text.String(), plots}); err != nil {
			return err
		}
	}
	return nil
}

// command is the command line that gives the same again.
func (s settings) command() string {
	words := []string{"go -C tools/bench run ."}
	for i, a := range s.args {
		if a == "-doc" || strings.HasPrefix(a, "-doc=") || i > 0 && s.args[i-1] == "-doc" {
			continue // says where it goes, not what is measured
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// plotFolder is where the plots go, beside the document.
const plotFolder = "plots"

// writeDoc puts a section between its marks in the document, whose other text stays as it is, and the plots beside it.
func writeDoc(file string, s section) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the document has to exist, with a mark for each part: %w", err)
	}
	if text, err = replace(text, s.part.name, s.text); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	folder := filepath.Join(filepath.Dir(file), plotFolder)
	for name, svg := range s.plots {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), svg, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(file, text, 0o644)
}

// replace puts text between the two marks of a name.
func replace(document []byte, name, text string) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- begin %s -->\n", name), fmt.Appendf(nil, "<!-- end %s -->", name)
	before, rest, found := bytes.Cut(document, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return nil, fmt.Errorf("it has no lines %q and %q", bytes.TrimSpace(begin), end)
	}
	return slices.Concat(before, begin, []byte(text), end, after), nil
}
