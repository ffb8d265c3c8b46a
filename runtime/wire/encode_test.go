package wire

import (
	stdjson "encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                       `""`,
		"plain":                  `"plain"`,
		"a\"b\\c/d":              `"a\"b\\c/d"`,
		"\b\f\n\r\t\x00\x1f\x7f": "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"",
		"<script>&\u2028é€😀":     "\"<script>&\u2028é€😀\"",
		"a\xffb\xc3(\xe2\x82":    "\"a\ufffdb\ufffd(\ufffd\ufffd\"",
		"\xed\xa0\x80":           "\"\ufffd\ufffd\ufffd\"",
		"\n\t\t\n":               `"\n\t\t\n"`,
	} {
		require.Equal(t, want, string(AppendString(nil, in)), "%q", in)
		require.Equal(t, "x"+want, string(AppendString([]byte("x"), in)), "%q", in)
		require.NoError(t, Valid([]byte(want), Options{Strict: true}))
	}
}

func TestAppendStringIntoEveryCapacity(t *testing.T) {
	s := strings.Repeat("0123456\x01é\"\n\t", 9)
	want := AppendString([]byte("key:"), s)
	for n := range len(want) + 20 {
		buf := make([]byte, 0, 4+n)
		require.Equal(t, string(want), string(AppendString(append(buf, "key:"...), s)))
	}
	// What lies behind the returned text within the capacity is the caller's to lose,
	// what lies before is not.
	buf := append(make([]byte, 0, 4096), "before"...)
	require.Equal(t, "before", string(AppendString(buf, s)[:6]))
}

func TestAppendFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: `0`, 1: `1`, -1: `-1`, 0.1: `0.1`, 100: `100`, 1e15: `1000000000000000`, 1e20: `100000000000000000000`, 1e21: `1e+21`, 1e-6: `0.000001`, 1e-7: `1e-7`,
		1.5e-9: `1.5e-9`, 1e-10: `1e-10`, 1e100: `1e+100`, 123456.789: `123456.789`, math.MaxFloat64: `1.7976931348623157e+308`, 5e-324: `5e-324`,
		9007199254740993: `9007199254740992`, math.Inf(1): `null`, math.Inf(-1): `null`,
	} {
		require.Equal(t, want, string(AppendFloat(nil, f)))
		if want != "null" {
			std, err := stdjson.Marshal(f)
			require.NoError(t, err)
			require.Equal(t, string(std), want)
		}
	}
	require.Equal(t, `null`, string(AppendFloat(nil, math.NaN())))
	require.False(t, IsFinite(math.NaN()) || IsFinite(math.Inf(1)) || IsFinite(math.Inf(-1)))
	require.True(t, IsFinite(0) && IsFinite(math.MaxFloat64))
	require.Equal(t, `-0`, string(AppendFloat(nil, math.Copysign(0, -1))))
}

func TestAppendOthers(t *testing.T) {
	require.Equal(t, `-9223372036854775808`, string(AppendInt(nil, math.MinInt64)))
	require.Equal(t, `truefalse`, string(AppendBool(AppendBool(nil, true), false)))
	require.Equal(t, `{`, string(AppendComma([]byte(`{`))))
	require.Equal(t, `{"a":1,`, string(AppendComma([]byte(`{"a":1`))))
	require.Equal(t, `,`, string(AppendComma(nil)))
}

func TestAppendMaps(t *testing.T) {
	require.Equal(t, `{}`, string(AppendStringMap(nil, nil)))
	require.Equal(t, `{"a":"1","b":"2","é\n":"\""}`, string(AppendStringMap(nil, map[string]string{"é\n": `"`, "b": "2", "a": "1"})))
	require.Equal(t, `{"x":1,"y":2}`, string(AppendMap(nil, map[string]int64{"y": 2, "x": 1}, AppendInt)))
	large := map[string]bool{}
	for i := range 40 {
		large[fmt.Sprintf("k%02d", i)] = i%2 == 0
	}
	out := AppendMap(nil, large, AppendBool)
	require.NoError(t, Valid(out, Options{}))
	require.True(t, strings.HasPrefix(string(out), `{"k00":true,"k01":false,`))
}

func TestEncodingAllocatesNothing(t *testing.T) {
	m := map[string]string{}
	for i := range 16 {
		m[fmt.Sprint(i)] = "v\n"
	}
	buf := make([]byte, 0, 1024)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = AppendStringMap(buf[:0], m) }))
	for _, s := range samples() {
		v := s.wire()
		require.NoError(t, Decode(s.text, v))
		buf := make([]byte, 0, 2*len(s.text))
		require.Zero(t, testing.AllocsPerRun(10, func() { buf = v.AppendJSON(buf[:0]) }), s.name)
	}
}
