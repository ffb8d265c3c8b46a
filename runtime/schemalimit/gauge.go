package schemalimit

import (
	"fmt"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Gauge measures what it takes to validate values with a schema that refers to what it is part of. It is immutable and safe
// for concurrent use.
type Gauge struct{ c *checker }

// Check reports that validating a value may take too long. A nil Gauge has nothing to say.
func (g *Gauge) Check(value wire.Raw) error {
	if g == nil || value.IsZero() {
		return nil
	}
	v := &checker{limits: Limits{Depth: 1 << 30}, named: map[string]*node{}}
	if err := wire.DecodeOptions(value.Bytes(), v, wire.Options{MaxDepth: 1 << 30}); err != nil {
		return err
	}
	m := measure{c: g.c, most: g.c.limits.Visits, known: map[pair]int{}}
	if m.visits(g.c.root, v.root) > m.most {
		return fmt.Errorf("the value is nested too deeply for its schema: validating it takes more than %d steps", m.most)
	}
	return nil
}

// pair is a schema applied to a value.
type pair struct{ schema, value *node }

// measure is one measurement. What references lead to is worked out once for each value, so that it takes little time
// itself.
type measure struct {
	c     *checker
	most  int
	spent int
	known map[pair]int // 0: being worked out
}

// visits counts how often schemas are applied when n is to v, to a little over the limit.
func (m *measure) visits(n, v *node) int {
	if m.spent++; m.spent > m.most {
		return m.most + 1
	}
	sum := 1
	add := func(k int) { sum = min(sum+k, m.most+1) }
	for name, s := range n.members {
		switch name {
		case "properties":
			for key, p := range s.members {
				if value := v.members[key]; value != nil {
					add(m.visits(p, value))
				}
			}
		case "patternProperties":
			for _, p := range s.members {
				m.each(p, v, add)
			}
		case "additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "contains":
			m.each(s, v, add)
		case "items", "prefixItems":
			if s.elems == nil {
				m.each(s, v, add)
			}
			for i := range min(len(s.elems), len(v.elems)) {
				add(m.visits(s.elems[i], v.elems[i]))
			}
		case "allOf", "anyOf", "oneOf":
			for _, p := range s.elems {
				add(m.visits(p, v))
			}
		case "not", "if", "then", "else":
			add(m.visits(s, v))
		case "dependentSchemas", "dependencies":
			for _, p := range s.members {
				add(m.visits(p, v))
			}
		}
	}
	if n.ref != "" {
		for _, target := range m.c.targets(n.ref) {
			at := pair{target, v}
			count, ok := m.known[at]
			if !ok {
				m.known[at] = 0
				count = m.visits(target, v)
				m.known[at] = count
			}
			add(count)
		}
	}
	return sum
}

// each adds what it takes to apply a schema to all parts of a value.
func (m *measure) each(s, v *node, add func(int)) {
	for _, value := range v.members {
		add(m.visits(s, value))
	}
	for _, value := range v.elems {
		add(m.visits(s, value))
	}
}
