package main

import (
	"strings"

	"github.com/dave/jennifer/jen"
)

// revisionFile makes the values that say what each revision of the protocol has.
func (e *emitter) revisionFile() error {
	f := e.file()
	f.Add(comment("Revision is what one revision of the protocol has: its name and its methods. Revisions are not to be changed.")).Type().Id("Revision").Struct(
		jen.Comment("// The revision's date, as the handshake names it."),
		jen.Id("Name").String(),
		jen.Comment("// All methods, by name."),
		jen.Id("Methods").Index().Id("Method"),
		jen.Comment("// What a server and a client answer."),
		jen.List(jen.Id("Server"), jen.Id("Client")).Op("*").Add(rpcID("Table")),
	).Line()
	f.Comment("// Method says how one method is used.")
	f.Type().Id("Method").Struct(
		jen.Comment("// The name on the wire."),
		jen.Id("Name").String(),
		jen.Comment("// Whether it is a notification rather than a request."),
		jen.Id("Notification").Bool(),
		jen.Comment("// Which sides may send it."),
		jen.List(jen.Id("FromClient"), jen.Id("FromServer")).Bool(),
		jen.Comment("// The capability it needs, as a dotted path; empty if none."),
		jen.Id("Capability").String(),
		jen.Comment("// Whether the sender declares that capability rather than the receiver."),
		jen.Id("SenderDeclares").Bool(),
		jen.Comment("// The capability of the receiver for calls of it as tasks; empty if it cannot be one."),
		jen.Id("TaskCapability").String(),
	).Line()
	var all []jen.Code
	for _, r := range e.p.Revisions {
		name := revisionVar(r)
		all = append(all, jen.Id(name))
		f.Comment("// " + name + " is revision " + r.Name + " of the protocol.")
		f.Var().Id(name).Op("=").Op("&").Id("Revision").Values(
			jen.Line().Id("Name").Op(":").Lit(r.Name),
			jen.Line().Id("Server").Op(":").Id(tableName(r, sides[0])),
			jen.Line().Id("Client").Op(":").Id(tableName(r, sides[1])),
			jen.Line().Id("Methods").Op(":").Index().Id("Method").ValuesFunc(func(g *jen.Group) { e.methodData(g, r) }),
			jen.Line(),
		).Line()
	}
	f.Comment("// Revisions are the revisions this package was generated from, the oldest first.")
	f.Var().Id("Revisions").Op("=").Index().Op("*").Id("Revision").Values(all...).Line()
	f.Comment("// Latest is the newest of them.")
	f.Var().Id("Latest").Op("=").Add(all[len(all)-1])
	e.strictChecks(f)
	return e.add("revision.go", f)
}

func revisionVar(r *revision) string { return "V" + strings.ReplaceAll(r.Name, "-", "") }

func (e *emitter) methodData(g *jen.Group, r *revision) {
	for _, m := range e.p.Methods {
		if !holds(m.Revisions, r.Name) {
			continue
		}
		values := []jen.Code{jen.Id("Name").Op(":").Id(methodConst(m))}
		set := func(name string, on bool, v jen.Code) {
			if on {
				values = append(values, jen.Id(name).Op(":").Add(v))
			}
		}
		set("Notification", m.Notification, jen.True())
		set("FromClient", m.FromClient, jen.True())
		set("FromServer", m.FromServer, jen.True())
		set("Capability", m.Gate != "", jen.Lit(m.Gate))
		set("SenderDeclares", m.GateOfSender && m.Gate != "", jen.True())
		set("TaskCapability", m.TaskGate != "", jen.Lit(m.TaskGate))
		g.Line().Values(values...)
	}
	g.Line()
}

// capabilitiesFile tells of a set of capabilities whether one is in it, by the path the methods name.
func (e *emitter) capabilitiesFile() error {
	f := e.file()
	n := 0
	for _, s := range sides {
		t := e.p.Capabilities[strings.ToLower(s.name)]
		if t == nil {
			continue
		}
		n++
		paths := map[string]bool{}
		for _, m := range e.p.Methods {
			declared := s.answers(m) != m.GateOfSender || (m.FromClient && m.FromServer)
			if declared && m.Gate != "" {
				paths[m.Gate] = true
			}
			if s.answers(m) && m.TaskGate != "" {
				paths[m.TaskGate] = true
			}
		}
		f.Add(comment("Declares tells whether the capability at the dotted path is among v. Paths that no method names are not.")).Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("Declares").Params(jen.Id("capability").String()).Bool().Block(
			jen.If(jen.Id("v").Op("==").Nil()).Block(jen.Return(jen.False())),
			jen.Switch(jen.Id("capability")).BlockFunc(func(g *jen.Group) {
				for _, path := range sortedKeys(paths) {
					g.Case(jen.Lit(path)).Block(jen.Return(declared(t, path)))
				}
			}),
			jen.Return(jen.False())).Line()
	}
	if n == 0 {
		return nil
	}
	return e.add("capabilities.go", f)
}

// declared is the condition that a capability is there, with all that it is part of.
func declared(t *goType, path string) *jen.Statement {
	var out *jen.Statement
	src := jen.Id("v")
	for _, step := range strings.Split(path, ".") {
		fl := t.member(step)
		src = src.Clone().Dot(fl.Name)
		cond := src.Clone()
		switch {
		case fl.isPointer(), fl.Type.Form == formMap, fl.Type.Form == formMembers:
			cond = cond.Op("!=").Nil()
		case fl.Type.Form == formObject:
			cond = jen.Op("!").Add(cond).Dot("IsZero").Call()
		case fl.Type.Form == formNamed: // required, so it is there
			cond = jen.True()
		}
		if out == nil {
			out = cond
		} else {
			out = out.Op("&&").Add(cond)
		}
		if fl.Type.Form == formNamed {
			t = fl.Type.To
		}
	}
	return out
}
