package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// graph is what programs link: for each root, and for each package one of them needs, what it imports.
type graph struct {
	roots   []string // import paths
	imports map[string][]string
}

// readGraph asks the go command what the packages in the folders need, tests aside. Folders that do
// not exist are left out.
func readGraph(dir string, folders []string) (graph, error) {
	g := graph{imports: map[string][]string{}}
	for _, folder := range folders {
		source, err := filepath.Glob(filepath.Join(dir, folder, "*.go"))
		if err != nil {
			return g, err
		}
		if len(source) > 0 {
			g.roots = append(g.roots, module+"/"+folder)
		}
	}
	if len(g.roots) == 0 {
		return g, fmt.Errorf("none of %s exists in %s", list(folders), dir)
	}
	cmd := exec.Command("go", append([]string{"list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`}, g.roots...)...)
	cmd.Dir = dir
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return g, fmt.Errorf("go list: %w\n%s", err, complaints.String())
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		g.imports[fields[0]] = fields[1:]
	}
	return g, nil
}

// checkLinked returns a line for each package that a root links against the rule, with the way from
// the root to it.
func checkLinked(rule linkRule, g graph) []string {
	var wrong []string
	came := map[string]string{} // from which importer a package was reached first
	queue := slices.Clone(g.roots)
	for _, root := range g.roots {
		came[root] = ""
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if slices.ContainsFunc(rule.never, func(never string) bool { return within(at, never) }) {
			way := at
			for from := came[at]; from != ""; from = came[from] {
				way = from + " → " + way
			}
			wrong = append(wrong, "linked, but must not be: "+way)
			continue // what it needs in turn is its fault
		}
		for _, next := range g.imports[at] {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return wrong
}
