package schema

import (
	"slices"
	"unicode/utf8"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// run steps over a value and reports whether it is valid. If it is not, it may have stopped anywhere.
func (n *node) run(s *scanner) bool {
	if n.always {
		return s.skip()
	}
	if s.left--; s.left < 0 || n.never {
		return false
	}
	c := s.peek()
	start := s.pos
	var ok bool
	switch c {
	case '{':
		ok = n.kinds.has(wire.KindObject) && n.runObject(s)
	case '[':
		ok = n.kinds.has(wire.KindArray) && n.runArray(s)
	case '"':
		ok = n.kinds.has(wire.KindString) && n.runString(s)
	case 't', 'f':
		ok = n.kinds.has(wire.KindBool) && n.constant.hasBool(c == 't') && n.enum.hasBool(c == 't') && s.skip()
	case 'n':
		ok = n.kinds.has(wire.KindNull) && n.constant.hasKind(wire.KindNull) && n.enum.hasKind(wire.KindNull) && s.skip()
	case 0:
		return false
	default:
		ok = n.kinds.has(wire.KindNumber) && n.runNumber(s)
	}
	if ok && n.also {
		return n.runAlso(s, start)
	}
	return ok
}

// runAlso applies the schemas that are for the same value, which was stepped over.
func (n *node) runAlso(s *scanner, start int) bool {
	end := s.pos
	fits := func(o *node) bool {
		s.pos = start
		return o.run(s)
	}
	if n.ref != nil && !fits(n.ref) {
		return false
	}
	for _, o := range n.all {
		if !fits(o) {
			return false
		}
	}
	if n.any != nil {
		found := false
		for _, o := range n.any {
			if found = fits(o); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	if n.one != nil {
		count := 0
		for _, o := range n.one {
			if fits(o) {
				if count++; count > 1 {
					return false
				}
			}
		}
		if count != 1 {
			return false
		}
	}
	if n.not != nil && fits(n.not) {
		return false
	}
	if n.cond != nil {
		next := n.else_
		if fits(n.cond) {
			next = n.then
		}
		if next != nil && !fits(next) {
			return false
		}
	}
	for _, d := range n.dependent {
		if s.has(start, d.name) && !fits(d.node) {
			return false
		}
	}
	s.pos = end
	return true
}

// has reports whether the value at start is an object with the member.
func (s *scanner) has(start int, name string) bool {
	if s.pos = start; s.peek() != '{' {
		return false
	}
	s.pos++
	for {
		key, escaped, more, ok := s.member()
		if !ok || !more {
			return false
		}
		if resolved(key, escaped, func(text []byte) bool { return string(text) == name }) {
			return true
		}
		if !s.skip() {
			return false
		}
	}
}

func (n *node) runObject(s *scanner) bool {
	start := s.pos
	return n.objectMembers(s) && n.isChoice(s.data[start:s.pos])
}

// isChoice reports whether an object or array is equal to one that the schema asks for, if it asks for any.
func (n *node) isChoice(text []byte) bool {
	if n.constant == nil && n.enum == nil {
		return true
	}
	raw, err := wire.ParseRaw(text)
	if err != nil {
		return false
	}
	v, err := Parse(raw)
	return err == nil && n.constant.has(v) && n.enum.has(v)
}

func (n *node) objectMembers(s *scanner) bool {
	r := n.object
	if r == nil {
		return s.skip()
	}
	start := s.pos
	s.pos++
	count, met, hint := 0, 0, 0
	for {
		s.peek()
		at := s.pos
		key, escaped, more, ok := s.member()
		if !ok {
			return false
		}
		if !more {
			break
		}
		count++
		if r.names != nil && !r.runName(s, at) {
			return false
		}
		if escaped {
			ok = resolved(key, true, func(text []byte) bool { return r.runMember(s, text, &hint, &met) })
		} else {
			ok = r.runMember(s, key, &hint, &met)
		}
		if !ok {
			return false
		}
	}
	if met != r.needed || count < r.min || count > r.max {
		return false
	}
	if r.requires == nil {
		return true
	}
	end := s.pos
	for _, d := range r.requires {
		if !s.has(start, d.name) {
			continue
		}
		for _, o := range d.others {
			if !s.has(start, o) {
				return false
			}
		}
	}
	s.pos = end
	return true
}

// runName checks the name of the member that begins at at, perhaps with a comma.
func (r *objectRules) runName(s *scanner, at int) bool {
	value := s.pos
	if s.pos = at; s.data[at] == ',' {
		s.pos++
		s.peek()
	}
	ok := r.names.run(s)
	s.pos = value
	return ok
}

// runMember checks the value of a member, which is next.
func (r *objectRules) runMember(s *scanner, name []byte, hint, met *int) bool {
	p, at := r.find(name, *hint)
	known := false
	if p != nil {
		*hint = at + 1
		if p.needed {
			*met++
		}
		known = p.node != nil
	}
	if r.patterns == nil {
		switch {
		case known:
			return p.node.run(s)
		case r.others != nil:
			return r.others.run(s)
		}
		return s.skip()
	}
	start, end := s.pos, -1
	fits := func(n *node) bool {
		s.pos = start
		ok := n.run(s)
		end = s.pos
		return ok
	}
	if known && !fits(p.node) {
		return false
	}
	for i := range r.patterns {
		if r.patterns[i].match.Match(name) && !fits(r.patterns[i].node) {
			return false
		}
	}
	if end >= 0 {
		s.pos = end
		return true
	}
	if r.others != nil {
		return r.others.run(s)
	}
	return s.skip()
}

func (n *node) runArray(s *scanner) bool {
	start := s.pos
	return n.arrayItems(s) && n.isChoice(s.data[start:s.pos])
}

func (n *node) arrayItems(s *scanner) bool {
	r := n.array
	if r == nil {
		return s.skip()
	}
	start := s.pos
	s.pos++
	count, contained := 0, 0
	for {
		more, ok := s.element()
		if !ok {
			return false
		}
		if !more {
			break
		}
		if r.contains != nil {
			at := s.pos
			if r.contains.run(s) {
				contained++
			}
			s.pos = at
		}
		switch {
		case count < len(r.prefix):
			ok = r.prefix[count].run(s)
		case r.items != nil:
			ok = r.items.run(s)
		default:
			ok = s.skip()
		}
		if !ok {
			return false
		}
		count++
	}
	if count < r.min || count > r.max {
		return false
	}
	if r.contains != nil && (contained < r.minContains || contained > r.maxContains) {
		return false
	}
	if r.unique && count > 1 {
		end := s.pos
		ok := s.unique(start, count)
		s.pos = end
		return ok
	}
	return true
}

func (n *node) runString(s *scanner) bool {
	content, escaped, ok := s.text()
	if !ok {
		return false
	}
	if n.string == nil && n.constant == nil && n.enum == nil && n.format == nil {
		return true
	}
	if !escaped {
		return n.fitsText(content)
	}
	return resolved(content, true, n.fitsText)
}

func (n *node) fitsText(text []byte) bool {
	if n.constant != nil && !n.constant.hasText(text) || n.enum != nil && !n.enum.hasText(text) {
		return false
	}
	if r := n.string; r != nil {
		if r.min > 0 || r.max != unbounded {
			if count := utf8.RuneCount(text); count < r.min || count > r.max {
				return false
			}
		}
		if r.pattern != nil && !r.pattern.Match(text) {
			return false
		}
	}
	return n.format == nil || n.format.fits(text)
}

func (n *node) runNumber(s *scanner) bool {
	literal := s.number()
	if len(literal) == 0 || !bearable(literal) {
		return false
	}
	if n.number == nil && !n.integer && n.constant == nil && n.enum == nil {
		return true
	}
	v := parseNumber(literal)
	return (!n.integer || v.isInteger()) && n.constant.hasNumber(v) && n.enum.hasNumber(v) && n.number.fits(v)
}

func (r *numberRules) fits(v number) bool {
	if r == nil {
		return true
	}
	for i := range r.bounds {
		if !r.bounds[i].keeps(v) {
			return false
		}
	}
	return r.multipleOf == nil || v.multipleOf(*r.multipleOf)
}

// The following report whether a value is among the choices; a nil choice has all.

func (c *choice) hasKind(k wire.Kind) bool { return c == nil || c.kinds.has(k) }

func (c *choice) hasBool(b bool) bool { return c == nil || b && c.yes || !b && c.no }

func (c *choice) hasText(text []byte) bool {
	_, ok := c.strings[string(text)]
	return ok
}

func (c *choice) hasNumber(v number) bool {
	if c == nil {
		return true
	}
	_, ok := slices.BinarySearchFunc(c.numbers, v, number.compare)
	return ok
}

// has is for a value of any kind.
func (c *choice) has(v any) bool {
	if c == nil {
		return true
	}
	switch v := v.(type) {
	case string:
		_, ok := c.strings[v]
		return ok
	case Number:
		return c.hasNumber(numberOf(string(v)))
	case bool:
		return c.hasBool(v)
	case nil:
		return c.hasKind(wire.KindNull)
	}
	return c.nested != nil && slices.ContainsFunc(c.nested[hashOf(seed(), v)], func(o any) bool { return equal(o, v) })
}

func newChoice(values []any) *choice {
	c := &choice{values: values, strings: map[string]struct{}{}}
	for _, v := range values {
		c.kinds |= 1 << kindOf(v)
		switch v := v.(type) {
		case string:
			c.strings[v] = struct{}{}
		case Number:
			c.numbers = append(c.numbers, numberOf(string(v)))
		case bool:
			c.yes, c.no = c.yes || v, c.no || !v
		case []any, map[string]any:
			if c.nested == nil {
				c.nested = map[uint64][]any{}
			}
			h := hashOf(seed(), v)
			c.nested[h] = append(c.nested[h], v)
		}
	}
	slices.SortFunc(c.numbers, number.compare)
	return c
}

func kindOf(v any) wire.Kind {
	switch v.(type) {
	case nil:
		return wire.KindNull
	case bool:
		return wire.KindBool
	case Number:
		return wire.KindNumber
	case string:
		return wire.KindString
	case []any:
		return wire.KindArray
	}
	return wire.KindObject
}
