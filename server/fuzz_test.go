package server

import (
	"testing"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// FuzzCheckArguments finds values that make the check panic, or of which it says two things.
func FuzzCheckArguments(f *testing.F) {
	s, err := compileSchema(wire.MustRaw(fastSchema), true)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{"s":"ab","i":1}`, `{"s":"ab","i":3.0,"l":[{"x":1}],"r":{"s":"äöü","i":-2}}`, `{"i":1e999,"n":1e-999,"z":[]}`, `{"I":1,"S":{}}`, `[]`, `"x"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := wire.ParseRaw([]byte(text))
		if err != nil {
			return
		}
		if err := s.check(raw); (err == nil) != s.compiled.Accepts(raw) {
			t.Fatalf("%s: accepted %v, and yet %v", raw, s.compiled.Accepts(raw), err)
		}
		if coerced, changed := s.coerce(raw); changed {
			_ = s.check(coerced)
		}
	})
}
