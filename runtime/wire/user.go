package wire

import (
	"errors"
	"reflect"
	"strconv"

	gojson "github.com/goccy/go-json"
	"github.com/goccy/go-json/jsontext"
	json "github.com/goccy/go-json/v2"
)

// Marshal returns the JSON of a user's Go value, by the rules of
// goccy/go-json/v2: struct tags as of encoding/json, a nil slice as [], a nil map
// as {}, the entries of a map sorted by name, []byte as base64, and an error for
// what JSON cannot hold. The option omitempty leaves out false, 0, nil and what
// is empty, as people know it from encoding/json.
func Marshal(v any) (Raw, error) {
	text, err := json.Marshal(v, marshalOptions)
	if err != nil {
		return Raw{}, marshalError(err)
	}
	if err := Valid(text, Options{}); err != nil {
		return Raw{}, err
	}
	return Raw{text}, nil
}

var marshalOptions = json.JoinOptions(json.Deterministic(true), gojson.OmitEmptyWithLegacySemantics(true))

// Unmarshal reads the value into a user's Go value, which v points to, by the
// rules of goccy/go-json/v2: names match fields by exact bytes, members without
// a field are ignored, null is the zero value, and in an interface a number is a
// float64. As elsewhere in this package, the escape of half a surrogate pair
// reads as U+FFFD, and 1.0 and 1e2 are integers. An absent value is an error.
// Errors are [*PathError] and wrap what an unmarshaler of the user's returned.
func (r Raw) Unmarshal(v any) error {
	if r.IsZero() {
		return errAbsent()
	}
	err := unmarshal(r.text, v)
	var semantic *json.SemanticError
	if errors.As(err, &semantic) && semantic.JSONKind == '0' {
		// A Go integer takes no fraction or exponent: try with integers written plainly.
		if text, changed := plainIntegers(r.text); changed {
			if again := unmarshal(text, v); again == nil {
				return nil
			}
		}
	}
	if err != nil {
		return unmarshalError(err, r.text)
	}
	return nil
}

func unmarshal(text []byte, v any) error {
	return json.Unmarshal(text, v, jsontext.AllowInvalidUTF8(true))
}

// plainIntegers returns text, a valid value, with every integer that is written
// with a fraction or an exponent written without, and whether there was one.
func plainIntegers(text []byte) (out []byte, changed bool) {
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == '"':
			i = skipAnyString(text, i+1)
		case kindOf(c) == KindNumber:
			i, _ = scanNumber(text, i)
			n, form := parseInteger(text[start:i])
			if form == formInt && n != 0 && !plainInteger(text[start:i]) {
				out = strconv.AppendInt(out, n, 10)
				changed = true
				continue
			}
		default:
			i++
		}
		out = append(out, text[start:i]...)
	}
	return out, changed
}

// marshalError makes a PathError of an error of the JSON library, if it has a
// place.
func marshalError(err error) error {
	e := &PathError{Offset: -1, Expected: "a Go value that JSON can hold", cause: err}
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		e.Pointer = string(semantic.JSONPointer)
		if semantic.GoType != nil {
			e.Found = "Go type " + shorten(semantic.GoType.String(), maxQuoted)
		}
		if semantic.Err != nil {
			e.addCause(semantic.Err)
		}
	case errors.As(err, &syntactic):
		e.Pointer = string(syntactic.JSONPointer)
		e.addCause(syntactic.Err)
	default:
		return err
	}
	return e
}

// unmarshalError is marshalError for reading text, which is valid.
func unmarshalError(err error, text []byte) error {
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return &PathError{Offset: -1, Expected: "a readable value", Found: shorten(err.Error(), maxCause), quoted: maxCause, cause: err}
	}
	e := &PathError{
		Pointer:  string(semantic.JSONPointer),
		Offset:   valueOffset(text, int(semantic.ByteOffset)),
		Expected: "a readable value",
		cause:    err,
	}
	e.Found, e.quoted = found(text, e.Offset)
	if semantic.GoType != nil {
		e.Expected = expectedBy(semantic.GoType)
	}
	// What strconv says of a number is said by what was expected.
	if inner := semantic.Err; inner != nil && !errors.Is(inner, strconv.ErrSyntax) && !errors.Is(inner, strconv.ErrRange) {
		if semantic.GoType != nil {
			e.Expected = "a value that " + shorten(semantic.GoType.String(), maxQuoted) + " takes"
		}
		e.addCause(inner)
	}
	return e
}

// maxCause is how much of the message of another package an error shows: it may
// quote the input.
const maxCause = 40

func (e *PathError) addCause(cause error) {
	e.Found, e.quoted = "one it refuses: "+shorten(cause.Error(), maxCause), maxCause
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
	return "a value for Go type " + shorten(t.String(), maxQuoted)
}
