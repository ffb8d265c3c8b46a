package schema

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Number is a JSON number as it was written.
type Number string

// Parse gives a value as nil, bool, [Number], string, []any or map[string]any. A number of more than 1,000 characters, or
// with an exponent beyond 999, is an [*Invalid] error: it takes long to calculate with.
func Parse(raw wire.Raw) (any, error) {
	var t tree
	if err := raw.Decode(&t); err != nil {
		return nil, DecodeProblem(err)
	}
	if t.wrong != nil {
		return nil, t.wrong
	}
	return t.value, nil
}

// DecodeProblem says why a value cannot be read: err is of decoding, such as a [*wire.PathError].
func DecodeProblem(err error) *Invalid {
	p, ok := errors.AsType[*wire.PathError](err)
	if !ok {
		return &Invalid{Problems: []Problem{{Text: err.Error()}}}
	}
	text := "expected " + p.Expected
	if p.Found != "" {
		text += ", found " + p.Found
	}
	return &Invalid{Problems: []Problem{{p.Pointer, text}}}
}

// tree reads a value.
type tree struct {
	value any
	path  []string // of what is being read
	wrong *Invalid // a number that is too large to be looked at; nil if none
}

// DecodeJSON reads any value.
func (t *tree) DecodeJSON(d *wire.Decoder) { t.value = t.read(d) }

func (t *tree) read(d *wire.Decoder) any {
	switch d.Kind() {
	case wire.KindObject:
		o := map[string]any{}
		d.Object()
		for key, ok := d.Key(); ok; key, ok = d.Key() {
			name := string(key)
			t.path = append(t.path, name)
			o[name] = t.read(d)
			t.path = t.path[:len(t.path)-1]
		}
		return o
	case wire.KindArray:
		a := []any{}
		d.Array()
		for d.Elem() {
			t.path = append(t.path, strconv.Itoa(len(a)))
			a = append(a, t.read(d))
			t.path = t.path[:len(t.path)-1]
		}
		return a
	case wire.KindString:
		return d.String()
	case wire.KindBool:
		return d.Bool()
	case wire.KindNumber:
		literal := d.Raw().Bytes()
		if !bearable(literal) && t.wrong == nil {
			text := fmt.Sprintf("expected a number of at most %d digits with an exponent of at most %d", maxDigits, maxExponent)
			t.wrong = &Invalid{Problems: []Problem{{pointerOf(t.path), text}}}
		}
		return Number(literal)
	}
	d.Null()
	return nil
}

// What a number to be validated may be at most: its digits are calculated with.
const (
	maxDigits   = 1000
	maxExponent = 999
)

func bearable(literal []byte) bool {
	if len(literal) <= 3 {
		return true
	}
	e := bytes.IndexAny(literal, "eE")
	return len(literal) <= maxDigits && (e < 0 || len(bytes.TrimLeft(literal[e+1:], "+-0")) <= len("999"))
}

// Lookup follows a reference by JSON pointer, "#" or "#/…", within a schema that [Parse] gave.
func Lookup(doc any, ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && pointer[0] != '/' {
		return nil, false
	}
	if p, err := url.PathUnescape(pointer); err == nil {
		pointer = p
	}
	for pointer != "" {
		var token string
		token, pointer, _ = cutToken(pointer)
		switch v := doc.(type) {
		case map[string]any:
			if doc, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) || token != strconv.Itoa(i) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

// Resolve gives the schema object that v is or refers to within the schema doc, nil if it is none.
func Resolve(doc, v any) map[string]any {
	for range 20 { // references to references
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		ref, ok := o["$ref"].(string)
		if !ok {
			return o
		}
		if v, ok = Lookup(doc, ref); !ok {
			return nil
		}
	}
	return nil
}

// cutToken takes the first token off a JSON pointer that is not empty.
func cutToken(pointer string) (token, rest string, more bool) {
	token, rest, more = strings.Cut(pointer[1:], "/")
	if more {
		rest = "/" + rest
	}
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~"), rest, more
}

// equal reports whether two values are the same to JSON Schema: numbers by value, objects in any order.
func equal(a, b any) bool {
	switch a := a.(type) {
	case Number:
		b, ok := b.(Number)
		return ok && numberOf(string(a)).compare(numberOf(string(b))) == 0
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}
