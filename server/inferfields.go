package server

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is a member of the object that a struct is encoded as.
type field struct {
	reflect.StructField
	jsonName string
	options  []string // of the json tag
	depth    int
	tagged   bool
}

func (f *field) has(option string) bool { return slices.Contains(f.options, option) }

// required: whatever is always encoded is required, as is what the jsonschema tag says.
func (f *field) required() bool {
	return !f.has("omitempty") && !f.has("omitzero") || tagHas(f.Tag, "required")
}

// nullable: a nil pointer is encoded as null unless it is left out.
func (f *field) nullable() bool {
	return f.Type.Kind() == reflect.Pointer && !f.has("omitempty") && !f.has("omitzero") || tagHas(f.Tag, "nullable")
}

// structFields gives the members of the object that a struct is encoded as, in order, by Go's rules for embedding: of
// several with one name the least deep counts, then the only one with a name in its tag, otherwise none.
func structFields(t reflect.Type) ([]field, error) {
	var all []field
	if err := collectFields(t, 0, nil, &all); err != nil {
		return nil, err
	}
	byName := map[string][]int{}
	for i, f := range all {
		byName[f.jsonName] = append(byName[f.jsonName], i)
	}
	var fields []field
	for i, f := range all {
		if dominant(all, byName[f.jsonName]) == i {
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// dominant gives the index that counts, -1 if none does.
func dominant(all []field, same []int) int {
	best, ties := -1, 0
	for _, i := range same {
		switch {
		case best < 0 || all[i].depth < all[best].depth || all[i].depth == all[best].depth && all[i].tagged && !all[best].tagged:
			best, ties = i, 0
		case all[i].depth == all[best].depth && all[i].tagged == all[best].tagged:
			ties++
		}
	}
	if ties > 0 {
		return -1
	}
	return best
}

func collectFields(t reflect.Type, depth int, path []reflect.Type, all *[]field) error {
	if slices.Contains(path, t) {
		return nil // a struct that embeds a pointer to itself
	}
	for i := range t.NumField() {
		f := field{StructField: t.Field(i), depth: depth}
		tag := f.Tag.Get("json")
		if tag == "-" || strings.HasPrefix(f.Tag.Get("jsonschema"), "-") {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if options != "" {
			f.options = strings.Split(options, ",")
		}
		f.tagged = name != ""
		if f.Anonymous && name == "" {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && special(inner) == nil {
				if err := collectFields(inner, depth+1, append(path, t), all); err != nil {
					return err
				}
				continue
			}
		}
		if !f.IsExported() {
			if f.tagged && !f.Anonymous {
				return fmt.Errorf("field %s.%s has a json tag but is not exported", t, f.Name)
			}
			continue
		}
		f.jsonName = name
		if name == "" {
			f.jsonName = f.Name
		}
		*all = append(*all, f)
	}
	return nil
}
