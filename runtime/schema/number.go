package schema

import (
	"math/big"
)

// number is a JSON number, exact, without anything made of its text.
type number struct {
	text  []byte // the literal without its sign
	value int64  // if whole
	whole bool   // it is written as an integer of at most 18 digits

	minus       bool
	first, last int // where in text the first and last digits are that are not 0; first < 0 for zero
	high, low   int // their powers of ten
}

func numberOf(literal string) number { return parseNumber([]byte(literal)) }

// parseNumber reads a literal that is known to be a JSON number.
func parseNumber(literal []byte) number {
	n := number{text: literal, first: -1}
	if len(literal) > 0 && literal[0] == '-' {
		n.minus, n.text = true, literal[1:]
	}
	if len(n.text) <= 18 {
		n.whole = true
		for _, c := range n.text {
			if c < '0' || c > '9' {
				n.whole = false
				break
			}
			n.value = n.value*10 + int64(c-'0')
		}
		if n.whole && n.minus {
			n.value = -n.value
		}
		if n.whole {
			return n
		}
	}
	n.measure()
	return n
}

// measure finds the digits that count.
func (n *number) measure() {
	dot, digits, exponent := -1, 0, 0
	firstAt, lastAt := 0, 0 // among the digits
scan:
	for i, c := range n.text {
		switch {
		case c == '.':
			dot = digits
		case c == 'e' || c == 'E':
			exponent = parseExponent(n.text[i+1:])
			break scan
		default:
			if c != '0' {
				if n.first < 0 {
					n.first, firstAt = i, digits
				}
				n.last, lastAt = i, digits
			}
			digits++
		}
	}
	if dot < 0 {
		dot = digits
	}
	n.high, n.low = dot-1-firstAt+exponent, dot-1-lastAt+exponent
}

func parseExponent(text []byte) int {
	minus, n := false, 0
	for _, c := range text {
		switch {
		case c == '-':
			minus = true
		case c >= '0' && c <= '9' && n < 1_000_000:
			n = n*10 + int(c-'0')
		}
	}
	if minus {
		return -n
	}
	return n
}

// measured gives n with its digits found.
func (n number) measured() number {
	if n.whole {
		n.first, n.last = -1, 0
		n.measure()
	}
	return n
}

func (n *number) sign() int {
	switch {
	case n.first < 0:
		return 0
	case n.minus:
		return -1
	}
	return 1
}

// isInteger reports whether the value has no fraction, however written.
func (n *number) isInteger() bool { return n.whole || n.first < 0 || n.low >= 0 }

// compare is -1, 0 or 1 as n is less than, equal to or more than b.
func (n number) compare(b number) int {
	if n.whole && b.whole {
		switch {
		case n.value < b.value:
			return -1
		case n.value > b.value:
			return 1
		}
		return 0
	}
	n, b = n.measured(), b.measured()
	sa, sb := n.sign(), b.sign()
	if sa != sb || sa == 0 {
		return min(max(sa-sb, -1), 1)
	}
	if n.high != b.high {
		if n.high > b.high {
			return sa
		}
		return -sa
	}
	for i, j := n.first, b.first; i <= n.last || j <= b.last; i, j = i+1, j+1 {
		x, y := n.digit(&i), b.digit(&j)
		if x != y {
			if x > y {
				return sa
			}
			return -sa
		}
	}
	return 0
}

// digit gives the digit at *i, after stepping over the point; 0 beyond the last.
func (n *number) digit(i *int) byte {
	if *i <= n.last && n.text[*i] == '.' {
		*i++
	}
	if *i > n.last {
		return '0'
	}
	return n.text[*i]
}

// maxModulus is how large what is divided by may be for the remainder to be worked out digit by digit in 64 bits.
const maxModulus = 1 << 60

// multipleOf reports whether n is b times an integer. b is above 0.
func (n number) multipleOf(b number) bool {
	if n.whole && b.whole {
		return n.value%b.value == 0
	}
	n, b = n.measured(), b.measured()
	if n.first < 0 {
		return true
	}
	unit := min(n.low, b.low)
	modulus := uint64(0)
	for i := b.first; i <= b.last; i++ {
		if c := b.text[i]; c != '.' && modulus < maxModulus {
			modulus = modulus*10 + uint64(c-'0')
		}
	}
	for range b.low - unit {
		if modulus >= maxModulus {
			break
		}
		modulus *= 10
	}
	if modulus >= maxModulus {
		x, _ := new(big.Rat).SetString(string(n.text))
		y, _ := new(big.Rat).SetString(string(b.text))
		return x.Quo(x, y).IsInt()
	}
	rest := uint64(0)
	for i := n.first; i <= n.last; i++ {
		if c := n.text[i]; c != '.' {
			rest = (rest*10 + uint64(c-'0')) % modulus
		}
	}
	for range n.low - unit {
		if rest = rest * 10 % modulus; rest == 0 {
			break
		}
	}
	return rest == 0
}
