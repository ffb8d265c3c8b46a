package main

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// definition makes the type of a definition, or its placeholder while it is being made.
func (b *builder) definition(def string) *goType {
	if t := b.types[def]; t != nil {
		return t
	}
	at, s := b.defAt(def), b.s.Defs[def]
	words, _ := b.docs.definition(def, s.Description)
	t := &goType{Def: def, Pointers: []string{at.ptr}, Doc: words, Name: b.names.definition(def, nil)}
	if n := b.nameAt(at.ptr); n != nil {
		t.Name = n.Name
	}
	b.types[def] = t
	switch {
	case place(b.ov.Raw, b.rev, at.ptr):
		t.Kind, t.Alias = aliasType, &ref{Form: rawForm(s)}
		b.became[def] = "raw JSON under the name " + t.Name
	case s.Ref != "":
		t.Kind = aliasType
		target := b.definition(b.refName(s))
		t.Alias = b.refTo(b.refName(s))
		b.became[def] = "alias " + t.Name + " of " + target.Name
	case isEnum(s):
		b.enum(t, at, s)
		b.became[def] = "enum " + t.Name
	case len(alternatives(s)) > 0 && b.oneOrMany(s) == "":
		b.later(t, unionType, func() {
			b.union(t, at, s)
			b.became[def] = fmt.Sprintf("union %s of %d branches", t.Name, len(t.Branches))
		})
	case b.isStruct(s):
		b.later(t, structType, func() { b.object(t, at, s) })
		b.became[def] = "struct " + t.Name
	default:
		t.Kind = aliasType
		t.Alias = b.ref(at, s)
		b.became[def] = "alias " + t.Name
	}
	return t
}

// later leaves the members or branches of t for when all that is asked now is what kind of type it is:
// so types may contain each other.
func (b *builder) later(t *goType, kind typeKind, fill func()) {
	t.Kind = kind
	b.unfilled = append(b.unfilled, t)
	b.fillers[t] = fill
}

// fill reads the members or branches of t, if that is still to be done.
func (b *builder) fill(t *goType) {
	if f := b.fillers[t]; f != nil {
		delete(b.fillers, t)
		f()
	}
}

func (b *builder) fillAll() {
	for len(b.unfilled) > 0 {
		t := b.unfilled[0]
		b.unfilled = b.unfilled[1:]
		b.fill(t)
	}
}

func rawForm(s *schemas.Type) form {
	if slices.Equal(s.Type, schemas.TypeList{"object"}) {
		return formObject
	}
	return formAny
}

func isEnum(s *schemas.Type) bool { return len(s.Enum) > 0 }

// isStruct: an object whose members are named.
func (b *builder) isStruct(s *schemas.Type) bool { return len(s.Properties) > 0 || len(s.AllOf) > 0 }

// ref makes the use of the type at a place.
func (b *builder) ref(at loc, s *schemas.Type) *ref {
	r := b.bareRef(at, s)
	if s.Ref != "" {
		return r // with the bounds of what it refers to
	}
	r.Format, r.Min, r.Max = s.Format, s.Minimum, s.Maximum
	r.MinItems, r.MaxItems, r.MinLen, r.MaxLen = s.MinItems, s.MaxItems, s.MinLength, s.MaxLength
	return r
}

func (b *builder) bareRef(at loc, s *schemas.Type) *ref {
	if place(b.ov.Raw, b.rev, at.ptr) {
		return &ref{Form: rawForm(s)}
	}
	switch {
	case s.Ref != "":
		return b.refTo(b.refName(s))
	case isEnum(s):
		return &ref{Form: formNamed, To: b.shape("enum", at, s)}
	case len(alternatives(s)) > 0:
		if def := b.oneOrMany(s); def != "" {
			return &ref{Form: formOneOrMany, Elem: b.refTo(def)}
		}
		return &ref{Form: formNamed, To: b.shape("union", at, s)}
	case b.isStruct(s):
		return &ref{Form: formNamed, To: b.shape("object", at, s)}
	}
	kinds := slices.DeleteFunc(slices.Clone([]string(s.Type)), func(k string) bool { return k == "null" })
	if len(kinds) == 0 {
		return &ref{Form: formAny}
	}
	sort.Strings(kinds)
	switch strings.Join(kinds, " ") {
	case "string":
		if s.Format == "byte" {
			return &ref{Form: formBase64}
		}
		return &ref{Form: formString}
	case "boolean":
		return &ref{Form: formBool}
	case "integer":
		return &ref{Form: formInt}
	case "number", "integer number":
		return &ref{Form: formFloat}
	case "integer string":
		return &ref{Form: formID}
	case "array":
		if s.Items == nil {
			return &ref{Form: formSlice, Elem: &ref{Form: formAny}}
		}
		return &ref{Form: formSlice, Elem: b.ref(at.in("items"), s.Items)}
	case "object":
		return b.freeObject(at, s)
	}
	return &ref{Form: formNamed, To: b.shape("union", at, s)}
}

// freeObject: an object whose members are not named by the schema.
func (b *builder) freeObject(at loc, s *schemas.Type) *ref {
	if extra := s.AdditionalProperties; extra != nil && !isAny(extra) {
		elem := b.ref(at.in("additionalProperties"), extra)
		if place(b.ov.Ordered, b.rev, at.ptr) {
			return &ref{Form: formEntries, Elem: elem}
		}
		return &ref{Form: formMap, Elem: elem}
	}
	name := lastOf(at.path)
	if name == "" {
		name = at.def
	}
	for _, e := range b.ov.Members {
		if e.holds(b.rev) && e.Name == name {
			e.use(b.rev)
			return &ref{Form: formMembers}
		}
	}
	return &ref{Form: formObject}
}

// isAny: the schema that allows everything.
func isAny(s *schemas.Type) bool { return keyOf(s) == keyOf(&schemas.Type{}) }

// refTo is the use of a definition; an alias is looked through, its name kept.
func (b *builder) refTo(def string) *ref {
	t := b.definition(def)
	if t.Kind != aliasType {
		return &ref{Form: formNamed, To: t}
	}
	if t.Alias == nil {
		// only an alias of lists or maps can reach itself here: JSON of any depth
		b.fail(t.Pointers[0], "the definition contains itself with no object in between",
			rawStanza(t.Pointers[0], b.rev))
		return &ref{Form: formAny}
	}
	through := *t.Alias
	through.Alias = t
	return &through
}

// object fills a struct type.
func (b *builder) object(t *goType, at loc, s *schemas.Type) {
	t.Kind = structType
	names := map[string]string{}
	for _, p := range b.props(at, s) {
		f := &field{JSON: p.name, Name: b.names.member(p.name), Required: p.required, Nullable: slices.Contains(p.typ.Type, "null")}
		if n := b.nameAt(p.at.ptr); n != nil && p.typ.Ref != "" {
			f.Name = n.Name
		}
		f.Doc, _ = b.words(p.at, p.typ)
		if f.Doc == "" {
			f.Doc, _ = b.words(loc{def: at.def, path: append(slices.Clone(at.path), p.name)}, p.typ)
		}
		if p.typ.Const != nil {
			f.Const = constant(p.typ.Const)
			f.Type = &ref{Form: formString}
		} else {
			f.Type = b.ref(p.at, p.typ)
		}
		f.Tristate = place(b.ov.Tristate, b.rev, p.at.ptr)
		if f.Tristate && f.Type.Form != formBool {
			b.fail(p.at.ptr, "the overlay calls this a tri-state boolean, but it is no boolean", "")
		}
		what := ""
		switch other := names[f.Name]; {
		case !isGoName(f.Name):
			what = fmt.Sprintf("the member's Go name would be %q, which Go does not take", f.Name)
		case other != "":
			what = fmt.Sprintf("the Go field name %s is also that of the member %q", f.Name, other)
		case slices.Contains(takenFields, f.Name):
			what = fmt.Sprintf("the Go field name %s is also that of what each type has", f.Name)
		}
		if what != "" {
			b.fail(p.at.ptr, what, stanza("rules", "<why this name>", []string{b.rev}, "of: members", "match: ^"+regexp.QuoteMeta(p.name)+"$", "name: <another name>"))
		}
		names[f.Name] = p.name
		f.Revisions = []string{b.rev}
		if f.Required {
			f.RequiredIn = f.Revisions
		}
		t.Fields = append(t.Fields, f)
	}
	if len(t.Fields) > 64 {
		b.fail(at.ptr, fmt.Sprintf("an object of %d members: the decoder counts them in 64 bits", len(t.Fields)), "")
	}
}

// The fields and methods that each struct has, whatever the schema says.
var takenFields = []string{unknownField, "AppendJSON", "DecodeJSON", "Err", "MarshalJSON", "UnmarshalJSON", "Validate"}

// constant turns a parsed constant into a string, bool or int64.
func constant(v any) any {
	if f, ok := v.(float64); ok {
		return int64(f)
	}
	return v
}

// prop is a member of an object, with those that allOf brings in.
type prop struct {
	name     string
	typ      *schemas.Type
	at       loc
	required bool
}

func (b *builder) props(at loc, s *schemas.Type) []*prop {
	byName := map[string]*prop{}
	for i, part := range s.AllOf {
		inner, place := part, at.in("allOf", fmt.Sprint(i))
		if part.Ref != "" {
			def := b.refName(part)
			inner, place = b.s.Defs[def], b.defAt(def)
		}
		for _, p := range b.props(place, inner) {
			if old := byName[p.name]; old != nil {
				// a later part may narrow what an earlier one says
				p.required = p.required || old.required
			}
			byName[p.name] = p
		}
	}
	for name, t := range s.Properties {
		byName[name] = &prop{name: name, typ: t, at: at.member(name), required: byName[name] != nil && byName[name].required}
	}
	for _, name := range s.Required {
		if byName[name] == nil {
			b.fail(at.ptr+"/required", fmt.Sprintf("the member %q is required but not described", name), "")
			continue
		}
		byName[name].required = true
	}
	out := make([]*prop, 0, len(byName))
	for _, name := range sortedKeys(byName) {
		out = append(out, byName[name])
	}
	return out
}

// enum fills an enum type.
func (b *builder) enum(t *goType, at loc, s *schemas.Type) {
	t.Kind = enumType
	for _, v := range s.Enum {
		value, ok := v.(string)
		if !ok {
			continue // null: the member is nullable
		}
		t.Values = append(t.Values, &enumValue{Value: value, Doc: b.docs.value(at.def, at.path, value), Revisions: []string{b.rev}})
	}
}

// orderEnums names the constants and puts the values of ordered enums in their order.
func (b *builder) orderEnums() {
	all := map[string]*goType{}
	for _, t := range b.types {
		all[t.Name] = t
	}
	for _, sh := range b.order {
		all[sh.typ.Name] = sh.typ
	}
	for _, t := range all {
		for _, v := range t.Values {
			v.Name = t.Name + b.names.camel(v.Value)
		}
	}
	for _, e := range b.ov.Enums {
		t := all[e.Name]
		if !e.holds(b.rev) || t == nil || t.Kind != enumType {
			continue
		}
		e.use(b.rev)
		byValue := map[string]*enumValue{}
		for _, v := range t.Values {
			byValue[v.Value] = v
		}
		ordered := []*enumValue{}
		for _, name := range e.Order {
			if byValue[name] != nil {
				ordered = append(ordered, byValue[name])
			}
		}
		if len(ordered) != len(t.Values) || len(e.Order) != len(t.Values) {
			b.fail(t.Pointers[0], fmt.Sprintf("%s orders %d values, the schema has %d", e.label, len(e.Order), len(t.Values)), "")
			continue
		}
		t.Values, t.Rank = ordered, e.Rank
	}
}

// shape returns the type of an object, enum or union that has no definition. Equal ones are one type.
func (b *builder) shape(kind string, at loc, s *schemas.Type) *goType {
	key := kind + " " + keyOf(s) + b.marks(at)
	sh := b.shapes[key]
	if sh == nil {
		sh = &shape{typ: &goType{Def: at.def, Path: at.path}}
		b.shapes[key] = sh
		b.order = append(b.order, sh)
		switch kind {
		case "enum":
			b.enum(sh.typ, at, s)
		case "union":
			b.union(sh.typ, at, s)
		default:
			b.object(sh.typ, at, s)
		}
	} else if kind == "object" {
		for _, p := range b.props(at, s) {
			b.ref(p.at, p.typ) // the places within count as places of the shapes within
		}
	}
	sh.at = append(sh.at, at)
	sh.typ.Pointers = append(sh.typ.Pointers, at.ptr)
	return sh.typ
}

// marks lists what the overlay says of places within one place: equal shapes are told the same.
func (b *builder) marks(at loc) string {
	var out []string
	for i, list := range [][]*placesEntry{b.ov.Tristate, b.ov.Raw, b.ov.Ordered} {
		for _, e := range list {
			for _, p := range e.At {
				if within, ok := strings.CutPrefix(p, at.ptr+"/"); ok && e.holds(b.rev) {
					out = append(out, fmt.Sprintf(" %d %s", i, within))
				}
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// nameShapes gives each shape its name: the overlay's, or the one its only place suggests, or the
// member name that all its places share.
func (b *builder) nameShapes() {
	for _, sh := range b.order {
		t := sh.typ
		var named *nameEntry
		for _, at := range sh.at {
			if n := b.nameAt(at.ptr); n != nil {
				named = n
			}
		}
		last := map[string]bool{}
		for _, at := range sh.at {
			last[lastOf(at.path)] = true
		}
		switch {
		case named != nil:
			t.Name, t.Doc = named.Name, named.Doc
		case len(sh.at) == 1:
			t.Name = b.names.definition(sh.at[0].def, sh.at[0].path)
		case len(last) == 1:
			t.Name = b.names.definition(lastOf(sh.at[0].path), nil)
		default:
			b.fail(sh.at[0].ptr, fmt.Sprintf("the same shape stands in %d places under different names (%s): no name suggests itself",
				len(sh.at), strings.Join(sortedKeys(last), ", ")), nameStanza(sh.at[0].ptr, b.rev))
			t.Name = b.names.definition(sh.at[0].def, sh.at[0].path)
		}
		if t.Doc == "" {
			words := "is the member " + strings.Join(sh.at[0].path, ".") + " of " + b.names.definition(sh.at[0].def, nil)
			if len(sh.at) > 1 {
				words += " and of others like it"
			}
			if more, ok := b.docs.member(sh.at[0].def, sh.at[0].path, ""); ok {
				words += ". " + more
			}
			t.Doc = words
		}
	}
}

// nameAt is the overlay's name for a place.
func (b *builder) nameAt(ptr string) *nameEntry {
	for _, n := range b.ov.Names {
		if n.At == ptr && n.holds(b.rev) {
			n.use(b.rev)
			return n
		}
	}
	return nil
}

// keyOf writes what a type allows, without its prose: equal keys, equal shapes.
func keyOf(s *schemas.Type) string {
	var w strings.Builder
	fmt.Fprintf(&w, "(%s %q %q %#v %s", s.Ref, s.Type, s.Enum, s.Const, s.Format)
	for _, bound := range []*float64{s.Minimum, s.Maximum} {
		if bound != nil {
			fmt.Fprintf(&w, " %v", *bound)
		} else {
			w.WriteString(" -")
		}
	}
	fmt.Fprintf(&w, " %d %d %d %d", s.MinItems, s.MaxItems, s.MinLength, s.MaxLength)
	required := slices.Sorted(slices.Values(s.Required))
	for _, name := range sortedKeys(s.Properties) {
		_, must := slices.BinarySearch(required, name)
		fmt.Fprintf(&w, " %q:%t%s", name, must, keyOf(s.Properties[name]))
	}
	for _, part := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		w.WriteString(" |" + keyOf(part))
	}
	if s.Items != nil {
		w.WriteString(" []" + keyOf(s.Items))
	}
	if extra := s.AdditionalProperties; extra != nil && len(s.Properties) == 0 {
		if k := keyOf(extra); k != keyOf(&schemas.Type{}) {
			w.WriteString(" {}" + k)
		}
	}
	w.WriteString(")")
	return w.String()
}
