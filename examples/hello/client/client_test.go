package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheClientShowsTheExchange runs the two programs as the README does.
func TestTheClientShowsTheExchange(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(os.PathSeparator), "..", ".")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	text, err = exec.Command(filepath.Join(dir, "client"), filepath.Join(dir, "hello")).CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Contains(t, string(text), "→ initialize {")
	require.Contains(t, string(text), `→ tools/call {"name":"greet","arguments":{"name":"Ada"}}`)
	require.Contains(t, string(text), `← {"content":[{"type":"text","text":"hello, Ada"}]}`)
	require.Contains(t, string(text), "greet says: hello, Ada\n")
}

func TestAServerThatCannotBeStarted(t *testing.T) {
	err := talk(t.Context(), []string{filepath.Join(t.TempDir(), "missing")})
	require.ErrorContains(t, err, "could not be started")
}
