package mcp_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/goccy/go-json/jsontext"
	goccy "github.com/goccy/go-json/v2"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// The libraries compared. Each benchmark runs one message with one of them, so that
// `go test -bench . ./generated/mcp | go run ./tools/benchtable` can put them side by side.

func BenchmarkDecode(b *testing.B) {
	std, v2 := plain[json.RawMessage](), plain[jsontext.Value]()
	for i, s := range samples() {
		run := func(library string, decode func() error) {
			b.Run(s.name+"/"+library, func(b *testing.B) {
				b.SetBytes(int64(len(s.text)))
				b.ReportAllocs()
				for b.Loop() {
					if err := decode(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("tenon", func() error { return wire.Decode(s.text, s.fresh()) })
		run("encoding/json", func() error { return json.Unmarshal(s.text, std[i]()) })
		run("goccy v2", func() error { return goccy.Unmarshal(s.text, v2[i]()) })
	}
}

func BenchmarkEncode(b *testing.B) {
	std, v2 := plain[json.RawMessage](), plain[jsontext.Value]()
	for i, s := range samples() {
		run := func(library string, encode func() error) {
			b.Run(s.name+"/"+library, func(b *testing.B) {
				b.SetBytes(int64(len(s.text)))
				b.ReportAllocs()
				for b.Loop() {
					if err := encode(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		buf := make([]byte, 0, 2*len(s.text))
		run("tenon", func() error { buf = s.value.AppendJSON(buf[:0]); return nil })
		a := std[i]()
		require.NoError(b, json.Unmarshal(s.text, a))
		run("encoding/json", func() error { _, err := json.Marshal(a); return err })
		c := v2[i]()
		require.NoError(b, goccy.Unmarshal(s.text, c))
		run("goccy v2", func() error { _, err := goccy.Marshal(c); return err })
	}
}

func BenchmarkValidate(b *testing.B) {
	for _, s := range samples() {
		b.Run(s.name+"/tenon", func(b *testing.B) {
			for b.Loop() {
				if err := s.value.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestSamples: what the benchmarks run on is valid, survives the wire, and means the same to the
// libraries compared; encoding into a buffer that is large enough allocates nothing.
func TestSamples(t *testing.T) {
	std, v2 := plain[json.RawMessage](), plain[jsontext.Value]()
	for i, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			require.NoError(t, s.value.Validate())
			back := s.fresh()
			require.NoError(t, wire.Decode(s.text, back))
			require.Equal(t, string(s.text), string(back.AppendJSON(nil)))
			a, c := std[i](), v2[i]()
			require.NoError(t, json.Unmarshal(s.text, a))
			require.NoError(t, goccy.Unmarshal(s.text, c))
			text, err := json.Marshal(a)
			require.NoError(t, err)
			require.True(t, sameJSON(s.text, text), "%.300s", text)
			text, err = goccy.Marshal(c)
			require.NoError(t, err)
			require.True(t, sameJSON(s.text, text), "%.300s", text)
			buf := make([]byte, 0, 2*len(s.text))
			require.Zero(t, testing.AllocsPerRun(10, func() { buf = s.value.AppendJSON(buf[:0]) }))
		})
	}
}

// sameJSON compares the values rather than the texts, whose members may come in another order.
func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
