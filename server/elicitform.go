package server

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// form is the form that a struct describes.
type form struct {
	params mcp.ElicitSchema
	check  *jsonSchema
	err    error
}

// forms are the forms made so far, by type.
var forms sync.Map // reflect.Type → *form

// formOf gives the form that T describes.
func formOf[T any]() (*form, error) {
	t := reflect.TypeFor[T]()
	v, ok := forms.Load(t)
	if !ok {
		v, _ = forms.LoadOrStore(t, newForm(t))
	}
	f := v.(*form)
	return f, f.err
}

func newForm(t reflect.Type) *form {
	f := &form{}
	if t.Kind() != reflect.Struct || special(t) != nil {
		f.err = fmt.Errorf("expected a struct, whose fields are those of the form")
		return f
	}
	fields, err := structFields(t)
	if err != nil {
		f.err = err
		return f
	}
	in := &inference{uses: map[reflect.Type]int{}, loops: map[reflect.Type]bool{}, names: map[string]reflect.Type{}}
	for _, field := range fields {
		p, err := in.formField(field)
		if err != nil {
			f.err = fmt.Errorf("field %s.%s: %w", t, field.Name, err)
			return f
		}
		f.params.Properties.Set(field.jsonName, p)
		if field.required() && field.Type.Kind() != reflect.Pointer {
			f.params.Required = append(f.params.Required, field.jsonName)
		}
	}
	f.check, f.err = compileSchema(raw(&f.params), true)
	return f
}

// formField gives the schema of one field of a form.
func (in *inference) formField(field field) (mcp.PrimitiveSchemaDefinition, error) {
	t := field.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var o wire.Object
	if err := formType(t); err != nil {
		return nil, err
	}
	o, err := in.schemaOf(t)
	if err != nil {
		return nil, err
	}
	var parent wire.Object
	if err := applyTags(&o, field, &parent); err != nil {
		return nil, err
	}
	if len(parent) > 0 {
		return nil, fmt.Errorf("forms have no alternatives of required fields")
	}
	if t.Kind() == reflect.Slice {
		if o, err = severalOf(o); err != nil {
			return nil, err
		}
	}
	p, err := mcp.UnmarshalPrimitiveSchemaDefinition(raw(o).Bytes())
	if err != nil {
		return nil, err
	}
	if _, unknown := p.(*mcp.UnknownPrimitiveSchemaDefinition); unknown {
		return nil, fmt.Errorf("forms have no fields of %s", t)
	}
	return p, p.Validate()
}

// formType is the error for types that forms do not have.
func formType(t reflect.Type) error {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if t != durationType {
			return nil
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return nil
		}
	default:
		if t == timeType || implements[textUnmarshaler](t) {
			return nil
		}
	}
	return fmt.Errorf("forms have no fields of %s: expected a string, number, Boolean, time.Time, or a slice of strings to choose from", t)
}

// severalOf gives the schema for choosing several in the form that the protocol wants: the choices of a titled one are in
// anyOf, without a type.
func severalOf(o wire.Object) (wire.Object, error) {
	rawItems, _ := o.Get("items")
	items, err := parseObject(rawItems)
	if err != nil {
		return nil, err
	}
	if titled, ok := items.Get("oneOf"); ok {
		o.Set("items", raw(wire.Object{{Name: "anyOf", Value: titled}}))
	} else if _, ok := items.Get("enum"); !ok {
		return nil, fmt.Errorf("a slice of strings needs the values to choose from: enum=… in its tag, or a method EnumOptions of its type")
	}
	return o, nil
}
