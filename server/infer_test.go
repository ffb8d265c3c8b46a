package server

import (
	"encoding/json"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	invopop "github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/wire"
)

func inferred[T any](t *testing.T) string {
	t.Helper()
	schema, _, err := inferSchema(reflect.TypeFor[T](), wrapper)
	require.NoError(t, err)
	_, err = compileSchema(schema, true)
	require.NoError(t, err)
	return schema.String()
}

// tagged has every keyword of the tags.
type tagged struct {
	A string         `json:"a" jsonschema:"title=T,description=one\\, two,minLength=1,maxLength=5,pattern=^a\\,b$,format=email,default=x,example=y,example=z"`
	B string         `json:"b,omitempty" jsonschema:"required,enum=x,enum=y,readOnly=true,writeOnly=true"`
	C int            `json:"c" jsonschema:"minimum=0,maximum=10,exclusiveMinimum=-1,exclusiveMaximum=11,multipleOf=2,default=4,example=6,enum=4,enum=6"`
	D float64        `json:"d,omitzero" jsonschema:"minimum=0.5"`
	E bool           `json:"e" jsonschema:"default=true"`
	F []string       `json:"f" jsonschema:"minItems=1,maxItems=3,uniqueItems=true,default=a,default=b,enum=a,enum=b"`
	G []int          `json:"g" jsonschema:"minimum=1"`
	H map[string]int `json:"h"`
	I string         `json:"i" jsonschema_description:"long, with commas" jsonschema_extras:"x-a=1,x-b=true,x-c=p,x-c=q"`
	J any            `json:"j" jsonschema:"oneof_type=string;integer"`
	K string         `json:"k,omitempty" jsonschema:"oneof_required=one"`
	L string         `json:"l,omitempty" jsonschema:"oneof_required=two"`
	M string         `json:"m,omitempty" jsonschema:"oneof_required=two"`
	N string         `json:"-"`
	O string         `json:"o" jsonschema:"-"`
	P int            `json:",string"`
	Q *int           `json:"q,omitempty"`
	R []byte         `json:"r"`
	S time.Time      `json:"s"`
	T string         `json:"t" jsonschema:"nullable"`
	u int
}

// TestTheTagsAreThoseOfInvopop compares with the library whose tags these are, for what the two agree on: it writes
// nullable values as oneOf, $schema, and the default of a list of numbers as strings.
func TestTheTagsAreThoseOfInvopop(t *testing.T) {
	r := invopop.Reflector{Anonymous: true, ExpandedStruct: true}
	text, err := json.Marshal(r.Reflect(tagged{}))
	require.NoError(t, err)
	var want, got map[string]any
	require.NoError(t, json.Unmarshal(text, &want))
	require.NoError(t, json.Unmarshal([]byte(inferred[tagged](t)), &got))
	delete(want, "$schema")
	nullable := want["properties"].(map[string]any)["t"]
	require.Equal(t, map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "null"}}}, nullable)
	want["properties"].(map[string]any)["t"] = map[string]any{"type": []any{"string", "null"}}
	require.Equal(t, want, got)
	require.Zero(t, tagged{}.u)
}

type withText struct{ v string }

func (w withText) MarshalText() ([]byte, error) { return []byte(w.v), nil }

func (w *withText) UnmarshalText(b []byte) error { w.v = string(b); return nil }

type withJSON struct{ V int }

func (withJSON) MarshalJSON() ([]byte, error) { return []byte(`[1]`), nil }

type withRaw struct{}

func (withRaw) JSONSchema() wire.Raw { return wire.MustRaw(`{"type":"string","pattern":"^x"}`) }

type withInvopop struct{}

func (withInvopop) JSONSchema() *invopop.Schema {
	return &invopop.Schema{Type: "integer", Minimum: "3"}
}

func TestTypesAreDescribedAsTheyAreEncoded(t *testing.T) {
	type all struct {
		Text    withText            `json:"text"`
		JSON    withJSON            `json:"json"`
		Raw     withRaw             `json:"raw"`
		Invopop withInvopop         `json:"invopop"`
		Addr    netip.Addr          `json:"addr"`
		IP      net.IP              `json:"ip"`
		Time    time.Time           `json:"time"`
		Bytes   []byte              `json:"bytes"`
		Array   [2]int              `json:"array"`
		ID      [4]byte             `json:"id"`
		Big     big.Int             `json:"big"`
		Number  json.Number         `json:"number"`
		Message json.RawMessage     `json:"message"`
		Wire    wire.Raw            `json:"wire"`
		Any     any                 `json:"any"`
		Map     map[netip.Addr]bool `json:"map"`
		Ptr     *int                `json:"ptr"`
		Ptrs    []*string           `json:"ptrs"`
		U8      uint8               `json:"u8"`
		I16     int16               `json:"i16"`
		U64     uint64              `json:"u64"`
		Color   color               `json:"color"`
	}
	const want = `{"type":"object","properties":{
		"text":{"type":"string"}, "json":{}, "raw":{"type":"string","pattern":"^x"}, "invopop":{"type":"integer","minimum":3},
		"addr":{"type":"string"}, "ip":{"type":"string"}, "time":{"type":"string","format":"date-time"},
		"bytes":{"type":"string","contentEncoding":"base64"},
		"array":{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":2},
		"id":{"type":"string","contentEncoding":"base64"},
		"big":{"type":"integer"}, "number":{"type":"number"}, "message":{}, "wire":{}, "any":{},
		"map":{"type":"object","additionalProperties":{"type":"boolean"}},
		"ptr":{"type":["integer","null"]}, "ptrs":{"type":"array","items":{"type":["string","null"]}},
		"u8":{"type":"integer","minimum":0,"maximum":255}, "i16":{"type":"integer","minimum":-32768,"maximum":32767}, "u64":{"type":"integer","minimum":0},
		"color":{"type":"string","oneOf":[{"const":"#f00","title":"Red"},{"const":"#0f0","title":"Green"}]}
	},"required":["text","json","raw","invopop","addr","ip","time","bytes","array","id","big","number","message","wire","any","map","ptr","ptrs","u8","i16","u64","color"],
	"additionalProperties":false}`
	require.JSONEq(t, want, inferred[all](t))

	// And what is encoded fits, but for the types whose schema is not their own.
	schema, _, err := inferSchema(reflect.TypeFor[all](), "")
	require.NoError(t, err)
	compiled, err := compileSchema(schema, true)
	require.NoError(t, err)
	value, err := wire.Marshal(all{Number: "5", Message: json.RawMessage(`1`), Wire: wire.MustRaw("1"), Color: "#f00"})
	require.NoError(t, err)
	err = compiled.check(value)
	require.EqualError(t, err, "/invopop: expected an integer, found an object; /raw: expected a string, found an object")
}

type node struct {
	Name     string           `json:"name"`
	Children []node           `json:"children"`
	ByName   map[string]*node `json:"byName,omitempty"`
}

type shared struct {
	X int `json:"x"`
}

func TestRecursiveAndRepeatedTypes(t *testing.T) {
	require.JSONEq(t, `{"type":"object","properties":{
		"name":{"type":"string"},
		"children":{"type":"array","items":{"$ref":"#"}},
		"byName":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}
	},"required":["name","children"],"additionalProperties":false}`, inferred[node](t))

	require.JSONEq(t, `{"type":"object","properties":{"result":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["result"],"additionalProperties":false,
		"$defs":{"node":{"type":"object","properties":{
			"name":{"type":"string"},
			"children":{"type":"array","items":{"$ref":"#/$defs/node"}},
			"byName":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}}
		},"required":["name","children"],"additionalProperties":false}}}`, inferred[[]node](t))

	type once struct {
		S shared `json:"s"`
	}
	require.JSONEq(t, `{"type":"object","properties":{"s":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"],"additionalProperties":false}},
		"required":["s"],"additionalProperties":false}`, inferred[once](t))
	type twice struct {
		A shared  `json:"a" jsonschema:"description=the first"`
		B *shared `json:"b,omitempty"`
	}
	require.JSONEq(t, `{"type":"object","properties":{"a":{"$ref":"#/$defs/shared","description":"the first"},"b":{"$ref":"#/$defs/shared"}},
		"required":["a"],"additionalProperties":false,
		"$defs":{"shared":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"],"additionalProperties":false}}}`, inferred[twice](t))
}

type pair[T any] struct {
	A, B T
}

func TestNamesOfDefinitionsAreTold(t *testing.T) {
	type shared struct{ Y int }
	type local struct {
		A, B   shared
		C, D   pair[url.URL]
		E1, E2 pair[netip.Addr]
	}
	s := inferred[local](t)
	for _, name := range []string{`"shared":{`, `"pair_net_url.URL_":{`, `"pair_net_netip.Addr_":{`, `"URL":{`} {
		require.Contains(t, s, name)
	}
}

type inner struct {
	X int `json:"x"`
	Y int `json:"y"`
}

type other struct {
	Y string `json:"y"`
	Z string `json:"z"`
}

func TestEmbedding(t *testing.T) {
	type outer struct {
		inner
		*other
		Z     int `json:"z"`
		Named inner
	}
	require.JSONEq(t, `{"type":"object","properties":{"x":{"type":"integer"},"z":{"type":"integer"},
		"Named":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},"required":["x","y"],"additionalProperties":false}},
		"required":["x","z","Named"],"additionalProperties":false}`, inferred[outer](t))
	value, err := wire.Marshal(outer{})
	require.NoError(t, err)
	require.Equal(t, `{"x":0,"z":0,"Named":{"x":0,"y":0}}`, value.String(), "y is in both, so it is in neither")
}
