package server

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// fastNode is a schema of the simple kind that most tools have, in a form that is checked while reading, without making
// anything. It accepts nothing that the schema refuses; what it does not accept is left to the library, which finds out
// whether and why it is wrong. It is immutable once compiled.
type fastNode struct {
	anything bool
	types    uint16 // bit 1<<wire.Kind of each kind that is allowed
	integer  bool   // numbers must be integers

	properties map[string]*fastProperty
	required   uint64 // bits of the properties
	others     *fastNode
	closed     bool // no others

	items              *fastNode
	minItems, maxItems int

	enum                 map[string]struct{} // nil: any
	minLength, maxLength int
	lengths              bool

	least, most int64 // of an integer
	bounded     bool
}

type fastProperty struct {
	node *fastNode
	bit  uint64 // 0 if it is not required
}

// fastCompiler compiles; ok goes false at the first thing that is beyond a fastNode.
type fastCompiler struct {
	doc     map[string]any
	formats bool
	refs    map[string]*fastNode
	ok      bool
}

func compileFast(doc map[string]any, formats bool) *fastNode {
	c := &fastCompiler{doc: doc, formats: formats, refs: map[string]*fastNode{}, ok: true}
	n := c.ref("#")
	if !c.ok {
		return nil
	}
	return n
}

// ref compiles what a reference points at, once.
func (c *fastCompiler) ref(pointer string) *fastNode {
	if n := c.refs[pointer]; n != nil {
		return n
	}
	n := &fastNode{}
	c.refs[pointer] = n
	target, ok := lookup(c.doc, pointer)
	if !ok {
		c.ok = false
		return n
	}
	c.compile(n, target)
	return n
}

func (c *fastCompiler) node(v any) *fastNode {
	n := &fastNode{}
	if o, ok := v.(map[string]any); ok {
		if pointer, ok := o["$ref"].(string); ok {
			for key := range o {
				if key != "$ref" && !annotations[key] {
					c.ok = false
				}
			}
			return c.ref(pointer)
		}
	}
	c.compile(n, v)
	return n
}

// annotations are the keywords that decide nothing.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "deprecated": true, "readOnly": true,
	"writeOnly": true, "$comment": true, "contentEncoding": true, "contentMediaType": true,
}

func (c *fastCompiler) compile(n *fastNode, v any) {
	if b, ok := v.(bool); ok && b {
		n.anything = true
		return
	}
	o, ok := v.(map[string]any)
	if !ok {
		c.ok = false
		return
	}
	n.anything = true
	n.minItems, n.maxItems = 0, 1<<31-1
	n.maxLength = 1<<31 - 1
	for key, v := range o {
		if annotations[key] {
			continue
		}
		n.anything = false
		switch key {
		case "type":
			c.types(n, v)
		case "properties", "required", "$defs", "$schema": // below, or nothing to check
		case "additionalProperties":
			switch v := v.(type) {
			case bool:
				n.closed = !v
			default:
				n.others = c.node(v)
			}
		case "items":
			n.items = c.node(v)
		case "minItems":
			c.count(&n.minItems, v)
		case "maxItems":
			c.count(&n.maxItems, v)
		case "minLength":
			c.count(&n.minLength, v)
			n.lengths = true
		case "maxLength":
			c.count(&n.maxLength, v)
			n.lengths = true
		case "enum":
			c.enum(n, v)
		case "minimum", "maximum":
			n.bounded = true
		case "format":
			c.ok = c.ok && !c.formats && o["$schema"] == nil
		default:
			c.ok = false
		}
	}
	if n.types == 0 && !n.anything {
		c.ok = false // keywords that apply to some kinds only
		return
	}
	if n.bounded {
		c.bounds(n, o)
	}
	c.properties(n, o)
	if s, _ := c.doc["$schema"].(string); s != "" && s != dialect2020 {
		c.ok = false
	}
}

func (c *fastCompiler) types(n *fastNode, v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, t := range list {
		switch t {
		case "string":
			n.types |= 1 << wire.KindString
		case "integer":
			n.types |= 1 << wire.KindNumber
			n.integer = true
		case "number":
			n.types |= 1 << wire.KindNumber
		case "boolean":
			n.types |= 1 << wire.KindBool
		case "null":
			n.types |= 1 << wire.KindNull
		case "array":
			n.types |= 1 << wire.KindArray
		case "object":
			n.types |= 1 << wire.KindObject
		default:
			c.ok = false
		}
	}
	if n.integer && len(list) > 1 {
		for _, t := range list {
			c.ok = c.ok && t != "number"
		}
	}
}

func (c *fastCompiler) count(to *int, v any) {
	n, err := strconv.Atoi(fmt.Sprint(v))
	c.ok = c.ok && err == nil
	*to = n
}

func (c *fastCompiler) enum(n *fastNode, v any) {
	list, _ := v.([]any)
	n.enum = make(map[string]struct{}, len(list))
	for _, e := range list {
		s, ok := e.(string)
		c.ok = c.ok && ok
		n.enum[s] = struct{}{}
	}
}

// bounds are checked of integers only.
func (c *fastCompiler) bounds(n *fastNode, o map[string]any) {
	n.least, n.most = -1<<63, 1<<63-1
	for key, to := range map[string]*int64{"minimum": &n.least, "maximum": &n.most} {
		v, ok := o[key]
		if !ok {
			continue
		}
		i, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		c.ok = c.ok && err == nil && n.integer
		*to = i
	}
}

func (c *fastCompiler) properties(n *fastNode, o map[string]any) {
	properties, _ := o["properties"].(map[string]any)
	n.properties = make(map[string]*fastProperty, len(properties))
	for name, p := range properties {
		n.properties[name] = &fastProperty{node: c.node(p)}
	}
	required, _ := o["required"].([]any)
	for i, v := range required {
		name, _ := v.(string)
		p := n.properties[name]
		if p == nil || i >= 64 {
			c.ok = false
			return
		}
		if p.bit == 0 {
			p.bit = 1 << i
			n.required |= p.bit
		}
	}
}

// DecodeJSON reads a value and fails if it is not known to be valid. It does not change n.
func (n *fastNode) DecodeJSON(d *wire.Decoder) {
	if !n.read(d) {
		d.Fail("a value that fits the schema")
	}
}

func (n *fastNode) read(d *wire.Decoder) bool {
	kind := d.Kind()
	if n.anything {
		d.Raw()
		return true
	}
	if n.types&(1<<kind) == 0 || n.enum != nil && kind != wire.KindString {
		return false
	}
	switch kind {
	case wire.KindObject:
		return n.readObject(d)
	case wire.KindArray:
		return n.readArray(d)
	case wire.KindString:
		return n.readString(d)
	case wire.KindNumber:
		if !n.integer {
			d.Float()
			return true
		}
		i := d.Int()
		return !n.bounded || i >= n.least && i <= n.most
	case wire.KindBool:
		d.Bool()
	default:
		d.Null()
	}
	return true
}

func (n *fastNode) readObject(d *wire.Decoder) bool {
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		if p := n.properties[string(key)]; p != nil {
			seen |= p.bit
			if !p.node.read(d) {
				return false
			}
			continue
		}
		switch {
		case n.closed:
			return false
		case n.others != nil:
			if !n.others.read(d) {
				return false
			}
		default:
			d.Raw()
		}
	}
	return seen == n.required
}

func (n *fastNode) readArray(d *wire.Decoder) bool {
	count := 0
	d.Array()
	for d.Elem() {
		count++
		if n.items == nil {
			d.Raw()
		} else if !n.items.read(d) {
			return false
		}
	}
	return count >= n.minItems && count <= n.maxItems
}

func (n *fastNode) readString(d *wire.Decoder) bool {
	s := d.String()
	if n.enum != nil {
		if _, ok := n.enum[s]; !ok {
			return false
		}
	}
	if n.lengths {
		if count := utf8.RuneCountInString(s); count < n.minLength || count > n.maxLength {
			return false
		}
	}
	return true
}
