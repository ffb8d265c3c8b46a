package wire

import "slices"

// Entry is a member of a [Map].
type Entry[V any] struct {
	Name  string
	Value V
}

// Map is an object of typed values whose order matters, such as the fields of a
// form. Names are unique in a decoded one; Set keeps them so. Nil is empty.
type Map[V any] []Entry[V]

// Get returns the value of the member name.
func (m Map[V]) Get(name string) (V, bool) {
	for i := range m {
		if m[i].Name == name {
			return m[i].Value, true
		}
	}
	var zero V
	return zero, false
}

// Set gives the member name the value v, in its place or at the end.
func (m *Map[V]) Set(name string, v V) {
	for i := range *m {
		if (*m)[i].Name == name {
			(*m)[i].Value = v
			return
		}
	}
	*m = append(*m, Entry[V]{name, v})
}

// Delete removes the member name, if it is there.
func (m *Map[V]) Delete(name string) {
	*m = slices.DeleteFunc(*m, func(e Entry[V]) bool { return e.Name == name })
}

// Member is a member of an [Object].
type Member struct {
	Name  string
	Value Raw
}

// Object is the members of a JSON object in order, with raw values. Names are
// unique in a decoded one; Set keeps them so. Nil stands for an absent object.
type Object []Member

// Get returns the value of the member name.
func (o Object) Get(name string) (Raw, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value, true
		}
	}
	return Raw{}, false
}

// Set gives the member name the value v, in its place or at the end.
func (o *Object) Set(name string, v Raw) {
	for i := range *o {
		if (*o)[i].Name == name {
			(*o)[i].Value = v
			return
		}
	}
	*o = append(*o, Member{name, v})
}

// Delete removes the member name, if it is there.
func (o *Object) Delete(name string) {
	*o = slices.DeleteFunc(*o, func(m Member) bool { return m.Name == name })
}

// AppendJSON appends the object; nil is {}.
func (o Object) AppendJSON(dst []byte) []byte {
	return append(appendMembers(append(dst, '{'), o), '}')
}

// AppendMembers appends the members of o after those already in dst: each with
// a comma before it, left out directly after '{'.
func AppendMembers(dst []byte, o Object) []byte {
	if len(o) == 0 {
		return dst
	}
	return appendMembers(dst, o)
}

func appendMembers(dst []byte, o Object) []byte {
	for i := range o {
		dst = AppendComma(dst)
		dst = AppendString(dst, o[i].Name)
		dst = append(dst, ':')
		dst = o[i].Value.AppendJSON(dst)
	}
	return dst
}

// MarshalJSON returns what [Object.AppendJSON] appends.
func (o Object) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil), nil }

// UnmarshalJSON sets o to the members of the object in data, with the rules of
// [Decode].
func (o *Object) UnmarshalJSON(data []byte) error { return Decode(data, o) }

// DecodeJSON reads an object.
func (o *Object) DecodeJSON(d *Decoder) { *o = d.Members() }
