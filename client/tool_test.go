package client_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	_ "github.com/tenonmcp/tenon/runtime/fullschema"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// returning is a server whose tools all return result; the tool "t" declares the output schema, if it is not "".
func returning(result *mcp.CallToolResult, schema string) *fake {
	tool := mcp.Tool{Name: "t", InputSchema: object}
	if schema != "" {
		tool.OutputSchema = wire.MustRaw(schema)
	}
	return &fake{capabilities: everything(), tools: []mcp.Tool{tool}, call: func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return result, nil
	}}
}

func structured(s string) *mcp.CallToolResult {
	r := text(s)
	r.StructuredContent = wire.MustRaw(s)
	return r
}

type weather struct {
	Temperature float64 `json:"temperature"`
	Conditions  string  `json:"conditions"`
}

const weatherSchema = `{"type":"object","properties":{"temperature":{"type":"number","maximum":60},"conditions":{"type":"string"}},"required":["temperature"]}`

func TestToolArguments(t *testing.T) {
	for _, x := range []struct {
		arguments any
		want      string
	}{
		{nil, `{"name":"t"}`},
		{struct {
			N int64 `json:"n"`
		}{1<<62 + 1}, `{"name":"t","arguments":{"n":4611686018427387905}}`},
		{map[string]any{"b": 1, "a": []string(nil)}, `{"name":"t","arguments":{"a":[],"b":1}}`},
		{wire.MustRaw(`{"a":1.0}`), `{"name":"t","arguments":{"a":1.0}}`},
		{wire.Raw{}, `{"name":"t"}`},
		{(*weather)(nil), `{"name":"t"}`},
	} {
		f := returning(text("ok"), "")
		got, err := client.CallTool[string](t.Context(), dial(t, f), "t", x.arguments)
		require.NoError(t, err)
		require.Equal(t, "ok", got)
		require.Equal(t, x.want, f.params(mcp.MethodCallTool))
	}
	f := returning(text("ok"), "")
	c := dial(t, f)
	_, err := client.CallTool[string](t.Context(), c, "t", "Ada")
	require.EqualError(t, err, "client: arguments of tool t: expected a value that makes a JSON object, found string, which makes a JSON string")
	_, err = client.CallTool[string](t.Context(), c, "t", map[string]any{"f": func() {}})
	require.ErrorContains(t, err, "client: arguments of tool t: ")
	require.Empty(t, f.received())
}

func TestToolErrors(t *testing.T) {
	result := text("no such city")
	result.IsError = true
	c := dial(t, returning(result, weatherSchema))
	got, err := client.CallTool[weather](t.Context(), c, "t", nil)
	require.Zero(t, got)
	var failed *client.ToolError
	require.ErrorAs(t, err, &failed)
	require.EqualError(t, err, "tool t failed: no such city")
	require.Equal(t, "no such city", failed.Text())
	require.True(t, failed.Result.IsError)

	raw, err := c.CallTool(t.Context(), &mcp.CallToolParams{Name: "t"})
	require.NoError(t, err, "the raw call gives the result as it is")
	require.True(t, raw.IsError)

	c = dial(t, returning(&mcp.CallToolResult{IsError: true}, ""))
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.EqualError(t, err, "tool t failed: it gave no text")
}

func TestUnknownToolIsAProtocolError(t *testing.T) {
	f := &fake{capabilities: everything(), call: func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, "no such tool")
	}}
	_, err := client.CallTool[string](t.Context(), dial(t, f), "x", nil)
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, rpc.CodeInvalidParams, e.Code)
}

func TestTextOutput(t *testing.T) {
	two := &mcp.CallToolResult{Content: []mcp.ContentBlock{
		&mcp.TextContent{Text: "a"}, &mcp.ImageContent{MIMEType: "image/png", Data: "AAAA"}, &mcp.TextContent{Text: "b"},
	}}
	c := dial(t, returning(two, ""))
	got, err := client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, "a\nb", got)
	blocks, err := client.CallTool[[]mcp.ContentBlock](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Len(t, blocks, 3)
	all, err := client.CallTool[*mcp.CallToolResult](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Len(t, all.Content, 3)
	anything, err := client.CallTool[any](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, "a\nb", anything)

	c = dial(t, returning(&mcp.CallToolResult{}, ""))
	got, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Empty(t, got)

	c = dial(t, returning(&mcp.CallToolResult{Content: two.Content[1:2]}, ""))
	_, err = client.CallTool[string](t.Context(), c, "t", nil)
	require.EqualError(t, err, "tool t: expected text, found an image")
}

func TestStructuredOutput(t *testing.T) {
	f := returning(structured(`{"temperature":22.5,"conditions":"fair","more":1}`), weatherSchema)
	c := dial(t, f)
	got, err := client.CallTool[weather](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, weather{22.5, "fair"}, got)
	p, err := client.CallTool[*weather](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, &weather{22.5, "fair"}, p)
	m, err := client.CallTool[map[string]any](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Len(t, m, 3)
	raw, err := client.CallTool[wire.Raw](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, `{"temperature":22.5,"conditions":"fair","more":1}`, raw.String())
	anything, err := client.CallTool[any](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.IsType(t, map[string]any{}, anything)
	require.Equal(t, 1, f.count(mcp.MethodListTools), "the schema is read once")

	_, err = client.CallTool[struct {
		Temperature string `json:"temperature"`
	}](t.Context(), c, "t", nil)
	var bad *client.OutputError
	require.ErrorAs(t, err, &bad)
	require.ErrorContains(t, err, "tool t: at /temperature")
	require.NotNil(t, bad.Result)
}

func TestOutputThatIsNoObject(t *testing.T) {
	ctx := t.Context()
	numbers, err := client.CallTool[[]int](ctx, dial(t, returning(structured(`{"result":[1,2.0]}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, numbers)
	n, err := client.CallTool[uint64](ctx, dial(t, returning(structured(`{"result":18446744073709551615}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, ^uint64(0), n)
	at, err := client.CallTool[time.Time](ctx, dial(t, returning(structured(`{"result":"2025-11-25T00:00:00Z"}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, 2025, at.Year())
	addr, err := client.CallTool[netip.Addr](ctx, dial(t, returning(structured(`{"result":"::1"}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, netip.IPv6Loopback(), addr)
	type own struct {
		Result int `json:"result"`
	}
	o, err := client.CallTool[own](ctx, dial(t, returning(structured(`{"result":3}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, own{3}, o, "a struct is not unwrapped")
}

func TestJSONInTextOfServersWithoutStructuredOutput(t *testing.T) {
	got, err := client.CallTool[weather](t.Context(), dial(t, returning(text(`{"temperature":1}`), "")), "t", nil)
	require.NoError(t, err)
	require.Equal(t, weather{Temperature: 1}, got)

	_, err = client.CallTool[weather](t.Context(), dial(t, returning(text(`mild`), "")), "t", nil)
	require.EqualError(t, err, "tool t: expected structured output for Go type client_test.weather, found text")
	_, err = client.CallTool[weather](t.Context(), dial(t, returning(&mcp.CallToolResult{}, "")), "t", nil)
	require.EqualError(t, err, "tool t: expected structured output for Go type client_test.weather, found no content")
}

func TestOutputIsValidatedAgainstTheDeclaredSchema(t *testing.T) {
	for _, x := range []struct{ schema, output, want string }{
		{weatherSchema, `{"temperature":"hot"}`, "tool t: the output does not fit the tool's output schema: /temperature: expected a number, found a string"},
		{weatherSchema, `{"temperature":99}`, "tool t: the output does not fit the tool's output schema: /temperature: expected a number of at most 60, found 99"},
		{weatherSchema, `{}`, "tool t: the output does not fit the tool's output schema: /temperature: required but missing; expected a number"},
		{`{"type":"object","$defs":{"d":{"$anchor":"a","type":"integer"}},"properties":{"x":{"$ref":"#a"}}}`, `{"x":1.5}`,
			"tool t: the output does not fit the tool's output schema: /x: expected an integer, found a number"},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"x":{"items":[{"type":"string"}]}}}`, `{"x":[1]}`,
			"tool t: the output does not fit the tool's output schema: /x/0: expected a string, found a number"},
		{`{"type":"object","properties":{"x":{"$ref":"file:///etc/passwd"}}}`, `{}`,
			"tool t: the tool's output schema is of no use: reference to \"file:///etc/passwd\": a schema may refer to places within itself only"},
		{`{"type":"object","$ref":"https://example.com/s.json"}`, `{}`,
			"tool t: the tool's output schema is of no use: reference to \"https://example.com/s.json\": a schema may refer to places within itself only"},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}`, `{}`,
			"tool t: the tool's output schema is of no use: the JSON Schema dialect \"http://json-schema.org/draft-04/schema#\" is not supported: expected \"https://json-schema.org/draft/2020-12/schema\" (which no $schema means too) or \"http://json-schema.org/draft-07/schema#\""},
	} {
		f := returning(structured(x.output), x.schema)
		_, err := client.CallTool[wire.Raw](t.Context(), dial(t, f), "t", nil)
		require.EqualError(t, err, x.want)
		var bad *client.OutputError
		require.ErrorAs(t, err, &bad)
		require.Equal(t, x.output, bad.Result.StructuredContent.String())

		_, err = client.CallTool[*mcp.CallToolResult](t.Context(), dial(t, f), "t", nil)
		require.EqualError(t, err, x.want)

		f = returning(structured(x.output), x.schema)
		_, err = client.CallTool[wire.Raw](t.Context(), dial(t, f, client.WithoutOutputValidation()), "t", nil)
		require.NoError(t, err)
		require.Zero(t, f.count(mcp.MethodListTools))
	}
	c := dial(t, returning(text("{}"), weatherSchema))
	_, err := client.CallTool[weather](t.Context(), c, "t", nil)
	require.EqualError(t, err, "tool t: it declares an output schema, but returned no structured output")
}

// An output schema beyond the subset fails the call closed, and the error says which import helps.
func TestOutputSchemasBeyondTheSubset(t *testing.T) {
	const beyond = `{"type":"object","properties":{"x":true},"unevaluatedProperties":false}`
	f := returning(structured(`{"z":1}`), beyond)
	_, err := client.CallTool[wire.Raw](t.Context(), dial(t, f), "t", nil)
	require.EqualError(t, err, "tool t: the output does not fit the tool's output schema: /z: not allowed here")

	complete := schema.Register(nil)
	defer func() { schema.Register(complete) }()
	_, err = client.CallTool[wire.Raw](t.Context(), dial(t, f), "t", nil)
	require.EqualError(t, err, `tool t: the tool's output schema is of no use: the keyword unevaluatedProperties at /unevaluatedProperties is beyond `+
		`the part of JSON Schema that is built in: add the import _ "github.com/tenonmcp/tenon/runtime/fullschema"`)
	bad, ok := errors.AsType[*client.OutputError](err)
	require.True(t, ok)
	require.Equal(t, `{"z":1}`, bad.Result.StructuredContent.String(), "the output is there for those who want it")
	_, err = client.CallTool[wire.Raw](t.Context(), dial(t, f, client.WithoutOutputValidation()), "t", nil)
	require.NoError(t, err)
}

func TestOutputSchemasComeFromAnyListAndFollowItsChanges(t *testing.T) {
	changed := make(chan struct{}, 1)
	f := returning(structured(`{"temperature":99}`), weatherSchema)
	c := dial(t, f, client.OnToolsChanged(func(context.Context) { changed <- struct{}{} }))
	collect(t, c.Tools(t.Context()))
	_, err := client.CallTool[weather](t.Context(), c, "t", nil)
	require.ErrorContains(t, err, "expected a number of at most 60, found 99")
	require.Equal(t, 1, f.count(mcp.MethodListTools))

	f.mu.Lock()
	f.tools = []mcp.Tool{{Name: "t", InputSchema: object, OutputSchema: object}}
	f.mu.Unlock()
	require.NoError(t, f.client().ToolListChanged(t.Context(), nil))
	<-changed
	_, err = client.CallTool[weather](t.Context(), c, "t", nil)
	require.NoError(t, err)
	require.Equal(t, 2, f.count(mcp.MethodListTools))
}

func TestOutputSchemaIsReadOnceByManyCallers(t *testing.T) {
	f := returning(structured(`{"temperature":9}`), weatherSchema)
	f.tools = append(tools(9), f.tools...)
	f.pageSize = 5
	c := dial(t, f)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			got, err := client.CallTool[weather](t.Context(), c, "t", nil)
			if err != nil || got.Temperature != 9 {
				t.Error(got, err)
			}
			_, err = client.CallTool[weather](t.Context(), c, "unlisted", nil)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, f.count(mcp.MethodListTools), 4)
}

func TestOutputSchemaThatCannotBeRead(t *testing.T) {
	f := returning(structured(`{"temperature":9}`), weatherSchema)
	f.cursor = func(int) string { return "0" }
	c := dial(t, f)
	_, err := client.CallTool[weather](t.Context(), c, "unlisted", nil)
	require.ErrorContains(t, err, "tool unlisted: its output schema could not be read: tools/list: after 2 pages")
	require.NotNil(t, errors.Unwrap(err))
}
