package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read decodes text with f and returns the error.
func read(text string, f func(d *Decoder)) error {
	return Decode([]byte(text), decodeFunc(f))
}

func TestValuesWithWhiteSpaceEverywhere(t *testing.T) {
	var v thing
	require.NoError(t, Decode([]byte(" \t{ \"name\" : \"a\" ,\r\n \"count\" : 1 , \"ratio\" : 0.5 , \"extra\" : [ 1 , { } , [ ] , { \"a\" : true } ] , \"u\" : false } \n"), &v))
	require.Equal(t, "a", v.Name)
	require.Equal(t, int64(1), *v.Count)
	require.Equal(t, 0.5, *v.Ratio)
	require.Equal(t, "[ 1 , { } , [ ] , { \"a\" : true } ]", v.Extra.String())
	require.Equal(t, Object{{"u", MustRaw("false")}}, v.Unknown)
}

func TestArray(t *testing.T) {
	for text, want := range map[string][]int64{`[]`: nil, `[ ]`: nil, `[1]`: {1}, ` [ 1 , 2,3 ] `: {1, 2, 3}} {
		var got []int64
		require.NoError(t, read(text, func(d *Decoder) {
			for d.Array(); d.Elem(); {
				got = append(got, d.Int())
			}
		}), text)
		require.Equal(t, want, got, text)
	}
	for text, message := range map[string]string{
		`{}`:     `at offset 0: expected an array, found an object`,
		`[`:      `at /0 (offset 1): expected a value or ']', found the end of the input`,
		`[1`:     `at offset 2: expected ',' or ']', found the end of the input`,
		`[1 2]`:  `at offset 3: expected ',' or ']', found number 2`,
		`[1,]`:   `at /1 (offset 3): expected an integer, found ']'`,
		`[,1]`:   `at /0 (offset 1): expected an integer, found ','`,
		`[1,"2]`: `at /1 (offset 6): expected the end of a string, found the end of the input`,
	} {
		err := read(text, func(d *Decoder) {
			for d.Array(); d.Elem(); {
				d.Int()
			}
			require.False(t, d.Elem(), "no element after an error or the end")
		})
		require.EqualError(t, err, message, text)
	}
}

func TestBoolAndNull(t *testing.T) {
	require.NoError(t, read(`[true,false,null]`, func(d *Decoder) {
		d.Array()
		require.True(t, d.Elem())
		require.False(t, d.Null())
		require.Equal(t, KindBool, d.Kind())
		require.True(t, d.Bool())
		require.True(t, d.Elem())
		require.False(t, d.Bool())
		require.True(t, d.Elem())
		require.Equal(t, KindNull, d.Kind())
		require.True(t, d.Null())
		require.False(t, d.Elem())
		require.Equal(t, KindNone, d.Kind())
	}))
	require.EqualError(t, read(`1`, func(d *Decoder) { d.Bool() }), `at offset 0: expected true or false, found number 1`)
	require.EqualError(t, read(`fals`, func(d *Decoder) { d.Bool() }), `at offset 0: expected false, found 'f'`)
}

func TestConst(t *testing.T) {
	for text, f := range map[string]func(*Decoder){
		`"object"`:      func(d *Decoder) { d.Const("object") },
		`"ob\u006aect"`: func(d *Decoder) { d.Const("object") },
		`"a\"b"`:        func(d *Decoder) { d.Const(`a"b`) },
		`7`:             func(d *Decoder) { d.ConstInt(7) },
		`7.0`:           func(d *Decoder) { d.ConstInt(7) },
		`true`:          func(d *Decoder) { d.ConstBool(true) },
		`false`:         func(d *Decoder) { d.ConstBool(false) },
	} {
		require.NoError(t, read(text, f), text)
	}
	for _, c := range []struct {
		text, message string
		f             func(*Decoder)
	}{
		{`"objects"`, `at offset 0: expected "object", found string "objects"`, func(d *Decoder) { d.Const("object") }},
		{`"OBJECT"`, `at offset 0: expected "object", found string "OBJECT"`, func(d *Decoder) { d.Const("object") }},
		{`{}`, `at offset 0: expected "object", found an object`, func(d *Decoder) { d.Const("object") }},
		{`8`, `at offset 0: expected 7, found number 8`, func(d *Decoder) { d.ConstInt(7) }},
		{`"7"`, `at offset 0: expected 7, found string "7"`, func(d *Decoder) { d.ConstInt(7) }},
		{`false`, `at offset 0: expected true, found false`, func(d *Decoder) { d.ConstBool(true) }},
		{`true`, `at offset 0: expected false, found true`, func(d *Decoder) { d.ConstBool(false) }},
		{`0`, `at offset 0: expected true, found number 0`, func(d *Decoder) { d.ConstBool(true) }},
	} {
		require.EqualError(t, read(c.text, c.f), c.message)
	}
}

func TestFloat(t *testing.T) {
	for text, want := range map[string]float64{
		`0`: 0, `1`: 1, `-1`: -1, `0.1`: 0.1, `0.95`: 0.95, `-12.25`: -12.25, `1e3`: 1000, `1.5E-3`: 0.0015, `3.141592653589793`: 3.141592653589793,
		`123456789012345`: 123456789012345, `1234567890123456789`: 1234567890123456789, `0.000000000000001`: 1e-15, `9007199254740993`: 9007199254740992,
		`99999999999999.9`: 99999999999999.9, `5e-324`: 5e-324, `1.7976931348623157e308`: 1.7976931348623157e308, `1e-400`: 0,
	} {
		require.NoError(t, read(text, func(d *Decoder) { require.Equal(t, want, d.Float(), text) }))
		require.NoError(t, read(text+" ", func(d *Decoder) { require.Equal(t, want, d.Float(), text) }))
	}
	for _, text := range []string{`-0`, `-0.0`, `-0e1`} {
		require.NoError(t, read(text+" ", func(d *Decoder) { require.Equal(t, "-0", string(AppendFloat(nil, d.Float())), text) }))
	}
	require.EqualError(t, read(`"1"`, func(d *Decoder) { d.Float() }), `at offset 0: expected a number, found string "1"`)
}

func TestStringsOfEveryLengthAndAlignment(t *testing.T) {
	for _, unit := range []string{"a", "é", "\n", "😀", `\`, "a\"", "\u2028", "x\x7f"} {
		for n := range 70 {
			want := strings.Repeat("-", n%9) + strings.Repeat(unit, n)
			text := append(AppendString(nil, want), "  "[:n%3]...)
			require.NoError(t, read(string(text), func(d *Decoder) { require.Equal(t, want, d.String()) }))
			require.NoError(t, Valid(text, Options{}))
			for cut := range len(text) - n%3 {
				require.Error(t, Valid(text[:cut], Options{}))
			}
		}
	}
}

func TestEscapes(t *testing.T) {
	text := `"\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\ud83d\uDE00"`
	want := "\"\\/\b\f\n\r\t\x00é€😀"
	require.NoError(t, read(text, func(d *Decoder) { require.Equal(t, want, d.String()) }))
	require.NoError(t, read(`{`+text+`:1}`, func(d *Decoder) {
		d.Object()
		key, ok := d.Key()
		require.True(t, ok)
		require.Equal(t, want, string(key))
		d.Int()
		d.Key()
	}))
}

func TestErrorIsSticky(t *testing.T) {
	calls := map[string]func(d *Decoder) any{
		"Object":    func(d *Decoder) any { return d.Object() },
		"Key":       func(d *Decoder) any { _, ok := d.Key(); return ok },
		"Array":     func(d *Decoder) any { return d.Array() },
		"Elem":      func(d *Decoder) any { return d.Elem() },
		"Null":      func(d *Decoder) any { return d.Null() },
		"Bool":      func(d *Decoder) any { return d.Bool() },
		"String":    func(d *Decoder) any { return d.String() != "" },
		"Int":       func(d *Decoder) any { return d.Int() != 0 },
		"Float":     func(d *Decoder) any { return d.Float() != 0 },
		"ID":        func(d *Decoder) any { return !d.ID().IsZero() },
		"Base64":    func(d *Decoder) any { return d.Base64() != "" },
		"Raw":       func(d *Decoder) any { return !d.Raw().IsZero() },
		"RawObject": func(d *Decoder) any { return !d.RawObject().IsZero() },
		"RawArray":  func(d *Decoder) any { return !d.RawArray().IsZero() },
		"Members":   func(d *Decoder) any { return d.Members() != nil },
		"Unknown":   func(d *Decoder) any { return d.Unknown(nil, []byte("k")) != nil },
		"Kind":      func(d *Decoder) any { return d.Kind() != KindNone },
		"Peek":      func(d *Decoder) any { _, ok := d.PeekString("a"); return ok },
		"PeekHas":   func(d *Decoder) any { return d.PeekHas("a") != 0 || d.PeekHasIn("a", "b") != 0 },
		"Const":     func(d *Decoder) any { d.Const("x"); d.ConstInt(1); d.ConstBool(true); return false },
		"Fail":      func(d *Decoder) any { d.Fail("more"); d.Missing(0, "x"); d.DuplicateKey(nil); return false },
		"Once": func(d *Decoder) any {
			seen := uint64(1)
			return d.Once(&seen, 0)
		},
	}
	for _, first := range []bool{false, true} { // about to read a value, about to read the first key
		for name, call := range calls {
			err := read(`{"a":[1,"x"],"b":{"c":1}}`, func(d *Decoder) {
				d.Object()
				if !first {
					d.Key()
				}
				d.Fail("something else")
				require.Error(t, d.Err())
				require.Equal(t, false, call(d), name)
			})
			require.ErrorContains(t, err, "something else")
		}
	}
}

func TestWrongKindsOfRaw(t *testing.T) {
	require.EqualError(t, read(`[]`, func(d *Decoder) { d.RawObject() }), `at offset 0: expected an object, found an array`)
	require.EqualError(t, read(`{}`, func(d *Decoder) { d.RawArray() }), `at offset 0: expected an array, found an object`)
	require.EqualError(t, read(`[]`, func(d *Decoder) { d.Members() }), `at offset 0: expected an object, found an array`)
	require.EqualError(t, read(``, func(d *Decoder) { d.Raw() }), `at offset 0: expected a JSON value, found the end of the input`)
	require.NoError(t, read(` [1] `, func(d *Decoder) { require.Equal(t, "[1]", d.RawArray().String()) }))
	require.NoError(t, read(` {} `, func(d *Decoder) { require.Equal(t, Object{}, d.Members()) }))
}

func TestDecoderMisused(t *testing.T) {
	// What a wrong DecodeJSON does is an error at worst.
	for name, f := range map[string]func(d *Decoder){
		"reads nothing":         func(d *Decoder) {},
		"does not read values":  func(d *Decoder) { d.Object(); d.Key(); d.Key() },
		"leaves the object":     func(d *Decoder) { d.Object() },
		"elements of an object": func(d *Decoder) { d.Object(); d.Elem(); d.Elem() },
		"reads too much":        func(d *Decoder) { d.Raw(); d.Raw() },
		"keys without object":   func(d *Decoder) { d.Key() },
		"unknown without a key": func(d *Decoder) { d.Unknown(Object{{Name: "x"}}, []byte("x")) },
	} {
		require.Error(t, read(`{"a":1,"b":[2]}`, f), name)
	}
}

func TestMissingNamesTheFirst(t *testing.T) {
	err := read(`{}`, func(d *Decoder) { d.Members(); d.Missing(0b101, "a", "b", "c", "d") })
	require.EqualError(t, err, `at offset 1: expected the member "b", found the end of the object`)
	require.NoError(t, read(`{}`, func(d *Decoder) { d.Members(); d.Missing(0b11, "a", "b") }))
}

func TestDecodedDoesNotAliasInput(t *testing.T) {
	text := []byte(`{"name":"short","token":"id","extra":{"k":["v"]},"unknown":"text","long":"` + strings.Repeat("x", 2000) + `"}`)
	var v thing
	require.NoError(t, Decode(text, &v))
	r, err := ParseRaw(text)
	require.NoError(t, err)
	before := string(v.AppendJSON(nil)) + r.String()
	for i := range text {
		text[i] = '#'
	}
	require.Equal(t, before, string(v.AppendJSON(nil))+r.String())
}

func TestChunksAreNotSharedByGrowth(t *testing.T) {
	// Raw values cut from one chunk must not grow into each other.
	var a, b Raw
	require.NoError(t, read(`[[1],[2]]`, func(d *Decoder) {
		d.Array()
		d.Elem()
		a = d.Raw()
		d.Elem()
		b = d.Raw()
		d.Elem()
	}))
	_ = append(a.Bytes(), "overwritten"...)
	require.Equal(t, "[2]", b.String())
}

func TestConcurrentDecoding(t *testing.T) {
	done := make(chan error)
	small := samples()[:2]
	for range 4 {
		go func() {
			var err error
			for range 200 {
				for _, s := range small {
					if e := Decode(s.text, s.wire()); e != nil {
						err = e
					}
				}
			}
			done <- err
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
}
