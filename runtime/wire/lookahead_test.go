package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPeekString(t *testing.T) {
	for _, c := range []struct {
		text, value string
		ok          bool
	}{
		{`{"type":"text"}`, "text", true},
		{` { "type" : "text" } `, "text", true},
		{`{"a":{"type":"no"},"b":["type","no",{"type":"no"}],"c":"type","d":-1.5e3,"e":true,"type":"text"}`, "text", true},
		{`{"a" : [ ] , "b" : { } , "type":"text"}`, "text", true},
		{`{"\u0074ype":"te\u0078t"}`, "text", true},
		{`{"a\"":"\\","type":"\\\""}`, `\"`, true},
		{`{"é":"é","type":"é"}`, `é`, true},
		{`{"type":null}`, "", false},
		{`{"type":1}`, "", false},
		{`{"Type":"text"}`, "", false},
		{`{}`, "", false},
		{`[]`, "", false},
		{`"type"`, "", false},
		{``, "", false},
		{`{`, "", false},
		{`{"type`, "", false},
		{`{"type"`, "", false},
		{`{"type":`, "", false},
		{`{"type":"te`, "", false},
		{`{"a":[{"type":"x"`, "", false},
		{`{"a":1 "type":"x"}`, "", false},
		{`{"a":"\ud800","\ud800":1,"type":"x"}`, "", false},
		{`{1:2,"type":"x"}`, "", false},
	} {
		err := read(c.text, func(d *Decoder) {
			v, ok := d.PeekString("type")
			require.Equal(t, c.ok, ok, c.text)
			if ok {
				require.Equal(t, c.value, string(v), c.text)
			}
			d.Raw() // nothing was consumed
		})
		require.Equal(t, Valid([]byte(c.text), Options{}) == nil, err == nil, c.text)
	}
}

func TestPeekHas(t *testing.T) {
	text := `{"uri":"x","bl\u006fb":"y","inner":{"text":1,"z":{"q":2}},"last":0}`
	require.NoError(t, read(text, func(d *Decoder) {
		require.Equal(t, uint64(0b1011), d.PeekHas("uri", "blob", "text", "last"))
		require.Equal(t, uint64(0b101), d.PeekHasIn("inner", "text", "uri", "z"))
		require.Zero(t, d.PeekHasIn("uri", "text"))
		require.Zero(t, d.PeekHasIn("none", "text"))
		require.Zero(t, d.PeekHas())
		d.Object()
		d.Key()
		require.Zero(t, d.PeekHas("uri"), "a string is next")
		d.Raw()
		for _, ok := d.Key(); ok; _, ok = d.Key() {
			d.Raw()
		}
	}))
}

func TestPeekAllocatesNothing(t *testing.T) {
	require.NoError(t, read(`{"a":[1,{"b":2}],"text":"x","type":"te\u0078t"}`, func(d *Decoder) {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if v, ok := d.PeekString("type"); !ok || string(v) != "text" {
				panic("type not found")
			}
			if d.PeekHas("text", "blob") != 1 || d.PeekHasIn("a", "b") != 0 {
				panic("members not found")
			}
		}))
		d.Raw()
	}))
}
