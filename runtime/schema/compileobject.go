package schema

import (
	"maps"
	"slices"
	"strconv"
)

// object compiles the keywords of objects.
func (c *compiler) object(n *node, o map[string]any, at string) {
	r := &objectRules{max: unbounded}
	used := false
	for _, name := range slices.Sorted(maps.Keys(o)) {
		v, here := o[name], below(at, name)
		if c.old && (name == "dependentRequired" || name == "dependentSchemas") {
			continue
		}
		switch name {
		case "properties":
			c.properties(r, v, here)
		case "patternProperties":
			c.patterns(r, v, here)
		case "additionalProperties":
			r.others = c.node(v, here)
		case "required":
			r.required = c.names(v, here)
		case "propertyNames":
			r.names = c.node(v, here)
		case "minProperties":
			r.min = c.count(v, here)
		case "maxProperties":
			r.max = c.count(v, here)
		case "dependentRequired", "dependentSchemas", "dependencies":
			c.dependencies(n, r, name, v, here)
		default:
			continue
		}
		used = true
	}
	if !used {
		return
	}
	places := make(map[string]int, len(r.properties))
	for i, p := range r.properties {
		places[p.name] = i
	}
	for _, name := range r.required {
		i, ok := places[name]
		if !ok {
			i = len(r.properties)
			places[name] = i
			r.properties = append(r.properties, property{name: name})
		}
		r.properties[i].needed = true
	}
	r.needed = len(r.required)
	if len(r.properties) > fewProperties {
		r.index = places
	}
	n.object = r
}

func (c *compiler) properties(r *objectRules, v any, at string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.wrong(at, "an object of schemas", v)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		r.properties = append(r.properties, property{name: name, node: c.node(o[name], below(at, name))})
	}
}

func (c *compiler) patterns(r *objectRules, v any, at string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.wrong(at, "an object of schemas", v)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		p := c.pattern(name, below(at, name))
		r.patterns = append(r.patterns, patternProperty{p, c.node(o[name], below(at, name))})
	}
}

// names reads an array of strings that differ.
func (c *compiler) names(v any, at string) []string {
	list, ok := v.([]any)
	if !ok {
		c.wrong(at, "an array of names", v)
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			c.wrong(below(at, strconv.Itoa(i)), "a string", e)
			return nil
		}
		if seen[s] {
			c.bad(at, "expected names that differ, found "+quoted(s)+" twice")
			return nil
		}
		seen[s] = true
		names = append(names, s)
	}
	return names
}

// dependencies compiles what a member takes: other members, or a schema of the whole.
func (c *compiler) dependencies(n *node, r *objectRules, keyword string, v any, at string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.wrong(at, "an object", v)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		here := below(at, name)
		_, list := o[name].([]any)
		if keyword == "dependentRequired" || keyword == "dependencies" && list {
			r.requires = append(r.requires, requires{keyword, name, c.names(o[name], here)})
			continue
		}
		n.dependent = append(n.dependent, dependent{name, c.node(o[name], here)})
	}
}
