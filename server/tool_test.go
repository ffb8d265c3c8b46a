package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// definition gives a tool as it is listed.
func definition(t *testing.T, p *peer, name string) mcp.Tool {
	t.Helper()
	list, err := p.ListTools(t.Context(), nil)
	require.NoError(t, err)
	for _, tool := range list.Tools {
		if tool.Name == name {
			return tool
		}
	}
	require.FailNow(t, "no tool "+name)
	return mcp.Tool{}
}

func TestATypedTool(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "greet", "Say hi.", greet, Title("Greeting"), Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true)}),
		Icons(mcp.Icon{Src: "https://example.com/i.png"}), Meta(wire.Object{{Name: "example.com/a", Value: wire.MustRaw("1")}}),
		TaskSupport(mcp.TaskSupportForbidden))
	p := connect(t, s, clientSide{})
	def := definition(t, p, "greet")
	require.JSONEq(t, `{
		"name": "greet", "title": "Greeting", "description": "Say hi.",
		"inputSchema": {
			"type": "object",
			"properties": {"name": {"type": "string", "description": "the person to greet"}},
			"required": ["name"],
			"additionalProperties": false
		},
		"annotations": {"readOnlyHint": true},
		"icons": [{"src": "https://example.com/i.png"}],
		"execution": {"taskSupport": "forbidden"},
		"_meta": {"example.com/a": 1}
	}`, string(def.AppendJSON(nil)))
	require.Equal(t, &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}}, p.call(t, "greet", `{"name":"Ada"}`))
}

func TestArgumentsThatAreWrongAreToldToTheModel(t *testing.T) {
	type limits struct {
		Max   int      `json:"max,omitempty" jsonschema:"minimum=1,maximum=10"`
		Ratio float64  `json:"ratio,omitempty" jsonschema:"exclusiveMinimum=0,multipleOf=0.5"`
		Tags  []string `json:"tags,omitempty" jsonschema:"maxItems=2,uniqueItems=true,enum=red,enum=green"`
	}
	type search struct {
		Query  string    `json:"query" jsonschema:"description=what to look for,minLength=2,maxLength=8"`
		Order  string    `json:"order,omitempty" jsonschema:"enum=newest,enum=oldest"`
		Since  time.Time `json:"since,omitzero"`
		Limits *limits   `json:"limits,omitempty"`
		Small  int8      `json:"small,omitempty"`
	}
	s := New("v", "1")
	AddTool(s, "search", "", func(_ context.Context, in search) (string, error) { return "ok", nil })
	p := connect(t, s, clientSide{})
	const intro = "The arguments of search are not valid; correct them and call it again.\n"
	for arguments, want := range map[string]string{
		``:               "/query: required but missing; expected a string (what to look for)",
		`{}`:             "/query: required but missing; expected a string (what to look for)",
		`{"query":5}`:    "/query: expected a string, found a number",
		`{"query":null}`: "/query: expected a string, found null",
		`{"qery":"abc"}`: "/qery: unknown; did you mean \"query\"?; allowed: limits, order, query, since, small\n" +
			"/query: required but missing; expected a string (what to look for)",
		`{"query":"abc","zzz":1}`:                               "/zzz: unknown; allowed: limits, order, query, since, small",
		`{"query":"a"}`:                                         "/query: expected at least 2 characters, found 1",
		`{"query":"abcdefghi"}`:                                 "/query: expected at most 8 characters, found 9",
		`{"query":"abc","order":"newst"}`:                       "/order: expected one of \"newest\", \"oldest\", found \"newst\"; did you mean \"newest\"?",
		`{"query":"abc","since":"yesterday"}`:                   "/since: expected a string of the format date-time (RFC 3339, such as 2025-11-25T10:30:00Z), found \"yesterday\"",
		`{"query":"abc","limits":{"max":0}}`:                    "/limits/max: expected a number of at least 1, found 0",
		`{"query":"abc","limits":{"max":11.5}}`:                 "/limits/max: expected an integer, found a number",
		`{"query":"abc","limits":{"ratio":0.3}}`:                "/limits/ratio: expected a multiple of 0.5, found 0.3",
		`{"query":"abc","limits":{"ratio":0}}`:                  "/limits/ratio: expected a number above 0, found 0",
		`{"query":"abc","limits":{"tags":["red","blue"]}}`:      "/limits/tags/1: expected one of \"red\", \"green\", found \"blue\"",
		`{"query":"abc","limits":{"tags":["red","red","red"]}}`: "/limits/tags: expected at most 2 items, found 3\n/limits/tags: expected items that differ, but those at 0 and 1 are equal",
		`{"query":"abc","small":300}`:                           "/small: expected a number of at most 127, found 300",
		`{"query":"abc","small":1e99999}`:                       "/small: expected a number of at most 1000 digits with an exponent of at most 999",
	} {
		r := p.call(t, "search", arguments)
		require.True(t, r.IsError, arguments)
		require.Equal(t, intro+want, said(t, r), arguments)
	}
	for _, arguments := range []string{
		`{"query":"abc"}`, `{"query":"äöüß"}`, `{"query":"abc","limits":{"max":10.0}}`, `{"query":"abc","since":"2025-11-25T10:30:00Z"}`,
		`{"query":"abc","order":null,"limits":null}`, // null is absent where a member is optional
	} {
		require.Equal(t, "ok", said(t, p.call(t, "search", arguments)), arguments)
	}
}

func TestWhatNoSchemaShowsIsFoundWhenReading(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "ping", "", func(_ context.Context, in struct {
		Host netip.Addr `json:"host"`
	}) (string, error) {
		return in.Host.String(), nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, "::1", said(t, p.call(t, "ping", `{"host":"::1"}`)))
	r := p.call(t, "ping", `{"host":"home"}`)
	require.True(t, r.IsError)
	require.Contains(t, said(t, r), "/host: expected a value that netip.Addr takes, found one it refuses: ParseAddr(\"ho")
}

func TestIntegersAreExact(t *testing.T) {
	type numbers struct {
		I int64  `json:"i"`
		U uint64 `json:"u"`
	}
	s := New("v", "1")
	AddTool(s, "echo", "", func(_ context.Context, in numbers) (numbers, error) { return in, nil })
	p := connect(t, s, clientSide{})
	r := p.call(t, "echo", fmt.Sprintf(`{"i":%d,"u":%d}`, int64(math.MinInt64), uint64(math.MaxUint64)))
	require.Equal(t, `{"i":-9223372036854775808,"u":18446744073709551615}`, r.StructuredContent.String())
	require.Equal(t, `{"i":-9223372036854775808,"u":18446744073709551615}`, said(t, r))
	for _, arguments := range []string{`{"i":9223372036854775808,"u":1}`, `{"i":1,"u":18446744073709551616}`, `{"i":1,"u":-1}`, `{"i":1,"u":1.5}`} {
		require.True(t, p.call(t, "echo", arguments).IsError, arguments)
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	type in struct {
		Limit int    `json:"limit,omitempty" jsonschema:"default=10"`
		Order string `json:"order,omitempty" jsonschema:"default=newest"`
		Sizes []int  `json:"sizes,omitempty" jsonschema:"default=1,default=2"`
	}
	s := New("v", "1")
	AddTool(s, "t", "", func(_ context.Context, in in) (string, error) {
		return fmt.Sprint(in.Limit, " ", in.Order, in.Sizes), nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, "10 newest[1 2]", said(t, p.call(t, "t", "")))
	require.Equal(t, "3 newest[5]", said(t, p.call(t, "t", `{"limit":3,"sizes":[5]}`)))
}

func TestWhatMayBeIn(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "map", "", func(_ context.Context, in map[string]int) (string, error) { return fmt.Sprint(in["a"]), nil })
	AddTool(s, "pointer", "", func(_ context.Context, in *greeting) (string, error) { return in.Name, nil })
	AddTool(s, "any", "", func(_ context.Context, in any) (string, error) { return fmt.Sprint(in), nil })
	AddTool(s, "raw", "", func(_ context.Context, in wire.Raw) (string, error) { return in.String(), nil })
	AddTool(s, "params", "", func(_ context.Context, in *mcp.CallToolParams) (string, error) { return in.Name, nil })
	AddTool(s, "none", "", func(context.Context, struct{}) (string, error) { return "none", nil })
	p := connect(t, s, clientSide{})
	require.Equal(t, "5", said(t, p.call(t, "map", `{"a":5}`)))
	require.True(t, p.call(t, "map", `{"a":"5"}`).IsError)
	require.Equal(t, "Ada", said(t, p.call(t, "pointer", `{"name":"Ada"}`)))
	require.Equal(t, "map[x:1]", said(t, p.call(t, "any", `{"x":1}`)))
	require.Equal(t, `{ "x":1}`, said(t, p.call(t, "raw", `{ "x":1}`)))
	require.Equal(t, `{}`, said(t, p.call(t, "raw", "")))
	require.Equal(t, "params", said(t, p.call(t, "params", "")))
	require.Equal(t, "none", said(t, p.call(t, "none", "")))
	require.Equal(t, `{"type":"object","additionalProperties":false}`, definition(t, p, "none").InputSchema.String())
}

func TestWhatMayBeOut(t *testing.T) {
	type point struct {
		X     int `json:"x"`
		Names []string
		Blob  []byte
		When  time.Time `json:"when,omitzero"`
		Next  *point    `json:"next"`
	}
	no := struct{}{}
	s := New("v", "1")
	add := func(name string, h func() any) {
		AddTool(s, name, "", func(context.Context, struct{}) (any, error) { return h(), nil })
	}
	AddTool(s, "struct", "", func(context.Context, struct{}) (point, error) { return point{X: 1, Blob: []byte("hi")}, nil })
	AddTool(s, "pointer", "", func(context.Context, struct{}) (*point, error) { return &point{X: 2}, nil })
	AddTool(s, "nil", "", func(context.Context, struct{}) (*point, error) { return nil, nil })
	AddTool(s, "list", "", func(context.Context, struct{}) ([]int, error) { return nil, nil })
	AddTool(s, "map", "", func(context.Context, struct{}) (map[string]bool, error) { return map[string]bool{"a": true}, nil })
	AddTool(s, "number", "", func(context.Context, struct{}) (int, error) { return 5, nil })
	AddTool(s, "addr", "", func(context.Context, struct{}) (netip.Addr, error) { return netip.MustParseAddr("::1"), nil })
	AddTool(s, "nothing", "", func(context.Context, struct{}) (struct{}, error) { return no, nil })
	AddTool(s, "content", "", func(context.Context, struct{}) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{
			&mcp.ImageContent{MIMEType: "image/png", Data: wire.EncodeBase64([]byte("x"))},
			&mcp.AudioContent{MIMEType: "audio/wav", Data: wire.EncodeBase64([]byte("x"))},
			&mcp.ResourceLink{Name: "r", URI: "test://r"},
			&mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{URI: "test://r", Text: "t"}},
			&mcp.TextContent{Text: "t", Annotations: &mcp.Annotations{Priority: new(0.5)}},
		}, nil
	})
	AddTool(s, "whole", "", func(context.Context, struct{}) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: true, Meta: wire.Object{{Name: "a", Value: wire.MustRaw("1")}}}, nil
	})
	add("any_text", func() any { return "x" })
	add("any_object", func() any { return map[string]int{"a": 1} })
	add("any_list", func() any { return []int{1} })
	add("any_nil", func() any { return nil })
	p := connect(t, s, clientSide{})
	for name, want := range map[string]string{
		"struct":     `{"content":[{"type":"text","text":"{\"x\":1,\"Names\":[],\"Blob\":\"aGk=\",\"next\":null}"}],"structuredContent":{"x":1,"Names":[],"Blob":"aGk=","next":null}}`,
		"pointer":    `{"content":[{"type":"text","text":"{\"x\":2,\"Names\":[],\"Blob\":\"\",\"next\":null}"}],"structuredContent":{"x":2,"Names":[],"Blob":"","next":null}}`,
		"list":       `{"content":[{"type":"text","text":"{\"result\":[]}"}],"structuredContent":{"result":[]}}`,
		"map":        `{"content":[{"type":"text","text":"{\"a\":true}"}],"structuredContent":{"a":true}}`,
		"number":     `{"content":[{"type":"text","text":"{\"result\":5}"}],"structuredContent":{"result":5}}`,
		"addr":       `{"content":[{"type":"text","text":"{\"result\":\"::1\"}"}],"structuredContent":{"result":"::1"}}`,
		"nothing":    `{"content":[]}`,
		"whole":      `{"content":[],"isError":true,"_meta":{"a":1}}`,
		"any_text":   `{"content":[{"type":"text","text":"x"}]}`,
		"any_object": `{"content":[{"type":"text","text":"{\"a\":1}"}],"structuredContent":{"a":1}}`,
		"any_list":   `{"content":[{"type":"text","text":"{\"result\":[1]}"}],"structuredContent":{"result":[1]}}`,
		"any_nil":    `{"content":[]}`,
		"content": `{"content":[{"type":"image","mimeType":"image/png","data":"eA=="},{"type":"audio","mimeType":"audio/wav","data":"eA=="},` +
			`{"type":"resource_link","name":"r","uri":"test://r"},{"type":"resource","resource":{"uri":"test://r","text":"t"}},` +
			`{"type":"text","text":"t","annotations":{"priority":0.5}}]}`,
	} {
		require.JSONEq(t, want, string(p.call(t, name, "").AppendJSON(nil)), name)
	}
	_, err := p.tryCall(t.Context(), "nil", "")
	require.EqualError(t, err, "the result of the tool nil does not fit its output schema: expected an object, found null (code -32603)")

	require.JSONEq(t, `{"type":"object","properties":{"result":{"type":"array","items":{"type":"integer"}}},"required":["result"],"additionalProperties":false}`,
		definition(t, p, "list").OutputSchema.String())
	require.JSONEq(t, `{"type":"object","additionalProperties":{"type":"boolean"}}`, definition(t, p, "map").OutputSchema.String())
	for _, name := range []string{"nothing", "content", "whole", "any_text"} {
		require.True(t, definition(t, p, name).OutputSchema.IsZero(), name)
	}
}

func TestResultsAreValidated(t *testing.T) {
	type out struct {
		Level string `json:"level" jsonschema:"enum=low,enum=high"`
	}
	s := New("v", "1")
	AddTool(s, "typed", "", func(context.Context, struct{}) (out, error) { return out{"medium"}, nil })
	schema := wire.MustRaw(`{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}`)
	AddRawTool(s, mcp.Tool{Name: "raw", OutputSchema: schema}, func(_ context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{StructuredContent: p.Arguments}, nil
	})
	AddTool(s, "error", "", func(context.Context, struct{}) (*mcp.CallToolResult, error) { return toolError("failed"), nil }, OutputSchema(schema))
	p := connect(t, s, clientSide{})
	_, err := p.tryCall(t.Context(), "typed", "")
	require.EqualError(t, err, `the result of the tool typed does not fit its output schema: /level: expected one of "low", "high", found "medium" (code -32603)`)
	r := p.call(t, "raw", `{"n":5}`)
	require.Equal(t, `{"n":5}`, said(t, r), "a rendering for old clients")
	_, err = p.tryCall(t.Context(), "raw", `{}`)
	require.EqualError(t, err, `the result of the tool raw does not fit its output schema: /n: required but missing; expected an integer (code -32603)`)
	_, err = p.tryCall(t.Context(), "raw", "")
	require.EqualError(t, err, "the result of the tool raw does not fit its output schema: there is no structured content, though the tool has an output schema (code -32603)")
	require.True(t, p.call(t, "error", "").IsError, "an error needs no structured content")
}

func TestErrorsOfHandlers(t *testing.T) {
	s := New("v", "1")
	fail := func(name string, err error) {
		AddTool(s, name, "", func(context.Context, struct{}) (string, error) { return "", err })
	}
	fail("plain", errors.New("the disk is full; free 3 GB"))
	fail("protocol", rpc.Errorf(-5, "no"))
	fail("wrapped", fmt.Errorf("because: %w", rpc.Errorf(-6, "no")))
	fail("asked", &AskError{"sampling/createMessage", "k", rpc.Errorf(-1, "the user said no")})
	p := connect(t, s, clientSide{})
	r := p.call(t, "plain", "")
	require.True(t, r.IsError)
	require.Equal(t, "the disk is full; free 3 GB", said(t, r))
	_, err := p.tryCall(t.Context(), "protocol", "")
	require.EqualError(t, err, "no (code -5)")
	_, err = p.tryCall(t.Context(), "wrapped", "")
	require.EqualValues(t, -6, rpc.CodeOf(err))
	r = p.call(t, "asked", "")
	require.True(t, r.IsError)
	require.Equal(t, `sampling/createMessage "k": the user said no (code -1)`, said(t, r))
}

func TestAnUnknownToolIsAnErrorOfTheProtocol(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "greet_person", "", greet)
	p := connect(t, s, clientSide{})
	_, err := p.tryCall(t.Context(), "greetPerson", "")
	require.EqualError(t, err, `unknown tool "greetPerson": did you mean "greet_person"? (code -32602)`)
	_, err = p.tryCall(t.Context(), "unlike", "")
	require.EqualError(t, err, `unknown tool "unlike": expected one of greet_person (code -32602)`)
	require.Equal(t, 1, s.RemoveTools("greet_person", "nope"))
	_, err = p.tryCall(t.Context(), "greet_person", "")
	require.EqualError(t, err, `unknown tool "greet_person": there are no tools (code -32602)`)
}

func TestCoercionIsOptIn(t *testing.T) {
	type in struct {
		N    int            `json:"n"`
		F    float64        `json:"f"`
		B    bool           `json:"b"`
		List []int          `json:"list"`
		Obj  map[string]int `json:"obj"`
		S    string         `json:"s"`
	}
	s := New("v", "1")
	h := func(_ context.Context, in in) (string, error) { return fmt.Sprintf("%+v", in), nil }
	AddTool(s, "strict", "", h)
	AddTool(s, "coerce", "", h, Coerce())
	p := connect(t, s, clientSide{})
	const arguments = `{"n":"9007199254740993","f":"1.5","b":"true","list":"[1,\"2\"]","obj":{"a":"1"},"s":"5"}`
	require.True(t, p.call(t, "strict", arguments).IsError)
	require.Equal(t, "{N:9007199254740993 F:1.5 B:true List:[1 2] Obj:map[a:1] S:5}", said(t, p.call(t, "coerce", arguments)))
	r := p.call(t, "coerce", `{"n":"five","f":1,"b":true,"list":[],"obj":{},"s":5}`)
	require.True(t, r.IsError)
	require.Contains(t, said(t, r), "/n: expected an integer, found a string\n/s: expected a string, found a number")
}

func TestARawSchemaIsKeptByteForByte(t *testing.T) {
	const schema = `{"$schema":"https://json-schema.org/draft/2020-12/schema", "type":"object","$defs":{"a":{"$anchor":"x","type":"string"}},` +
		`"properties":{"a":{"$ref":"#x"},"k":{"enum":["n","s"]}},"allOf":[{"required":["k"]}],` +
		`"if":{"properties":{"k":{"const":"n"}}},"then":{"required":["a"]},"else":{"required":["b"]},"x-own":{"b":1,"a":1.0},"additionalProperties":true}`
	s := New("v", "1")
	AddRawTool(s, mcp.Tool{Name: "raw", InputSchema: wire.MustRaw(schema)}, func(_ context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: p.Arguments.String()}}}, nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, schema, definition(t, p, "raw").InputSchema.String())
	require.Equal(t, `{"k":"n","a":"y"}`, said(t, p.call(t, "raw", `{"k":"n","a":"y"}`)))
	for arguments, want := range map[string]string{
		`{}`:                `/k: required but missing`,
		`{"k":"n"}`:         `/a: required but missing`,
		`{"k":"s"}`:         `/b: required but missing`,
		`{"k":"n","a":5}`:   `/a: expected a string, found a number`,
		`{"k":"z","b":"b"}`: `/k: expected one of "n", "s", found "z"`,
	} {
		require.Contains(t, said(t, p.call(t, "raw", arguments)), want, arguments)
	}
}

func TestDraft07(t *testing.T) {
	s := New("v", "1")
	AddRawTool(s, mcp.Tool{Name: "old", InputSchema: wire.MustRaw(`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object",
		"definitions":{"p":{"type":"array","items":[{"type":"string"},{"type":"number"}],"additionalItems":false}},
		"properties":{"pair":{"$ref":"#/definitions/p"}},"dependencies":{"x":["pair"]}}`)},
		func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
	p := connect(t, s, clientSide{})
	require.False(t, p.call(t, "old", `{"pair":["a",1]}`).IsError)
	require.Contains(t, said(t, p.call(t, "old", `{"pair":[1,1]}`)), "/pair/0: expected a string, found a number")
	require.True(t, p.call(t, "old", `{"pair":["a",1,2]}`).IsError)
	require.Contains(t, said(t, p.call(t, "old", `{"x":1}`)), "x is given, so pair is required")
}

func TestMistakesAtRegistrationNameTheirSource(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "taken", "", greet)
	secret := filepath.Join(t.TempDir(), "secret.json")
	require.NoError(t, os.WriteFile(secret, []byte(`{"type":"string"}`), 0o600))
	raw := func(schema string) func() error {
		return func() error {
			return TryAddRawTool(s, mcp.Tool{Name: "raw", InputSchema: wire.MustRaw(schema)}, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
		}
	}
	type badTag struct {
		A string `json:"a" jsonschema:"the name of it"`
	}
	type badBound struct {
		A string `json:"a" jsonschema:"minimum=1"`
	}
	type duration struct {
		D []time.Duration
	}
	for want, try := range map[string]func() error{
		`tool "taken": there is a tool "taken" already`:                                          func() error { return TryAddTool(s, "taken", "", greet) },
		`tool "": the name has 0 characters: expected 1 to 128`:                                  func() error { return TryAddTool(s, "", "", greet) },
		`tool "a b": the name has the character ' ': expected letters, digits, '_', '.' and '-'`: func() error { return TryAddTool(s, "a b", "", greet) },
		`tool "n": arguments: int is no JSON object: expected a struct or a map with strings as keys`: func() error {
			return TryAddTool(s, "n", "", func(context.Context, int) (string, error) { return "", nil })
		},
		`tool "n": arguments: field server.badTag.A: jsonschema tag: "the name of it" is no keyword: expected required, nullable or one with a value, such as description=the name of it`: func() error {
			return TryAddTool(s, "n", "", func(context.Context, badTag) (string, error) { return "", nil })
		},
		`tool "n": arguments: field server.badBound.A: jsonschema tag: minimum=1: no keyword, or none for a string`: func() error {
			return TryAddTool(s, "n", "", func(context.Context, badBound) (string, error) { return "", nil })
		},
		`tool "n": result: field server.duration.D: time.Duration has no JSON form of its own: take a number with the unit in its name, or a string`: func() error {
			return TryAddTool(s, "n", "", func(context.Context, struct{}) (duration, error) { return duration{}, nil })
		},
		`tool "n": result: func() cannot be JSON`: func() error {
			return TryAddTool(s, "n", "", func(context.Context, struct{}) (func(), error) { return nil, nil })
		},
		`tool "n": the handler is nil`: func() error {
			return TryAddTool[greeting, string](s, "n", "", nil)
		},
		`tool "raw": input schema: the schema's root must have "type": "object"`: raw(`{"type":"string"}`),
		`tool "raw": input schema: not a valid schema: /properties/a/type`:       raw(`{"type":"object","properties":{"a":{"type":"strng"}}}`),
		`tool "raw": input schema: the JSON Schema dialect "http://json-schema.org/draft-04/schema#" is not supported: expected "https://json-schema.org/draft/2020-12/schema" (which no $schema means too) or "http://json-schema.org/draft-07/schema#"`: raw(`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}`),
		`tool "raw": input schema: reference to "file://` + filepath.ToSlash(secret) + `": a schema may refer to places within itself only`:                                                                                                               raw(`{"type":"object","properties":{"a":{"$ref":"file://` + filepath.ToSlash(secret) + `"}}}`),
		`tool "raw": input schema: reference to "https://example.com/s.json": a schema may refer`:                                                                                                                                                         raw(`{"type":"object","properties":{"a":{"$ref":"https://example.com/s.json"}}}`),
		`tool "raw": input schema: not a valid schema: /properties/a/pattern: expected a regular expression as Go has them (RE2), found "(?=a)"`:                                                                                                          raw(`{"type":"object","properties":{"a":{"pattern":"(?=a)"}}}`),
	} {
		err := try()
		m, ok := errors.AsType[*Mistake](err)
		require.True(t, ok, want)
		require.True(t, strings.HasPrefix(m.Source, "server/tool_test.go:"), m.Source)
		require.Contains(t, err.Error(), want)
	}
	require.PanicsWithError(t, "server/tool_test.go:"+fmt.Sprint(here()+1)+`: tool "taken": there is a tool "taken" already`, func() {
		AddTool(s, "taken", "", greet)
	})
}

func TestNamesOfRawToolsAreOnlyWarnedOf(t *testing.T) {
	var log strings.Builder
	s := New("v", "1", Logger(slog.New(slog.NewTextHandler(&log, nil))))
	AddRawTool(s, mcp.Tool{Name: "a b/c"}, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
	p := connect(t, s, clientSide{})
	require.Equal(t, []string{"a b/c"}, p.names(t))
	require.False(t, p.call(t, "a b/c", "").IsError)
	require.Contains(t, log.String(), "some clients may not accept a name")
}
