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
	return all, append(problems, checkNames(all)...)
}

// unite adds revision next to all: types are the union of both.
func unite(all, next *protocol) []error {
	u := &uniter{revision: next.Revisions[0].Name, byName: map[string]*goType{}, moved: map[*goType]*goType{}}
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
			u.fail("", fmt.Sprintf("the error %s is %d in one and %d in the other", e.Name, all.Errors[i].Code, e.Code),
				stanza("errors", "<why this name>", e.Revisions, "name: <another GoName>", fmt.Sprintf("code: %d", e.Code), "doc: <what it means>"))
		default:
			all.Errors[i].Revisions = append(all.Errors[i].Revisions, e.Revisions...)
		}
	}
	if len(next.Versions) > 0 {
		all.Versions = next.Versions // the newest revision knows of all older ones
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
	revision string // the later one
	byName   map[string]*goType
	moved    map[*goType]*goType
	problems []error
}

// fail refuses what stands at a place of the later revision.
func (u *uniter) fail(ptr, what, settle string) {
	u.problems = append(u.problems, &problem{Revision: u.revision, Pointer: ptr, What: "two revisions cannot be united: " + what, Stanza: settle})
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
		u.fail(at, fmt.Sprintf("%s is a different kind of type in each", t.Name), nameStanza(at, u.revision))
		return
	}
	old.Revisions = append(old.Revisions, t.Revisions...)
	old.Boxed = old.Boxed || t.Boxed
	if t.Kind == aliasType && !sameRef(old.Alias, t.Alias) {
		if wide := widen(old.Alias, t.Alias); wide != nil {
			old.Alias = wide
		} else {
			u.fail(at, fmt.Sprintf("%s stands for different types", t.Name), nameStanza(at, u.revision))
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
		u.fail(at, fmt.Sprintf("%s is %s in one and %s in the other", name, constWords(old.Const), constWords(f.Const)), u.apart(at))
		return
	}
	if sameRef(old.Type, f.Type) {
		return
	}
	if old.Type = widen(old.Type, f.Type); old.Type == nil {
		u.fail(at, fmt.Sprintf("%s has types of which none takes the values of both", name), u.apart(at))
		old.Type = f.Type
	}
}

// apart gives the type that has the member at ptr a name of its own in the later revision.
func (u *uniter) apart(ptr string) string {
	return nameStanza(ptr[:strings.LastIndex(ptr, "/properties/")], u.revision)
}

func constWords(v any) string {
	if v == nil {
		return "not constant"
	}
	return "the constant " + constJSON(v)
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

// widen returns the use that takes the values of both, or nil, with the wider of their bounds.
func widen(a, b *ref) *ref {
	if a.Form == b.Form && a.To == b.To {
		wide := &ref{Form: a.Form, To: a.To, MinItems: min(a.MinItems, b.MinItems), MinLen: min(a.MinLen, b.MinLen)}
		if a.Alias == b.Alias {
			wide.Alias = a.Alias
		}
		if a.Format == b.Format {
			wide.Format = a.Format
		}
		if a.Min != nil && b.Min != nil {
			low := min(*a.Min, *b.Min)
			wide.Min = &low
		}
		if a.Max != nil && b.Max != nil {
			high := max(*a.Max, *b.Max)
			wide.Max = &high
		}
		if a.MaxItems > 0 && b.MaxItems > 0 {
			wide.MaxItems = max(a.MaxItems, b.MaxItems)
		}
		if a.MaxLen > 0 && b.MaxLen > 0 {
			wide.MaxLen = max(a.MaxLen, b.MaxLen)
		}
		if a.Elem != nil {
			if wide.Elem = widen(a.Elem, b.Elem); wide.Elem == nil {
				return nil
			}
		}
		return wide
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
		rows := slices.DeleteFunc(slices.Clone(all.Methods), func(o *method) bool { return o.Name != m.Name || o.GoName != m.GoName })
		if len(rows) > 0 {
			if what := differs(rows[0], m); what != "" {
				u.fail(m.Pointer, fmt.Sprintf("the method %s has %s in each", m.Name, what), nameStanza(m.Pointer, u.revision))
				continue
			}
			rows[0].ParamsNeeded = rows[0].ParamsNeeded && m.ParamsNeeded
		}
		// one signature in Go; what else differs is data, so that there may be several rows
		if i := slices.IndexFunc(rows, func(o *method) bool { return sameUse(o, m) }); i >= 0 {
			rows[i].Revisions = append(rows[i].Revisions, m.Revisions...)
		} else {
			all.Methods = append(all.Methods, m)
		}
	}
	slices.SortStableFunc(all.Methods, func(a, b *method) int { return strings.Compare(a.Name, b.Name) })
}

// differs says what keeps two revisions of a method from having one signature.
func differs(a, b *method) string {
	switch {
	case a.Notification != b.Notification:
		return "another kind"
	case a.Handler != b.Handler:
		return "another handler"
	case !sameRef(a.Params, b.Params):
		return "other params"
	case !sameRef(a.Result, b.Result):
		return "another result"
	case a.TaskResult != nil && b.TaskResult != nil && !sameRef(a.TaskResult, b.TaskResult):
		return "another task result"
	}
	return ""
}

// sameUse: who may send the method, and when.
func sameUse(a, b *method) bool {
	return a.Gate == b.Gate && a.GateOfSender == b.GateOfSender && a.FromClient == b.FromClient && a.FromServer == b.FromServer &&
		(a.TaskResult == nil) == (b.TaskResult == nil) && a.TaskGate == b.TaskGate
}

// narrow makes a member required only where every revision that has the type requires it.
func narrow(p *protocol) {
	for _, t := range p.Types {
		for _, f := range t.Fields {
			f.Required = len(f.RequiredIn) == len(t.Revisions)
			if !f.Required && len(f.RequiredIn) > 0 && f.Type.Form == formBool {
				f.Tristate = true // where it is required, false has to be said
			}
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
		if !slices.ContainsFunc(h.Methods, func(o *method) bool { return o.GoName == m.GoName }) {
			h.Methods = append(h.Methods, m)
		}
	}
	for _, name := range sortedKeys(byName) {
		p.Handlers = append(p.Handlers, byName[name])
	}
}
