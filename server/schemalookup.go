package server

import (
	"net/url"
	"strconv"
	"strings"
)

// lookup follows a local reference, "#" or "#/…", within a schema that the library's form has.
func lookup(doc any, ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	for pointer != "" {
		var token string
		token, pointer, _ = strings.Cut(pointer[1:], "/")
		if pointer != "" {
			pointer = "/" + pointer
		}
		if t, err := url.PathUnescape(token); err == nil {
			token = t
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := doc.(type) {
		case map[string]any:
			if doc, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// resolve gives the schema object that v is or refers to, nil if it is none.
func resolve(doc map[string]any, v any) map[string]any {
	for range 20 { // references to references
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		ref, ok := o["$ref"].(string)
		if !ok {
			return o
		}
		if v, ok = lookup(doc, ref); !ok {
			return nil
		}
	}
	return nil
}
