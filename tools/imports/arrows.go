package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// file is a Go file of the module.
type file struct {
	path    string // from the root of the module, with slashes
	imports []string
}

// readFiles parses the imports of every Go file of the module in dir. Like the go command it leaves
// out testdata, names that begin with a dot or an underscore, and modules inside the module.
func readFiles(dir string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		hidden := name != dir && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
		if entry.IsDir() {
			if hidden || base == "testdata" || name != dir && exists(filepath.Join(name, "go.mod")) {
				return filepath.SkipDir
			}
			return nil
		}
		if hidden || filepath.Ext(base) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(rel)}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: %w", rel, err)
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// checkArrows returns a line for each import of files that is not in the table.
func checkArrows(table []row, files []file) []string {
	var wrong []string
	for _, f := range files {
		folder := path.Dir(f.path)
		from, ok := rowOf(table, folder)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s: the table has no row for the folder %s", f.path, folder))
			continue
		}
		test := strings.HasSuffix(f.path, "_test.go")
		for _, imported := range f.imports {
			if complaint := checkArrow(table, from, imported, test); complaint != "" {
				wrong = append(wrong, f.path+": "+complaint)
			}
		}
	}
	return wrong
}

// checkArrow says what is wrong with a file of row from importing a package, "" if nothing is.
func checkArrow(table []row, from row, imported string, test bool) string {
	if folder, ours := strings.CutPrefix(imported, module+"/"); ours {
		to, ok := rowOf(table, folder)
		if !ok {
			return fmt.Sprintf("imports %s, for which the table has no row", folder)
		}
		may := from.may
		if test {
			may = slices.Concat(may, from.tests)
		}
		open := slices.Contains(may, public) && !slices.Contains(private, to.folder)
		if to.folder == from.folder || open || slices.Contains(may, to.folder) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s; it may import %s", subject(from, test), to.folder, list(may))
	}
	if test {
		return ""
	}
	if isStandard(imported) {
		allowed, isGuarded := guarded[imported]
		if !isGuarded || slices.Contains(allowed, from.folder) {
			return ""
		}
		return fmt.Sprintf("%s may not import %s; only %s may", from.folder, imported, list(allowed))
	}
	if slices.ContainsFunc(from.libraries, func(l string) bool { return l == anyLibrary || within(imported, l) }) {
		return ""
	}
	return fmt.Sprintf("%s may not import %s; of other modules it may import %s", from.folder, imported, list(from.libraries))
}

// rowOf is the row with the longest folder that contains the given one.
func rowOf(table []row, folder string) (best row, ok bool) {
	for _, r := range table {
		if within(folder, r.folder) && (!ok || len(r.folder) > len(best.folder)) {
			best, ok = r, true
		}
	}
	return best, ok
}

// within reports whether a path is root or below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// isStandard reports whether an import path is of the standard library: its first element has no dot.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func subject(r row, test bool) string {
	if test {
		return "a test of " + r.folder
	}
	return r.folder
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
