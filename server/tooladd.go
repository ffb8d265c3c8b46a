package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// AddTool adds a tool to the catalogue of s. Its name has 1 to 128 letters, digits, '_', '.' and '-'; its description is
// for the model.
//
// In is a struct, or a map with strings as keys, and the schema of the arguments is inferred from it: names and
// omitempty (not required) from json tags, the rest from jsonschema tags as of invopop/jsonschema. Arguments are
// validated before h is called; absent ones are {}, and members of In with a default in their tag have it if they are
// not given. What is wrong with them is told to the model. In may also be *mcp.CallToolParams, or any or wire.Raw for
// the arguments as they came: then every object will do unless [InputSchema] says what they are.
//
// Out decides on the result: a string is text; []mcp.ContentBlock is content; *mcp.CallToolResult is the whole; struct{}
// is nothing; a struct or map is structured content and its JSON as text, with the schema inferred; anything else is
// that of an object {"result": …}. An interface or wire.Raw is as its value, without a schema. Results are validated
// against the schema.
//
// An error of h is a result that the model reads; an *rpc.Error is an error of the protocol.
//
// A mistake (a bad name or one that is taken, a type without a schema) is the program's, and AddTool panics with a
// [*Mistake], which names the line. TryAddTool returns it.
func AddTool[In, Out any](s *Server, name, description string, h func(ctx context.Context, in In) (Out, error), opts ...ToolOption) {
	must(TryAddTool(s, name, description, h, opts...))
}

// TryAddTool is AddTool for names or schemas that are not known to be right: it returns the *Mistake.
func TryAddTool[In, Out any](s *Server, name, description string, h func(ctx context.Context, in In) (Out, error), opts ...ToolOption) error {
	c := toolConfig{def: mcp.Tool{Name: name, Description: description}}
	for _, o := range opts {
		o.applyTool(&c)
	}
	err := checkName(name)
	if err == nil {
		var t *tool
		if t, err = newTypedTool(c, h); err == nil {
			s.tasks.note(t)
			err = s.tools.list.add(name, t)
		}
	}
	if err != nil {
		return mistake(KindTool, name, err)
	}
	return nil
}

// AddRawTool adds a tool whose definition and arguments are the program's own affair: def's schemas are kept as they
// are. Arguments and structured results are validated against them unless [WithoutValidation] is given; a schema with one
// of the few keywords that are not built in (docs/schemas.md) is a mistake unless the program imports
// runtime/fullschema. A name that clients may refuse is only logged. It panics as AddTool does.
func AddRawTool(s *Server, def mcp.Tool, h ToolHandler, opts ...ToolOption) {
	must(TryAddRawTool(s, def, h, opts...))
}

// TryAddRawTool is AddRawTool for definitions that are not known to be right: it returns the *Mistake.
func TryAddRawTool(s *Server, def mcp.Tool, h ToolHandler, opts ...ToolOption) error {
	c := toolConfig{def: def}
	for _, o := range opts {
		o.applyTool(&c)
	}
	if c.def.InputSchema.IsZero() {
		c.def.InputSchema = wire.MustRaw(`{"type":"object"}`)
	}
	var t *tool
	err := s.cfg.bounds.checkSchemas(&c.def) // before it is compiled: it may be somebody else's
	if err == nil {
		t, err = newRawTool(c, h)
	}
	if err == nil {
		s.warnName(KindTool, def.Name)
		s.tasks.note(t)
		err = s.tools.list.add(def.Name, t)
	}
	if err != nil {
		return mistake(KindTool, def.Name, err)
	}
	return nil
}

// schemas are a tool's schemas, compiled; nil where there is nothing to check.
type schemas struct{ in, out *jsonSchema }

// compile compiles the schemas of a tool. formats is for those that were inferred.
func (c *toolConfig) compile(formatsIn, formatsOut bool) (s schemas, err error) {
	if err := c.def.Validate(); err != nil {
		return s, err
	}
	if c.noValidation {
		return s, nil
	}
	if s.in, err = compileSchema(c.def.InputSchema, formatsIn); err != nil {
		return s, fmt.Errorf("input schema: %w", err)
	}
	if !c.def.OutputSchema.IsZero() {
		if s.out, err = compileSchema(c.def.OutputSchema, formatsOut); err != nil {
			return s, fmt.Errorf("output schema: %w", err)
		}
	}
	return s, nil
}

func newRawTool(c toolConfig, h ToolHandler) (*tool, error) {
	if h == nil {
		return nil, errors.New("the handler is nil")
	}
	s, err := c.compile(false, false)
	if err != nil {
		return nil, err
	}
	scopes, err := newScoped(c.scopes)
	if err != nil {
		return nil, err
	}
	return &tool{def: c.def, scoped: scopes, resumable: c.resumable, immediate: c.immediate, call: func(ctx context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		if wrong := s.arguments(&c, params); wrong != nil {
			return wrong, nil
		}
		result, err := h(ctx, params)
		if err != nil {
			return nil, err
		}
		return s.result(&c, result)
	}}, nil
}

// arguments coerces and validates arguments; a result says what is wrong with them.
func (s schemas) arguments(c *toolConfig, params *mcp.CallToolParams) *mcp.CallToolResult {
	if s.in == nil {
		return nil
	}
	err := s.in.check(params.Arguments)
	if err != nil && c.coerce {
		if coerced, changed := s.in.coerce(params.Arguments); changed {
			if err = s.in.check(coerced); err == nil {
				params.Arguments = coerced
			}
		}
	}
	if err == nil {
		return nil
	}
	return badArguments(params.Name, err)
}

// badArguments tells the model what is wrong with its arguments.
func badArguments(name string, err error) *mcp.CallToolResult {
	text := err.Error()
	if e, ok := errors.AsType[*invalid](err); ok {
		text = e.Lines()
	}
	return toolError("The arguments of " + name + " are not valid; correct them and call it again.\n" + text)
}

// result validates what a handler gave, and renders structured content as text for clients that know no other.
func (s schemas) result(c *toolConfig, r *mcp.CallToolResult) (*mcp.CallToolResult, error) {
	if r == nil {
		r = &mcp.CallToolResult{}
	}
	if r.IsError {
		return r, nil
	}
	if s.out != nil {
		if r.StructuredContent.IsZero() {
			return nil, badResult(c.def.Name, errors.New("there is no structured content, though the tool has an output schema"))
		}
		if err := s.out.check(r.StructuredContent); err != nil {
			return nil, badResult(c.def.Name, err)
		}
	}
	if len(r.Content) == 0 && !r.StructuredContent.IsZero() {
		r = new(*r)
		r.Content = []mcp.ContentBlock{&mcp.TextContent{Text: r.StructuredContent.String()}}
	}
	return r, nil
}

// badResult is the error for a result that is not what the tool promises: a fault of the server.
func badResult(name string, err error) error {
	return rpc.Errorf(mcp.CodeInternalError, "the result of the tool %s does not fit its output schema: %w", name, err)
}

// newTypedTool makes a tool of a function. All reflection on types happens here.
func newTypedTool[In, Out any](c toolConfig, h func(context.Context, In) (Out, error)) (*tool, error) {
	if h == nil {
		return nil, errors.New("the handler is nil")
	}
	givenIn, givenOut := !c.def.InputSchema.IsZero(), !c.def.OutputSchema.IsZero()
	read, err := argumentReader[In](&c)
	if err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	render, err := resultRenderer[Out](&c)
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	s, err := c.compile(!givenIn, !givenOut)
	if err != nil {
		return nil, err
	}
	scopes, err := newScoped(c.scopes)
	if err != nil {
		return nil, err
	}
	lenient := !givenIn && s.in != nil
	return &tool{def: c.def, scoped: scopes, resumable: c.resumable, immediate: c.immediate, call: func(ctx context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		if wrong := s.arguments(&c, params); wrong != nil {
			if !lenient || !s.dropNulls(params) {
				return wrong, nil
			}
		}
		in, err := read(params)
		if err != nil {
			return badArguments(params.Name, decodeProblem(err)), nil
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, err
		}
		r, err := render(out)
		if err != nil {
			return nil, err
		}
		return s.result(&c, r)
	}}, nil
}

// dropNulls takes members that are null and not required for absent, as everywhere in the protocol, if that makes the
// arguments valid.
func (s schemas) dropNulls(params *mcp.CallToolParams) bool {
	var o, kept wire.Object
	if params.Arguments.Kind() != wire.KindObject || params.Arguments.Decode(&o) != nil {
		return false
	}
	required, _ := s.in.doc["required"].([]any)
	for _, m := range o {
		if m.Value.Kind() == wire.KindNull && !containsAny(required, m.Name) {
			continue
		}
		kept = append(kept, m)
	}
	if len(kept) == len(o) {
		return false
	}
	without := raw(kept)
	if s.in.check(without) != nil {
		return false
	}
	params.Arguments = without
	return true
}

func containsAny(list []any, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// argumentReader gives what makes an In of params, and infers its schema if c has none.
func argumentReader[In any](c *toolConfig) (func(*mcp.CallToolParams) (In, error), error) {
	var read any
	switch any((*In)(nil)).(type) {
	case **mcp.CallToolParams:
		read = func(p *mcp.CallToolParams) (*mcp.CallToolParams, error) { return p, nil }
	case *wire.Raw:
		read = func(p *mcp.CallToolParams) (wire.Raw, error) {
			if p.Arguments.IsZero() {
				return emptyObject, nil
			}
			return p.Arguments, nil
		}
	case *any:
		if c.def.InputSchema.IsZero() {
			c.def.InputSchema = wire.MustRaw(`{"type":"object"}`)
		}
	}
	if read != nil {
		if c.def.InputSchema.IsZero() {
			c.def.InputSchema = wire.MustRaw(`{"type":"object"}`)
		}
		return read.(func(*mcp.CallToolParams) (In, error)), nil
	}
	if c.def.InputSchema.IsZero() {
		schema, _, err := inferSchema(reflect.TypeFor[In](), "")
		if err != nil {
			return nil, err
		}
		c.def.InputSchema = schema
	}
	defaults, err := defaultsOf[In](c.def.InputSchema)
	if err != nil {
		return nil, err
	}
	return func(p *mcp.CallToolParams) (in In, err error) {
		arguments := p.Arguments
		if arguments.IsZero() {
			arguments = emptyObject
		}
		if len(defaults) > 0 {
			if err := fillIn(&in, defaults, arguments); err != nil {
				return in, err
			}
		}
		err = arguments.Unmarshal(&in)
		return in, err
	}, nil
}

// fillIn sets what has a default and is not among the arguments.
func fillIn(in any, defaults wire.Object, arguments wire.Raw) error {
	given, err := parseObject(arguments)
	if err != nil {
		return err
	}
	var missing wire.Object
	for _, d := range defaults {
		if _, ok := given.Get(d.Name); !ok {
			missing = append(missing, d)
		}
	}
	return raw(missing).Unmarshal(in)
}

// defaultsOf gives the defaults in a schema, and makes sure that they and In can be read.
func defaultsOf[In any](schema wire.Raw) (wire.Object, error) {
	doc, err := parseObject(schema)
	if err != nil {
		return nil, err
	}
	list, _ := doc.Get("properties")
	properties, err := parseObject(list)
	if err != nil && !list.IsZero() {
		return nil, err
	}
	var defaults wire.Object
	for _, p := range properties {
		if o, err := parseObject(p.Value); err == nil {
			if v, ok := o.Get("default"); ok {
				defaults.Set(p.Name, v)
			}
		}
	}
	var in In
	if err := raw(defaults).Unmarshal(&in); err != nil {
		return nil, fmt.Errorf("%T cannot be read: %w", in, err)
	}
	return defaults, nil
}

func parseObject(r wire.Raw) (wire.Object, error) {
	if r.Kind() != wire.KindObject {
		return nil, fmt.Errorf("expected an object, found %s", kindName(r.Kind()))
	}
	var o wire.Object
	err := r.Decode(&o)
	return o, err
}
