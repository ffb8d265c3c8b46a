package main

import (
	"fmt"
	"strings"
)

// claim is a name that the generated package declares, and for what.
type claim struct {
	name string
	what string
	t    *goType // nil for what is no type, nor part of one
}

// checkNames requires that the names a package declares differ, and that Go takes them.
func checkNames(p *protocol) []error {
	var out []error
	by := map[string]claim{}
	for _, c := range claims(p) {
		other, taken := by[c.name]
		by[c.name] = c
		var what string
		switch {
		case !isGoName(c.name):
			what = fmt.Sprintf("the Go name of %s would be %q, which Go does not take", c.what, c.name)
		case taken:
			what = fmt.Sprintf("the Go name %s of %s is also that of %s", c.name, c.what, other.what)
		default:
			continue
		}
		if c.t == nil {
			c = other
		}
		found := &problem{What: what}
		if c.t != nil {
			found.Revision, found.Pointer = strings.Join(c.t.Revisions, ", "), c.t.Pointers[0]
			found.Stanza = nameStanza(found.Pointer, c.t.Revisions...)
		}
		out = append(out, found)
	}
	return out
}

// claims lists all exported names, those that are always there first.
func claims(p *protocol) []claim {
	var out []claim
	add := func(t *goType, what string, names ...string) {
		for _, name := range names {
			out = append(out, claim{name, what, t})
		}
	}
	add(nil, "what every package has", "Revision", "Revisions", "Latest", "Method", "Versions", "MethodSince")
	for _, s := range sides {
		add(nil, "what every package has", s.name+"Handler", s.name+"Stub", "Unimplemented"+s.name)
	}
	for _, r := range p.Revisions {
		add(nil, "revision "+r.Name, revisionVar(r))
	}
	seen := map[string]bool{}
	for _, m := range p.Methods {
		if key := m.Name + " " + m.GoName; !seen[key] {
			seen[key] = true
			add(nil, "the method "+m.Name, methodConst(m))
		}
	}
	for _, h := range p.Handlers {
		add(nil, "the handler "+h.Name, h.Name+"Handler")
	}
	for _, c := range p.Errors {
		add(nil, fmt.Sprintf("the error %d", c.Code), c.Name)
	}
	for _, t := range p.Types {
		add(t, t.Pointers[0], t.Name)
	}
	for _, t := range p.Types {
		for _, v := range t.Values {
			add(t, fmt.Sprintf("the value %q of %s", v.Value, t.Pointers[0]), v.Name)
		}
		if t.Kind != unionType {
			continue
		}
		for _, br := range t.Branches {
			if br.Scalar != nil {
				add(t, "the "+br.Kind+" of the union "+t.Pointers[0], br.Wrapper)
			}
		}
		add(t, "an unknown branch of "+t.Pointers[0], unknownBranch(t))
		add(t, "the reader of "+t.Pointers[0], "Unmarshal"+t.Name)
		add(t, "the age of a branch of "+t.Pointers[0], t.Name+"Since")
	}
	return out
}
