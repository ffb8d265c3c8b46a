package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// JSON-RPC 2.0's own words, which package rpc and the method table use too.
var jsonRPCWords = []string{"Error", "Notification", "Request"}

// What a protocol is named must come from its schema and overlay: the generator's own sources hold no
// definition's or method's name.
func TestSourcesNameNothingOfASchema(t *testing.T) {
	taken := map[string]string{}
	schemas, err := filepath.Glob("../spec/*/schema.json")
	require.NoError(t, err)
	require.NotEmpty(t, schemas)
	shared, err := filepath.Glob("../../shared/spec/*/schema.json")
	require.NoError(t, err)
	for _, path := range append(schemas, shared...) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		tree, err := parseTree(data)
		require.NoError(t, err)
		for _, section := range []string{"$defs", "definitions"} {
			defs, _ := tree.(map[string]any)[section].(map[string]any)
			for name, def := range defs {
				taken[name] = path
				members, _ := def.(map[string]any)["properties"].(map[string]any)
				method, _ := members["method"].(map[string]any)
				if name, ok := method["const"].(string); ok {
					taken[name] = path
				}
			}
		}
	}
	require.GreaterOrEqual(t, len(taken), 145+31)
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	literals := 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, source, nil, 0)
		require.NoError(t, err)
		ast.Inspect(tree, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				field.Tag = nil // the keys of YAML and JSON files
			}
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			literals++
			text, err := strconv.Unquote(literal.Value)
			require.NoError(t, err)
			if path := taken[text]; path != "" && !slices.Contains(jsonRPCWords, text) {
				t.Errorf("%s: %q is a name of %s", files.Position(literal.Pos()), text, path)
			}
			return true
		})
	}
	require.Greater(t, literals, 1000)
}
