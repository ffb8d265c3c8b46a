package server

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// schema is a compiled JSON Schema whose root is an object. It is immutable and safe for concurrent use.
type schema struct {
	doc      map[string]any // as the library reads it
	compiled *jsonschema.Schema
	gauge    *schemalimit.Gauge // of what would take too long; nil if nothing can
	fast     *fastNode          // accepts most of what is valid, quickly; nil if the schema is beyond it
}

// valuesOnly leaves the schema itself to what registers it, see Limits.Schema.
var valuesOnly = schemalimit.Limits{Bytes: -1, Depth: -1, Nodes: -1, Pattern: -1}

// schemaURL is where a schema stands for the library. Nothing is there: references never leave the document.
const schemaURL = "tenon:///schema"

// The dialects that are understood, as $schema names them, without the empty fragment.
const (
	dialect2020 = "https://json-schema.org/draft/2020-12/schema"
	dialect07   = "http://json-schema.org/draft-07/schema"
)

// noLoader refuses to read any document but the schema itself.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a schema may refer to places within itself only")
}

// compileSchema compiles a schema as a tool may have it: an object whose type is object. formats says that the keyword
// format is checked where the dialect leaves it open.
func compileSchema(raw wire.Raw, formats bool) (*schema, error) {
	if raw.Kind() != wire.KindObject {
		return nil, fmt.Errorf("a schema must be a JSON object, this is %s", kindName(raw.Kind()))
	}
	doc, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	s := &schema{doc: doc.(map[string]any)}
	if s.doc["type"] != "object" {
		return nil, errors.New(`the schema's root must have "type": "object"`)
	}
	if err := checkDialect(s.doc); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.DefaultDraft(jsonschema.Draft2020)
	if formats {
		c.AssertFormat()
	}
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	if s.compiled, err = c.Compile(schemaURL); err != nil {
		return nil, compileError(err)
	}
	if s.gauge, err = schemalimit.Measure(raw, valuesOnly); err != nil {
		return nil, err
	}
	s.fast = compileFast(s.doc, formats)
	return s, nil
}

func checkDialect(doc map[string]any) error {
	v, ok := doc["$schema"]
	if !ok {
		return nil
	}
	name, ok := v.(string)
	switch strings.TrimSuffix(name, "#") {
	case dialect2020, dialect07:
		if ok {
			return nil
		}
	}
	return fmt.Errorf("the JSON Schema dialect %q is not supported: expected %q (which no $schema means too) or %q", fmt.Sprint(v), dialect2020, dialect07+"#")
}

// compileError says what is wrong with a schema in fewer words than the library.
func compileError(err error) error {
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Errorf("reference to %q: %w", strings.TrimPrefix(e.URL, schemaURL), e.Err)
	}
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			return fmt.Errorf("not a valid schema: %s", (&schema{}).explain(v, "the schema").lines())
		}
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaURL, ""))
}

// check validates a value, absent being {}. The error is a *invalid.
func (s *schema) check(raw wire.Raw, what string) error {
	if raw.IsZero() {
		raw = emptyObject
	}
	if s.fast != nil && raw.Decode(s.fast) == nil {
		return nil
	}
	if err := s.gauge.Check(raw); err != nil {
		return &invalid{problems: []problem{{text: err.Error()}}}
	}
	v, err := parseTree(raw)
	if err != nil {
		return err
	}
	err = s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return s.explain(e, what)
	}
	return &invalid{problems: []problem{{text: err.Error()}}}
}

func kindName(k wire.Kind) string {
	switch k {
	case wire.KindNone:
		return "absent"
	case wire.KindNull:
		return "null"
	case wire.KindArray, wire.KindObject:
		return "an " + k.String()
	}
	return "a " + k.String()
}

// tree reads a JSON value into what the library takes. Integers stay exact.
type tree struct {
	value any
	path  []string // of what is being read
	wrong *invalid // a number that is too large to be looked at; nil if none
}

// parseTree gives a value in the library's form. The error is a *invalid.
func parseTree(raw wire.Raw) (any, error) {
	var t tree
	if err := raw.Decode(&t); err != nil {
		return nil, decodeProblem(err)
	}
	if t.wrong != nil {
		return nil, t.wrong
	}
	return t.value, nil
}

// DecodeJSON reads any value.
func (t *tree) DecodeJSON(d *wire.Decoder) { t.value = t.read(d) }

func (t *tree) read(d *wire.Decoder) any {
	switch d.Kind() {
	case wire.KindObject:
		o := map[string]any{}
		d.Object()
		for key, ok := d.Key(); ok; key, ok = d.Key() {
			name := string(key)
			t.path = append(t.path, name)
			o[name] = t.read(d)
			t.path = t.path[:len(t.path)-1]
		}
		return o
	case wire.KindArray:
		a := []any{}
		d.Array()
		for d.Elem() {
			t.path = append(t.path, strconv.Itoa(len(a)))
			a = append(a, t.read(d))
			t.path = t.path[:len(t.path)-1]
		}
		return a
	case wire.KindString:
		return d.String()
	case wire.KindBool:
		return d.Bool()
	case wire.KindNumber:
		return t.number(d.Raw().Bytes())
	}
	d.Null()
	return nil
}

// What a number to be validated may be at most: the library calculates with all its digits.
const (
	maxDigits   = 1000
	maxExponent = 999
)

// number gives a number in the library's form, which keeps its literal.
func (t *tree) number(literal []byte) any {
	e := bytes.IndexAny(literal, "eE")
	if len(literal) <= maxDigits && (e < 0 || len(bytes.TrimLeft(literal[e+1:], "+-0")) <= len(strconv.Itoa(maxExponent))) {
		if v, err := jsonschema.UnmarshalJSON(bytes.NewReader(literal)); err == nil {
			return v
		}
	}
	if t.wrong == nil {
		text := fmt.Sprintf("expected a number of at most %d digits with an exponent of at most %d", maxDigits, maxExponent)
		t.wrong = &invalid{[]problem{{pointerOf(t.path), text}}}
	}
	return 0
}
