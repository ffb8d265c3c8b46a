package wire

import (
	"encoding/base64"
	"sync/atomic"
)

// Base64 is binary data as base64 text (RFC 4648 section 4, padded), as it came:
// it is checked when its bytes are asked for.
type Base64 string

// EncodeBase64 returns b as base64.
func EncodeBase64(b []byte) Base64 {
	s := Base64(base64.StdEncoding.EncodeToString(b))
	remember(s)
	return s
}

// AppendBase64 appends s as a JSON string, whether or not it is base64.
func AppendBase64(dst []byte, s Base64) []byte {
	if !known(s) {
		return AppendString(dst, string(s))
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// right are texts that are base64 for certain: what was encoded or checked last. An image is looked at once, and not again
// to validate it, and to find what needs an escape, each time that it is sent. To compare a text with itself costs nothing.
var (
	right     [4]atomic.Pointer[Base64]
	rightNext atomic.Uint32
)

// Texts that are remembered are large enough for that to be worth it, and small enough to be kept.
const leastRight, mostRight = 4 << 10, 256 << 10

func remember(s Base64) {
	if len(s) >= leastRight && len(s) <= mostRight {
		kept := s // what escapes is allocated here, and not for every text
		right[rightNext.Add(1)%uint32(len(right))].Store(&kept)
	}
}

// known reports whether s is base64 for certain.
func known(s Base64) bool {
	if len(s) < leastRight || len(s) > mostRight {
		return false
	}
	for i := range right {
		if p := right[i].Load(); p != nil && *p == s {
			return true
		}
	}
	return false
}

// Bytes returns the data. The error is a [*PathError] with an empty pointer.
func (s Base64) Bytes() ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(string(s))
}

// Validate returns an error if the text is not base64: anything but whole groups
// of four characters of the alphabet, the last one padded with '='. Unused bits
// in the last character are not looked at.
func (s Base64) Validate() error {
	if known(s) {
		return nil
	}
	if len(s)%4 != 0 {
		return &PathError{Offset: -1, Expected: "base64 in whole groups of four characters"}
	}
	body := s
	for range 2 {
		if n := len(body); n > 0 && body[n-1] == '=' {
			body = body[:n-1]
		}
	}
	// Eight characters at a time; this may be long.
	i := 0
	good := uint64(highs)
	for ; i+32 <= len(body); i += 32 {
		four := body[i : i+32]
		good &= inAlphabet(loadString(string(four[:8]), 0)) & inAlphabet(loadString(string(four[8:16]), 0)) &
			inAlphabet(loadString(string(four[16:24]), 0)) & inAlphabet(loadString(string(four[24:]), 0))
	}
	var bad uint8
	for ; i < len(body); i++ {
		bad |= notBase64[body[i]]
	}
	if good&highs != highs || bad != 0 {
		return &PathError{Offset: -1, Expected: "base64"}
	}
	remember(s)
	return nil
}

// inAlphabet has bit 8k+7 set where byte k of w is in the alphabet of base64, if all bytes are ASCII; one that is not clears
// its own.
func inAlphabet(w uint64) uint64 {
	x := w &^ highs // so that no sum reaches the next byte
	letter := x | lows*0x20
	letter = (letter + lows*(0x80-'a')) &^ (letter + lows*(0x80-'z'-1))
	digitOrSlash := (x + lows*(0x80-'/')) &^ (x + lows*(0x80-'9'-1))
	notPlus := (x ^ lows*'+') + lows*0x7f
	return (letter | digitOrSlash | ^notPlus) &^ w
}

// notBase64 is 1 for the bytes outside the alphabet.
var notBase64 = func() (t [256]uint8) {
	for i := range t {
		t[i] = 1
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = 0
	}
	return t
}()
