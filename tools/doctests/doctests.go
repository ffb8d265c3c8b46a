// Package doctests finds the tests that documents name, so that a test can check that they exist.
package doctests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Name is a test that a document names: `TestX`, or `folder TestX` where only the one in that folder will do.
type Name struct{ Folder, Test string }

// in reads a name within back quotes. A subtest after a slash is not looked at.
var in = regexp.MustCompile("`(?:([a-z0-9_/]+)[ .])?((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)(?:/[^`]*)?`")

// Named gives the tests that a document names, each once, in order.
func Named(document string) []Name {
	var all []Name
	for _, m := range in.FindAllStringSubmatch(document, -1) {
		if n := (Name{m[1], m[2]}); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// Tests gives the folders that have each test of a tree.
func Tests(tree fs.FS) (map[string][]string, error) {
	found := map[string][]string{}
	err := fs.WalkDir(tree, ".", func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && file != "."):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = append(found[f.Name.Name], path.Dir(file))
			}
		}
		return nil
	})
	return found, err
}

// Missing gives those of names that are not among tests.
func Missing(names []Name, tests map[string][]string) []Name {
	return slices.DeleteFunc(slices.Clone(names), func(n Name) bool {
		folders := tests[n.Test]
		return len(folders) > 0 && (n.Folder == "" || slices.Contains(folders, n.Folder))
	})
}
