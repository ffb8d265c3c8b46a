package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// TestBase64IsCheckedByteByByte: every byte, at every place of a text that is long enough to be looked at in words, beside
// neighbours of every kind.
func TestBase64IsCheckedByteByByte(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, neighbour := range []byte("AZaz09+/") {
		text := []byte(strings.Repeat(string(neighbour), 44))
		for at := range 40 { // the last ones may be padding
			for c := range 256 {
				text[at] = byte(c)
				err := wire.Base64(text).Validate()
				require.Equal(t, strings.IndexByte(alphabet, byte(c)) >= 0, err == nil, "%q at %d beside %q", byte(c), at, neighbour)
			}
			text[at] = neighbour
		}
		text[7] = 0xff // beside another that is none, which might make up for it
		for c := range 256 {
			text[8] = byte(c)
			require.Error(t, wire.Base64(text).Validate())
		}
	}
}

// TestBase64ThatWasRightBefore: that one text was right says nothing of another, however like it, and what is appended is a
// JSON string whatever it is.
func TestBase64ThatWasRightBefore(t *testing.T) {
	for _, size := range []int{3 << 10, 48 << 10, 300 << 10} {
		text := wire.EncodeBase64([]byte(strings.Repeat("abc", size/3)))
		require.NoError(t, text.Validate())
		require.NoError(t, wire.Base64(strings.Clone(string(text))).Validate())
		require.Equal(t, `"`+string(text)+`"`, string(wire.AppendBase64(nil, text)))
		for _, c := range "\"\n\\!\x00é" {
			bad := wire.Base64(string(text[:len(text)/2]) + string(c) + string(text[len(text)/2:]))
			bad = bad[:len(bad)/4*4]
			require.Error(t, bad.Validate())
			require.Equal(t, string(wire.AppendString(nil, string(bad))), string(wire.AppendBase64(nil, bad)))
		}
		require.NoError(t, text.Validate())
	}
}
