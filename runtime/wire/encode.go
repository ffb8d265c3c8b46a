package wire

import (
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
	if i := scanUnsafe(dst, at); i < len(dst) {
		dst = appendEscaped(dst[:i], s, i-at)
	}
	return append(dst, '"')
}

// scanUnsafe returns the index of the first byte at or after i that cannot be
// copied unseen into a JSON string, len(b) if there is none.
func scanUnsafe(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := special(load(b, i)); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
	}
	return i
}

// appendEscaped appends s[i:] with what needs it escaped; s[i] does.
func appendEscaped(dst []byte, s string, i int) []byte {
	start := i
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
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
