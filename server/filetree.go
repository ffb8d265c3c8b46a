package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// FileTree is the files under a folder as resources, see [AddFileTree]. It is safe for concurrent use and must be closed.
type FileTree struct {
	server   *Server
	root     *os.Root
	base     string // what the URIs begin with; ends in a slash
	template string
	cfg      treeConfig

	refreshing sync.Mutex // held while files are looked at
	mu         sync.Mutex
	listed     map[string]*listedFile  // by path
	watched    map[string]*watchedFile // by path
	crowded    bool                    // it was logged that not all files are listed

	stop context.CancelFunc
	done chan struct{} // closed when nothing looks for changes any more
	once sync.Once
	err  error // of closing
}

// TreeOption is an option of AddFileTree: [Title], [Icons] and [Meta] for the template, [TreeFilter], [TreeWatch],
// [TreeUnlisted], [LimitTree].
type TreeOption interface{ applyTree(*treeConfig) }

// treeConfig is what options set.
type treeConfig struct {
	templateConfig
	keep     func(path string) bool
	limits   TreeLimits
	unlisted bool
	every    time.Duration
}

type treeOption func(*treeConfig)

func (o treeOption) applyTree(c *treeConfig) { o(c) }

func (o TitleOption) applyTree(c *treeConfig) { o.applyTemplate(&c.templateConfig) }
func (o IconsOption) applyTree(c *treeConfig) { o.applyTemplate(&c.templateConfig) }
func (o MetaOption) applyTree(c *treeConfig)  { o.applyTemplate(&c.templateConfig) }

// TreeFilter sets which files and folders are there: those whose path below the tree's folder keep approves of, like
// "guide/intro.md", the path of a folder ending in a slash, like "guide/". What is in a folder that is not there is not
// there either. keep sees paths as clients write them: a link to a file, or another case where the file system makes no
// difference, is another path. It must be safe for concurrent use. Default: all but names that begin with a dot.
func TreeFilter(keep func(path string) bool) TreeOption {
	return treeOption(func(c *treeConfig) { c.keep = keep })
}

// TreeLimits bounds a file tree. Zero fields mean the defaults; negative ones no limit.
type TreeLimits struct {
	// FileSize is how large a file may be to be read, in bytes; default 8 MiB, which fits into a message of 16 MiB as
	// base64. A larger one is refused with -32012.
	FileSize int64
	// Listed is how many files resources/list has, in the order of their paths; default 1,000. Those beyond can be read all
	// the same.
	Listed int
	// Visited is how many files and folders are looked at for the list; default 100,000.
	Visited int
	// Folder is how many names of one folder are looked at when it is read or completed; default 10,000.
	Folder int
}

func (l TreeLimits) withDefaults() TreeLimits {
	if l.FileSize == 0 {
		l.FileSize = 8 << 20
	}
	l.Listed = limitOr(l.Listed, 1000)
	l.Visited = limitOr(l.Visited, 100_000)
	l.Folder = limitOr(l.Folder, 10_000)
	return l
}

// LimitTree sets how much of a file tree is looked at.
func LimitTree(l TreeLimits) TreeOption { return treeOption(func(c *treeConfig) { c.limits = l }) }

// TreeUnlisted leaves the files out of resources/list: only the template tells of them. Default: they are listed.
func TreeUnlisted() TreeOption { return treeOption(func(c *treeConfig) { c.unlisted = true }) }

// TreeWatch looks for changes so often: for files that come and go, which change the list, and for changes of what clients
// subscribed to, files or folders, of which they are told. The server then declares that clients can subscribe. Default:
// not at all, see [FileTree.Refresh].
func TreeWatch(every time.Duration) TreeOption {
	return treeOption(func(c *treeConfig) { c.every = every })
}

// noDots is the default of TreeFilter.
func noDots(path string) bool {
	path = strings.TrimSuffix(path, "/")
	return path[strings.LastIndexByte(path, '/')+1] != '.'
}

// AddFileTree makes the files under the folder dir resources of s. Their URIs are uri, which is absolute and ends in a
// slash, with their paths: "docs:///" makes guide/intro.md "docs:///guide/intro.md". They are listed, each with its size,
// time of change and a MIME type by its extension, as far as [TreeLimits] goes; and there is a template, with name and
// description, whose variable completes by itself. A text is a text, other bytes are a blob, and a folder is the list of
// what is in it, folders with a slash, under the type inode/directory.
//
// Nothing outside of dir can be read, whatever a client writes and whoever moves files meanwhile: everything is opened
// through an os.Root. Links that stay below dir are followed; others, like all that cannot be opened and all that is
// neither file nor folder, are not found. Names that have a backslash or a control character are not found either.
//
// The error tells that dir cannot be opened, or is a *Mistake.
func AddFileTree(s *Server, uri, name, description, dir string, opts ...TreeOption) (*FileTree, error) {
	t := &FileTree{
		server: s, base: uri, template: uri + "{+path}",
		cfg:    treeConfig{keep: noDots},
		listed: map[string]*listedFile{}, watched: map[string]*watchedFile{},
		done: make(chan struct{}),
	}
	t.cfg.def = mcp.ResourceTemplate{URITemplate: t.template, Name: name, Description: description}
	for _, o := range opts {
		o.applyTree(&t.cfg)
	}
	t.cfg.limits = t.cfg.limits.withDefaults()
	if t.cfg.every > 0 {
		t.cfg.watch = t.watch
	}
	t.cfg.complete = []CompleteOption{Complete("path", t.complete)}
	if !wire.IsURI(uri) || !strings.HasSuffix(uri, "/") || strings.ContainsAny(uri, "?#") {
		return nil, mistake(KindResourceTemplate, uri, errors.New("expected an absolute URI that ends in a slash, without query and fragment"))
	}
	var err error
	if t.root, err = os.OpenRoot(dir); err != nil {
		return nil, fmt.Errorf("server.AddFileTree %s: %w", uri, err)
	}
	registered, err := rawTemplate(&t.cfg.templateConfig, t.read)
	if err == nil {
		err = s.addTemplate(&t.cfg.templateConfig, registered)
	}
	if err != nil {
		_ = t.root.Close()
		return nil, mistake(KindResourceTemplate, t.template, err)
	}
	t.Refresh()
	var ctx context.Context
	ctx, t.stop = context.WithCancel(context.Background())
	if t.cfg.every > 0 {
		go t.look(ctx)
	} else {
		close(t.done)
	}
	return t, nil
}

// Close takes the tree's resources out of the catalogue and closes the folder. Closing again does nothing and returns the
// same.
func (t *FileTree) Close() error {
	t.once.Do(func() {
		t.stop()
		<-t.done
		t.refreshing.Lock()
		defer t.refreshing.Unlock()
		t.server.RemoveResourceTemplates(t.template)
		t.mu.Lock()
		var uris []string
		for path := range t.listed {
			uris = append(uris, t.uri(path))
		}
		t.listed = nil
		t.mu.Unlock()
		t.server.RemoveResources(uris...)
		t.err = t.root.Close()
	})
	return t.err
}

// uri gives the URI of a path as it is listed.
func (t *FileTree) uri(path string) string {
	var b strings.Builder
	b.WriteString(t.base)
	for i, name := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(url.PathEscape(name))
	}
	return b.String()
}
