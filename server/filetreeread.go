package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

const mimeFolder = "inode/directory"

// path gives the path that a URI of the tree means, "." for the folder itself.
func (t *FileTree) path(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, t.base)
	if !ok || strings.ContainsAny(rest, "?#") {
		return "", ErrResourceNotFound
	}
	rest = strings.TrimSuffix(rest, "/")
	if rest == "" {
		return ".", nil
	}
	names := strings.Split(rest, "/")
	for i, name := range names {
		decoded, err := unescape(name)
		if err != nil || !plainName(decoded, runtime.GOOS) {
			return "", ErrResourceNotFound
		}
		names[i] = decoded
	}
	path := strings.Join(names, "/")
	if _, err := filepath.Localize(path); err != nil {
		return "", ErrResourceNotFound
	}
	return path, nil
}

// plainName reports whether a name is one of a file in a folder, and the only name of it that the operating system takes.
func plainName(name, system string) bool {
	if name == "" || name == "." || name == ".." {
		return false
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == utf8.RuneError {
			return false
		}
	}
	if system == "windows" {
		// Streams and drives, short names, and names that lose their end.
		return !strings.ContainsAny(name, ":~") && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, " ")
	}
	return true
}

// shows reports whether the filter lets clients see a path. folder says what it is.
func (t *FileTree) shows(path string, folder bool) bool {
	if path == "." {
		return true
	}
	for i := range len(path) {
		if path[i] == '/' && !t.cfg.keep(path[:i+1]) {
			return false
		}
	}
	if folder {
		path += "/"
	}
	return t.cfg.keep(path)
}

// open opens what is at a path, if it is a file or folder that clients may see. Whatever stands in the way, for them there
// is nothing.
func (t *FileTree) open(path string) (*os.File, fs.FileInfo, error) {
	name, err := filepath.Localize(path)
	if err != nil {
		return nil, nil, notInTree(err)
	}
	// Not opened at all what opening does something to. What is swapped in between must not make it wait.
	info, err := t.root.Stat(name)
	if err != nil {
		return nil, nil, notInTree(err)
	}
	if !info.Mode().IsRegular() && !info.IsDir() || !t.shows(path, info.IsDir()) {
		return nil, nil, ErrResourceNotFound
	}
	f, err := t.root.OpenFile(name, os.O_RDONLY|openWithoutWaiting, 0)
	if err != nil {
		return nil, nil, notInTree(err)
	}
	info, err = f.Stat()
	if err != nil || !info.Mode().IsRegular() && !info.IsDir() || !t.shows(path, info.IsDir()) {
		_ = f.Close()
		return nil, nil, notInTree(err)
	}
	return f, info, nil
}

func notInTree(cause error) error {
	if cause == nil {
		return ErrResourceNotFound
	}
	return fmt.Errorf("%w: %w", ErrResourceNotFound, cause)
}

// read reads the resource at a URI.
func (t *FileTree) read(_ context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
	path, err := t.path(params.URI)
	if err != nil {
		return nil, err
	}
	f, info, err := t.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info.IsDir() {
		names, more, err := t.folder(f, path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		if more {
			names = append(names, fmt.Sprintf("(only the first %d names were looked at)", t.cfg.limits.Folder))
		}
		return contentsOf(params.URI, mimeFolder, strings.Join(names, "\n"))
	}
	content, err := t.content(f)
	if err != nil {
		return nil, unreadable(path, err)
	}
	mime := mimeOf(path)
	if isText(content) {
		orElse(&mime, mimeText)
		return contentsOf(params.URI, mime, string(content))
	}
	orElse(&mime, mimeBinary)
	return contentsOf(params.URI, mime, content)
}

// unreadable is the error for what could be opened and not read.
func unreadable(path string, err error) error {
	if _, ok := errors.AsType[*rpc.Error](err); ok {
		return err
	}
	return rpc.Errorf(mcp.CodeInternalError, "%s cannot be read", quoted(path)).Wrap(err)
}

// content reads a file, which may grow meanwhile.
func (t *FileTree) content(f *os.File) ([]byte, error) {
	most := t.cfg.limits.FileSize
	if most < 0 {
		return io.ReadAll(f)
	}
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		return nil, rpc.Errorf(rpc.CodeTooLarge, "the file is too large to be read: expected at most %d bytes", most)
	}
	return content, err
}

// isText reports whether content is text: UTF-8 without the byte that no text has.
func isText(content []byte) bool { return utf8.Valid(content) && !slices.Contains(content, 0) }

// folder gives the sorted names of what clients may see in a folder, those of folders with a slash; more says that there
// are others that were not looked at.
func (t *FileTree) folder(f *os.File, path string) (names []string, more bool, err error) {
	most := t.cfg.limits.Folder
	entries, err := f.ReadDir(most)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if len(entries) == most {
		_, err := f.ReadDir(1)
		more = err == nil
	}
	for _, e := range entries {
		if !plainName(e.Name(), runtime.GOOS) {
			continue
		}
		within := e.Name()
		if path != "." {
			within = path + "/" + within
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if info, err := t.root.Stat(filepath.FromSlash(within)); err == nil {
				mode = info.Mode()
			}
		}
		switch {
		case !mode.IsRegular() && !mode.IsDir() || !t.shows(within, mode.IsDir()):
		case mode.IsDir():
			names = append(names, e.Name()+"/")
		default:
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, more, nil
}

// complete gives the paths that begin with what was typed.
func (t *FileTree) complete(_ context.Context, c Completing) ([]string, error) {
	slash := strings.LastIndexByte(c.Value, '/') + 1
	before, typed := c.Value[:slash], c.Value[slash:]
	path := strings.TrimSuffix(before, "/")
	if path == "" && slash > 0 {
		return nil, nil
	}
	if path == "" {
		path = "."
	}
	for name := range strings.SplitSeq(path, "/") {
		if path != "." && !plainName(name, runtime.GOOS) {
			return nil, nil
		}
	}
	f, info, err := t.open(path)
	if err != nil {
		return nil, nil // there is nothing to complete it with
	}
	defer func() { _ = f.Close() }()
	if !info.IsDir() {
		return nil, nil
	}
	names, _, err := t.folder(f, path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	var fit []string
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			fit = append(fit, before+name)
		}
	}
	return fit, nil
}
