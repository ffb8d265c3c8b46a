package main

import (
	"github.com/dave/jennifer/jen"
)

// fuzzTestFile emits a fuzz target for each direction and each union.
func (e *emitter) fuzzTestFile() error {
	f := e.file()
	for _, s := range sides {
		e.fuzzDirection(f, s)
	}
	for _, t := range e.p.Types {
		if t.Kind == unionType {
			e.fuzzUnion(f, t)
		}
	}
	return e.add("fuzz_test.go", f)
}

// fuzzDirection feeds whole messages to the side that answers them.
func (e *emitter) fuzzDirection(f *jen.File, s side) {
	name := "FuzzMessagesTo" + s.name
	messages := func(pick func(*method) *ref) jen.Code {
		seen := map[string]bool{}
		return jen.Map(jen.String()).Func().Params().Id("message").Values(jen.DictFunc(func(d jen.Dict) {
			for _, m := range e.p.Methods {
				if r := pick(m); r != nil && !isUnion(r) && !seen[m.Name] {
					seen[m.Name] = true // a method may have a row for each revision
					d[jen.Id(methodConst(m))] = jen.Func().Params().Id("message").Block(jen.Return(jen.New(typeCode(r))))
				}
			}
		}))
	}
	f.Comment("// " + name + " decodes arbitrary messages as a " + s.name + " receives them.")
	f.Func().Id(name).Params(jen.Id("f").Op("*").Qual("testing", "F")).Block(
		jen.Id("params").Op(":=").Add(messages(func(m *method) *ref {
			if s.answers(m) {
				return m.Params
			}
			return nil
		})),
		jen.Id("results").Op(":=").Add(messages(func(m *method) *ref {
			if m.FromClient && s.name == "Client" || m.FromServer && s.name == "Server" {
				return m.Result
			}
			return nil
		})),
		jen.For(jen.Id("method").Op(":=").Range().Id("params")).Block(
			jen.Id("f").Dot("Add").Call(jen.Id("exampleMessage").Call(jen.Id("method")))),
		jen.For(jen.List(jen.Id("_"), jen.Id("text")).Op(":=").Range().Id("exampleResults")).Block(
			jen.Id("f").Dot("Add").Call(jen.Index().Byte().Call(jen.Id("text")))),
		jen.Id("f").Dot("Fuzz").Call(jen.Func().Params(jen.Id("t").Op("*").Qual("testing", "T"), jen.Id("data").Index().Byte()).Block(
			jen.Id("fuzzMessage").Call(jen.Id("t"), jen.Id("data"), jen.Id("params"), jen.Id("results")))),
	).Line()
}

func (e *emitter) fuzzUnion(f *jen.File, t *goType) {
	f.Comment("// Fuzz" + t.Name + " decodes arbitrary text as " + article(t.Name) + ".")
	f.Func().Id("Fuzz" + t.Name).Params(jen.Id("f").Op("*").Qual("testing", "F")).BlockFunc(func(g *jen.Group) {
		g.Id("decode").Op(":=").Func().Params(jen.Id("data").Index().Byte()).Params(wireID("Appender"), jen.Error()).Block(
			jen.Return(jen.Id("Unmarshal" + t.Name).Call(jen.Id("data"))))
		g.For(jen.Id("seed").Op(":=").Range().Lit(20)).Block(
			jen.Id("v").Op(":=").Qual(rapidPkg, "Custom").Call(jen.Func().Params(jen.Id("t").Op("*").Qual(rapidPkg, "T")).Id(t.Name).Block(
				jen.Return(jen.Id("draw"+t.Name).Call(jen.Id("t"), jen.Lit(4))))).Dot("Example").Call(jen.Id("seed")),
			jen.Id("f").Dot("Add").Call(jen.Id("v").Dot("AppendJSON").Call(jen.Nil())))
		g.Id("f").Dot("Fuzz").Call(jen.Func().Params(jen.Id("t").Op("*").Qual("testing", "T"), jen.Id("data").Index().Byte()).Block(
			jen.List(jen.Id("v"), jen.Err()).Op(":=").Id("decode").Call(jen.Id("data")),
			jen.If(jen.Err().Op("==").Nil()).Block(jen.Id("survives").Call(jen.Id("t"), jen.Id("data"), jen.Id("v"), jen.Id("decode")))))
	}).Line()
}
