package wire

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Null consumes a null if one is next, and tells whether it was.
func (d *Decoder) Null() bool {
	if d.peek() != 'n' {
		return false
	}
	return d.word("null")
}

// word consumes the literal whose first letter is next.
func (d *Decoder) word(w string) bool {
	if len(d.data)-d.pos >= len(w) && string(d.data[d.pos:d.pos+len(w)]) == w {
		d.pos += len(w)
		return true
	}
	d.failAt(d.pos, w, true)
	return false
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	switch d.peek() {
	case 't':
		return d.word("true")
	case 'f':
		d.word("false")
	default:
		d.failShape("true or false")
	}
	return false
}

// String reads a string.
func (d *Decoder) String() string {
	text, ok := d.text("a string", d.strict)
	if !ok {
		return ""
	}
	return d.keep(text)
}

// ExactString reads a string that names something, such as a method: the escape
// of half a surrogate pair is an error, also without [Options.Strict].
func (d *Decoder) ExactString() string {
	text, ok := d.text("a string", true)
	if !ok {
		return ""
	}
	return d.keep(text)
}

// Base64 reads a string; whether it is base64 is checked by its methods.
func (d *Decoder) Base64() Base64 { return Base64(d.String()) }

// Const reads a string that must be want.
func (d *Decoder) Const(want string) {
	if c := d.peek(); c == '"' {
		start := d.pos
		if text, ok := d.text("", true); ok && string(text) != want {
			d.failAt(start, fmt.Sprintf("%q", want), false)
		}
		return
	}
	d.failShape(fmt.Sprintf("%q", want))
}

// ConstInt reads an integer that must be want.
func (d *Decoder) ConstInt(want int64) {
	if d.Kind() != KindNumber {
		d.failShape(fmt.Sprint(want))
		return
	}
	start := d.pos
	if n := d.Int(); n != want {
		d.failAt(start, fmt.Sprint(want), false)
	}
}

// ConstBool reads a bool that must be want.
func (d *Decoder) ConstBool(want bool) {
	if d.Kind() != KindBool {
		d.failShape(fmt.Sprint(want))
		return
	}
	start := d.pos
	if b := d.Bool(); b != want {
		d.failAt(start, fmt.Sprint(want), false)
	}
}

// text reads a string and returns its text, within the input or the scratch
// buffer: valid until the next call.
func (d *Decoder) text(expected string, strict bool) (text []byte, ok bool) {
	if d.peek() != '"' {
		d.failShape(expected)
		return nil, false
	}
	data := d.data
	start := d.pos + 1
	end := start
	for ; end+8 <= len(data) && end < start+64; end += 8 {
		if m := special(load(data, end)); m != 0 {
			if end += bits.TrailingZeros64(m) >> 3; data[end] == '"' {
				d.pos = end + 1
				return data[start:end], true
			}
			break
		}
	}
	// Long, near the end of the input, or more than plain ASCII.
	end, high := scanPlain(data, end)
	if end < len(data) && data[end] == '"' {
		if high && !utf8.Valid(data[start:end]) {
			d.failFlaw(firstInvalid(data, start), flawUTF8)
			return nil, false
		}
		d.pos = end + 1
		return data[start:end], true
	}
	text, end, f := unquote(d.scratch, data, start, strict)
	if f != flawNone {
		d.failFlaw(end, f)
		return nil, false
	}
	d.keepScratch(text)
	d.pos = end
	return text, true
}

const (
	chunkSize = 2 << 10 // of the chunks that short strings and raw values are cut from
	maxCut    = 512     // longer ones are allocated on their own
)

// keep returns b as a string that stays.
func (d *Decoder) keep(b []byte) string {
	if len(b) > maxCut {
		return string(b)
	}
	if d.strs.Cap()-d.strs.Len() < len(b) {
		d.strs.Reset()
		d.strs.Grow(chunkSize)
	}
	at := d.strs.Len()
	d.strs.Write(b)
	return d.strs.String()[at:]
}

// keepBytes returns a copy of b that stays.
func (d *Decoder) keepBytes(b []byte) []byte {
	if len(b) > maxCut {
		return append([]byte(nil), b...)
	}
	if cap(d.raws)-len(d.raws) < len(b) {
		d.raws = make([]byte, 0, chunkSize)
	}
	at := len(d.raws)
	d.raws = append(d.raws, b...)
	return d.raws[at:len(d.raws):len(d.raws)]
}
