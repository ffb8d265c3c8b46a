package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// schema is one revision's schema as load hands it to model.
type schema struct {
	Revision string
	Path     string // as the generated header shows it
	SHA256   string // of the official file
	Prefix   string // where definitions stand: "#/$defs/" or "#/definitions/"
	Defs     map[string]*schemas.Type
	Since    *since // nil: everything is as old as the revision
}

// input is everything a run reads.
type input struct {
	Schemas []*schema // in order of revision
	Overlay *overlay
	Docs    *docs
}

// load reads spec/ below dir.
func load(dir string) (*input, error) {
	src, err := readSources(dir)
	if err != nil {
		return nil, err
	}
	read := func(name string) ([]byte, string, error) {
		path := filepath.Join(dir, "spec", name)
		data, err := os.ReadFile(path)
		return data, path, err
	}
	ov, err := readOverlay(dir)
	if err != nil {
		return nil, err
	}
	data, path, err := read("docs.yaml")
	if err != nil {
		return nil, err
	}
	words, err := parseDocs(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	in := &input{Overlay: ov, Docs: words}
	entries, err := os.ReadDir(filepath.Join(dir, "spec"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || !revisionName.MatchString(e.Name()) {
			continue
		}
		if data, path, err = read(filepath.Join(e.Name(), "schema.json")); err != nil {
			return nil, err
		}
		s, err := parseSchema(e.Name(), data, ov)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		s.Path = "spec/" + e.Name() + "/schema.json"
		if s.SHA256 = src.Revisions[e.Name()].SHA256; s.SHA256 == "" {
			sum := sha256.Sum256(data)
			s.SHA256 = hex.EncodeToString(sum[:])
		}
		if s.Since, err = readSince(dir, e.Name()); err != nil {
			return nil, err
		}
		in.Schemas = append(in.Schemas, s)
	}
	if len(in.Schemas) == 0 {
		return nil, fmt.Errorf("no revision in %s: import one with go run ./gen import -rev YYYY-MM-DD FILE", filepath.Join(dir, "spec"))
	}
	return in, nil
}

// readOverlay reads the overlay below dir.
func readOverlay(dir string) (*overlay, error) {
	data, err := os.ReadFile(filepath.Join(dir, "spec", "overlay.yaml"))
	if err != nil {
		return nil, err
	}
	return parseOverlay(data)
}

// patchedTree reads a schema with the overlay's errata in it, and refuses what the generator cannot take.
func patchedTree(rev string, data []byte, ov *overlay) (any, error) {
	tree, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	for _, e := range ov.Errata {
		if !e.holds(rev) {
			continue
		}
		set, err := json.Marshal(e.Set)
		if err != nil {
			return nil, fmt.Errorf("%s: set: %w", e.label, err)
		}
		value, err := parseTree(set)
		if err != nil {
			return nil, fmt.Errorf("%s: set: %w", e.label, err)
		}
		if replaceAt(tree, e.At, value) {
			e.use(rev)
		}
	}
	return tree, errors.Join(checkSchema(rev, tree)...)
}

// parseSchema parses a schema with the overlay's errata in it.
func parseSchema(rev string, data []byte, ov *overlay) (*schema, error) {
	tree, err := patchedTree(rev, data, ov)
	if err != nil {
		return nil, err
	}
	parsed, err := schemas.FromJSONReader(bytes.NewReader(canonical(tree)))
	if err != nil {
		return nil, fmt.Errorf("not a JSON schema: %w", err)
	}
	s := &schema{Revision: rev, Prefix: "#/$defs/", Defs: parsed.Definitions}
	if _, old := tree.(map[string]any)["definitions"]; old {
		s.Prefix = "#/definitions/"
	}
	s.unlink()
	return s, nil
}
