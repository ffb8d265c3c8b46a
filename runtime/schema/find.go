package schema

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Failure is one thing that is wrong with a value, or several.
type Failure struct {
	// Keyword is the one that the value does not satisfy, "false" for the schema false, "" for several: see Causes.
	Keyword string
	// At is the way to the value.
	At []string
	// Schema is the schema object that has the keyword, nil if it is not known.
	Schema map[string]any
	// Want and Got are what the keyword asks for and what was there, as far as it has them: values as [Parse] gives them;
	// []string for the keyword type, as Want; int for lengths and counts.
	Want, Got any
	// Names are the members that a failure is about.
	Names []string
	// Causes are the failures that this one follows from.
	Causes []*Failure
}

// group makes one failure of several.
func group(list []*Failure) *Failure {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return &Failure{At: list[0].At, Causes: list}
}

// maxFound is how many failures of the parts of one value are found: those of a large one take memory.
const maxFound = 1000

// finder finds out what is wrong with a value. It decides exactly as run does.
type finder struct{ at []string }

func (f *finder) fail(n *node, keyword string, want, got any) *Failure {
	return &Failure{Keyword: keyword, At: slices.Clone(f.at), Schema: n.schema, Want: want, Got: got}
}

// in finds in a part of the value.
func (f *finder) in(name string, n *node, v any) []*Failure {
	f.at = append(f.at, name)
	list := f.find(n, v)
	f.at = f.at[:len(f.at)-1]
	return list
}

func (f *finder) find(n *node, v any) []*Failure {
	if n.never {
		return []*Failure{f.fail(n, "false", nil, v)}
	}
	if n.always {
		return nil
	}
	kind := kindOf(v)
	literal, isNumber := v.(Number)
	var num number
	if isNumber {
		num = numberOf(string(literal))
	}
	switch {
	case !n.kinds.has(kind), isNumber && n.integer && !num.isInteger():
		return []*Failure{f.fail(n, "type", n.types, kindName(kind))}
	case !n.constant.has(v):
		return []*Failure{f.fail(n, "const", n.constant.values[0], v)}
	case !n.enum.has(v):
		return []*Failure{f.fail(n, "enum", n.enum.values, v)}
	}
	if s, ok := v.(string); ok && n.format != nil && !n.format.fits([]byte(s)) {
		return []*Failure{f.fail(n, "format", n.format.name, v)}
	}
	var list []*Failure
	if n.ref != nil {
		list = append(list, f.find(n.ref, v)...)
	}
	switch v := v.(type) {
	case map[string]any:
		if n.object != nil {
			list = append(list, f.inObject(n, v)...)
		}
	case []any:
		if n.array != nil {
			list = append(list, f.inArray(n, v)...)
		}
	case string:
		if n.string != nil {
			list = append(list, f.inString(n, v)...)
		}
	case Number:
		if n.number != nil {
			list = append(list, f.inNumber(n, v, num)...)
		}
	}
	if n.also {
		list = append(list, f.inAlso(n, v)...)
	}
	return list
}

func kindName(k wire.Kind) string {
	if k == wire.KindBool {
		return "boolean"
	}
	return k.String()
}

func (f *finder) inAlso(n *node, v any) (list []*Failure) {
	if n.not != nil && f.find(n.not, v) == nil {
		list = append(list, f.fail(n, "not", nil, v))
	}
	for _, o := range n.all {
		list = append(list, f.find(o, v)...)
	}
	if n.any != nil {
		if causes, fits := f.alternatives(n.any, v); fits == 0 {
			failure := f.fail(n, "anyOf", nil, v)
			failure.Causes = causes
			list = append(list, failure)
		}
	}
	if n.one != nil {
		if causes, fits := f.alternatives(n.one, v); fits != 1 {
			failure := f.fail(n, "oneOf", fits, v)
			if fits == 0 {
				failure.Causes = causes
			}
			list = append(list, failure)
		}
	}
	if n.cond != nil {
		next := n.then
		if f.find(n.cond, v) != nil {
			next = n.else_
		}
		if next != nil {
			list = append(list, f.find(next, v)...)
		}
	}
	if o, ok := v.(map[string]any); ok {
		for _, d := range n.dependent {
			if _, ok := o[d.name]; ok {
				list = append(list, f.find(d.node, v)...)
			}
		}
	}
	return list
}

// alternatives gives what is wrong by each, and how many nothing is wrong by.
func (f *finder) alternatives(nodes []*node, v any) (causes []*Failure, fits int) {
	for _, o := range nodes {
		if cause := group(f.find(o, v)); cause != nil {
			causes = append(causes, cause)
		} else {
			fits++
		}
	}
	return causes, fits
}

func (f *finder) inObject(n *node, o map[string]any) (list []*Failure) {
	r := n.object
	if len(o) < r.min {
		list = append(list, f.fail(n, "minProperties", r.min, len(o)))
	}
	if len(o) > r.max {
		list = append(list, f.fail(n, "maxProperties", r.max, len(o)))
	}
	if missing := missingOf(r.required, o); missing != nil {
		failure := f.fail(n, "required", nil, nil)
		failure.Names = missing
		list = append(list, failure)
	}
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if len(list) > maxFound {
			return list
		}
		v := o[name]
		if r.names != nil {
			if causes := f.find(r.names, name); causes != nil {
				failure := f.fail(n, "propertyNames", nil, nil)
				failure.Names, failure.Causes = []string{name}, causes
				list = append(list, failure)
			}
		}
		known := false
		if p, _ := r.find([]byte(name), 0); p != nil && p.node != nil {
			known = true
			list = append(list, f.in(name, p.node, v)...)
		}
		for _, p := range r.patterns {
			if p.match.MatchString(name) {
				known = true
				list = append(list, f.in(name, p.node, v)...)
			}
		}
		switch {
		case known || r.others == nil:
		case r.others.never:
			unknown = append(unknown, name)
		default:
			list = append(list, f.in(name, r.others, v)...)
		}
	}
	if unknown != nil {
		failure := f.fail(n, "additionalProperties", nil, nil)
		failure.Names = unknown
		list = append(list, failure)
	}
	for _, d := range r.requires {
		if _, ok := o[d.name]; !ok {
			continue
		}
		if missing := missingOf(d.others, o); missing != nil {
			failure := f.fail(n, d.keyword, d.name, nil)
			failure.Names = missing
			list = append(list, failure)
		}
	}
	return list
}

func missingOf(names []string, o map[string]any) (missing []string) {
	for _, name := range names {
		if _, ok := o[name]; !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

func (f *finder) inArray(n *node, a []any) (list []*Failure) {
	r := n.array
	if len(a) < r.min {
		list = append(list, f.fail(n, "minItems", r.min, len(a)))
	}
	if len(a) > r.max {
		list = append(list, f.fail(n, "maxItems", r.max, len(a)))
	}
	if r.unique {
		if i, j := twice(a); i >= 0 {
			list = append(list, f.fail(n, "uniqueItems", nil, []int{i, j}))
		}
	}
	var causes []*Failure
	contained := 0
	for i, v := range a {
		if len(list) > maxFound {
			return list
		}
		place := strconv.Itoa(i)
		if i < len(r.prefix) {
			list = append(list, f.in(place, r.prefix[i], v)...)
		} else if r.items != nil {
			list = append(list, f.in(place, r.items, v)...)
		}
		if r.contains == nil {
			continue
		}
		if cause := group(f.in(place, r.contains, v)); cause != nil {
			causes = append(causes, cause)
		} else {
			contained++
		}
	}
	if r.contains == nil {
		return list
	}
	if contained < r.minContains {
		keyword := "contains"
		if r.minContainsGiven {
			keyword = "minContains"
		}
		failure := f.fail(n, keyword, r.minContains, contained)
		failure.Causes = causes
		list = append(list, failure)
	}
	if contained > r.maxContains {
		list = append(list, f.fail(n, "maxContains", r.maxContains, contained))
	}
	return list
}

func (f *finder) inString(n *node, s string) (list []*Failure) {
	r := n.string
	if count := utf8.RuneCountInString(s); count < r.min {
		list = append(list, f.fail(n, "minLength", r.min, count))
	} else if count > r.max {
		list = append(list, f.fail(n, "maxLength", r.max, count))
	}
	if r.pattern != nil && !r.pattern.MatchString(s) {
		list = append(list, f.fail(n, "pattern", r.pattern.String(), s))
	}
	return list
}

func (f *finder) inNumber(n *node, v Number, num number) (list []*Failure) {
	for i := range n.number.bounds {
		if b := &n.number.bounds[i]; !b.keeps(num) {
			list = append(list, f.fail(n, b.keyword, b.literal, v))
		}
	}
	if m := n.number.multipleOf; m != nil && !num.multipleOf(*m) {
		list = append(list, f.fail(n, "multipleOf", Number(m.text), v))
	}
	return list
}
