package server

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// textReader makes values of T of named texts: the arguments of a prompt, the variables of a URI template. What T's fields
// are called and may be is said as for the arguments of tools; texts are read as the types of the fields.
type textReader[T any] struct {
	schema *jsonSchema
	textFields
}

// textFields are the fields of a T, in order.
type textFields struct {
	fields []textField
	other  *textField // what any other name stands for; nil if there are none
}

// textField is a field of a T.
type textField struct {
	name, title, description string
	list, pairs              bool // it takes several texts, or names and texts
	required                 bool
	enum                     []string
	fallback                 wire.Raw // the default; absent if there is none
}

func newTextReader[T any]() (*textReader[T], error) {
	inferred, _, err := inferSchema(reflect.TypeFor[T](), "")
	if err != nil {
		return nil, err
	}
	r := &textReader[T]{}
	if r.schema, err = compileSchema(inferred, true); err != nil {
		return nil, err
	}
	if _, err := defaultsOf[T](inferred); err != nil {
		return nil, err
	}
	doc, err := parseObject(inferred)
	if err != nil {
		return nil, err
	}
	if list, ok := doc.Get("properties"); ok {
		properties, err := parseObject(list)
		if err != nil {
			return nil, err
		}
		for _, p := range properties {
			f := r.schema.textField(p.Name, r.schema.doc["properties"].(map[string]any)[p.Name])
			if o, err := parseObject(p.Value); err == nil {
				f.fallback, _ = o.Get("default")
			}
			required, _ := r.schema.doc["required"].([]any)
			f.required = containsAny(required, p.Name) && f.fallback.IsZero()
			r.fields = append(r.fields, f)
		}
	}
	switch other := r.schema.doc["additionalProperties"].(type) {
	case nil, map[string]any:
		f := r.schema.textField("", other)
		r.other = &f
	}
	return r, nil
}

// textField describes the field whose schema node is.
func (s *jsonSchema) textField(name string, node any) textField {
	f := textField{name: name, enum: s.enumOf(node)}
	o := resolve(s.doc, node)
	kinds := kindsOf(o["type"])
	f.list, f.pairs = kinds["array"], kinds["object"]
	f.title, _ = o["title"].(string)
	f.description, _ = o["description"].(string)
	return f
}

// enumOf gives the values that a schema allows, if it says so.
func (s *jsonSchema) enumOf(node any) []string {
	o := resolve(s.doc, node)
	var values []string
	add := func(v any) {
		if text := fmt.Sprint(v); v != nil && !slices.Contains(values, text) {
			values = append(values, text)
		}
	}
	if list, ok := o["enum"].([]any); ok {
		for _, v := range list {
			add(v)
		}
		return values
	}
	for _, keyword := range [...]string{"oneOf", "anyOf"} {
		list, _ := o[keyword].([]any)
		for _, choice := range list {
			c := resolve(s.doc, choice)
			if v, ok := c["const"]; ok {
				add(v)
				continue
			}
			for _, v := range s.enumOf(c) {
				add(v)
			}
		}
	}
	if kinds := kindsOf(o["type"]); kinds["boolean"] {
		add(true)
		add(false)
	} else if kinds["array"] && o["items"] != nil {
		return s.enumOf(o["items"])
	}
	return values
}

// field gives what a name stands for; nil if there is no such name.
func (t *textFields) field(name string) *textField {
	for i := range t.fields {
		if t.fields[i].name == name {
			return &t.fields[i]
		}
	}
	return t.other
}

// read makes a T. An empty text for what is not required is as if absent.
func (r *textReader[T]) read(values wire.Object) (v T, err error) {
	given := make(wire.Object, 0, len(values))
	for _, m := range values {
		if f := r.field(m.Name); f != nil && f != r.other && !f.required && m.Value.String() == `""` {
			continue
		}
		given = append(given, m)
	}
	for _, f := range r.fields {
		if _, ok := given.Get(f.name); !ok && !f.fallback.IsZero() {
			given = append(given, wire.Member{Name: f.name, Value: f.fallback})
		}
	}
	arguments := raw(given)
	err = r.schema.check(arguments)
	if err != nil {
		if coerced, changed := r.schema.coerce(arguments); changed {
			arguments = coerced
			err = r.schema.check(arguments)
		}
	}
	if err != nil {
		return v, err
	}
	if err := arguments.Unmarshal(&v); err != nil {
		return v, decodeProblem(err)
	}
	return v, nil
}

// form gives what a variable of a template may be, going by the field it is for.
func (t *textFields) form(variable string, _ bool) (valueForm, error) {
	f := t.field(variable)
	if f == nil {
		return valueForm{}, fmt.Errorf("no field is for the variable %s: expected one with the tag `json:\"%s\"`", variable, variable)
	}
	return valueForm{list: f.list, pairs: f.pairs, required: f.required}, nil
}

// values makes of what a template matched what read takes.
func (p *uriPattern) values(found [][]string) (wire.Object, error) {
	var o wire.Object
	for i, v := range p.variables {
		switch values := found[i]; {
		case len(values) == 0:
		case v.form.pairs:
			if len(values)%2 != 0 {
				return nil, errors.New("expected a value for each name")
			}
			var pairs wire.Object
			for j := 0; j < len(values); j += 2 {
				if _, twice := pairs.Get(values[j]); twice {
					return nil, errors.New("expected each name once")
				}
				pairs = append(pairs, wire.Member{Name: values[j], Value: text(values[j+1])})
			}
			o = append(o, wire.Member{Name: v.name, Value: raw(pairs)})
		case v.form.list:
			o = append(o, wire.Member{Name: v.name, Value: texts(values)})
		default:
			o = append(o, wire.Member{Name: v.name, Value: text(values[0])})
		}
	}
	return o, nil
}
