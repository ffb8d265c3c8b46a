package server

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// TestListsAreAlwaysOfNow: what was listed before never shows once the catalogue has changed, whichever way.
func TestListsAreAlwaysOfNow(t *testing.T) {
	inner := New("inner", "1")
	AddTool(inner, "deep", "", greet)
	s := New("outer", "1", PageSize(3))
	AddTool(s, "first", "", greet)
	p := connect(t, s, clientSide{})
	require.Equal(t, []string{"first"}, p.names(t))
	require.Equal(t, []string{"first"}, p.names(t), "as before")
	addNumbered(s, 0, 4)
	require.Equal(t, []string{"first", "t00", "t01", "t02", "t03"}, p.names(t))
	s.RemoveTools("t01")
	require.Equal(t, []string{"first", "t00", "t02", "t03"}, p.names(t))
	require.NoError(t, s.Mount("", inner))
	require.Equal(t, []string{"first", "t00", "t02", "t03", "deep"}, p.names(t))
	AddTool(inner, "deeper", "", greet)
	require.Equal(t, []string{"first", "t00", "t02", "t03", "deep", "deeper"}, p.names(t))
	inner.RemoveTools("deep")
	require.Equal(t, []string{"first", "t00", "t02", "t03", "deeper"}, p.names(t))
}

// TestAListedFileThatChanges: its size in the list is that of now.
func TestAListedFileThatChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.txt")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o600))
	s := New("v", "1")
	tree, err := AddFileTree(s, "file:///tree/", "tree", "", dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tree.Close()) })
	p := connect(t, s, clientSide{})
	size := func() int64 {
		list, err := p.ListResources(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, list.Resources, 1)
		return *list.Resources[0].Size
	}
	require.EqualValues(t, 3, size())
	require.NoError(t, os.WriteFile(file, []byte("three"), 0o600))
	tree.Refresh()
	require.EqualValues(t, 5, size())
}

// TestListsThatDependOnWhoAsks are made for each: by a filter of the server, and of one that is mounted.
func TestListsThatDependOnWhoAsks(t *testing.T) {
	mine := FilterCatalogue(func(ctx context.Context, item Item) bool {
		p, _ := rpc.PrincipalFrom(ctx)
		return item.Name != p.ID
	})
	filtered := New("filtered", "1", mine)
	addNumbered(filtered, 0, 2)
	outer := New("outer", "1")
	require.NoError(t, outer.Mount("", filtered))
	for _, s := range []*Server{filtered, outer} {
		for _, id := range []string{"t00", "t01", "t00"} {
			p := connect(t, s, clientSide{principal: id})
			require.Equal(t, slices.DeleteFunc([]string{"t00", "t01"}, func(name string) bool { return name == id }), p.names(t))
		}
	}
}

// TestInterceptorsSeeLists as what they are, and may change them.
func TestInterceptorsSeeLists(t *testing.T) {
	s := New("v", "1", Interceptors(func(next rpc.Handler) rpc.Handler {
		return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
			result, err := next(ctx, m)
			if list, ok := result.(*mcp.ListToolsResult); ok {
				changed := *list
				changed.Tools = list.Tools[:1]
				return &changed, err
			}
			return result, err
		}
	}))
	addNumbered(s, 0, 3)
	p := connect(t, s, clientSide{})
	require.Equal(t, []string{"t00"}, p.names(t))
	require.Equal(t, []string{"t00"}, p.names(t))
}
