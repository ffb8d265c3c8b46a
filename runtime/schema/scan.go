package schema

import (
	"bytes"
	"sync"
	"unicode/utf8"
)

// scanner steps over JSON that was checked before, as every wire.Raw was. On anything else it fails, but does not panic.
type scanner struct {
	data []byte
	pos  int
	left int // how many schemas may still be applied; below 0 the result counts for nothing
}

// peek skips white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' {
			return c
		}
		s.pos++
	}
	return 0
}

// text steps over the string that is next and gives what is between its quotes, and whether there are escapes in it.
func (s *scanner) text() (content []byte, escaped, ok bool) {
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return nil, false, false
	}
	start := s.pos + 1
	for i := start; i < len(s.data) && i < start+24; i++ { // most are short
		switch s.data[i] {
		case '"':
			s.pos = i + 1
			return s.data[start:i], false, true
		case '\\':
			return s.longText(start, i)
		}
	}
	return s.longText(start, start)
}

func (s *scanner) longText(start, at int) (content []byte, escaped, ok bool) {
	for {
		n := bytes.IndexByte(s.data[min(at, len(s.data)):], '"')
		if n < 0 {
			return nil, false, false
		}
		end := at + n
		esc := bytes.IndexByte(s.data[at:end], '\\')
		if esc < 0 {
			s.pos = end + 1
			return s.data[start:end], escaped, true
		}
		escaped = true
		at += esc + 2
	}
}

// number steps over the number that is next.
func (s *scanner) number() []byte {
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			s.pos++
			continue
		}
		break
	}
	return s.data[start:s.pos]
}

// skip steps over any value.
func (s *scanner) skip() bool {
	switch s.peek() {
	case '"':
		_, _, ok := s.text()
		return ok
	case '{', '[':
		return s.skipNested()
	case 't', 'n':
		s.pos += len("true")
	case 'f':
		s.pos += len("false")
	case 0:
		return false
	default:
		return len(s.number()) > 0
	}
	return s.pos <= len(s.data)
}

func (s *scanner) skipNested() bool {
	depth := 0
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.pos++
				return true
			}
		case '"':
			if _, _, ok := s.text(); !ok {
				return false
			}
			continue
		}
		s.pos++
	}
	return false
}

// member steps to the next member of an object whose brace, or last member, was stepped over. There is none at the end,
// where it steps over the brace, and ok is false for what is no object.
func (s *scanner) member() (key []byte, escaped, more, ok bool) {
	c := s.peek()
	if c == '}' {
		s.pos++
		return nil, false, false, true
	}
	if c == ',' {
		s.pos++
		s.peek()
	}
	if key, escaped, ok = s.text(); !ok {
		return nil, false, false, false
	}
	if s.peek() != ':' {
		return nil, false, false, false
	}
	s.pos++
	return key, escaped, true, true
}

// element steps to the next element of an array whose bracket, or last element, was stepped over.
func (s *scanner) element() (more, ok bool) {
	switch s.peek() {
	case ']':
		s.pos++
		return false, true
	case ',':
		s.pos++
		return s.peek() != 0, true
	case 0:
		return false, false
	}
	return true, true
}

// texts are buffers for strings whose escapes were resolved.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is how large a buffer may be that is kept.
const maxKept = 64 << 10

// resolved calls f with the text of a string.
func resolved(content []byte, escaped bool, f func([]byte) bool) bool {
	if !escaped {
		return f(content)
	}
	buffer := texts.Get().(*[]byte)
	text := unescape((*buffer)[:0], content)
	ok := f(text)
	if cap(text) <= maxKept {
		*buffer = text
		texts.Put(buffer)
	}
	return ok
}

// unescape appends the text of a string; half of a surrogate pair is U+FFFD.
func unescape(dst, content []byte) []byte {
	for i := 0; i < len(content); i++ {
		c := content[i]
		if c != '\\' || i+1 >= len(content) {
			dst = append(dst, c)
			continue
		}
		i++
		switch c = content[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(content, i+1)
			i += 4
			if r >= 0xd800 && r < 0xe000 {
				low := rune(-1)
				if i+2 < len(content) && content[i+1] == '\\' && content[i+2] == 'u' {
					low = hex4(content, i+3)
				}
				if r < 0xdc00 && low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// hex4 reads four hexadecimal digits, -1 if they are not there.
func hex4(text []byte, at int) (r rune) {
	if at+4 > len(text) {
		return -1
	}
	for _, c := range text[at : at+4] {
		r <<= 4
		switch {
		case c >= '0' && c <= '9':
			r += rune(c - '0')
		case c >= 'a' && c <= 'f':
			r += rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			r += rune(c-'A') + 10
		default:
			return -1
		}
	}
	return r
}
