package wire

import (
	"bytes"
	"strconv"
)

// ID is the id of a JSON-RPC request or a progress token: a string or an
// integer. An integer keeps the literal it was written with, of any size. IDs
// are comparable with ==, which tells 1.0 from 1; see [ID.Canonical]. The zero
// value stands for an absent id.
type ID struct {
	form idForm
	n    int64  // of idInt
	text string // of idString; the literal of idLiteral
}

type idForm uint8

const (
	idNone    idForm = iota
	idString         // a string
	idInt            // an int64 written as strconv writes it
	idLiteral        // an integer written otherwise, or beyond int64
)

// StringID returns the string s as an id.
func StringID(s string) ID { return ID{form: idString, text: s} }

// IntID returns n as an id.
func IntID(n int64) ID { return ID{form: idInt, n: n} }

// IsZero tells whether the id is absent.
func (id ID) IsZero() bool { return id.form == idNone }

// IsString tells whether the id is a string.
func (id ID) IsString() bool { return id.form == idString }

// Str returns the string if the id is one.
func (id ID) Str() (string, bool) {
	if id.form != idString {
		return "", false
	}
	return id.text, true
}

// Int returns the value if the id is an integer within int64, however written.
func (id ID) Int() (int64, bool) {
	switch id.form {
	case idInt:
		return id.n, true
	case idLiteral:
		n, form := parseInteger([]byte(id.text))
		return n, form == formInt
	}
	return 0, false
}

// String returns the id for logs: a string quoted, an integer as its literal,
// and "none" if it is absent.
func (id ID) String() string {
	switch id.form {
	case idString:
		return strconv.Quote(id.text)
	case idInt:
		return strconv.FormatInt(id.n, 10)
	case idLiteral:
		return id.text
	}
	return "none"
}

// Canonical returns the id to compare by: integers of equal value, such as 1,
// 1.0 and 1e0, have the same. A string never equals an integer.
func (id ID) Canonical() ID {
	if id.form != idLiteral {
		return id
	}
	d := splitNumber([]byte(id.text))
	if n, form := parseInteger([]byte(id.text)); form == formInt {
		return IntID(n)
	}
	text := make([]byte, 0, d.count+24)
	if d.neg {
		text = append(text, '-')
	}
	text = append(text, bytes.ReplaceAll(d.digits, []byte{'.'}, nil)...)
	if d.exp > 0 {
		text = strconv.AppendInt(append(text, 'e'), d.exp, 10)
	}
	return ID{form: idLiteral, text: string(text)}
}

// AppendJSON appends the id; an absent one is null.
func (id ID) AppendJSON(dst []byte) []byte {
	switch id.form {
	case idString:
		return AppendString(dst, id.text)
	case idInt:
		return strconv.AppendInt(dst, id.n, 10)
	case idLiteral:
		return append(dst, id.text...)
	}
	return append(dst, "null"...)
}

// MarshalJSON returns what [ID.AppendJSON] appends.
func (id ID) MarshalJSON() ([]byte, error) { return id.AppendJSON(nil), nil }

// UnmarshalJSON reads a string or an integer, with the rules of [Decoder.ID].
func (id *ID) UnmarshalJSON(data []byte) error { return Decode(data, id) }

// DecodeJSON reads a string or an integer.
func (id *ID) DecodeJSON(d *Decoder) { *id = d.ID() }

// ID reads a string or an integer. A number with a fraction or an exponent
// counts if its value is an integer. The escape of half a surrogate pair is an
// error, also without [Options.Strict].
func (d *Decoder) ID() ID {
	const expected = "a string or an integer"
	switch kindOf(d.peek()) {
	case KindString:
		if text, ok := d.text("", true); ok {
			return ID{form: idString, text: d.keep(text)}
		}
	case KindNumber:
		if n, ok := d.shortInt(); ok {
			return ID{form: idInt, n: n}
		}
		text, ok := d.number("")
		if !ok {
			break
		}
		n, form := parseInteger(text)
		if form == formFraction {
			d.failAt(d.pos-len(text), expected, false)
			break
		}
		if form == formInt && plainInteger(text) {
			return ID{form: idInt, n: n}
		}
		return ID{form: idLiteral, text: d.keep(text)}
	default:
		d.failShape(expected)
	}
	return ID{}
}

// plainInteger tells whether a number literal within int64 is written as
// strconv writes it.
func plainInteger(text []byte) bool {
	if string(text) == "-0" {
		return false
	}
	for _, c := range text {
		if c != '-' && !isDigit(c) {
			return false
		}
	}
	return true
}
