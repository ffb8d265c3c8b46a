package server

import (
	"context"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// fileState is what changes when a file or folder does. The zero value is none.
type fileState struct {
	size    int64
	changed int64 // nanoseconds of the Unix time
	folder  bool
}

func stateOfFile(info fs.FileInfo) fileState {
	return fileState{info.Size(), info.ModTime().UnixNano(), info.IsDir()}
}

// listedFile is a file that is listed.
type listedFile struct {
	state    fileState
	resource *resource
}

// watchedFile is a file or folder that somebody subscribed to.
type watchedFile struct {
	state fileState
	uris  map[string]int // as subscribers wrote them, and how many they are
}

// look refreshes the tree now and then.
func (t *FileTree) look(ctx context.Context) {
	defer close(t.done)
	ticker := time.NewTicker(t.cfg.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			guard(t.server.log, "a file tree", t.Refresh)
		}
	}
}

// Refresh brings the list of files up to date, and tells subscribers of what changed. It is for programs that know when
// something did; with [TreeWatch] it happens by itself.
func (t *FileTree) Refresh() {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	if t.closed() {
		return
	}
	found := t.scan()
	t.mu.Lock()
	var gone, changed, come []string
	for path, f := range t.listed {
		info, ok := found[path]
		switch {
		case !ok:
			delete(t.listed, path)
			gone = append(gone, t.uri(path))
		case stateOfFile(info) != f.state:
			f.state = stateOfFile(info)
			def := t.definition(path, info)
			f.resource.def.Store(&def)
			changed = append(changed, path)
		}
	}
	for path := range found {
		if t.listed[path] == nil {
			come = append(come, path)
		}
	}
	t.mu.Unlock()
	if len(changed) > 0 {
		t.server.resources.list.edited()
	}
	t.server.RemoveResources(gone...)
	slices.Sort(come)
	for _, path := range come {
		t.list(path, found[path])
	}
	t.tell(changed)
}

// closed reports whether the tree is closed. It stays as it is while t.refreshing is held.
func (t *FileTree) closed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.listed == nil
}

// list puts a file in the catalogue.
func (t *FileTree) list(path string, info fs.FileInfo) {
	f := &listedFile{stateOfFile(info), newResource(t.definition(path, info), scoped{t.cfg.scopes}, t.read, t.cfg.watch)}
	uri := t.uri(path)
	err := f.resource.def.Load().Validate()
	if err == nil {
		err = t.server.resources.list.add(uri, f.resource)
	}
	if err != nil {
		t.server.log.Debug("server: a file is not listed", "uri", uri, "error", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listed[path] = f
}

// definition is what the list shows of a file.
func (t *FileTree) definition(path string, info fs.FileInfo) mcp.Resource {
	return mcp.Resource{
		URI: t.uri(path), Name: path, MIMEType: mimeOf(path), Size: new(info.Size()),
		Annotations: &mcp.Annotations{LastModified: info.ModTime().UTC().Format(time.RFC3339)},
	}
}

// scan finds the files to list.
func (t *FileTree) scan() map[string]fs.FileInfo {
	found := map[string]fs.FileInfo{}
	if t.cfg.unlisted {
		return found
	}
	visited := 0
	err := fs.WalkDir(t.root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		visited++
		switch {
		case visited > t.cfg.limits.Visited:
			t.crowd("visited", t.cfg.limits.Visited)
			return fs.SkipAll
		case err != nil && e != nil && e.IsDir():
			return fs.SkipDir // a folder that cannot be read
		case err != nil || path == ".":
			return err
		case !plainName(e.Name(), runtime.GOOS) || !t.cfg.keep(path+slashIf(e.IsDir())):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		}
		info, err := t.root.Stat(filepath.FromSlash(path))
		if err != nil || !info.Mode().IsRegular() {
			return nil // a link to nowhere or outside, a pipe
		}
		if len(found) == t.cfg.limits.Listed {
			t.crowd("listed", t.cfg.limits.Listed)
			return fs.SkipAll
		}
		found[path] = info
		return nil
	})
	if err != nil {
		t.server.log.Warn("server: a file tree cannot be read", "uri", t.base, "error", err)
	}
	return found
}

func slashIf(folder bool) string {
	if folder {
		return "/"
	}
	return ""
}

// crowd logs once that there are more files than are listed.
func (t *FileTree) crowd(what string, limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.crowded {
		t.crowded = true
		t.server.log.Warn("server: not all files of a tree are listed (LimitTree); all can be read", "uri", t.base, what, limit)
	}
}

// watch begins to look at what a client subscribed to.
func (t *FileTree) watch(_ context.Context, uri string) (stop func(), err error) {
	path, err := t.path(uri)
	if err != nil {
		return nil, err
	}
	f, info, err := t.open(path)
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.watched[path]
	if w == nil {
		w = &watchedFile{stateOfFile(info), map[string]int{}}
		t.watched[path] = w
	}
	w.uris[uri]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if w.uris[uri]--; w.uris[uri] == 0 {
			delete(w.uris, uri)
		}
		if len(w.uris) == 0 && t.watched[path] == w {
			delete(t.watched, path)
		}
	}, nil
}

// tell tells subscribers of what changed: what they subscribed to, and, if that is a folder, the listed files below it.
func (t *FileTree) tell(changed []string) {
	type news struct {
		uri    string
		partOf []string
	}
	var all []news
	t.mu.Lock()
	paths := maps.Clone(t.watched)
	t.mu.Unlock()
	now := make(map[*watchedFile]fileState, len(paths))
	for path, w := range paths {
		now[w] = fileState{}
		if info, err := t.root.Stat(filepath.FromSlash(path)); err == nil {
			now[w] = stateOfFile(info)
		}
	}
	t.mu.Lock()
	for _, w := range paths {
		if now[w] != w.state {
			w.state = now[w]
			for uri := range w.uris {
				all = append(all, news{uri, nil})
			}
		}
	}
	slices.Sort(changed)
	for _, path := range changed {
		var partOf []string
		for folder, w := range t.watched {
			if folder == "." || strings.HasPrefix(path, folder+"/") {
				partOf = slices.AppendSeq(partOf, maps.Keys(w.uris))
			}
		}
		if len(partOf) > 0 {
			all = append(all, news{t.uri(path), partOf})
		}
	}
	t.mu.Unlock()
	for _, n := range all {
		t.server.ResourceUpdated(n.uri, n.partOf...)
	}
}
