package server

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// fileURI gives the URI of a path.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' {
		path = "/" + path
	}
	return "file://" + path
}

func TestRoots(t *testing.T) {
	changed := make(chan RootList, 1)
	a := &answering{roots: []mcp.Root{{URI: "file:///a", Name: "A"}}}
	s := New("v", "1", OnRootsChanged(func(ctx context.Context) {
		list, err := Roots(ctx, "changed")
		require.NoError(t, err)
		changed <- list
	}))
	AddTool(s, "t", "", func(ctx context.Context, _ struct{}) (string, error) {
		list, err := Roots(ctx, "roots")
		require.NoError(t, err)
		return list[0].URI, nil
	})
	p := connect(t, s, clientSide{handler: a, capabilities: everything})
	require.Equal(t, "file:///a", said(t, p.call(t, "t", "")))
	require.NoError(t, p.RootsListChanged(t.Context(), nil))
	require.Equal(t, RootList(a.roots), <-changed)
}

func TestPathsAreCheckedAgainstRoots(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("makes symbolic links, which need a privilege on Windows")
	}
	base, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	inside, outside := filepath.Join(base, "in side"), filepath.Join(base, "outside")
	require.NoError(t, os.MkdirAll(filepath.Join(inside, "sub"), 0o700))
	require.NoError(t, os.MkdirAll(outside, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(inside, "sub", "f"), nil, 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(inside, "out")))
	require.NoError(t, os.Symlink(filepath.Join(inside, "sub"), filepath.Join(inside, "ok")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "later"), filepath.Join(inside, "dangling")))
	require.NoError(t, os.Symlink(inside, filepath.Join(base, "alias")))
	roots := RootList{{URI: "https://example.com"}, {URI: "file:///does/not/exist"}, {URI: fileURI(filepath.Join(base, "alias"))}}

	for path, want := range map[string]string{
		inside:                                                     "",
		filepath.Join(inside, "sub/f"):                             "sub/f",
		filepath.Join(inside, "new/a/b"):                           "new/a/b",
		filepath.Join(inside, "ok/f"):                              "sub/f",
		filepath.Join(base, "alias", "sub"):                        "sub",
		fileURI(base) + "/in%20side/sub/f":                         "sub/f",
		"file://localhost" + filepath.ToSlash(base) + "/in%20side": "",
		inside + "/sub/../sub/f":                                   "sub/f",
	} {
		got, err := roots.Resolve(path)
		require.NoError(t, err, path)
		require.Equal(t, filepath.Join(inside, want), got, path)
	}
	for _, path := range []string{
		outside, base, inside + "/..", inside + "/../outside", filepath.Join(inside, "out"), filepath.Join(inside, "out/new"),
		filepath.Join(inside, "dangling"), filepath.Join(inside, "dangling/x"), inside + "2", "/", "relative",
		fileURI(inside) + "/%2e%2e/outside",
	} {
		_, err := roots.Resolve(path)
		require.ErrorIs(t, err, fs.ErrPermission, path)
	}
	for _, path := range []string{"file://other/a", "file:a", inside + "\x00", fileURI(inside) + "/%00"} {
		_, err := roots.Resolve(path)
		require.Error(t, err, path)
	}
}
