package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has bit 8k+7 set where byte k of w is a quote, a backslash, a control
// character or outside ASCII. Bits above the lowest one set may be wrong.
func special(w uint64) uint64 { return marks(w) & highs }

// marks is special with meaningless bits between.
func marks(w uint64) uint64 {
	// Flipping bit 1 moves the quote to 0x20, next to the control characters, and
	// takes space and '!' away from there: one comparison finds both.
	q := w ^ lows*2
	b := w ^ lows*'\\'
	return (q - lows*0x21) | (b - lows) | w
}

// specialASCII is special for the bytes within ASCII alone.
func specialASCII(w uint64) uint64 {
	q := w ^ lows*2
	b := w ^ lows*'\\'
	return ((q-lows*0x21)&^q | (b-lows)&^b) & highs
}

// load returns the eight bytes at i.
func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// scanPlain returns the index of the first quote, backslash or control
// character at or after i, len(data) if there is none, and whether it passed a
// byte outside ASCII.
func scanPlain(data []byte, i int) (end int, high bool) {
	// Shortening a slice costs fewer bounds checks than moving an index.
	b := data[i:]
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
			i = len(data) - len(b) + bits.TrailingZeros64(m)>>3
			if data[i] < utf8.RuneSelf {
				return i, false
			}
			return scanHigh(data, i+1), true
		}
		b = b[8:]
	}
	for i = len(data) - len(b); i < len(data); i++ {
		if c := data[i]; c >= utf8.RuneSelf {
			high = true
		} else if c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i, high
}

// scanHigh is scanPlain once a byte outside ASCII has been met.
func scanHigh(data []byte, i int) int {
	b := data[i:]
	for len(b) >= 8 {
		if m := specialASCII(binary.LittleEndian.Uint64(b)); m != 0 {
			return len(data) - len(b) + bits.TrailingZeros64(m)>>3
		}
		b = b[8:]
	}
	for i = len(data) - len(b); i < len(data); i++ {
		if c := data[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// skipSpace returns the index of the first byte at or after i that is not
// insignificant white space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && isSpace(data[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// scanNumber returns the index after the number that starts at i. If the bytes
// are no number, it returns the index of the byte that breaks the grammar.
func scanNumber(data []byte, i int) (end int, ok bool) {
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data) || !isDigit(data[i]):
		return i, false
	case data[i] == '0':
		i++
		if i < len(data) && isDigit(data[i]) {
			return i - 1, false
		}
	default:
		i = skipDigits(data, i)
	}
	if i < len(data) && data[i] == '.' {
		start := i + 1
		if i = skipDigits(data, start); i == start {
			return i, false
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		start := i
		if i = skipDigits(data, start); i == start {
			return i, false
		}
	}
	return i, true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func skipDigits(data []byte, i int) int {
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}

// How reading a string can go wrong.
type flaw uint8

const (
	flawNone    flaw = iota
	flawEnd          // the input ends within the string
	flawControl      // a raw control character
	flawEscape       // a backslash that starts no escape
	flawUTF8         // invalid UTF-8
	flawLone         // the escape of half a surrogate pair, where that is not tolerated
)

// readEscape reads the escape whose backslash is at i, which is none of the
// short ones, and returns its rune and the index after it. The half of a
// surrogate pair gives U+FFFD and flawLone.
func readEscape(data []byte, i int) (r rune, end int, f flaw) {
	switch {
	case i+1 >= len(data):
		return 0, len(data), flawEnd
	case data[i+1] != 'u':
		return 0, i, flawEscape
	}
	r, ok := readHex(data, i+2)
	if !ok {
		return 0, i, flawEscape
	}
	if !utf16.IsSurrogate(r) {
		return r, i + 6, flawNone
	}
	if i+8 <= len(data) && data[i+6] == '\\' && data[i+7] == 'u' {
		if low, ok := readHex(data, i+8); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, i + 12, flawNone
			}
		}
	}
	return utf8.RuneError, i + 6, flawLone
}

// readHex reads the four hexadecimal digits at i.
func readHex(data []byte, i int) (r rune, ok bool) {
	if i+4 > len(data) {
		return 0, false
	}
	for _, c := range data[i : i+4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skipString checks the string whose first byte after the opening quote is at i
// and returns the index after its closing quote. On a flaw it returns where
// that is. escaped tells whether it holds escapes.
func skipString(data []byte, i int, strict bool) (end int, escaped bool, f flaw) {
	start := i
	var high bool
	for {
		at, h := scanPlain(data, i)
		high = high || h
		if at >= len(data) {
			return len(data), escaped, flawEnd
		}
		switch data[at] {
		case '"':
			if high && !utf8.Valid(data[start:at]) {
				return firstInvalid(data, start), escaped, flawUTF8
			}
			return at + 1, escaped, flawNone
		case '\\':
			escaped = true
			if at+1 < len(data) && shortEscape[data[at+1]] != 0 {
				i = at + 2
				continue
			}
			_, i, f = readEscape(data, at)
			if f == flawLone && strict {
				return at, escaped, f
			}
			if f != flawNone && f != flawLone {
				return i, escaped, f
			}
		default:
			return at, escaped, flawControl
		}
	}
}

// shortEscape gives the byte that a backslash and the index stand for.
var shortEscape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote puts the text of the string whose first byte after the opening quote
// is at i into buf, from its start, and returns the index after its closing
// quote. On a flaw it returns where that is.
func unquote(buf, data []byte, i int, strict bool) (text []byte, end int, f flaw) {
	start := i
	high := false
	buf = buf[:cap(buf)]
	n := 0 // bytes of text
	for {
		// Whole words are copied before it is known how much of them belongs.
		for i+8 <= len(data) {
			if n+8 > len(buf) {
				buf = grow(buf, n)
			}
			w := load(data, i)
			binary.LittleEndian.PutUint64(buf[n:n+8], w)
			if m := special(w); m != 0 {
				k := bits.TrailingZeros64(m) >> 3
				i, n = i+k, n+k
				break
			}
			i, n = i+8, n+8
		}
		if i >= len(data) {
			return nil, len(data), flawEnd
		}
		if n+8 > len(buf) {
			buf = grow(buf, n)
		}
		switch c := data[i]; {
		case c == '"':
			if high && !utf8.Valid(data[start:i]) {
				return nil, firstInvalid(data, start), flawUTF8
			}
			return buf[:n], i + 1, flawNone
		case c == '\\':
			// Short escapes, often several in a row: a line break, then tabs.
			short := false
			for i+1 < len(data) && data[i] == '\\' && shortEscape[data[i+1]] != 0 && n < len(buf) {
				buf[n] = shortEscape[data[i+1]]
				i, n = i+2, n+1
				short = true
			}
			if short {
				continue
			}
			var r rune
			at := i
			r, i, f = readEscape(data, i)
			if f == flawLone && strict {
				return nil, at, f
			}
			if f != flawNone && f != flawLone {
				return nil, i, f
			}
			n += utf8.EncodeRune(buf[n:n+4], r)
		case c < ' ':
			return nil, i, flawControl
		default:
			// Near the end of the input, or outside ASCII.
			high = high || c >= utf8.RuneSelf
			buf[n] = c
			i, n = i+1, n+1
			for high && i+8 <= len(data) {
				if n+8 > len(buf) {
					buf = grow(buf, n)
				}
				w := load(data, i)
				binary.LittleEndian.PutUint64(buf[n:n+8], w)
				if m := specialASCII(w); m != 0 {
					k := bits.TrailingZeros64(m) >> 3
					i, n = i+k, n+k
					break
				}
				i, n = i+8, n+8
			}
		}
	}
}

// grow returns a longer buffer that starts with the n bytes of buf.
func grow(buf []byte, n int) []byte {
	longer := append(buf[:n:n], make([]byte, max(n, 256))...)
	return longer[:cap(longer)]
}

// firstInvalid returns the index of the first byte at or after i that is not
// part of valid UTF-8.
func firstInvalid(data []byte, i int) int {
	for i < len(data) {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return i
}
