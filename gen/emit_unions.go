package main

import (
	"strings"

	"github.com/dave/jennifer/jen"
)

func (e *emitter) unionsFile() error {
	f := e.file()
	for _, t := range e.p.Types {
		if t.Kind == unionType {
			e.unionType(f, t)
			e.unionDecode(f, t)
			e.unionHelpers(f, t)
			if t.Boxed {
				e.unionBox(f, t)
			}
		}
	}
	return e.add("unions.go", f)
}

func unknownBranch(t *goType) string { return "Unknown" + t.Name }

func isMethod(t *goType) string { return "is" + t.Name }

func article(name string) string {
	if strings.ContainsAny(name[:1], "AEIO") {
		return "an " + name
	}
	return "a " + name
}

// unionType declares the interface and its branches.
func (e *emitter) unionType(f *jen.File, t *goType) {
	var names []string
	for _, br := range t.Branches {
		if br.To != nil {
			names = append(names, "*"+br.To.Name)
		} else {
			names = append(names, br.Wrapper)
		}
	}
	names = append(names, "*"+unknownBranch(t))
	f.Add(e.typeComment(t, "It is one of "+strings.Join(names, ", ")+".")).Type().Id(t.Name).Interface(
		wireID("Appender"),
		jen.Comment("// Validate reports what Go's types cannot rule out."),
		jen.Id("Validate").Params().Error(),
		jen.Id(isMethod(t)).Params(),
	).Line()
	for _, br := range t.Branches {
		if br.To != nil {
			f.Func().Params(jen.Op("*").Id(br.To.Name)).Id(isMethod(t)).Params().Block()
		} else {
			f.Func().Params(jen.Id(br.Wrapper)).Id(isMethod(t)).Params().Block()
		}
	}
	unknown := unknownBranch(t)
	f.Func().Params(jen.Op("*").Id(unknown)).Id(isMethod(t)).Params().Block().Line()
	for _, br := range t.Branches {
		if br.Scalar != nil {
			e.scalarBranch(f, t, br)
		}
	}
	f.Add(comment(unknown + " is a branch of " + t.Name + " that this build does not know, as it came.")).Type().Id(unknown).Struct(jen.Id("Raw").Add(wireID("Raw"))).Line()
	f.Comment("// AppendJSON appends what came. A nil v is null.")
	f.Func().Params(jen.Id("v").Op("*").Id(unknown)).Id("AppendJSON").Params(jen.Id("b").Index().Byte()).Index().Byte().Block(
		jen.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(appendLit("null"))),
		jen.Return(jen.Id("v").Dot("Raw").Dot("AppendJSON").Call(jen.Id("b")))).Line()
	f.Comment("// Validate reports a branch without a value.")
	f.Func().Params(jen.Id("v").Op("*").Id(unknown)).Id("Validate").Params().Error().Block(
		jen.If(jen.Id("v").Op("==").Nil().Op("||").Id("v").Dot("Raw").Dot("IsZero").Call()).Block(jen.Return(wireID("Nil").Call())),
		jen.Return(jen.Nil())).Line()
}

// scalarBranch wraps a string, number, boolean or list so that it can be a branch.
func (e *emitter) scalarBranch(f *jen.File, t *goType, br *branch) {
	f.Add(comment(br.Wrapper + " is " + article(t.Name) + " of the JSON kind " + br.Kind + ".")).Type().Id(br.Wrapper).Add(typeCode(br.Scalar)).Line()
	bare := func() *jen.Statement { return jen.Add(typeCode(br.Scalar)).Call(jen.Id("v")) }
	if br.Scalar.Form == formSlice {
		bare = func() *jen.Statement { return jen.Id("v") }
	}
	f.Comment("// AppendJSON appends v to b.")
	f.Func().Params(jen.Id("v").Id(br.Wrapper)).Id("AppendJSON").Params(jen.Id("b").Index().Byte()).Index().Byte().BlockFunc(func(g *jen.Group) {
		appendValue(g, bare, br.Scalar)
		g.Return(jen.Id("b"))
	}).Line()
	f.Comment("// Validate reports what Go's types cannot rule out.")
	f.Func().Params(jen.Id("v").Id(br.Wrapper)).Id("Validate").Params().Error().BlockFunc(func(g *jen.Group) {
		same := func(err jen.Code) *jen.Statement { return jen.Add(err) }
		for _, code := range e.checks(bare, br.Scalar, "", same) {
			g.Add(code)
		}
		g.Return(jen.Nil())
	}).Line()
}

var kindConstants = map[string]string{"string": "KindString", "number": "KindNumber", "boolean": "KindBool", "array": "KindArray"}

// unionDecode reads a union: by JSON kind first, then by what tells its objects apart.
func (e *emitter) unionDecode(f *jen.File, t *goType) {
	f.Func().Id("decode" + t.Name).Params(jen.Id("d").Op("*").Add(wireID("Decoder"))).Id(t.Name).BlockFunc(func(g *jen.Group) {
		objects := false
		scalars := 0
		for _, br := range t.Branches {
			objects = objects || br.To != nil
			if br.Scalar != nil {
				scalars++
			}
		}
		always := false // an object is one of the branches that are known
		if scalars > 0 {
			g.Switch(jen.Id("d").Dot("Kind").Call()).BlockFunc(func(g *jen.Group) {
				for _, br := range t.Branches {
					if br.Scalar != nil {
						g.Case(wireID(kindConstants[br.Kind])).BlockFunc(func(g *jen.Group) {
							if x := decodeExpr(br.Scalar); x != nil {
								g.Return(jen.Id(br.Wrapper).Call(x))
								return
							}
							g.Id("v").Op(":=").Id(br.Wrapper).Values()
							decodeElements(g, func() *jen.Statement { return jen.Id("v") }, br.Scalar.Elem)
							g.Return(jen.Id("v"))
						})
					}
				}
				if objects {
					g.Case(wireID("KindObject")).BlockFunc(func(g *jen.Group) { e.pickObject(g, t) })
				}
			})
		} else if objects {
			always = e.pickObject(g, t)
		}
		if always {
			return
		}
		raw := "Raw"
		if scalars == 0 {
			raw = "RawObject"
		}
		g.Return(jen.Op("&").Id(unknownBranch(t)).Values(jen.Dict{jen.Id("Raw"): jen.Id("d").Dot(raw).Call()}))
	}).Line()
}

// pickObject returns the branch that an object is, if it is one that is known. It reports whether it
// always is.
func (e *emitter) pickObject(g *jen.Group, t *goType) bool {
	if t.Pick.Member == "" {
		return e.tests(g, t.Pick.Absent)
	}
	g.List(jen.Id("kind"), jen.Id("ok")).Op(":=").Id("d").Dot("PeekString").Call(jen.Lit(t.Pick.Member))
	if len(t.Pick.Absent) > 0 {
		g.If(jen.Op("!").Id("ok")).BlockFunc(func(g *jen.Group) { e.tests(g, t.Pick.Absent) })
	} else {
		g.If(jen.Op("!").Id("ok")).Block(
			jen.Id("d").Dot("Fail").Call(jen.Lit("an object whose member \""+t.Pick.Member+"\" is a string")),
			jen.Return(jen.Nil()))
	}
	g.Switch(jen.String().Call(jen.Id("kind"))).BlockFunc(func(g *jen.Group) {
		for _, c := range t.Pick.Cases {
			var values []jen.Code
			for _, v := range c.Values {
				values = append(values, jen.Lit(v))
			}
			g.Case(values...).BlockFunc(func(g *jen.Group) {
				if !e.tests(g, c.Tests) {
					g.Id("d").Dot("Fail").Call(jen.Lit("an object that is one of " + branchWords(c.Tests)))
					g.Return(jen.Nil())
				}
			})
		}
	})
	return false
}

// branchWords lists how the branches of one kind are told apart.
func branchWords(tests []*pickTest) string {
	var out []string
	for _, t := range tests {
		out = append(out, t.To.Name+" ("+testWords(t)+")")
	}
	return strings.Join(out, ", ")
}

// tests returns the first branch whose test holds. It reports whether the last one always does.
func (e *emitter) tests(g *jen.Group, tests []*pickTest) bool {
	for _, test := range tests {
		read := func(g *jen.Group) {
			g.Id("v").Op(":=").New(jen.Id(test.To.Name))
			g.Id("v").Dot("DecodeJSON").Call(jen.Id("d"))
			g.Return(jen.Id("v"))
		}
		names := test.All
		if len(test.Any) > 0 {
			names = test.Any
		}
		if len(names) == 0 {
			read(g)
			return true
		}
		var args []jen.Code
		method := "PeekHas"
		if test.In != "" {
			method = "PeekHasIn"
			args = append(args, jen.Lit(test.In))
		}
		for _, n := range names {
			args = append(args, jen.Lit(n))
		}
		cond := jen.Id("d").Dot(method).Call(args...)
		if len(test.Any) > 0 {
			cond = cond.Op("!=").Lit(0)
		} else {
			cond = cond.Op("==").Id(hexMask(len(names)))
		}
		g.If(cond).BlockFunc(read)
	}
	return false
}

func (e *emitter) unionHelpers(f *jen.File, t *goType) {
	f.Func().Id("append"+t.Name).Params(jen.Id("b").Index().Byte(), jen.Id("v").Id(t.Name)).Index().Byte().Block(
		jen.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(appendLit("null"))),
		jen.Return(jen.Id("v").Dot("AppendJSON").Call(jen.Id("b")))).Line()
	f.Func().Id("validate"+t.Name).Params(jen.Id("v").Id(t.Name)).Error().Block(
		jen.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(wireID("Nil").Call())),
		jen.Return(jen.Id("v").Dot("Validate").Call())).Line()
	holder := lowerFirst(t.Name) + "Holder"
	f.Add(comment("Unmarshal"+t.Name+" reads "+article(t.Name)+" from one JSON document. Errors are *wire.PathError.")).Func().Id("Unmarshal"+t.Name).Params(jen.Id("data").Index().Byte()).Params(jen.Id(t.Name), jen.Error()).Block(
		jen.Var().Id("h").Id(holder),
		jen.Err().Op(":=").Add(wireID("Decode")).Call(jen.Id("data"), jen.Op("&").Id("h")),
		jen.Return(jen.Id("h").Dot("value"), jen.Err())).Line()
	f.Comment("// " + holder + " is a place that a decoder can fill.")
	f.Type().Id(holder).Struct(jen.Id("value").Id(t.Name)).Line()
	f.Func().Params(jen.Id("h").Op("*").Id(holder)).Id("DecodeJSON").Params(jen.Id("d").Op("*").Add(wireID("Decoder"))).Block(
		jen.Id("h").Dot("value").Op("=").Id("decode" + t.Name).Call(jen.Id("d"))).Line()
}

// unionBox lets a union be the whole params or result of a method.
func (e *emitter) unionBox(f *jen.File, t *goType) {
	holder := lowerFirst(t.Name) + "Holder"
	f.Func().Params(jen.Id("h").Op("*").Id(holder)).Id("AppendJSON").Params(jen.Id("b").Index().Byte()).Index().Byte().Block(
		jen.Return(jen.Id("append"+t.Name).Call(jen.Id("b"), jen.Id("h").Dot("value")))).Line()
	f.Func().Params(jen.Id("h").Op("*").Id(holder)).Id("Validate").Params().Error().Block(
		jen.Return(jen.Id("validate" + t.Name).Call(jen.Id("h").Dot("value")))).Line()
}
