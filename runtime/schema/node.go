package schema

import (
	"regexp"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// node is a schema, compiled. It is immutable once the whole is.
type node struct {
	schema map[string]any // what it was compiled from, for messages
	always bool           // nothing is asked of the value
	never  bool           // the schema false

	kinds   kindSet
	integer bool     // of the numbers, only integers
	types   []string // as the keyword type has them; nil if it is absent

	constant, enum *choice
	format         *format

	object *objectRules
	array  *arrayRules
	string *stringRules
	number *numberRules

	also              bool // one of the following is not empty
	ref               *node
	all, any, one     []*node
	not               *node
	cond, then, else_ *node
	dependent         []dependent // schemas of the whole object
}

// kindSet has the bit 1<<k of each wire.Kind k in it.
type kindSet uint8

const everyKind = kindSet(0xff)

func (s kindSet) has(k wire.Kind) bool { return s&(1<<k) != 0 }

// choice is what a value must be one of.
type choice struct {
	values  []any // as Parse gives them
	kinds   kindSet
	strings map[string]struct{}
	numbers []number         // sorted
	nested  map[uint64][]any // objects and arrays, by their hash
	yes, no bool
}

type objectRules struct {
	properties []property
	index      map[string]int // of the properties, if they are many
	required   []string       // in the order of the schema
	needed     int            // how many they are

	patterns []patternProperty
	others   *node // nil if they may be anything
	names    *node
	min, max int
	requires []requires
}

type property struct {
	name   string
	node   *node // nil if it is named by required only
	needed bool
}

type patternProperty struct {
	match *regexp.Regexp
	node  *node
}

// requires says that a member takes others.
type requires struct {
	keyword string
	name    string
	others  []string
}

// dependent says that an object with the member must fit the schema.
type dependent struct {
	name string
	node *node
}

type arrayRules struct {
	prefix                   []*node
	items                    *node // nil if they may be anything
	min, max                 int
	unique                   bool
	contains                 *node
	minContains, maxContains int
	minContainsGiven         bool
}

type stringRules struct {
	min, max int
	pattern  *regexp.Regexp
}

type numberRules struct {
	bounds     []bound
	multipleOf *number
}

type bound struct {
	keyword string // minimum, maximum, exclusiveMinimum or exclusiveMaximum
	value   number
	literal Number
}

// keeps reports whether a number is within the bound.
func (b *bound) keeps(n number) bool {
	c := n.compare(b.value)
	switch b.keyword {
	case "minimum":
		return c >= 0
	case "maximum":
		return c <= 0
	case "exclusiveMinimum":
		return c > 0
	}
	return c < 0
}

// unbounded is the most that a count may be.
const unbounded = int(^uint(0) >> 1)

// find gives the property of that name, nil if there is none. hint is where it is looked for first.
func (r *objectRules) find(name []byte, hint int) (*property, int) {
	if hint < len(r.properties) && string(name) == r.properties[hint].name {
		return &r.properties[hint], hint
	}
	if r.index != nil {
		if i, ok := r.index[string(name)]; ok {
			return &r.properties[i], i
		}
		return nil, hint
	}
	for i := range r.properties {
		if string(name) == r.properties[i].name {
			return &r.properties[i], i
		}
	}
	return nil, hint
}

// fewProperties is how many are looked through one by one.
const fewProperties = 8
