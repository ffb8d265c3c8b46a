package schema

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

func (c *compiler) badRef(ref, text string) {
	if c.refErr == nil {
		c.refErr = fmt.Errorf("reference to %q: %s", ref, text)
	}
}

// ref compiles what a reference points at, once.
func (c *compiler) ref(ref string) *node {
	if n := c.refs[ref]; n != nil {
		return n
	}
	n := c.blank()
	c.refs[ref] = n
	if pointer := ref[1:]; pointer != "" && pointer[0] != '/' {
		c.waiting = append(c.waiting, ref)
	} else {
		c.target(n, ref, pointer)
	}
	return n
}

// target compiles the place at a pointer for the node of a reference.
func (c *compiler) target(n *node, ref, pointer string) {
	target, ok := Lookup(c.doc, "#"+pointer)
	if !ok {
		c.badRef(ref, "there is nothing at that place")
		return
	}
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	c.compile(n, target, pointer)
}

// finish compiles what anchors name, all of which are known now.
func (c *compiler) finish() {
	for len(c.waiting) > 0 {
		ref := c.waiting[0]
		c.waiting = c.waiting[1:]
		name, _ := url.PathUnescape(ref[1:])
		pointer, ok := c.anchors[name]
		if !ok {
			c.badRef(ref, "nothing has this anchor")
			continue
		}
		c.target(c.refs[ref], ref, (&url.URL{Path: pointer}).EscapedPath())
	}
}

var anchorName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][-A-Za-z0-9._]*$`) })

// anchor notes the name of the schema at base.
func (c *compiler) anchor(v any, base, at string) {
	name, _ := v.(string)
	if !anchorName().MatchString(name) {
		c.wrong(at, "a name of letters, digits, '-', '_' and '.'", v)
		return
	}
	if before, ok := c.anchors[name]; ok && before != base {
		if c.refErr == nil { // unless an $id lies between
			c.refErr = fmt.Errorf("not a valid schema: %s: expected anchors that differ, found %s at %s too", at, quoted(name), place(before))
		}
		return
	}
	c.anchors[name] = base
}

// reference gives the node for the value of $ref, nil if it is not known.
func (c *compiler) reference(v any, at string) *node {
	ref, ok := v.(string)
	if !ok {
		c.wrong(at, "a string", v)
		return nil
	}
	pointer, local := strings.CutPrefix(ref, "#")
	switch {
	case local && (pointer == "" || pointer[0] == '/' || !c.old):
		return c.ref(ref)
	case local, strings.Contains(ref, "://json-schema.org/draft"), c.named():
		c.beyond(at, "$ref")
		return nil
	}
	c.badRef(ref, "a schema may refer to places within itself only")
	return nil
}

// named reports whether the schema has a name of its own, to which references may be relative.
func (c *compiler) named() bool {
	root, _ := c.doc.(map[string]any)
	_, ok := root["$id"]
	return ok
}

// circles finds a schema that applies itself to the same value, which would never end.
func (c *compiler) circles() {
	const open, done = 1, 2
	state := map[*node]int{}
	var visit func(n *node)
	visit = func(n *node) {
		if n == nil || state[n] == done || c.err != nil {
			return
		}
		if state[n] == open {
			c.err = errors.New("not a valid schema: a $ref leads back to itself for the same value, which never ends")
			return
		}
		state[n] = open
		for _, o := range slices.Concat([]*node{n.ref, n.not, n.cond, n.then, n.else_}, n.all, n.any, n.one) {
			visit(o)
		}
		for _, d := range n.dependent {
			visit(d.node)
		}
		state[n] = done
	}
	for _, n := range c.nodes {
		visit(n)
	}
}
