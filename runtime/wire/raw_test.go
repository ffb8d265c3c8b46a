package wire

import (
	stdjson "encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRaw(t *testing.T) {
	var absent Raw
	require.True(t, absent.IsZero())
	require.Equal(t, KindNone, absent.Kind())
	require.Nil(t, absent.Bytes())
	require.Empty(t, absent.String())
	require.Equal(t, "null", string(absent.AppendJSON(nil)))

	for text, kind := range map[string]Kind{`null`: KindNull, `true`: KindBool, `false`: KindBool, `-1`: KindNumber, `0`: KindNumber, `""`: KindString, `[]`: KindArray, `{}`: KindObject} {
		r, err := ParseRaw([]byte(" \r\n\t" + text + " \r\n\t"))
		require.NoError(t, err)
		require.Equal(t, kind, r.Kind(), text)
		require.Equal(t, text, r.String())
		require.Equal(t, text, string(r.Bytes()))
		require.False(t, r.IsZero())
	}
	_, err := ParseRaw([]byte(`{"a":1,"a":1}`))
	require.EqualError(t, err, `at /a (offset 7): expected each member name once, found it a second time`)
	require.PanicsWithValue(t, `wire.MustRaw: at offset 0: expected a JSON value, found '}'`, func() { MustRaw("}") })
}

func TestKindString(t *testing.T) {
	require.Equal(t, "none null bool number string array object invalid kind", KindNone.String()+" "+KindNull.String()+" "+KindBool.String()+" "+
		KindNumber.String()+" "+KindString.String()+" "+KindArray.String()+" "+KindObject.String()+" "+Kind(9).String())
}

func TestRawWithinEncodingJSON(t *testing.T) {
	type holder struct {
		R  Raw    `json:"r"`
		O  Object `json:"o"`
		ID ID     `json:"id"`
	}
	var h holder
	require.NoError(t, stdjson.Unmarshal([]byte(`{"r":{"b":[1.0]},"o":{"z":1,"a":2},"id":9007199254740993}`), &h))
	require.Equal(t, `{"b":[1.0]}`, h.R.String())
	require.Equal(t, Object{{"z", MustRaw("1")}, {"a", MustRaw("2")}}, h.O)
	require.Equal(t, IntID(9007199254740993), h.ID)
	out, err := stdjson.Marshal(h)
	require.NoError(t, err)
	require.Equal(t, `{"r":{"b":[1.0]},"o":{"z":1,"a":2},"id":9007199254740993}`, string(out))

	require.Error(t, h.R.UnmarshalJSON([]byte(`{"a":1,"a":2}`)))
	require.Equal(t, `{"b":[1.0]}`, h.R.String(), "kept on an error")
	require.Error(t, h.O.UnmarshalJSON([]byte(`[]`)))
	require.Error(t, h.ID.UnmarshalJSON([]byte(`{}`)))
}

func TestRawDecode(t *testing.T) {
	var v thing
	require.NoError(t, MustRaw(` {"name":"a","x":[1]} `).Decode(&v))
	require.Equal(t, "a", v.Name)
	require.EqualError(t, MustRaw(`{"name":1}`).Decode(&v), `at /name (offset 8): expected a string, found number 1`)
	require.EqualError(t, Raw{}.Decode(&v), `expected a JSON value, found none`)
	require.EqualError(t, Raw{}.Unmarshal(&v), `expected a JSON value, found none`)
	var r Raw
	require.NoError(t, MustRaw(`[1]`).Decode(&r))
	require.Equal(t, "[1]", r.String())
}

func TestObject(t *testing.T) {
	var o Object
	require.Equal(t, "{}", string(o.AppendJSON(nil)))
	o.Set("b", MustRaw("1"))
	o.Set("a", MustRaw(`"x"`))
	o.Set("b", MustRaw("[\n2]"))
	require.Equal(t, `{"b":[2],"a":"x"}`, string(o.AppendJSON(nil)))
	v, ok := o.Get("a")
	require.True(t, ok)
	require.Equal(t, `"x"`, v.String())
	_, ok = o.Get("A")
	require.False(t, ok)
	require.Equal(t, `{"z":0,"b":[2],"a":"x"}`, string(append(AppendMembers([]byte(`{"z":0`), o), '}')))
	require.Equal(t, `{`, string(AppendMembers([]byte(`{`), nil)))
	o.Delete("b")
	o.Delete("none")
	require.Equal(t, Object{{"a", MustRaw(`"x"`)}}, o)
	require.Equal(t, `{"a":null}`, string(Object{{Name: "a"}}.AppendJSON(nil)), "an absent value is null")
}

func TestMap(t *testing.T) {
	var m Map[int]
	m.Set("b", 1)
	m.Set("a", 2)
	m.Set("b", 3)
	require.Equal(t, Map[int]{{"b", 3}, {"a", 2}}, m)
	v, ok := m.Get("a")
	require.True(t, ok)
	require.Equal(t, 2, v)
	_, ok = m.Get("c")
	require.False(t, ok)
	m.Delete("b")
	require.Equal(t, Map[int]{{"a", 2}}, m)
}

func TestDecodeMapAndEntries(t *testing.T) {
	text := `{"z":1,"a":2,"\u0062":3}`
	require.NoError(t, read(text, func(d *Decoder) {
		require.Equal(t, map[string]int64{"z": 1, "a": 2, "b": 3}, DecodeMap(d, (*Decoder).Int))
	}))
	require.NoError(t, read(text, func(d *Decoder) {
		m := DecodeEntries(d, (*Decoder).Int)
		require.Equal(t, Map[int64]{{"z", 1}, {"a", 2}, {"b", 3}}, m)
		require.Equal(t, `{"z":1,"a":2,"b":3}`, string(AppendEntries(nil, m, AppendInt)))
	}))
	for _, f := range []func(*Decoder){
		func(d *Decoder) { DecodeMap(d, (*Decoder).Int) },
		func(d *Decoder) { DecodeEntries(d, (*Decoder).Int) },
	} {
		require.EqualError(t, read(`{"a":1,"\u0061":2}`, f), `at /a (offset 7): expected each member name once, found it a second time`)
		require.EqualError(t, read(`{"a":"x"}`, f), `at /a (offset 5): expected an integer, found string "x"`)
		require.EqualError(t, read(`[]`, f), `at offset 0: expected an object, found an array`)
	}
}

func TestBase64(t *testing.T) {
	for _, b := range []string{"", "a", "ab", "abc", "\x00\xff\xfe"} {
		text := EncodeBase64([]byte(b))
		require.NoError(t, text.Validate())
		got, err := text.Bytes()
		require.NoError(t, err)
		require.Equal(t, b, string(got))
	}
	for _, text := range []Base64{"a", "ab", "abc", "ab=c", "a===", "====", "ab==abcd", "ab_-", "ab c", "abcd\n", "é", "=abc"} {
		require.Error(t, text.Validate(), text)
		_, err := text.Bytes()
		require.Error(t, err, text)
	}
	require.EqualError(t, Base64("abc").Validate(), "expected base64 in whole groups of four characters")
	require.EqualError(t, AtField("data", Base64("ab!=").Validate()), "at /data: expected base64")
	require.NoError(t, read(`"anything"`, func(d *Decoder) { require.Equal(t, Base64("anything"), d.Base64()) }))
}

func TestID(t *testing.T) {
	var absent ID
	require.True(t, absent.IsZero())
	require.Equal(t, "none", absent.String())
	require.Equal(t, "null", string(absent.AppendJSON(nil)))
	require.Equal(t, absent, absent.Canonical())

	for _, c := range []struct {
		text, log, canonical string
		n                    int64
		isInt, isString      bool
	}{
		{`1`, `1`, `1`, 1, true, false},
		{`0`, `0`, `0`, 0, true, false},
		{`-0`, `-0`, `0`, 0, true, false},
		{`-12`, `-12`, `-12`, -12, true, false},
		{`1.0`, `1.0`, `1`, 1, true, false},
		{`1e0`, `1e0`, `1`, 1, true, false},
		{`10E-1`, `10E-1`, `1`, 1, true, false},
		{`9007199254740993`, `9007199254740993`, `9007199254740993`, 9007199254740993, true, false},
		{`9223372036854775807`, `9223372036854775807`, `9223372036854775807`, 9223372036854775807, true, false},
		{`-9223372036854775808`, `-9223372036854775808`, `-9223372036854775808`, -9223372036854775808, true, false},
		{`9223372036854775808`, `9223372036854775808`, `9223372036854775808`, 0, false, false},
		{`12345678901234567890.0`, `12345678901234567890.0`, `1234567890123456789e1`, 0, false, false},
		{`12345678901234567890`, `12345678901234567890`, `1234567890123456789e1`, 0, false, false},
		{`-1.5e30`, `-1.5e30`, `-15e29`, 0, false, false},
		{`1e400`, `1e400`, `1e400`, 0, false, false},
		{`"a\u0062"`, `"ab"`, `"ab"`, 0, false, true},
		{`"1"`, `"1"`, `"1"`, 0, false, true},
		{`""`, `""`, `""`, 0, false, true},
		{`"\n"`, `"\n"`, `"\n"`, 0, false, true},
	} {
		var id ID
		require.NoError(t, id.UnmarshalJSON([]byte(c.text)), c.text)
		require.False(t, id.IsZero())
		require.Equal(t, c.log, id.String(), c.text)
		require.Equal(t, c.canonical, string(id.Canonical().AppendJSON(nil)), c.text)
		require.Equal(t, id.Canonical(), id.Canonical().Canonical())
		n, ok := id.Int()
		require.Equal(t, c.isInt, ok, c.text)
		require.Equal(t, c.n, n)
		require.Equal(t, c.isString, id.IsString())
		_, ok = id.Str()
		require.Equal(t, c.isString, ok)
		out, err := id.MarshalJSON()
		require.NoError(t, err)
		if !c.isString {
			require.Equal(t, c.text, string(out), "the literal is kept")
		}
	}
	require.Equal(t, IntID(1), decodeID(t, `1.0`).Canonical())
	require.NotEqual(t, StringID("1"), IntID(1).Canonical())
	require.Equal(t, decodeID(t, `1e400`), decodeID(t, `1e400`), "comparable")
	require.NotEqual(t, decodeID(t, `1.0`), decodeID(t, `1`))
	require.Equal(t, decodeID(t, `10e399`).Canonical(), decodeID(t, `1e400`).Canonical())
	for _, text := range []string{`null`, `true`, `1.5`, `1e-1`, `[]`, `{}`, `01`, `"\udead"`, ``} {
		var id ID
		require.Error(t, id.UnmarshalJSON([]byte(text)), text)
		require.True(t, id.IsZero())
	}
}

func decodeID(t *testing.T, text string) ID {
	t.Helper()
	var id ID
	require.NoError(t, Decode([]byte(text), &id))
	return id
}

func TestIsURI(t *testing.T) {
	for _, s := range []string{"file:///a/b", "https://example.com/x?y=1#z", "urn:isbn:0451450523", "a+b-c.d:", "ui://widget", "data:text/plain,x", "file:///%C3%BC", "file:///ü", "http://[::1]/"} {
		require.True(t, IsURI(s), s)
	}
	for _, s := range []string{"", "a", "/a/b", "://x", ":x", "1a:x", "a b:c", "file:///a b", "file:///a\n", "file:///<x>", "file:///{x}", "file:///%", "file:///%4", "file:///%zz", "é:x", "a\\b:c", "x:\x7f"} {
		require.False(t, IsURI(s), s)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { IsURI("https://example.com/") }))
}

func TestIsURITemplate(t *testing.T) {
	for _, s := range []string{"", "file:///{path}", "{+path}/x", "{?q,lang}", "{/a*,b:3}{#c}", "{a.b_c%20}", "x:{a:9999}", "plain"} {
		require.True(t, IsURITemplate(s), s)
	}
	for _, s := range []string{"{", "}", "{}", "{a", "a}", "{a}}", "{{a}}", "{a b}", "{a,}", "{a,,b}", "{a:}", "{a:0}", "{a:10000}", "{a:x}", "{a**}", "{.}", "{a.}", "{a..b}", "{a%2}", "{a-b}", "x y{a}", "{+}", "{a}{"} {
		require.False(t, IsURITemplate(s), s)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { IsURITemplate("file:///{path,x:3}/{?q*}") }))
}
