// Command imports checks which way the imports of this module point.
//
//	go run ./tools/imports
//
// The table in table.go says which folder may import which. Every import of every Go file, whatever
// its build constraints, has to be in it. Besides, a program that needs a few packages only must not
// link what the others depend on. Whatever is wrong is printed, one line each, and the exit code is 1.
// The tests of this package run the same checks, so that `go test ./...` catches them too.
package main

import (
	"fmt"
	"os"
)

func main() {
	wrong, err := checkModule(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "imports:", err)
		os.Exit(1)
	}
	for _, line := range wrong {
		fmt.Println(line)
	}
	if len(wrong) > 0 {
		fmt.Fprintf(os.Stderr, "imports: %d not in the table of tools/imports/table.go\n", len(wrong))
		os.Exit(1)
	}
}

// checkModule runs all checks on the module whose root folder is dir.
func checkModule(dir string) ([]string, error) {
	files, err := readFiles(dir)
	if err != nil {
		return nil, err
	}
	wrong := checkArrows(table, files)
	graph, err := readGraph(dir, slim.roots)
	if err != nil {
		return nil, err
	}
	return append(wrong, checkLinked(slim, graph)...), nil
}
