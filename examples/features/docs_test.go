package features_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThePageOfFeatures: docs/features.md has 48 rows, links to every example here under its right file,
// and names nothing that does not exist.
func TestThePageOfFeatures(t *testing.T) {
	text, err := os.ReadFile("../../docs/features.md")
	require.NoError(t, err)
	page := string(text)
	require.Len(t, regexp.MustCompile(`(?m)^\| \d+ \|`).FindAllString(page, -1), 48)

	linked := map[string]string{} // file by example
	for _, m := range regexp.MustCompile(`\[(Example\w*)\]\(\.\./examples/features/(\w+\.go)\)`).FindAllStringSubmatch(page, -1) {
		require.NotContains(t, linked, m[1])
		linked[m[1]] = m[2]
	}
	there := map[string]string{}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, file := range files {
		for name := range declared(t, ".", func(f fs.FileInfo) bool { return f.Name() == file }) {
			if strings.HasPrefix(name, "Example") {
				there[name] = file
			}
		}
	}
	require.Equal(t, there, linked)

	for _, m := range regexp.MustCompile(`\]\(\.\./([^)]+)\)`).FindAllStringSubmatch(page, -1) {
		_, err := os.Stat(filepath.Join("../..", m[1]))
		require.NoError(t, err)
	}
}

// TestTheNamesOnThePage: what the page says of an API is in its package.
func TestTheNamesOnThePage(t *testing.T) {
	text, err := os.ReadFile("../../docs/features.md")
	require.NoError(t, err)
	names := map[string]map[string]bool{}
	for pkg, folder := range map[string]string{
		"mcp": "generated/mcp", "server": "server", "client": "client", "streamhttp": "runtime/streamhttp", "stdio": "runtime/stdio",
		"legacysse": "runtime/legacysse", "dial": "client/dial",
	} {
		names[pkg] = declared(t, filepath.Join("../..", folder), func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") })
	}
	found := regexp.MustCompile("`(mcp|server|client|streamhttp|stdio|legacysse|dial)\\.([A-Z][A-Za-z.]*)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(found), 48)
	for _, m := range found {
		require.True(t, names[m[1]][m[2]], "%s.%s", m[1], m[2])
	}
}

// TestTheNamesOnThePageOfTransports: what docs/transports.md uses of a transport is in its package, and what it links to is
// there.
func TestTheNamesOnThePageOfTransports(t *testing.T) {
	text, err := os.ReadFile("../../docs/transports.md")
	require.NoError(t, err)
	found := regexp.MustCompile(`\b(pipe|stdio|tcp|websocket|streamhttp|legacysse)\.([A-Z]\w*)`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(found), 20)
	for _, m := range found {
		names := declared(t, filepath.Join("../../runtime", m[1]), func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") })
		require.True(t, names[m[2]], "%s.%s", m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`\]\(\.\./([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		_, err := os.Stat(filepath.Join("../..", m[1]))
		require.NoError(t, err)
	}
}

// declared gives the functions, types, methods (as Type.Method) and constants of the files in a folder.
func declared(t *testing.T, folder string, files func(fs.FileInfo) bool) map[string]bool {
	names := map[string]bool{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		if !strings.HasSuffix(e.Name(), ".go") || !files(info) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, e.Name()), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names[s.Name.Name] = true
					case *ast.ValueSpec:
						names[s.Names[0].Name] = true
					}
				}
			}
		}
	}
	return names
}

// receiver is "Type." for a method, "" for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}
