package server

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// The tags are those of invopop/jsonschema: jsonschema:"description=how many,minimum=1", in which a comma within a value
// is written \\,; jsonschema_description for long texts; jsonschema_extras for any other keyword.

// splitTag splits a jsonschema tag at its commas.
func splitTag(tag string) []string {
	if tag == "" {
		return nil
	}
	var parts []string
	for _, p := range strings.Split(tag, ",") {
		if n := len(parts); n > 0 && strings.HasSuffix(parts[n-1], `\`) {
			parts[n-1] = strings.TrimSuffix(parts[n-1], `\`) + "," + p
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

func tagHas(tag reflect.StructTag, word string) bool {
	return slices.Contains(splitTag(tag.Get("jsonschema")), word)
}

// applyTags adds to the schema p of a field what its tags say; some keywords go to the object's schema.
func applyTags(p *wire.Object, f field, parent *wire.Object) error {
	if d := f.Tag.Get("jsonschema_description"); d != "" {
		p.Set("description", text(d))
	}
	if f.has("string") {
		if kind, _ := p.Get("type"); kind.String() == `"integer"` || kind.String() == `"number"` {
			*p = wire.Object{{Name: "type", Value: text("string")}}
		}
	}
	for _, part := range splitTag(f.Tag.Get("jsonschema")) {
		word, value, valued := strings.Cut(part, "=")
		if !valued {
			switch word {
			case "required", "nullable", "":
				continue
			}
			return fmt.Errorf("jsonschema tag: %q is no keyword: expected required, nullable or one with a value, such as description=%s", part, part)
		}
		if err := applyKeyword(p, parent, f.jsonName, word, value); err != nil {
			return fmt.Errorf("jsonschema tag: %s=%s: %w", word, value, err)
		}
	}
	return applyExtras(p, f.Tag.Get("jsonschema_extras"))
}

// applyKeyword adds one keyword of a tag.
func applyKeyword(p, parent *wire.Object, name, word, value string) error {
	switch word {
	case "title", "description":
		p.Set(word, text(value))
		return nil
	case "type":
		p.Set(word, text(value))
		return nil
	case "anchor":
		p.Set("$anchor", text(value))
		return nil
	case "oneof_required":
		return requireOne(parent, "oneOf", value, name)
	case "anyof_required":
		return requireOne(parent, "anyOf", value, name)
	case "oneof_ref":
		return setChoices(p, "oneOf", "$ref", value)
	case "anyof_ref":
		return setChoices(p, "anyOf", "$ref", value)
	case "oneof_type":
		return setChoices(p, "oneOf", "type", value)
	case "anyof_type":
		return setChoices(p, "anyOf", "type", value)
	case "readOnly", "writeOnly", "deprecated":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("expected true or false")
		}
		p.Set(word, boolean(b))
		return nil
	}
	kind, _ := p.Get("type")
	switch kind.String() {
	case `"string"`:
		return applyToString(p, word, value)
	case `"integer"`, `"number"`:
		return applyToNumber(p, word, value)
	case `"boolean"`:
		if word == "default" && (value == "true" || value == "false") {
			p.Set(word, wire.MustRaw(value))
			return nil
		}
		return notFor("a boolean")
	case `"array"`:
		return applyToArray(p, word, value)
	}
	return notFor("this type")
}

func notFor(what string) error {
	return fmt.Errorf("no keyword, or none for %s", what)
}

func applyToString(p *wire.Object, word, value string) error {
	switch word {
	case "minLength", "maxLength":
		return setCount(p, word, value)
	case "pattern", "format", "default", "contentEncoding", "contentMediaType":
		p.Set(word, text(value))
	case "example":
		addTo(p, "examples", text(value))
	case "enum":
		addTo(p, "enum", text(value))
	default:
		return notFor("a string")
	}
	return nil
}

func applyToNumber(p *wire.Object, word, value string) error {
	n, err := wire.ParseRaw([]byte(value))
	if err != nil || n.Kind() != wire.KindNumber {
		return fmt.Errorf("expected a number")
	}
	switch word {
	case "multipleOf", "minimum", "maximum", "exclusiveMaximum", "exclusiveMinimum", "default":
		p.Set(word, n)
	case "example":
		addTo(p, "examples", n)
	case "enum":
		addTo(p, "enum", n)
	default:
		return notFor("a number")
	}
	return nil
}

// applyToArray adds what is for the array to it and the rest to its items.
func applyToArray(p *wire.Object, word, value string) error {
	rawItems, _ := p.Get("items")
	var items wire.Object
	if err := rawItems.Decode(&items); err != nil {
		return err
	}
	kind, _ := items.Get("type")
	switch word {
	case "minItems", "maxItems":
		return setCount(p, word, value)
	case "uniqueItems":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("expected true or false")
		}
		p.Set(word, boolean(b))
		return nil
	case "default":
		v := text(value)
		if kind.String() != `"string"` {
			var err error
			if v, err = wire.ParseRaw([]byte(value)); err != nil {
				return fmt.Errorf("expected a JSON value")
			}
		}
		addTo(p, word, v)
		return nil
	}
	var err error
	switch kind.String() {
	case `"string"`:
		err = applyToString(&items, word, value)
	case `"integer"`, `"number"`:
		err = applyToNumber(&items, word, value)
	default:
		err = notFor("an array")
	}
	if err == nil {
		p.Set("items", raw(items))
	}
	return err
}

// applyExtras adds keywords that have no tag of their own; one that occurs several times is a list.
func applyExtras(p *wire.Object, tag string) error {
	count := map[string]int{}
	for _, part := range splitTag(tag) {
		word, value, ok := strings.Cut(part, "=")
		if !ok || word == "" {
			return fmt.Errorf("jsonschema_extras tag: %q: expected name=value", part)
		}
		v := text(value)
		if value == "true" || value == "false" {
			v = wire.MustRaw(value)
		}
		switch count[word]++; count[word] {
		case 1:
			p.Set(word, v)
		case 2:
			first, _ := p.Get(word)
			p.Set(word, raws(first, v))
		default:
			addTo(p, word, v)
		}
	}
	return nil
}

// setChoices replaces what p is by a choice of the values of a keyword, separated by semicolons.
func setChoices(p *wire.Object, choice, keyword, values string) error {
	target := p
	var items wire.Object
	inItems := false
	if rawItems, ok := p.Get("items"); ok && keyword == "$ref" {
		if err := rawItems.Decode(&items); err != nil {
			return err
		}
		target, inItems = &items, true
	}
	target.Delete(keyword)
	for _, v := range strings.Split(values, ";") {
		addTo(target, choice, raw(wire.Object{{Name: keyword, Value: text(v)}}))
	}
	if inItems {
		p.Set("items", raw(items))
	}
	return nil
}

// requireOne adds name to the required members of the alternative of the object that has the title.
func requireOne(parent *wire.Object, choice, title, name string) error {
	list, _ := parent.Get(choice)
	var alternatives []wire.Raw
	if !list.IsZero() {
		if err := list.Unmarshal(&alternatives); err != nil {
			return err
		}
	}
	for i, a := range alternatives {
		var o wire.Object
		if err := a.Decode(&o); err != nil {
			return err
		}
		if t, _ := o.Get("title"); t.String() == text(title).String() {
			addTo(&o, "required", text(name))
			alternatives[i] = raw(o)
			parent.Set(choice, raws(alternatives...))
			return nil
		}
	}
	o := wire.Object{{Name: "required", Value: texts([]string{name})}, {Name: "title", Value: text(title)}}
	parent.Set(choice, raws(append(alternatives, raw(o))...))
	return nil
}

func setCount(p *wire.Object, word, value string) error {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return fmt.Errorf("expected a whole number")
	}
	p.Set(word, integer(int64(n)))
	return nil
}
