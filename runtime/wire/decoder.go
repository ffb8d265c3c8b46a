package wire

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"
)

const defaultMaxDepth = 512

// Options configures decoding. The zero value is the default.
type Options struct {
	// MaxDepth is how many objects and arrays may be open at once; 0 means 512.
	// Raw values take memory for each level, Go types that nest take stack.
	MaxDepth int
	// Strict makes the escape of half a surrogate pair an error in string values
	// too; otherwise it reads as U+FFFD there.
	Strict bool
}

// Decoder reads one JSON document from front to back. Its error is sticky: after
// the first one every method returns at once with zero values, so a DecodeJSON
// method need not check. Decoders are made by [Decode] and [DecodeOptions], must
// not be kept after DecodeJSON returns, and serve one goroutine.
type Decoder struct {
	data     []byte // the input; nil after an error, so that every method meets its end
	pos      int
	keyPos   int  // of the opening quote of the last key
	first    bool // directly after an opening bracket: no comma is due
	strict   bool
	trusted  bool // the input is a Raw: checked before
	depth    int
	maxDepth int
	err      *PathError
	input    []byte // the input, for errors

	strs    strings.Builder // chunk that short strings are cut from
	raws    []byte          // chunk that short raw values are cut from
	scratch []byte          // text of the last string with escapes
	frames  []frame         // open objects and arrays of the raw value being checked
	names   nameList        // their names
	unknown []nameSet       // names of long lists of unknown members, by depth
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

// Decode reads data, which must be one JSON document of the default [Options],
// into v. Errors are [*PathError]. Where the text is both of the wrong shape
// and no acceptable JSON, the error is about the latter.
func Decode(data []byte, v Decodable) error {
	return decode(data, v, Options{}, false)
}

// DecodeOptions is [Decode] with options.
func DecodeOptions(data []byte, v Decodable, o Options) error {
	return decode(data, v, o, false)
}

func decode(data []byte, v Decodable, o Options, trusted bool) error {
	d := decoders.Get().(*Decoder)
	d.reset(data, o)
	d.trusted = trusted
	v.DecodeJSON(d)
	d.end()
	err := d.err
	if err != nil && !err.Syntax && !trusted {
		// A document that is no JSON at all is reported as such.
		d.reset(data, o)
		d.skipValue()
		d.end()
		if d.err != nil {
			err = d.err
		}
	}
	d.release()
	if err != nil {
		return err
	}
	return nil
}

// Valid returns nil if data is one JSON document that [DecodeOptions] would
// accept for some shape, a [*PathError] otherwise.
func Valid(data []byte, o Options) error {
	d := decoders.Get().(*Decoder)
	d.reset(data, o)
	d.skipValue()
	d.end()
	err := d.err
	d.release()
	if err != nil {
		return err
	}
	return nil
}

func (d *Decoder) reset(data []byte, o Options) {
	d.data, d.input = data, data
	d.pos, d.keyPos, d.depth = 0, 0, 0
	d.first, d.strict, d.trusted = false, o.Strict, false
	d.err = nil
	d.maxDepth = o.MaxDepth
	if d.maxDepth <= 0 {
		d.maxDepth = defaultMaxDepth
	}
}

// What a pooled decoder may keep, in bytes and entries.
const (
	maxKeptScratch = 256 << 10
	maxKeptEntries = 4 << 10
)

func (d *Decoder) release() {
	d.data, d.input, d.err = nil, nil, nil
	if cap(d.scratch) > maxKeptScratch {
		d.scratch = nil
	}
	if cap(d.frames) > maxKeptEntries {
		d.frames = nil
	}
	d.names.shrink()
	if len(d.unknown) > 0 {
		clear(d.unknown)
		d.unknown = d.unknown[:0]
	}
	decoders.Put(d)
}

// end checks that nothing but white space is left.
func (d *Decoder) end() {
	if d.err != nil {
		return
	}
	if d.peek(); d.pos < len(d.data) {
		d.failAt(d.pos, "the end of the input", true)
	}
}

// peek skips white space and returns the next byte without consuming it, 0 at
// the end of the input.
func (d *Decoder) peek() (c byte) {
	if d.pos < len(d.data) {
		c = d.data[d.pos]
	}
	if c <= ' ' {
		c = d.peekSlow()
	}
	return
}

//go:noinline
func (d *Decoder) peekSlow() byte {
	d.pos = skipSpace(d.data, d.pos)
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

// Err returns the first error met so far.
func (d *Decoder) Err() error {
	if d.err == nil {
		return nil
	}
	return d.err
}

// Kind returns the kind of the next value without consuming it, KindNone at an
// error, at the end, or where no value starts.
func (d *Decoder) Kind() Kind { return kindOf(d.peek()) }

// Fail reports that the value about to be read is not what was expected.
func (d *Decoder) Fail(expected string) {
	d.failShape(expected)
}

// failShape reports the next value, which is of the wrong kind or no value.
func (d *Decoder) failShape(expected string) {
	c := d.peek()
	d.failAt(d.pos, expected, kindOf(c) == KindNone)
}

// failAt makes the error at off, unless there is one.
func (d *Decoder) failAt(off int, expected string, syntax bool) {
	if d.err != nil {
		return
	}
	text, quoted := found(d.input, off)
	d.failFound(off, expected, text, quoted, syntax)
}

func (d *Decoder) failFound(off int, expected, found string, quoted int, syntax bool) {
	if d.err != nil {
		return
	}
	d.err = &PathError{
		Pointer:  pointerAt(d.input, off),
		Offset:   off,
		Expected: expected,
		Found:    found,
		Syntax:   syntax,
		quoted:   quoted,
	}
	d.data, d.pos = nil, 0
}

// failFlaw reports what is wrong with a string at off.
func (d *Decoder) failFlaw(off int, f flaw) {
	switch f {
	case flawEnd:
		d.failAt(len(d.input), "the end of a string", true)
	case flawControl:
		d.failFound(off, "no raw control character in a string", fmt.Sprintf("byte 0x%02x", d.input[off]), 1, true)
	case flawEscape:
		text := d.input[off:min(off+2, len(d.input))]
		if len(text) == 2 && text[1] == 'u' {
			text = d.input[off:min(off+6, len(d.input))]
		}
		d.failFound(off, "an escape that JSON knows", fmt.Sprintf("%q", text), len(text), true)
	case flawUTF8:
		d.failFound(off, "valid UTF-8", fmt.Sprintf("byte 0x%02x", d.input[off]), 1, true)
	case flawLone:
		text := d.input[off:min(off+6, len(d.input))]
		d.failFound(off, "a whole surrogate pair", fmt.Sprintf("half of one, %s", text), len(text), true)
	}
}

// Object consumes the start of an object. It is false, and an error, if no
// object is next. [Decoder.Key] then gives the members.
func (d *Decoder) Object() bool {
	if d.peek() != '{' {
		d.failShape("an object")
		return false
	}
	return d.open()
}

// Array consumes the start of an array. It is false, and an error, if no array
// is next. [Decoder.Elem] then gives the elements.
func (d *Decoder) Array() bool {
	if d.peek() != '[' {
		d.failShape("an array")
		return false
	}
	return d.open()
}

func (d *Decoder) open() bool {
	if d.depth >= d.maxDepth {
		d.failDepth(d.pos)
		return false
	}
	d.depth++
	d.pos++
	d.first = true
	return true
}

func (d *Decoder) failDepth(off int) {
	d.failFound(off, fmt.Sprintf("at most %d nested objects and arrays", d.maxDepth), "one more", 0, true)
}

// Elem tells whether the array has another element, which the caller must then
// read. At the end of the array it consumes the bracket and is false.
func (d *Decoder) Elem() bool {
	c := d.peek()
	if d.first {
		d.first = false
		if c != ']' {
			if c == 0 {
				d.failAt(d.pos, "a value or ']'", true)
			}
			return d.err == nil
		}
	} else if c == ',' {
		d.pos++
		return true
	}
	if c == ']' {
		d.pos++
		d.depth--
		return false
	}
	d.failAt(d.pos, "',' or ']'", true)
	return false
}

// Key returns the name of the object's next member, with escapes resolved; the
// caller must read the member's value before the next call. At the end of the
// object it consumes the brace, and ok is false, as it is on an error. The name
// is valid until the next call on d.
func (d *Decoder) Key() (key []byte, ok bool) {
	data, i := d.data, d.pos
	if !d.first {
		if i >= len(data) || data[i] != ',' {
			return d.keyEdge()
		}
		i++
	}
	// The common case: no white space, a plain name, and a colon after it.
	if i < len(data) && data[i] == '"' {
		start := i + 1
		for end := start; end+9 <= len(data); end += 8 {
			m := special(load(data, end))
			if m == 0 {
				continue
			}
			end += bits.TrailingZeros64(m) >> 3
			if data[end] != '"' || data[end+1] != ':' {
				break
			}
			d.first = false
			d.keyPos = i
			d.pos = end + 2
			return data[start:end], true
		}
	}
	return d.keyEdge()
}

// keyEdge is Key for every other case.
func (d *Decoder) keyEdge() (key []byte, ok bool) {
	c := d.peek()
	switch {
	case c == '}':
		d.first = false
		d.pos++
		d.depth--
		return nil, false
	case d.first:
		d.first = false
	case c == ',':
		d.pos++
	default:
		d.failAt(d.pos, "',' or '}'", true)
		return nil, false
	}
	if d.peek() != '"' {
		d.failAt(d.pos, "a member name", true)
		return nil, false
	}
	d.keyPos = d.pos
	return d.keySlow()
}

// keySlow reads names of any kind.
func (d *Decoder) keySlow() (key []byte, ok bool) {
	key, end, f := unquote(d.scratch, d.data, d.pos+1, true)
	if f != flawNone {
		d.failFlaw(end, f)
		return nil, false
	}
	d.keepScratch(key)
	d.pos = end
	return key, d.colon()
}

// keepScratch keeps the buffer that unquote may have allocated.
func (d *Decoder) keepScratch(b []byte) {
	if cap(b) > cap(d.scratch) {
		d.scratch = b
	}
}

func (d *Decoder) colon() bool {
	if d.peek() != ':' {
		d.failAt(d.pos, "':'", true)
		return false
	}
	d.pos++
	return true
}

// Once notes in seen that the member with the given bit (0 to 63) has been met.
// If it was met before, that is an error and Once is false.
func (d *Decoder) Once(seen *uint64, bit uint) bool {
	if *seen&(1<<bit) != 0 {
		return d.twice()
	}
	*seen |= 1 << bit
	return true
}

//go:noinline
func (d *Decoder) twice() bool {
	d.failDuplicate(d.keyPos)
	return false
}

// DuplicateKey reports that the name which [Decoder.Key] returned last has been
// met before in its object.
func (d *Decoder) DuplicateKey(key []byte) { d.failDuplicate(d.keyPos) }

// failDuplicate reports the name whose opening quote is at off.
func (d *Decoder) failDuplicate(off int) {
	if d.err != nil {
		return
	}
	name, _, _ := unquote(nil, d.input, off+1, false)
	d.failFound(off, "each member name once", "it a second time", 0, true)
	d.err.Pointer = string(appendToken([]byte(d.err.Pointer), string(name)))
}

// Missing reports the first of names whose bit in seen is not set as a missing
// required member of the object that just ended; nothing if all are set.
func (d *Decoder) Missing(seen uint64, names ...string) {
	for i, name := range names {
		if d.err == nil && seen&(1<<i) == 0 {
			off := max(d.pos-1, 0)
			d.failFound(off, fmt.Sprintf("the member %q", name), "the end of the object", 0, false)
		}
	}
}
