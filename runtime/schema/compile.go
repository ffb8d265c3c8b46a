package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// compiler makes nodes of a schema. The first of what is wrong, and of what is beyond the subset, is kept.
type compiler struct {
	doc     any
	formats bool
	old     bool // draft-07
	refs    map[string]*node
	nodes   []*node
	outside *Outside
	err     error
	anchors map[string]string // what they name: JSON pointers
	waiting []string          // references by anchor that are not compiled yet
	refErr  error             // of a reference, which may be to a name that only another validator follows: outside goes before it
}

// bad notes that a keyword has no value that it may have.
func (c *compiler) bad(at, text string) {
	if c.err == nil {
		c.err = fmt.Errorf("not a valid schema: %s: %s", place(at), text)
	}
}

// beyond notes what another validator must be asked for.
func (c *compiler) beyond(at, keyword string) {
	if c.outside == nil {
		c.outside = &Outside{keyword, place(at)}
	}
}

func place(at string) string {
	if at == "" {
		return "the schema"
	}
	return at
}

func below(at, name string) string { return at + pointerOf(nil, name) }

func (c *compiler) blank() *node {
	n := &node{kinds: everyKind}
	c.nodes = append(c.nodes, n)
	return n
}

func (c *compiler) node(v any, at string) *node {
	if o, ok := v.(map[string]any); ok {
		if _, ok := o["$ref"]; ok && c.only(o) {
			if n := c.reference(o["$ref"], below(at, "$ref")); n != nil {
				return n
			}
		}
	}
	n := c.blank()
	c.compile(n, v, at)
	return n
}

// only reports whether a reference is all that an object asks for.
func (c *compiler) only(o map[string]any) bool {
	if c.old {
		return true
	}
	for name := range o {
		if name != "$ref" && !annotations[name] {
			return false
		}
	}
	return true
}

// annotations are keywords that decide nothing, whatever their value.
var annotations = map[string]bool{"title": true, "description": true, "default": true, "examples": true, "$comment": true}

func (c *compiler) compile(n *node, v any, at string) {
	switch v := v.(type) {
	case bool:
		n.always, n.never = v, !v
	case map[string]any:
		n.schema = v
		if ref, ok := v["$ref"]; ok && c.old { // whatever else is there does not count
			n.ref = c.reference(ref, below(at, "$ref"))
			n.also = true
			return
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if c.err == nil {
				c.keyword(n, name, v[name], at, below(at, name))
			}
		}
		c.object(n, v, at)
		n.also = n.ref != nil || n.all != nil || n.any != nil || n.one != nil || n.not != nil || n.cond != nil || n.dependent != nil
		n.always = !n.also && n.kinds == everyKind && !n.integer && n.constant == nil && n.enum == nil && n.format == nil &&
			n.object == nil && n.array == nil && n.string == nil && n.number == nil
	default:
		c.wrong(at, "an object, true or false", v)
	}
}

func (c *compiler) wrong(at, expected string, v any) {
	c.bad(at, "expected "+expected+", found "+found(v))
}

// found describes a value that should not be there.
func found(v any) string {
	switch v.(type) {
	case map[string]any, []any, nil:
		return typeName(kindOf(v).String())
	}
	return showValue(v)
}

// keyword compiles one keyword. Those of objects that depend on each other are left to object.
func (c *compiler) keyword(n *node, name string, v any, base, at string) {
	switch name {
	case "type":
		c.types(n, v, at)
	case "const":
		n.constant = newChoice([]any{v})
	case "enum":
		if list, ok := v.([]any); ok {
			n.enum = newChoice(list)
		} else {
			c.wrong(at, "an array", v)
		}
	case "format":
		c.formatOf(n, v, at)
	case "$ref":
		n.ref = c.reference(v, at)
	case "allOf":
		n.all = c.list(v, at)
	case "anyOf":
		n.any = c.list(v, at)
	case "oneOf":
		n.one = c.list(v, at)
	case "not":
		n.not = c.node(v, at)
	case "if":
		n.cond = c.node(v, at)
	case "then":
		n.then = c.node(v, at)
	case "else":
		n.else_ = c.node(v, at)
	case "minLength":
		n.texts().min = c.count(v, at)
	case "maxLength":
		n.texts().max = c.count(v, at)
	case "pattern":
		n.texts().pattern = c.pattern(v, at)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		if literal, ok := v.(Number); ok {
			r := n.numbers()
			r.bounds = append(r.bounds, bound{name, numberOf(string(literal)), literal})
		} else {
			c.wrong(at, "a number", v)
		}
	case "multipleOf":
		c.multiple(n, v, at)
	case "title", "description", "$comment", "contentEncoding", "contentMediaType":
		if _, ok := v.(string); !ok {
			c.wrong(at, "a string", v)
		}
	case "deprecated", "readOnly", "writeOnly":
		if _, ok := v.(bool); !ok && !(c.old && name == "deprecated") {
			c.wrong(at, "true or false", v)
		}
	case "examples":
		if _, ok := v.([]any); !ok {
			c.wrong(at, "an array", v)
		}
	case "$defs", "definitions":
		c.definitions(v, at)
	case "$anchor", "$dynamicAnchor":
		if !c.old {
			c.anchor(v, base, at)
		}
	case "$id":
		if base != "" {
			c.beyond(at, name)
		}
	case "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems", "$vocabulary":
		if !c.old {
			c.beyond(at, name)
		}
	default:
		c.arrayKeyword(n, name, v, at)
	}
}

// arrayKeyword compiles the keywords of arrays; any other is left.
func (c *compiler) arrayKeyword(n *node, name string, v any, at string) {
	if c.old {
		switch name {
		case "prefixItems", "minContains", "maxContains":
			return // draft-07 does not have them
		}
	}
	switch name {
	case "items":
		list, tuple := v.([]any)
		switch {
		case !tuple:
			n.arrays().items = c.node(v, at)
		case c.old:
			n.arrays().prefix = c.nodesOf(list, at)
			if rest, ok := n.schema["additionalItems"]; ok {
				n.arrays().items = c.node(rest, below(strings.TrimSuffix(at, "/items"), "additionalItems"))
			}
		default:
			c.wrong(at, "a schema", v)
		}
	case "prefixItems":
		n.arrays().prefix = c.list(v, at)
	case "minItems":
		n.arrays().min = c.count(v, at)
	case "maxItems":
		n.arrays().max = c.count(v, at)
	case "uniqueItems":
		b, ok := v.(bool)
		if !ok {
			c.wrong(at, "true or false", v)
		}
		n.arrays().unique = b
	case "contains":
		n.arrays().contains = c.node(v, at)
	case "minContains":
		r := n.arrays()
		r.minContains, r.minContainsGiven = c.count(v, at), true
	case "maxContains":
		n.arrays().maxContains = c.count(v, at)
	}
}

func (n *node) texts() *stringRules {
	if n.string == nil {
		n.string = &stringRules{max: unbounded}
	}
	return n.string
}

func (n *node) numbers() *numberRules {
	if n.number == nil {
		n.number = &numberRules{}
	}
	return n.number
}

func (n *node) arrays() *arrayRules {
	if n.array == nil {
		n.array = &arrayRules{max: unbounded, minContains: 1, maxContains: unbounded}
	}
	return n.array
}

func (c *compiler) types(n *node, v any, at string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	n.kinds = 0
	for i, t := range list {
		name, _ := t.(string)
		if slices.Contains(n.types, name) {
			c.bad(at, fmt.Sprintf("expected names that differ, found %q twice", name))
			return
		}
		n.types = append(n.types, name)
		switch name {
		case "string":
			n.kinds |= 1 << wire.KindString
		case "integer", "number":
			n.kinds |= 1 << wire.KindNumber
		case "boolean":
			n.kinds |= 1 << wire.KindBool
		case "null":
			n.kinds |= 1 << wire.KindNull
		case "array":
			n.kinds |= 1 << wire.KindArray
		case "object":
			n.kinds |= 1 << wire.KindObject
		default:
			if ok {
				at = below(at, strconv.Itoa(i))
			}
			text := "expected one of \"string\", \"number\", \"integer\", \"boolean\", \"null\", \"array\", \"object\", found " + found(t)
			if near := Nearest(name, []string{"string", "number", "integer", "boolean", "null", "array", "object"}); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			c.bad(at, text)
			return
		}
	}
	if len(list) == 0 {
		c.bad(at, "expected at least one name")
	}
	n.integer = slices.Contains(n.types, "integer") && !slices.Contains(n.types, "number")
}

func (c *compiler) formatOf(n *node, v any, at string) {
	name, ok := v.(string)
	if !ok {
		c.wrong(at, "a string", v)
		return
	}
	if !c.formats {
		return
	}
	if unknownFormats[name] {
		c.beyond(at, fmt.Sprintf("format %q", name))
	}
	n.format = formats[name]
}

func (c *compiler) multiple(n *node, v any, at string) {
	literal, ok := v.(Number)
	if !ok {
		c.wrong(at, "a number", v)
		return
	}
	m := numberOf(string(literal))
	if m.compare(number{whole: true}) <= 0 {
		c.wrong(at, "a number above 0", v)
		return
	}
	n.numbers().multipleOf = &m
}

// count is a number of things: an integer of 0 or more.
func (c *compiler) count(v any, at string) int {
	literal, _ := v.(Number)
	n := numberOf(string(literal))
	if literal == "" || !n.isInteger() || n.compare(number{whole: true}) < 0 {
		c.wrong(at, "an integer of at least 0", v)
		return 0
	}
	value := n.value
	if !n.whole { // such as 2.0 or 1e3
		if n.high >= 18 {
			return unbounded
		}
		value = 0
		if n.first >= 0 {
			for p, i := n.high, n.first; p >= 0; p, i = p-1, i+1 {
				value = value*10 + int64(n.digit(&i)-'0')
			}
		}
	}
	return int(min(value, int64(unbounded)))
}

func (c *compiler) pattern(v any, at string) *regexp.Regexp {
	text, ok := v.(string)
	if !ok {
		c.wrong(at, "a string", v)
		return nil
	}
	p, err := regexp.Compile(text)
	if err != nil {
		c.bad(at, "expected a regular expression as Go has them (RE2), found "+quoted(text))
	}
	return p
}

// list compiles an array of schemas, which has one at least.
func (c *compiler) list(v any, at string) []*node {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		c.wrong(at, "an array of at least one schema", v)
		return nil
	}
	return c.nodesOf(list, at)
}

func (c *compiler) nodesOf(list []any, at string) []*node {
	nodes := make([]*node, len(list))
	for i, v := range list {
		nodes[i] = c.node(v, below(at, strconv.Itoa(i)))
	}
	return nodes
}

// definitions compiles schemas whether they are referred to or not, so that a mistake in one is found.
func (c *compiler) definitions(v any, at string) {
	o, ok := v.(map[string]any)
	if !ok {
		c.wrong(at, "an object of schemas", v)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		c.ref("#" + below(at, name))
	}
}
