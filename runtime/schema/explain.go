package schema

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Invalid says why a value does not fit a schema, in words for a model.
type Invalid struct {
	Problems []Problem
	// Unknown says that it could not be found out whether the value fits: that takes too long.
	Unknown bool
}

// Problem is one thing that is wrong: where, and what would be right.
type Problem struct {
	Pointer string // JSON pointer; "" is the whole
	Text    string
}

// maxProblems is how many problems an error lists.
const maxProblems = 10

// Error lists the problems on one line.
func (e *Invalid) Error() string { return strings.ReplaceAll(e.Lines(), "\n", "; ") }

// Lines lists the problems, one a line.
func (e *Invalid) Lines() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i == maxProblems {
			fmt.Fprintf(&b, "\n… and %d more", len(e.Problems)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.Pointer != "" {
			b.WriteString(p.Pointer + ": ")
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// Explain makes an error for people and models of a failure. doc is the whole schema, as [Parse] gives it.
func Explain(doc any, f *Failure) *Invalid {
	x := explainer{doc}
	problems := x.problems(f)
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return &Invalid{Problems: slices.CompactFunc(problems, func(a, b Problem) bool { return a == b })}
}

type explainer struct{ doc any }

func (x explainer) problems(f *Failure) []Problem {
	switch f.Keyword {
	case "anyOf":
		return x.choice(f)
	case "oneOf":
		if len(f.Causes) == 0 {
			return x.at(f, "fits several forms of which only one is allowed")
		}
		return x.choice(f)
	case "required":
		var list []Problem
		for _, name := range f.Names {
			list = append(list, Problem{pointerOf(f.At, name), "required but missing" + x.expects(f, name)})
		}
		return list
	case "additionalProperties":
		return x.unknown(f)
	case "contains":
		return x.at(f, "none of the items is what at least one must be"+x.causeText(f))
	case "minContains":
		return x.at(f, fmt.Sprintf("fewer than %v items are what so many must be", f.Want)+x.causeText(f))
	case "maxContains":
		return x.at(f, fmt.Sprintf("more than %v items are what only so many may be", f.Want))
	case "propertyNames":
		return []Problem{{pointerOf(f.At, f.Names...), "this name is not allowed here" + x.causeText(f)}}
	}
	if len(f.Causes) > 0 {
		var list []Problem
		for _, c := range f.Causes {
			list = append(list, x.problems(c)...)
		}
		return list
	}
	return x.at(f, x.leaf(f))
}

func (x explainer) at(f *Failure, text string) []Problem {
	return []Problem{{pointerOf(f.At), text}}
}

func (x explainer) causeText(f *Failure) string {
	for _, c := range f.Causes {
		if list := x.problems(c); len(list) > 0 {
			return ": " + list[0].Text
		}
	}
	return ""
}

// choice explains that a value fits none of several forms.
func (x explainer) choice(f *Failure) []Problem {
	var kinds []string
	var options []any
	var near []*Failure // forms that take this kind of value
	for _, c := range f.Causes {
		leaf := soleCause(c)
		if len(leaf.At) == len(f.At) {
			switch leaf.Keyword {
			case "type":
				kinds = append(kinds, leaf.Want.([]string)...)
				continue
			case "const":
				options = append(options, leaf.Want)
				continue
			}
		}
		near = append(near, c)
	}
	switch {
	case len(options) > 0 && len(near) == 0:
		return x.at(f, x.oneOf(options, x.found(f)))
	case len(near) == 1:
		return x.problems(near[0])
	case len(near) == 0:
		return x.at(f, "expected "+orList(typeNames(kinds))+x.found(f))
	}
	var forms []string
	for i, c := range near {
		forms = append(forms, fmt.Sprintf("(%d) %s", i+1, (&Invalid{Problems: x.problems(c)[:1]}).Error()))
	}
	return x.at(f, fmt.Sprintf("fits none of the %d forms that are allowed: %s", len(f.Causes), strings.Join(forms, " ")))
}

// soleCause is the failure that the others wrap.
func soleCause(f *Failure) *Failure {
	for len(f.Causes) == 1 {
		f = f.Causes[0]
	}
	return f
}

// found is the part of a sentence about what was there instead, where a failure knows it.
func (x explainer) found(f *Failure) string {
	switch leaf := soleCause(f); leaf.Keyword {
	case "type":
		return ", found " + typeName(fmt.Sprint(leaf.Got))
	case "enum", "const":
		return ", found " + showValue(leaf.Got)
	}
	for _, c := range f.Causes {
		if s := x.found(c); s != "" {
			return s
		}
	}
	return ""
}

// unknown explains members that are not allowed, with the name that was probably meant.
func (x explainer) unknown(f *Failure) []Problem {
	properties, _ := f.Schema["properties"].(map[string]any)
	allowed := slices.Sorted(maps.Keys(properties))
	names := slices.Sorted(slices.Values(f.Names))
	var list []Problem
	for i, name := range names {
		text := "unknown"
		if i >= maxProblems {
			list = append(list, Problem{pointerOf(f.At, name), text}) // only counted
			continue
		}
		if near := Nearest(name, allowed); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		if len(allowed) == 0 {
			text += "; nothing is allowed here"
		} else if len(allowed) <= 30 {
			text += "; allowed: " + strings.Join(allowed, ", ")
		}
		list = append(list, Problem{pointerOf(f.At, name), text})
	}
	return list
}

// leaf explains a failure without causes.
func (x explainer) leaf(f *Failure) string {
	switch f.Keyword {
	case "type":
		names, _ := f.Want.([]string)
		return "expected " + orList(typeNames(names)) + ", found " + typeName(fmt.Sprint(f.Got))
	case "enum":
		options, _ := f.Want.([]any)
		return x.oneOf(options, ", found "+showValue(f.Got))
	case "const":
		return "expected " + showValue(f.Want) + ", found " + showValue(f.Got)
	case "format":
		if f.Want == "regex" {
			return "expected a regular expression as Go has them (RE2), found " + showValue(f.Got)
		}
		return fmt.Sprintf("expected a string of the format %v%s, found %s", f.Want, formatExample(fmt.Sprint(f.Want)), showValue(f.Got))
	case "pattern":
		return fmt.Sprintf("expected a string that matches the regular expression %v, found %s", f.Want, showValue(f.Got))
	case "minLength":
		return fmt.Sprintf("expected at least %v characters, found %v", f.Want, f.Got)
	case "maxLength":
		return fmt.Sprintf("expected at most %v characters, found %v", f.Want, f.Got)
	case "minItems":
		return fmt.Sprintf("expected at least %v items, found %v", f.Want, f.Got)
	case "maxItems":
		return fmt.Sprintf("expected at most %v items, found %v", f.Want, f.Got)
	case "uniqueItems":
		if at, ok := f.Got.([]int); ok && len(at) == 2 {
			return fmt.Sprintf("expected items that differ, but those at %d and %d are equal", at[0], at[1])
		}
	case "minProperties":
		return fmt.Sprintf("expected at least %v members, found %v", f.Want, f.Got)
	case "maxProperties":
		return fmt.Sprintf("expected at most %v members, found %v", f.Want, f.Got)
	case "minimum":
		return "expected a number of at least " + numberText(f.Want) + ", found " + numberText(f.Got)
	case "maximum":
		return "expected a number of at most " + numberText(f.Want) + ", found " + numberText(f.Got)
	case "exclusiveMinimum":
		return "expected a number above " + numberText(f.Want) + ", found " + numberText(f.Got)
	case "exclusiveMaximum":
		return "expected a number below " + numberText(f.Want) + ", found " + numberText(f.Got)
	case "multipleOf":
		return "expected a multiple of " + numberText(f.Want) + ", found " + numberText(f.Got)
	case "dependentRequired", "dependencies":
		return fmt.Sprintf("%v is given, so %s is required", f.Want, strings.Join(f.Names, ", "))
	case "false":
		return "not allowed here"
	case "not":
		return "this value is not allowed here"
	}
	return "does not fit the schema (" + f.Keyword + ")"
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
			if near := Nearest(s, names); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
		}
	}
	return text
}

// expects describes the member that is missing, as far as the schema does.
func (x explainer) expects(f *Failure, name string) string {
	properties, _ := f.Schema["properties"].(map[string]any)
	outer, _ := properties[name].(map[string]any)
	inner := Resolve(x.doc, properties[name])
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

// numberText shows a number: an integer with all its digits, unless they are many.
func numberText(v any) string {
	literal, ok := v.(Number)
	if !ok {
		return fmt.Sprint(v)
	}
	if n := numberOf(string(literal)); n.whole {
		return string(literal)
	}
	r, ok := new(big.Rat).SetString(string(literal))
	if !ok {
		return string(literal)
	}
	if r.IsInt() {
		if s := r.Num().String(); len(s) <= maxQuoted {
			return s
		}
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// maxQuoted is how much of a value a text repeats.
const maxQuoted = 64

func quoted(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(strings.ToValidUTF8(s[:maxQuoted], "")) + "..."
	}
	return strconv.Quote(s)
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
