// Package fullschema has JSON Schemas validated whole that are beyond the subset which package schema has built in
// (docs/schemas.md says which): import it for its effect, in a program that registers such schemas, or calls tools of
// servers that do.
//
//	import _ "github.com/tenonmcp/tenon/runtime/fullschema"
//
// It links github.com/santhosh-tekuri/jsonschema and golang.org/x/text: some 5 ms of initialisation at each start. Schemas
// within the subset are checked as without it.
package fullschema

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func init() { schema.Register(compile) }

// schemaURL is where a schema stands for the library. Nothing is there: references never leave the document.
const schemaURL = "tenon:///schema"

// noLoader refuses to read any document but the schema itself.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("a schema may refer to places within itself only")
}

// full is a schema that the library has compiled.
type full struct {
	doc      any // as schema.Parse gives it
	compiled *jsonschema.Schema
}

func compile(raw wire.Raw, o schema.Options) (c schema.Checker, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("the schema cannot be used: %v", r)
		}
	}()
	f := &full{}
	if f.doc, err = schema.Parse(raw); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	compiler.DefaultDraft(jsonschema.Draft2020)
	if o.Formats {
		compiler.AssertFormat()
	}
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	if f.compiled, err = compiler.Compile(schemaURL); err != nil {
		return nil, f.compileError(err)
	}
	return f, nil
}

// compileError says what is wrong with a schema in fewer words than the library.
func (f *full) compileError(err error) error {
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Errorf("reference to %q: %w", strings.TrimPrefix(e.URL, schemaURL), e.Err)
	}
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			return fmt.Errorf("not a valid schema: %s", schema.Explain(nil, (&full{}).failure(v)).Lines())
		}
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaURL, ""))
}

// Check validates a value.
func (f *full) Check(v wire.Raw) (failure *schema.Failure, err error) {
	defer func() {
		if r := recover(); r != nil {
			failure, err = nil, fmt.Errorf("the value cannot be validated: %v", r)
		}
	}()
	if _, err := schema.Parse(v); err != nil {
		return nil, err // a number that takes long to calculate with
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(v.Bytes()))
	if err != nil {
		return nil, err
	}
	if err = f.compiled.Validate(value); err == nil {
		return nil, nil
	}
	if e, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return f.failure(e), nil
	}
	return nil, err
}

// failure tells what the library found in our words.
func (f *full) failure(e *jsonschema.ValidationError) *schema.Failure {
	out := &schema.Failure{At: e.InstanceLocation, Schema: f.node(e)}
	for _, c := range e.Causes {
		out.Causes = append(out.Causes, f.failure(c))
	}
	set := func(keyword string, want, got any) { out.Keyword, out.Want, out.Got = keyword, want, got }
	switch k := e.ErrorKind.(type) {
	case *kind.Group, *kind.Schema, *kind.Reference, *kind.AllOf:
		if len(out.Causes) == 0 {
			out.Keyword = "false"
		}
	case *kind.AnyOf:
		set("anyOf", nil, nil)
	case *kind.OneOf:
		set("oneOf", len(k.Subschemas), nil)
		if len(k.Subschemas) > 0 {
			out.Causes = nil
		}
	case *kind.Required:
		set("required", nil, nil)
		out.Names = k.Missing
	case *kind.AdditionalProperties:
		set("additionalProperties", nil, nil)
		out.Names = k.Properties
	case *kind.Contains:
		set("contains", nil, nil)
	case *kind.MinContains:
		set("minContains", k.Want, nil)
	case *kind.MaxContains:
		set("maxContains", k.Want, nil)
	case *kind.PropertyNames:
		set("propertyNames", nil, nil)
		out.Names = []string{k.Property}
	case *kind.Type:
		set("type", asWritten(out.Schema, k.Want), k.Got)
	case *kind.Enum:
		list := make([]any, len(k.Want))
		for i, v := range k.Want {
			list[i] = valueOf(v)
		}
		set("enum", list, valueOf(k.Got))
	case *kind.Const:
		set("const", valueOf(k.Want), valueOf(k.Got))
	case *kind.Format:
		set("format", k.Want, valueOf(k.Got))
	case *kind.Pattern:
		set("pattern", k.Want, k.Got)
	case *kind.MinLength:
		set("minLength", k.Want, k.Got)
	case *kind.MaxLength:
		set("maxLength", k.Want, k.Got)
	case *kind.MinItems:
		set("minItems", k.Want, k.Got)
	case *kind.MaxItems:
		set("maxItems", k.Want, k.Got)
	case *kind.UniqueItems:
		set("uniqueItems", nil, k.Duplicates[:])
	case *kind.MinProperties:
		set("minProperties", k.Want, k.Got)
	case *kind.MaxProperties:
		set("maxProperties", k.Want, k.Got)
	case *kind.Minimum:
		set("minimum", ratText(k.Want), ratText(k.Got))
	case *kind.Maximum:
		set("maximum", ratText(k.Want), ratText(k.Got))
	case *kind.ExclusiveMinimum:
		set("exclusiveMinimum", ratText(k.Want), ratText(k.Got))
	case *kind.ExclusiveMaximum:
		set("exclusiveMaximum", ratText(k.Want), ratText(k.Got))
	case *kind.MultipleOf:
		set("multipleOf", ratText(k.Want), ratText(k.Got))
	case *kind.DependentRequired:
		set("dependentRequired", k.Prop, nil)
		out.Names = k.Missing
	case *kind.Dependency:
		set("dependencies", k.Prop, nil)
		out.Names = k.Missing
	case *kind.FalseSchema:
		set("false", nil, nil)
	case *kind.Not:
		set("not", nil, nil)
	default:
		set(strings.Join(e.ErrorKind.KeywordPath(), "/"), nil, nil)
	}
	return out
}

// node gives the schema object that an error is about.
func (f *full) node(e *jsonschema.ValidationError) map[string]any {
	ref := strings.TrimPrefix(e.SchemaURL, schemaURL)
	if ref == "" {
		ref = "#"
	}
	v, _ := schema.Lookup(f.doc, ref)
	node, _ := v.(map[string]any)
	return node
}

// valueOf gives a value of the library's as schema.Parse does, as far as texts show it.
func valueOf(v any) any {
	switch v := v.(type) {
	case nil, bool, string, []any, map[string]any:
		return v
	}
	return schema.Number(fmt.Sprint(v))
}

// asWritten gives the names of the keyword type in the order of the schema.
func asWritten(node map[string]any, names []string) []string {
	written, _ := node["type"].([]any)
	if len(written) != len(names) {
		return names
	}
	list := make([]string, len(written))
	for i, v := range written {
		list[i], _ = v.(string)
	}
	return list
}

func ratText(r *big.Rat) schema.Number {
	if r.IsInt() {
		return schema.Number(r.Num().String())
	}
	f, _ := r.Float64()
	return schema.Number(strconv.FormatFloat(f, 'g', -1, 64))
}
