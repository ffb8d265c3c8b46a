package server

import (
	"fmt"
	"reflect"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// wrapper is the member of the object that results which are no objects are wrapped in.
const wrapper = "result"

// resultRenderer gives what makes a result of an Out, and infers its schema if c has none.
func resultRenderer[Out any](c *toolConfig) (func(Out) (*mcp.CallToolResult, error), error) {
	var render any
	switch any((*Out)(nil)).(type) {
	case *string:
		render = func(s string) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: s}}}, nil
		}
	case **mcp.CallToolResult:
		render = func(r *mcp.CallToolResult) (*mcp.CallToolResult, error) { return r, nil }
	case *[]mcp.ContentBlock:
		render = func(content []mcp.ContentBlock) (*mcp.CallToolResult, error) {
			return &mcp.CallToolResult{Content: content}, nil
		}
	case *struct{}:
		render = func(struct{}) (*mcp.CallToolResult, error) { return &mcp.CallToolResult{}, nil }
	}
	if render != nil {
		return render.(func(Out) (*mcp.CallToolResult, error)), nil
	}
	t := reflect.TypeFor[Out]()
	if t.Kind() == reflect.Interface || t == rawType {
		return func(out Out) (*mcp.CallToolResult, error) { return renderAny(c.def.Name, out) }, nil
	}
	schema, wrapped, err := inferSchema(t, wrapper)
	if err != nil {
		return nil, err
	}
	if _, err := wire.Marshal(reflect.Zero(t).Interface()); err != nil {
		return nil, fmt.Errorf("%s cannot be encoded: %w", t, err)
	}
	if c.def.OutputSchema.IsZero() {
		c.def.OutputSchema = schema
	}
	return func(out Out) (*mcp.CallToolResult, error) {
		structured, err := wire.Marshal(out)
		if err != nil {
			return nil, badResult(c.def.Name, err)
		}
		return renderStructured(structured, wrapped), nil
	}, nil
}

func renderStructured(structured wire.Raw, wrapped bool) *mcp.CallToolResult {
	if wrapped {
		structured = raw(wire.Object{{Name: wrapper, Value: structured}})
	}
	return &mcp.CallToolResult{
		StructuredContent: structured,
		Content:           []mcp.ContentBlock{&mcp.TextContent{Text: structured.String()}},
	}
}

// renderAny renders a value whose type is known only now.
func renderAny(name string, out any) (*mcp.CallToolResult, error) {
	switch v := out.(type) {
	case nil:
		return &mcp.CallToolResult{}, nil
	case string:
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: v}}}, nil
	case *mcp.CallToolResult:
		return v, nil
	case []mcp.ContentBlock:
		return &mcp.CallToolResult{Content: v}, nil
	case mcp.ContentBlock:
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{v}}, nil
	case wire.Raw:
		if v.IsZero() {
			return &mcp.CallToolResult{}, nil
		}
		return renderStructured(v, v.Kind() != wire.KindObject), nil
	}
	structured, err := wire.Marshal(out)
	if err != nil {
		return nil, badResult(name, err)
	}
	return renderStructured(structured, structured.Kind() != wire.KindObject), nil
}
