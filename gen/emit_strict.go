package main

import (
	"slices"

	"github.com/dave/jennifer/jen"
)

// Where several revisions are united, a member may be required by one and not by another. Validate
// then asks only for what all require; what follows emits the check of one revision's own demands.

// strictTypes are the types whose values a revision may refuse although Validate accepts them: those
// with such a member, and those that hold one of them.
func (e *emitter) strictTypes() map[*goType]bool {
	strict := map[*goType]bool{}
	for again := true; again; {
		again = false
		for _, t := range e.p.Types {
			if strict[t] {
				continue
			}
			for _, fl := range t.Fields {
				if e.onlySomeRequire(fl) || reachesStrict(fl.Type, strict) {
					strict[t], again = true, true
				}
			}
			for _, br := range t.Branches {
				if strict[br.To] {
					strict[t], again = true, true
				}
			}
		}
	}
	return strict
}

func (e *emitter) onlySomeRequire(f *field) bool {
	return !f.Required && f.Const == nil && len(f.RequiredIn) > 0
}

func reachesStrict(r *ref, strict map[*goType]bool) bool {
	for ; r != nil; r = r.Elem {
		if r.Form == formNamed && strict[r.To] {
			return true
		}
	}
	return false
}

// strictChecks emits Revision.Validate and, for each strict type, what it calls.
func (e *emitter) strictChecks(f *jen.File) {
	strict := e.strictTypes()
	f.Line().Add(comment("Validate is v.Validate and, beyond it, what this revision alone requires of v.")).
		Func().Params(jen.Id("r").Op("*").Id("Revision")).Id("Validate").
		Params(jen.Id("v").Interface(jen.Id("Validate").Params().Error())).Error().BlockFunc(func(g *jen.Group) {
		if len(strict) == 0 {
			g.Return(jen.Id("v").Dot("Validate").Call())
			return
		}
		g.If(jen.Err().Op(":=").Id("v").Dot("Validate").Call(), jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err()))
		g.Return(jen.Id("validateIn").Call(jen.Id("r"), jen.Id("v")))
	}).Line()
	if len(strict) == 0 {
		return
	}
	f.Comment("// validateIn checks what revision r alone requires of v, if there is such a thing.")
	f.Func().Id("validateIn").Params(jen.Id("r").Op("*").Id("Revision"), jen.Id("v").Any()).Error().Block(
		jen.If(jen.List(jen.Id("v"), jen.Id("ok")).Op(":=").Id("v").Assert(jen.Interface(jen.Id("validateIn").Params(jen.Op("*").Id("Revision")).Error())), jen.Id("ok")).
			Block(jen.Return(jen.Id("v").Dot("validateIn").Call(jen.Id("r")))),
		jen.Return(jen.Nil())).Line()
	for _, t := range e.p.Types {
		switch {
		case strict[t] && t.Kind == structType:
			e.strictStruct(f, t, strict)
		case strict[t] && t.Boxed:
			f.Func().Params(jen.Id("h").Op("*").Id(lowerFirst(t.Name) + "Holder")).Id("validateIn").Params(jen.Id("r").Op("*").Id("Revision")).Error().Block(
				jen.Return(jen.Id("validateIn").Call(jen.Id("r"), jen.Id("h").Dot("value")))).Line()
		}
	}
}

func (e *emitter) strictStruct(f *jen.File, t *goType, strict map[*goType]bool) {
	f.Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("validateIn").Params(jen.Id("r").Op("*").Id("Revision")).Error().BlockFunc(func(g *jen.Group) {
		g.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(jen.Nil()))
		for _, fl := range t.Fields {
			if e.onlySomeRequire(fl) {
				g.If(e.isOneOf(fl.RequiredIn).Op("&&").Add(absent(fl))).Block(
					jen.Return(wireID("Invalid").Call(jen.Lit(fl.JSON), jen.Lit("a value, which revision ").Op("+").Id("r").Dot("Name").Op("+").Lit(" requires"))))
			}
			if reachesStrict(fl.Type, strict) {
				src := func() *jen.Statement { return jen.Id("v").Dot(fl.Name) }
				strictValue(g, src, fl.Type, func(err jen.Code) *jen.Statement { return wireID("AtField").Call(jen.Lit(fl.JSON), err) })
			}
		}
		g.Return(jen.Nil())
	}).Line()
}

// isOneOf is true if r is one of the revisions, ready for &&.
func (e *emitter) isOneOf(revisions []string) *jen.Statement {
	var out *jen.Statement
	n := 0
	for _, r := range e.p.Revisions {
		if !slices.Contains(revisions, r.Name) {
			continue
		}
		same := jen.Id("r").Op("==").Id(revisionVar(r))
		n++
		if out == nil {
			out = same
		} else {
			out = out.Op("||").Add(same)
		}
	}
	if n > 1 {
		return jen.Parens(out)
	}
	return out
}

// strictValue checks a value, or each of its elements; at says where an error is.
func strictValue(g *jen.Group, src func() *jen.Statement, r *ref, at func(jen.Code) *jen.Statement) {
	index, key, value := "i"+level(r.Elem), "name"+level(r.Elem), "elem"+level(r.Elem)
	switch r.Form {
	case formNamed:
		if r.To.Kind == structType {
			g.If(jen.Err().Op(":=").Add(src()).Dot("validateIn").Call(jen.Id("r")), jen.Err().Op("!=").Nil()).Block(jen.Return(at(jen.Err())))
			return
		}
		g.If(jen.Err().Op(":=").Id("validateIn").Call(jen.Id("r"), src()), jen.Err().Op("!=").Nil()).Block(jen.Return(at(jen.Err())))
	case formMap:
		g.For(jen.List(jen.Id(key), jen.Id(value)).Op(":=").Range().Add(src())).BlockFunc(func(g *jen.Group) {
			strictValue(g, func() *jen.Statement { return jen.Id(value) }, r.Elem, func(err jen.Code) *jen.Statement {
				return at(wireID("AtField").Call(jen.Id(key), err))
			})
		})
	case formEntries:
		g.For(jen.Id(index).Op(":=").Range().Add(src())).BlockFunc(func(g *jen.Group) {
			elem := func() *jen.Statement { return src().Index(jen.Id(index)) }
			strictValue(g, func() *jen.Statement { return elem().Dot("Value") }, r.Elem, func(err jen.Code) *jen.Statement {
				return at(wireID("AtField").Call(elem().Dot("Name"), err))
			})
		})
	default:
		g.For(jen.Id(index).Op(":=").Range().Add(src())).BlockFunc(func(g *jen.Group) {
			strictValue(g, func() *jen.Statement { return src().Index(jen.Id(index)) }, r.Elem, func(err jen.Code) *jen.Statement {
				return at(wireID("AtField").Call(jen.Qual("strconv", "Itoa").Call(jen.Id(index)), err))
			})
		})
	}
}
