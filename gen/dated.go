package main

import (
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"
)

// date notes for what was not there from the start which revision brought it.
func (b *builder) date() {
	s := b.s.Since
	if s == nil {
		return
	}
	b.out.Versions = s.Versions
	for _, m := range b.out.Methods {
		m.Since = s.Methods[m.Name]
	}
	for _, t := range b.out.Types {
		if len(t.Path) == 0 {
			t.Since = s.Definitions[t.Def]
		}
		for _, f := range t.Fields {
			path := append(slices.Clone(t.Path), f.JSON)
			f.Since = s.Members[t.Def][strings.Join(path, ".")]
		}
		for _, br := range t.Branches {
			place := strings.Join(append([]string{t.Def}, t.Path...), ".")
			if br.To != nil {
				br.Since = s.Branches[place][br.To.Def]
			}
		}
	}
}

// sinceWords say which revision brought something; empty if it was always there.
func sinceWords(revision string) string {
	if revision == "" {
		return ""
	}
	return " Since " + revision + "."
}

// sinceFile tells which revision brought what, so that an older peer is not sent what it cannot know.
func (e *emitter) sinceFile() error {
	f := e.file()
	versions := e.p.Versions
	if len(versions) == 0 {
		for _, r := range e.p.Revisions {
			versions = append(versions, r.Name)
		}
	}
	oldest := versions[0]
	f.Comment("// Versions are the revisions whose peers can be talked to with these types, the newest first.")
	f.Var().Id("Versions").Op("=").Index().String().ValuesFunc(func(g *jen.Group) {
		for _, v := range slices.Backward(versions) {
			g.Lit(v)
		}
	}).Line()
	f.Comment("// MethodSince is the first of Versions that has the method; empty if none has.")
	byRevision := map[string][]jen.Code{}
	seen := map[string]bool{}
	for _, m := range e.p.Methods {
		if !seen[m.Name] {
			byRevision[orElse(m.Since, oldest)] = append(byRevision[orElse(m.Since, oldest)], jen.Id(methodConst(m)))
		}
		seen[m.Name] = true
	}
	f.Func().Id("MethodSince").Params(jen.Id("method").String()).String().BlockFunc(func(g *jen.Group) {
		e.sinceSwitch(g, jen.Switch(jen.Id("method")), byRevision)
		g.Return(jen.Lit(""))
	}).Line()
	for _, t := range e.p.Types {
		if t.Kind != unionType || !slices.ContainsFunc(t.Branches, func(br *branch) bool { return br.Since != "" }) {
			continue
		}
		byRevision := map[string][]jen.Code{}
		for _, br := range t.Branches {
			since := orElse(br.Since, orElse(t.Since, oldest))
			if br.To != nil {
				byRevision[since] = append(byRevision[since], jen.Op("*").Id(br.To.Name))
			} else {
				byRevision[since] = append(byRevision[since], jen.Id(br.Wrapper))
			}
		}
		name := t.Name + "Since"
		f.Add(comment(name + " is the first of Versions that has the branch which v is; empty if this build does not know it.")).
			Func().Id(name).Params(jen.Id("v").Id(t.Name)).String().BlockFunc(func(g *jen.Group) {
			e.sinceSwitch(g, jen.Switch(jen.Id("v").Assert(jen.Type())), byRevision)
			g.Return(jen.Lit(""))
		}).Line()
	}
	return e.add("since.go", f)
}

func (e *emitter) sinceSwitch(g *jen.Group, head *jen.Statement, byRevision map[string][]jen.Code) {
	if len(byRevision) == 0 {
		return
	}
	g.Add(head).BlockFunc(func(g *jen.Group) {
		for _, rev := range sortedKeys(byRevision) {
			g.Case(byRevision[rev]...).Block(jen.Return(jen.Lit(rev)))
		}
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
