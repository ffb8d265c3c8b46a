package main

import (
	"github.com/dave/jennifer/jen"
)

const rapidPkg = "pgregory.net/rapid"

// propertyTestFile emits, for each struct, arbitrary values and the test that they survive the wire.
func (e *emitter) propertyTestFile() error {
	f := e.file()
	f.ImportName(rapidPkg, "rapid")
	f.Func().Id("TestRoundTrip").Params(jen.Id("t").Op("*").Qual("testing", "T")).BlockFunc(func(g *jen.Group) {
		g.Const().Id("depth").Op("=").Lit(6)
		for _, t := range e.p.Types {
			if t.Kind == unionType {
				g.Id("t").Dot("Run").Call(jen.Lit(t.Name), jen.Func().Params(jen.Id("t").Op("*").Qual("testing", "T")).Block(
					jen.Id("roundTripBranch").Call(jen.Id("t"), jen.Id("draw"+t.Name), jen.Id("Unmarshal"+t.Name))))
			}
			if t.Kind != structType {
				continue
			}
			g.Id("t").Dot("Run").Call(jen.Lit(t.Name), jen.Func().Params(jen.Id("t").Op("*").Qual("testing", "T")).Block(
				jen.Id("zeroIsSafe").Call(jen.Id("t"), jen.New(jen.Id(t.Name)), jen.Parens(jen.Op("*").Id(t.Name)).Call(jen.Nil())),
				jen.Qual(rapidPkg, "Check").Call(jen.Id("t"), jen.Func().Params(jen.Id("t").Op("*").Qual(rapidPkg, "T")).Block(
					jen.Id("v").Op(":=").Id("draw"+t.Name).Call(jen.Id("t"), jen.Id("depth")),
					jen.Id("roundTrip").Call(jen.Id("t"), jen.Op("&").Id("v"), jen.New(jen.Id(t.Name)))))))
		}
	}).Line()
	for _, t := range e.p.Types {
		switch t.Kind {
		case structType:
			e.arbitraryStruct(f, t)
		case unionType:
			e.arbitraryUnion(f, t)
		case enumType:
			var values []jen.Code
			for _, v := range t.Values {
				values = append(values, jen.Id(v.Name))
			}
			arbitrary(f, t.Name).Block(jen.Return(jen.Qual(rapidPkg, "SampledFrom").Call(
				jen.Index().Id(t.Name).Values(values...)).Dot("Draw").Call(jen.Id("t"), jen.Lit("value")))).Line()
		}
	}
	return e.add("property_test.go", f)
}

func arbitrary(f *jen.File, name string) *jen.Statement {
	return f.Func().Id("draw"+name).Params(jen.Id("t").Op("*").Qual(rapidPkg, "T"), jen.Id("depth").Int()).Id(name)
}

func (e *emitter) arbitraryStruct(f *jen.File, t *goType) {
	arbitrary(f, t.Name).BlockFunc(func(g *jen.Group) {
		g.Var().Id("v").Id(t.Name)
		for _, fl := range t.stored() {
			value := arbitraryValue(fl.Type)
			dst := jen.Id("v").Dot(fl.Name)
			if fl.isPointer() {
				value = jen.New(value)
			}
			if fl.Required && !fl.Nullable {
				g.Add(dst).Op("=").Add(value)
				continue
			}
			g.If(jen.Id("maybe").Call(jen.Id("t"), jen.Id("depth"))).Block(dst.Op("=").Add(value))
		}
		g.Id("v").Dot(unknownField).Op("=").Id("arbitraryUnknown").Call(jen.Id("t"), jen.Id("depth"))
		g.Return(jen.Id("v"))
	}).Line()
}

func (e *emitter) arbitraryUnion(f *jen.File, t *goType) {
	must := map[*goType]*field{} // a member without which a branch would not be recognized
	tests := t.Pick.Absent
	for _, c := range t.Pick.Cases {
		tests = append(tests, c.Tests...)
	}
	for _, test := range tests {
		if len(test.Any) > 0 {
			must[test.To] = test.To.member(test.Any[0])
		}
	}
	arbitrary(f, t.Name).BlockFunc(func(g *jen.Group) {
		g.Switch(jen.Qual(rapidPkg, "IntRange").Call(jen.Lit(0), jen.Lit(len(t.Branches)-1)).Dot("Draw").Call(jen.Id("t"), jen.Lit("branch"))).BlockFunc(func(g *jen.Group) {
			for i, br := range t.Branches {
				g.Case(jen.Lit(i)).BlockFunc(func(g *jen.Group) {
					if br.Scalar != nil {
						g.Return(jen.Id(br.Wrapper).Call(arbitraryValue(br.Scalar)))
						return
					}
					g.Id("v").Op(":=").Id("draw"+br.To.Name).Call(jen.Id("t"), jen.Id("depth").Op("-").Lit(1))
					if fl := must[br.To]; fl != nil {
						value := arbitraryValue(fl.Type)
						if fl.isPointer() {
							value = jen.New(value)
						}
						g.Id("v").Dot(fl.Name).Op("=").Add(value)
					}
					g.Return(jen.Op("&").Id("v"))
				})
			}
		})
		if t.Pick.Member == "" {
			g.Panic(jen.Lit("no such branch"))
			return
		}
		unknown := jen.Lit(`{` + constJSON(t.Pick.Member) + `:"of a later revision"}`)
		g.Return(jen.Op("&").Id(unknownBranch(t)).Values(jen.Dict{jen.Id("Raw"): wireID("MustRaw").Call(unknown)}))
	}).Line()
}

// arbitraryValue is an expression that makes a valid value from t and depth.
func arbitraryValue(r *ref) *jen.Statement {
	t := jen.Id("t")
	draw := func(generator string, args ...jen.Code) *jen.Statement {
		return jen.Qual(rapidPkg, generator).Call(args...).Dot("Draw").Call(t, jen.Lit("value"))
	}
	each := func() *jen.Statement {
		return jen.Func().Params(t.Clone().Op("*").Qual(rapidPkg, "T"), jen.Id("depth").Int()).Add(typeCode(r.Elem)).Block(jen.Return(arbitraryValue(r.Elem)))
	}
	switch r.Form {
	case formAny:
		return jen.Id("arbitraryRaw").Call(t)
	case formObject:
		return jen.Id("arbitraryRawObject").Call(t)
	case formMembers:
		return jen.Id("arbitraryMembers").Call(t, jen.Lit(""))
	case formString:
		switch {
		case r.Format == "uri":
			return jen.Id("arbitraryURI").Call(t)
		case r.Format == "uri-template":
			return jen.Id("arbitraryURITemplate").Call(t)
		case r.MinLen > 0 || r.MaxLen > 0:
			return draw("StringN", jen.Lit(r.MinLen), jen.Lit(max(r.MaxLen, r.MinLen)), jen.Lit(-1))
		}
		return jen.Id("arbitraryText").Call(t)
	case formBool:
		return draw("Bool")
	case formInt:
		if r.Min != nil && r.Max != nil {
			return draw("Int64Range", jen.Lit(int(*r.Min)), jen.Lit(int(*r.Max)))
		}
		if r.Min != nil {
			return draw("Int64Min", jen.Lit(int(*r.Min)))
		}
		if r.Max != nil {
			return draw("Int64Max", jen.Lit(int(*r.Max)))
		}
		return draw("Int64")
	case formFloat:
		if r.Min != nil && r.Max != nil {
			return draw("Float64Range", jen.Lit(*r.Min), jen.Lit(*r.Max))
		}
		if r.Min != nil {
			return draw("Float64Min", jen.Lit(*r.Min))
		}
		if r.Max != nil {
			return draw("Float64Max", jen.Lit(*r.Max))
		}
		return jen.Id("arbitraryNumber").Call(t)
	case formID:
		return jen.Id("arbitraryID").Call(t)
	case formBase64:
		return jen.Id("arbitraryBase64").Call(t)
	case formSlice, formOneOrMany:
		high := r.MinItems + 2
		if r.MaxItems > 0 {
			high = min(high, r.MaxItems)
		}
		return jen.Id("listOf").Call(t, jen.Id("depth"), jen.Lit(r.MinItems), jen.Lit(high), each())
	case formMap:
		return jen.Id("mapOf").Call(t, jen.Id("depth"), each())
	case formEntries:
		return jen.Id("entriesOf").Call(t, jen.Id("depth"), each())
	}
	return jen.Id("draw"+r.To.Name).Call(t, jen.Id("depth").Op("-").Lit(1))
}
