package main

import (
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"
)

func (e *emitter) docFile() error {
	f := e.file()
	names := ""
	for i, r := range e.p.Revisions {
		if i > 0 {
			names += ", "
		}
		names += r.Name
	}
	for _, line := range []string{
		"Package " + e.pkg + " is the Model Context Protocol in Go: every message, codec, validator, method and",
		"handler interface of the protocol's revision " + names + ", generated from its schema.",
		"",
		"Objects are structs. Required members stand first; an optional one is absent if its field is nil or",
		"zero. Members that the schema does not name are kept in Unknown, in order, and written back.",
		"Unions are sealed interfaces whose branches are pointers; a branch that this build does not know is",
		"kept whole in a type of its own, so that gateways pass it on.",
		"",
		"Decoding is strict (see package wire). Validate reports what Go's types cannot rule out. No type here",
		"is safe for concurrent use while it is being changed.",
	} {
		f.PackageComment("// " + line)
	}
	return e.add("doc.go", f)
}

// typesFile declares the structs and aliases of a feature.
func (e *emitter) typesFile(feature string, types []*goType) error {
	f := e.file()
	n := 0
	for _, t := range types {
		switch t.Kind {
		case aliasType:
			f.Add(e.typeComment(t)).Type().Id(t.Name).Op("=").Add(typeCode(t.Alias)).Line()
		case structType:
			f.Add(e.typeComment(t)).Type().Id(t.Name).StructFunc(func(g *jen.Group) { e.fields(g, t) }).Line()
		default:
			continue
		}
		n++
	}
	if n == 0 {
		return nil
	}
	return e.add("types_"+feature+".go", f)
}

// typeComment says what a type is and, where the names differ, which definition it is.
func (e *emitter) typeComment(t *goType, more ...string) *jen.Statement {
	text := []string{sentence(t.Name, t.Doc) + sinceWords(t.Since) + e.only(t.Revisions)}
	if len(t.Path) == 0 && t.Def != t.Name && t.Kind != aliasType {
		more = append(more, "In the schema: "+t.Def+".")
	}
	return comment(append(text, more...)...)
}

func (e *emitter) fields(g *jen.Group, t *goType) {
	for _, fl := range t.stored() {
		doc := endSentence(fl.Doc) + sinceWords(fl.Since) + e.onlyWithin(t, fl.Revisions)
		if fl.Required && !strings.Contains(doc, "Required") {
			doc += " Required."
		}
		g.Add(comment(doc)).Id(fl.Name).Add(fieldType(fl))
	}
	g.Add(comment("Members that the schema does not name, in order.")).Id(unknownField).Add(wireID("Object"))
}

func (e *emitter) enumsFile() error {
	f := e.file()
	for _, t := range e.p.Types {
		if t.Kind != enumType {
			continue
		}
		f.Add(e.typeComment(t)).Type().Id(t.Name).String().Line()
		f.Comment("// The values of " + t.Name + ".").Line().Const().DefsFunc(func(g *jen.Group) {
			for _, v := range t.Values {
				if doc := strings.TrimSpace(endSentence(v.Doc) + e.onlyWithin(t, v.Revisions)); doc != "" {
					g.Add(comment(doc)).Id(v.Name).Id(t.Name).Op("=").Lit(v.Value)
					continue
				}
				g.Id(v.Name).Id(t.Name).Op("=").Lit(v.Value)
			}
		}).Line()
		e.enumValidate(f, t)
		if t.Rank != "" {
			e.enumRank(f, t)
		}
	}
	return e.add("enums.go", f)
}

func (e *emitter) enumValidate(f *jen.File, t *goType) {
	var names []jen.Code
	expected := "one of "
	for i, v := range t.Values {
		names = append(names, jen.Id(v.Name))
		if i > 0 {
			expected += ", "
		}
		expected += v.Value
	}
	f.Comment("// Validate reports a value that is none of the constants.")
	f.Func().Params(jen.Id("v").Id(t.Name)).Id("Validate").Params().Error().Block(
		jen.Switch(jen.Id("v")).Block(jen.Case(names...).Block(jen.Return(jen.Nil()))),
		jen.Return(wireID("NotOneOf").Call(jen.String().Call(jen.Id("v")), jen.Lit(expected))),
	).Line()
}

func (e *emitter) enumRank(f *jen.File, t *goType) {
	f.Comment(fmt.Sprintf("// %s is the place of v in the order of the constants, from 0; -1 if it is none of them.", t.Rank))
	f.Func().Params(jen.Id("v").Id(t.Name)).Id(t.Rank).Params().Int().Block(
		jen.Switch(jen.Id("v")).BlockFunc(func(g *jen.Group) {
			for i, v := range t.Values {
				g.Case(jen.Id(v.Name)).Block(jen.Return(jen.Lit(i)))
			}
		}),
		jen.Return(jen.Lit(-1)),
	).Line()
}
