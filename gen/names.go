package main

import (
	"go/token"
	"regexp"
	"strings"
	"unicode"
)

// namer turns schema names into Go names for one revision.
type namer struct {
	rev   string
	ov    *overlay
	words map[string]string // initialisms by their lower-case form
}

func newNamer(rev string, ov *overlay) *namer {
	n := &namer{rev: rev, ov: ov, words: map[string]string{}}
	for _, e := range ov.Initials {
		if e.holds(rev) {
			for _, w := range e.Words {
				n.words[strings.ToLower(w)] = w
			}
		}
	}
	return n
}

// definition names a definition, or a type without a name by the names on the way to it.
func (n *namer) definition(def string, path []string) string {
	full := n.rewrite("definitions", def)
	for _, p := range path {
		full += n.camel(p)
	}
	if len(path) > 0 {
		full = n.rewrite("definitions", full)
	}
	return n.camel(full)
}

// member names a struct field.
func (n *namer) member(json string) string { return n.camel(n.rewrite("members", json)) }

func (n *namer) rewrite(of, name string) string {
	for _, r := range n.ov.Rules {
		if r.Of == of && r.holds(n.rev) && r.re.MatchString(name) {
			r.use(n.rev)
			name = r.re.ReplaceAllString(name, r.Name)
		}
	}
	return name
}

var (
	notWord   = regexp.MustCompile(`[^A-Za-z0-9]+`)
	wordStart = regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+`)
)

// camel writes a name as one exported Go identifier, with initialisms in capitals.
func (n *namer) camel(name string) string {
	var b strings.Builder
	for _, part := range notWord.Split(name, -1) {
		for _, word := range splitWords(part) {
			if w, ok := n.words[strings.ToLower(word)]; ok {
				for _, e := range n.ov.Initials {
					if e.holds(n.rev) {
						e.use(n.rev)
					}
				}
				b.WriteString(w)
				continue
			}
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// isGoName: something that Go takes as an exported name.
func isGoName(name string) bool { return token.IsIdentifier(name) && token.IsExported(name) }

// splitWords cuts at capitals; a run of capitals is one word, less its last if lower case follows.
func splitWords(s string) []string {
	var out []string
	for _, w := range wordStart.FindAllString(s, -1) {
		run := 0
		for run < len(w) && unicode.IsUpper(rune(w[run])) {
			run++
		}
		if run > 1 && run < len(w) && unicode.IsLower(rune(w[run])) {
			out = append(out, w[:run-1], w[run-1:])
			continue
		}
		out = append(out, w)
	}
	return out
}
