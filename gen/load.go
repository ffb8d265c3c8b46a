package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// schema is one revision's schema as load hands it to model.
type schema struct {
	Revision string
	Path     string // as the generated header shows it
	SHA256   string // of the official file
	Prefix   string // where definitions stand: "#/$defs/" or "#/definitions/"
	Defs     map[string]*schemas.Type
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
	data, path, err := read("overlay.yaml")
	if err != nil {
		return nil, err
	}
	ov, err := parseOverlay(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if data, path, err = read("docs.yaml"); err != nil {
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
		in.Schemas = append(in.Schemas, s)
	}
	if len(in.Schemas) == 0 {
		return nil, fmt.Errorf("no revision in %s: import one with go run ./gen import -rev YYYY-MM-DD FILE", filepath.Join(dir, "spec"))
	}
	return in, nil
}

// parseSchema applies the overlay's errata to a schema and parses it.
func parseSchema(rev string, data []byte, ov *overlay) (*schema, error) {
	tree, err := parseTree(data)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(tree); err != nil {
		return nil, err
	}
	for _, e := range ov.Errata {
		if e.holds(rev) && replaceAt(tree, e.At, e.Set) {
			e.use(rev)
		}
	}
	patched, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	parsed, err := schemas.FromJSONReader(bytes.NewReader(patched))
	if err != nil {
		return nil, fmt.Errorf("not a JSON schema: %w", err)
	}
	s := &schema{Revision: rev, Prefix: "#/$defs/", Defs: parsed.Definitions}
	if _, old := tree.(map[string]any)["definitions"]; old {
		s.Prefix = "#/definitions/"
	}
	return s, nil
}

// checkSchema refuses a document that is no schema, and in a schema every keyword that the parser
// would drop or misread, so that nothing is lost without a word.
func checkSchema(tree any) error {
	root, ok := tree.(map[string]any)
	if !ok {
		return &problem{Pointer: showPointer(""), What: "not a JSON schema: expected an object, found " + kindOf(tree)}
	}
	if _, ok := root["$defs"].(map[string]any); !ok {
		if _, ok := root["definitions"].(map[string]any); !ok {
			return &problem{Pointer: showPointer(""), What: "not a protocol schema: it has neither $defs nor definitions"}
		}
	}
	var first error
	walkSchema(tree, "", func(ptr string, node map[string]any) {
		if first == nil {
			first = checkNode(ptr, node)
		}
	})
	return first
}

func checkNode(ptr string, node map[string]any) error {
	for _, key := range sortedKeys(node) {
		at := ptr + "/" + escapePointer(key)
		if !slices.Contains(knownKeywords, key) {
			what := fmt.Sprintf("the keyword %q is not one the generator knows", key)
			for _, known := range knownKeywords {
				if strings.EqualFold(known, key) {
					what += fmt.Sprintf("; did the schema mean %q?", known)
				}
			}
			return &problem{Pointer: at, What: what, Stanza: "errata:\n  - at: " + ptr + "\n    set: <the node without " + key + ">\n    why: <what the keyword asks for, and why it can be left out>\n    revisions: [<revision>]"}
		}
		v := node[key]
		want, ok := "", true
		switch key {
		case "$schema", "$ref", "format", "title", "description", "$comment":
			_, ok = v.(string)
			want = "a string"
		case "$defs", "definitions", "properties":
			_, ok = v.(map[string]any)
			want = "an object"
		case "anyOf", "oneOf", "allOf", "enum", "required":
			var list []any
			list, ok = v.([]any)
			ok = ok && (len(list) > 0 || key == "required")
			want = "a list with at least one element"
		case "maxItems", "maxLength", "minItems", "minLength":
			// the parser cannot tell 0 from absent
			n, isNumber := v.(json.Number)
			ok = isNumber && n != "0"
			want = "a number greater than 0"
		case "maximum", "minimum":
			_, ok = v.(json.Number)
			want = "a number"
		case "const", "default":
			// the parser cannot tell null from absent
			ok = v != nil
			want = "a value other than null"
		case "items":
			_, ok = v.(map[string]any)
			want = "an object"
		case "additionalProperties":
			_, isObject := v.(map[string]any)
			ok = isObject || v == true
			want = "true or an object (members this build does not know are always kept)"
		case "type":
			_, isString := v.(string)
			_, isList := v.([]any)
			ok = isString || isList
			want = "a string or a list of strings"
		}
		if !ok {
			return &problem{Pointer: at, What: "expected " + want + ", found " + kindOf(v)}
		}
	}
	return nil
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return "the number " + v.String()
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	}
	return "an object"
}
