package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// parseTree reads one JSON document into maps, slices, strings, bools, nil and json.Number.
// Unlike encoding/json alone it refuses a member that occurs twice.
func parseTree(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec, "")
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: something follows the document")
	}
	return v, nil
}

// notJSON says where the reader gave up.
func notJSON(ptr string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("not JSON: at %s: the document ends early", showPointer(ptr))
	}
	return fmt.Errorf("not JSON: at %s: %w", showPointer(ptr), err)
}

func parseValue(dec *json.Decoder, ptr string) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, notJSON(ptr, err)
	}
	switch tok {
	case json.Delim('{'):
		obj := map[string]any{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, notJSON(ptr, err)
			}
			at := ptr + "/" + escapePointer(name.(string))
			if _, dup := obj[name.(string)]; dup {
				return nil, fmt.Errorf("at %s: the member occurs twice", at)
			}
			if obj[name.(string)], err = parseValue(dec, at); err != nil {
				return nil, err
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, notJSON(ptr, err)
		}
		return obj, nil
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, ptr+"/"+strconv.Itoa(len(list)))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		if _, err := dec.Token(); err != nil {
			return nil, notJSON(ptr, err)
		}
		return list, nil
	}
	return tok, nil
}

// escapePointer writes one reference token of a JSON pointer (RFC 6901).
func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

func unescapePointer(s string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}

func showPointer(ptr string) string {
	if ptr == "" {
		return "the root"
	}
	return ptr
}

// canonical writes a tree with sorted keys, two-space indent and no HTML escapes.
func canonical(tree any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(tree); err != nil {
		panic(err) // a tree holds nothing that cannot be written
	}
	return buf.Bytes()
}

// replaceAt puts value where pointer leads in tree and reports whether something was there.
func replaceAt(tree any, pointer string, value any) bool {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range tokens {
		last := i == len(tokens)-1
		switch node := tree.(type) {
		case map[string]any:
			name := unescapePointer(token)
			if _, ok := node[name]; !ok {
				return false
			}
			if last {
				node[name] = value
				return true
			}
			tree = node[name]
		case []any:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(node) {
				return false
			}
			if last {
				node[n] = value
				return true
			}
			tree = node[n]
		default:
			return false
		}
	}
	return false
}

// The keywords a schema node may carry. Those that hold prose say nothing of the structure.
var (
	proseKeywords = []string{"$comment", "description", "examples", "title"}
	knownKeywords = []string{
		"$comment", "$defs", "$ref", "$schema", "additionalProperties", "allOf", "anyOf", "const", "default",
		"definitions", "description", "enum", "examples", "format", "items", "maxItems", "maxLength", "maximum",
		"minItems", "minLength", "minimum", "oneOf", "properties", "required", "title", "type",
	}
	// members that map names to schemas: what stands in them are names, never keywords
	namedSchemas = []string{"$defs", "definitions", "properties"}
	listSchemas  = []string{"allOf", "anyOf", "oneOf"}
	oneSchema    = []string{"additionalProperties", "items"}
)

// walkSchema calls visit for whatever stands where a schema does, parents first, in pointer order.
func walkSchema(tree any, ptr string, visit func(ptr string, node any)) {
	visit(ptr, tree)
	node, _ := tree.(map[string]any)
	for _, key := range sortedKeys(node) {
		at := ptr + "/" + escapePointer(key)
		switch {
		case slices.Contains(namedSchemas, key):
			named, _ := node[key].(map[string]any)
			for _, name := range sortedKeys(named) {
				walkSchema(named[name], at+"/"+escapePointer(name), visit)
			}
		case slices.Contains(listSchemas, key):
			list, _ := node[key].([]any)
			for i, sub := range list {
				walkSchema(sub, at+"/"+strconv.Itoa(i), visit)
			}
		case slices.Contains(oneSchema, key):
			if sub, ok := node[key].(map[string]any); ok {
				walkSchema(sub, at, visit) // additionalProperties may be true
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
