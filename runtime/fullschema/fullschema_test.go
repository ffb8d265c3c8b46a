package fullschema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/tenonmcp/tenon/runtime/fullschema"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// TestTheSameWords compares what is said of a value by the subset with what is said by the library, for which a keyword
// beyond the subset, which decides nothing, is added.
func TestTheSameWords(t *testing.T) {
	for text, values := range map[string][]string{
		`{"type":"string"`:                     {`1`, `1.5`, `null`, `{}`, `[]`, `true`},
		`{"type":["integer","null"]`:           {`1.5`, `"x"`},
		`{"enum":["red","green",5,null,{}]`:    {`"gren"`, `6`, `[]`},
		`{"const":"a"`:                         {`"b"`, `1`},
		`{"minimum":2,"exclusiveMaximum":10.5`: {`1`, `10.5`, `1e2`, `123456789012345678901234567890`, `-0.25`},
		`{"exclusiveMinimum":0,"maximum":1e3`:  {`0`, `1001`, `-1e-3`},
		`{"multipleOf":0.5`:                    {`0.7`},
		`{"minLength":2,"maxLength":3`:         {`""`, `"äöüß"`},
		`{"pattern":"^a"`:                      {`"b"`},
		`{"format":"date"`:                     {`"2025-13-01"`},
		`{"format":"regex"`:                    {`"("`},
		`{"minItems":1,"maxItems":2,"uniqueItems":true,"items":{"type":"integer"}`: {`[]`, `[1,2,3]`, `[1,1.0]`, `["x",2]`},
		`{"prefixItems":[{"type":"string"}],"items":false`:                         {`[1,2]`},
		`{"contains":{"type":"string"}`:                                            {`[1]`, `[]`},
		`{"contains":{"const":1},"minContains":2,"maxContains":3`:                  {`[1]`, `[1,1,1,1]`},
		`{"properties":{"query":{"type":"string","description":"what"},"n":{"$ref":"#/$defs/n"}},"required":["query","n"],"additionalProperties":false,"$defs":{"n":{"enum":[1,2]}}`: {
			`{}`, `{"qurey":"x","n":1}`, `{"query":1,"n":3}`},
		`{"patternProperties":{"^x":{"type":"null"}},"additionalProperties":{"type":"integer"}`: {`{"xa":1,"b":"c"}`},
		`{"propertyNames":{"maxLength":2}`:                                                 {`{"abc":1}`},
		`{"minProperties":1,"maxProperties":1`:                                             {`{}`, `{"a":1,"b":2}`},
		`{"dependentRequired":{"a":["b","c"]},"dependentSchemas":{"d":{"required":["e"]}}`: {`{"a":1,"d":1}`},
		`{"dependencies":{"a":["b"]}`:                                                      {`{"a":1}`},
		`{"anyOf":[{"type":"string"},{"type":"null"}]`:                                     {`1`},
		`{"oneOf":[{"const":"x"},{"const":"yes"}]`:                                         {`"Yes"`, `2`},
		`{"oneOf":[{"type":"integer"},{"minimum":2}]`:                                      {`3`, `1.5`},
		`{"anyOf":[{"type":"object","required":["x"]},{"type":"object","required":["y"]}]`: {`{}`, `1`},
		`{"allOf":[{"minimum":5},{"multipleOf":2}]`:                                        {`3`},
		`{"not":{"type":"string"}`:                                                         {`"x"`},
		`{"if":{"type":"string"},"then":{"minLength":1},"else":false`:                      {`""`, `1`},
		`{"properties":{"a":false}`:                                                        {`{"a":1}`},
	} {
		subset, err := schema.Compile(wire.MustRaw(text+"}"), schema.Options{Formats: true})
		require.NoError(t, err, text)
		whole, err := schema.Compile(wire.MustRaw(text+`,"unevaluatedItems":true}`), schema.Options{Formats: true})
		require.NoError(t, err, text)
		for _, v := range values {
			err := subset.Check(wire.MustRaw(v))
			require.Error(t, err, "%s of %s", v, text)
			require.EqualError(t, whole.Check(wire.MustRaw(v)), err.Error(), "%s of %s", v, text)
		}
	}
}

func TestWhatOnlyTheLibraryChecks(t *testing.T) {
	for text, c := range map[string]struct{ value, want string }{
		`{"unevaluatedItems":false}`:                                                {`[1]`, "/0: not allowed here"},
		`{"$defs":{"a":{"$id":"urn:a","type":"string"}},"$ref":"urn:a"}`:            {`5`, "expected a string, found a number"},
		`{"$dynamicRef":"#x","$defs":{"x":{"$dynamicAnchor":"x","type":"null"}}}`:   {`5`, "expected null, found a number"},
		`{"$schema":"http://json-schema.org/draft-07/schema#","format":"duration"}`: {`"1h"`, `expected a string of the format duration, found "1h"`},
	} {
		s, err := schema.Compile(wire.MustRaw(text), schema.Options{})
		require.NoError(t, err, text)
		require.EqualError(t, s.Check(wire.MustRaw(c.value)), c.want)
	}
}

func TestSchemasTheLibraryRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{"unevaluatedItems":5}`:                            "not a valid schema: /unevaluatedItems: expected a boolean or an object, found a number",
		`{"unevaluatedItems":false,"$ref":"file:///etc/x"}`: `reference to "file:///etc/x": a schema may refer to places within itself only`,
	} {
		_, err := schema.Compile(wire.MustRaw(text), schema.Options{})
		require.EqualError(t, err, want, text)
	}
}
