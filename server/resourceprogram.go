package server

import "strings"

// The program of a uriPattern is written from the end: every function gets the number of the step to go on with and gives
// the one to start from.

func (p *uriPattern) emit(s patternStep) int {
	p.steps = append(p.steps, s)
	return len(p.steps) - 1
}

func (p *uriPattern) text(s string, next int) int {
	if s == "" {
		return next
	}
	return p.emit(patternStep{op: opText, text: s, next: next})
}

func (p *uriPattern) either(first, second int) int {
	return p.emit(patternStep{op: opEither, next: first, other: second})
}

// compile writes an expression: its variables, each of which may be absent, the first that is there after the operator's
// first text, the others after its separator.
func (p *uriPattern) compile(e patternExpression, next int) int {
	if len(e.variables) == 0 {
		return p.text(e.text, next)
	}
	none, some := next, next // where to go on when nothing was there so far, and when something was
	for i := len(e.variables) - 1; i >= 0; i-- {
		v := e.variables[i]
		value := p.compileVariable(&e, v, some)
		none2, some2 := p.text(e.operator.first, value), p.text(e.operator.sep, value)
		if !v.form.required {
			none2, some2 = p.either(none2, none), p.either(some2, some)
		}
		none, some = none2, some2
	}
	return none
}

// compileVariable writes what stands for a variable that is there.
func (p *uriPattern) compileVariable(e *patternExpression, v patternSpec, next int) int {
	o := e.operator
	name := ""
	if o.named {
		name = v.name
	}
	switch {
	case v.form.pairs && v.explode:
		again := p.emit(patternStep{op: opText, text: o.sep})
		value := p.value(v, e.class(o.sep), false, p.either(again, next))
		start := p.value(v, e.class(o.sep+"="), true, p.text("=", value))
		p.steps[again].next = start
		return start
	case v.explode:
		class := e.class(o.sep)
		again := p.emit(patternStep{op: opText, text: o.sep})
		start := p.value(v, class, v.form.required, p.either(again, next))
		if name != "" {
			start = p.text(name+"=", start)
		}
		p.steps[again].next = start
		return start
	case v.form.list || v.form.pairs:
		class := e.class(",")
		again := p.emit(patternStep{op: opText, text: ","})
		start := p.value(v, class, v.form.required, p.either(again, next))
		p.steps[again].next = start
		if name != "" {
			start = p.text(name+"=", start)
		}
		return start
	}
	separators := ""
	if len(e.variables) > 1 {
		separators = o.sep
	}
	class := e.class(separators)
	switch {
	case name == "":
		return p.value(v, class, v.form.required, next)
	case !o.bare:
		return p.text(name+"=", p.value(v, class, v.form.required, next))
	}
	start := p.text("=", p.value(v, class, true, next))
	if !v.form.required {
		nothing := p.emit(patternStep{op: opBegin, next: p.emit(patternStep{op: opEnd, variable: v.index, next: next})})
		start = p.either(start, nothing)
	}
	return p.text(name, start)
}

// value writes one value.
func (p *uriPattern) value(v patternSpec, class *patternByte, notEmpty bool, next int) int {
	i := p.emit(patternStep{op: opEnd, variable: v.index, next: next})
	i = p.emit(patternStep{op: opRun, class: class, next: i})
	if notEmpty {
		i = p.emit(patternStep{op: opOne, class: class, next: i})
	}
	return p.emit(patternStep{op: opBegin, next: i})
}

// class gives what may be in a value that is followed by one of the separators, or by none. Leniently, what has to be a
// separator elsewhere may be in it.
func (e *patternExpression) class(separators string) *patternByte {
	c := &patternByte{}
	for b := range 256 {
		// What no URI has is kept out by whoever takes a URI in. Letters beyond ASCII need no escapes here.
		other := b >= 0x80
		c.strict[b] = (other || strings.IndexByte(e.operator.allowed, byte(b)) >= 0) && strings.IndexByte(separators, byte(b)) < 0
		c.lenient[b] = other || b > ' ' && strings.IndexByte(e.operator.never, byte(b)) < 0
	}
	return c
}
