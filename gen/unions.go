package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// union fills a union type. How its branches are told apart is worked out once all are known.
func (b *builder) union(t *goType, at loc, s *schemas.Type) {
	t.Kind = unionType
	alts := alternatives(s)
	if len(alts) == 0 {
		b.addScalars(t, at, at, s) // a list of types is a union of scalars
	}
	for i, alt := range alts {
		place := at.alternative(s, i)
		if len(alt.Type) > 1 {
			b.addScalars(t, at, place, alt)
			continue
		}
		b.addBranch(t, at, place, b.ref(place, alt))
	}
}

// addScalars adds a branch for each of a list of types.
func (b *builder) addScalars(t *goType, whole, at loc, s *schemas.Type) {
	for _, kind := range s.Type {
		if kind != "null" {
			b.addBranch(t, whole, at, b.bareRef(at, &schemas.Type{Type: schemas.TypeList{kind}, Items: s.Items}))
		}
	}
}

// addBranch adds what stands at a place in the union at whole.
func (b *builder) addBranch(t *goType, whole, at loc, r *ref) {
	if r.Form == formNamed && r.To.Kind == unionType {
		b.fill(r.To)
		for _, br := range r.To.Branches {
			if br.To != nil {
				b.addBranch(t, whole, at, &ref{Form: formNamed, To: br.To})
			} else {
				b.addBranch(t, whole, at, br.Scalar)
			}
		}
		return
	}
	if r.Form == formNamed && r.To.Kind == structType {
		if !slices.ContainsFunc(t.Branches, func(o *branch) bool { return o.To == r.To }) {
			t.Branches = append(t.Branches, &branch{To: r.To, Kind: "object"})
		}
		return
	}
	kinds := map[form]string{formString: "string", formBool: "boolean", formInt: "number", formFloat: "number", formSlice: "array"}
	kind := kinds[r.Form]
	if kind == "" {
		b.fail(at.ptr, "a branch of a union must be an object with members, a string, a number, a boolean or a list", rawStanza(whole.ptr, b.rev))
		return
	}
	for _, other := range t.Branches {
		if other.Kind == kind {
			if kind != "number" {
				b.fail(at.ptr, "two branches of the union are of the JSON kind "+kind, rawStanza(whole.ptr, b.rev))
			}
			other.Scalar = &ref{Form: formFloat}
			return
		}
	}
	t.Branches = append(t.Branches, &branch{Scalar: r, Kind: kind})
}

// rawStanza leaves a place to the application.
func rawStanza(ptr string, revisions ...string) string {
	return stanza("raw", "<why the application must look itself>", revisions, "at: ["+ptr+"]")
}

// oneOrMany recognizes "one of these, or a list of these" and returns the definition of one.
func (b *builder) oneOrMany(s *schemas.Type) string {
	var list *schemas.Type
	var single []string
	for _, alt := range alternatives(s) {
		switch {
		case alt.Ref != "":
			single = append(single, b.refName(alt))
		case slices.Equal(alt.Type, schemas.TypeList{"array"}) && alt.Items != nil && alt.MinItems == 0 && alt.MaxItems == 0 && list == nil:
			list = alt
		default:
			return ""
		}
	}
	if list == nil || list.Items.Ref == "" || len(single) == 0 {
		return ""
	}
	of := b.refName(list.Items)
	many := b.branchNames(of)
	sort.Strings(single)
	if !slices.Equal(single, many) && !slices.Equal(single, []string{of}) {
		return ""
	}
	return of
}

// branchNames lists the definitions that a union is one of, sorted; one that is no union is only itself.
func (b *builder) branchNames(def string) []string {
	var out []string
	for _, alt := range alternatives(b.s.Defs[def]) {
		if alt.Ref == "" {
			return []string{def}
		}
		out = append(out, b.refName(alt))
	}
	if len(out) == 0 {
		return []string{def}
	}
	sort.Strings(out)
	return out
}

// setPicks works out for each union how a decoder tells its branches apart.
func setPicks(p *protocol) []error {
	var problems []error
	for _, t := range p.Types {
		if t.Kind != unionType {
			continue
		}
		var objects []*goType
		for _, br := range t.Branches {
			if br.To != nil {
				objects = append(objects, br.To)
			}
		}
		pk, err := derivePick(objects)
		if err != nil {
			problems = append(problems, &problem{Revision: strings.Join(t.Revisions, ", "), Pointer: t.Pointers[0],
				What: "the union is ambiguous: " + err.Error(), Stanza: rawStanza(t.Pointers[0], t.Revisions...)})
			continue
		}
		t.Pick = pk
	}
	return problems
}

func derivePick(objects []*goType) (*pick, error) {
	member := decidingMember(objects)
	if member == "" {
		tests, err := presence(objects)
		return &pick{Absent: tests}, err
	}
	pk := &pick{Member: member}
	groups := map[string][]*goType{}
	var absent []*goType
	for _, t := range objects {
		f := t.member(member)
		for _, v := range constants(f) {
			groups[v] = append(groups[v], t)
		}
		if !f.Required {
			absent = append(absent, t)
		}
	}
	for _, value := range sortedKeys(groups) {
		group := groups[value]
		if i := slices.IndexFunc(pk.Cases, func(c *pickCase) bool { return len(c.Tests) == 1 && len(group) == 1 && c.Tests[0].To == group[0] }); i >= 0 {
			pk.Cases[i].Values = append(pk.Cases[i].Values, value)
			continue
		}
		tests, err := presence(group)
		if err != nil {
			return nil, fmt.Errorf("where %s is %q, %w", member, value, err)
		}
		pk.Cases = append(pk.Cases, &pickCase{Values: []string{value}, Tests: tests})
	}
	if len(absent) > 0 {
		tests, err := presence(absent)
		if err != nil {
			return nil, fmt.Errorf("without %s, %w", member, err)
		}
		pk.Absent = tests
	}
	return pk, nil
}

// decidingMember is the member that is constant in every branch; of several, the one with most values.
func decidingMember(objects []*goType) string {
	best, most := "", 1
	if len(objects) == 0 {
		return ""
	}
	for _, f := range objects[0].Fields {
		values := map[string]bool{}
		all := true
		for _, t := range objects {
			vs := constants(t.member(f.JSON))
			all = all && len(vs) > 0
			for _, v := range vs {
				values[v] = true
			}
		}
		if all && (len(values) > most || len(objects) == 1) {
			best, most = f.JSON, len(values)
		}
	}
	return best
}

func (t *goType) member(json string) *field {
	for _, f := range t.Fields {
		if f.JSON == json {
			return f
		}
	}
	return nil
}

// constants lists the strings a member must be one of.
func constants(f *field) []string {
	if f == nil {
		return nil
	}
	if s, ok := f.Const.(string); ok {
		return []string{s}
	}
	if f.Const == nil && f.Type.Form == formNamed && f.Type.To.Kind == enumType && f.Required {
		var out []string
		for _, v := range f.Type.To.Values {
			out = append(out, v.Value)
		}
		return out
	}
	return nil
}

// presence tells objects apart by the members they have: the most demanding first.
func presence(objects []*goType) ([]*pickTest, error) {
	switch len(objects) {
	case 0:
		return nil, nil
	case 1:
		return []*pickTest{{To: objects[0]}}, nil
	}
	objects = slices.Clone(objects)
	sort.SliceStable(objects, func(i, j int) bool { return len(requiredOf(objects[i])) > len(requiredOf(objects[j])) })
	common := requiredOf(objects[0])
	for _, t := range objects {
		common = intersect(common, requiredOf(t))
	}
	var optional, must, nested []*pickTest
	for i, t := range objects {
		own := subtract(requiredOf(t), common)
		tied := func(other *goType) bool { return slices.Equal(subtract(requiredOf(other), common), own) }
		j := slices.IndexFunc(objects, func(o *goType) bool { return o != t && tied(o) })
		if j < 0 {
			must = append(must, &pickTest{To: t, All: own})
			continue
		}
		other := objects[j]
		if extra := subtract(memberNames(t), memberNames(other)); len(extra) > 0 {
			optional = append(optional, &pickTest{To: t, Any: extra})
			continue
		}
		if len(subtract(memberNames(other), memberNames(t))) > 0 {
			must = append(must, &pickTest{To: t, All: own})
			continue
		}
		in, inner := nestedDifference(t, other, common)
		if in == "" {
			return nil, fmt.Errorf("%s and %s look alike", objects[min(i, j)].Name, objects[max(i, j)].Name)
		}
		nested = append(nested, &pickTest{To: t, In: in, All: inner})
	}
	tests := slices.Concat(optional, nested, must)
	for i, test := range tests {
		for _, earlier := range tests[:i] {
			if testWords(earlier) == testWords(test) || len(intersect(earlier.Any, test.Any)) > 0 {
				return nil, fmt.Errorf("%s and %s look alike", earlier.To.Name, test.To.Name)
			}
		}
	}
	return tests, nil
}

// nestedDifference finds a shared member whose object needs other members in t than in other.
func nestedDifference(t, other *goType, shared []string) (string, []string) {
	for _, name := range shared {
		f, g := t.member(name), other.member(name)
		if f.Type.Form != formNamed || g.Type.Form != formNamed || f.Type.To.Kind != structType || g.Type.To.Kind != structType {
			continue
		}
		if own := subtract(requiredOf(f.Type.To), requiredOf(g.Type.To)); len(own) > 0 {
			return name, own
		}
	}
	return "", nil
}

func requiredOf(t *goType) []string {
	var out []string
	for _, f := range t.Fields {
		if f.Required {
			out = append(out, f.JSON)
		}
	}
	return out
}

func memberNames(t *goType) []string {
	var out []string
	for _, f := range t.Fields {
		out = append(out, f.JSON)
	}
	return out
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func subtract(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// tellApart adds to what is said of the unions without a Go type how their branches are told apart.
func (b *builder) tellApart() {
	for _, def := range sortedKeys(b.s.Defs) {
		alts := alternatives(b.s.Defs[def])
		if len(alts) == 0 || b.types[def] != nil {
			continue
		}
		var objects []*goType
		for _, alt := range alts {
			if alt.Ref != "" {
				objects = append(objects, b.outline(b.refName(alt)))
			}
		}
		words := "nothing in them: the pending request decides"
		if pk, err := derivePick(objects); err == nil {
			words = pickWords(&goType{Pick: pk})
			if pk.Member != "" {
				words = "the constant " + pk.Member
			}
		}
		b.became[def] += "; told apart by " + words
	}
}

// outline is a definition as far as telling it apart from others goes.
func (b *builder) outline(def string) *goType {
	t := &goType{Name: def}
	for _, p := range b.props(b.defAt(def), b.s.Defs[def]) {
		f := &field{JSON: p.name, Required: p.required, Type: &ref{Form: formAny}}
		if p.typ.Const != nil {
			f.Const = constant(p.typ.Const)
		}
		t.Fields = append(t.Fields, f)
	}
	return t
}
