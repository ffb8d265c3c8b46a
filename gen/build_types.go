package main

import (
	"fmt"
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
		target := b.definition(b.refName(s))
		t.Kind, t.Alias = aliasType, &ref{Form: formNamed, To: target}
		b.became[def] = "alias " + t.Name + " of " + target.Name
	case isEnum(s):
		b.enum(t, at, s)
		b.became[def] = "enum " + t.Name
	case len(alternatives(s)) > 0:
		if one := b.oneOrMany(at, s); one != nil {
			t.Kind, t.Alias = aliasType, one
			b.became[def] = "alias " + t.Name
			break
		}
		b.union(t, at, s)
		b.became[def] = fmt.Sprintf("union %s of %d branches", t.Name, len(t.Branches))
	case b.isStruct(s):
		b.object(t, at, s)
		b.became[def] = "struct " + t.Name
	default:
		t.Kind, t.Alias = aliasType, b.ref(at, s)
		b.became[def] = "alias " + t.Name
	}
	return t
}

func rawForm(s *schemas.Type) form {
	if slices.Equal(s.Type, schemas.TypeList{"object"}) {
		return formObject
	}
	return formAny
}

func isEnum(s *schemas.Type) bool {
	return len(s.Enum) > 0 && slices.Equal(s.Type, schemas.TypeList{"string"})
}

// isStruct: an object whose members are named.
func (b *builder) isStruct(s *schemas.Type) bool { return len(s.Properties) > 0 || len(s.AllOf) > 0 }

// ref makes the use of the type at a place.
func (b *builder) ref(at loc, s *schemas.Type) *ref {
	r := b.bareRef(at, s)
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
		if one := b.oneOrMany(at, s); one != nil {
			return one
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
			return &ref{Form: formAny}
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
	for _, e := range b.ov.Members {
		if e.holds(b.rev) && e.Name == lastOf(at.path) {
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
			"raw:\n  - at: ["+t.Pointers[0]+"]\n    why: <it is any JSON value>\n    revisions: ["+b.rev+"]")
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
		if other := names[f.Name]; other != "" || f.Name == unknownField {
			b.fail(p.at.ptr, fmt.Sprintf("the Go field name %s is also that of the member %q", f.Name, other), "rules:\n  - of: members\n    match: ^"+p.name+"$\n    name: <another name>\n    why: <why this name>\n    revisions: ["+b.rev+"]")
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
			b.fail(at.ptr+"/enum", fmt.Sprintf("expected strings, found %v", v), "")
			continue
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
	key := kind + " " + keyOf(s)
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
		for i := range t.Branches {
			if br := t.Branches[i]; br.Scalar != nil {
				br.Wrapper = t.Name + strings.ToUpper(br.Kind[:1]) + br.Kind[1:]
			}
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
	fmt.Fprintf(&w, "(%s %v %v %v %s", s.Ref, s.Type, s.Enum, s.Const, s.Format)
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
