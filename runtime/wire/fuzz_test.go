package wire

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-json/jsontext"
	goccy "github.com/goccy/go-json/v2"
	"github.com/stretchr/testify/require"
)

// seeds are texts at the edges of every rule.
var seeds = []string{
	``, ` `, `null`, `true`, `false`, `tru`, `0`, `-0`, `-`, `01`, `1.`, `1.5e+3`, `1e`, `9007199254740993`, `9223372036854775808`, `1e400`, `NaN`,
	`""`, `"a"`, `"`, `"\`, `"\u`, `"\ud800"`, `"\ud83d\ude00"`, `"\ud800\ud800"`, `"\q"`, "\"\n\"", "\"\xff\"", "\"\xed\xa0\x80\"", `"é😀"`, "\"\u2028\x7f\"",
	`"01234567"`, `"0123456\n"`, `"0123456789abcdef0123456789abcdef\u00e9"`, `"0123456é"`,
	`[]`, `[ ]`, `[1,2]`, `[1,]`, `[,]`, `[1 2]`, `[[[[]]]]`, `[}`, `[`,
	`{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"é":1,"\u00e9":2}`, `{"\ud800":1}`, `{"a":{"b":1,"b":2}}`, `{`, `{"a`, `{"a"`, `{"a":`,
	`{"name":"a","count":1.0,"ratio":-0.5,"token":"t","extra":[{"x":null}],"unknown":{"y":"\ud800"}}`, `{"NAME":"a","name\u0000":1}`,
	`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"r":0,"a":0}`,
	"\xef\xbb\xbf{}", `{} {}`, "{\"a\" :\r\n[ 1 ,\t2 ] } ", `{"type":"text","text":"x"}`, `{"list":[1.0,2e1],"small":1e2,"color":"blue","any":{"k":[null]}}`,
}

func addSeeds(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, s := range samples() {
		if len(s.text) < 1<<10 {
			f.Add(s.text)
		}
	}
}

// checkError fails unless err is a well-formed PathError for data.
func checkError(t *testing.T, data []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var e *PathError
	require.ErrorAs(t, err, &e)
	require.GreaterOrEqual(t, e.Offset, 0)
	require.LessOrEqual(t, e.Offset, len(data))
	require.NotEmpty(t, e.Expected)
	require.True(t, utf8.ValidString(err.Error()))
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 800)
}

// anything reads any value with the typed methods.
type anything struct{ v any }

func (a *anything) DecodeJSON(d *Decoder) { a.v = readAny(d) }

func readAny(d *Decoder) any {
	switch d.Kind() {
	case KindNull:
		d.Null()
	case KindBool:
		return d.Bool()
	case KindNumber:
		return d.Float()
	case KindString:
		return d.String()
	case KindArray:
		list := []any{}
		for d.Array(); d.Elem(); {
			list = append(list, readAny(d))
		}
		return list
	case KindObject:
		return map[string]any(DecodeMap(d, readAny))
	default:
		d.Fail("a JSON value")
	}
	return nil
}

func FuzzDecode(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := Valid(data, Options{})
		checkError(t, data, valid)
		strict := Valid(data, Options{Strict: true})
		checkError(t, data, strict)
		if strict == nil {
			require.NoError(t, valid)
		}

		raw, err := ParseRaw(data)
		require.Equal(t, valid, err)
		if err == nil {
			line := raw.AppendJSON(nil)
			require.NoError(t, Valid(line, Options{}))
			require.False(t, bytes.ContainsAny(line, "\r\n"))
			var again Raw
			require.NoError(t, raw.Decode(&again))
			require.Equal(t, raw, again)
			var in arguments
			_ = raw.Unmarshal(&in)
			var a any
			if err := raw.Unmarshal(&a); err != nil {
				require.ErrorContains(t, err, "float64")
			}
		}

		var a anything
		err = Decode(data, &a)
		checkError(t, data, err)
		if err != nil && valid == nil {
			require.ErrorContains(t, err, "range of float64")
		}
		if valid != nil {
			require.Error(t, err)
		}

		var o Object
		err = Decode(data, &o)
		checkError(t, data, err)
		require.Equal(t, valid == nil && raw.Kind() == KindObject, err == nil)

		var v, w thing
		err = Decode(data, &v)
		checkError(t, data, err)
		if valid != nil {
			require.Error(t, err)
			var e *PathError
			require.True(t, errors.As(err, &e) && e.Syntax)
		}
		if err == nil {
			out := v.AppendJSON(nil)
			require.NoError(t, Decode(out, &w), "%s", out)
			require.Equal(t, string(out), string(w.AppendJSON(nil)))
		}
	})
}

func FuzzDecodedDoesNotAliasInput(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var v thing
		var a anything
		var o Object
		var id ID
		var call message[callResult, *callResult]
		_, _, _, _, _ = Decode(data, &v), Decode(data, &a), Decode(data, &o), Decode(data, &id), Decode(data, &call)
		raw, _ := ParseRaw(data)
		state := func() string {
			return string(v.AppendJSON(nil)) + string(o.AppendJSON(nil)) + id.String() + raw.String() + string(call.AppendJSON(nil)) + string(mustMarshal(t, a.v))
		}
		before := state()
		for i := range data {
			data[i] = '#'
		}
		require.Equal(t, before, state())
	})
}

// mustMarshal is Marshal for values known to be fine.
func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	r, err := Marshal(v)
	require.NoError(t, err)
	return r.Bytes()
}

func FuzzAgainstGoccy(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		// With Strict there is no deliberate difference but the limit on nesting.
		ours := Valid(data, Options{Strict: true, MaxDepth: 10_000})
		theirs := jsontext.Value(data).IsValid()
		require.Equal(t, theirs, ours == nil, "%q: %v", data, ours)
		if ours != nil {
			return
		}
		var a anything
		var b any
		err := goccy.Unmarshal(data, &b)
		ours = DecodeOptions(data, &a, Options{Strict: true, MaxDepth: 10_000})
		require.Equal(t, err == nil, ours == nil, "%v, %v", err, ours)
		if err == nil {
			require.Equal(t, b, a.v)
		}
	})
}

func FuzzLookahead(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var peeked string
		var ok bool
		var has, in uint64
		err := Decode(data, decodeFunc(func(d *Decoder) {
			var b []byte
			b, ok = d.PeekString("type")
			peeked = string(b)
			has = d.PeekHas("type", "a", "name")
			in = d.PeekHasIn("a", "b")
			d.Raw()
		}))
		if err != nil {
			return
		}
		o := Object{}
		_ = Decode(data, &o)
		want, _ := o.Get("type")
		require.Equal(t, want.Kind() == KindString, ok)
		if ok {
			var s string
			require.NoError(t, want.Unmarshal(&s))
			require.Equal(t, s, peeked)
		}
		for i, name := range []string{"type", "a", "name"} {
			_, found := o.Get(name)
			require.Equal(t, found, has&(1<<i) != 0)
		}
		inner := Object{}
		if v, found := o.Get("a"); found && v.Kind() == KindObject {
			require.NoError(t, v.Decode(&inner))
		}
		_, found := inner.Get("b")
		require.Equal(t, found, in == 1)
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		require.True(t, jsontext.Value(text).IsValid())
		require.False(t, bytes.ContainsAny(text, "\r\n"))
		var got string
		require.NoError(t, Decode(text, decodeFunc(func(d *Decoder) { got = d.String() })))
		want := strings.Map(func(r rune) rune { return r }, s) // every byte that is no UTF-8 becomes U+FFFD
		require.Equal(t, want, got)
	})
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{`0`, `-0`, `1.0`, `1e2`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `1e18`, `0.1e1`, `123456789012345.5`, `1e-400`, `1e400`, `01`, `1.`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want float64
		accepted := goccy.Unmarshal([]byte(s), &want) == nil && s != "null" && strings.TrimSpace(s) != "null"
		var got float64
		err := Decode([]byte(s), decodeFunc(func(d *Decoder) { got = d.Float() }))
		require.Equal(t, accepted, err == nil, "%v", err)
		if err != nil {
			return
		}
		require.Equal(t, math.Float64bits(want), math.Float64bits(got))
		var n int64
		if Decode([]byte(s), decodeFunc(func(d *Decoder) { n = d.Int() })) == nil {
			require.InDelta(t, got, float64(n), math.Abs(got)*1e-15)
			require.Equal(t, IntID(n), decodeID(t, s).Canonical())
		}
	})
}
