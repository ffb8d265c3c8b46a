package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// plant makes files below a new folder, and gives it. A path that ends in a slash is a folder.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		write(t, dir, path, content)
	}
	return dir
}

func write(t *testing.T, dir, path, content string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(path))
	if strings.HasSuffix(path, "/") {
		require.NoError(t, os.MkdirAll(full, 0o755))
		return
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
	require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
}

func link(t *testing.T, target, dir, path string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(path))); err != nil {
		t.Skip("links cannot be made here: ", err)
	}
}

func addTree(t *testing.T, s *Server, dir string, opts ...TreeOption) *FileTree {
	t.Helper()
	tree, err := AddFileTree(s, "docs:///", "docs", "The manual.", dir, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tree.Close()) })
	return tree
}

func TestTheFilesOfATree(t *testing.T) {
	dir := plant(t, map[string]string{
		"README.md": "# Read me", "guide/intro.txt": "héllo", "guide/a b%c?.go": "package x", "guide/deep/er/f": "deep",
		"logo.png": "\x89PNG\x00", "blob": "\x00", "empty": "", ".env": "SECRET", ".git/config": "SECRET", "guide/.hidden/x": "SECRET", "void/": "",
	})
	changed := time.Date(2025, 1, 12, 15, 0, 58, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "README.md"), changed, changed))
	s := New("v", "1")
	tree := addTree(t, s, dir, Title("Manual"), Icons(mcp.Icon{Src: "https://example.com/i.png"}), Meta(wire.Object{{Name: "a", Value: wire.MustRaw("1")}}))
	p := connect(t, s, clientSide{})
	require.False(t, p.opened.Capabilities.Resources.Subscribe)

	require.Equal(t, []string{
		"docs:///README.md", "docs:///blob", "docs:///empty", "docs:///guide/a%20b%25c%3F.go", "docs:///guide/deep/er/f", "docs:///guide/intro.txt", "docs:///logo.png",
	}, p.uris(t))
	list := p.resources(t)
	require.JSONEq(t, `{"uri": "docs:///README.md", "name": "README.md", "mimeType": "text/markdown", "size": 9, "annotations": {"lastModified": "2025-01-12T15:00:58Z"}}`, string(list[0].AppendJSON(nil)))
	templates, err := p.ListResourceTemplates(t.Context(), nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"uriTemplate": "docs:///{+path}", "name": "docs", "title": "Manual", "description": "The manual.", "icons": [{"src": "https://example.com/i.png"}], "_meta": {"a": 1}}`,
		string(templates.ResourceTemplates[0].AppendJSON(nil)))

	for uri, want := range map[string]string{
		"docs:///README.md":             `{"uri":"docs:///README.md","text":"# Read me","mimeType":"text/markdown"}`,
		"docs:///guide/intro.txt":       `{"uri":"docs:///guide/intro.txt","text":"héllo","mimeType":"text/plain"}`,
		"docs:///%67uide/intro.txt":     `{"uri":"docs:///%67uide/intro.txt","text":"héllo","mimeType":"text/plain"}`,
		"docs:///guide/a%20b%25c%3F.go": `{"uri":"docs:///guide/a%20b%25c%3F.go","text":"package x","mimeType":"text/x-go"}`,
		"docs:///guide/deep/er/f":       `{"uri":"docs:///guide/deep/er/f","text":"deep","mimeType":"text/plain"}`,
		"docs:///logo.png":              `{"uri":"docs:///logo.png","blob":"iVBORwA=","mimeType":"image/png"}`,
		"docs:///blob":                  `{"uri":"docs:///blob","blob":"AA==","mimeType":"application/octet-stream"}`,
		"docs:///empty":                 `{"uri":"docs:///empty","text":"","mimeType":"text/plain"}`,
		"docs:///":                      `{"uri":"docs:///","text":"README.md\nblob\nempty\nguide/\nlogo.png\nvoid/","mimeType":"inode/directory"}`,
		"docs:///guide":                 `{"uri":"docs:///guide","text":"a b%c?.go\ndeep/\nintro.txt","mimeType":"inode/directory"}`,
		"docs:///guide/":                `{"uri":"docs:///guide/","text":"a b%c?.go\ndeep/\nintro.txt","mimeType":"inode/directory"}`,
		"docs:///void":                  `{"uri":"docs:///void","text":"","mimeType":"inode/directory"}`,
	} {
		contents := p.read(t, uri)
		require.Len(t, contents, 1)
		require.JSONEq(t, want, string(contents[0].AppendJSON(nil)), uri)
	}

	completed := func(typed string) []string {
		completion, err := p.complete(t.Context(), "docs:///{+path}", "path", typed, nil)
		require.NoError(t, err)
		return completion.Values
	}
	require.Equal(t, []string{"README.md", "blob", "empty", "guide/", "logo.png", "void/"}, completed(""))
	require.Equal(t, []string{"guide/"}, completed("gu"))
	require.Equal(t, []string{"guide/deep/", "guide/intro.txt", "guide/a b%c?.go"}[:1], completed("guide/d"))
	for _, typed := range []string{".", "..", "../", "/", "//etc/", "guide/../", "README.md/", ".git/", "guide/.hidden/", "x\x00/"} {
		require.Empty(t, completed(typed), "%q", typed)
	}

	require.NoError(t, tree.Close())
	require.NoError(t, tree.Close())
	require.Empty(t, p.uris(t))
	p.notFound(t, "docs:///README.md")
	tree.Refresh()
	require.Empty(t, p.uris(t))
}

// TestNothingOutsideOfATreeCanBeRead: by no spelling, and through no link.
func TestNothingOutsideOfATreeCanBeRead(t *testing.T) {
	dir := plant(t, map[string]string{"secret": "SECRET", "tree/inside": "inside", "tree/sub/file": "file", "tree/.hidden": "SECRET"})
	inTree := filepath.Join(dir, "tree")
	link(t, filepath.Join(dir, "secret"), inTree, "absolute")
	link(t, "../secret", inTree, "relative")
	link(t, "..", inTree, "up")
	link(t, "/", inTree, "slash")
	link(t, "sub/../../secret", inTree, "winding")
	link(t, "loop", inTree, "loop")
	link(t, "nowhere", inTree, "nowhere")
	link(t, "inside", inTree, "good")
	link(t, "../inside", inTree, "sub/good")
	s := New("v", "1")
	addTree(t, s, inTree)
	p := connect(t, s, clientSide{})
	require.Equal(t, []string{"docs:///good", "docs:///inside", "docs:///sub/file", "docs:///sub/good"}, p.uris(t))
	require.Equal(t, "inside", p.text(t, "docs:///good"))
	require.Equal(t, "inside", p.text(t, "docs:///sub/good"))
	require.Equal(t, "good\ninside\nsub/", p.text(t, "docs:///"))

	secret := filepath.ToSlash(filepath.Join(dir, "secret"))
	for _, path := range []string{
		"../secret", "..", ".", "./inside", "sub/../inside", "sub/../../secret", "sub/..", "sub/.", "%2e%2e/secret", "%2E%2E%2Fsecret", "..%2Fsecret", "..%2fsecret",
		"sub%2Ffile", "%2Finside", "sub%5Cfile", "..%5Csecret", "%2e%2e%5csecret", "/inside", "//inside", "sub//file", "sub/file//", secret, "/" + secret,
		strings.ReplaceAll(secret, "/", "%2F"), "inside%00", "inside%00.txt", "%00", "sub%00/file", "..%00/secret", "inside%0A", "inside?x", "inside#x", "inside?", "inside#",
		"absolute", "relative", "up", "up/secret", "up/tree/inside", "slash", "slash" + secret, "winding", "loop", "loop/x", "nowhere", "inside/x", "inside/..",
		".hidden", "%2Ehidden", "sub/../.hidden", "%25%32%65%25%32%65/secret", "%c0%ae%c0%ae/secret", "%ff", "..;/secret", ".../secret", "..%20/secret", "INSIDE\u2215x", "C:/", "c%3A%5C", "CON",
		strings.Repeat("a/", 1000) + "x", strings.Repeat("a", 5000),
	} {
		if path == "CON" && os.PathSeparator == '/' {
			continue
		}
		p.notFound(t, "docs:///"+path)
	}
	p.notFound(t, "docs://")
	p.notFound(t, "docs:////inside")
}

// TestLinksThatAreSwappedWhileTheyAreRead: whatever is moved, only what is inside is ever read.
func TestLinksThatAreSwappedWhileTheyAreRead(t *testing.T) {
	dir := plant(t, map[string]string{"outside/file": "SECRET", "tree/good/file": "inside", "tree/spare/file": "inside"})
	inTree := filepath.Join(dir, "tree")
	link(t, "good", inTree, "way")
	link(t, filepath.Join(dir, "outside"), inTree, "bad")
	s := New("v", "1")
	addTree(t, s, inTree)
	p := connect(t, s, clientSide{})
	var stop atomic.Bool
	var swapping sync.WaitGroup
	swapping.Add(2)
	go func() { // a link to a folder, one inside and one outside in turn
		defer swapping.Done()
		for i := 0; !stop.Load(); i++ {
			target := []string{"good", "../outside", filepath.Join(dir, "outside")}[i%3]
			_ = os.Symlink(target, filepath.Join(inTree, "new"))
			_ = os.Rename(filepath.Join(inTree, "new"), filepath.Join(inTree, "way"))
		}
	}()
	go func() { // a folder that becomes a link outside and back
		defer swapping.Done()
		for !stop.Load() {
			_ = os.Rename(filepath.Join(inTree, "spare"), filepath.Join(inTree, "away"))
			_ = os.Rename(filepath.Join(inTree, "bad"), filepath.Join(inTree, "spare"))
			_ = os.Rename(filepath.Join(inTree, "spare"), filepath.Join(inTree, "bad"))
			_ = os.Rename(filepath.Join(inTree, "away"), filepath.Join(inTree, "spare"))
		}
	}()
	got := map[string]int{}
	for i := range 4000 {
		uri := []string{"docs:///way/file", "docs:///spare/file", "docs:///way", "docs:///bad/file"}[i%4]
		result, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
		if err != nil {
			requireNotFound(t, err, uri)
			got["nothing"]++
			continue
		}
		got[result.Contents[0].(*mcp.TextResourceContents).Text]++
	}
	stop.Store(true)
	swapping.Wait()
	t.Log(got)
	require.NotContains(t, got, "SECRET")
	require.NotZero(t, got["inside"])
	require.Subset(t, []string{"nothing", "inside", "file"}, keys(got))
}

func keys(m map[string]int) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestTheLimitsOfATree(t *testing.T) {
	dir := plant(t, map[string]string{"small": "1234", "large": "12345"})
	for i := range 20 {
		write(t, dir, fmt.Sprintf("many/%02d", i), "")
	}
	var log strings.Builder
	s := New("v", "1", Logger(slog.New(slog.NewTextHandler(&log, nil))))
	addTree(t, s, dir, LimitTree(TreeLimits{FileSize: 4, Listed: 5, Folder: 10}), TreeFilter(func(path string) bool { return path != "many/13" }))
	p := connect(t, s, clientSide{})
	require.Len(t, p.uris(t), 5)
	require.Equal(t, 1, strings.Count(log.String(), "not all files of a tree are listed"))
	require.Equal(t, "1234", p.text(t, "docs:///small"))
	_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "docs:///large"})
	require.EqualError(t, err, "the file is too large to be read: expected at most 4 bytes (code -32012)")
	require.Equal(t, rpc.CodeTooLarge, rpc.CodeOf(err))
	require.Empty(t, p.text(t, "docs:///many/19"), "what is not listed can be read")
	p.notFound(t, "docs:///many/13")
	names := strings.Split(p.text(t, "docs:///many"), "\n")
	require.Equal(t, "(only the first 10 names were looked at)", names[len(names)-1])
	require.Equal(t, "large\nmany/\nsmall", p.text(t, "docs:///"))

	t.Run("visiting few", func(t *testing.T) {
		s := New("v", "1", Logger(slog.New(slog.DiscardHandler)))
		addTree(t, s, dir, LimitTree(TreeLimits{Visited: 3}))
		require.Equal(t, []string{"docs:///large"}, connect(t, s, clientSide{}).uris(t))
	})
	t.Run("listing nothing", func(t *testing.T) {
		s := New("v", "1")
		addTree(t, s, dir, TreeUnlisted(), LimitTree(TreeLimits{FileSize: -1, Folder: -1}), TreeFilter(func(path string) bool { return !strings.HasPrefix(path, "many/") }))
		p := connect(t, s, clientSide{})
		require.Empty(t, p.uris(t))
		require.Equal(t, "12345", p.text(t, "docs:///large"))
		p.notFound(t, "docs:///many")
		p.notFound(t, "docs:///many/01")
	})
}

func TestAFolderThatCannotBeATree(t *testing.T) {
	s := New("v", "1")
	dir := plant(t, map[string]string{"file": ""})
	for uri, want := range map[string]string{
		"docs:///x":  "expected an absolute URI that ends in a slash",
		"docs/":      "expected an absolute URI",
		"docs:/{x}/": "expected an absolute URI",
		"docs:/?x/":  "without query and fragment",
	} {
		_, err := AddFileTree(s, uri, "n", "", dir)
		require.ErrorContains(t, err, want)
	}
	_, err := AddFileTree(s, "docs:///", "n", "", filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = AddFileTree(s, "docs:///", "", "", dir)
	require.ErrorContains(t, err, "the name is empty")
	addTree(t, s, dir)
	_, err = AddFileTree(s, "docs:///", "n", "", dir)
	require.ErrorContains(t, err, `there is a resource template "docs:///{+path}" already`)
	require.True(t, strings.Contains(err.Error(), "filetree_test.go:"))
}

func TestATreeTellsOfChanges(t *testing.T) {
	dir := plant(t, map[string]string{"a": "1", "b": "1", "sub/c": "1"})
	s := New("v", "1", ListChangedDelay(time.Millisecond))
	addTree(t, s, dir, TreeWatch(2*time.Millisecond))
	heard := make(chan string, 100)
	p := connect(t, s, clientSide{handler: listener{heard}})
	require.True(t, p.opened.Capabilities.Resources.Subscribe)
	await := func(want string) {
		t.Helper()
		timeout := time.After(20 * time.Second)
		for {
			select {
			case got := <-heard:
				if got == want {
					return
				}
			case <-timeout:
				require.FailNow(t, "not told", want)
			}
		}
	}
	p.subscribe(t, "docs:///%61") // another spelling of a
	p.subscribe(t, "docs:///sub/")
	write(t, dir, "a", "22")
	await("docs:///%61")
	write(t, dir, "sub/c", "22")
	await("docs:///sub/c") // a part of what was subscribed to
	write(t, dir, "sub/d", "1")
	await("docs:///sub/")
	require.Eventually(t, func() bool { return len(p.uris(t)) == 4 }, 20*time.Second, time.Millisecond)
	require.Equal(t, []string{"docs:///a", "docs:///b", "docs:///sub/c", "docs:///sub/d"}, p.uris(t))
	require.EqualValues(t, 2, *p.resources(t)[0].Size, "the list is up to date")
	write(t, dir, "e", "1")
	await("resources")
	require.NoError(t, os.Remove(filepath.Join(dir, "a")))
	await("docs:///%61")
	require.Eventually(t, func() bool { return len(p.uris(t)) == 4 }, 20*time.Second, time.Millisecond)
	_, err := p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "docs:///none"})
	requireNotFound(t, err, "docs:///none")
	_, err = p.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "docs:///../b"})
	requireNotFound(t, err, "docs:///../b")
}

func TestATreeForgetsWhatNobodyWatches(t *testing.T) {
	dir := plant(t, map[string]string{"a": "1"})
	s := New("v", "1")
	tree := addTree(t, s, dir, TreeWatch(time.Hour))
	watching := func() int {
		tree.mu.Lock()
		defer tree.mu.Unlock()
		return len(tree.watched)
	}
	p, q := connect(t, s, clientSide{}), connect(t, s, clientSide{})
	p.subscribe(t, "docs:///a")
	q.subscribe(t, "docs:///a")
	q.subscribe(t, "docs:///%61")
	require.Equal(t, 1, watching())
	p.unsubscribe(t, "docs:///a")
	require.Equal(t, 1, watching())
	require.NoError(t, q.conn.Close())
	require.Eventually(t, func() bool { return watching() == 0 }, 5*time.Second, time.Millisecond)
}

func TestATreeWithoutWatchIsRefreshedByHand(t *testing.T) {
	dir := plant(t, map[string]string{"a": "1"})
	s := New("v", "1")
	tree := addTree(t, s, dir)
	AddStaticResource(s, "docs:///taken", "n", "", "mine")
	p := connect(t, s, clientSide{})
	write(t, dir, "b", "2")
	write(t, dir, "taken", "theirs")
	require.Equal(t, "2", p.text(t, "docs:///b"), "the template knows no list")
	require.Equal(t, []string{"docs:///a", "docs:///taken"}, p.uris(t))
	tree.Refresh()
	require.Equal(t, []string{"docs:///a", "docs:///taken", "docs:///b"}, p.uris(t))
	require.Equal(t, "mine", p.text(t, "docs:///taken"))
	require.NoError(t, os.Remove(filepath.Join(dir, "taken")))
	tree.Refresh()
	require.Equal(t, "mine", p.text(t, "docs:///taken"), "what is not the tree's stays")
}

func TestNamesOfFiles(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "a\x00", "a\n", "a\x7f", "\xff"} {
		require.False(t, plainName(name, "linux"), "%q", name)
	}
	for _, name := range []string{"a", "a b", "é", "a:b", "a~1", "a.", "...", "日本"} {
		require.True(t, plainName(name, "linux"), "%q", name)
	}
	for _, name := range []string{"a:b", "C:", "GIT~1", "a.", "a ", "..."} {
		require.False(t, plainName(name, "windows"), "%q", name)
	}
}
