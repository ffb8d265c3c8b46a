package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// check is one check of a scenario, as the suite writes it.
type check struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Status       string `json:"status"`
	ErrorMessage string `json:"errorMessage"`
}

// result is what the suite wrote about a scenario.
type result struct {
	checks []check
	// stderr is what the client wrote to standard error, which is nothing unless it failed. The suite pays no attention.
	stderr string
}

// The statuses of checks. INFO, which is only a note, counts nowhere.
const (
	success = "SUCCESS"
	failure = "FAILURE"
	warning = "WARNING"
	skipped = "SKIPPED"
)

// report prints a line for each scenario of a leg, and more for those that did not pass, and gives the number of the
// latter.
func report(out io.Writer, leg leg, results string) (int, error) {
	found, err := read(results, leg.prefix)
	if err != nil {
		return 0, err
	}
	failed := 0
	for _, s := range leg.scenarios {
		problems, counts := judge(s, found[s.name].checks)
		if stderr := found[s.name].stderr; stderr != "" {
			problems = append(problems, "the client wrote: "+stderr)
		}
		delete(found, s.name)
		verdict := "ok"
		if len(problems) > 0 {
			verdict = "FAILED"
			failed++
		}
		fmt.Fprintf(out, "%-7s %-36s %-7s %s\n", leg.name, s.name, verdict, counts)
		for _, p := range problems {
			fmt.Fprintf(out, "        %s\n", strings.ReplaceAll(p, "\n", "\n        "))
		}
	}

	for _, name := range slices.Sorted(maps.Keys(found)) {
		failed++
		fmt.Fprintf(out, "%-7s %-36s %-7s not among the scenarios in tools/conformance/legs.go\n", leg.name, name, "FAILED")
	}
	return failed, nil
}

// judge tells what is wrong with a scenario's checks, and counts them.
func judge(s scenario, checks []check) (problems []string, counts string) {
	if checks == nil {
		return []string{"the suite wrote no checks.json for it"}, "no result"
	}
	n := map[string]int{}
	met := s.must == ""
	for _, c := range checks {
		n[c.Status]++
		switch c.Status {
		case failure, warning:
			problems = append(problems, fmt.Sprintf("%s %s: %s", strings.ToLower(c.Status), c.ID, cmp.Or(c.ErrorMessage, c.Description)))
		case success:
			met = met || c.ID == s.must
		}
	}
	switch {
	case n[success] == 0:
		problems = append(problems, "no check succeeded")
	case !met && len(problems) == 0:
		problems = append(problems, fmt.Sprintf("the check %s did not succeed", s.must))
	}
	counts = fmt.Sprintf("%d passed", n[success])
	for _, status := range []string{failure, warning, skipped} {
		if n[status] > 0 {
			counts += fmt.Sprintf(", %d %s", n[status], strings.ToLower(status))
		}
	}
	return problems, counts
}

// stamp is what the suite puts behind a scenario's name in the name of its folder.
var stamp = regexp.MustCompile(`-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$`)

// read gives the results of all scenarios that have some below a folder, by name.
func read(results, prefix string) (map[string]result, error) {
	found := map[string]result{}
	err := filepath.WalkDir(results, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != "checks.json" {
			return err
		}
		folder, err := filepath.Rel(results, filepath.Dir(path))
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(stamp.ReplaceAllString(filepath.ToSlash(folder), ""), prefix)
		if !ok {
			return fmt.Errorf("%s: the name of the folder does not start with %q", path, prefix)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checks := []check{}
		if err := json.Unmarshal(data, &checks); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		stderr, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stderr.txt"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, twice := found[name]; twice {
			return fmt.Errorf("%s: the scenario has results already", path)
		}
		found[name] = result{checks: checks, stderr: strings.TrimSpace(string(stderr))}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil // the suite did not get as far; every scenario says so
	}
	return found, err
}
