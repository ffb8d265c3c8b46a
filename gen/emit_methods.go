package main

import (
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"
)

func (e *emitter) methodsFile() error {
	f := e.file()
	f.Comment("// The methods of the protocol, as they are on the wire.")
	f.Const().DefsFunc(func(g *jen.Group) {
		seen := map[string]bool{}
		for _, m := range e.p.Methods {
			if !seen[m.GoName] {
				g.Add(comment(sentence(methodConst(m), m.Doc) + e.only(e.revisionsOf(m.GoName)))).Id(methodConst(m)).Op("=").Lit(m.Name)
			}
			seen[m.GoName] = true
		}
	})
	return e.add("methods.go", f)
}

// revisionsOf lists the revisions that have a method, in a use that holds for all of which.
func (e *emitter) revisionsOf(goName string, which ...func(*method) bool) []string {
	var out []string
	for _, o := range e.p.Methods {
		if o.GoName == goName && !slices.ContainsFunc(which, func(f func(*method) bool) bool { return !f(o) }) {
			out = append(out, o.Revisions...)
		}
	}
	slices.Sort(out)
	return out
}

func methodConst(m *method) string { return "Method" + m.GoName }

// sides are what handlers are composed into and stubs are made for.
type side struct {
	name    string // who has the handler
	peer    string // who calls it
	answers func(*method) bool
}

var sides = []side{
	{"Server", "Client", func(m *method) bool { return m.FromClient }},
	{"Client", "Server", func(m *method) bool { return m.FromServer }},
}

// paramsType and resultType are the types in handler and stub signatures: pointers to structs, unions as they are.
func paramsType(r *ref) *jen.Statement {
	if isUnion(r) {
		return typeCode(r)
	}
	return jen.Op("*").Add(typeCode(r))
}

func isUnion(r *ref) bool { return r.Form == formNamed && r.To.Kind == unionType }

func (e *emitter) handlersFile() error {
	f := e.file()
	for _, h := range e.p.Handlers {
		f.Add(comment(h.Name + "Handler " + handlerWords(h))).Type().Id(h.Name + "Handler").InterfaceFunc(func(g *jen.Group) {
			for _, m := range h.Methods {
				g.Add(comment(methodWords(m) + e.only(e.revisionsOf(m.GoName)))).Id(m.GoName).Add(signature(m))
			}
		}).Line()
	}
	for _, s := range sides {
		f.Add(comment(s.name + "Handler is everything that a " + strings.ToLower(s.name) + " can answer. A handler need not have all of it: a method whose interface it lacks is answered with method not found. Methods are called concurrently.")).Type().Id(s.name + "Handler").InterfaceFunc(func(g *jen.Group) {
			for _, h := range e.p.Handlers {
				if s.answers(h.Methods[0]) {
					g.Id(h.Name + "Handler")
				}
			}
		}).Line()
		e.unimplemented(f, s)
	}
	return e.add("handlers.go", f)
}

func handlerWords(h *handler) string {
	if h.Gate == "" {
		return "needs no capability."
	}
	if h.Methods[0].GateOfSender {
		return "receives what a peer with the capability " + h.Gate + " sends."
	}
	return "is what the capability " + h.Gate + " promises."
}

func methodWords(m *method) string {
	words := " answers "
	if m.Notification {
		words = " is called for "
	}
	if isSentence(m.Doc) {
		return m.GoName + words + m.Name + ". " + endSentence(m.Doc)
	}
	return m.GoName + words + m.Name + ", which " + endSentence(m.Doc)
}

func signature(m *method) *jen.Statement {
	params := jen.Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("params").Add(paramsType(m.Params)))
	if m.Notification {
		return params.Error()
	}
	return params.Params(paramsType(m.Result), jen.Error())
}

func (e *emitter) unimplemented(f *jen.File, s side) {
	name := "Unimplemented" + s.name
	f.Add(comment(name + " has every method of " + s.name + "Handler: requests are answered with method not found, notifications ignored. Embed it to have them all and write some.")).Type().Id(name).Struct().Line()
	f.Var().Id("_").Id(s.name + "Handler").Op("=").Id(name).Values().Line()
	for _, h := range e.p.Handlers {
		for _, m := range h.Methods {
			if !s.answers(m) {
				continue
			}
			params := jen.Params(jen.Qual("context", "Context"), paramsType(m.Params))
			does := " does not answer "
			if m.Notification {
				does = " ignores "
			}
			decl := f.Comment("// " + m.GoName + does + m.Name + ".").Line().Func().Params(jen.Id(name)).Id(m.GoName).Add(params)
			if m.Notification {
				decl.Error().Block(jen.Return(jen.Nil())).Line()
				continue
			}
			decl.Params(paramsType(m.Result), jen.Error()).Block(
				jen.Return(jen.Nil(), rpcID("MethodNotFound").Call(jen.Id(methodConst(m))))).Line()
		}
	}
}

func (e *emitter) stubsFile() error {
	f := e.file()
	for _, s := range sides {
		name := s.name + "Stub"
		f.Add(comment(name + " calls the methods of a " + strings.ToLower(s.name) + ", as a " + strings.ToLower(s.peer) + " does. The zero value cannot be used; Caller is usually a session. It is safe for concurrent use if Caller is.")).Type().Id(name).Struct(jen.Id("Caller").Add(rpcID("Caller"))).Line()
		seen := map[string]bool{}
		for _, m := range e.p.Methods {
			if s.answers(m) && !seen[m.GoName] {
				seen[m.GoName] = true
				e.stub(f, name, m, m.GoName, m.Result, m.Doc, e.revisionsOf(m.GoName))
			}
			if task := m.GoName + "AsTask"; s.answers(m) && m.TaskResult != nil && !seen[task] {
				seen[task] = true
				doc := m.Doc + ", as the task that the params ask for"
				if isSentence(m.Doc) {
					doc = endSentence(m.Doc) + " It runs as the task that the params ask for."
				}
				e.stub(f, name, m, task, m.TaskResult, doc, e.revisionsOf(m.GoName, func(o *method) bool { return o.TaskResult != nil }))
			}
		}
	}
	return e.add("stubs.go", f)
}

func (e *emitter) stub(f *jen.File, stub string, m *method, name string, result *ref, doc string, revisions []string) {
	text := sentence(name, doc) + e.only(revisions)
	if !m.ParamsNeeded {
		text += " Nil params are left out."
	}
	arg := jen.Id("params")
	decl := f.Add(comment(text)).Func().Params(jen.Id("s").Id(stub)).Id(name).Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("params").Add(paramsType(m.Params)))
	if isUnion(m.Params) {
		arg = jen.Op("&").Id(lowerFirst(m.Params.To.Name) + "Holder").Values(jen.Id("params"))
	}
	var before []jen.Code
	if isUnion(m.Params) && !m.ParamsNeeded {
		before = []jen.Code{
			jen.Var().Id("holder").Op("*").Id(lowerFirst(m.Params.To.Name) + "Holder"),
			jen.If(jen.Id("params").Op("!=").Nil()).Block(jen.Id("holder").Op("=").Add(arg)),
		}
		arg = jen.Id("holder")
	}
	caller := []jen.Code{jen.Id("ctx"), jen.Id("s").Dot("Caller"), jen.Id(methodConst(m)), arg}
	switch {
	case m.Notification:
		decl.Error().Block(append(before, jen.Return(rpcID("Notify").Call(caller...)))...).Line()
	case isUnion(result):
		holder := lowerFirst(result.To.Name) + "Holder"
		decl.Params(typeCode(result), jen.Error()).Block(append(before,
			jen.List(jen.Id("h"), jen.Err()).Op(":=").Add(rpcID("Call")).Types(jen.Id(holder)).Call(caller...),
			jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err())),
			jen.Return(jen.Id("h").Dot("value"), jen.Nil()))...).Line()
	default:
		decl.Params(paramsType(result), jen.Error()).Block(append(before,
			jen.Return(rpcID("Call").Types(typeCode(result)).Call(caller...)))...).Line()
	}
}

// tableFile makes the dispatch tables of each revision.
func (e *emitter) tableFile() error {
	f := e.file()
	for _, r := range e.p.Revisions {
		for _, s := range sides {
			f.Add(comment(tableName(r, s) + " is what a " + strings.ToLower(s.name) + " answers in revision " + r.Name + ".")).Var().Id(tableName(r, s)).Op("=").Add(rpcID("NewTable")).CallFunc(func(g *jen.Group) {
				for _, m := range e.p.Methods {
					if s.answers(m) && holds(m.Revisions, r.Name) {
						g.Line().Add(row(m))
					}
				}
				g.Line()
			}).Line()
		}
	}
	return e.add("table.go", f)
}

func tableName(r *revision, s side) string {
	return strings.ToLower(s.name) + "Table" + strings.ReplaceAll(r.Name, "-", "")
}

func holds(revisions []string, name string) bool {
	for _, r := range revisions {
		if r == name {
			return true
		}
	}
	return false
}

func row(m *method) *jen.Statement {
	kind := "Request"
	if m.Notification {
		kind = "Notification"
	}
	call := jen.Id(m.Handler + "Handler").Dot(m.GoName)
	if isUnion(m.Params) || m.Result != nil && isUnion(m.Result) {
		call = unboxed(m)
	}
	out := rpcID(kind).Call(jen.Id(methodConst(m)), call)
	if m.Gate != "" && !m.GateOfSender {
		out = out.Dot("Gate").Call(jen.Lit(m.Gate))
	}
	if m.TaskResult != nil {
		out = out.Dot("AllowTask").Call()
	}
	return out
}

// unboxed calls a handler whose params or result is a union.
func unboxed(m *method) *jen.Statement {
	params, arg := paramsType(m.Params), jen.Id("params")
	if isUnion(m.Params) {
		params, arg = jen.Op("*").Id(lowerFirst(m.Params.To.Name)+"Holder"), jen.Id("params").Dot("value")
	}
	in := jen.Params(jen.Id("h").Id(m.Handler+"Handler"), jen.Id("ctx").Qual("context", "Context"), jen.Id("params").Add(params))
	call := jen.Id("h").Dot(m.GoName).Call(jen.Id("ctx"), arg)
	switch {
	case m.Notification:
		return jen.Func().Add(in).Error().Block(jen.Return(call))
	case isUnion(m.Result):
		holder := lowerFirst(m.Result.To.Name) + "Holder"
		return jen.Func().Add(in).Params(jen.Op("*").Id(holder), jen.Error()).Block(
			jen.List(jen.Id("v"), jen.Err()).Op(":=").Add(call),
			jen.Return(jen.Op("&").Id(holder).Values(jen.Id("v")), jen.Err()))
	}
	return jen.Func().Add(in).Params(paramsType(m.Result), jen.Error()).Block(jen.Return(call))
}

func (e *emitter) errorsFile() error {
	f := e.file()
	f.Comment("// The error codes that the protocol names.")
	f.Const().DefsFunc(func(g *jen.Group) {
		for _, c := range e.p.Errors {
			g.Add(comment(sentence(c.Name, c.Doc) + e.only(c.Revisions))).Id(c.Name).Int64().Op("=").Lit(int(c.Code))
		}
	})
	for _, t := range e.p.Types {
		if t.Error == nil {
			continue
		}
		f.Add(comment("Err is the error with "+t.Error.Code+" that carries v. It fails where v cannot be sent.")).Func().Params(jen.Id("v").Op("*").Id(t.Name)).Id("Err").Params(jen.Id("message").String()).Error().Block(
			jen.If(jen.Err().Op(":=").Id("v").Dot("Validate").Call(), jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err())),
			jen.List(jen.Id("data"), jen.Err()).Op(":=").Add(wireID("ParseRaw")).Call(jen.Id("v").Dot("AppendJSON").Call(jen.Nil())),
			jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err())),
			jen.Return(jen.Op("&").Add(rpcID("Error")).Values(jen.Dict{
				jen.Id("Code"): jen.Id(t.Error.Code), jen.Id("Message"): jen.Id("message"), jen.Id("Data"): jen.Id("data")}))).Line()
	}
	return e.add("errors.go", f)
}
