package schema_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	_ "github.com/tenonmcp/tenon/runtime/fullschema"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// cases are the edges of each keyword.
var cases = []struct {
	schema       string
	valid, wrong []string
}{
	{`true`, []string{`1`, `null`, `{}`}, nil},
	{`false`, nil, []string{`1`, `null`, `{}`}},
	{`{}`, []string{`1`, `[1,{"a":"]"}]`}, nil},
	{`{"type":"integer"}`, []string{`1`, `-0`, `1.0`, `1e2`, `1.5e1`, `10e-1`, `0.0e5`, `123456789012345678901234567890`}, []string{`1.5`, `1e-1`, `"1"`, `null`, `true`}},
	{`{"type":"number"}`, []string{`1.5`, `1`}, []string{`"1"`, `[]`}},
	{`{"type":["string","null"]}`, []string{`"x"`, `null`}, []string{`0`, `false`, `{}`}},
	{`{"type":["integer","number"]}`, []string{`1.5`}, []string{`"x"`}},
	{`{"type":"boolean"}`, []string{`true`, `false`}, []string{`0`, `"true"`, `null`}},
	{`{"minimum":9007199254740993}`, []string{`9007199254740993`, `9007199254740994`, `"x"`}, []string{`9007199254740992`, `-9007199254740993`}},
	{`{"maximum":0.3}`, []string{`0.3`, `0.30`, `3e-1`, `-5`}, []string{`0.30000000000000001`, `0.31`, `1`}},
	{`{"exclusiveMinimum":0,"exclusiveMaximum":1e1}`, []string{`0.0000001`, `9.9999`}, []string{`0`, `-0`, `0.0`, `10`, `10.0`, `1e1`}},
	{`{"minimum":-2.5}`, []string{`-2.5`, `-2.50`, `-2`}, []string{`-2.6`, `-3`}},
	{`{"multipleOf":0.01}`, []string{`0.03`, `19.99`, `1`, `-4.35`, `0`}, []string{`0.001`, `19.995`}},
	{`{"multipleOf":0.1}`, []string{`0.3`, `1e500`}, []string{`0.35`}},
	{`{"multipleOf":7}`, []string{`14`, `14.0`, `0`, `700000000000000000000`}, []string{`15`, `14.5`, `700000000000000000001`}},
	{`{"multipleOf":12345678901234567890}`, []string{`24691357802469135780`}, []string{`24691357802469135781`}},
	{`{"minLength":2.0,"maxLength":0.3e1}`, []string{`"ab"`}, []string{`"a"`, `"abcd"`}},
	{`{"minItems":0.0,"maxItems":1e30}`, []string{`[]`, `[1]`}, nil},
	{`{"minLength":2,"maxLength":3}`, []string{`"ab"`, `"äöü"`, `"\u00e9\u00e9"`, `"\ud83d\ude00b"`, `5`}, []string{`"a"`, `"\ud83d\ude00"`, `"abcd"`, `""`}},
	{`{"pattern":"^a\\s"}`, []string{`"a b"`, `"a\n"`, `1`}, []string{`"ab"`, `" a "`}},
	{`{"enum":[1,"a",null,true,{"x":[1]}]}`, []string{`1.0`, `10e-1`, `"\u0061"`, `null`, `true`, `{ "x": [1.0] }`}, []string{`2`, `"b"`, `false`, `{"x":[2]}`, `{"x":[1],"y":1}`, `[]`}},
	{`{"enum":[]}`, nil, []string{`1`, `null`, `"a"`}},
	{`{"const":"a"}`, []string{`"a"`}, []string{`"b"`, `1`}},
	{`{"const":0}`, []string{`0`, `-0.0`, `0e7`}, []string{`false`, `1`, `null`}},
	{`{"const":null}`, []string{`null`}, []string{`false`, `{}`}},
	{`{"const":{"a":false}}`, []string{`{"a":false}`}, []string{`{"a":0}`, `{}`}},
	{`{"items":{"type":"integer"},"minItems":1,"maxItems":2}`, []string{`[1]`, `[1,2]`, `{}`}, []string{`[]`, `[1,2,3]`, `["a"]`}},
	{`{"prefixItems":[{"type":"string"},{}],"items":false}`, []string{`[]`, `["a"]`, `["a",1]`}, []string{`[1]`, `["a",1,2]`}},
	{`{"uniqueItems":true}`, []string{`[]`, `[1]`, `[1,"1",true,null,[1],{"a":1}]`, `[1,true]`, `[0,false]`, `[{"a":1,"b":2},{"a":2,"b":1}]`},
		[]string{`[1,1.0]`, `["a","\u0061"]`, `[{"a":1,"b":2},{"b":2.0,"a":1}]`, `[[1],[1]]`, `[0,-0]`, `[null,null]`, `[100,1e2]`}},
	{`{"uniqueItems":false}`, []string{`[1,1]`}, nil},
	{`{"contains":{"minimum":5}}`, []string{`[1,5]`, `{}`}, []string{`[]`, `[1]`}},
	{`{"contains":{"const":1},"minContains":2,"maxContains":3}`, []string{`[1,1]`, `[1,2,1,1]`}, []string{`[1]`, `[1,1,1,1]`}},
	{`{"contains":{"const":1},"minContains":0}`, []string{`[]`, `[2]`}, nil},
	{`{"properties":{"a":{"type":"string"},"":{"type":"null"}},"required":["a","z"],"additionalProperties":false}`,
		nil, []string{`{}`, `{"a":"x"}`, `{"a":"x","z":1}`, `{"z":1}`}},
	{`{"properties":{"é":{"type":"string"}},"required":["é"]}`, []string{`{"é":"x"}`, `{"\u00e9":"x"}`, `{ "a" : [ ] , "é" : "x" }`, `1`}, []string{`{"e":"x"}`, `{"\u00e9":1}`}},
	{`{"additionalProperties":{"type":"integer"},"properties":{"a":true}}`, []string{`{"a":"x","b":1}`}, []string{`{"b":"x"}`}},
	{`{"patternProperties":{"^a":{"type":"integer"},"b$":{"minimum":5}},"additionalProperties":false}`, []string{`{"ab":5,"a":1,"b":"x"}`}, []string{`{"ab":4}`, `{"c":1}`, `{"a":"x"}`}},
	{`{"propertyNames":{"maxLength":2}}`, []string{`{"ab":1, "c":2}`, `{}`}, []string{`{"abc":1}`, `{"a":1, "abc":1}`}},
	{`{"minProperties":1,"maxProperties":2}`, []string{`{"a":1}`, `{"a":1,"b":2}`, `[]`}, []string{`{}`, `{"a":1,"b":2,"c":3}`}},
	{`{"dependentRequired":{"a":["b","c"]}}`, []string{`{}`, `{"b":1}`, `{"a":1,"b":1,"c":1}`}, []string{`{"a":1}`, `{"a":1,"b":1}`}},
	{`{"dependentSchemas":{"a":{"maxProperties":1}}}`, []string{`{"a":1}`, `{"b":1,"c":1}`}, []string{`{"a":1,"b":1}`}},
	{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, []string{`"x"`, `null`}, []string{`1`}},
	{`{"oneOf":[{"type":"integer"},{"minimum":2}]}`, []string{`1`, `2.5`}, []string{`1.5`, `3`}},
	{`{"oneOf":[{"const":"a","title":"A"},{"const":"b","title":"B"}]}`, []string{`"a"`, `"b"`}, []string{`"A"`, `""`}},
	{`{"allOf":[{"minimum":1},{"maximum":3}],"type":"integer"}`, []string{`1`, `3`}, []string{`0`, `4`, `2.5`, `"x"`}},
	{`{"not":{"type":"string"}}`, []string{`1`}, []string{`"x"`}},
	{`{"if":{"type":"string"},"then":{"minLength":1},"else":{"type":"null"}}`, []string{`"x"`, `null`}, []string{`""`, `1`}},
	{`{"$ref":"#/$defs/a%25~1b","$defs":{"a%/b":{"type":"null"}}}`, []string{`null`}, []string{`1`}},
	{`{"properties":{"a":{"$ref":"#x"}},"$defs":{"é %":{"$anchor":"x","items":{"$ref":"#x"},"type":"array"}},"const":{"a":[[]]},"enum":[{"a":[[]]},{"$anchor":"x"}]}`, []string{`{"a":[[]]}`}, []string{`{"a":1}`, `{"a":[1]}`}},
	{`{"$ref":"#/$defs/a","minLength":2,"$defs":{"a":{"type":"string"}}}`, []string{`"ab"`}, []string{`"a"`, `12`}},
	{`{"type":"object","properties":{"next":{"$ref":"#"},"v":{"type":"integer"}},"additionalProperties":false}`, []string{`{"next":{"next":{"v":1}}}`}, []string{`{"next":{"next":{"v":"x"}}}`, `{"next":1}`}},
	{`{"title":"t","description":"d","default":5,"examples":[1],"$comment":"c","deprecated":true,"readOnly":true,"x-own":{"type":5},"nullable":true}`, []string{`1`}, nil},
	{`{"format":"date"}`, []string{`"x"`}, nil},
	{`{"$id":"https://example.com/s","$anchor":"a","items":{"$ref":"#/$defs/n"},"$defs":{"n":{"type":"number"}}}`, []string{`[1]`}, []string{`["x"]`}},
	{`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":{"type":"null"}}`, []string{`["a",null]`}, []string{`[1]`, `["a",1]`}},
	{`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/d","minLength":5}},"definitions":{"d":{"type":"string"}}}`, []string{`{"a":"x"}`}, []string{`{"a":1}`}},
	{`{"$schema":"http://json-schema.org/draft-07/schema#","format":"date","prefixItems":5}`, []string{`"2024-02-29"`, `[1]`}, []string{`"2025-02-29"`}},
	{`{"$schema":"http://json-schema.org/draft-07/schema","dependencies":{"a":["b"],"c":{"required":["d"]}}}`, []string{`{"a":1,"b":1}`, `{"c":1,"d":1}`}, []string{`{"a":1}`, `{"c":1}`}},
}

func TestKeywords(t *testing.T) {
	subsetOnly(t)
	for _, c := range cases {
		s, err := schema.Compile(wire.MustRaw(c.schema), schema.Options{})
		require.NoError(t, err, c.schema)
		theirs, err := library(c.schema, false)
		require.NoError(t, err, c.schema)
		for _, v := range c.valid {
			require.NoError(t, s.Check(wire.MustRaw(v)), "%s of %s", v, c.schema)
			agree(t, s, theirs, c.schema, wire.MustRaw(v))
		}
		for _, v := range c.wrong {
			require.Error(t, s.Check(wire.MustRaw(v)), "%s of %s", v, c.schema)
			agree(t, s, theirs, c.schema, wire.MustRaw(v))
		}
	}
}

func TestManyPropertiesAndItems(t *testing.T) {
	var properties, members, items []string
	for i := range 200 {
		name := strings.Repeat("n", i%7+1) + string(rune('a'+i%26)) + string(rune('a'+i/26))
		properties = append(properties, `"`+name+`":{"type":"integer"}`)
		members = append(members, `"`+name+`":1`)
		items = append(items, `{"`+name+`":[`+name[:0]+`1]}`)
	}
	s, err := schema.Compile(wire.MustRaw(`{"properties":{`+strings.Join(properties, ",")+`},"additionalProperties":false,"uniqueItems":true}`), schema.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Check(wire.MustRaw("{"+strings.Join(members, ",")+"}")))
	require.Error(t, s.Check(wire.MustRaw("{"+strings.Join(members, ",")+`,"z":1}`)))
	require.NoError(t, s.Check(wire.MustRaw("["+strings.Join(items, ",")+"]")))
	require.EqualError(t, s.Check(wire.MustRaw("["+strings.Join(append(items, items[3]), ", ")+"]")), "expected items that differ, but those at 3 and 200 are equal")
}

func TestFormats(t *testing.T) {
	for format, c := range map[string]struct{ valid, wrong []string }{
		"date":          {[]string{"2024-02-29", "2025-12-31"}, []string{"2025-02-29", "2025-13-01", "2025-1-1", "2025-04-31", "x", "2025-12-31 ", "2100-02-29"}},
		"time":          {[]string{"10:30:00Z", "10:30:00.5+01:00", "23:59:60z", "00:59:60+01:00", "22:59:60-01:00"}, []string{"10:30:00", "24:00:00Z", "10:30:60Z", "10:30:00.Z", "10:30:00+1:00", "10:30Z", "10:30:00+24:00"}},
		"date-time":     {[]string{"2025-11-25T10:30:00Z", "2025-11-25t10:30:00.123-08:00"}, []string{"2025-11-25", "2025-11-25 10:30:00Z", "2025-11-31T10:30:00Z"}},
		"email":         {[]string{"ada@example.com", "a.b+c@[127.0.0.1]", `"a b"@example.com`, "a@[IPv6:::1]"}, []string{"ada", "a..b@c", ".a@c", "a@-c", "a b@c", "a@[300.0.0.1]", strings.Repeat("a", 65) + "@c"}},
		"hostname":      {[]string{"example.com", "a", "a.b."}, []string{"-a", "a-", "a..b", "", strings.Repeat("a", 64), "a_b"}},
		"ipv4":          {[]string{"127.0.0.1", "0.0.0.0"}, []string{"127.0.0", "01.0.0.1", "256.0.0.1", "1.2.3.4.5", "a.b.c.d", "1.2.3."}},
		"ipv6":          {[]string{"::1", "2001:db8::"}, []string{"127.0.0.1", "::1%eth0", ":::"}},
		"uri":           {[]string{"https://example.com/page", "urn:x:y", "http://[::1]/"}, []string{"no uri", "/a", "http://[::z]/"}},
		"uri-reference": {[]string{"/a", "a#b", ""}, []string{`a\b`, "%zz"}},
		"uuid":          {[]string{"2EB8AA08-aa98-11ea-b4aa-73b441d16380"}, []string{"2eb8aa08-aa98-11ea-b4aa-73b441d1638", "2eb8aa08aa9811eab4aa73b441d16380", "2eb8aa08-aa98-11ea-b4ga-73b441d16380"}},
		"regex":         {[]string{"^a+$"}, []string{"(?=a)", "("}},
		"nobody's":      {[]string{"anything"}, nil},
	} {
		text := `{"format":"` + format + `"}`
		s, err := schema.Compile(wire.MustRaw(text), schema.Options{Formats: true})
		require.NoError(t, err)
		theirs, err := library(text, true)
		require.NoError(t, err)
		for i, v := range append(c.valid, c.wrong...) {
			raw, err := wire.Marshal(v)
			require.NoError(t, err)
			require.Equal(t, i < len(c.valid), s.Check(raw) == nil, "%s %q", format, v)
			agree(t, s, theirs, text, raw)
		}
		require.NoError(t, s.Check(wire.MustRaw("5")))
	}
}

func TestSchemasThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		`5`:                            `not a valid schema: the schema: expected an object, true or false, found 5`,
		`{"type":"strng"}`:             `not a valid schema: /type: expected one of "string", "number", "integer", "boolean", "null", "array", "object", found "strng"; did you mean "string"?`,
		`{"type":["string","string"]}`: `not a valid schema: /type: expected names that differ, found "string" twice`,
		`{"type":[]}`:                  `not a valid schema: /type: expected at least one name`,
		`{"properties":{"a/b":{"minLength":-1}}}`: `not a valid schema: /properties/a~1b/minLength: expected an integer of at least 0, found -1`,
		`{"maxItems":1.5}`:                        `not a valid schema: /maxItems: expected an integer of at least 0, found 1.5`,
		`{"multipleOf":0}`:                        `not a valid schema: /multipleOf: expected a number above 0, found 0`,
		`{"minimum":"1"}`:                         `not a valid schema: /minimum: expected a number, found "1"`,
		`{"required":"a"}`:                        `not a valid schema: /required: expected an array of names, found "a"`,
		`{"required":["a","a"]}`:                  `not a valid schema: /required: expected names that differ, found "a" twice`,
		`{"required":[1]}`:                        `not a valid schema: /required/0: expected a string, found 1`,
		`{"properties":[]}`:                       `not a valid schema: /properties: expected an object of schemas, found an array`,
		`{"anyOf":[]}`:                            `not a valid schema: /anyOf: expected an array of at least one schema, found an array`,
		`{"items":[{}]}`:                          `not a valid schema: /items: expected a schema, found an array`,
		`{"enum":"a"}`:                            `not a valid schema: /enum: expected an array, found "a"`,
		`{"uniqueItems":1}`:                       `not a valid schema: /uniqueItems: expected true or false, found 1`,
		`{"title":5}`:                             `not a valid schema: /title: expected a string, found 5`,
		`{"pattern":"(?=a)"}`:                     `not a valid schema: /pattern: expected a regular expression as Go has them (RE2), found "(?=a)"`,
		`{"$defs":{"a":{"type":"x"}}}`:            `not a valid schema: /$defs/a/type: expected one of "string", "number", "integer", "boolean", "null", "array", "object", found "x"`,
		`{"$ref":"#/$defs/a"}`:                    `reference to "#/$defs/a": there is nothing at that place`,
		`{"$ref":"#a"}`:                           `reference to "#a": nothing has this anchor`,
		`{"$anchor":"#a"}`:                        `not a valid schema: /$anchor: expected a name of letters, digits, '-', '_' and '.', found "#a"`,
		`{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}`:                 `not a valid schema: /$defs/b/$anchor: expected anchors that differ, found "x" at /$defs/a too`,
		`{"$ref":"file:///etc/passwd"}`:                                       `reference to "file:///etc/passwd": a schema may refer to places within itself only`,
		`{"$ref":"#"}`:                                                        `not a valid schema: a $ref leads back to itself for the same value, which never ends`,
		`{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#"}}}}`: `not a valid schema: a $ref leads back to itself for the same value, which never ends`,
		`{"$schema":"http://json-schema.org/draft-04/schema#"}`:               `the JSON Schema dialect "http://json-schema.org/draft-04/schema#" is not supported: expected "https://json-schema.org/draft/2020-12/schema" (which no $schema means too) or "http://json-schema.org/draft-07/schema#"`,
	} {
		_, err := schema.Compile(wire.MustRaw(text), schema.Options{})
		require.EqualError(t, err, want, text)
	}
}

func TestSchemasBeyondTheSubset(t *testing.T) {
	complete := subsetOnly(t)
	for text, where := range map[string]string{
		`{"properties":{"a":{"unevaluatedProperties":false}}}`:                        "the keyword unevaluatedProperties at /properties/a/unevaluatedProperties",
		`{"unevaluatedItems":false}`:                                                  "the keyword unevaluatedItems at /unevaluatedItems",
		`{"$dynamicRef":"#x","$dynamicAnchor":"x"}`:                                   "the keyword $dynamicRef at /$dynamicRef",
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":{"$ref":"#x"}}`: "the keyword $ref at /items/$ref",
		`{"$ref":"urn:x","$defs":{"x":{"$id":"urn:x"}}}`:                              "the keyword $id at /$defs/x/$id",
		`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`:                     "the keyword $ref at /$ref",
		`{"$schema":"http://json-schema.org/draft-07/schema#","format":"duration"}`:   `the keyword format "duration" at /format`,
	} {
		_, err := schema.Compile(wire.MustRaw(text), schema.Options{})
		require.EqualError(t, err, where+` is beyond the part of JSON Schema that is built in: add the import _ "github.com/tenonmcp/tenon/runtime/fullschema"`)
		var outside *schema.Outside
		require.ErrorAs(t, err, &outside)
	}
	schema.Register(complete)
	s, err := schema.Compile(wire.MustRaw(`{"properties":{"a":{"type":"string"}},"unevaluatedProperties":false}`), schema.Options{})
	require.NoError(t, err)
	require.False(t, s.Accepts(wire.MustRaw(`{"a":"x"}`)), "left to the library")
	require.NoError(t, s.Check(wire.MustRaw(`{"a":"x"}`)))
	require.EqualError(t, s.Check(wire.MustRaw(`{"a":1,"b":1}`)), "/a: expected a string, found a number; /b: not allowed here")
	require.EqualError(t, s.Check(wire.MustRaw(`{"a":1e1000}`)), "/a: expected a number of at most 1000 digits with an exponent of at most 999")
	_, err = schema.Compile(wire.MustRaw(`{"$ref":"https://example.com/a","$defs":{"a":{"$id":"https://example.com/b"}}}`), schema.Options{})
	require.EqualError(t, err, `reference to "https://example.com/a": a schema may refer to places within itself only`)
}

// What a value costs that is valid: nothing.
func TestNothingIsAllocatedForWhatIsValid(t *testing.T) {
	for _, c := range smallArguments {
		s, err := schema.Compile(wire.MustRaw(c.schema), schema.Options{Formats: true})
		require.NoError(t, err)
		raw := wire.MustRaw(c.value)
		require.NoError(t, s.Check(raw), c.name)
		n := testing.AllocsPerRun(200, func() { _ = s.Check(raw) })
		if !raced {
			require.Zero(t, n, c.name)
		}
	}
}

var smallArguments = []struct{ name, schema, value string }{
	{"greeting", `{"type":"object","properties":{"name":{"type":"string","description":"d"}},"required":["name"],"additionalProperties":false}`, `{"name":"Ada"}`},
	{"search", `{"type":"object","properties":{"query":{"type":"string","minLength":1},"limit":{"type":"integer","minimum":1,"maximum":100,"default":10},"sort":{"type":"string","enum":["date","rank"]},"tags":{"type":"array","items":{"type":"string"},"uniqueItems":true}},"required":["query"],"additionalProperties":false}`,
		`{"query":"gophers \u00e0 la carte","limit":25,"sort":"rank","tags":["a","b"]}`},
	{"point", `{"type":"object","properties":{"x":{"type":"number","multipleOf":0.5},"y":{"type":["number","null"]},"at":{"type":"string","format":"date-time"},"id":{"type":"string","pattern":"^[a-z]+-[0-9]+$"}},"required":["x","y"],"additionalProperties":false}`,
		`{"x":1.5,"y":null,"at":"2025-11-25T10:30:00Z","id":"ab-12"}`},
	{"tree", `{"type":"object","properties":{"root":{"$ref":"#/$defs/n"}},"required":["root"],"$defs":{"n":{"type":"object","properties":{"value":{"anyOf":[{"type":"integer"},{"type":"string"}]},"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["value"],"additionalProperties":false}}}`,
		`{"root":{"value":1,"kids":[{"value":"a"},{"value":2,"kids":[]}]}}`},
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range smallArguments {
		raw := wire.MustRaw(c.value)
		s, err := schema.Compile(wire.MustRaw(c.schema), schema.Options{Formats: true})
		require.NoError(b, err)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if s.Check(raw) != nil {
					b.Fatal("not valid")
				}
			}
		})
		theirs, err := library(c.schema, true)
		require.NoError(b, err)
		b.Run(c.name+"-library", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if libraryCheck(theirs, raw) != nil {
					b.Fatal("not valid")
				}
			}
		})
	}
}
