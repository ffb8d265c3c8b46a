package client

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// FormDefaults gives the defaults of a form's fields, for showing the form filled in.
func FormDefaults(params *mcp.ElicitFormParams) map[string]mcp.ElicitValue {
	f := form{schema: rawOf(&params.RequestedSchema)}
	if f.read() != nil {
		return nil
	}
	return f.fill(nil)
}

// CheckForm reports what is wrong with the values for a form: missing and unknown fields, and values that do not fit. It
// is what [OnElicit] does with an answer, after the defaults were filled in.
func CheckForm(params *mcp.ElicitFormParams, content map[string]mcp.ElicitValue) error {
	f, err := newForm(rawOf(&params.RequestedSchema))
	if err != nil {
		return err
	}
	return f.check(content)
}

// form is the schema of a form, ready to be used.
type form struct {
	schema   wire.Raw
	defaults map[string]mcp.ElicitValue
	fields   []string
	open     bool // more fields are allowed
	compiled *schema.Schema
}

func newForm(raw wire.Raw) (*form, error) {
	f := &form{schema: raw}
	if err := f.read(); err != nil {
		return nil, err
	}
	var err error
	f.compiled, err = schema.Compile(raw, schema.Options{Formats: true})
	return f, err
}

// formSchema gives the schema as the server wrote it: the Go type does not tell an empty default from none.
func formSchema(ctx context.Context, p *mcp.ElicitFormParams) wire.Raw {
	if m := rpc.MessageFrom(ctx); m != nil {
		var params wire.Object
		if raw := m.Raw(); raw.Kind() == wire.KindObject && raw.Decode(&params) == nil {
			if schema, ok := params.Get("requestedSchema"); ok {
				return schema
			}
		}
	}
	return rawOf(&p.RequestedSchema)
}

func rawOf(v wire.Appender) wire.Raw {
	raw, err := wire.ParseRaw(v.AppendJSON(nil))
	if err != nil {
		return emptyObject
	}
	return raw
}

// read takes the fields and their defaults from the schema.
func (f *form) read() error {
	var schema, properties wire.Object
	if err := f.schema.Decode(&schema); err != nil {
		return err
	}
	if raw, ok := schema.Get("properties"); ok {
		if err := raw.Decode(&properties); err != nil {
			return err
		}
	}
	more, ok := schema.Get("additionalProperties")
	f.open = ok && more.String() != "false"
	f.defaults = map[string]mcp.ElicitValue{}
	for _, p := range properties {
		f.fields = append(f.fields, p.Name)
		var field wire.Object
		if err := p.Value.Decode(&field); err != nil {
			return err
		}
		def, ok := field.Get("default")
		if !ok || def.Kind() == wire.KindNull {
			continue
		}
		value, err := mcp.UnmarshalElicitValue(def.Bytes())
		if err != nil {
			return fmt.Errorf("the default of %q: %w", clip(p.Name), err)
		}
		f.defaults[p.Name] = value
	}
	return nil
}

// fill gives the content with the defaults for what it lacks.
func (f *form) fill(content map[string]mcp.ElicitValue) map[string]mcp.ElicitValue {
	filled := maps.Clone(f.defaults)
	maps.Copy(filled, content)
	return filled
}

func (f *form) check(content map[string]mcp.ElicitValue) error {
	var object wire.Object
	for _, name := range slices.Sorted(maps.Keys(content)) {
		value := content[name]
		if value == nil {
			return fmt.Errorf("field %q: expected a value, found nil", clip(name))
		}
		if err := value.Validate(); err != nil {
			return fmt.Errorf("field %q: %w", clip(name), err)
		}
		if !f.open && !slices.Contains(f.fields, name) {
			return fmt.Errorf("field %q is not in the form, which has %q", clip(name), f.fields)
		}
		raw, err := wire.ParseRaw(value.AppendJSON(nil))
		if err != nil {
			return fmt.Errorf("field %q: %w", clip(name), err)
		}
		switch raw.Kind() {
		case wire.KindString, wire.KindNumber, wire.KindBool, wire.KindArray:
		default:
			return fmt.Errorf("field %q: expected a string, a number, a boolean or an array of strings, found %s", clip(name), raw.Kind())
		}
		object.Set(name, raw)
	}
	return f.compiled.Check(rawOf(object))
}
