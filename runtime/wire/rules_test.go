package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// thing has a member of every kind that the rules are about.
type thing struct {
	Name    string
	Count   *int64
	Ratio   *float64
	Token   ID
	Extra   Raw
	Unknown Object
}

func (v *thing) DecodeJSON(d *Decoder) {
	*v = thing{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "name":
			if d.Once(&seen, 0) {
				v.Name = d.String()
			}
		case "count":
			if d.Once(&seen, 1) && !d.Null() {
				v.Count = new(d.Int())
			}
		case "ratio":
			if d.Once(&seen, 2) && !d.Null() {
				v.Ratio = new(d.Float())
			}
		case "token":
			if d.Once(&seen, 3) && !d.Null() {
				v.Token = d.ID()
			}
		case "extra":
			if d.Once(&seen, 4) && !d.Null() {
				v.Extra = d.Raw()
			}
		default:
			v.Unknown = d.Unknown(v.Unknown, key)
		}
	}
	if seen&1 != 1 {
		d.Missing(seen, "name")
	}
}

func (v *thing) AppendJSON(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = AppendString(b, v.Name)
	if v.Count != nil {
		b = append(b, `,"count":`...)
		b = AppendInt(b, *v.Count)
	}
	if v.Ratio != nil {
		b = append(b, `,"ratio":`...)
		b = AppendFloat(b, *v.Ratio)
	}
	if !v.Token.IsZero() {
		b = append(b, `,"token":`...)
		b = v.Token.AppendJSON(b)
	}
	if !v.Extra.IsZero() {
		b = append(b, `,"extra":`...)
		b = v.Extra.AppendJSON(b)
	}
	b = AppendMembers(b, v.Unknown)
	return append(b, '}')
}

// decodeFunc reads whatever it wants.
type decodeFunc func(d *Decoder)

func (f decodeFunc) DecodeJSON(d *Decoder) { f(d) }

// outer holds a thing one level down.
type outer struct{ Params thing }

func (v *outer) DecodeJSON(d *Decoder) {
	*v = outer{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "params":
			if d.Once(&seen, 0) {
				v.Params.DecodeJSON(d)
			}
		default:
			d.Raw()
		}
	}
}

// refused decodes text both as a thing and checks it raw; syntax errors must be
// found by both, with the same message.
func refused(t *testing.T, text, message string, syntax bool) {
	t.Helper()
	err := Decode([]byte(text), new(thing))
	require.EqualError(t, err, message)
	var e *PathError
	require.ErrorAs(t, err, &e)
	require.Equal(t, syntax, e.Syntax)
	err = Valid([]byte(text), Options{})
	if syntax {
		require.Error(t, err)
		require.ErrorAs(t, err, &e)
		require.True(t, e.Syntax)
	} else {
		require.NoError(t, err)
	}
}

func TestDuplicateKey(t *testing.T) {
	for _, c := range []struct{ name, text, message string }{
		{"known", `{"name":"a","name":"a"}`, `at /name (offset 12): expected each member name once, found it a second time`},
		{"known by escape", `{"name":"a","n\u0061me":"a"}`, `at /name (offset 12): expected each member name once, found it a second time`},
		{"unknown", `{"name":"a","x":1,"x":2}`, `at /x (offset 18): expected each member name once, found it a second time`},
		{"unknown by escape", `{"name":"a","x~":1,"\u0078~":2}`, `at /x~0 (offset 19): expected each member name once, found it a second time`},
		{"raw", `{"name":"a","extra":{"b":1,"b":2}}`, `at /extra/b (offset 27): expected each member name once, found it a second time`},
		{"raw by escape", `{"name":"a","extra":{"b":1,"\u0062":2}}`, `at /extra/b (offset 27): expected each member name once, found it a second time`},
		{"raw by escape, escaped first", `{"name":"a","extra":{"\u0062":1,"b":2}}`, `at /extra/b (offset 32): expected each member name once, found it a second time`},
		{"raw within arrays", `{"name":"a","extra":[0,[{"b":{},"c":[],"b":2}]]}`, `at /extra/1/0/b (offset 39): expected each member name once, found it a second time`},
		{"raw unknown", `{"name":"a","x":{"k":1,"k":1}}`, `at /x/k (offset 23): expected each member name once, found it a second time`},
		{"raw long", `{"name":"a","x":{"a rather long name":1,"a rather long name":1}}`, `at /x/a rather long name (offset 40): expected each member name once, found it a second time`},
		{"raw outside ASCII", `{"name":"a","x":{"é":1,"\u00e9":1}}`, `at /x/é (offset 24): expected each member name once, found it a second time`},
		{"slash in the name", `{"name":"a","x/y":1,"x/y":1}`, `at /x~1y (offset 20): expected each member name once, found it a second time`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, c.message, true) })
	}
	t.Run("same name in different objects is fine", func(t *testing.T) {
		require.NoError(t, Valid([]byte(`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`), Options{}))
	})
}

func TestWrongCaseKeyIsUnknown(t *testing.T) {
	for _, key := range []string{"NAME", "Name", "\u212aey", "toke\u006e ", "coun\u0165", "ex\u017fra", "name\u0000"} {
		text := AppendString([]byte(`{"name":"a",`), key)
		text = append(text, `:"b"}`...)
		var v thing
		require.NoError(t, Decode(text, &v), "%q", key)
		require.Equal(t, "a", v.Name)
		require.Len(t, v.Unknown, 1)
		require.Equal(t, key, v.Unknown[0].Name)
	}
	// K (Kelvin sign) and ſ (long s) fold to k and s elsewhere, not here.
	var in struct {
		Key string `json:"key"`
		Is  string `json:"is"`
	}
	require.NoError(t, MustRaw("{\"\u212aey\":\"x\",\"i\u017f\":\"x\",\"KEY\":\"x\",\"IS\":\"x\"}").Unmarshal(&in))
	require.Empty(t, in.Key+in.Is)
}

func TestMethodInCapitalsIsNotMethod(t *testing.T) {
	var v message[progress, *progress]
	require.NoError(t, Decode([]byte(`{"jsonrpc":"2.0","METHOD":"x","method\u0000":"y"}`), &v))
	require.Empty(t, v.Method)
	require.Equal(t, "METHOD", v.Unknown[0].Name)
	require.Equal(t, "method\x00", v.Unknown[1].Name)
	require.Equal(t, `{"jsonrpc":"2.0","METHOD":"x","method\u0000":"y"}`, string(v.AppendJSON(nil)))
}

func TestInvalidUTF8(t *testing.T) {
	for _, c := range []struct{ name, text, message string }{
		{"value", "{\"name\":\"a\xff\"}", `at /name (offset 10): expected valid UTF-8, found byte 0xff`},
		{"value after an escape", "{\"name\":\"\\n\xc3(\"}", `at /name (offset 11): expected valid UTF-8, found byte 0xc3`},
		{"truncated", "{\"name\":\"0123456789\xe2\x82\"}", `at /name (offset 19): expected valid UTF-8, found byte 0xe2`},
		{"surrogate", "{\"name\":\"\xed\xa0\x80\"}", `at /name (offset 9): expected valid UTF-8, found byte 0xed`},
		{"overlong", "{\"name\":\"\xc0\xaf\"}", `at /name (offset 9): expected valid UTF-8, found byte 0xc0`},
		{"key", "{\"name\xff\":\"a\"}", `at offset 6: expected valid UTF-8, found byte 0xff`},
		{"raw", "{\"name\":\"a\",\"extra\":[\"\x80\"]}", `at /extra/0 (offset 22): expected valid UTF-8, found byte 0x80`},
		{"raw key", "{\"name\":\"a\",\"extra\":{\"\x80\":1}}", `at /extra (offset 22): expected valid UTF-8, found byte 0x80`},
		{"continuation completed by an escape", "{\"name\":\"\xc3\\u00a9\"}", `at /name (offset 9): expected valid UTF-8, found byte 0xc3`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, c.message, true) })
	}
}

func TestLoneSurrogate(t *testing.T) {
	for _, half := range []string{`\ud800`, `\uDFFF`, `\ud800\ud800`, `\ud800x`, `\ud800\u0041`, `\udc00\ud800`} {
		want := strings.NewReplacer(`\ud800`, "\ufffd", `\uDFFF`, "\ufffd", `\udc00`, "\ufffd", `\u0041`, "A").Replace(half)
		text := []byte(`{"name":"<` + half + `>","extra":{"k":"` + half + `"}}`)

		var v thing
		require.NoError(t, Decode(text, &v))
		require.Equal(t, "<"+want+">", v.Name)
		require.Equal(t, `{"k":"`+half+`"}`, v.Extra.String(), "raw values stay as written")
		var in struct {
			K string `json:"k"`
		}
		require.NoError(t, v.Extra.Unmarshal(&in))
		require.Equal(t, want, in.K, "as read from arguments into a struct")

		require.Error(t, DecodeOptions(text, &v, Options{Strict: true}))
		require.Error(t, Valid(text, Options{Strict: true}))
		require.NoError(t, Valid(text, Options{}))
	}
	var v thing
	require.NoError(t, Decode([]byte(`{"name":"\ud83d\ude00"}`), &v))
	require.Equal(t, "😀", v.Name)

	for _, c := range []struct{ name, text, message string }{
		{"key", `{"name":"a","\udc00":1}`, `at offset 13: expected a whole surrogate pair, found half of one, \udc00`},
		{"raw key", `{"name":"a","extra":{"\udc00":1}}`, `at /extra (offset 22): expected a whole surrogate pair, found half of one, \udc00`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, c.message, true) })
	}
	t.Run("id", func(t *testing.T) {
		err := Decode([]byte(`{"name":"a","token":"\ud800"}`), &v)
		require.EqualError(t, err, `at /token (offset 21): expected a whole surrogate pair, found half of one, \ud800`)
		var id ID
		require.Error(t, id.UnmarshalJSON([]byte(`"\ud800"`)))
	})
	t.Run("method", func(t *testing.T) {
		err := read(`"tools/\ud800"`, func(d *Decoder) { d.ExactString() })
		require.EqualError(t, err, `at offset 7: expected a whole surrogate pair, found half of one, \ud800`)
		require.NoError(t, read(`"tools\/call"`, func(d *Decoder) { require.Equal(t, "tools/call", d.ExactString()) }))
	})
	t.Run("value under Strict", func(t *testing.T) {
		err := DecodeOptions([]byte(`{"name":"\ud800"}`), &v, Options{Strict: true})
		require.EqualError(t, err, `at /name (offset 9): expected a whole surrogate pair, found half of one, \ud800`)
		err = DecodeOptions([]byte(`{"name":"a","extra":{"arguments":["\ud800"]}}`), &v, Options{Strict: true})
		require.EqualError(t, err, `at /extra/arguments/0 (offset 35): expected a whole surrogate pair, found half of one, \ud800`)
	})
}

func TestSyntaxRefused(t *testing.T) {
	for _, c := range []struct{ name, text, message string }{
		{"raw control character", "{\"name\":\"a\nb\"}", `at /name (offset 10): expected no raw control character in a string, found byte 0x0a`},
		{"raw control character in a key", "{\"na\x01me\":\"a\"}", `at offset 4: expected no raw control character in a string, found byte 0x01`},
		{"raw control character in raw", "{\"name\":\"a\",\"x\":\"\x1f\"}", `at /x (offset 17): expected no raw control character in a string, found byte 0x1f`},
		{"unknown escape", `{"name":"\q"}`, `at /name (offset 9): expected an escape that JSON knows, found "\\q"`},
		{"short unicode escape", `{"name":"\u12"}`, `at /name (offset 9): expected an escape that JSON knows, found "\\u12\"}"`},
		{"bad unicode escape", `{"name":"\u12g4"}`, `at /name (offset 9): expected an escape that JSON knows, found "\\u12g4"`},
		{"escape at the end", `{"name":"\`, `at /name (offset 10): expected the end of a string, found the end of the input`},
		{"trailing bytes", `{"name":"a"}{}`, `at offset 12: expected the end of the input, found an object`},
		{"trailing word", `{"name":"a"} x`, `at offset 13: expected the end of the input, found 'x'`},
		{"byte order mark", "\xef\xbb\xbf{\"name\":\"a\"}", `at offset 0: expected an object, found a byte order mark`},
		{"NaN", `{"name":"a","ratio":NaN}`, `at /ratio (offset 20): expected a number, found 'N'`},
		{"Infinity", `{"name":"a","ratio":-Infinity}`, `at /ratio (offset 21): expected a digit, found 'I'`},
		{"leading zero", `{"name":"a","count":01}`, `at /count (offset 20): expected a number without leading zeros, found number 01`},
		{"leading zero after a minus", `{"name":"a","ratio":-01}`, `at /ratio (offset 21): expected a number without leading zeros, found number 01`},
		{"plus", `{"name":"a","count":+1}`, `at /count (offset 20): expected an integer, found '+'`},
		{"no digit after the point", `{"name":"a","ratio":1.}`, `at /ratio (offset 22): expected a digit, found '}'`},
		{"no digit before the point", `{"name":"a","ratio":.5}`, `at /ratio (offset 20): expected a number, found '.'`},
		{"no digit in the exponent", `{"name":"a","ratio":1e+}`, `at /ratio (offset 23): expected a digit, found '}'`},
		{"hexadecimal", `{"name":"a","count":0x1}`, `at /count (offset 21): expected ',' or '}', found 'x'`},
		{"trailing comma in an object", `{"name":"a",}`, `at offset 12: expected a member name, found '}'`},
		{"trailing comma in an array", `{"name":"a","x":[1,]}`, `at /x/1 (offset 19): expected a JSON value, found ']'`},
		{"missing comma", `{"name":"a" "x":1}`, `at offset 12: expected ',' or '}', found string "x"`},
		{"missing comma in an array", `{"name":"a","x":[1 2]}`, `at /x (offset 19): expected ',' or ']', found number 2`},
		{"missing colon", `{"name" "a"}`, `at offset 8: expected ':', found string "a"`},
		{"missing colon in raw", `{"name":"a","x":{"y" 1}}`, `at /x (offset 21): expected ':', found number 1`},
		{"missing value", `{"name":"a","x":}`, `at /x (offset 16): expected a JSON value, found '}'`},
		{"wrong bracket", `{"name":"a","x":[1}}`, `at /x (offset 18): expected ',' or ']', found '}'`},
		{"wrong brace", `{"name":"a","x":{"y":1]}`, `at /x (offset 22): expected ',' or '}', found ']'`},
		{"unquoted key", `{name:"a"}`, `at offset 1: expected a member name, found 'n'`},
		{"single quotes", `{'name':"a"}`, `at offset 1: expected a member name, found '\''`},
		{"comment", `{"name":"a"/**/}`, `at offset 11: expected ',' or '}', found '/'`},
		{"capital literal", `{"name":"a","x":True}`, `at /x (offset 16): expected a JSON value, found 'T'`},
		{"cut literal", `{"name":"a","x":tru}`, `at /x (offset 16): expected true, found 't'`},
		{"cut null", `{"name":"a","count":nul}`, `at /count (offset 20): expected null, found 'n'`},
		{"empty", ``, `at offset 0: expected an object, found the end of the input`},
		{"white space only", " \n", `at offset 2: expected an object, found the end of the input`},
		{"cut after the brace", `{`, `at offset 1: expected a member name, found the end of the input`},
		{"cut in a key", `{"name`, `at offset 6: expected the end of a string, found the end of the input`},
		{"cut after the key", `{"name"`, `at offset 7: expected ':', found the end of the input`},
		{"cut in a raw array", `{"name":"a","x":[1`, `at /x (offset 18): expected ',' or ']', found the end of the input`},
		{"form feed is no white space", "{\"name\":\f\"a\"}", `at /name (offset 8): expected a string, found byte 0x0c`},
		{"NUL is no white space", "{\"name\":\"a\"\x00}", `at offset 11: expected ',' or '}', found byte 0x00`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, c.message, true) })
	}
}

func TestWrongShape(t *testing.T) {
	for _, c := range []struct{ name, text, message string }{
		{"null for a required string", `{"name":null}`, `at /name (offset 8): expected a string, found null`},
		{"number for a string", `{"name":12}`, `at /name (offset 8): expected a string, found number 12`},
		{"object for a string", `{"name":{}}`, `at /name (offset 8): expected a string, found an object`},
		{"string for an integer", `{"name":"a","count":"12"}`, `at /count (offset 20): expected an integer, found string "12"`},
		{"fraction for an integer", `{"name":"a","count":1.5}`, `at /count (offset 20): expected an integer, found number 1.5`},
		{"small exponent for an integer", `{"name":"a","count":1e-2}`, `at /count (offset 20): expected an integer, found number 1e-2`},
		{"integer over int64", `{"name":"a","count":9223372036854775808}`, `at /count (offset 20): expected an integer from -2^63 to 2^63-1, found number 9223372036854775808`},
		{"integer under int64", `{"name":"a","count":-9223372036854775809}`, `at /count (offset 20): expected an integer from -2^63 to 2^63-1, found number -9223372036854775809`},
		{"huge exponent", `{"name":"a","count":1e999999999999999999999}`, `at /count (offset 20): expected an integer from -2^63 to 2^63-1, found number 1e999999999999999999999`},
		{"float out of range", `{"name":"a","ratio":1e400}`, `at /ratio (offset 20): expected a number within the range of float64, found number 1e400`},
		{"fraction for an id", `{"name":"a","token":1.5}`, `at /token (offset 20): expected a string or an integer, found number 1.5`},
		{"array for an id", `{"name":"a","token":[]}`, `at /token (offset 20): expected a string or an integer, found an array`},
		{"missing required member", `{"count":1}`, `at offset 10: expected the member "name", found the end of the object`},
		{"array for an object", `[]`, `at offset 0: expected an object, found an array`},
		{"string with escapes", `{"name":"a","count":"\u0031\n"}`, `at /count (offset 20): expected an integer, found string "1\n"`},
		{"long string with escapes", `{"name":"a","count":"0123456789\n0123456789\n0123456789"}`, `at /count (offset 20): expected an integer, found string "0123456789\\n0123456789\\n"…`},
		{"string for an object", `"x"`, `at offset 0: expected an object, found string "x"`},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, c.text, c.message, false) })
	}
	t.Run("missing required member one level down", func(t *testing.T) {
		err := Decode([]byte(`{"params": {"x":{"y":1}} }`), new(outer))
		require.EqualError(t, err, `at /params (offset 23): expected the member "name", found the end of the object`)
	})
	t.Run("a syntax error later on is what counts", func(t *testing.T) {
		refused(t, `{"name":12,"x":[}`, `at /x/0 (offset 16): expected a JSON value, found '}'`, true)
	})
}

func TestNullInOptionalMemberIsAbsent(t *testing.T) {
	var v thing
	require.NoError(t, Decode([]byte(`{"name":"a","count":null,"ratio": null ,"token":null,"extra":null}`), &v))
	require.Equal(t, thing{Name: "a"}, v)
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{
		`0`: 0, `-0`: 0, `7`: 7, `-7`: -7, `1.0`: 1, `1e2`: 100, `1E+2`: 100, `1.50e1`: 15, `120e-1`: 12, `0.0`: 0, `0e99999999999999999999`: 0,
		`9007199254740993`: 9007199254740993, `9007199254740993.0`: 9007199254740993, `9.007199254740993e15`: 9007199254740993,
		`9223372036854775807`: 9223372036854775807, `-9223372036854775808`: -9223372036854775808, `-92233720368547758080e-1`: -9223372036854775808,
		`123456789012345678`: 123456789012345678, `-999999999999999`: -999999999999999, `1000000000000000`: 1000000000000000,
		`0.00000000000000000001e20`: 1, `922337203685477580.7e1`: 9223372036854775807,
	} {
		var v thing
		require.NoError(t, Decode([]byte(`{"name":"","count":`+text+`}`), &v), text)
		require.Equal(t, want, *v.Count, text)
		// At the very end of the input, too.
		var n int64
		require.NoError(t, Decode([]byte(text), decodeFunc(func(d *Decoder) { n = d.Int() })), text)
		require.Equal(t, want, n, text)
	}
}

func TestTwoToThe53Plus1StaysExact(t *testing.T) {
	const n = `9007199254740993`
	text := `{"name":"a","count":` + n + `,"token":` + n + `,"extra":{"n":` + n + `},"x":` + n + `}`
	var v thing
	require.NoError(t, Decode([]byte(text), &v))
	require.Equal(t, int64(9007199254740993), *v.Count)
	require.Equal(t, IntID(9007199254740993), v.Token)
	var in struct {
		N int64 `json:"n"`
	}
	require.NoError(t, v.Extra.Unmarshal(&in))
	require.Equal(t, int64(9007199254740993), in.N)
	require.Equal(t, text, string(v.AppendJSON(nil)))
}

func TestUnknownMembersKeptInOrder(t *testing.T) {
	text := `{"name":"a","z":{"b":[1.50,1E2,"\u0041\ud800"],"a":{ }},"y":null,"\u0079\"":"\/","":-0,"é":" \t "}`
	var v thing
	require.NoError(t, Decode([]byte(text), &v))
	names := []string{}
	for _, m := range v.Unknown {
		names = append(names, m.Name)
	}
	require.Equal(t, []string{"z", "y", `y"`, "", "é"}, names)
	require.Equal(t, strings.Replace(text, `\u0079`, `y`, 1), string(v.AppendJSON(nil)), "values byte for byte")
}

func TestEncodedMessageIsOneLine(t *testing.T) {
	pretty := "{\r\n\t\"a\": [\n\t\t1,\r\n\t\t\"x\\n\"\n\t]\n}"
	var v thing
	require.NoError(t, Decode([]byte("{\n\"name\": \"line\\nbreak\\r\",\n\"extra\": "+pretty+",\n\"x\": "+pretty+"\n}\n"), &v))
	v.Token = StringID("\n\r")
	out := v.AppendJSON(nil)
	require.NotContains(t, string(out), "\n")
	require.NotContains(t, string(out), "\r")
	require.Equal(t, `{"name":"line\nbreak\r","token":"\n\r","extra":{`+"\t"+`"a": [`+"\t\t"+`1,`+"\t\t"+`"x\n"`+"\t"+`]},"x":{`+"\t"+`"a": [`+"\t\t"+`1,`+"\t\t"+`"x\n"`+"\t"+`]}}`, string(out))
	require.NoError(t, Valid(out, Options{}))
	require.Equal(t, pretty, v.Extra.String(), "the value itself is as written")
}
