package server

import (
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// coerce gives arguments with strings replaced by what they hold, where the schema wants no string, and whether there
// were any.
func (s *jsonSchema) coerce(arguments wire.Raw) (wire.Raw, bool) {
	if arguments.IsZero() {
		return arguments, false
	}
	return s.coerceValue(s.doc, arguments)
}

func (s *jsonSchema) coerceValue(node any, value wire.Raw) (wire.Raw, bool) {
	o := resolve(s.doc, node)
	if o == nil {
		return value, false
	}
	kinds := kindsOf(o["type"])
	changed := false
	if value.Kind() == wire.KindString && len(kinds) > 0 && !kinds["string"] {
		if v, ok := heldBy(value, kinds); ok {
			value, changed = v, true
		}
	}
	switch value.Kind() {
	case wire.KindObject:
		members, err := parseObject(value)
		if err != nil {
			return value, changed
		}
		properties, _ := o["properties"].(map[string]any)
		inside := false
		for i, m := range members {
			sub, known := properties[m.Name]
			if !known {
				sub = o["additionalProperties"]
			}
			if v, ok := s.coerceValue(sub, m.Value); ok {
				members[i].Value, inside = v, true
			}
		}
		if inside {
			return raw(members), true
		}
	case wire.KindArray:
		var items []wire.Raw
		if value.Unmarshal(&items) != nil {
			return value, changed
		}
		inside := false
		for i, item := range items {
			if v, ok := s.coerceValue(o["items"], item); ok {
				items[i], inside = v, true
			}
		}
		if inside {
			return raws(items...), true
		}
	}
	return value, changed
}

// kindsOf gives the types that the keyword type names.
func kindsOf(v any) map[string]bool {
	kinds := map[string]bool{}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, k := range list {
		if name, ok := k.(string); ok {
			kinds[name] = true
		}
	}
	return kinds
}

// heldBy gives the value of one of the kinds that a string holds the JSON of.
func heldBy(value wire.Raw, kinds map[string]bool) (wire.Raw, bool) {
	var s string
	if value.Unmarshal(&s) != nil {
		return value, false
	}
	held, err := wire.ParseRaw([]byte(strings.TrimSpace(s)))
	if err != nil {
		return value, false
	}
	switch held.Kind() {
	case wire.KindNumber:
		return held, kinds["number"] || kinds["integer"]
	case wire.KindBool:
		return held, kinds["boolean"]
	case wire.KindNull:
		return held, kinds["null"]
	case wire.KindArray:
		return held, kinds["array"]
	case wire.KindObject:
		return held, kinds["object"]
	}
	return value, false
}
