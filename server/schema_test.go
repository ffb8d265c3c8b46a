package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	_ "github.com/tenonmcp/tenon/runtime/fullschema"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const fastSchema = `{
	"type":"object",
	"properties":{
		"s":{"type":"string","minLength":2,"maxLength":3,"description":"d"},
		"e":{"type":"string","enum":["a","b"]},
		"i":{"type":"integer","minimum":-2,"maximum":3},
		"n":{"type":["number","null"]},
		"b":{"type":"boolean","default":true},
		"l":{"type":"array","items":{"$ref":"#/$defs/o"},"minItems":1,"maxItems":2},
		"m":{"type":"object","additionalProperties":{"type":"integer"}},
		"r":{"$ref":"#","title":"again"},
		"any":{}, "yes":true
	},
	"required":["s","i"],
	"additionalProperties":false,
	"$defs":{"o":{"type":"object","properties":{"x":{"type":["string","integer"]}},"required":["x"]}}
}`

func TestMessagesOfChoices(t *testing.T) {
	for schema, cases := range map[string]map[string]string{
		`{"anyOf":[{"type":"string"},{"type":"null"}]}`:                                                     {`5`: "/a: expected a string or null, found a number"},
		`{"oneOf":[{"const":"x","title":"X"},{"const":"y"}]}`:                                               {`"xx"`: `/a: expected one of "x", "y", found "xx"`, `"Y"`: `/a: expected one of "x", "y", found "Y"; did you mean "y"?`},
		`{"oneOf":[{"type":"integer"},{"minimum":2,"type":"number"}]}`:                                      {`5`: "/a: fits several forms of which only one is allowed"},
		`{"anyOf":[{"type":"object","required":["x"]},{"type":"string"}]}`:                                  {`{}`: "/a/x: required but missing"},
		`{"anyOf":[{"type":"object","required":["x"]},{"type":"object","required":["y"]}]}`:                 {`{}`: "/a: fits none of the 2 forms that are allowed: (1) /a/x: required but missing (2) /a/y: required but missing"},
		`{"not":{"type":"string"}}`:                                                                         {`"x"`: "/a: this value is not allowed here"},
		`false`:                                                                                             {`1`: "/a: not allowed here"},
		`{"type":"array","contains":{"type":"string"}}`:                                                     {`[1]`: "/a: none of the items is what at least one must be: expected a string, found a number"},
		`{"type":"object","propertyNames":{"maxLength":2}}`:                                                 {`{"abc":1}`: "/a/abc: this name is not allowed here: expected at most 2 characters, found 3"},
		`{"type":"object","minProperties":1,"maxProperties":2}`:                                             {`{}`: "/a: expected at least 1 members, found 0", `{"a":1,"b":2,"c":3}`: "/a: expected at most 2 members, found 3"},
		`{"type":"object","dependentRequired":{"x":["y"]}}`:                                                 {`{"x":1}`: "/a: x is given, so y is required"},
		`{"type":"object","properties":{"x~/y":{"type":"string"}}}`:                                         {`{"x~/y":1}`: "/a/x~0~1y: expected a string, found a number"},
		`{"type":"object","properties":{"x":true},"unevaluatedProperties":false}`:                           {`{"z":1}`: "/a/z: not allowed here"},
		`{"type":"array","items":{"type":"object","required":["k"],"properties":{"k":{"enum":["p","q"]}}}}`: {`[{},{"k":"p"},{"k":1}]`: "/a/0/k: required but missing; expected one of \"p\", \"q\"; /a/2/k: expected one of \"p\", \"q\", found 1"},
	} {
		s, err := compileSchema(wire.MustRaw(`{"type":"object","properties":{"a":`+schema+`}}`), false)
		require.NoError(t, err, schema)
		for value, want := range cases {
			require.EqualError(t, s.check(wire.MustRaw(`{"a":`+value+`}`)), want, "%s of %s", value, schema)
		}
	}
}

// A schema beyond the subset is a mistake that names the keyword, the place and the import, unless that is there.
func TestSchemasBeyondTheSubset(t *testing.T) {
	add := func() error {
		return TryAddRawTool(New("v", "1"), mcp.Tool{Name: "t", InputSchema: wire.MustRaw(`{"type":"object","properties":{"a":{"unevaluatedProperties":false}}}`)},
			func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
	}
	require.NoError(t, add())
	complete := schema.Register(nil)
	defer func() { schema.Register(complete) }()
	m, ok := errors.AsType[*Mistake](add())
	require.True(t, ok)
	require.EqualError(t, m.Err, `input schema: the keyword unevaluatedProperties at /properties/a/unevaluatedProperties is beyond the part of JSON Schema that is built in: `+
		`add the import _ "github.com/tenonmcp/tenon/runtime/fullschema"`)
}

func TestAtMostTenProblemsAreListed(t *testing.T) {
	s, err := compileSchema(wire.MustRaw(`{"type":"object","additionalProperties":{"type":"string"}}`), false)
	require.NoError(t, err)
	members := make([]string, 15)
	for i := range members {
		members[i] = `"` + string(rune('a'+i)) + `":1`
	}
	err = s.check(wire.MustRaw("{" + strings.Join(members, ",") + "}"))
	require.ErrorContains(t, err, "/j: expected a string, found a number; … and 5 more")
}

func TestNearest(t *testing.T) {
	names := []string{"query", "max_results", "include", "x"}
	for name, want := range map[string]string{
		"qurey": "query", "maxResults": "max_results", "QUERY": "query", "includes": "include", "unrelated": "", "y": "", "": "",
		strings.Repeat("q", 1000): "",
	} {
		require.Equal(t, want, nearest(name, names), name)
	}
}
