package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileSet is what a run wants on disk: contents by slash-separated path.
type fileSet map[string][]byte

// changes says what writing did, by path.
type changes map[string]string

func (c changes) word(path string) string {
	if w := c[path]; w != "" {
		return w
	}
	return "unchanged"
}

// rename is os.Rename, but for tests.
var rename = os.Rename

// write puts the files under dir. Each is written beside its place and then renamed into it. Nothing
// is touched before all of them are on disk, and what a failure interrupts is put back, so that it
// leaves no half-written tree.
func (f fileSet) write(dir string) (done changes, err error) {
	done = changes{}
	temps, old := map[string]string{}, map[string][]byte{}
	defer func() {
		for _, tmp := range temps {
			_ = os.Remove(tmp) // most are in their place by now
		}
	}()
	for _, path := range sortedKeys(f) {
		full := filepath.Join(dir, path)
		before, err := os.ReadFile(full)
		switch {
		case err == nil && bytes.Equal(before, f[path]):
			continue
		case err == nil:
			done[path], old[path] = "changed", before
		case os.IsNotExist(err):
			done[path] = "new"
		default:
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			return nil, err
		}
		temps[path] = filepath.Join(filepath.Dir(full), "."+filepath.Base(full)+".tmp")
		if err := os.WriteFile(temps[path], f[path], 0o666); err != nil {
			return nil, err
		}
	}
	for i, path := range sortedKeys(done) {
		if err := rename(temps[path], filepath.Join(dir, path)); err != nil {
			return nil, errors.Join(err, putBack(dir, sortedKeys(done)[:i], old))
		}
	}
	return done, nil
}

// putBack undoes the writing of files, of which those that were there before are in old.
func putBack(dir string, paths []string, old map[string][]byte) error {
	var failed []error
	for _, path := range paths {
		full := filepath.Join(dir, path)
		if before, ok := old[path]; ok {
			failed = append(failed, os.WriteFile(full, before, 0o666))
		} else {
			failed = append(failed, os.Remove(full))
		}
	}
	return errors.Join(failed...)
}

// replace writes the files and deletes whatever else stands in the folder sub.
func (f fileSet) replace(dir, sub string) (changes, error) {
	done, err := f.write(dir)
	if err != nil {
		return nil, err
	}
	extra, err := f.extra(dir, sub)
	if err != nil {
		return nil, err
	}
	for _, path := range extra {
		if err := os.Remove(filepath.Join(dir, path)); err != nil {
			return nil, err
		}
		done[path] = "removed"
	}
	return done, nil
}

// stale names the files that differ from what a run would write: changed, missing, or not to be there.
func (f fileSet) stale(dir, sub string) ([]string, error) {
	var out []string
	for _, path := range sortedKeys(f) {
		old, err := os.ReadFile(filepath.Join(dir, path))
		switch {
		case os.IsNotExist(err):
			out = append(out, path+" (missing)")
		case err != nil:
			return nil, err
		case !bytes.Equal(old, f[path]):
			out = append(out, path+" (differs)")
		}
	}
	extra, err := f.extra(dir, sub)
	for _, path := range extra {
		out = append(out, path+" (not generated)")
	}
	return out, err
}

// extra lists the files below sub that are not in the set.
func (f fileSet) extra(dir, sub string) ([]string, error) {
	var out []string
	root := filepath.Join(dir, sub)
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if _, ours := f[rel]; !ours {
			out = append(out, rel)
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}

// problem is one thing the generator refuses: where it is, what is wrong, and what to add.
type problem struct {
	Revision string
	Pointer  string
	What     string
	Stanza   string // the overlay or docs stanza that would settle it; may be empty
}

// stanza is an overlay entry to paste: the section, its lines but the last two, why, and for what.
func stanza(section, why string, revisions []string, lines ...string) string {
	lines = append(lines, "why: "+why, `revisions: ["`+strings.Join(revisions, `", "`)+`"]`)
	return section + ":\n  - " + strings.Join(lines, "\n    ")
}

func (p *problem) Error() string {
	var b strings.Builder
	if p.Revision != "" {
		fmt.Fprintf(&b, "%s: ", p.Revision)
	}
	if p.Pointer != "" {
		fmt.Fprintf(&b, "%s: ", p.Pointer)
	}
	b.WriteString(p.What)
	if p.Stanza != "" {
		b.WriteString("\n    " + strings.ReplaceAll(strings.TrimRight(p.Stanza, "\n"), "\n", "\n    "))
	}
	return b.String()
}
