package wire

import "bytes"

// Raw is one JSON value exactly as it was written, valid by construction. The
// zero value stands for an absent value. Raw values share their text when
// copied and are never modified.
type Raw struct{ text []byte }

// ParseRaw returns a copy of the JSON value in data, without the white space
// around it. It refuses what [Valid] refuses.
func ParseRaw(data []byte) (Raw, error) {
	if err := Valid(data, Options{}); err != nil {
		return Raw{}, err
	}
	return Raw{bytes.Clone(bytes.Trim(data, " \n\r\t"))}, nil
}

// MustRaw is [ParseRaw] for literals: it panics if s is not a JSON value.
func MustRaw(s string) Raw {
	r, err := ParseRaw([]byte(s))
	if err != nil {
		panic("wire.MustRaw: " + err.Error())
	}
	return r
}

// IsZero tells whether the value is absent.
func (r Raw) IsZero() bool { return len(r.text) == 0 }

// Kind returns the kind of the value, KindNone if it is absent.
func (r Raw) Kind() Kind {
	if len(r.text) == 0 {
		return KindNone
	}
	return kindOf(r.text[0])
}

// Bytes returns the text of the value, nil if it is absent. It must not be
// modified. It may hold line breaks, which [Raw.AppendJSON] leaves out.
func (r Raw) Bytes() []byte { return r.text }

// String returns the text of the value, "" if it is absent.
func (r Raw) String() string { return string(r.text) }

// AppendJSON appends the value as it was written, less line breaks, which are
// insignificant where they can occur. An absent value is null.
func (r Raw) AppendJSON(dst []byte) []byte {
	if len(r.text) == 0 {
		return append(dst, "null"...)
	}
	if bytes.IndexByte(r.text, '\n') >= 0 || bytes.IndexByte(r.text, '\r') >= 0 {
		return appendOneLine(dst, r.text)
	}
	return append(dst, r.text...)
}

func appendOneLine(dst, text []byte) []byte {
	for _, c := range text {
		if c != '\n' && c != '\r' {
			dst = append(dst, c)
		}
	}
	return dst
}

// MarshalJSON returns what [Raw.AppendJSON] appends.
func (r Raw) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// UnmarshalJSON sets r to a copy of data, checked as by [ParseRaw].
func (r *Raw) UnmarshalJSON(data []byte) error {
	v, err := ParseRaw(data)
	if err != nil {
		return err
	}
	*r = v
	return nil
}

// DecodeJSON reads any value.
func (r *Raw) DecodeJSON(d *Decoder) { *r = d.Raw() }

// Decode reads the value into v, which is [Decode] without checking the text of
// r again. An absent value is an error.
func (r Raw) Decode(v Decodable) error {
	if r.IsZero() {
		return errAbsent()
	}
	return decode(r.text, v, Options{}, true)
}

func errAbsent() error {
	return &PathError{Offset: -1, Expected: "a JSON value", Found: "none"}
}
