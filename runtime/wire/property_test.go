package wire

import (
	"math"
	"strconv"
	"testing"

	"github.com/goccy/go-json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyText draws strings that need every kind of escape, of all lengths around the
// sizes that the code works in.
var anyText = rapid.OneOf(
	rapid.String(),
	rapid.StringOfN(rapid.SampledFrom([]rune("ab\"\\/\n\r\t\x00\x1f\x7f é€😀\u2028\ufffd")), 0, 80, -1),
	rapid.StringN(0, 3000, -1),
)

// drawRaw draws any JSON value, written with white space and escapes here and
// there.
func drawRaw(t *rapid.T, depth int) []byte {
	space := func(b []byte) []byte {
		return append(b, rapid.SampledFrom([]string{"", "", "", " ", "\n", "\t\r\n"}).Draw(t, "space")...)
	}
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind %= 5
	}
	switch kind {
	case 0:
		return []byte("null")
	case 1:
		return AppendBool(nil, rapid.Bool().Draw(t, "bool"))
	case 2:
		return AppendInt(nil, rapid.Int64().Draw(t, "int"))
	case 3:
		f := rapid.Float64().Draw(t, "float")
		return strconv.AppendFloat(nil, f, rapid.SampledFrom([]byte("efg")).Draw(t, "format"), -1, 64)
	case 4:
		return AppendString(nil, anyText.Draw(t, "string"))
	case 5:
		b := space([]byte("["))
		for i := range rapid.IntRange(0, 4).Draw(t, "elements") {
			if i > 0 {
				b = space(append(b, ','))
			}
			b = space(append(b, drawRaw(t, depth-1)...))
		}
		return append(b, ']')
	default:
		b := space([]byte("{"))
		seen := map[string]bool{}
		for range rapid.IntRange(0, 20).Draw(t, "members") {
			name := rapid.StringN(0, 10, -1).Draw(t, "name")
			if seen[name] {
				continue
			}
			if len(seen) > 0 {
				b = space(append(b, ','))
			}
			seen[name] = true
			if rapid.Bool().Draw(t, "escaped") {
				b = append(b, '"')
				for _, r := range name {
					if r < 0x10000 {
						b = append(b, `\u`...)
						b = append(b, strconv.FormatInt(0x10000+int64(r), 16)[1:]...)
					} else {
						b = append(b, string(r)...)
					}
				}
				b = append(b, '"')
			} else {
				b = AppendString(b, name)
			}
			b = space(append(space(b), ':'))
			b = space(append(b, drawRaw(t, depth-1)...))
		}
		return append(b, '}')
	}
}

func drawObject(t *rapid.T, known ...string) Object {
	var o Object
	for range rapid.IntRange(0, 24).Draw(t, "members") {
		name := rapid.OneOf(anyText, rapid.SampledFrom([]string{"NAME", "x", "y", "z"})).Draw(t, "name")
		for _, k := range known {
			if name == k {
				name += "?"
			}
		}
		// As written on one line, so that what is read back is the same.
		o.Set(name, Raw{Raw{drawRaw(t, 2)}.AppendJSON(nil)})
	}
	return o
}

func TestPropertyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := thing{Name: anyText.Draw(t, "name"), Unknown: drawObject(t, "name", "count", "ratio", "token", "extra")}
		if rapid.Bool().Draw(t, "has count") {
			v.Count = new(rapid.Int64().Draw(t, "count"))
		}
		if rapid.Bool().Draw(t, "has ratio") {
			v.Ratio = new(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "ratio"))
		}
		switch rapid.IntRange(0, 2).Draw(t, "token kind") {
		case 1:
			v.Token = IntID(rapid.Int64().Draw(t, "token"))
		case 2:
			v.Token = StringID(anyText.Draw(t, "token"))
		}
		out := v.AppendJSON(nil)
		require.True(t, jsontext.Value(out).IsValid(), "%s", out)
		require.NotContains(t, string(out), "\n")
		var back thing
		require.NoError(t, Decode(out, &back))
		require.Equal(t, v, back)
	})
}

func TestPropertyRaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawRaw(t, 4)
		require.True(t, jsontext.Value(data).IsValid(), "%s", data)
		r, err := ParseRaw(data)
		require.NoError(t, err)
		require.Equal(t, string(data), r.String())
		line := r.AppendJSON(nil)
		require.NoError(t, Valid(line, Options{Strict: true}))
		var a, b any
		require.NoError(t, r.Unmarshal(&a))
		require.NoError(t, Raw{line}.Unmarshal(&b))
		require.Equal(t, a, b)
	})
}

// TestPropertyPointer breaks one value deep in a document, and expects its
// pointer and offset in the error.
func TestPropertyPointer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc, pointer := []byte{}, []byte{}
		ends := ""
		for range rapid.IntRange(0, 6).Draw(t, "depth") {
			if rapid.Bool().Draw(t, "array") {
				n := rapid.IntRange(0, 3).Draw(t, "index")
				doc = append(doc, '[')
				for range n {
					doc = append(append(doc, drawRaw(t, 1)...), ", "...)
				}
				pointer = strconv.AppendInt(append(pointer, '/'), int64(n), 10)
				ends = "]" + ends
				continue
			}
			name := anyText.Draw(t, "name")
			doc = append(doc, '{')
			if name != "before" {
				doc = append(append(append(doc, `"before":`...), drawRaw(t, 1)...), ',')
			}
			doc = append(AppendString(doc, name), ": "...)
			pointer = appendToken(pointer, name)
			ends = "}" + ends
		}
		off := len(doc)
		doc = append(append(doc, '?'), ends...)
		var e *PathError
		require.ErrorAs(t, Valid(doc, Options{}), &e)
		require.Equal(t, string(pointer), e.Pointer)
		require.Equal(t, off, e.Offset)
		require.ErrorAs(t, Decode(doc, new(anything)), &e)
		require.Equal(t, string(pointer), e.Pointer)
		require.Equal(t, off, e.Offset)
	})
}

func TestPropertyIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		plain := strconv.FormatInt(n, 10)
		forms := []string{plain, plain + ".0", plain + "e0", plain + ".000e+0"}
		if n != 0 {
			forms = append(forms, plain+"0E-1")
		}
		var same ID
		require.NoError(t, same.UnmarshalJSON([]byte(rapid.SampledFrom(forms).Draw(t, "form"))))
		require.Equal(t, IntID(n), same.Canonical())
		got, ok := same.Int()
		require.True(t, ok)
		require.Equal(t, n, got)
	})
}
