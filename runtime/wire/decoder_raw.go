package wire

import "math/bits"

// Raw reads any value and returns a copy of its text, checked at every level.
func (d *Decoder) Raw() Raw {
	if d.peek(); d.pos >= len(d.data) {
		d.failShape("a JSON value")
		return Raw{}
	}
	start := d.pos
	if !d.skipValue() {
		return Raw{}
	}
	return Raw{d.keepBytes(d.data[start:d.pos])}
}

// RawObject is [Decoder.Raw] for a value that must be an object.
func (d *Decoder) RawObject() Raw {
	if d.peek() != '{' {
		d.failShape("an object")
		return Raw{}
	}
	return d.Raw()
}

// RawArray is [Decoder.Raw] for a value that must be an array.
func (d *Decoder) RawArray() Raw {
	if d.peek() != '[' {
		d.failShape("an array")
		return Raw{}
	}
	return d.Raw()
}

// Members reads an object whose members are not known in advance, in order. The
// result is not nil, even if the object is empty, unless there was an error.
func (d *Decoder) Members() Object {
	o := Object{}
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		o = d.Unknown(o, key)
	}
	if d.err != nil {
		return nil
	}
	return o
}

// Unknown reads the value of the member key, which [Decoder.Key] just returned,
// and appends both to o, the members of the same object read so before. A name
// that is in o is an error.
func (d *Decoder) Unknown(o Object, key []byte) Object {
	if d.err != nil {
		return o
	}
	if len(o) < maxLinear {
		for i := range o {
			if o[i].Name == string(key) {
				d.failDuplicate(d.keyPos)
				return o
			}
		}
	} else if !d.unknownSet(o).add(o, key) {
		d.failDuplicate(d.keyPos)
		return o
	}
	name := d.keep(key)
	value := d.Raw()
	if d.err != nil {
		return o
	}
	return append(o, Member{name, value})
}

// frame is an open object or array of a raw value.
type frame struct {
	bloom  uint64 // one bit for each name met, by its hash
	names  int    // index of its first name
	object bool
	table  bool // the names are in the top table as well
}

// skipValue checks the next value and moves behind it, without recursion: depth
// is limited by memory alone.
func (d *Decoder) skipValue() bool {
	data, i := d.data, d.pos
	depth := 0
	room := d.maxDepth - d.depth // for more nesting
	frames, list := d.frames[:0], &d.names
	list.reset()
	var f frame
	var c byte
	var fl flaw
	var ok bool
	var off int // of what is wrong
	var expected string

value:
	if i >= len(data) {
		off, expected = i, "a JSON value"
		goto failed
	}
	if c = data[i]; c <= ' ' {
		if i = skipSpace(data, i); i >= len(data) {
			off, expected = i, "a JSON value"
			goto failed
		}
		c = data[i]
	}
	switch c {
	case '"':
		i++
		if i+8 <= len(data) {
			if m := special(load(data, i)); m != 0 {
				if end := i + bits.TrailingZeros64(m)>>3; data[end] == '"' {
					i = end + 1
					break
				}
			}
		}
		if i, _, fl = skipString(data, i, d.strict); fl != flawNone {
			d.failFlaw(i, fl)
			return false
		}
	case '{', '[':
		if depth >= room {
			d.failDepth(i)
			return false
		}
		if depth > 0 {
			frames = append(frames, f)
		}
		depth++
		f = frame{object: c == '{', names: len(list.list)}
		i = skipSpace(data, i+1)
		switch {
		case i < len(data) && data[i] == c+2: // the closing bracket
			goto closed
		case c == '{':
			goto name
		}
		goto value
	case 't':
		if off, expected = i, "true"; !isWord(data, i, expected) {
			goto failed
		}
		i += 4
	case 'f':
		if off, expected = i, "false"; !isWord(data, i, expected) {
			goto failed
		}
		i += 5
	case 'n':
		if off, expected = i, "null"; !isWord(data, i, expected) {
			goto failed
		}
		i += 4
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if i, ok = scanNumber(data, i); !ok {
			d.failNumber(i)
			return false
		}
	default:
		off, expected = i, "a JSON value"
		goto failed
	}

after:
	if depth == 0 {
		d.pos = i
		d.frames = frames
		return true
	}
	if i < len(data) {
		if c = data[i]; c <= ' ' {
			if i = skipSpace(data, i); i < len(data) {
				c = data[i]
			}
		}
		if f.object {
			switch c {
			case ',':
				i = skipSpace(data, i+1)
				goto name
			case '}':
				goto closed
			}
		} else {
			switch c {
			case ',':
				i++
				goto value
			case ']':
				goto closed
			}
		}
	}
	off, expected = i, "',' or ']'"
	if f.object {
		expected = "',' or '}'"
	}
	goto failed

closed:
	i++
	list.pop(&f)
	if depth--; depth > 0 {
		f = frames[len(frames)-1]
		frames = frames[:len(frames)-1]
	}
	goto after

name:
	{
		if i >= len(data) || data[i] != '"' {
			off, expected = i, "a member name"
			goto failed
		}
		start := i + 1
		hash := uint64(0)
		end := start
		for ; end+9 <= len(data); end += 8 {
			w := load(data, end)
			m := special(w)
			if m == 0 {
				hash = mix(hash, w)
				continue
			}
			n := bits.TrailingZeros64(m) &^ 7
			if end += n >> 3; data[end] != '"' {
				break
			}
			hash = mix(hash, w&(1<<n-1))
			bit := uint64(1) << (hash >> 58)
			if f.bloom&bit != 0 || len(list.list)-f.names >= maxLinear {
				if !list.addSeen(&f, data, name{start, end}) {
					d.failDuplicate(i)
					return false
				}
			} else {
				list.list = append(list.list, name{start, end})
			}
			f.bloom |= bit
			if i = end + 1; data[i] != ':' {
				goto colon
			}
			i++
			goto value
		}
		// Near the end of the input, or more than plain ASCII.
		var escaped bool
		end, escaped, fl = skipString(data, start, true)
		if fl != flawNone {
			d.failFlaw(end, fl)
			return false
		}
		n := name{start, end - 1}
		if escaped {
			n = list.unescape(data, start)
		}
		f.bloom |= 1 << (hashName(list.bytes(n, data)) >> 58)
		if !list.addSeen(&f, data, n) {
			d.failDuplicate(i)
			return false
		}
		i = end
	}

colon:
	if i = skipSpace(data, i); i < len(data) && data[i] == ':' {
		i++
		goto value
	}
	off, expected = i, "':'"

failed:
	d.failAt(off, expected, true)
	return false
}

func isWord(data []byte, i int, w string) bool {
	return i+len(w) <= len(data) && string(data[i:i+len(w)]) == w
}
