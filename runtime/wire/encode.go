package wire

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, escaping no more than JSON demands.
// Bytes that are not UTF-8 become U+FFFD each.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	at := len(dst)
	dst = append(dst, s...)
	if i := scanSpecial(dst[at:]); i < len(s) {
		dst = appendEscaped(dst[:at+i], s, i)
	}
	return append(dst, '"')
}

// scanSpecial returns the index of the first byte that cannot be copied unseen
// into a JSON string, len(b) if there is none.
func scanSpecial(b []byte) int {
	n := len(b)
	for len(b) >= 32 {
		w := marks(binary.LittleEndian.Uint64(b)) | marks(binary.LittleEndian.Uint64(b[8:])) |
			marks(binary.LittleEndian.Uint64(b[16:])) | marks(binary.LittleEndian.Uint64(b[24:]))
		if w&highs != 0 {
			break
		}
		b = b[32:]
	}
	for len(b) >= 8 {
		if m := special(binary.LittleEndian.Uint64(b)); m != 0 {
			return n - len(b) + bits.TrailingZeros64(m)>>3
		}
		b = b[8:]
	}
	for i, c := range b {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return n - len(b) + i
		}
	}
	return n
}

// loadString is load for a string.
func loadString(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// escapeOf gives the letter of the short escapes.
var escapeOf = [utf8.RuneSelf]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// appendEscaped appends s[i:] with what needs it escaped.
func appendEscaped(dst []byte, s string, i int) []byte {
	n := len(dst)
	var buf []byte
	for i < len(s) {
		// Room for all that is left and for the longest escape beyond it.
		if n+len(s)-i+8 > len(buf) {
			dst = slices.Grow(dst[:n], len(s)-i+8)
			buf = dst[:cap(dst)]
		}
		// Whole words are copied before it is known how much of them is plain.
		for i+32 <= len(s) {
			from, to := s[i:i+32], buf[n:n+32]
			w0, w1, w2, w3 := loadString(from, 0), loadString(from, 8), loadString(from, 16), loadString(from, 24)
			binary.LittleEndian.PutUint64(to, w0)
			binary.LittleEndian.PutUint64(to[8:], w1)
			binary.LittleEndian.PutUint64(to[16:], w2)
			binary.LittleEndian.PutUint64(to[24:], w3)
			if (marks(w0)|marks(w1)|marks(w2)|marks(w3))&highs != 0 {
				break
			}
			i, n = i+32, n+32
		}
		for i+8 <= len(s) {
			w := loadString(s, i)
			binary.LittleEndian.PutUint64(buf[n:n+8], w)
			if m := special(w); m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				i, n = i+k, n+k
				break
			}
			i, n = i+8, n+8
		}
		if i >= len(s) {
			break
		}
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			n += utf8.EncodeRune(buf[n:n+utf8.UTFMax], r) // U+FFFD for a byte that is none
			i += size
		case c >= ' ' && c != '"' && c != '\\':
			buf[n] = c
			i, n = i+1, n+1
		case escapeOf[c] != 0:
			buf[n], buf[n+1] = '\\', escapeOf[c]
			i, n = i+1, n+2
			if i < len(s) && s[i] < ' ' && escapeOf[s[i]] != 0 && n+2+len(s)-i <= len(buf) {
				// Often several in a row: a line break, then tabs.
				buf[n], buf[n+1] = '\\', escapeOf[s[i]]
				i, n = i+1, n+2
			}
		default:
			copy(buf[n:n+6], "\\u00")
			buf[n+4], buf[n+5] = hexDigits[c>>4], hexDigits[c&15]
			i, n = i+1, n+6
		}
	}
	return dst[:n]
}

// AppendInt appends n in decimal.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// AppendFloat appends the shortest number that reads back as f, in the notation
// of ECMAScript. JSON has no NaN and no infinities: they become null, and the
// Validate methods of generated types report them before.
func AppendFloat(dst []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && n > -1e15 && n < 1e15 && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, n, 10)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// e-09 is written e-9.
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// AppendBool appends true or false.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// AppendComma appends a comma unless dst ends in '{': what comes before a member
// of an object that has no member always written.
func AppendComma(dst []byte) []byte {
	if n := len(dst); n > 0 && dst[n-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// AppendStringMap appends m as an object, its names sorted. Up to 16 entries
// cost no allocation beyond dst. A nil map is {}.
func AppendStringMap(dst []byte, m map[string]string) []byte {
	return AppendMap(dst, m, AppendString)
}

// AppendMap appends m as an object, its names sorted and each value appended by
// f. Up to 16 entries cost no allocation beyond dst. A nil map is {}.
func AppendMap[V any](dst []byte, m map[string]V, f func([]byte, V) []byte) []byte {
	var few [16]string
	names := few[:0]
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, name)
		dst = append(dst, ':')
		dst = f(dst, m[name])
	}
	return append(dst, '}')
}
