package server

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// invalid says why a value does not fit a schema, in words for a model.
type invalid struct{ problems []problem }

// problem is one thing that is wrong: where, and what would be right.
type problem struct {
	pointer string // JSON pointer; "" is the whole
	text    string
}

// maxProblems is how many problems an error lists.
const maxProblems = 10

// Error lists the problems on one line.
func (e *invalid) Error() string { return strings.ReplaceAll(e.lines(), "\n", "; ") }

// lines lists the problems, one a line.
func (e *invalid) lines() string {
	var b strings.Builder
	for i, p := range e.problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "\n… and %d more", len(e.problems)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.pointer != "" {
			b.WriteString(p.pointer + ": ")
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// explain makes an error for people and models of the library's. what names the whole, such as "the arguments".
func (s *schema) explain(e *jsonschema.ValidationError, what string) *invalid {
	x := explainer{s, what}
	problems := x.problems(e)
	slices.SortStableFunc(problems, func(a, b problem) int { return cmp.Compare(a.pointer, b.pointer) })
	return &invalid{slices.CompactFunc(problems, func(a, b problem) bool { return a == b })}
}

type explainer struct {
	s    *schema
	what string
}

func (x explainer) problems(e *jsonschema.ValidationError) []problem {
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		return x.choice(e)
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return x.at(e, "fits several forms of which only one is allowed")
		}
		return x.choice(e)
	case *kind.Required:
		var list []problem
		for _, name := range k.Missing {
			list = append(list, problem{pointerOf(e.InstanceLocation, name), "required but missing" + x.expects(e, name)})
		}
		return list
	case *kind.AdditionalProperties:
		return x.unknown(e, k.Properties)
	case *kind.Contains:
		return x.at(e, "none of the items is what at least one must be"+causeText(x, e))
	case *kind.MinContains:
		return x.at(e, fmt.Sprintf("fewer than %d items are what so many must be", k.Want)+causeText(x, e))
	case *kind.MaxContains:
		return x.at(e, fmt.Sprintf("more than %d items are what only so many may be", k.Want))
	case *kind.PropertyNames:
		return []problem{{pointerOf(e.InstanceLocation, k.Property), "this name is not allowed here" + causeText(x, e)}}
	}
	if len(e.Causes) > 0 {
		var list []problem
		for _, c := range e.Causes {
			list = append(list, x.problems(c)...)
		}
		return list
	}
	return x.at(e, x.leaf(e))
}

func (x explainer) at(e *jsonschema.ValidationError, text string) []problem {
	return []problem{{pointerOf(e.InstanceLocation), text}}
}

func causeText(x explainer, e *jsonschema.ValidationError) string {
	for _, c := range e.Causes {
		if list := x.problems(c); len(list) > 0 {
			return ": " + list[0].text
		}
	}
	return ""
}

// choice explains that a value fits none of several forms.
func (x explainer) choice(e *jsonschema.ValidationError) []problem {
	var kinds []string
	var options []any
	var near []*jsonschema.ValidationError // forms that take this kind of value
	for _, c := range e.Causes {
		leaf := soleCause(c)
		switch k := leaf.ErrorKind.(type) {
		case *kind.Type:
			if len(leaf.InstanceLocation) == len(e.InstanceLocation) {
				kinds = append(kinds, k.Want...)
				continue
			}
		case *kind.Const:
			if len(leaf.InstanceLocation) == len(e.InstanceLocation) {
				options = append(options, k.Want)
				continue
			}
		}
		near = append(near, c)
	}
	switch {
	case len(options) > 0 && len(near) == 0:
		return x.at(e, x.oneOf(options, x.found(e)))
	case len(near) == 1:
		return x.problems(near[0])
	case len(near) == 0:
		return x.at(e, "expected "+orList(typeNames(kinds))+x.found(e))
	}
	var forms []string
	for i, c := range near {
		list := x.problems(c)
		forms = append(forms, fmt.Sprintf("(%d) %s", i+1, (&invalid{list[:1]}).Error()))
	}
	return x.at(e, fmt.Sprintf("fits none of the %d forms that are allowed: %s", len(e.Causes), strings.Join(forms, " ")))
}

// soleCause is the error that the others wrap.
func soleCause(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	for len(e.Causes) == 1 {
		e = e.Causes[0]
	}
	return e
}

// found is the part of a sentence about what was there instead; the library gives it with some errors only.
func (x explainer) found(e *jsonschema.ValidationError) string {
	switch k := soleCause(e).ErrorKind.(type) {
	case *kind.Type:
		return ", found " + article(k.Got)
	case *kind.Enum:
		return ", found " + showValue(k.Got)
	case *kind.Const:
		return ", found " + showValue(k.Got)
	}
	for _, c := range e.Causes {
		if s := x.found(c); s != "" {
			return s
		}
	}
	return ""
}

// unknown explains members that are not allowed, with the name that was probably meant.
func (x explainer) unknown(e *jsonschema.ValidationError, names []string) []problem {
	var allowed []string
	if node, ok := x.node(e); ok {
		properties, _ := node["properties"].(map[string]any)
		for name := range properties {
			allowed = append(allowed, name)
		}
	}
	slices.Sort(allowed)
	slices.Sort(names)
	var list []problem
	for i, name := range names {
		text := "unknown"
		if i >= maxProblems {
			list = append(list, problem{pointerOf(e.InstanceLocation, name), text}) // only counted
			continue
		}
		if near := nearest(name, allowed); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		if len(allowed) == 0 {
			text += "; nothing is allowed here"
		} else if len(allowed) <= 30 {
			text += "; allowed: " + strings.Join(allowed, ", ")
		}
		list = append(list, problem{pointerOf(e.InstanceLocation, name), text})
	}
	return list
}

// leaf explains an error without causes.
func (x explainer) leaf(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return "expected " + orList(typeNames(k.Want)) + ", found " + article(k.Got)
	case *kind.Enum:
		return x.oneOf(k.Want, ", found "+showValue(k.Got))
	case *kind.Const:
		return "expected " + showValue(k.Want) + ", found " + showValue(k.Got)
	case *kind.Format:
		if k.Want == "regex" {
			return "expected a regular expression as Go has them (RE2), found " + showValue(k.Got)
		}
		return fmt.Sprintf("expected a string of the format %s%s, found %s", k.Want, formatExample(k.Want), showValue(k.Got))
	case *kind.Pattern:
		return fmt.Sprintf("expected a string that matches the regular expression %s, found %s", k.Want, showValue(k.Got))
	case *kind.MinLength:
		return fmt.Sprintf("expected at least %d characters, found %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("expected at most %d characters, found %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("expected at least %d items, found %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("expected at most %d items, found %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("expected items that differ, but those at %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.MinProperties:
		return fmt.Sprintf("expected at least %d members, found %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("expected at most %d members, found %d", k.Want, k.Got)
	case *kind.Minimum:
		return "expected a number of at least " + ratText(k.Want) + ", found " + ratText(k.Got)
	case *kind.Maximum:
		return "expected a number of at most " + ratText(k.Want) + ", found " + ratText(k.Got)
	case *kind.ExclusiveMinimum:
		return "expected a number above " + ratText(k.Want) + ", found " + ratText(k.Got)
	case *kind.ExclusiveMaximum:
		return "expected a number below " + ratText(k.Want) + ", found " + ratText(k.Got)
	case *kind.MultipleOf:
		return "expected a multiple of " + ratText(k.Want) + ", found " + ratText(k.Got)
	case *kind.DependentRequired:
		return fmt.Sprintf("%s is given, so %s is required", k.Prop, strings.Join(k.Missing, ", "))
	case *kind.Dependency:
		return fmt.Sprintf("%s is given, so %s is required", k.Prop, strings.Join(k.Missing, ", "))
	case *kind.FalseSchema:
		return "not allowed here"
	case *kind.Not:
		return "this value is not allowed here"
	}
	return "does not fit " + x.what + "'s schema (" + strings.Join(e.ErrorKind.KeywordPath(), "/") + ")"
}

func (x explainer) oneOf(options []any, found string) string {
	shown := make([]string, 0, len(options))
	for i, o := range options {
		if i == 30 {
			shown = append(shown, fmt.Sprintf("… (%d in all)", len(options)))
			break
		}
		shown = append(shown, showValue(o))
	}
	text := "expected " + strings.Join(shown, ", ")
	if len(options) > 1 {
		text = "expected one of " + strings.Join(shown, ", ")
	}
	text += found
	if got, ok := strings.CutPrefix(found, ", found "); ok {
		if s, err := strconv.Unquote(got); err == nil {
			var names []string
			for _, o := range options {
				if n, ok := o.(string); ok {
					names = append(names, n)
				}
			}
			if near := nearest(s, names); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
		}
	}
	return text
}

// node gives the schema object that an error is about.
func (x explainer) node(e *jsonschema.ValidationError) (map[string]any, bool) {
	ref := strings.TrimPrefix(e.SchemaURL, schemaURL)
	if ref == "" {
		ref = "#"
	}
	v, ok := lookup(any(x.s.doc), ref)
	if !ok {
		return nil, false
	}
	node, ok := v.(map[string]any)
	return node, ok
}

// expects describes the member that is missing, as far as the schema does.
func (x explainer) expects(e *jsonschema.ValidationError, name string) string {
	node, ok := x.node(e)
	if !ok {
		return ""
	}
	properties, _ := node["properties"].(map[string]any)
	outer, _ := properties[name].(map[string]any)
	inner := resolve(x.s.doc, properties[name])
	text := ""
	switch t := inner["type"].(type) {
	case string:
		text = "; expected " + typeName(t)
	case []any:
		var kinds []string
		for _, k := range t {
			kinds = append(kinds, fmt.Sprint(k))
		}
		text = "; expected " + orList(typeNames(kinds))
	}
	if options, ok := inner["enum"].([]any); ok {
		text = "; " + x.oneOf(options, "")
	}
	description, _ := outer["description"].(string)
	if description == "" {
		description, _ = inner["description"].(string)
	}
	if description != "" {
		text += " (" + description + ")"
	}
	return text
}

func pointerOf(location []string, more ...string) string {
	var b strings.Builder
	for _, list := range [][]string{location, more} {
		for _, token := range list {
			if len(token) > maxQuoted {
				token = strings.ToValidUTF8(token[:maxQuoted], "") + "…"
			}
			b.WriteString("/" + strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1"))
		}
	}
	return b.String()
}

func typeName(t string) string {
	switch t {
	case "null":
		return t
	case "integer", "array", "object":
		return "an " + t
	}
	return "a " + t
}

func typeNames(list []string) []string {
	var names []string
	for _, t := range list {
		if n := typeName(t); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

func article(t string) string { return typeName(t) }

func orList(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return strings.Join(list, "")
}

// showValue shows a value that was sent, or is expected, at no great length.
func showValue(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	}
	s := fmt.Sprint(v)
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "..."
	}
	return s
}

func ratText(r *big.Rat) string {
	if r.IsInt() {
		if s := r.Num().String(); len(s) <= maxQuoted {
			return s
		}
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func formatExample(format string) string {
	switch format {
	case "date-time":
		return " (RFC 3339, such as 2025-11-25T10:30:00Z)"
	case "date":
		return " (such as 2025-11-25)"
	case "time":
		return " (such as 10:30:00Z)"
	case "email":
		return " (such as ada@example.com)"
	case "uri":
		return " (such as https://example.com/page)"
	}
	return ""
}

// decodeProblem says why arguments that fit the schema cannot be read into their Go type.
func decodeProblem(err error) *invalid {
	p, ok := errors.AsType[*wire.PathError](err)
	if !ok {
		return &invalid{[]problem{{text: err.Error()}}}
	}
	text := "expected " + p.Expected
	if p.Found != "" {
		text += ", found " + p.Found
	}
	return &invalid{[]problem{{p.Pointer, text}}}
}
