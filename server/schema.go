package server

import (
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// jsonSchema is a compiled JSON Schema whose root is an object. It is immutable and safe for concurrent use.
type jsonSchema struct {
	doc      map[string]any // as schema.Parse gives it
	compiled *schema.Schema
}

// valuesOnly leaves the schema itself to what registers it, see Limits.Schema.
var valuesOnly = schemalimit.Limits{Bytes: -1, Depth: -1, Nodes: -1, Pattern: -1}

// compileSchema compiles a schema as a tool may have it: an object whose type is object. formats says that the keyword
// format is checked where the dialect leaves it open.
func compileSchema(raw wire.Raw, formats bool) (*jsonSchema, error) {
	if raw.Kind() != wire.KindObject {
		return nil, fmt.Errorf("a schema must be a JSON object, this is %s", kindName(raw.Kind()))
	}
	var members wire.Object
	if err := raw.Decode(&members); err != nil {
		return nil, decodeProblem(err)
	}
	if kind, _ := members.Get("type"); kind.String() != `"object"` {
		return nil, errors.New(`the schema's root must have "type": "object"`)
	}
	compiled, err := schema.Compile(raw, schema.Options{Formats: formats, Limits: valuesOnly})
	if err != nil {
		return nil, err
	}
	doc, _ := compiled.Doc().(map[string]any)
	return &jsonSchema{doc, compiled}, nil
}

// check validates a value, absent being {}. The error is a *invalid.
func (s *jsonSchema) check(raw wire.Raw) error {
	if raw.IsZero() {
		raw = emptyObject
	}
	return s.compiled.Check(raw)
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

// resolve gives the schema object that v is or refers to, nil if it is none.
func resolve(doc map[string]any, v any) map[string]any { return schema.Resolve(doc, v) }

// invalid says why a value does not fit a schema, in words for a model.
type invalid = schema.Invalid

// decodeProblem says why arguments that fit the schema cannot be read into their Go type.
func decodeProblem(err error) *invalid { return schema.DecodeProblem(err) }

// nearest gives the name most like the one given, "" if none is like it.
func nearest(name string, names []string) string { return schema.Nearest(name, names) }
