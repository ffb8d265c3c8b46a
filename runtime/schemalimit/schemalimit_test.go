package schemalimit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// around checks a schema made for each size: one below and at the limit pass, one above is refused with the text.
func around(t *testing.T, l schemalimit.Limits, most int, text string, schema func(n int) string) {
	t.Helper()
	for n := most - 1; n <= most+1; n++ {
		err := schemalimit.Check(wire.MustRaw(schema(n)), l)
		if n <= most {
			require.NoError(t, err, n)
		} else {
			require.EqualError(t, err, text)
		}
	}
}

func TestBytes(t *testing.T) {
	around(t, schemalimit.Limits{}, 1<<20, "the schema has 1048577 bytes, the limit is 1048576", func(n int) string {
		return `{"x":"` + strings.Repeat("x", n-8) + `"}`
	})
}

func TestDepth(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"not":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	around(t, schemalimit.Limits{}, 128, "the schema is nested more than 128 levels deep", deep)
	around(t, schemalimit.Limits{Depth: 5}, 5, "the schema is nested more than 5 levels deep", deep)
	require.NoError(t, schemalimit.Check(wire.MustRaw(deep(400)), schemalimit.Limits{Depth: -1}))
}

func TestPattern(t *testing.T) {
	for _, form := range []string{`{"properties":{"a":{"pattern":"%s"}}}`, `{"patternProperties":{"%s":{}}}`, `{"patternProperties":{"%s":{"type":"string"},"b":true}}`} {
		around(t, schemalimit.Limits{}, 4096, "the schema has a regular expression of 4097 bytes, the limit is 4096", func(n int) string {
			return fmt.Sprintf(form, strings.Repeat("x", n))
		})
	}
}

func TestNodes(t *testing.T) {
	around(t, schemalimit.Limits{Nodes: 50}, 50, "the schema has more than 50 values once its references are followed", func(n int) string {
		return `{"enum":[` + strings.Repeat("1,", n-3) + `1]}`
	})
}

// doubling is a schema of which each definition refers twice to the next: 2^n values in a few bytes.
func doubling(n int, ref func(i int) string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"` + ref(0) + `","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"d%d":{"$anchor":"a%d","$id":"urn:d%d","allOf":[{"$ref":%q},{"$ref":%q}]},`, i, i, i, ref(i+1), ref(i+1))
	}
	fmt.Fprintf(&b, `"d%d":{"$anchor":"a%d","$id":"urn:d%d"}}}`, n, n, n)
	return b.String()
}

func TestExpansionOfReferences(t *testing.T) {
	for name, ref := range map[string]func(int) string{
		"pointers": func(i int) string { return fmt.Sprintf("#/$defs/d%d", i) },
		"anchors":  func(i int) string { return fmt.Sprintf("#a%d", i) },
		"ids":      func(i int) string { return fmt.Sprintf("urn:d%d", i) },
		"escapes":  func(i int) string { return fmt.Sprintf("#/%%24defs/d%d", i) },
		"a circle": func(i int) string { return fmt.Sprintf("#/$defs/d%d", i%30) },
	} {
		require.NoError(t, schemalimit.Check(wire.MustRaw(doubling(8, ref)), schemalimit.Limits{}), name)
		require.EqualError(t, schemalimit.Check(wire.MustRaw(doubling(30, ref)), schemalimit.Limits{}),
			"the schema has more than 100000 values once its references are followed", name)
	}
}

func TestRecursionIsNoExpansion(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"left":{"$ref":"#"},"right":{"$ref":"#"},"all":{"items":{"$ref":"#"}}}}`,
		`{"$ref":"http://json-schema.org/draft-07/schema#"}`,
		`{"$ref":"#/nowhere"}`,
		`true`,
		`{"const":{"$ref":"#/"},"default":null,"enum":[1.5,"x",[]]}`,
	} {
		require.NoError(t, schemalimit.Check(wire.MustRaw(schema), schemalimit.Limits{}), schema)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(doubling(3, func(i int) string { return fmt.Sprintf("#/$defs/d%d", i) }))
	f.Add(`{"$ref":"#//~1/0","a":[{"$id":"x"},{"$ref":"x#/"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if raw, err := wire.ParseRaw([]byte(text)); err == nil {
			_ = schemalimit.Check(raw, schemalimit.Limits{Nodes: 1000})
		}
	})
}
