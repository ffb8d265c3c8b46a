package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const newerSchema = `{"$defs": {
	"AskRequest": {"type": "object", "required": ["id", "jsonrpc", "method", "params"], "properties": {"id": {"type": "string"}, "jsonrpc": {"const": "2.0"}, "method": {"const": "ask"}, "params": {"$ref": "#/$defs/AskParams"}}},
	"TellRequest": {"type": "object", "required": ["id", "jsonrpc", "method"], "properties": {"id": {"type": "string"}, "jsonrpc": {"const": "2.0"}, "method": {"const": "tell"}}},
	"AskParams": {"type": "object", "required": ["what"], "properties": {"what": {"$ref": "#/$defs/What"}, "how": {"type": "object", "properties": {"loud": {"type": "boolean"}, "slow": {"type": "boolean"}}}, "why": {"type": "string"}}},
	"What": {"anyOf": [{"$ref": "#/$defs/Word"}, {"$ref": "#/$defs/Picture"}]},
	"Word": {"type": "object", "properties": {"text": {"type": "string"}}},
	"Picture": {"type": "object", "properties": {"data": {"type": "string"}}}
}}`

const olderSchema = `{"definitions": {
	"AskRequest": {"type": "object", "required": ["method", "params"], "properties": {"method": {"const": "ask"}, "params": {"type": "object", "required": ["what"], "properties": {
		"what": {"anyOf": [{"$ref": "#/definitions/Text"}]}, "how": {"type": "object", "properties": {"loud": {"type": "boolean"}}}}}}},
	"Text": {"type": "object", "properties": {"text": {"type": "string"}}}
}}`

// TestSince: params that stood inline, definitions that were renamed, members of inline objects and
// branches of unions are followed from one schema to the other.
func TestSince(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		return path
	}
	write("spec/2025-01-01/schema.json", newerSchema)
	write("spec/overlay.yaml", "renames: [{name: Word, was: Text, why: renamed, revisions: [\"2025-01-01\"]}]\n")
	args := []string{"since", "-rev", "2025-01-01", "2024-01-01=" + write("old.json", olderSchema)}
	var out bytes.Buffer
	require.NoError(t, run(dir, args, &out))
	require.Equal(t, "spec/2025-01-01/since.yaml (new)\n", out.String())
	text, err := os.ReadFile(filepath.Join(dir, "spec/2025-01-01/since.yaml"))
	require.NoError(t, err)
	require.Equal(t, sinceHeader+`versions:
- "2024-01-01"
- "2025-01-01"
methods:
  tell: "2025-01-01"
definitions:
  Picture: "2025-01-01"
members:
  AskParams:
    how.slow: "2025-01-01"
    why: "2025-01-01"
branches:
  What:
    Picture: "2025-01-01"
`, string(text))

	out.Reset()
	require.NoError(t, run(dir, args, &out))
	require.Equal(t, "spec/2025-01-01/since.yaml (unchanged)\n", out.String())
	for _, wrong := range [][]string{{"since"}, {"since", "-rev", "2025-01-01"}, {"since", "-rev", "2025-01-01", "old.json"}, {"since", "-rev", "2025-01-01", "2026-01-01=old.json"}} {
		require.ErrorContains(t, run(dir, wrong, &out), "usage: go run ./gen since -rev")
	}
}

// TestSinceOfTheOfficialSchemas: the table in spec/ is what the official schemas say.
func TestSinceOfTheOfficialSchemas(t *testing.T) {
	const rev = "2025-11-25"
	shared := filepath.Join("..", "..", "shared", "spec")
	older := map[string]any{}
	for _, name := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		tree, err := treeOf(filepath.Join(shared, name, "schema.json"))
		if os.IsNotExist(err) {
			t.Skip("the older official schemas are not beside this checkout")
		}
		require.NoError(t, err)
		older[name] = tree
	}
	tree, err := treeOf(filepath.Join("..", "spec", rev, "schema.json"))
	require.NoError(t, err)
	ov, err := readOverlay("..")
	require.NoError(t, err)
	kept, err := readSince("..", rev)
	require.NoError(t, err)
	require.Equal(t, kept, compareSchemas(rev, tree, older, ov))
}
