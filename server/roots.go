package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// RootsListChanged tells the program that the client's roots changed.
func (h handler) RootsListChanged(ctx context.Context, _ *mcp.NotificationParams) error {
	for _, f := range h.cfg.onRoots {
		f(ctx)
	}
	return nil
}

// RootList is the directories and files that the client lets the server work in.
type RootList []mcp.Root

// Roots asks the client for its roots (specification 2025-11-25, client/roots). The key is unique within the call, among
// all questions and side effects. The client must have declared roots: otherwise the error is a [*CapabilityError]. Any
// later failure is an [*AskError].
func Roots(ctx context.Context, key string) (RootList, error) {
	q := &question{method: mcp.MethodListRoots, key: key, needs: []string{"roots"}}
	if err := q.prepare(ctx); err != nil {
		return nil, err
	}
	q.wait, q.most = q.state.server.cfg.timeouts.Roots, q.state.server.cfg.timeouts.RootsMax
	var result *mcp.ListRootsResult
	err := q.ask(ctx, func(ctx context.Context, session *rpc.Session) (err error) {
		result, err = mcp.ClientStub{Caller: session}.ListRoots(ctx, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result.Roots, nil
}

// Resolve gives the absolute path of a file, without symbolic links, if it lies within one of the roots, and an error
// that matches fs.ErrPermission otherwise. The file is named by a path, relative ones being in the process's working
// directory, or by a file URI. It need not exist; what exists of its path is resolved, and so are the roots.
//
// Between Resolve and the use of the path somebody may replace a directory by a link: where that matters, open the root
// with os.OpenRoot.
func (r RootList) Resolve(pathOrURI string) (string, error) {
	path, err := localPath(pathOrURI)
	if err != nil {
		return "", err
	}
	resolved, err := resolveLinks(path)
	if err != nil {
		return "", err
	}
	for _, root := range r {
		base, err := localPath(root.URI)
		if err != nil {
			continue // not a file: nothing is within it
		}
		if base, err = resolveLinks(base); err != nil {
			continue
		}
		if relative, err := filepath.Rel(base, resolved); err == nil && filepath.IsLocal(relative) {
			return resolved, nil
		}
	}
	return "", fmt.Errorf("%s is in none of the client's %d roots: %w", quoted(pathOrURI), len(r), fs.ErrPermission)
}

// localPath gives the absolute path that a path or file URI means.
func localPath(s string) (string, error) {
	if strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("%s is no path: it has a NUL", quoted(s))
	}
	if len(s) < len("file:") || !strings.EqualFold(s[:len("file:")], "file:") {
		return filepath.Abs(s)
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", fmt.Errorf("%s is no file URI: %w", quoted(s), err)
	}
	if u.Host != "" && !strings.EqualFold(u.Host, "localhost") {
		return "", fmt.Errorf("%s is a file of another host, %q", quoted(s), u.Host)
	}
	path := u.Path
	if path == "" || path[0] != '/' || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%s is no file URI: expected an absolute path, as in file:///home/ada", quoted(s))
	}
	if runtime.GOOS == "windows" && len(path) > 2 && path[2] == ':' {
		path = path[1:] // /C:/x
	}
	return filepath.Clean(filepath.FromSlash(path)), nil
}

// maxMissing is how many folders of a path may not exist yet.
const maxMissing = 255

// resolveLinks resolves the symbolic links in what exists of a path.
func resolveLinks(path string) (string, error) {
	rest := ""
	for range maxMissing {
		resolved, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(resolved, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if _, err := os.Lstat(path); err == nil {
			// A link that leads to what does not exist: whoever creates the file would create it there.
			return "", fmt.Errorf("%s is a symbolic link to nothing: %w", quoted(path), fs.ErrPermission)
		}
		parent := filepath.Dir(path)
		if parent == path {
			return "", err
		}
		path, rest = parent, filepath.Join(filepath.Base(path), rest)
	}
	return "", fmt.Errorf("more than %d folders of a path do not exist", maxMissing)
}
