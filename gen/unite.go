package main

import (
	"fmt"
	"slices"
	"strings"
)

// makeProtocol builds each revision and unites them into one package.
func makeProtocol(in *input) (*protocol, []error) {
	var problems []error
	var revs []string
	var all *protocol
	for _, s := range in.Schemas {
		p, errs := build(s, in)
		revs = append(revs, s.Revision)
		problems = append(problems, errs...)
		switch {
		case p == nil:
		case all == nil:
			all = p
		default:
			problems = append(problems, unite(all, p)...)
		}
	}
	if len(problems) == 0 {
		problems = append(problems, in.Overlay.unused(revs)...)
		problems = append(problems, in.Docs.unused(in.Schemas)...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	narrow(all)
	problems = append(problems, setPicks(all)...)
	setFeatures(all)
	setHandlers(all)
	return all, problems
}

// unite adds revision next to all: types are the union of both.
func unite(all, next *protocol) []error {
	u := &uniter{byName: map[string]*goType{}, moved: map[*goType]*goType{}}
	for _, t := range all.Types {
		u.byName[t.Name] = t
	}
	for _, t := range next.Types {
		if old := u.byName[t.Name]; old != nil {
			u.moved[t] = old
			continue
		}
		all.Types = append(all.Types, t)
	}
	slices.SortFunc(all.Types, func(a, b *goType) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range next.Types {
		if old := u.moved[t]; old != nil {
			u.types(old, t)
		} else {
			u.redirect(t)
		}
	}
	u.methods(all, next)
	for _, e := range next.Errors {
		i := slices.IndexFunc(all.Errors, func(o *errorCode) bool { return o.Name == e.Name })
		switch {
		case i < 0:
			all.Errors = append(all.Errors, e)
		case all.Errors[i].Code != e.Code:
			u.fail("", fmt.Sprintf("the error %s is %d in one revision and %d in another", e.Name, all.Errors[i].Code, e.Code))
		default:
			all.Errors[i].Revisions = append(all.Errors[i].Revisions, e.Revisions...)
		}
	}
	for side, t := range next.Capabilities {
		if all.Capabilities[side] == nil {
			all.Capabilities[side] = t
		}
	}
	all.Revisions = append(all.Revisions, next.Revisions...)
	all.Covered = append(all.Covered, next.Covered...)
	return u.problems
}

type uniter struct {
	byName   map[string]*goType
	moved    map[*goType]*goType
	problems []error
}

func (u *uniter) fail(ptr, what string) {
	u.problems = append(u.problems, &problem{Pointer: ptr, What: "two revisions cannot be united: " + what,
		Stanza: "names:\n  - at: " + ptr + "\n    name: <another GoName in one of them>\n    why: <…>\n    revisions: [<that revision>]"})
}

// redirect makes the uses within t lead to the united types.
func (u *uniter) redirect(t *goType) {
	u.ref(t.Alias)
	for _, f := range t.Fields {
		u.ref(f.Type)
	}
	for _, br := range t.Branches {
		u.ref(br.Scalar)
		if old := u.moved[br.To]; old != nil {
			br.To = old
		}
	}
}

func (u *uniter) ref(r *ref) {
	for ; r != nil; r = r.Elem {
		if old := u.moved[r.To]; old != nil {
			r.To = old
		}
		if old := u.moved[r.Alias]; old != nil {
			r.Alias = old
		}
	}
}

func (u *uniter) types(old, t *goType) {
	u.redirect(t)
	at := t.Pointers[0]
	if old.Kind != t.Kind {
		u.fail(at, fmt.Sprintf("%s is a different kind of type in each", t.Name))
		return
	}
	old.Revisions = append(old.Revisions, t.Revisions...)
	old.Boxed = old.Boxed || t.Boxed
	if t.Kind == aliasType && !sameRef(old.Alias, t.Alias) {
		if wide := widen(old.Alias, t.Alias); wide != nil {
			old.Alias = wide
		} else {
			u.fail(at, fmt.Sprintf("%s stands for different types", t.Name))
		}
	}
	for _, f := range t.Fields {
		g := old.member(f.JSON)
		if g == nil {
			old.Fields = append(old.Fields, f)
			continue
		}
		u.fields(at+"/properties/"+escapePointer(f.JSON), t.Name+"."+f.Name, g, f)
	}
	slices.SortFunc(old.Fields, func(a, b *field) int { return strings.Compare(a.JSON, b.JSON) })
	for _, br := range t.Branches {
		if !slices.ContainsFunc(old.Branches, func(o *branch) bool { return o.To == br.To && o.Kind == br.Kind }) {
			old.Branches = append(old.Branches, br)
		}
	}
	for _, v := range t.Values {
		i := slices.IndexFunc(old.Values, func(o *enumValue) bool { return o.Value == v.Value })
		if i < 0 {
			old.Values = append(old.Values, v)
			continue
		}
		old.Values[i].Revisions = append(old.Values[i].Revisions, v.Revisions...)
	}
}

func (u *uniter) fields(at, name string, old, f *field) {
	old.Revisions = append(old.Revisions, f.Revisions...)
	old.RequiredIn = append(old.RequiredIn, f.RequiredIn...)
	old.Nullable = old.Nullable || f.Nullable
	old.Tristate = old.Tristate || f.Tristate
	if old.Const != f.Const {
		u.fail(at, fmt.Sprintf("%s is the constant %v in one and %v in the other", name, old.Const, f.Const))
		return
	}
	if sameRef(old.Type, f.Type) {
		return
	}
	if old.Type = widen(old.Type, f.Type); old.Type == nil {
		u.fail(at, fmt.Sprintf("%s has types that neither revision's values fit both", name))
		old.Type = f.Type
	}
}

// sameRef: one Go type, and one check.
func sameRef(a, b *ref) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Form == b.Form && a.To == b.To && a.Format == b.Format && sameBound(a.Min, b.Min) && sameBound(a.Max, b.Max) &&
		a.MinItems == b.MinItems && a.MaxItems == b.MaxItems && a.MinLen == b.MinLen && a.MaxLen == b.MaxLen && sameRef(a.Elem, b.Elem)
}

func sameBound(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// widen returns the use that takes the values of both, or nil. Bounds that only one has are dropped.
func widen(a, b *ref) *ref {
	if a.Form == b.Form && a.To == b.To && (a.Elem == nil || sameRef(a.Elem, b.Elem)) {
		return &ref{Form: a.Form, To: a.To, Elem: a.Elem, Alias: a.Alias}
	}
	forms := []form{a.Form, b.Form}
	has := func(f form) bool { return slices.Contains(forms, f) }
	raw := func(f form) bool { return f == formAny || f == formObject }
	switch {
	case has(formInt) && has(formFloat):
		return &ref{Form: formFloat}
	case raw(a.Form) && raw(b.Form):
		return &ref{Form: formAny}
	}
	return nil
}

func (u *uniter) methods(all, next *protocol) {
	for _, m := range next.Methods {
		for _, r := range []*ref{m.Params, m.Result, m.TaskResult} {
			u.ref(r)
		}
		i := slices.IndexFunc(all.Methods, func(o *method) bool { return o.Name == m.Name })
		if i < 0 {
			all.Methods = append(all.Methods, m)
			continue
		}
		old := all.Methods[i]
		if !sameRef(old.Params, m.Params) || !sameRef(old.Result, m.Result) || old.GoName != m.GoName || old.Handler != m.Handler {
			u.fail(m.Def, fmt.Sprintf("the method %s has other params, another result or another handler in each", m.Name))
			continue
		}
		if old.Gate != m.Gate || old.FromClient != m.FromClient || old.FromServer != m.FromServer || old.TaskGate != m.TaskGate {
			// what differs is data: one row for each revision
			all.Methods = append(all.Methods, m)
			continue
		}
		old.Revisions = append(old.Revisions, m.Revisions...)
	}
	slices.SortStableFunc(all.Methods, func(a, b *method) int { return strings.Compare(a.Name, b.Name) })
}

// narrow makes a member required only where every revision that has the type requires it.
func narrow(p *protocol) {
	for _, t := range p.Types {
		for _, f := range t.Fields {
			f.Required = len(f.RequiredIn) == len(t.Revisions)
		}
	}
}

// setHandlers groups the methods into interfaces, in the order of their names.
func setHandlers(p *protocol) {
	byName := map[string]*handler{}
	for _, m := range p.Methods {
		h := byName[m.Handler]
		if h == nil {
			h = &handler{Name: m.Handler, Gate: m.Gate}
			byName[m.Handler] = h
		}
		if !slices.ContainsFunc(h.Methods, func(o *method) bool { return o.Name == m.Name }) {
			h.Methods = append(h.Methods, m)
		}
	}
	for _, name := range sortedKeys(byName) {
		p.Handlers = append(p.Handlers, byName[name])
	}
}
