package schema

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The dialects that are understood, as $schema names them, without the empty fragment.
const (
	Dialect2020 = "https://json-schema.org/draft/2020-12/schema"
	Dialect07   = "http://json-schema.org/draft-07/schema"

	dialect07s = "https://json-schema.org/draft-07/schema" // as many write it
)

// Options says how a schema is compiled. The zero value is the default.
type Options struct {
	// Formats says that the keyword format is checked in 2020-12, where it is otherwise an annotation. Draft-07 checks it.
	Formats bool
	// Limits bounds the schema and what validating may take.
	Limits schemalimit.Limits
}

// Schema is a compiled schema. It is immutable and safe for concurrent use.
type Schema struct {
	doc   any
	root  *node              // nil if the schema is beyond the subset
	other Checker            // what checks in place of root
	gauge *schemalimit.Gauge // of what would take too long; nil if nothing can
}

// Checker is a schema that another validator has compiled. It is safe for concurrent use.
type Checker interface {
	// Check gives what is wrong with a value, nil if nothing is. The error says that it could not be found out.
	Check(v wire.Raw) (*Failure, error)
}

// Fallback compiles a schema beyond the subset. References must not leave the document.
type Fallback func(raw wire.Raw, o Options) (Checker, error)

var fallback atomic.Pointer[Fallback]

// Register has schemas beyond the subset compiled by f, nil for none, and gives what was registered before. Package
// runtime/fullschema calls it when it is imported. A schema compiled before is not affected.
func Register(f Fallback) (before Fallback) {
	if p := fallback.Swap(&f); p != nil {
		before = *p
	}
	return before
}

// fullschema is the package whose import registers the fallback.
const fullschema = "github.com/tenonmcp/tenon/runtime/fullschema"

// Outside says that a schema is beyond the subset and that nothing is registered for such schemas.
type Outside struct {
	// Keyword is what is beyond it, and Pointer where: a JSON pointer into the schema.
	Keyword, Pointer string
}

// Error names the keyword, the place and the import that helps.
func (e *Outside) Error() string {
	return fmt.Sprintf("the keyword %s at %s is beyond the part of JSON Schema that is built in: add the import _ %q", e.Keyword, e.Pointer, fullschema)
}

// Compile compiles a schema. The error is an [*Outside] for one beyond the subset; otherwise it says what is wrong.
func Compile(raw wire.Raw, o Options) (*Schema, error) {
	gauge, err := schemalimit.Measure(raw, o.Limits)
	if err != nil {
		return nil, err
	}
	doc, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	old, err := dialect(doc)
	if err != nil {
		return nil, err
	}
	c := &compiler{doc: doc, formats: o.Formats || old, old: old, refs: map[string]*node{}, anchors: map[string]string{}}
	root := c.ref("#")
	c.finish()
	if c.err == nil && c.outside == nil {
		if c.err = c.refErr; c.err == nil {
			c.circles()
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	s := &Schema{doc: doc, root: root, gauge: gauge}
	if c.outside != nil {
		f := fallback.Load()
		if f == nil || *f == nil {
			return nil, c.outside
		}
		s.root = nil
		if s.other, err = (*f)(raw, o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// dialect reports whether a schema is of draft-07.
func dialect(doc any) (old bool, err error) {
	o, _ := doc.(map[string]any)
	v, ok := o["$schema"]
	if !ok {
		return false, nil
	}
	name, _ := v.(string)
	switch strings.TrimSuffix(name, "#") {
	case Dialect2020:
		return false, nil
	case Dialect07, dialect07s:
		return true, nil
	}
	return false, fmt.Errorf("the JSON Schema dialect %s is not supported: expected %q (which no $schema means too) or %q", showValue(v), Dialect2020, Dialect07+"#")
}

// Doc gives the schema as [Parse] does. It must not be changed.
func (s *Schema) Doc() any { return s.doc }

// Accepts reports whether a value is known to be valid. It does not allocate. It is false for every value of a schema
// beyond the subset: what Check says counts.
func (s *Schema) Accepts(v wire.Raw) bool {
	if s.root == nil {
		return false
	}
	sc := scanner{data: v.Bytes(), left: unbounded}
	if s.gauge != nil {
		sc.left = maxVisits
	}
	return s.root.run(&sc) && sc.left >= 0
}

// maxVisits is how much is tried before it is measured whether a value takes too long.
const maxVisits = 1_000_000

// Check validates a value. The error is an [*Invalid].
func (s *Schema) Check(v wire.Raw) error {
	if s.Accepts(v) {
		return nil
	}
	if err := s.gauge.Check(v); err != nil {
		return &Invalid{Problems: []Problem{{Text: err.Error()}}, Unknown: true}
	}
	f, err := s.failure(v)
	if err != nil {
		if e, ok := errors.AsType[*Invalid](err); ok {
			return e
		}
		return &Invalid{Problems: []Problem{{Text: err.Error()}}, Unknown: true}
	}
	if f == nil {
		return nil
	}
	return Explain(s.doc, f)
}

func (s *Schema) failure(v wire.Raw) (*Failure, error) {
	if s.root == nil {
		return s.other.Check(v)
	}
	tree, err := Parse(v)
	if err != nil {
		return nil, err
	}
	return group((&finder{}).find(s.root, tree)), nil
}
