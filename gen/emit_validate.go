package main

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
)

// validateFile gives the structs of a feature their validators.
func (e *emitter) validateFile(feature string, types []*goType) error {
	f := e.file()
	n := 0
	for _, t := range types {
		if t.Kind == structType {
			e.validate(f, t)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return e.add("validate_"+feature+".go", f)
}

func (e *emitter) validate(f *jen.File, t *goType) {
	f.Comment("// Validate reports the first thing in v that its type cannot rule out, as a *wire.PathError.")
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("Validate").Params().Error().BlockFunc(func(g *jen.Group) {
		g.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(wireID("Nil").Call()))
		var known []jen.Code
		for _, fl := range t.Fields {
			known = append(known, jen.Lit(fl.JSON))
			if fl.Const == nil {
				e.validateField(g, fl)
			}
		}
		if len(known) > 0 {
			g.For(jen.List(jen.Id("_"), jen.Id("m")).Op(":=").Range().Id("v").Dot(unknownField)).Block(
				jen.Switch(jen.Id("m").Dot("Name")).Block(jen.Case(known...).Block(
					jen.Return(wireID("KnownMember").Call(jen.Id("m").Dot("Name"))))))
		}
		g.Return(jen.Nil())
	}).Line()
}

// validateField checks one member, where it is present.
func (e *emitter) validateField(g *jen.Group, f *field) {
	src := deref(f)
	if f.Type.Form == formNamed || f.Type.Form == formBase64 {
		src = func() *jen.Statement { return jen.Id("v").Dot(f.Name) } // a method looks behind a pointer
	}
	at := func(err jen.Code) *jen.Statement { return wireID("AtField").Call(jen.Lit(f.JSON), err) }
	missing := func(cond *jen.Statement, expected string) {
		g.If(cond).Block(jen.Return(wireID("Invalid").Call(jen.Lit(f.JSON), jen.Lit(expected))))
	}
	if f.Required && !f.Nullable {
		switch {
		case f.Type.Form == formAny:
			missing(src().Dot("IsZero").Call(), "a value")
		case f.Type.Form == formObject:
			missing(src().Dot("Kind").Call().Op("!=").Add(wireID("KindObject")), "an object")
			return
		case f.Type.Form == formID:
			missing(src().Dot("IsZero").Call(), "a string or an integer")
		case f.Type.Form == formNamed && f.Type.To.Kind == unionType:
			missing(src().Op("==").Nil(), "a value")
		}
		for _, code := range e.checks(src, f.Type, f.JSON, at) {
			g.Add(code)
		}
		return
	}
	codes := e.checks(src, f.Type, f.JSON, at)
	if len(codes) == 0 {
		return
	}
	if f.Type.Form == formSlice || f.Type.Form == formMap || f.Type.Form == formEntries || f.Type.Form == formOneOrMany {
		if !bounded(f.Type) {
			for _, code := range codes {
				g.Add(code) // an absent list has no elements to check
			}
			return
		}
	}
	g.If(present(f)).Block(codes...)
}

func bounded(r *ref) bool { return r.MinItems > 0 || r.MaxItems > 0 }

// checks lists the checks of a value; at says where an error is.
func (e *emitter) checks(src func() *jen.Statement, r *ref, name string, at func(jen.Code) *jen.Statement) []jen.Code {
	var out []jen.Code
	expect := func(fails *jen.Statement, expected string) {
		out = append(out, jen.If(fails).Block(jen.Return(at(wireID("Expected").Call(jen.Lit(expected))))))
	}
	nested := func() {
		out = append(out, jen.If(jen.Id("err").Op(":=").Add(src()).Dot("Validate").Call(), jen.Id("err").Op("!=").Nil()).
			Block(jen.Return(at(jen.Id("err")))))
	}
	switch r.Form {
	case formObject:
		expect(src().Dot("Kind").Call().Op("!=").Add(wireID("KindObject")), "an object")
	case formBase64:
		nested()
	case formNamed:
		if r.To.Kind == unionType {
			out = append(out, jen.If(jen.Id("err").Op(":=").Id("validate"+r.To.Name).Call(src()), jen.Id("err").Op("!=").Nil()).
				Block(jen.Return(at(jen.Id("err")))))
			break
		}
		nested()
	case formFloat:
		if r.Min == nil && r.Max == nil {
			expect(jen.Op("!").Add(wireID("IsFinite").Call(src())), "a finite number")
		}
	case formString:
		switch r.Format {
		case "uri":
			expect(jen.Op("!").Add(wireID("IsURI").Call(src())), "an absolute URI")
		case "uri-template":
			expect(jen.Op("!").Add(wireID("IsURITemplate").Call(src())), "a URI template (RFC 6570)")
		}
		if r.MinLen > 0 || r.MaxLen > 0 {
			count := func() *jen.Statement { return jen.Qual("unicode/utf8", "RuneCountInString").Call(src()) }
			e.countCheck(expect, count, r.MinLen, r.MaxLen, "characters")
		}
	case formSlice, formOneOrMany, formMap, formEntries:
		if bounded(r) {
			e.countCheck(expect, func() *jen.Statement { return jen.Len(src()) }, r.MinItems, r.MaxItems, "elements")
		}
		out = append(out, e.elementChecks(src, r, name, at)...)
	}
	if r.Min != nil || r.Max != nil {
		expect(outOfBounds(src, r), boundWords(r))
	}
	return out
}

func (e *emitter) countCheck(expect func(*jen.Statement, string), count func() *jen.Statement, low, high int, what string) {
	words := func(bound string, n int) string {
		if n == 1 {
			return fmt.Sprintf("%s 1 %s", bound, strings.TrimSuffix(what, "s"))
		}
		return fmt.Sprintf("%s %d %s", bound, n, what)
	}
	if low > 0 {
		expect(count().Op("<").Lit(low), words("at least", low))
	}
	if high > 0 {
		expect(count().Op(">").Lit(high), words("at most", high))
	}
}

// elementChecks checks the elements of a list or an object of values.
func (e *emitter) elementChecks(src func() *jen.Statement, r *ref, name string, at func(jen.Code) *jen.Statement) []jen.Code {
	index, key, value := "i"+level(r.Elem), "name"+level(r.Elem), "elem"+level(r.Elem)
	elem := func() *jen.Statement { return src().Index(jen.Id(index)) }
	place := func(err jen.Code) *jen.Statement {
		return at(wireID("AtField").Call(jen.Qual("strconv", "Itoa").Call(jen.Id(index)), err))
	}
	if name != "" {
		place = func(err jen.Code) *jen.Statement {
			return wireID("AtIndex").Call(jen.Lit(name), jen.Id(index), err)
		}
	}
	loop := jen.Id(index).Op(":=").Range().Add(src())
	switch r.Form {
	case formMap:
		elem = func() *jen.Statement { return jen.Id(value) }
		place = func(err jen.Code) *jen.Statement { return at(wireID("AtField").Call(jen.Id(key), err)) }
		loop = jen.List(jen.Id(key), jen.Id(value)).Op(":=").Range().Add(src())
	case formEntries:
		elem = func() *jen.Statement { return src().Index(jen.Id(index)).Dot("Value") }
		place = func(err jen.Code) *jen.Statement {
			return at(wireID("AtField").Call(src().Index(jen.Id(index)).Dot("Name"), err))
		}
	}
	checks := e.checks(elem, r.Elem, "", place)
	if len(checks) == 0 {
		return nil
	}
	return []jen.Code{jen.For(loop).Block(checks...)}
}

// outOfBounds is true for what is not within the bounds, NaN included.
func outOfBounds(src func() *jen.Statement, r *ref) *jen.Statement {
	var within *jen.Statement
	if r.Min != nil {
		within = src().Op(">=").Lit(bound(r, *r.Min))
	}
	if r.Max != nil {
		top := src().Op("<=").Lit(bound(r, *r.Max))
		if within != nil {
			within = within.Op("&&").Add(top)
		} else {
			within = top
		}
	}
	return jen.Op("!").Parens(within)
}

// bound is a bound as a number of the member's own type.
func bound(r *ref, v float64) any {
	if r.Form == formInt || v == float64(int(v)) {
		return int(v)
	}
	return v
}

func boundWords(r *ref) string {
	switch {
	case r.Max == nil:
		return fmt.Sprintf("a number of %v or more", *r.Min)
	case r.Min == nil:
		return fmt.Sprintf("a number of %v or less", *r.Max)
	}
	return fmt.Sprintf("a number from %v to %v", *r.Min, *r.Max)
}
