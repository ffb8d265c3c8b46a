package client

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ToolError says that a tool ran and failed: its result has isError. The text is meant for the model that called it
// (server/tools, "Error Handling").
type ToolError struct {
	// Tool is the tool's name.
	Tool string
	// Result is what it returned.
	Result *mcp.CallToolResult
}

func (e *ToolError) Error() string {
	text := e.Text()
	if text == "" {
		text = "it gave no text"
	}
	return fmt.Sprintf("tool %s failed: %s", clip(e.Tool), text)
}

// Text gives the texts of the result, a line break between them.
func (e *ToolError) Text() string { return TextOf(e.Result.Content) }

// OutputError says that a tool succeeded, but that its output is not what the tool declares or what was asked for.
type OutputError struct {
	// Tool is the tool's name.
	Tool string
	// Result is what it returned.
	Result *mcp.CallToolResult
	// Err says what is wrong.
	Err error
}

func (e *OutputError) Error() string { return fmt.Sprintf("tool %s: %v", clip(e.Tool), e.Err) }

// Unwrap gives Err.
func (e *OutputError) Unwrap() error { return e.Err }

// TextOf gives the texts among content, a line break between them, and leaves everything else out.
func TextOf(content []mcp.ContentBlock) string {
	var texts []string
	for _, block := range content {
		if t, ok := block.(*mcp.TextContent); ok && t != nil {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// CallTool calls a tool with arguments, which are nil for none, a [wire.Raw], or a Go value that makes a JSON object.
// What it gives depends on Out:
//
//   - string: the texts of the result, a line break between them;
//   - []mcp.ContentBlock: its content;
//   - *mcp.CallToolResult: all of it;
//   - wire.Raw: the structured output;
//   - any: the structured output, or else the texts;
//   - any other type: the structured output, by the rules of [wire.Raw.Unmarshal]. A type that JSON shows as something
//     else than an object is found in the member result of it, where servers put it. A tool that has no structured output
//     and declares none may give the JSON as its only text instead, as servers of earlier versions do.
//
// Structured output is validated against the output schema that the tool declares, but for the first two. If the tool has
// not been seen in a list yet, the list is read, once; see [WithoutOutputValidation]. An output schema with one of the few
// keywords that are not built in (docs/schemas.md) takes the import of runtime/fullschema; without it the error is an
// [*OutputError].
//
// A tool that may only be called as a task is called as one and waited for, see [Client.CallTool] and [StartTool].
//
// The error is a [*ToolError] if the tool failed, an [*OutputError] if its output does not fit, and otherwise that of the
// call: an unknown tool, for one, is an [*rpc.Error].
func CallTool[Out any](ctx context.Context, c *Client, name string, arguments any, opts ...CallOption) (Out, error) {
	var out Out
	args, err := objectOf(arguments)
	if err != nil {
		return out, fmt.Errorf("client: arguments of tool %s: %w", clip(name), err)
	}
	result, err := c.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: args}, opts...)
	return finish[Out](ctx, c, name, result, err)
}

// finish makes what a call of a tool gives of its result, or its error.
func finish[Out any](ctx context.Context, c *Client, name string, result *mcp.CallToolResult, err error) (Out, error) {
	var out Out
	if err != nil {
		return out, err
	}
	if result.IsError {
		return out, &ToolError{Tool: name, Result: result}
	}
	if err := c.output(ctx, name, result, &out); err != nil {
		var none Out
		return none, &OutputError{Tool: name, Result: result, Err: err}
	}
	return out, nil
}

// output puts what a tool returned into *out.
func (c *Client) output(ctx context.Context, name string, result *mcp.CallToolResult, out any) error {
	switch out := out.(type) {
	case *string:
		*out = TextOf(result.Content)
		return hasText(result.Content)
	case *[]mcp.ContentBlock:
		*out = result.Content
		return nil
	}
	structured := result.StructuredContent
	if structured.IsZero() {
		switch out := out.(type) {
		case **mcp.CallToolResult:
			*out = result
			return nil
		case *any:
			*out = TextOf(result.Content)
			return nil
		}
	}
	declared, err := c.checkOutput(ctx, name, result)
	if err != nil {
		return err
	}
	if out, ok := out.(**mcp.CallToolResult); ok {
		*out = result
		return nil
	}
	if structured.IsZero() && !declared {
		structured = onlyText(result.Content)
	}
	if structured.IsZero() {
		return fmt.Errorf("expected structured output for Go type %T, found %s", reflect.ValueOf(out).Elem().Interface(), kinds(result.Content))
	}
	if raw, ok := out.(*wire.Raw); ok {
		*raw = structured
		return nil
	}
	return unwrap(structured, out)
}

// checkOutput validates structured output, and tells whether the tool declared any.
func (c *Client) checkOutput(ctx context.Context, name string, result *mcp.CallToolResult) (declared bool, err error) {
	if c.cfg.unchecked || name == "" {
		return false, nil
	}
	schema, err := c.outputSchema(ctx, name)
	if err != nil {
		return false, fmt.Errorf("its output schema could not be read: %w", err)
	}
	if schema == nil {
		return false, nil
	}
	if result.StructuredContent.IsZero() {
		return true, errors.New("it declares an output schema, but returned no structured output")
	}
	return true, schema.check(result.StructuredContent, c.cfg.bounds.Schema)
}

// wrapped is the member in which servers return what is no object.
const wrapped = "result"

// unwrap reads structured output into *out: as it is, or what it wraps.
func unwrap(structured wire.Raw, out any) error {
	inner, ok := onlyMember(structured)
	t := reflect.TypeOf(out).Elem()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	object := t.Kind() == reflect.Struct || t.Kind() == reflect.Map || t.Kind() == reflect.Interface
	p := reflect.PointerTo(t)
	switch {
	case !ok:
		return structured.Unmarshal(out)
	case p.Implements(jsonUnmarshaler):
		// It may read either.
		if err := structured.Unmarshal(out); err != nil {
			return inner.Unmarshal(out)
		}
		return nil
	case object && !p.Implements(textUnmarshaler):
		return structured.Unmarshal(out)
	}
	return inner.Unmarshal(out)
}

var (
	jsonUnmarshaler = reflect.TypeFor[interface{ UnmarshalJSON([]byte) error }]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// onlyMember gives the member result of an object that has no other.
func onlyMember(raw wire.Raw) (wire.Raw, bool) {
	var members wire.Object
	if raw.Kind() != wire.KindObject || raw.Decode(&members) != nil || len(members) != 1 {
		return wire.Raw{}, false
	}
	return members.Get(wrapped)
}

// onlyText gives the JSON that the only text of a result is; absent if it is none.
func onlyText(content []mcp.ContentBlock) wire.Raw {
	if len(content) != 1 {
		return wire.Raw{}
	}
	t, ok := content[0].(*mcp.TextContent)
	if !ok || t == nil {
		return wire.Raw{}
	}
	raw, err := wire.ParseRaw([]byte(t.Text))
	if err != nil {
		return wire.Raw{}
	}
	return raw
}

// hasText reports content without any text among it.
func hasText(content []mcp.ContentBlock) error {
	for _, block := range content {
		if _, ok := block.(*mcp.TextContent); ok {
			return nil
		}
	}
	if len(content) == 0 {
		return nil
	}
	return fmt.Errorf("expected text, found %s", kinds(content))
}

// kinds says what content is made of.
func kinds(content []mcp.ContentBlock) string {
	if len(content) == 0 {
		return "no content"
	}
	var all []string
	for _, block := range content {
		kind := "content of an unknown type"
		switch block.(type) {
		case *mcp.TextContent:
			kind = "text"
		case *mcp.ImageContent:
			kind = "an image"
		case *mcp.AudioContent:
			kind = "audio"
		case *mcp.ResourceLink:
			kind = "a resource link"
		case *mcp.EmbeddedResource:
			kind = "a resource"
		}
		if len(all) == 0 || all[len(all)-1] != kind {
			all = append(all, kind)
		}
	}
	return strings.Join(all, ", ")
}
