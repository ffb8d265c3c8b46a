package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
)

// buildMethods makes a row for each request and notification, in the direction that the direction
// unions give it.
func (b *builder) buildMethods() {
	byName := map[string]*method{}
	b.out.Capabilities = map[string]*goType{}
	for _, d := range b.ov.Directions {
		if !d.holds(b.rev) {
			continue
		}
		b.out.Capabilities[d.Side] = b.types[d.Capabilities]
		for _, part := range []string{d.Requests, d.Notifications} {
			for _, def := range b.messagesOf(part) {
				m := byName[methodName(b.s.Defs[def])]
				if m == nil {
					if m = b.method(def, part == d.Notifications); m == nil {
						continue
					}
					byName[m.Name] = m
				}
				m.FromClient = m.FromClient || d.Side == "client"
				m.FromServer = m.FromServer || d.Side == "server"
			}
		}
	}
	for _, name := range sortedKeys(byName) {
		m := byName[name]
		b.gate(m)
		b.out.Methods = append(b.out.Methods, m)
	}
	for _, e := range b.ov.Gates {
		for _, name := range e.Methods {
			if e.holds(b.rev) && byName[name] == nil {
				b.fail("", fmt.Sprintf("%s names the method %s, which the revision does not have", e.label, name), "")
			}
		}
		if e.holds(b.rev) {
			e.use(b.rev)
		}
	}
}

// messagesOf lists the definitions a direction union joins. A union of one may stand as a copy of it.
func (b *builder) messagesOf(union string) []string {
	u := b.s.Defs[union]
	if u == nil {
		return nil
	}
	var out []string
	for i, alt := range alternatives(u) {
		if alt.Ref == "" {
			b.fail(b.defAt(union).alternative(u, i).ptr, "a message that has no definition", erratum(b.defAt(union).alternative(u, i).ptr, b.rev, "{$ref: <definition>}"))
			continue
		}
		out = append(out, b.refName(alt))
	}
	if len(out) == 0 && u.Ref != "" {
		out = append(out, b.refName(u))
	}
	if name := methodName(u); name != "" {
		for _, def := range sortedKeys(b.s.Defs) {
			if def != union && methodName(b.s.Defs[def]) == name {
				out = append(out, def)
			}
		}
	}
	return out
}

func methodName(t *schemas.Type) string {
	if m := t.Properties[methodMember]; m != nil {
		name, _ := m.Const.(string)
		return name
	}
	return ""
}

func (b *builder) method(def string, notification bool) *method {
	s, at := b.s.Defs[def], b.defAt(def)
	name := methodName(s)
	if name == "" {
		b.fail(at.ptr, "the message has no constant method", "")
		return nil
	}
	suffix := b.suffix.Request
	if notification {
		suffix = b.suffix.Notification
	}
	stem := strings.TrimSuffix(def, suffix)
	words, _ := b.docs.definition(def, s.Description)
	m := &method{Name: name, GoName: b.names.definition(stem, nil), Def: def, Pointer: at.ptr, Doc: words, Notification: notification, Revisions: []string{b.rev}}
	if n := b.nameAt(at.ptr); n != nil {
		m.GoName = n.Name
	}
	p := s.Properties[paramsMember]
	if p == nil {
		b.fail(at.ptr, "the message has no params: every method of the package takes some, if only metadata",
			erratum(at.ptr+"/properties", b.rev, "<the members, with params>"))
		return nil
	}
	m.Params = b.ref(at.member(paramsMember), p)
	m.ParamsNeeded = slices.Contains(s.Required, paramsMember)
	b.box(m.Params, at.member(paramsMember).ptr)
	if notification {
		b.became[def] = "notification " + name
		return m
	}
	b.became[def] = "request " + name
	if m.Result = b.result(def, stem); m.Result == nil {
		return nil
	}
	b.box(m.Result, at.ptr)
	if e, ok := active(b.ov.Tasks, b.rev); ok && b.hasMember(m.Params, e.Param) {
		e.use(b.rev)
		if b.s.Defs[e.Result] == nil {
			b.fail("", fmt.Sprintf("%s: result: there is no definition %q", e.label, e.Result), "")
			return m
		}
		m.TaskResult = b.refTo(e.Result)
		m.TaskGate = e.Capability + "." + strings.ReplaceAll(name, "/", ".")
	}
	return m
}

// result is what answers a request: by the response that the revision defines for it, else by name,
// else the empty result; nil if nothing says so.
func (b *builder) result(def, stem string) *ref {
	if s := b.s.Defs[stem+b.suffix.Response]; s != nil && b.suffix.Response != "" && s.Properties[resultMember] != nil {
		return b.ref(b.defAt(stem+b.suffix.Response).member(resultMember), s.Properties[resultMember])
	}
	for _, name := range []string{stem + b.suffix.Result, b.suffix.EmptyResult} {
		if b.s.Defs[name] != nil {
			return b.refTo(name)
		}
	}
	b.fail(b.defAt(def).ptr, fmt.Sprintf("nothing says what answers the request: there is neither %s nor the empty result", stem+b.suffix.Result),
		stanza("suffixes", "<how names join what belongs together>", []string{b.rev}, "result: <how the names of results end>", "empty_result: <definition>"))
	return nil
}

// box marks a union that stands for a whole params or result, and refuses what is no type of its own.
func (b *builder) box(r *ref, ptr string) {
	switch {
	case r.Form != formNamed || r.To.Kind == enumType:
		b.fail(ptr, "params and results are objects with members, or unions of them", erratum(ptr, b.rev, "<an object with members>"))
	case r.To.Kind == unionType:
		r.To.Boxed = true
	}
}

// hasMember: the params have the member, in every branch where they are a union.
func (b *builder) hasMember(r *ref, name string) bool {
	if r == nil || r.Form != formNamed {
		return false
	}
	if r.To.Kind == structType {
		return r.To.member(name) != nil
	}
	for _, br := range r.To.Branches {
		if br.To == nil || br.To.member(name) == nil {
			return false
		}
	}
	return len(r.To.Branches) > 0
}

// gate finds the capability and the handler interface of a method.
func (b *builder) gate(m *method) {
	gated := ""
	for _, e := range b.ov.Gates {
		if !e.holds(b.rev) || !slices.Contains(e.Methods, m.Name) {
			continue
		}
		if gated != "" {
			b.fail(m.Pointer, fmt.Sprintf("%s and %s both name the method %s", gated, e.label, m.Name), "")
			continue
		}
		gated = e.label
		m.Gate, m.Handler, m.GateOfSender = e.Capability, e.Handler, e.DeclaredBy == "sender"
		b.checkGate(m, m.Gate, m.GateOfSender, e.label)
		b.checkGate(m, m.TaskGate, false, e.label)
	}
	if gated != "" {
		return
	}
	b.fail(b.defAt(m.Def).ptr, fmt.Sprintf("nothing says which capability the method %s needs", m.Name),
		stanza("gates", "<where the specification says so>", []string{b.rev}, `capability: <path, or "" for none>`, "declared_by: <sender or receiver>",
			"handler: <interface name, less Handler>", "methods: ["+m.Name+"]"))
}

// checkGate requires that the capabilities of each side that would declare it have the path.
func (b *builder) checkGate(m *method, path string, ofSender bool, label string) {
	for _, d := range b.ov.Directions {
		fromClient := (d.Side == "client") == ofSender // what this side has to declare, if it sends or if it receives
		if path == "" || !d.holds(b.rev) || fromClient && !m.FromClient || !fromClient && !m.FromServer {
			continue
		}
		t, found := b.types[d.Capabilities], true
		for _, step := range strings.Split(path, ".") {
			var f *field
			if t != nil {
				f = t.member(step)
			}
			if found = f != nil && (f.Type.Form == formBool || f.Type.Form == formObject || f.Type.Form == formMembers || f.Type.Form == formMap || f.Type.Form == formNamed && f.Type.To.Kind == structType); !found {
				break
			}
			t = f.Type.To
		}
		if !found {
			at := ""
			if b.types[d.Capabilities] != nil {
				at = b.defAt(d.Capabilities).ptr
			}
			b.fail(at, fmt.Sprintf("%s: the capability %s of %s is not one that a %s can declare", label, path, m.Name, d.Side), "")
		}
	}
}

// buildErrors collects the error codes and the types of the data that errors carry.
func (b *builder) buildErrors() {
	for _, e := range b.ov.Errors {
		if e.holds(b.rev) {
			e.use(b.rev)
			b.out.Errors = append(b.out.Errors, &errorCode{Name: e.Name, Code: e.Code, Doc: e.Doc, Revisions: []string{b.rev}})
		}
	}
	for _, def := range sortedKeys(b.s.Defs) {
		s, at := b.s.Defs[def], b.defAt(def)
		whole := s.Properties[errorMember]
		if whole != nil && b.types[def] == nil {
			at, s = at.member(errorMember), whole
		}
		members := map[string]*prop{}
		for _, p := range b.props(at, s) {
			members[p.name] = p
		}
		if members[codeMember] == nil || members[messageMember] == nil || members[codeMember].typ.Const == nil {
			continue
		}
		code, _ := constant(members[codeMember].typ.Const).(int64)
		name := "Code" + strings.TrimSuffix(b.names.definition(def, nil), b.suffix.Error)
		i := slices.IndexFunc(b.out.Errors, func(e *errorCode) bool { return e.Code == code })
		if i < 0 {
			words, _ := b.docs.definition(def, b.s.Defs[def].Description)
			b.out.Errors = append(b.out.Errors, &errorCode{Name: name, Code: code, Doc: words, Revisions: []string{b.rev}})
		} else {
			name = b.out.Errors[i].Name
		}
		b.became[def] = fmt.Sprintf("error %d: %s", code, name)
		if data := members[dataMember]; data != nil && data.typ.Ref == "" && len(data.typ.Properties) > 0 {
			t := b.shape("object", data.at, data.typ)
			t.Error = &errorData{Code: name}
			b.became[def] += " with its data"
		}
		delete(b.types, def)
	}
}
