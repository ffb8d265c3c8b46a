package wire

import "bytes"

// Lookahead reads members of the object that is next without consuming or
// checking anything: the decoding that follows does both. Malformed text is
// never an error here, only a member that is not found.

// PeekString returns the text of the string member name of the object that is
// next. It is false if there is no object, no such member or no string in it.
// The result is valid until the next call on d.
func (d *Decoder) PeekString(name string) (value []byte, ok bool) {
	i := d.peekMember(skipSpace(d.data, d.pos), name)
	if i < 0 || i >= len(d.data) || d.data[i] != '"' {
		return nil, false
	}
	end, _ := scanPlain(d.data, i+1)
	if end < len(d.data) && d.data[end] == '"' {
		return d.data[i+1 : end], true
	}
	var f flaw
	value, _, f = unquote(d.scratch, d.data, i+1, false)
	d.keepScratch(value)
	return value, f == flawNone
}

// PeekHas reports which of names are members of the object that is next: bit i
// is set if names[i] is one. At most 64 names.
func (d *Decoder) PeekHas(names ...string) uint64 {
	return d.peekHas(skipSpace(d.data, d.pos), names)
}

// PeekHasIn is PeekHas for the object that is the member outer of the object
// that is next; 0 if that member is absent or no object.
func (d *Decoder) PeekHasIn(outer string, names ...string) uint64 {
	i := d.peekMember(skipSpace(d.data, d.pos), outer)
	if i < 0 {
		return 0
	}
	return d.peekHas(i, names)
}

func (d *Decoder) peekHas(i int, names []string) (bits uint64) {
	all := uint64(1)<<len(names) - 1
	for key, at := d.peekKey(i); at >= 0; {
		for n, name := range names {
			if string(key) == name {
				bits |= 1 << n
			}
		}
		if bits == all {
			break // without looking past what may be a long value
		}
		key, at = d.peekKey(skipSpace(d.data, skipAny(d.data, at)))
	}
	return bits
}

// peekMember returns the index of the value of the member name of the object at
// i, -1 if there is none.
func (d *Decoder) peekMember(i int, name string) int {
	key, at := d.peekKey(i)
	for at >= 0 && string(key) != name {
		key, at = d.peekKey(skipSpace(d.data, skipAny(d.data, at)))
	}
	return at
}

// peekKey returns the name after the '{' or ',' at i and the index of its value,
// -1 if there is none.
func (d *Decoder) peekKey(i int) (key []byte, value int) {
	data := d.data
	if i >= len(data) || data[i] != '{' && data[i] != ',' {
		return nil, -1
	}
	start := skipSpace(data, i+1)
	if start >= len(data) || data[start] != '"' {
		return nil, -1
	}
	start++
	end, _ := scanPlain(data, start)
	switch {
	case end < len(data) && data[end] == '"':
		key = data[start:end]
		end++
	default:
		var f flaw
		key, end, f = unquote(d.scratch, data, start, true)
		if f != flawNone {
			return nil, -1
		}
		d.keepScratch(key)
	}
	end = skipSpace(data, end)
	if end >= len(data) || data[end] != ':' {
		return nil, -1
	}
	return key, skipSpace(data, end+1)
}

// skipAny returns the index after the value at i, checking nothing but that
// strings end. It always moves on or reaches the end of data.
func skipAny(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch c := data[i]; c {
		case '"':
			i = skipAnyString(data, i+1)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\r', '\t':
			i++
			if depth > 0 {
				continue
			}
			return i - 1
		default:
			for i++; i < len(data) && !isDelimiter(data[i]); i++ {
			}
		}
		if depth <= 0 {
			return i
		}
	}
	return i
}

// skipAnyString returns the index after the closing quote of the string whose
// content starts at i, len(data) if there is none.
func skipAnyString(data []byte, i int) int { return min(closingQuote(data, i)+1, len(data)) }

// closingQuote returns the index of the closing quote of the string whose
// content starts at i, len(data) if there is none.
func closingQuote(data []byte, i int) int {
	for start := i; ; i++ {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return len(data)
		}
		i += n
		escapes := 0
		for i-escapes > start && data[i-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
		start = i + 1
	}
}

func isDelimiter(c byte) bool {
	switch c {
	case ',', ':', '{', '}', '[', ']', '"', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}
