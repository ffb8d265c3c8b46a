package wire

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errNoColor = errors.New("no such color")

// color has an unmarshaler of the user's.
type color string

func (c *color) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return errNoColor
	}
	*c = color(text)
	return nil
}

type arguments struct {
	Name   string         `json:"name"`
	Count  int            `json:"count"`
	Small  int8           `json:"small"`
	Size   uint           `json:"size"`
	Ratio  float32        `json:"ratio"`
	On     bool           `json:"on"`
	List   []int          `json:"list"`
	Pair   [2]int         `json:"pair"`
	Data   []byte         `json:"data"`
	Inner  *arguments     `json:"inner"`
	Any    any            `json:"any"`
	Map    map[string]int `json:"map"`
	Color  color          `json:"color"`
	Raw    Raw            `json:"raw"`
	Reader interface{ Read() }
}

func TestUnmarshalErrorsSayWhere(t *testing.T) {
	for text, message := range map[string]string{
		`{"name":5}`:                        `at /name (offset 8): expected a string, found number 5`,
		`{"count":"5"}`:                     `at /count (offset 9): expected an integer that fits int, found string "5"`,
		`{"count":1.5}`:                     `at /count (offset 9): expected an integer that fits int, found number 1.5`,
		`{"small":200}`:                     `at /small (offset 9): expected an integer that fits int8, found number 200`,
		`{"size":-1}`:                       `at /size (offset 8): expected an integer that fits uint, found number -1`,
		`{"ratio":1e300}`:                   `at /ratio (offset 9): expected a number that fits float32, found number 1e300`,
		`{"on":"yes"}`:                      `at /on (offset 6): expected true or false, found string "yes"`,
		`{"list":{}}`:                       `at /list (offset 8): expected an array, found an object`,
		`{"list":[1,true]}`:                 `at /list/1 (offset 11): expected an integer that fits int, found true`,
		`{"pair":"x"}`:                      `at /pair (offset 8): expected an array, found string "x"`,
		`{"data":[1]}`:                      `at /data (offset 8): expected a string of base64, found an array`,
		`{"inner": {"inner":{"name":[]}} }`: `at /inner/inner/name (offset 27): expected a string, found an array`,
		`{"inner":"x"}`:                     `at /inner (offset 9): expected an object, found string "x"`,
		`{"map":{"a":1,"b":null,"c":"x"}}`:  `at /map/c (offset 27): expected an integer that fits int, found string "x"`,
		`{"color":"blue"}`:                  `at /color (offset 9): expected a value that wire.color takes, found one it refuses: no such color`,
		`[]`:                                `at offset 0: expected an object, found an array`,
	} {
		var in arguments
		err := MustRaw(text).Unmarshal(&in)
		require.EqualError(t, err, message, text)
		var e *PathError
		require.ErrorAs(t, err, &e)
		require.False(t, e.Syntax)
		if strings.Contains(text, "color") {
			require.ErrorIs(t, err, errNoColor)
		}
	}
	require.ErrorContains(t, MustRaw(`{"Reader":1}`).Unmarshal(&arguments{}), "/Reader")
	require.Error(t, MustRaw(`{}`).Unmarshal(nil))
	require.Error(t, MustRaw(`{}`).Unmarshal(arguments{}))
}

func TestUnmarshal(t *testing.T) {
	var in arguments
	text := []byte(`{"name":"n","count":9007199254740993,"list":[1,2],"pair":[3,4],"data":"AQI=","inner":{"name":"m"},"any":{"k":[1]},"map":{"x":1},"color":"red","raw":{"z":[1.0]},"more":1}`)
	r, err := ParseRaw(text)
	require.NoError(t, err)
	require.NoError(t, r.Unmarshal(&in))
	for i := range r.text {
		r.text[i] = '#'
	}
	require.Equal(t, arguments{Name: "n", Count: 9007199254740993, List: []int{1, 2}, Pair: [2]int{3, 4}, Data: []byte{1, 2}, Inner: &arguments{Name: "m"},
		Any: map[string]any{"k": []any{1.0}}, Map: map[string]int{"x": 1}, Color: "red", Raw: MustRaw(`{"z":[1.0]}`)}, in, "nothing aliases the text")
}

func TestUnmarshalIntegersWrittenAsFloats(t *testing.T) {
	var in arguments
	require.NoError(t, MustRaw(`{"name":"1.0 \"2e1","count":1.0,"small":1e2,"list":[20e-1, -3.00],"ratio":1.5,"raw":1.5}`).Unmarshal(&in))
	require.Equal(t, arguments{Name: `1.0 "2e1`, Count: 1, Small: 100, List: []int{2, -3}, Ratio: 1.5, Raw: MustRaw("1.5")}, in)
	var exact struct{ N int64 }
	require.NoError(t, MustRaw(`{"N":9007199254740993.0}`).Unmarshal(&exact))
	require.Equal(t, int64(9007199254740993), exact.N)
	require.EqualError(t, MustRaw(`{"list":[1.0,2.5]}`).Unmarshal(&in), `at /list/0 (offset 9): expected an integer that fits int, found number 1.0`)
}

func TestMarshal(t *testing.T) {
	type out struct {
		List  []int          `json:"list"`
		Map   map[string]int `json:"map"`
		Ptr   *int           `json:"ptr"`
		Data  []byte         `json:"data"`
		Empty string         `json:"empty,omitempty"`
		HTML  string         `json:"html"`
		Raw   Raw            `json:"raw"`
		N     int64          `json:"n"`
	}
	r, err := Marshal(out{HTML: "<&>", N: 9007199254740993, Raw: MustRaw("[1]")})
	require.NoError(t, err)
	require.Equal(t, `{"list":[],"map":{},"ptr":null,"data":"","html":"<&>","raw":[1],"n":9007199254740993}`, r.String())
	r, err = Marshal(map[string]any{"b": 1, "a": nil})
	require.NoError(t, err)
	require.Equal(t, `{"a":null,"b":1}`, r.String(), "sorted")
	for v, want := range map[any]string{nil: "null", "x": `"x"`, true: "true", 1.5: "1.5", IntID(3): "3", time.UnixMilli(0).UTC(): `"1970-01-01T00:00:00Z"`} {
		r, err = Marshal(v)
		require.NoError(t, err)
		require.Equal(t, want, r.String())
	}
	r, err = Marshal(Raw{})
	require.NoError(t, err)
	require.Equal(t, "null", r.String())
}

type badMarshaler string

func (b badMarshaler) MarshalJSON() ([]byte, error) {
	if b == "" {
		return nil, errNoColor
	}
	return []byte(b), nil
}

func TestMarshalErrors(t *testing.T) {
	for _, c := range []struct {
		v       any
		message string
	}{
		{map[string]any{"x": make(chan int)}, `at /x: expected a Go value that JSON can hold, found Go type chan int`},
		{[]any{1, func() {}}, `at /1: expected a Go value that JSON can hold, found Go type func()`},
		{[]badMarshaler{""}, `at /0: expected a Go value that JSON can hold, found one it refuses: no such color`},
	} {
		_, err := Marshal(c.v)
		require.EqualError(t, err, c.message)
	}
	for _, v := range []any{math.NaN(), math.Inf(1), "\xff", badMarshaler(`{"a":1,"a":2}`), badMarshaler(`{`), badMarshaler(string(nested("[", "]", 600)))} {
		r, err := Marshal(v)
		require.Error(t, err)
		var e *PathError
		require.ErrorAs(t, err, &e)
		require.True(t, r.IsZero())
	}
	_, err := Marshal(badMarshaler(""))
	require.ErrorIs(t, err, errNoColor)
}

func TestPathErrorHelpers(t *testing.T) {
	require.EqualError(t, Invalid("le/vel~", "one of debug, info"), `at /le~1vel~0: expected one of debug, info`)
	require.NoError(t, AtField("x", nil))
	require.NoError(t, AtIndex("x", 1, nil))
	err := AtField("result", AtIndex("content", 3, Invalid("mimeType", "a MIME type")))
	require.EqualError(t, err, `at /result/content/3/mimeType: expected a MIME type`)
	var e *PathError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "/result/content/3/mimeType", e.Pointer)
	require.Equal(t, -1, e.Offset)
	err = AtField("x", errNoColor)
	require.EqualError(t, err, `at /x: expected a valid value, found no such color`)
	require.ErrorIs(t, err, errNoColor)
	require.EqualError(t, AtField("v", Nil()), `at /v: expected a value, found nil`)
	require.ErrorContains(t, KnownMember("name"), `at /name: expected no unknown member`)
	require.EqualError(t, NotOneOf("loud", "one of a, b"), `expected one of a, b, found string "loud"`)
	require.EqualError(t, AtField("n", Expected("a finite number")), `at /n: expected a finite number`)
	require.EqualError(t, &PathError{Pointer: "/a\x00\u202e" + strings.Repeat("é", 50), Expected: "less"},
		`at /a\x00\u202e`+strings.Repeat("é", 7)+`…`+strings.Repeat("é", 21)+` (offset 0): expected less`)
	require.Equal(t, "/a", Invalid("a", "x").(*PathError).Pointer)
	inner := Invalid("a", "x")
	_ = AtField("b", inner)
	require.Equal(t, "/a", inner.(*PathError).Pointer, "the inner error is not modified")
}

func TestMarshalOmitsWhatIsEmpty(t *testing.T) {
	raw, err := Marshal(struct {
		Count int      `json:"count,omitempty"`
		On    bool     `json:"on,omitempty"`
		Name  string   `json:"name,omitempty"`
		Tags  []string `json:"tags,omitempty"`
		Time  *int     `json:"time,omitempty"`
		Kept  int      `json:"kept"`
	}{})
	require.NoError(t, err)
	require.Equal(t, `{"kept":0}`, raw.String())
}
