//go:build unix

package server

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatIsNoFile: a pipe would wait for somebody who writes to it.
func TestWhatIsNoFile(t *testing.T) {
	dir := plant(t, map[string]string{"a": "1"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	link(t, "pipe", dir, "link")
	s := New("v", "1")
	tree := addTree(t, s, dir)
	p := connect(t, s, clientSide{})
	require.Equal(t, []string{"docs:///a"}, p.uris(t))
	require.Equal(t, "a", p.text(t, "docs:///"))
	p.notFound(t, "docs:///pipe")
	p.notFound(t, "docs:///link")

	// One that was put in place of a file meanwhile is opened without waiting.
	f, err := tree.root.OpenFile("pipe", openWithoutWaiting, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
