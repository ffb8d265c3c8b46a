package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// TestTheFastCheckAcceptsNothingThatIsWrong compares it with the library.
func TestTheFastCheckAcceptsNothingThatIsWrong(t *testing.T) {
	s, err := compileSchema(wire.MustRaw(fastSchema), false)
	require.NoError(t, err)
	require.NotNil(t, s.fast)
	accepted := 0
	scalar := rapid.SampledFrom([]string{`null`, `true`, `0`, `1`, `-2`, `-3`, `3.0`, `4`, `1.5`, `1e0`, `1e400`, `18446744073709551615`, `""`, `"a"`, `"ab"`, `"äöü"`, `"abcd"`, `[]`, `{}`, `"\ud83d\ude00a"`})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		if depth == 0 {
			return scalar
		}
		return rapid.Custom(func(t *rapid.T) string {
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				return "[" + strings.Join(rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "items"), ",") + "]"
			case 1, 2:
				names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"s", "e", "i", "n", "b", "l", "m", "r", "any", "yes", "x", "z"}), 0, 5, rapid.ID).Draw(t, "names")
				members := []string{`"s":"ab"`, `"i":1`}
				for _, n := range names {
					if n != "s" && n != "i" {
						members = append(members, `"`+n+`":`+value(depth-1).Draw(t, n))
					} else if rapid.Bool().Draw(t, "replace") {
						members[strings.Index("si", n)] = `"` + n + `":` + value(depth-1).Draw(t, n)
					}
				}
				return "{" + strings.Join(members[rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "from"):], ",") + "}"
			}
			return scalar.Draw(t, "scalar")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := wire.MustRaw(value(3).Draw(t, "value"))
		if raw.Decode(s.fast) != nil {
			return
		}
		accepted++
		tree, err := parseTree(raw)
		if err == nil {
			err = s.compiled.Validate(tree)
		}
		if err != nil {
			t.Fatalf("%s was accepted: %v", raw, err)
		}
	})
	require.Positive(t, accepted)
}

func TestWhatTheFastCheckLeavesToTheLibrary(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"a":{"enum":[1]}}}`, `{"type":"object","properties":{"a":{"const":1}}}`,
		`{"type":"object","properties":{"a":{"minLength":1}}}`, `{"type":"object","patternProperties":{"a":{}}}`,
		`{"type":"object","required":["a"]}`, `{"type":"object","properties":{"a":{"type":"number","minimum":0.5}}}`,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/b","minLength":1}},"$defs":{"b":{"type":"string"}}}`,
		`{"type":"object","properties":{"a":{"type":"array","items":false}}}`, `{"type":"object","anyOf":[{}]}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`,
		`{"type":"object","properties":{"a":{"$dynamicRef":"#x"}},"$dynamicAnchor":"x"}`,
	} {
		s, err := compileSchema(wire.MustRaw(schema), false)
		require.NoError(t, err, schema)
		require.Nil(t, s.fast, schema)
	}
}

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
			require.EqualError(t, s.check(wire.MustRaw(`{"a":`+value+`}`), "it"), want, "%s of %s", value, schema)
		}
	}
}

func TestAtMostTenProblemsAreListed(t *testing.T) {
	s, err := compileSchema(wire.MustRaw(`{"type":"object","additionalProperties":{"type":"string"}}`), false)
	require.NoError(t, err)
	members := make([]string, 15)
	for i := range members {
		members[i] = `"` + string(rune('a'+i)) + `":1`
	}
	err = s.check(wire.MustRaw("{"+strings.Join(members, ",")+"}"), "it")
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
