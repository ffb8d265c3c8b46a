package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNesting10000DeepRefused(t *testing.T) {
	for _, open := range []string{`[`, `{"a":`} {
		text := []byte(strings.Repeat(open, 10_000))
		err := Valid(text, Options{})
		var e *PathError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "at most 512 nested objects and arrays", e.Expected)
		require.Equal(t, 512*len(open), e.Offset, "nothing behind the limit is looked at")
		require.True(t, e.Syntax)
		require.Less(t, len(err.Error()), 200)

		err = Decode([]byte(`{"name":"a","x":`+string(text)), new(thing))
		require.ErrorAs(t, err, &e)
		require.Equal(t, len(`{"name":"a","x":`)+511*len(open), e.Offset, "levels of typed values count")
	}
	require.EqualError(t, Valid([]byte(`[[[]]]`), Options{MaxDepth: 2}), `at /0/0 (offset 2): expected at most 2 nested objects and arrays, found one more`)
	require.NoError(t, Valid([]byte(`[[],[{}]]`), Options{MaxDepth: 3}))
	require.EqualError(t, DecodeOptions([]byte(`{"params":{"name":"a"}}`), new(outer), Options{MaxDepth: 1}),
		`at /params (offset 10): expected at most 1 nested objects and arrays, found one more`)
}

func nested(open, end string, n int) []byte {
	return []byte(strings.Repeat(open, n) + "1" + strings.Repeat(end, n))
}

func TestNestingAtTheLimit(t *testing.T) {
	require.NoError(t, Valid(nested(`[`, `]`, 512), Options{}))
	require.Error(t, Valid(nested(`[`, `]`, 513), Options{}))
	require.NoError(t, Valid(nested(`{"a":`, `}`, 10_000), Options{MaxDepth: 10_000}))
	require.Error(t, Valid(nested(`{"a":`, `}`, 10_001), Options{MaxDepth: 10_000}))
	// Siblings do not add up.
	require.NoError(t, Valid([]byte(`[`+strings.Repeat(`[[]],`, 1000)+`{}]`), Options{MaxDepth: 3}))
}

// linear lets work have a million of something: what is not linear does not come to an end.
func linear(_ *testing.T, work func(n int) func()) { work(1_000_000)() }

func TestLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("a million of everything takes minutes under the race detector: the full run has it")
	}
	valid := func(text []byte) func() {
		return func() {
			if err := Valid(text, Options{MaxDepth: 1 << 30}); err != nil {
				panic(err)
			}
		}
	}
	invalid := func(text []byte) func() {
		return func() {
			if Decode(text, new(thing)) == nil || Valid(text, Options{MaxDepth: 1 << 30}) == nil {
				panic("accepted")
			}
		}
	}
	members := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, work := range map[string]func(n int) func(){
		"deep arrays":  func(n int) func() { return valid(nested(`[`, `]`, n)) },
		"deep objects": func(n int) func() { return valid(nested(`{"a":`, `}`, n)) },
		"deep, refused at the end": func(n int) func() {
			return invalid([]byte(strings.Repeat(`{"a":[`, n)))
		},
		"many members of a raw object": func(n int) func() { return valid([]byte(`{` + members(`"k%d":1`, n) + `}`)) },
		"many members with escapes":    func(n int) func() { return valid([]byte(`{` + members(`"\u006b%d":1`, n) + `}`)) },
		"many members of equal ends":   func(n int) func() { return valid([]byte(`{` + members(`"same start %08d same end":1`, n) + `}`)) },
		"many small objects":           func(n int) func() { return valid([]byte(`[` + members(`{"a":%d,"b":2}`, n) + `]`)) },
		"a large object, then many of 20": func(n int) func() {
			return valid([]byte(`[{` + members(`"k%d":1`, n) + `},` + members(`{"n":%d,`+members(`"k%d":1`, 20)+`}`, n/20) + `]`))
		},
		"many unknown members": func(n int) func() {
			text := []byte(`{"name":"a",` + members(`"k%d":1`, n) + `}`)
			return func() {
				var v thing
				if err := Decode(text, &v); err != nil || len(v.Unknown) != n {
					panic(err)
				}
			}
		},
		"objects with many unknown members": func(n int) func() {
			text := []byte(`[` + strings.TrimSuffix(strings.Repeat(`{"name":"",`+members(`"k%d":1`, 40)+`},`, n/40), ",") + `]`)
			return func() {
				if err := Decode(text, decodeFunc(func(d *Decoder) {
					for d.Array(); d.Elem(); {
						new(thing).DecodeJSON(d)
					}
				})); err != nil {
					panic(err)
				}
			}
		},
		"duplicate at the end": func(n int) func() { return invalid([]byte(`{"name":"a",` + members(`"k%d":1`, n) + `,"k0":1}`)) },
		"many duplicates": func(n int) func() {
			return invalid([]byte(`{"name":"a","x":[` + strings.Repeat(`{"k":1,"k":1},`, n) + `1]}`))
		},
		"many escapes":          func(n int) func() { return valid([]byte(`"` + strings.Repeat(`\n\u00e9`, n) + `"`)) },
		"many escaped quotes":   func(n int) func() { return invalid([]byte(`{"name":"` + strings.Repeat(`\\\"`, n))) },
		"many backslashes":      func(n int) func() { return invalid([]byte(`{"x":"` + strings.Repeat(`\\`, n))) },
		"digits":                func(n int) func() { return invalid([]byte(`{"name":"a","count":` + strings.Repeat(`9`, n) + `.}`)) },
		"a map":                 func(n int) func() { return readMap([]byte(`{` + members(`"k%d":1`, n) + `}`)) },
		"lookahead past values": func(n int) func() { return peek([]byte(`{"a":` + string(nested(`[`, `]`, n)) + `,"type":"x"}`)) },
		"lookahead past members": func(n int) func() {
			return peek([]byte(`{` + members(`"\u006b%d":"\\"`, n) + `,"type":"x"}`))
		},
	} {
		t.Run(name, func(t *testing.T) { linear(t, work) })
	}
}

func readMap(text []byte) func() {
	return func() {
		if err := Decode(text, decodeFunc(func(d *Decoder) { DecodeMap(d, (*Decoder).Int) })); err != nil {
			panic(err)
		}
		if err := Decode(text, decodeFunc(func(d *Decoder) { DecodeEntries(d, (*Decoder).Int) })); err != nil {
			panic(err)
		}
	}
}

func peek(text []byte) func() {
	return func() {
		_ = Decode(text, decodeFunc(func(d *Decoder) {
			if v, ok := d.PeekString("type"); !ok || string(v) != "x" {
				panic("not found")
			}
		}))
	}
}

func TestStringsOf16MiB(t *testing.T) {
	const size = 16 << 20
	plain := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	escaped := bytes.Repeat([]byte(`0123456\n89abcde`), size/16)
	for _, content := range [][]byte{plain, escaped} {
		text := append(append([]byte(`{"name":"`), content...), `"}`...)
		var v thing
		require.NoError(t, Decode(text, &v))
		require.Len(t, v.Name, size-bytes.Count(content, []byte{'\\'}))
		require.True(t, bytes.Equal(text, v.AppendJSON(nil)))
		require.NoError(t, Valid(text, Options{}))

		key := append(append([]byte(`{"name":"a","`), content...), `":1,"name":2}`...)
		err := Decode(key, &v)
		require.ErrorContains(t, err, "each member name once")
		require.Less(t, len(err.Error()), 200)
	}
	// One byte wrong at the very end.
	text := append(append([]byte(`{"name":"`), plain...), "\xff\"}"...)
	require.EqualError(t, Decode(text, new(thing)), fmt.Sprintf("at /name (offset %d): expected valid UTF-8, found byte 0xff", 9+size))
}

func TestErrorsQuoteAtMost64Bytes(t *testing.T) {
	long := strings.Repeat("Z", 5000)
	digits := strings.Repeat("9", 5000)
	quoted := func(err error) int {
		require.Error(t, err)
		return strings.Count(err.Error(), "Z") + strings.Count(err.Error(), "9")
	}
	for name, text := range map[string]string{
		"string":                  `{"name":"a","count":"` + long + `"}`,
		"number":                  `{"name":"a","count":` + digits + `}`,
		"duplicate":               `{"name":"a","` + long + `":1,"` + long + `":1}`,
		"raw duplicate":           `{"name":"a","x":{"` + long + `":1,"` + long + `":1}}`,
		"pointer":                 `{"name":"a","` + long + `":{"` + long + `":[+]}}`,
		"pointer and found":       `{"name":"a","` + long + `":["a" "` + long + `"]}`,
		"pointer and number":      `{"name":"a","` + long + `":["a" ` + digits + `]}`,
		"id":                      `{"name":"a","token":` + digits + `.5}`,
		"unfinished":              `{"name":"a","x":"` + long,
		"garbage":                 `{"name":"a","x":` + long,
		"key cut off":             `{"name":"a","` + long,
		"const":                   long,
		"pointer with no letters": `{"` + strings.Repeat("\u4e16Z", 1000) + `":[tru]}`,
	} {
		require.LessOrEqual(t, quoted(Decode([]byte(text), new(thing))), 64, name)
		require.LessOrEqual(t, max(quoted(Decode([]byte(text), decodeFunc(func(d *Decoder) { d.Const("x") })))), 64, name)
	}
	var in struct {
		N     int    `json:"n"`
		Bytes []byte `json:"b"`
		M     map[string]int
		T     time.Time
	}
	for _, text := range []string{`{"n":"` + long + `"}`, `{"n":` + digits + `}`, `{"b":"` + long + `!"}`, `{"M":{"` + long + `":"` + long + `"}}`, `{"T":"` + long + `"}`, `{"M":{"` + long + `":` + digits + `}}`} {
		require.LessOrEqual(t, quoted(MustRaw(text).Unmarshal(&in)), 64)
	}
	require.LessOrEqual(t, quoted(NotOneOf(long, "one of a, b")), 64)
	require.LessOrEqual(t, quoted(AtField(long, NotOneOf(long, "one of a, b"))), 64)
}

func TestPooledDecoderKeepsLittle(t *testing.T) {
	d := new(Decoder)
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, `"\u006b%d":[`, i)
	}
	text := `{"name":"` + strings.Repeat(`\n`, 1<<20) + `","x":{` + strings.TrimSuffix(strings.ReplaceAll(b.String(), "[", "1,"), ",") + `},"y":` + string(nested("[", "]", 9_000)) + `}`
	d.reset([]byte(text), Options{MaxDepth: 20_000})
	new(thing).DecodeJSON(d)
	d.end()
	require.NoError(t, d.Err())
	require.Greater(t, cap(d.scratch), maxKeptScratch)
	d.release()
	require.LessOrEqual(t, cap(d.scratch), maxKeptScratch)
	require.LessOrEqual(t, cap(d.frames), maxKeptEntries)
	require.LessOrEqual(t, cap(d.names.list), maxKeptEntries)
	require.Empty(t, d.names.tables)
	require.Nil(t, d.input)
}
