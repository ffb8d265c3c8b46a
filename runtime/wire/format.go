package wire

import "strings"

// IsURI tells whether s has the form of an absolute URI: a scheme, a colon, and
// no character that a URI cannot hold. It is a light check that resolves
// nothing; letters outside ASCII pass.
func IsURI(s string) bool {
	n := schemeLen(s)
	return n > 0 && isURIText(s[n+1:])
}

// schemeLen returns the length of the scheme before the first colon, 0 if there
// is none.
func schemeLen(s string) int {
	if s == "" || !isLetter(s[0]) {
		return 0
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isLetter(c), isDigit(c), c == '+', c == '-', c == '.':
		case c == ':':
			return i
		default:
			return 0
		}
	}
	return 0
}

func isURIText(s string) bool {
	var all uint8 // one pass without branches: most texts have nothing to look at twice
	rest := s
	for ; len(rest) >= 4; rest = rest[4:] {
		all |= uriBytes[rest[0]] | uriBytes[rest[1]] | uriBytes[rest[2]] | uriBytes[rest[3]]
	}
	for i := 0; i < len(rest); i++ {
		all |= uriBytes[rest[i]]
	}
	if all&uriExcluded != 0 {
		return false
	}
	for i := 0; all != 0 && i < len(s); i++ {
		if s[i] == '%' && !isEscape(s[i:]) {
			return false
		}
	}
	return true
}

// What a byte may be in a URI: most are fine.
const (
	uriExcluded = 1 + iota
	uriPercent
)

var uriBytes = func() (t [256]uint8) {
	for c := range ' ' + 1 {
		t[c] = uriExcluded
	}
	for _, c := range []byte("\x7f\"<>\\^`{|}") {
		t[c] = uriExcluded
	}
	t['%'] = uriPercent
	return t
}()

func isEscape(s string) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// IsURITemplate tells whether s has the form of an RFC 6570 template: text of a
// URI with well-formed expressions in braces. A template may be relative or
// start with an expression, so no scheme is asked for.
func IsURITemplate(s string) bool {
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return isURIText(s)
		}
		end := strings.IndexByte(s, '}')
		if end < i || !isURIText(s[:i]) || !isExpression(s[i+1:end]) {
			return false
		}
		s = s[end+1:]
	}
}

// isExpression checks what is between the braces: an operator, then names with
// modifiers, separated by commas.
func isExpression(s string) bool {
	if s != "" && strings.IndexByte("+#./;?&=,!@|", s[0]) >= 0 {
		s = s[1:]
	}
	for {
		spec, rest, more := strings.Cut(s, ",")
		if !isVarSpec(spec) {
			return false
		}
		if !more {
			return true
		}
		s = rest
	}
}

func isVarSpec(s string) bool {
	if name, length, ok := strings.Cut(s, ":"); ok {
		if length == "" || length[0] == '0' || len(length) > 4 {
			return false
		}
		for i := 0; i < len(length); i++ {
			if !isDigit(length[i]) {
				return false
			}
		}
		s = name
	} else {
		s = strings.TrimSuffix(s, "*")
	}
	dot := true // at the start of a part
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.':
			if dot {
				return false
			}
			dot = true
			continue
		case c == '%':
			if !isEscape(s[i:]) {
				return false
			}
			i += 2
		case !isLetter(c) && !isDigit(c) && c != '_':
			return false
		}
		dot = false
	}
	return !dot
}
