package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// checkSchema refuses a document that is no schema, and in a schema every keyword that the parser
// would drop or misread and every constraint that generated code would not keep, so that nothing is
// lost without a word.
func checkSchema(rev string, tree any) []error {
	root, ok := tree.(map[string]any)
	if !ok {
		return []error{&problem{Revision: rev, Pointer: showPointer(""), What: "not a JSON schema: expected an object, found " + kindOf(tree)}}
	}
	_, defs := root["$defs"].(map[string]any)
	_, definitions := root["definitions"].(map[string]any)
	if !defs && !definitions {
		return []error{&problem{Revision: rev, Pointer: showPointer(""), What: "not a protocol schema: it has neither $defs nor definitions"}}
	}
	var out []error
	walkSchema(tree, "", func(ptr string, v any) {
		refuse := func(ptr, what, stanza string) {
			out = append(out, &problem{Revision: rev, Pointer: showPointer(ptr), What: what, Stanza: stanza})
		}
		node, ok := v.(map[string]any)
		if !ok {
			refuse(ptr, "expected a schema, which is an object, found "+kindOf(v), "")
			return
		}
		before := len(out)
		for _, key := range sortedKeys(node) {
			at := ptr + "/" + escapePointer(key)
			if !slices.Contains(knownKeywords, key) {
				refuse(at, unknownKeyword(key), erratum(ptr, rev, "<the node without "+key+">"))
			} else if want := wrongValue(key, node[key]); want != "" {
				refuse(at, "expected "+want+", found "+kindOf(node[key]), erratum(at, rev, "<"+want+">"))
			}
		}
		if len(out) == before {
			for _, key := range sortedKeys(node) {
				if what := lost(ptr, key, node); what != "" {
					refuse(ptr+"/"+escapePointer(key), what, erratum(ptr, rev, "<a node that says it otherwise, or not at all>"))
				}
			}
		}
	})
	return out
}

// erratum is the stanza that replaces what stands at ptr.
func erratum(ptr, rev, set string) string {
	return stanza("errata", "<why the schema is wrong here, or need not say it>", []string{rev}, "at: "+ptr, "set: "+set)
}

func unknownKeyword(key string) string {
	what := fmt.Sprintf("the keyword %q is not one the generator knows", key)
	for _, known := range knownKeywords {
		if strings.EqualFold(known, key) {
			what += fmt.Sprintf("; did the schema mean %q?", known)
		}
	}
	return what
}

// The types that JSON schemas know.
var schemaTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// wrongValue says what a keyword wants, if v is not it.
func wrongValue(key string, v any) string {
	want, ok := "", true
	switch key {
	case "$schema", "$ref", "format", "title", "description", "$comment":
		_, ok = v.(string)
		want = "a string"
	case "$defs", "definitions", "properties":
		_, ok = v.(map[string]any)
		want = "an object"
	case "anyOf", "oneOf", "allOf", "enum":
		list, _ := v.([]any)
		ok = len(list) > 0
		want = "a list with at least one element"
	case "required":
		list, isList := v.([]any)
		ok = isList && !slices.ContainsFunc(list, func(x any) bool { _, isString := x.(string); return !isString })
		want = "a list of strings"
	case "maxItems", "maxLength", "minItems", "minLength":
		// the parser cannot tell 0 from absent
		number, _ := v.(json.Number)
		n, err := strconv.Atoi(number.String())
		ok = err == nil && n > 0
		want = "an integer greater than 0"
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
		types := typesOf(v)
		ok = len(types) > 0 && !slices.ContainsFunc(types, func(t string) bool { return !slices.Contains(schemaTypes, t) })
		want = "one or a list of " + strings.Join(schemaTypes, ", ")
	}
	if ok {
		return ""
	}
	return want
}

// typesOf lists the types that a `type` keyword allows; one that is no string counts as "".
func typesOf(v any) []string {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	out := make([]string, len(list))
	for i, t := range list {
		out[i], _ = t.(string)
	}
	return out
}

// The types that a keyword constrains: next to any other it would be lost.
var constrains = map[string][]string{
	"enum":      {"string"},
	"items":     {"array"},
	"maxItems":  {"array"},
	"minItems":  {"array"},
	"maxLength": {"string"},
	"minLength": {"string"},
	"maximum":   {"integer", "number"},
	"minimum":   {"integer", "number"},

	"additionalProperties": {"object"},
	"properties":           {"object"},
	"required":             {"object"},
}

// The keywords that say all there is to say of a type: next to them, only prose is kept.
var exclusive = []string{"$ref", "anyOf", "oneOf", "allOf"}

// lost says of a keyword of a node why generated code would not keep what it asks for.
func lost(ptr, key string, node map[string]any) string {
	types := slices.DeleteFunc(typesOf(node["type"]), func(t string) bool { return t == "null" })
	if slices.Contains(types, "") {
		types = nil
	}
	if slices.Contains(exclusive, key) {
		for _, other := range sortedKeys(node) {
			beside := other == "default" || key == "allOf" && (other == "type" || other == "properties" || other == "required")
			if other != key && !beside && !slices.Contains(proseKeywords, other) {
				return fmt.Sprintf("%s and %s stand side by side: only %s would be kept", key, other, key)
			}
		}
		return ""
	}
	if node["allOf"] != nil && (key == "properties" || key == "required") || ptr == "" {
		return ""
	}
	for _, t := range types {
		if want := constrains[key]; want != nil && !slices.Contains(want, t) {
			return fmt.Sprintf("%s says nothing of the type %s", key, t)
		}
	}
	switch key {
	case "enum":
		if len(types) == 0 {
			return "an enum needs the type string"
		}
		for _, v := range node[key].([]any) {
			if _, ok := v.(string); !ok && v != nil {
				return "an enum is of strings, found " + kindOf(v)
			}
		}
	case "maximum", "minimum", "maxItems", "minItems", "maxLength", "minLength":
		if len(types) == 0 {
			return key + " needs the type " + strings.Join(constrains[key], " or ")
		}
		if node["format"] == "byte" {
			return key + " is not checked of bytes in base64"
		}
	case "const":
		if !strings.HasSuffix(ptr[:strings.LastIndex(ptr, "/")], "/properties") {
			return "only a member can be constant"
		}
		if n, ok := node[key].(json.Number); ok {
			if _, err := n.Int64(); err == nil {
				return ""
			}
		}
		switch node[key].(type) {
		case string, bool:
			return ""
		}
		return "a constant is a string, an integer or a boolean, found " + kindOf(node[key])
	case "type":
		if len(types) == 0 {
			return "a value that is always null has no Go type"
		}
	}
	return ""
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the string %.40q", v)
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return "the number " + v.String()
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	}
	return "an object"
}
