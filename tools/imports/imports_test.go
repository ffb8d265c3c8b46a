package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThisModule(t *testing.T) {
	wrong, err := checkModule("../..")
	require.NoError(t, err)
	for _, line := range wrong {
		t.Error(line)
	}
}

// may lists what the table lets a folder import, and its tests besides.
func may(folder string, tests ...string) string {
	r, _ := rowOf(table, folder)
	return list(slices.Concat(r.may, tests))
}

func TestArrows(t *testing.T) {
	const lib = "github.com/coder/websocket"
	for _, c := range []struct {
		name, path, imported, wrong string
	}{
		{"standard library", "runtime/rpc/a.go", "net/http", ""},
		{"in the table", "runtime/rpc/a.go", module + "/runtime/wire", ""},
		{"against the direction", "runtime/wire/a.go", module + "/runtime/rpc",
			"runtime/wire/a.go: runtime/wire may not import runtime/rpc; it may import nothing"},
		{"transport and generated", "runtime/stdio/a.go", module + "/generated/mcp",
			"runtime/stdio/a.go: runtime/stdio may not import generated; it may import " + may("runtime/stdio")},
		{"transport and its test of generated", "runtime/stdio/a_test.go", module + "/generated/mcp",
			"runtime/stdio/a_test.go: a test of runtime/stdio may not import generated; it may import " + may("runtime/stdio", transportTests...)},
		{"one transport and another", "runtime/tcp/a.go", module + "/runtime/stdio",
			"runtime/tcp/a.go: runtime/tcp may not import runtime/stdio; it may import " + may("runtime/tcp")},
		{"only in tests", "runtime/rpc/a_test.go", module + "/runtime/pipe", ""},
		{"only in tests, elsewhere", "runtime/rpc/a.go", module + "/runtime/pipe",
			"runtime/rpc/a.go: runtime/rpc may not import runtime/pipe; it may import " + may("runtime/rpc")},
		{"server and client", "server/a.go", module + "/client",
			"server/a.go: server may not import client; it may import " + may("server")},
		{"client and server", "client/a.go", module + "/server",
			"client/a.go: client may not import server; it may import " + may("client")},
		{"the longest folder counts", "server/servertest/a.go", module + "/client", ""},
		{"packages of one row", "generated/mcp/a.go", module + "/generated/internal/x", ""},
		{"an example and what is public", "examples/hello/a.go", module + "/runtime/stdio", ""},
		{"an example and the generator", "examples/hello/a.go", module + "/gen",
			"examples/hello/a.go: examples may not import gen; it may import *"},
		{"no row to go to", "tools/x/a.go", module + "/utils", "tools/x/a.go: imports utils, for which the table has no row"},
		{"no row to come from", "utils/a.go", "fmt", "utils/a.go: the table has no row for the folder utils"},
		{"a folder whose name only begins alike", "serverless/a.go", "fmt",
			"serverless/a.go: the table has no row for the folder serverless"},
		{"a library in the table", "runtime/websocket/a.go", lib + "/wsjson", ""},
		{"a library not in the table", "runtime/rpc/a.go", lib,
			"runtime/rpc/a.go: runtime/rpc may not import " + lib + "; of other modules it may import nothing"},
		{"a library in a test", "runtime/rpc/a_test.go", "github.com/stretchr/testify/require", ""},
		{"a second JSON library", "server/a.go", "encoding/json",
			"server/a.go: server may not import encoding/json; only gen, tools, examples may"},
		{"a second JSON library in a test", "server/a_test.go", "encoding/json", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			if c.wrong != "" {
				want = []string{c.wrong}
			}
			require.Equal(t, want, checkArrows(table, []file{{path: c.path, imports: []string{c.imported}}}))
		})
	}
}

func TestTableIsSound(t *testing.T) {
	var folders []string
	for _, r := range table {
		require.NotContains(t, folders, r.folder, "two rows for one folder")
		folders = append(folders, r.folder)
	}
	for _, r := range table {
		for _, to := range slices.Concat(r.may, r.tests) {
			if to != public {
				require.Contains(t, folders, to, "%s may import a folder without a row", r.folder)
			}
			require.NotContains(t, private, to, "%s may import what nothing imports", r.folder)
		}
	}
}

func TestLinked(t *testing.T) {
	rule := linkRule{never: []string{"example.com/heavy"}}
	g := graph{roots: []string{"a", "b"}, imports: map[string][]string{
		"a":                       {"fmt", "c"},
		"b":                       {"example.com/heavyweight"},
		"c":                       {"a/d", "example.com/heavy/part"},
		"example.com/heavy/part":  {"example.com/heavy/other"},
		"example.com/heavyweight": {"fmt"},
	}}
	require.Equal(t, []string{"linked, but must not be: a → c → example.com/heavy/part"}, checkLinked(rule, g))
	rule.never = []string{"example.com/nobody"}
	require.Empty(t, checkLinked(rule, g))
}

func TestReadFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a/a.go":            "package a\n\nimport \"fmt\"\n\nvar _ = fmt.Sprint()\n",
		"a/a_windows.go":    "package a\n\nimport _ \"golang.org/x/sys/windows\"\n",
		"a/testdata/bad.go": "not Go",
		"_b/bad.go":         "not Go",
		".c/bad.go":         "not Go",
		"d/go.mod":          "module d\n",
		"d/bad.go":          "not Go",
		"a/readme.md":       "not Go",
	} {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	files, err := readFiles(dir)
	require.NoError(t, err)
	require.Equal(t, []file{
		{path: "a/a.go", imports: []string{"fmt"}},
		{path: "a/a_windows.go", imports: []string{"golang.org/x/sys/windows"}},
	}, files)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "a.go"), []byte("not Go"), 0o644))
	_, err = readFiles(dir)
	require.ErrorContains(t, err, "a.go")
}
