package wire

import (
	"errors"
	"reflect"

	"github.com/goccy/go-json/jsontext"
	json "github.com/goccy/go-json/v2"
)

// Marshal returns the JSON of a user's Go value, by the rules of
// goccy/go-json/v2: struct tags as of encoding/json, a nil slice as [], a nil map
// as {}, []byte as base64, and an error for what JSON cannot hold.
func Marshal(v any) (Raw, error) {
	switch v := v.(type) {
	case Raw:
		return v, nil
	case nil:
		return Raw{[]byte("null")}, nil
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return Raw{}, userError(err, nil)
	}
	if err := Valid(text, Options{}); err != nil {
		return Raw{}, err
	}
	return Raw{text}, nil
}

// Unmarshal reads the value into a user's Go value, which v points to, by the
// rules of goccy/go-json/v2: names match fields by exact bytes and members
// without a field are ignored. The escape of half a surrogate pair reads as
// U+FFFD. An absent value is an error. Errors are [*PathError] where the place is
// known.
func (r Raw) Unmarshal(v any) error {
	if r.IsZero() {
		return &PathError{Offset: -1, Expected: "a JSON value", Found: "none"}
	}
	err := json.Unmarshal(r.text, v, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return userError(err, r.text)
	}
	return nil
}

// userError makes a PathError of an error of the JSON library.
func userError(err error, text []byte) error {
	e := &PathError{Offset: -1, Expected: "a valid value", cause: err}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic) && text == nil:
		e.Pointer = string(semantic.JSONPointer)
		e.Expected = "a Go value that JSON can hold"
		if semantic.GoType != nil {
			e.Found = "Go type " + shorten(semantic.GoType.String(), maxQuoted)
		}
	case errors.As(err, &semantic):
		e.Pointer = string(semantic.JSONPointer)
		if semantic.GoType != nil {
			e.Expected = expectedBy(semantic.GoType)
		}
		e.Offset = valueOffset(text, int(semantic.ByteOffset))
		e.Found, e.quoted = found(text, e.Offset)
	case errors.As(err, &syntactic):
		e.Pointer = string(syntactic.JSONPointer)
		e.Expected = "acceptable JSON"
	default:
		return err
	}
	if inner := errors.Unwrap(semanticError(semantic)); inner != nil && text != nil {
		e.Found = shorten(inner.Error(), maxQuoted)
		e.quoted = maxQuoted / 2
	}
	return e
}

func semanticError(e *json.SemanticError) error {
	if e == nil {
		return nil
	}
	return e
}

// valueOffset returns where the value starts that an error at off is about.
func valueOffset(text []byte, off int) int {
	off = min(max(off, 0), len(text))
	for off < len(text) && (isSpace(text[off]) || text[off] == ',' || text[off] == ':') {
		off++
	}
	return off
}

// expectedBy says in words of JSON what a Go type is read from.
func expectedBy(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "an integer that fits " + t.Kind().String()
	case reflect.Float32, reflect.Float64:
		return "a number that fits " + t.Kind().String()
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string of base64"
		}
		return "an array"
	case reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a value for Go type " + t.String()
}
