// Package schemalimit measures JSON Schemas before they are compiled, so that one which somebody else wrote costs no more
// than it may: to compile, and to validate with.
package schemalimit

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Limits bounds a schema. A zero field means its default; a negative one means no limit.
type Limits struct {
	// Bytes is its size; default 1 MiB.
	Bytes int
	// Depth is how deeply it may be nested; default 128.
	Depth int
	// Nodes is how many values it has once each $ref is replaced by what it refers to, which is what validating may take at
	// each place; default 100,000. A reference to what it is part of counts as one.
	Nodes int
	// Pattern is how many bytes a regular expression may have; default 4,096. Expressions are RE2 (package regexp), which
	// takes time linear in the text.
	Pattern int
	// Visits is how often schemas may be applied to the parts of one value, where the schema refers to what it is part of:
	// such a schema, with alternatives, may take time exponential in the depth of the value; default 1,000,000.
	Visits int
}

const (
	defaultBytes   = 1 << 20
	defaultDepth   = 128
	defaultNodes   = 100_000
	defaultPattern = 4096
	defaultVisits  = 1_000_000
)

// WithDefaults gives l with the defaults in place of zero fields, and very large values in place of negative ones.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		field    *int
		standard int
	}{{&l.Bytes, defaultBytes}, {&l.Depth, defaultDepth}, {&l.Nodes, defaultNodes}, {&l.Pattern, defaultPattern}, {&l.Visits, defaultVisits}} {
		switch {
		case *f.field == 0:
			*f.field = f.standard
		case *f.field < 0:
			*f.field = 1<<31 - 1
		}
	}
	return l
}

// Check reports what of a schema is over the limits.
func Check(raw wire.Raw, l Limits) error {
	_, err := Measure(raw, l)
	return err
}

// Measure is Check that gives what is needed to measure values too; nil if no value can take long, because the schema does
// not refer to what it is part of.
func Measure(raw wire.Raw, l Limits) (*Gauge, error) {
	c := &checker{limits: l.WithDefaults(), named: map[string]*node{}}
	if err := c.check(raw); err != nil || !c.recursive {
		return nil, err
	}
	return &Gauge{c}, nil
}

func (c *checker) check(raw wire.Raw) error {
	l := c.limits
	if n := len(raw.Bytes()); n > l.Bytes {
		return fmt.Errorf("the schema has %d bytes, the limit is %d", n, l.Bytes)
	}
	if err := wire.DecodeOptions(raw.Bytes(), c, wire.Options{MaxDepth: max(l.Depth, 512) + 1}); err != nil && c.err == nil {
		return err
	}
	if c.err != nil {
		return c.err
	}
	if n := c.size(c.root); c.err == nil && n > l.Nodes {
		c.err = fmt.Errorf("the schema has more than %d values once its references are followed", l.Nodes)
	}
	return c.err
}

// node is a value of the schema: an object, an array, or anything else.
type node struct {
	members map[string]*node
	elems   []*node
	ref     string
	size    int // 0: not known, -1: being worked out
}

type checker struct {
	limits Limits
	root   *node
	bases  []*node          // that have an $id
	named  map[string]*node // by $id, and by # and anchor
	err    error

	recursive bool
}

// DecodeJSON reads the schema.
func (c *checker) DecodeJSON(d *wire.Decoder) { c.root = c.read(d, 1) }

func (c *checker) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *checker) read(d *wire.Decoder, depth int) *node {
	n := &node{}
	kind := d.Kind()
	if depth > c.limits.Depth && (kind == wire.KindObject || kind == wire.KindArray) {
		c.fail("the schema is nested more than %d levels deep", c.limits.Depth)
		d.Raw()
		return n
	}
	switch kind {
	case wire.KindObject:
		n.members = map[string]*node{}
		d.Object()
		for key, ok := d.Key(); ok; key, ok = d.Key() {
			name := string(key)
			if d.Kind() == wire.KindString {
				n.members[name] = &node{}
				c.word(n, name, d.String())
				continue
			}
			n.members[name] = c.read(d, depth+1)
			if name == "patternProperties" {
				for pattern := range n.members[name].members {
					c.pattern(pattern)
				}
			}
		}
	case wire.KindArray:
		d.Array()
		for d.Elem() {
			n.elems = append(n.elems, c.read(d, depth+1))
		}
	default:
		d.Raw()
	}
	return n
}

// word looks at a member that is a string.
func (c *checker) word(n *node, name, value string) {
	switch name {
	case "pattern":
		c.pattern(value)
	case "$ref", "$dynamicRef", "$recursiveRef":
		n.ref = value
	case "$id":
		c.bases = append(c.bases, n)
		c.named[strings.TrimSuffix(value, "#")] = n
	case "$anchor", "$dynamicAnchor":
		c.named["#"+value] = n
	}
}

func (c *checker) pattern(p string) {
	if len(p) > c.limits.Pattern {
		c.fail("the schema has a regular expression of %d bytes, the limit is %d", len(p), c.limits.Pattern)
	}
}

// size counts the values of a node with all that it refers to, to a little over the limit.
func (c *checker) size(n *node) int {
	switch {
	case n.size < 0:
		c.recursive = true
		return 1 // it is part of itself
	case n.size > 0:
		return n.size
	}
	n.size = -1
	sum := 1
	add := func(k int) { sum = min(sum+k, c.limits.Nodes+1) }
	for _, m := range n.members {
		add(c.size(m))
	}
	for _, e := range n.elems {
		add(c.size(e))
	}
	if n.ref != "" {
		add(c.follow(n.ref))
	}
	n.size = sum
	return sum
}

// metaschema is what all the schemas of schemas begin with, which the validator knows.
const metaschema = "json-schema.org/draft"

// follow gives the size of what a reference may mean.
func (c *checker) follow(ref string) int {
	if _, rest, ok := strings.Cut(ref, "://"); ok && strings.HasPrefix(rest, metaschema) {
		return 1000
	}
	most := 1 // if there is no such place, which is for the compiler to say
	for _, n := range c.targets(ref) {
		most = max(most, c.size(n))
	}
	return most
}

// targets gives what a reference may mean.
func (c *checker) targets(ref string) (all []*node) {
	doc, fragment, _ := strings.Cut(ref, "#")
	bases := append([]*node{c.root}, c.bases...)
	if doc != "" {
		if bases = nil; c.named[doc] != nil {
			bases = []*node{c.named[doc]}
		}
	}
	if fragment != "" && fragment[0] != '/' {
		if n := c.named["#"+fragment]; n != nil {
			return []*node{n}
		}
		bases = nil
	}
	for _, base := range bases {
		if n := lookup(base, fragment); n != nil {
			all = append(all, n)
		}
	}
	if len(all) == 0 && len(c.bases) > 0 {
		all = []*node{c.root} // relative to one of them in a way that is beyond us
	}
	return all
}

// lookup follows a JSON pointer.
func lookup(n *node, pointer string) *node {
	for pointer != "" && n != nil {
		var token string
		token, pointer, _ = strings.Cut(pointer[1:], "/")
		if pointer != "" {
			pointer = "/" + pointer
		}
		if t, err := url.PathUnescape(token); err == nil {
			token = t
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if n.members != nil {
			n = n.members[token]
			continue
		}
		i, err := strconv.Atoi(token)
		if err != nil || i < 0 || i >= len(n.elems) {
			return nil
		}
		n = n.elems[i]
	}
	return n
}
