package wire

// DecodeMap reads an object whose values are all of one type, each read by value. A name that occurs
// twice is an error. The result is not nil unless there was an error.
func DecodeMap[V any](d *Decoder, value func(*Decoder) V) map[string]V {
	if !d.Object() {
		return nil
	}
	m := map[string]V{}
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		name := d.keep(key)
		if _, dup := m[name]; dup {
			d.DuplicateKey(key)
			return nil
		}
		m[name] = value(d)
	}
	return m
}

// DecodeEntries is [DecodeMap] for objects whose order matters.
func DecodeEntries[V any](d *Decoder, value func(*Decoder) V) Map[V] {
	if !d.Object() {
		return nil
	}
	m := Map[V]{}
	seen := map[string]struct{}{}
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		name := d.keep(key)
		if _, dup := seen[name]; dup {
			d.DuplicateKey(key)
			return nil
		}
		seen[name] = struct{}{}
		m = append(m, Entry[V]{Name: name, Value: value(d)})
	}
	return m
}

// AppendEntries appends m as an object, in order, each value appended by f. A nil map is {}.
func AppendEntries[V any](dst []byte, m Map[V], f func([]byte, V) []byte) []byte {
	dst = append(dst, '{')
	for i, e := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, e.Name)
		dst = append(dst, ':')
		dst = f(dst, e.Value)
	}
	return append(dst, '}')
}

// Nil is what Validate reports of a nil pointer where a value belongs.
func Nil() error { return &PathError{Offset: -1, Expected: "a value", Found: "nil"} }

// KnownMember reports that a member with a field of its own stands among the unknown ones, so that
// the encoded object would have it twice.
func KnownMember(name string) error {
	return Invalid(name, "no unknown member of this name: the type has a field for it")
}

// NotOneOf reports that value is none of those an enum has.
func NotOneOf(value, expected string) error {
	short := shorten(value, maxFound)
	return &PathError{Offset: -1, Expected: expected, Found: `string "` + short + `"`, quoted: len(short)}
}

// Expected reports that a Go value is not what it must be.
func Expected(what string) error { return &PathError{Offset: -1, Expected: what} }

// IsFinite tells whether f is a number that JSON can write.
func IsFinite(f float64) bool { return f-f == 0 }
