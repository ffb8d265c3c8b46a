package server

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Schemas are inferred from Go types by what runtime/wire makes of them: names and options as in json tags, and the tag
// vocabulary of invopop/jsonschema (infertags.go), against which a test compares them. The library itself is not used
// because it links a YAML parser, and because it describes several types otherwise than they are encoded.

// inference makes the schema of one type.
type inference struct {
	root  reflect.Type // a reference to it is "#"; nil if the root of the document is another
	uses  map[reflect.Type]int
	loops map[reflect.Type]bool // types that contain themselves
	names map[string]reflect.Type
	defs  wire.Object
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	bigIntType   = reflect.TypeFor[big.Int]()
	rawType      = reflect.TypeFor[wire.Raw]()
	objectType   = reflect.TypeFor[wire.Object]()
)

// inferSchema gives the JSON Schema (2020-12) of the values of t. Where t is no object it is wrapped in one, with the
// single member wrapper, unless that is "", which makes it an error.
func inferSchema(t reflect.Type, wrapper string) (schema wire.Raw, wrapped bool, err error) {
	for range 10 { // a type may be a pointer to itself
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	in := &inference{uses: map[reflect.Type]int{}, loops: map[reflect.Type]bool{}, names: map[string]reflect.Type{}}
	if err := in.survey(t, nil); err != nil {
		return wire.Raw{}, false, err
	}
	var root wire.Object
	if isObject(t) {
		in.root = t
		root, err = in.object(t)
	} else {
		var inner wire.Object
		if inner, err = in.schemaOf(t); err == nil {
			if kind, _ := inner.Get("type"); kind.String() == `"object"` {
				root = inner
			} else if wrapper == "" {
				err = fmt.Errorf("%s is no JSON object: expected a struct or a map with strings as keys", t)
			} else {
				wrapped = true
				root = wire.Object{
					{Name: "type", Value: text("object")},
					{Name: "properties", Value: raw(wire.Object{{Name: wrapper, Value: raw(inner)}})},
					{Name: "required", Value: texts([]string{wrapper})},
					{Name: "additionalProperties", Value: wire.MustRaw("false")},
				}
			}
		}
	}
	if err != nil {
		return wire.Raw{}, false, err
	}
	if len(in.defs) > 0 {
		root.Set("$defs", raw(in.defs))
	}
	return raw(root), wrapped, nil
}

// isObject reports whether values of t are encoded as objects whose members are t's fields or keys.
func isObject(t reflect.Type) bool {
	return (t.Kind() == reflect.Struct || t.Kind() == reflect.Map) && special(t) == nil
}

// special gives the schema of a type that is encoded in a way of its own, nil of others.
func special(t reflect.Type) func() (wire.Object, error) {
	simple := func(members ...string) func() (wire.Object, error) {
		return func() (wire.Object, error) {
			var o wire.Object
			for i := 0; i < len(members); i += 2 {
				o.Set(members[i], text(members[i+1]))
			}
			return o, nil
		}
	}
	switch t {
	case timeType:
		return simple("type", "string", "format", "date-time")
	case durationType:
		return func() (wire.Object, error) {
			return nil, errors.New("time.Duration has no JSON form of its own: take a number with the unit in its name, or a string")
		}
	case bigIntType:
		return simple("type", "integer")
	case rawType:
		return simple()
	case objectType:
		return simple("type", "object")
	}
	if hook := schemaHook(t); hook != nil {
		return hook
	}
	if options := enumOptions(t); options != nil {
		return func() (wire.Object, error) { return titledEnum(options), nil }
	}
	if t.PkgPath() == "encoding/json" && t.Name() == "Number" {
		return simple("type", "number")
	}
	if implements[jsonMarshaler](t) || implements[jsonUnmarshaler](t) || streamsJSON(t) {
		return simple()
	}
	if implements[textMarshaler](t) || implements[textUnmarshaler](t) || implements[textAppender](t) {
		return simple("type", "string")
	}
	if isBytes(t) {
		return simple("type", "string", "contentEncoding", "base64")
	}
	return nil
}

type (
	jsonMarshaler   interface{ MarshalJSON() ([]byte, error) }
	jsonUnmarshaler interface{ UnmarshalJSON([]byte) error }
	textMarshaler   interface{ MarshalText() ([]byte, error) }
	textAppender    interface{ AppendText([]byte) ([]byte, error) }
	textUnmarshaler interface{ UnmarshalText([]byte) error }
	enumerated      interface{ EnumOptions() []mcp.EnumOption }
)

func implements[I any](t reflect.Type) bool {
	i := reflect.TypeFor[I]()
	return t.Kind() != reflect.Interface && (t.Implements(i) || reflect.PointerTo(t).Implements(i))
}

// streamsJSON reports whether t encodes or decodes itself by the methods that goccy/go-json/v2 looks for. That the names
// are constants lets the linker leave out other methods.
func streamsJSON(t reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false
	}
	_, to := reflect.PointerTo(t).MethodByName("MarshalJSONTo")
	_, from := reflect.PointerTo(t).MethodByName("UnmarshalJSONFrom")
	return to || from
}

// isBytes reports whether values of t are encoded as base64.
func isBytes(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem() == reflect.TypeFor[byte]()
}

// schemaHook gives the schema that a type makes itself by a method JSONSchema: of wire.Raw, or of anything that can be
// encoded, such as invopop's *jsonschema.Schema.
func schemaHook(t reflect.Type) func() (wire.Object, error) {
	if t.Kind() == reflect.Interface {
		return nil
	}
	m := reflect.New(t).MethodByName("JSONSchema")
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return nil
	}
	return func() (wire.Object, error) {
		v := m.Call(nil)[0].Interface()
		r, ok := v.(wire.Raw)
		if !ok {
			var err error
			if r, err = wire.Marshal(v); err != nil {
				return nil, fmt.Errorf("the schema that %s.JSONSchema gives cannot be encoded: %w", t, err)
			}
		}
		var o wire.Object
		if r.Kind() != wire.KindObject || r.Decode(&o) != nil {
			return nil, fmt.Errorf("%s.JSONSchema gives no JSON object", t)
		}
		return o, nil
	}
}

// enumOptions gives the options of a string type that lists them by a method EnumOptions, nil of others.
func enumOptions(t reflect.Type) []mcp.EnumOption {
	if t.Kind() != reflect.String || !implements[enumerated](t) {
		return nil
	}
	return reflect.New(t).Interface().(enumerated).EnumOptions()
}

func titledEnum(options []mcp.EnumOption) wire.Object {
	list := make([]wire.Raw, len(options))
	for i := range options {
		list[i] = raw(&options[i])
	}
	return wire.Object{{Name: "type", Value: text("string")}, {Name: "oneOf", Value: raws(list...)}}
}

// survey counts how often each struct occurs and finds those that contain themselves.
func (in *inference) survey(t reflect.Type, path []reflect.Type) error {
	if special(t) != nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		if len(path) > 1000 {
			return fmt.Errorf("%s contains itself without a struct between", t)
		}
		return in.survey(t.Elem(), append(path, t))
	case reflect.Struct:
		for _, p := range path {
			if p == t {
				in.loops[t] = true
			}
		}
		in.uses[t]++
		if in.uses[t] > 1 {
			return nil
		}
		fields, err := structFields(t)
		if err != nil {
			return err
		}
		for _, f := range fields {
			if err := in.survey(f.Type, append(path, t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemaOf gives the schema of the values of t, which may be a reference.
func (in *inference) schemaOf(t reflect.Type) (wire.Object, error) {
	if f := special(t); f != nil {
		return f()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return in.schemaOf(t.Elem())
	case reflect.Struct:
		return in.structOrRef(t)
	case reflect.Map:
		return in.object(t)
	case reflect.Slice, reflect.Array:
		items, err := in.schemaOf(t.Elem())
		if err != nil {
			return nil, err
		}
		if t.Elem().Kind() == reflect.Pointer {
			items = nullable(items)
		}
		o := wire.Object{{Name: "type", Value: text("array")}, {Name: "items", Value: raw(items)}}
		if t.Kind() == reflect.Array {
			o.Set("minItems", integer(int64(t.Len())))
			o.Set("maxItems", integer(int64(t.Len())))
		}
		return o, nil
	case reflect.Interface:
		return wire.Object{}, nil
	case reflect.String:
		return wire.Object{{Name: "type", Value: text("string")}}, nil
	case reflect.Bool:
		return wire.Object{{Name: "type", Value: text("boolean")}}, nil
	case reflect.Float32, reflect.Float64:
		return wire.Object{{Name: "type", Value: text("number")}}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		o := wire.Object{{Name: "type", Value: text("integer")}}
		if t.Bits() < 64 {
			o.Set("minimum", integer(-1<<(t.Bits()-1)))
			o.Set("maximum", integer(1<<(t.Bits()-1)-1))
		}
		return o, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		o := wire.Object{{Name: "type", Value: text("integer")}, {Name: "minimum", Value: integer(0)}}
		if t.Bits() < 64 {
			o.Set("maximum", integer(1<<t.Bits()-1))
		}
		return o, nil
	}
	return nil, fmt.Errorf("%s cannot be JSON", t)
}

// structOrRef gives the schema of a struct: in place, or, if it occurs more than once, a reference to its definition.
func (in *inference) structOrRef(t reflect.Type) (wire.Object, error) {
	if t == in.root {
		return wire.Object{{Name: "$ref", Value: text("#")}}, nil
	}
	if t.Name() == "" || in.uses[t] < 2 && !in.loops[t] {
		return in.object(t)
	}
	name := in.nameOf(t)
	ref := wire.Object{{Name: "$ref", Value: text("#/$defs/" + name)}}
	if _, done := in.defs.Get(name); done {
		return ref, nil
	}
	in.defs.Set(name, emptyObject) // holds the place while t's fields refer to it
	o, err := in.object(t)
	if err != nil {
		return nil, err
	}
	in.defs.Set(name, raw(o))
	return ref, nil
}

// nameOf gives the name of a type among the definitions.
func (in *inference) nameOf(t reflect.Type) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, t.Name())
	name := plain
	for i := 2; in.names[name] != nil && in.names[name] != t; i++ {
		name = fmt.Sprintf("%s_%d", plain, i)
	}
	in.names[name] = t
	return name
}

// object gives the schema of a struct or map, in place.
func (in *inference) object(t reflect.Type) (wire.Object, error) {
	o := wire.Object{{Name: "type", Value: text("object")}}
	if t.Kind() == reflect.Map {
		if err := mapKey(t); err != nil {
			return nil, err
		}
		values, err := in.schemaOf(t.Elem())
		if err != nil {
			return nil, err
		}
		if t.Elem().Kind() == reflect.Pointer {
			values = nullable(values)
		}
		if len(values) > 0 {
			o.Set("additionalProperties", raw(values))
		}
		return o, nil
	}
	fields, err := structFields(t)
	if err != nil {
		return nil, err
	}
	var properties wire.Object
	var required []string
	parent := &o
	for _, f := range fields {
		p, err := in.schemaOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("field %s.%s: %w", t, f.Name, err)
		}
		if err := applyTags(&p, f, parent); err != nil {
			return nil, fmt.Errorf("field %s.%s: %w", t, f.Name, err)
		}
		if f.nullable() {
			p = nullable(p)
		}
		properties.Set(f.jsonName, raw(p))
		if f.required() {
			required = append(required, f.jsonName)
		}
	}
	if len(properties) > 0 {
		o.Set("properties", raw(properties))
	}
	if len(required) > 0 {
		o.Set("required", texts(required))
	}
	o.Set("additionalProperties", wire.MustRaw("false"))
	return o, nil
}

func mapKey(t reflect.Type) error {
	k := t.Key()
	switch k.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	}
	if implements[textMarshaler](k) {
		return nil
	}
	return fmt.Errorf("%s cannot be JSON: its keys are no strings", t)
}

// nullable gives a schema that takes null as well.
func nullable(o wire.Object) wire.Object {
	if kind, ok := o.Get("type"); ok && kind.Kind() == wire.KindString {
		if _, closed := o.Get("enum"); !closed {
			n := append(wire.Object(nil), o...)
			n.Set("type", raws(kind, text("null")))
			return n
		}
	}
	if len(o) == 0 {
		return o
	}
	n := wire.Object{{Name: "anyOf", Value: raws(raw(o), raw(wire.Object{{Name: "type", Value: text("null")}}))}}
	for _, name := range [...]string{"title", "description", "default"} {
		if v, ok := o.Get(name); ok {
			n.Set(name, v)
		}
	}
	return n
}
