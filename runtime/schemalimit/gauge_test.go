package schemalimit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// deep nests a value in itself.
func deep(form string, n int) wire.Raw {
	open, end, _ := strings.Cut(form, "%")
	return wire.MustRaw(strings.Repeat(open, n) + "{}" + strings.Repeat(end, n))
}

// Alternatives that both lead back to the whole take time exponential in the depth of the value: a little is let through.
func TestValuesThatWouldTakeTooLong(t *testing.T) {
	for name, c := range map[string]struct{ schema, form string }{
		"alternatives": {`{"anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}}]}`, `{"a":%}`},
		"patterns":     {`{"patternProperties":{"a":{"$ref":"#"},"a|b":{"$ref":"#"}}}`, `{"a":%}`},
		"items":        {`{"allOf":[{"items":{"$ref":"#"}},{"prefixItems":[{"$ref":"#"}]}]}`, `[%]`},
		"conditions":   {`{"$ref":"#/$defs/a","$defs":{"a":{"if":{"contains":{"$ref":"#/$defs/a"}},"else":{"items":{"$ref":"#/$defs/a"}}}}}`, `[%]`},
		"two":          {`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"properties":{"x":{"$ref":"#b"}}},{"properties":{"x":{"$ref":"#b"}}}]},"b":{"$anchor":"b","$ref":"#/$defs/a"}}}`, `{"x":%}`},
	} {
		g, err := schemalimit.Measure(wire.MustRaw(c.schema), schemalimit.Limits{})
		require.NoError(t, err)
		require.NotNil(t, g, name)
		require.NoError(t, g.Check(deep(c.form, 10)), name)
		for _, n := range []int{25, 400} {
			require.EqualError(t, g.Check(deep(c.form, n)),
				"the value is nested too deeply for its schema: validating it takes more than 1000000 steps", name)
		}
	}
}

func TestVisits(t *testing.T) {
	// a chain of n is n+1 objects, each visited once by the schema, and once by the reference but for the first.
	g, err := schemalimit.Measure(wire.MustRaw(`{"properties":{"a":{"$ref":"#"}}}`), schemalimit.Limits{Visits: 21})
	require.NoError(t, err)
	require.NoError(t, g.Check(deep(`{"a":%}`, 9)))
	require.NoError(t, g.Check(deep(`{"a":%}`, 10)))
	require.Error(t, g.Check(deep(`{"a":%}`, 11)))
}

func TestOrdinaryRecursionTakesAnyValue(t *testing.T) {
	g, err := schemalimit.Measure(wire.MustRaw(`{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"},"all":{"type":"array","items":{"$ref":"#"}}}}`), schemalimit.Limits{})
	require.NoError(t, err)
	require.NotNil(t, g)
	require.NoError(t, g.Check(deep(`{"left":{},"right":%}`, 400)))
	require.NoError(t, g.Check(wire.MustRaw(`{"all":[`+strings.Repeat(`{},`, 100_000)+`{}]}`)))
	none, err := schemalimit.Measure(wire.MustRaw(`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"type":"string"}}}`), schemalimit.Limits{})
	require.NoError(t, err)
	require.Nil(t, none, "not recursive: nothing to measure")
	require.NoError(t, none.Check(wire.MustRaw(`{}`)))
}
