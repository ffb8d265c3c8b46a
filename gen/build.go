package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// The members by which a definition shows that it is a whole JSON-RPC message, and which part is which.
const (
	versionMember = "jsonrpc"
	idMember      = "id"
	methodMember  = "method"
	paramsMember  = "params"
	resultMember  = "result"
	errorMember   = "error"
	codeMember    = "code"
	messageMember = "message"
	dataMember    = "data"
)

// loc is a place in a schema.
type loc struct {
	def  string
	path []string // member names from the definition; lists and maps add nothing
	ptr  string
}

func (l loc) member(name string) loc {
	return loc{l.def, append(slices.Clone(l.path), name), l.ptr + "/properties/" + escapePointer(name)}
}

func (l loc) in(tokens ...string) loc {
	for _, t := range tokens {
		l.ptr += "/" + escapePointer(t)
	}
	return l
}

// builder turns one revision's schema into a protocol.
type builder struct {
	s     *schema
	rev   string
	ov    *overlay
	docs  *docs
	names *namer

	suffix   *suffixEntry
	types    map[string]*goType // by definition
	unfilled []*goType          // definitions whose members or branches are still to be read
	fillers  map[*goType]func()
	shapes   map[string]*shape // by what they look like
	order    []*shape
	became   map[string]string
	problems []error
	out      *protocol
}

// shape is an object, enum or union without a definition, wherever it stands.
type shape struct {
	typ *goType
	at  []loc
}

func build(s *schema, in *input) (*protocol, []error) {
	b := &builder{
		s: s, rev: s.Revision, ov: in.Overlay, docs: in.Docs, names: newNamer(s.Revision, in.Overlay),
		types: map[string]*goType{}, fillers: map[*goType]func(){}, shapes: map[string]*shape{}, became: map[string]string{},
		out: &protocol{Revisions: []*revision{{Name: s.Revision, Path: s.Path, SHA256: s.SHA256}}},
	}
	if b.suffix, _ = active(b.ov.Suffixes, b.rev); b.suffix == nil {
		b.suffix = &suffixEntry{}
	}
	b.suffix.use(b.rev)
	b.checkRefs()
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	b.setRoles()
	for _, def := range sortedKeys(s.Defs) {
		if b.became[def] == "" {
			b.definition(def)
		}
	}
	b.fillAll()
	b.buildMethods()
	b.fillAll()
	b.useRenames()
	b.buildErrors()
	b.tellApart()
	b.nameShapes()
	b.orderEnums()
	b.collectTypes()
	b.date()
	b.checkEndless()
	b.checkDocs()
	for _, def := range sortedKeys(s.Defs) {
		b.out.Covered = append(b.out.Covered, &covered{Revision: b.rev, Def: def, Became: b.became[def]})
	}
	return b.out, b.problems
}

func (b *builder) fail(ptr, what, stanza string) {
	b.problems = append(b.problems, &problem{Revision: b.rev, Pointer: ptr, What: what, Stanza: stanza})
}

// defAt is the place of a definition.
func (b *builder) defAt(def string) loc {
	return loc{def: def, ptr: strings.TrimPrefix(b.s.Prefix, "#") + escapePointer(def)}
}

// refName returns the definition a $ref leads to.
func (b *builder) refName(t *schemas.Type) string {
	return unescapePointer(strings.TrimPrefix(t.Ref, b.s.Prefix))
}

// checkRefs refuses references that lead nowhere or in a circle of bare references.
func (b *builder) checkRefs() {
	for _, def := range sortedKeys(b.s.Defs) {
		b.eachType(b.defAt(def), b.s.Defs[def], func(at loc, t *schemas.Type) {
			if t.Ref == "" {
				return
			}
			if _, ok := b.s.Defs[b.refName(t)]; !ok || !strings.HasPrefix(t.Ref, b.s.Prefix) {
				b.fail(at.ptr+"/$ref", fmt.Sprintf("the reference %q leads to no definition", t.Ref),
					erratum(at.ptr+"/$ref", b.rev, "\""+b.s.Prefix+"<definition>\""))
			}
		})
	}
	for _, def := range sortedKeys(b.s.Defs) {
		if way := b.wayBack(def, []string{def}); way != nil && def == slices.Min(way) {
			b.fail(b.defAt(def).ptr, "the definition leads to itself with nothing in between: "+strings.Join(way, " → "),
				erratum(b.defAt(def).ptr, b.rev, "<what it should be>"))
		}
	}
}

// wayBack finds the references that lead from the last definition on the way to the first, by which
// one is the other, a branch of it or a part of it.
func (b *builder) wayBack(def string, way []string) []string {
	for _, next := range b.bareRefs(b.s.Defs[def]) {
		if next == way[0] {
			return append(way, next)
		}
		if b.s.Defs[next] == nil || slices.Contains(way, next) {
			continue
		}
		if found := b.wayBack(next, append(slices.Clone(way), next)); found != nil {
			return found
		}
	}
	return nil
}

func (b *builder) bareRefs(t *schemas.Type) []string {
	if t.Ref != "" {
		return []string{b.refName(t)}
	}
	var out []string
	for _, part := range slices.Concat(t.AllOf, alternatives(t)) {
		out = append(out, b.bareRefs(part)...)
	}
	return out
}

// eachType visits a type and all that stand in it, without following references.
func (b *builder) eachType(at loc, t *schemas.Type, visit func(at loc, t *schemas.Type)) {
	visit(at, t)
	for _, name := range sortedKeys(t.Properties) {
		b.eachType(at.member(name), t.Properties[name], visit)
	}
	for i, sub := range t.AllOf {
		b.eachType(at.in("allOf", fmt.Sprint(i)), sub, visit)
	}
	for i, sub := range alternatives(t) {
		b.eachType(at.alternative(t, i), sub, visit)
	}
	if t.Items != nil {
		b.eachType(at.in("items"), t.Items, visit)
	}
	if t.AdditionalProperties != nil {
		b.eachType(at.in("additionalProperties"), t.AdditionalProperties, visit)
	}
}

// alternatives are what a value may be one of. A type has anyOf or oneOf, not both.
func alternatives(t *schemas.Type) []*schemas.Type { return slices.Concat(t.AnyOf, t.OneOf) }

func (l loc) alternative(t *schemas.Type, i int) loc {
	if len(t.OneOf) > 0 {
		return l.in("oneOf", fmt.Sprint(i))
	}
	return l.in("anyOf", fmt.Sprint(i))
}

// setRoles says of the definitions that are no types of the package what they are instead.
func (b *builder) setRoles() {
	for _, d := range b.ov.Directions {
		if !d.holds(b.rev) {
			continue
		}
		for _, part := range []struct{ name, def string }{
			{"requests", d.Requests}, {"notifications", d.Notifications}, {"results", d.Results}, {"capabilities", d.Capabilities},
		} {
			switch {
			case part.def == "": // it sends none
			case b.s.Defs[part.def] == nil:
				b.fail("", fmt.Sprintf("%s: %s: there is no definition %q", d.label, part.name, part.def), "")
			case part.name != "capabilities":
				b.became[part.def] = fmt.Sprintf("direction: the %s that a %s sends", part.name, d.Side)
			}
		}
		d.use(b.rev)
	}
	envelope := map[string]bool{}
	for _, def := range sortedKeys(b.s.Defs) {
		t := b.s.Defs[def]
		if v := t.Properties[versionMember]; v == nil || v.Const == nil {
			continue
		}
		envelope[def] = true
		if b.became[def] == "" {
			b.became[def] = "JSON-RPC message: runtime/rpc"
		}
		if e := t.Properties[errorMember]; e != nil && e.Ref != "" {
			b.became[b.refName(e)] = "JSON-RPC error object: runtime/rpc"
		}
	}
	for again := true; again; {
		again = false
		for _, def := range sortedKeys(b.s.Defs) {
			alts := alternatives(b.s.Defs[def])
			all := len(alts) > 0
			for _, a := range alts {
				all = all && a.Ref != "" && envelope[b.refName(a)]
			}
			if all && !envelope[def] {
				envelope[def], again = true, true
				if b.became[def] == "" {
					b.became[def] = "any JSON-RPC message of its branches: runtime/rpc"
				}
			}
		}
	}
	b.setBases(envelope)
}

// checkEndless refuses objects that must contain themselves.
func (b *builder) checkEndless() {
	for _, t := range b.out.Types {
		if way := wayInto(t, t, nil); way != nil && t.Pointers[0] == slices.Min(way) {
			b.fail(t.Pointers[0], "an object that must contain itself has no end: "+strings.Join(way, " → "), erratum(t.Pointers[0]+"/required", b.rev, "[<the members that are needed>]"))
		}
	}
}

// wayInto finds how a value of type t contains one of the type goal, as Go lays them out.
func wayInto(t, goal *goType, way []string) []string {
	way = append(slices.Clone(way), t.Pointers[0])
	for _, f := range t.Fields {
		if f.Const != nil || f.isPointer() || f.Type.Form != formNamed || f.Type.To.Kind != structType {
			continue
		}
		if f.Type.To == goal {
			return append(way, goal.Pointers[0])
		}
		if slices.Contains(way, f.Type.To.Pointers[0]) {
			continue
		}
		if found := wayInto(f.Type.To, goal, way); found != nil {
			return found
		}
	}
	return nil
}

// setBases checks what the overlay says of definitions that others only repeat.
func (b *builder) setBases(envelope map[string]bool) {
	base := map[string]*basesEntry{}
	for _, e := range b.ov.Bases {
		for _, def := range e.Names {
			if e.holds(b.rev) {
				base[def] = e
			}
		}
	}
	for _, def := range sortedKeys(base) {
		e := base[def]
		if b.s.Defs[def] == nil {
			b.fail("", fmt.Sprintf("%s: there is no definition %q", e.label, def), "")
			continue
		}
		for _, other := range sortedKeys(b.s.Defs) {
			b.eachType(b.defAt(other), b.s.Defs[other], func(at loc, t *schemas.Type) {
				if t.Ref != "" && b.refName(t) == def && base[other] == nil && !envelope[other] {
					b.fail(at.ptr, fmt.Sprintf("%s calls %s a base, but this refers to it", e.label, def), "")
				}
			})
		}
		repeats := b.repeaters(def)
		if len(repeats) == 0 {
			b.fail(b.defAt(def).ptr, fmt.Sprintf("%s calls %s a base, but no other definition has all its members", e.label, def), "")
			continue
		}
		e.use(b.rev)
		if len(repeats) > 4 {
			repeats = append(repeats[:4], fmt.Sprintf("%d more", len(repeats)-4))
		}
		b.became[def] = "base: repeated in " + strings.Join(repeats, ", ")
	}
}

// repeaters lists the definitions that have all members of def.
func (b *builder) repeaters(def string) []string {
	var out []string
	for _, other := range sortedKeys(b.s.Defs) {
		all := other != def && len(b.s.Defs[other].Properties) > 0
		for name := range b.s.Defs[def].Properties {
			all = all && b.s.Defs[other].Properties[name] != nil
		}
		if all {
			out = append(out, other)
		}
	}
	return out
}

// collectTypes lists the types under their final names, which must differ.
func (b *builder) collectTypes() {
	for _, def := range sortedKeys(b.types) {
		b.out.Types = append(b.out.Types, b.types[def])
	}
	for _, sh := range b.order {
		b.out.Types = append(b.out.Types, sh.typ)
	}
	slices.SortFunc(b.out.Types, func(x, y *goType) int { return strings.Compare(x.Name+" "+x.Pointers[0], y.Name+" "+y.Pointers[0]) })
	for i, t := range b.out.Types {
		t.Revisions = []string{b.rev}
		if i > 0 && b.out.Types[i-1].Name == t.Name {
			b.fail(t.Pointers[0], fmt.Sprintf("the Go name %s is also that of %s", t.Name, b.out.Types[i-1].Pointers[0]), nameStanza(t.Pointers[0], b.rev))
		}
		for _, br := range t.Branches {
			if br.Scalar != nil {
				br.Wrapper = t.Name + strings.ToUpper(br.Kind[:1]) + br.Kind[1:]
			}
		}
	}
}

func nameStanza(ptr string, revisions ...string) string {
	return stanza("names", "<why this name>", revisions, "at: "+ptr, "name: <GoName>", "doc: <what it is; not for definitions>")
}

// checkDocs requires words for each definition and each member, wherever it stands.
func (b *builder) checkDocs() {
	for _, def := range sortedKeys(b.s.Defs) {
		at := b.defAt(def)
		if _, ok := b.docs.definition(def, b.s.Defs[def].Description); !ok {
			b.fail(at.ptr, "nothing says what the definition is", "docs.yaml:\ndefinitions:\n  "+def+":\n    doc: <is …>")
		}
		b.eachType(at, b.s.Defs[def], func(at loc, t *schemas.Type) {
			if !strings.HasSuffix(at.ptr, "/properties/"+escapePointer(lastOf(at.path))) || len(at.path) == 0 {
				return
			}
			if _, ok := b.words(at, t); !ok {
				b.fail(at.ptr, "nothing says what the member is", "docs.yaml:\ndefinitions:\n  "+def+":\n    fields:\n      "+strings.Join(at.path, ".")+": <…>")
			}
		})
	}
}

// words returns the words for the member at a place. Members of a definition that combines others
// fall back on theirs.
func (b *builder) words(at loc, t *schemas.Type) (string, bool) {
	if w, ok := b.docs.member(at.def, at.path, t.Description); ok {
		return w, true
	}
	for def := range b.combined(at.def) {
		for i := range at.path {
			if w := b.docs.Definitions[def].Fields[strings.Join(at.path[i:], ".")]; w != "" {
				return w, true
			}
		}
	}
	return "", false
}

// combined yields the definitions that a definition combines by allOf, at its top or in a member.
func (b *builder) combined(def string) func(func(string) bool) {
	return func(yield func(string) bool) {
		var names []string
		b.eachType(b.defAt(def), b.s.Defs[def], func(_ loc, t *schemas.Type) {
			for _, part := range t.AllOf {
				if part.Ref != "" {
					names = append(names, b.refName(part))
				}
			}
		})
		slices.Sort(names)
		for _, n := range names {
			if !yield(n) {
				return
			}
		}
	}
}

func lastOf(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}
