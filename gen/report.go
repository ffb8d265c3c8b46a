package main

import (
	"fmt"
	"slices"
	"strings"
)

// report lists what became of each definition and how each method is wired, in Markdown.
func report(p *protocol) []byte {
	var b strings.Builder
	b.WriteString("# What became of the schema\n\nWritten by `go run ./gen`; `go run ./gen report` prints it.\n")
	for _, r := range p.Revisions {
		fmt.Fprintf(&b, "\n## Revision %s\n\n| definition | in Go |\n|---|---|\n", r.Name)
		n := 0
		for _, c := range p.Covered {
			if c.Revision == r.Name {
				fmt.Fprintf(&b, "| %s | %s |\n", c.Def, c.Became)
				n++
			}
		}
		fmt.Fprintf(&b, "\n%d definitions.\n\n", n)
		b.WriteString("| method | sent by | params | result | task result | capability | handler |\n|---|---|---|---|---|---|---|\n")
		n = 0
		for _, m := range p.Methods {
			if !slices.Contains(m.Revisions, r.Name) {
				continue
			}
			n++
			task := show(m.TaskResult)
			if m.TaskGate != "" {
				task += " (" + m.TaskGate + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", m.Name, sentBy(m), show(m.Params), show(m.Result), task, gateWords(m), m.Handler+"Handler")
		}
		fmt.Fprintf(&b, "\n%d methods.\n", n)
	}
	b.WriteString("\n## Types without a definition of their own\n\n| in Go | stands at |\n|---|---|\n")
	for _, t := range p.Types {
		if len(t.Path) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", t.Name, strings.Join(t.Pointers, "<br>"))
		}
	}
	b.WriteString("\n## Unions\n\n| union | told apart by |\n|---|---|\n")
	for _, t := range p.Types {
		if t.Kind == unionType {
			fmt.Fprintf(&b, "| %s | %s |\n", t.Name, pickWords(t))
		}
	}
	return []byte(b.String())
}

func show(r *ref) string {
	if r == nil {
		return "–"
	}
	if r.Alias != nil {
		return r.Alias.Name
	}
	return goTypeName(r)
}

func sentBy(m *method) string {
	switch {
	case m.FromClient && m.FromServer:
		return "both"
	case m.FromClient:
		return "client"
	}
	return "server"
}

func gateWords(m *method) string {
	if m.Gate == "" {
		return "–"
	}
	if m.GateOfSender {
		return m.Gate + " (of the sender)"
	}
	return m.Gate + " (of the receiver)"
}

// pickWords says in words how the branches of a union are told apart.
func pickWords(t *goType) string {
	var out []string
	for _, br := range t.Branches {
		if br.Scalar != nil {
			out = append(out, br.Kind+" → "+br.Wrapper)
		}
	}
	for _, c := range t.Pick.Cases {
		for _, test := range c.Tests {
			words := t.Pick.Member + " = " + strings.Join(c.Values, " or ")
			if w := testWords(test); w != "" {
				words += " and " + w
			}
			out = append(out, words+" → "+test.To.Name)
		}
	}
	for _, test := range t.Pick.Absent {
		words := testWords(test)
		if t.Pick.Member != "" {
			words = strings.TrimSuffix("no "+t.Pick.Member+" and "+words, " and ")
		}
		if words == "" {
			words = "otherwise"
		}
		out = append(out, words+" → "+test.To.Name)
	}
	return strings.Join(out, "<br>")
}

func testWords(t *pickTest) string {
	words := ""
	if len(t.All) > 0 {
		words = "has " + strings.Join(t.All, " and ")
	}
	if len(t.Any) > 0 {
		words = "has " + strings.Join(t.Any, " or ")
	}
	if t.In != "" {
		words = t.In + " " + words
	}
	return words
}
