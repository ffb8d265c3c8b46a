package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxQuoted is how many bytes of the input the text of an error shows at most,
// pointer included; maxFound is the share of what was found.
const (
	maxQuoted = 64
	maxFound  = 24
)

// PathError says where a JSON text or a Go value is not what it must be.
type PathError struct {
	// Pointer is the place as an RFC 6901 pointer; "" is the whole document.
	Pointer string
	// Offset is the byte offset in the input, -1 where a Go value was checked.
	Offset int
	// Expected says what was expected, such as "a string".
	Expected string
	// Found says what was there, quoting at most 24 bytes of it. May be empty.
	Found string
	// Syntax tells that the text is not acceptable as JSON at all, as against
	// acceptable JSON of the wrong shape.
	Syntax bool

	cause  error
	quoted int // bytes of the input within Found
}

// Error returns the place, what was expected and what was found. Of the input
// it shows at most 64 bytes: a longer pointer is shortened in the middle.
func (e *PathError) Error() string {
	var b strings.Builder
	pointer := shorten(e.Pointer, maxQuoted-e.quoted)
	switch {
	case e.Offset < 0 && pointer != "":
		b.WriteString("at " + pointer + ": ")
	case e.Offset >= 0 && pointer != "":
		fmt.Fprintf(&b, "at %s (offset %d): ", pointer, e.Offset)
	case e.Offset >= 0:
		fmt.Fprintf(&b, "at offset %d: ", e.Offset)
	}
	b.WriteString("expected " + e.Expected)
	if e.Found != "" {
		b.WriteString(", found " + e.Found)
	}
	return b.String()
}

// Unwrap returns the error of a user's own unmarshaler, if that was the cause.
func (e *PathError) Unwrap() error { return e.cause }

// shorten makes s printable and at most n bytes long, by leaving out its middle.
func shorten(s string, n int) string {
	if len(s) > n {
		head, tail := s[:n/3], s[len(s)-(n-n/3):]
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
		for len(head) > 0 && !utf8.ValidString(head) {
			head = head[:len(head)-1]
		}
		s = head + "…" + tail
	}
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) >= 0 {
		quoted := strconv.Quote(s)
		s = quoted[1 : len(quoted)-1]
	}
	return s
}

// found describes the value or byte at off, and tells how much of it is quoted.
func found(data []byte, off int) (text string, quoted int) {
	if off >= len(data) {
		return "the end of the input", 0
	}
	rest := data[off:]
	switch kindOf(rest[0]) {
	case KindObject:
		return "an object", 0
	case KindArray:
		return "an array", 0
	case KindString:
		end := closingQuote(rest, 1)
		if end <= maxFound {
			if text, _, f := unquote(nil, rest, 1, false); f == flawNone {
				return quoteFound(string(text)), end - 1
			}
		}
		return quoteFound(string(rest[1:min(end, maxFound+2)])), min(end-1, maxFound)
	case KindNumber:
		end := 1
		for end < len(rest) && (isDigit(rest[end]) || strings.IndexByte("+-.eE", rest[end]) >= 0) {
			end++
		}
		if end > maxFound {
			return "number " + string(rest[:maxFound]) + "…", maxFound
		}
		return "number " + string(rest[:end]), end
	}
	for _, word := range [...]string{"null", "true", "false"} {
		if strings.HasPrefix(string(rest[:min(len(rest), 5)]), word) {
			return word, len(word)
		}
	}
	switch c := rest[0]; {
	case strings.HasPrefix(string(rest[:min(len(rest), 3)]), "\ufeff"):
		return "a byte order mark", 0
	case c > ' ' && c < 0x7f:
		return strconv.QuoteRune(rune(c)), 1
	default:
		return fmt.Sprintf("byte 0x%02x", c), 1
	}
}

// quoteFound quotes at most maxFound bytes of a value for an error.
func quoteFound(s string) string {
	if len(s) > maxFound {
		return "string " + strconv.Quote(s[:maxFound]) + "…"
	}
	return "string " + strconv.Quote(s)
}

// level is one open object or array on the way to an offset.
type level struct {
	array    bool
	inMember bool // a member's name and colon, or the place of an element, have been passed
	index    int
	key      int // index after the opening quote of the last name
}

// pointerAt returns the pointer of the value that starts at or spans off, or of
// the innermost object or array if off is between its members.
func pointerAt(data []byte, off int) string {
	var stack []level
	ended := func() {
		if n := len(stack); n > 0 {
			stack[n-1].inMember = false
		}
	}
	for i := 0; i < off && i < len(data); {
		switch c := data[i]; c {
		case '{', '[':
			stack = append(stack, level{array: c == '[', inMember: c == '['})
			i++
		case '}', ']':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
			ended()
			i++
		case ',', ':':
			if n := len(stack); n > 0 && (c == ':' || stack[n-1].array) {
				stack[n-1].inMember = true
				if c == ',' {
					stack[n-1].index++
				}
			}
			i++
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			quote := closingQuote(data, i+1)
			if quote >= off {
				i = off
				break
			}
			if n := len(stack); n > 0 && !stack[n-1].inMember {
				stack[n-1].key = i + 1
			} else {
				ended()
			}
			i = quote + 1
		default:
			for i++; i < off && i < len(data) && !isDelimiter(data[i]); i++ {
			}
			// A broken number may stop at a delimiter: off is still within it then.
			broken := kindOf(c) == KindNumber && !isDigit(data[i-1])
			if i < off || !broken && (off >= len(data) || isDelimiter(data[off])) {
				ended()
			}
		}
	}
	var p []byte
	for i, l := range stack {
		switch {
		case !l.inMember && i == len(stack)-1:
		case l.array:
			p = strconv.AppendInt(append(p, '/'), int64(l.index), 10)
		default:
			name, _, _ := unquote(nil, data, l.key, false)
			p = appendToken(p, string(name))
		}
	}
	return string(p)
}

// appendToken appends one token of a pointer.
func appendToken(p []byte, name string) []byte {
	p = append(p, '/')
	for i := 0; i < len(name); i++ {
		switch c := name[i]; c {
		case '~':
			p = append(p, "~0"...)
		case '/':
			p = append(p, "~1"...)
		default:
			p = append(p, c)
		}
	}
	return p
}

// Invalid reports that the member name of a Go value is not what it must be.
func Invalid(name, expected string) error {
	return &PathError{Pointer: string(appendToken(nil, name)), Offset: -1, Expected: expected}
}

// AtField returns err with name put before its pointer; nil stays nil. An error
// that is no [*PathError] becomes one that wraps it.
func AtField(name string, err error) error {
	if err == nil {
		return nil
	}
	return within(string(appendToken(nil, name)), err)
}

// AtIndex returns err with name and i put before its pointer; nil stays nil. An
// error that is no [*PathError] becomes one that wraps it.
func AtIndex(name string, i int, err error) error {
	if err == nil {
		return nil
	}
	p := append(appendToken(nil, name), '/')
	return within(string(strconv.AppendInt(p, int64(i), 10)), err)
}

func within(prefix string, err error) error {
	var inner *PathError
	if !errors.As(err, &inner) {
		return &PathError{Pointer: prefix, Offset: -1, Expected: "a valid value", Found: shorten(err.Error(), maxQuoted), cause: err}
	}
	e := *inner
	e.Pointer = prefix + e.Pointer
	return &e
}
