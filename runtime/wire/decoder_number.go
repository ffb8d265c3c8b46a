package wire

import (
	"math"
	"strconv"
)

const (
	anInteger  = "an integer"
	int64Range = "an integer from -2^63 to 2^63-1"
)

// number reads a number and returns its text within the input.
func (d *Decoder) number(expected string) (text []byte, ok bool) {
	if kindOf(d.peek()) != KindNumber {
		d.failShape(expected)
		return nil, false
	}
	start := d.pos
	end, ok := scanNumber(d.data, start)
	if !ok {
		d.failNumber(end)
		return nil, false
	}
	d.pos = end
	return d.data[start:end], true
}

// failNumber reports the byte at off that breaks the grammar of numbers.
func (d *Decoder) failNumber(off int) {
	if off < len(d.input) && d.input[off] == '0' {
		d.failAt(off, "a number without leading zeros", true)
		return
	}
	d.failAt(off, "a digit", true)
}

// shortInt consumes an integer of at most 15 digits written plainly, if that is
// next; -0 is not.
func (d *Decoder) shortInt() (n int64, ok bool) {
	c := d.peek()
	data, i := d.data, d.pos
	if c == '-' {
		i++
	}
	start := i
	for i < len(data) && isDigit(data[i]) {
		n = n*10 + int64(data[i]-'0')
		i++
	}
	digits := i - start
	if digits-1 > 14 || digits == 0 || i >= len(data) || data[i] == '.' || data[i]|0x20 == 'e' {
		return 0, false
	}
	if data[start] == '0' && (digits > 1 || c == '-') {
		return 0, false
	}
	d.pos = i
	if c == '-' {
		n = -n
	}
	return n, true
}

// Int reads an integer. A number written with a fraction or an exponent counts
// if its value is an integer, as in 1.0 and 1e2; it is computed exactly.
// Integers out of the range of int64 are an error.
func (d *Decoder) Int() int64 {
	if n, ok := d.shortInt(); ok {
		return n
	}
	return d.intSlow()
}

func (d *Decoder) intSlow() int64 {
	text, ok := d.number(anInteger)
	if !ok {
		return 0
	}
	n, form := parseInteger(text)
	switch form {
	case formFraction:
		d.failAt(d.pos-len(text), anInteger, false)
	case formBig:
		d.failAt(d.pos-len(text), int64Range, false)
	}
	return n
}

// Float reads a number as the nearest float64. One beyond the range of float64
// is an error.
func (d *Decoder) Float() float64 {
	if n, ok := d.shortInt(); ok {
		return float64(n)
	}
	text, ok := d.number("a number")
	if !ok {
		return 0
	}
	if f, ok := shortFloat(text); ok {
		return f
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		d.failAt(d.pos-len(text), "a number within the range of float64", false)
		return 0
	}
	return f
}

var powersOf10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// shortFloat converts a number of at most 15 digits without an exponent, which
// a float64 and one correctly rounded division give exactly.
func shortFloat(text []byte) (f float64, ok bool) {
	if len(text) > 16 {
		return 0, false
	}
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	var n int64
	decimals := -1
	for _, c := range digits {
		switch {
		case isDigit(c):
			n = n*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case c == '.':
			decimals = 0
		default:
			return 0, false
		}
	}
	if n >= 1e15 {
		return 0, false
	}
	f = float64(n)
	if decimals > 0 {
		f /= powersOf10[decimals]
	}
	if text[0] == '-' {
		f = math.Copysign(f, -1)
	}
	return f, true
}

// numberForm tells what kind of number a number literal is.
type numberForm uint8

const (
	formInt      numberForm = iota // an integer within int64
	formBig                        // an integer beyond int64
	formFraction                   // no integer
)

// decimal is a number literal taken apart: 0 or ±digits × 10^exp, where the
// digits start and end with one that is not 0.
type decimal struct {
	neg    bool
	digits []byte // may contain the point
	count  int    // of digits, without the point; 0 for zero
	exp    int64
}

// maxExponent is where exponents saturate: far beyond every input's length.
const maxExponent = 1 << 40

// splitNumber takes a valid number literal apart.
func splitNumber(text []byte) decimal {
	var d decimal
	if text[0] == '-' {
		d.neg, text = true, text[1:]
	}
	end := 0
	for end < len(text) && text[end]|0x20 != 'e' {
		end++
	}
	if end < len(text) {
		d.exp = parseExponent(text[end+1:])
	}
	mantissa := text[:end]
	first, last := -1, -1 // indices of the outermost digits that are not 0
	point := len(mantissa)
	for i, c := range mantissa {
		switch {
		case c == '.':
			point = i
		case c != '0':
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return decimal{neg: d.neg}
	}
	d.digits = mantissa[first : last+1]
	d.count = len(d.digits)
	if first < point && point < last {
		d.count--
	}
	if last < point {
		d.exp += int64(point - last - 1)
	} else {
		d.exp -= int64(last - point)
	}
	return d
}

func parseExponent(text []byte) int64 {
	neg := text[0] == '-'
	var n int64
	for _, c := range text {
		if isDigit(c) && n < maxExponent {
			n = n*10 + int64(c-'0')
		}
	}
	if neg {
		return -n
	}
	return n
}

// parseInteger returns the exact value of a valid number literal.
func parseInteger(text []byte) (int64, numberForm) {
	d := splitNumber(text)
	switch {
	case d.count == 0:
		return 0, formInt
	case d.exp < 0:
		return 0, formFraction
	case int64(d.count)+d.exp > 19:
		return 0, formBig
	}
	var n uint64
	for _, c := range d.digits {
		if c != '.' {
			n = n*10 + uint64(c-'0')
		}
	}
	for range d.exp {
		n *= 10
	}
	switch {
	case d.neg && n <= 1<<63:
		return -int64(n), formInt
	case !d.neg && n < 1<<63:
		return int64(n), formInt
	}
	return 0, formBig
}
