package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The generator is not a printer of one schema: from a later revision's official file, which it has
// never seen, it makes a package that compiles, vets clean and passes the tests generated with it.
func TestOfficialSchemaOf2026(t *testing.T) {
	const rev, shared = "2026-07-28", "../../shared/spec/2026-07-28/schema.json"
	official, err := os.ReadFile(shared)
	if os.IsNotExist(err) {
		t.Skip("the official schema is not on this machine: " + shared)
	}
	require.NoError(t, err)
	dir := t.TempDir()
	spec := fileSet{"spec/" + rev + "/schema.json": official}
	for _, name := range []string{"overlay.yaml", "docs.yaml"} {
		spec["spec/"+name], err = os.ReadFile(filepath.Join("testdata", rev, name))
		require.NoError(t, err)
	}
	_, err = spec.write(dir)
	require.NoError(t, err)

	p, err := readProtocol(dir)
	require.NoError(t, err)
	require.Len(t, p.Covered, 155)
	for _, c := range p.Covered {
		require.NotEmpty(t, c.Became, c.Def)
	}
	requests, notifications := 0, 0
	for _, m := range p.Methods {
		if m.Notification {
			notifications++
		} else {
			requests++
		}
	}
	require.Equal(t, 10, requests)
	require.Equal(t, 8, notifications)

	files, err := emit(p, "official/mcp")
	require.NoError(t, err)
	module := newModule(t)
	_, err = files.write(module)
	require.NoError(t, err)
	runGo(t, module, "vet", "./...")
	runGo(t, module, "test", "./...", "-rapid.checks=5")
}
