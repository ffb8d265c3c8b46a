package schema_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// subsetOnly takes the library away for a test, and gives it.
func subsetOnly(t *testing.T) schema.Fallback {
	complete := schema.Register(nil)
	t.Cleanup(func() { schema.Register(complete) })
	return complete
}

type offline struct{}

func (offline) Load(string) (any, error) { return nil, errors.New("offline") }

// library compiles a schema with the library that the subset must agree with.
func library(text string, formats bool) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(offline{})
	c.DefaultDraft(jsonschema.Draft2020)
	if formats {
		c.AssertFormat()
	}
	if err := c.AddResource("x:///schema", doc); err != nil {
		return nil, err
	}
	return c.Compile("x:///schema")
}

// agree fails the test if what we and the library say of the value differs.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, ours *schema.Schema, theirs *jsonschema.Schema, text string, value wire.Raw) (valid bool) {
	t.Helper()
	got := ours.Check(value)
	if bad, ok := errors.AsType[*schema.Invalid](got); ok && (bad.Unknown || strings.Contains(got.Error(), "with an exponent of at most")) {
		return false // a limit of ours
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(value.Bytes()))
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	want := theirs.Validate(v)
	if (want == nil) != (got == nil) || ours.Accepts(value) != (got == nil) {
		t.Fatalf("schema %s\nvalue %s\nlibrary: %v\nours: %v\naccepted at once: %v", text, value, want, got, ours.Accepts(value))
	}
	return got == nil
}

// maker makes schemas and values that have something to do with each other.
type maker struct{ t *rapid.T }

func (m maker) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(m.t, label)
}

func (m maker) some(label string, least, most int, f func() string) []string {
	list := make([]string, rapid.IntRange(least, most).Draw(m.t, label))
	for i := range list {
		list[i] = f()
	}
	return list
}

var (
	names    = []string{"a", "b", "ab", "é", "x-1"}
	numbers  = []string{"0", "-0", "1", "1.0", "2", "3", "-1", "1.5", "0.1", "0.3", "1e2", "100", "1e-2", "12345678901234567890", "12345678901234567891", "1.00000000000000000001", "-7.5e3", "4.5"}
	texts    = []string{`""`, `"a"`, `"ab"`, `"abc"`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"a\nb"`, `"\/"`, `"2025-02-29"`, `"ada@example.com"`}
	patterns = []string{`"^a"`, `"b$"`, `"^[a-z]{1,2}$"`, `"."`, `"^$"`, `"\\n"`}
)

func (m maker) scalar() string {
	switch rapid.IntRange(0, 4).Draw(m.t, "scalar") {
	case 0, 1:
		return m.pick("number", numbers...)
	case 2, 3:
		return m.pick("text", texts...)
	}
	return m.pick("word", "null", "true", "false")
}

func (m maker) value(depth int) string {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 4).Draw(m.t, "value")
	}
	space := m.pick("space", "", "", " ", "\n\t")
	switch kind {
	case 1, 2:
		return "[" + space + strings.Join(m.some("items", 0, 4, func() string { return m.value(depth - 1) }), space+",") + "]"
	case 3, 4:
		var members []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(m.t, "names") {
			if name == "é" && rapid.Bool().Draw(m.t, "escape") {
				name = `\u00e9`
			}
			members = append(members, `"`+name+`"`+space+":"+space+m.value(depth-1))
		}
		return "{" + space + strings.Join(members, space+", ") + "}"
	}
	return m.scalar()
}

var keywords = []string{
	"type", "types", "properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties",
	"dependentRequired", "dependentSchemas", "dependencies", "items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems",
	"enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
	"anyOf", "oneOf", "allOf", "not", "if", "$ref", "format", "title",
}

func (m maker) schema(depth int) string {
	if depth == 0 {
		return m.pick("leaf", `true`, `{}`, `{"type":"string"}`, `{"type":"integer"}`, `{"type":["number","null"]}`, `false`, `{"$ref":"#/$defs/d"}`, `{"$ref":"#/$defs/e"}`)
	}
	sub := func() string { return m.schema(depth - 1) }
	count := func() string { return m.pick("count", "0", "1", "2", "3", "2.0") }
	object := func(f func() string) string {
		var members []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(m.t, "of") {
			members = append(members, fmt.Sprintf("%q:%s", name, f()))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	nameList := func() string {
		list := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(m.t, "list")
		return strings.ReplaceAll(fmt.Sprintf("%q", list), " ", ",")
	}
	var members []string
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(keywords), 1, 4, rapid.ID).Draw(m.t, "keywords") {
		v := ""
		switch k {
		case "type":
			v = m.pick(k, `"string"`, `"integer"`, `"number"`, `"boolean"`, `"null"`, `"array"`, `"object"`)
		case "types":
			if slices.ContainsFunc(members, func(s string) bool { return strings.HasPrefix(s, `"type":`) }) {
				continue
			}
			k, v = "type", m.pick(k, `["string","null"]`, `["integer","number"]`, `["object","array"]`, `["integer","string"]`)
		case "properties", "dependentSchemas":
			v = object(sub)
		case "patternProperties":
			v = "{" + m.pick(k, patterns...) + ":" + sub() + "}"
		case "dependentRequired":
			v = object(nameList)
		case "dependencies":
			v = object(func() string {
				if rapid.Bool().Draw(m.t, "schema") {
					return sub()
				}
				return nameList()
			})
		case "required":
			v = nameList()
		case "additionalProperties", "items", "contains", "propertyNames", "not":
			v = sub()
		case "if":
			members = append(members, `"then":`+sub(), `"else":`+sub())
			v = sub()
		case "prefixItems", "anyOf", "oneOf", "allOf":
			v = "[" + strings.Join(m.some(k, 1, 3, sub), ",") + "]"
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			v = count()
		case "uniqueItems":
			v = m.pick(k, "true", "true", "false")
		case "enum":
			v = "[" + strings.Join(m.some(k, 1, 4, func() string { return m.value(1) }), ",") + "]"
		case "const":
			v = m.value(1)
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
			v = m.pick(k, numbers...)
		case "multipleOf":
			v = m.pick(k, "1", "2", "0.1", "1.5", "0.01", "1e2", "3", "12345678901234567890")
		case "pattern":
			v = m.pick(k, patterns...)
		case "$ref":
			v = m.pick(k, `"#/$defs/d"`, `"#/$defs/e"`, `"#/$defs/f"`)
		case "format":
			v = m.pick(k, `"date"`, `"email"`, `"nobody's"`)
		case "title":
			v = `"t"`
		}
		members = append(members, fmt.Sprintf("%q:%s", k, v))
		if k == "contains" {
			members = append(members, m.pick("bounds", `"x":1`, `"minContains":0`, `"minContains":2`, `"maxContains":1`))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// the definitions that schemas refer to; the third contains itself.
const definitions = `"$defs":{"d":{"type":"string","maxLength":2},"e":{"anyOf":[{"$ref":"#/$defs/d"},{"type":"array","items":{"$ref":"#/$defs/e"}}]},` +
	`"f":{"properties":{"a":{"$ref":"#/$defs/f"},"b":{"type":["integer","null"]}},"additionalProperties":{"$ref":"#/$defs/d"}}}`

var besideRef = regexp.MustCompile(`"(const|contains|propertyNames|if)":`)

func sameAsTheLibrary(valid, wrong *int) func(t *rapid.T) {
	return func(t *rapid.T) {
		m := maker{t}
		text := m.schema(2)
		text = text[:len(text)-1] + "," + definitions + "}"
		if rapid.IntRange(0, 4).Draw(t, "draft") == 0 {
			if strings.Contains(text, `"$ref"`) && besideRef.MatchString(text) {
				return // it heeds some keywords beside $ref, where draft-07 says that all are ignored
			}
			text = text[:len(text)-1] + `,"$schema":"http://json-schema.org/draft-07/schema#"}`
		}
		formats := rapid.Bool().Draw(t, "formats")
		raw, err := wire.ParseRaw([]byte(text))
		if err != nil {
			t.Skip("a keyword twice")
		}
		theirs, errTheirs := library(text, formats)
		ours, errOurs := schema.Compile(raw, schema.Options{Formats: formats})
		if errOurs == nil && errTheirs != nil && strings.Contains(errTheirs.Error(), "/enum': items at") {
			return // it takes no value of an enum twice in draft-07, which only advises against it
		}
		if (errTheirs == nil) != (errOurs == nil) {
			t.Fatalf("schema %s\nlibrary: %v\nours: %v", text, errTheirs, errOurs)
		}
		if errOurs != nil {
			return
		}
		for range 5 {
			value, err := wire.ParseRaw([]byte(m.value(3)))
			if err != nil {
				continue // a name twice
			}
			if agree(t, ours, theirs, text, value) {
				*valid++
			} else {
				*wrong++
			}
		}
	}
}

// TestSameAsTheLibrary makes schemas of the subset, and values, and compares what we and the library say.
func TestSameAsTheLibrary(t *testing.T) {
	subsetOnly(t)
	var valid, wrong int
	rapid.Check(t, sameAsTheLibrary(&valid, &wrong))
	t.Logf("%d valid, %d not", valid, wrong)
	if valid == 0 || wrong == 0 {
		t.Errorf("%d valid values and %d others: there must be both", valid, wrong)
	}
}

func FuzzSameAsTheLibrary(f *testing.F) {
	schema.Register(nil)
	var valid, wrong int
	f.Fuzz(rapid.MakeFuzz(sameAsTheLibrary(&valid, &wrong)))
}

// FuzzAnySchema takes any text as schema and as value: where both of us take the schema, we must agree on the value.
func FuzzAnySchema(f *testing.F) {
	schema.Register(nil)
	for _, c := range cases {
		for _, v := range slices.Concat(c.valid, c.wrong) {
			f.Add(c.schema, v)
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		raw, err := wire.ParseRaw([]byte(text))
		if err != nil {
			return
		}
		v, err := wire.ParseRaw([]byte(value))
		if err != nil {
			return
		}
		ours, err := schema.Compile(raw, schema.Options{})
		if err != nil {
			return
		}
		theirs, err := library(text, false)
		if err != nil {
			return // it follows some references otherwise, and asks more of annotations
		}
		agree(t, ours, theirs, text, v)
	})
}

// libraryCheck reads a value and validates it with the library.
func libraryCheck(s *jsonschema.Schema, raw wire.Raw) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return err
	}
	return s.Validate(v)
}
