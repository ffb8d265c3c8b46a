package server

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yosida95/uritemplate/v3"
)

// uriPattern is a URI template (RFC 6570) that tells of which values a URI is the expansion. The library expands
// templates; how it matches takes time that grows with the square of the URI, so that matching is done here: a program of
// steps is followed backwards once to find from where the end can be reached, and then forwards without ever going back.
// That takes time in proportion to the steps and the length of the URI, whatever is in it. It is immutable.
//
// Where a URI can be read in several ways, variables that come first take as much as they can.
type uriPattern struct {
	prefix    string // what every URI begins with
	variables []patternVariable
	steps     []patternStep
	start     int
}

// patternVariable is a variable of a template.
type patternVariable struct {
	name string
	form valueForm
	max  int // characters, by a prefix modifier; 0 is no limit
}

// valueForm is what a variable may be.
type valueForm struct {
	list     bool // several values
	pairs    bool // names and values
	required bool // it must be there and not be empty
}

// patternStep is one step of the program. Steps that consume nothing go to lower numbers only.
type patternStep struct {
	op       patternOp
	text     string       // opText
	class    *patternByte // opOne, opRun
	variable int          // opBegin, opEnd
	next     int
	other    int // opEither: where to go if next leads nowhere
}

type patternOp uint8

const (
	opMatch  patternOp = iota // the end of the URI
	opText                    // this text
	opOne                     // one character of the class
	opRun                     // any number of characters of the class
	opEither                  // next or other
	opBegin                   // a value begins
	opEnd                     // a value ends
)

// patternByte says which bytes may be in a value: those that expansion leaves as they are, and, to be tried if that does
// not match, those that people leave who write URIs by hand.
type patternByte struct{ strict, lenient [256]bool }

const (
	unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	reserved   = ":/?#[]@!$&'()*+,;="
)

// patternOperator is a kind of expression.
type patternOperator struct {
	first, sep string
	named      bool
	bare       bool   // a name without "=" has the empty value
	allowed    string // characters that stay as they are
	never      string // characters that are not taken even leniently
}

var patternOperators = map[byte]patternOperator{
	0:   {sep: ",", allowed: unreserved, never: "/?#"},
	'+': {sep: ",", allowed: unreserved + reserved},
	'#': {first: "#", sep: ",", allowed: unreserved + reserved},
	'.': {first: ".", sep: ".", allowed: unreserved, never: "/?#"},
	'/': {first: "/", sep: "/", allowed: unreserved, never: "/?#"},
	';': {first: ";", sep: ";", named: true, bare: true, allowed: unreserved, never: "/?#;"},
	'?': {first: "?", sep: "&", named: true, allowed: unreserved, never: "&#"},
	'&': {first: "&", sep: "&", named: true, allowed: unreserved, never: "&#"},
}

// patternExpression is an expression of a template, or, without variables, a text.
type patternExpression struct {
	text      string
	operator  patternOperator
	variables []patternSpec
}

type patternSpec struct {
	index   int // of the variable
	name    string
	explode bool
	form    valueForm
}

// newPattern reads a template. form gives what a variable may be; exploded says that it was written with an asterisk.
func newPattern(template string, form func(name string, exploded bool) (valueForm, error)) (*uriPattern, error) {
	if _, err := uritemplate.New(template); err != nil {
		return nil, fmt.Errorf("not a URI template (RFC 6570): %w", err)
	}
	p := &uriPattern{}
	var parts []patternExpression
	for rest := template; rest != ""; {
		literal, expression, ok := strings.Cut(rest, "{")
		if literal != "" {
			parts = append(parts, patternExpression{text: literal})
		}
		if !ok {
			break
		}
		expression, rest, _ = strings.Cut(expression, "}")
		e, err := p.expression(expression, form)
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	if len(parts) > 0 {
		p.prefix = parts[0].text
	}
	p.start = p.emit(patternStep{op: opMatch})
	for i := len(parts) - 1; i >= 0; i-- {
		p.start = p.compile(parts[i], p.start)
	}
	return p, nil
}

// expression reads what is between braces.
func (p *uriPattern) expression(s string, form func(string, bool) (valueForm, error)) (patternExpression, error) {
	e := patternExpression{operator: patternOperators[0]}
	if o, ok := patternOperators[s[0]]; ok {
		e.operator, s = o, s[1:]
	}
	for _, name := range strings.Split(s, ",") {
		v := patternVariable{}
		name, explode := strings.CutSuffix(name, "*")
		name, length, _ := strings.Cut(name, ":")
		if length != "" {
			v.max, _ = strconv.Atoi(length)
		}
		for _, other := range p.variables {
			if other.name == name {
				return e, fmt.Errorf("the variable %s occurs twice", name)
			}
		}
		var err error
		if v.form, err = form(name, explode); err != nil {
			return e, err
		}
		switch many := v.form.list || v.form.pairs; {
		case explode && !many:
			return e, fmt.Errorf("the variable %s* can have several values: expected a slice or a map for it", name)
		case many && v.max > 0:
			return e, fmt.Errorf("the variable %s:%d is the beginning of a text: expected no slice or map for it", name, v.max)
		}
		v.name = name
		e.variables = append(e.variables, patternSpec{len(p.variables), name, explode, v.form})
		p.variables = append(p.variables, v)
	}
	return e, nil
}

// match gives the decoded values of each variable, none for those that are absent; false if the URI is no expansion of
// the template.
func (p *uriPattern) match(uri string) ([][]string, bool) {
	if !strings.HasPrefix(uri, p.prefix) {
		return nil, false
	}
	found, ok := p.follow(uri, false)
	if !ok {
		if found, ok = p.follow(uri, true); !ok {
			return nil, false
		}
	}
	for i, v := range p.variables {
		for j, value := range found[i] {
			decoded, err := unescape(value)
			if err != nil || v.max > 0 && utf8.RuneCountInString(decoded) > v.max {
				return nil, false
			}
			found[i][j] = decoded
		}
		if len(found[i]) == 1 && found[i][0] == "" && !v.form.pairs {
			found[i] = nil // as good as absent
		}
	}
	return found, true
}

// follow matches as written, without decoding.
func (p *uriPattern) follow(uri string, lenient bool) ([][]string, bool) {
	// Of each place and step, whether the end can be reached from there.
	width := (len(p.steps) + 63) / 64
	reach := make([]uint64, (len(uri)+1)*width)
	can := func(at, step int) bool { return has(reach[at*width:], step) }
	for at := len(uri); at >= 0; at-- {
		here := reach[at*width : (at+1)*width]
		for i := range p.steps {
			s, ok := &p.steps[i], false
			switch s.op {
			case opMatch:
				ok = at == len(uri)
			case opText:
				ok = strings.HasPrefix(uri[at:], s.text) && has(reach[(at+len(s.text))*width:], s.next)
			case opOne:
				n := s.class.unit(uri, at, lenient)
				ok = n > 0 && has(reach[(at+n)*width:], s.next)
			case opRun:
				if ok = has(here, s.next); !ok {
					n := s.class.unit(uri, at, lenient)
					ok = n > 0 && has(reach[(at+n)*width:], i)
				}
			case opEither:
				ok = has(here, s.next) || has(here, s.other)
			default:
				ok = has(here, s.next)
			}
			if ok {
				here[i/64] |= 1 << (i % 64)
			}
		}
	}
	if !can(0, p.start) {
		return nil, false
	}
	found := make([][]string, len(p.variables))
	at, begin := 0, 0
	for i := p.start; p.steps[i].op != opMatch; {
		switch s := &p.steps[i]; s.op {
		case opText:
			at += len(s.text)
			i = s.next
		case opOne:
			at += s.class.unit(uri, at, lenient)
			i = s.next
		case opRun:
			if n := s.class.unit(uri, at, lenient); n > 0 && can(at+n, i) {
				at += n
			} else {
				i = s.next
			}
		case opEither:
			if i = s.next; !can(at, i) {
				i = s.other
			}
		case opBegin:
			begin = at
			i = s.next
		default:
			found[s.variable] = append(found[s.variable], uri[begin:at])
			i = s.next
		}
	}
	return found, true
}

// has reports whether a set of steps has one.
func has(set []uint64, step int) bool { return set[step/64]>>(step%64)&1 != 0 }

// unit gives the length of the character at a place if it is of the class: 3 for an escaped byte; 0 if it is not.
func (c *patternByte) unit(uri string, at int, lenient bool) int {
	if at == len(uri) {
		return 0
	}
	switch b := uri[at]; {
	case b == '%':
		if at+2 < len(uri) && isHex(uri[at+1]) && isHex(uri[at+2]) {
			return 3
		}
		return 0
	case c.strict[b], lenient && c.lenient[b]:
		return 1
	}
	return 0
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

var errNotText = errors.New("expected UTF-8 in valid escapes")

// unescape resolves the escapes of a part of a URI.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '%') >= 0 {
		b := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] != '%' {
				b = append(b, s[i])
				continue
			}
			n, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8)
			if err != nil || i+2 >= len(s) {
				return "", errNotText
			}
			b = append(b, byte(n))
			i += 2
		}
		s = string(b)
	}
	if !utf8.ValidString(s) {
		return "", errNotText
	}
	return s, nil
}
