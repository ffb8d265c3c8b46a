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
