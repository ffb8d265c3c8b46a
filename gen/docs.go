package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/atombender/go-jsonschema/pkg/schemas"
	"github.com/goccy/go-yaml"
)

// docs is spec/docs.yaml: our words for every definition, member and enum value.
type docs struct {
	// Common holds words for members that mean the same wherever they stand, by path.
	Common      map[string]string  `yaml:"common"`
	Definitions map[string]defDocs `yaml:"definitions"`
}

type defDocs struct {
	Doc    string            `yaml:"doc"`    // what follows the name, without a final period
	Fields map[string]string `yaml:"fields"` // by dotted path from the definition
	Values map[string]string `yaml:"values"` // enum values; path=value for enums without a name
}

func parseDocs(data []byte) (*docs, error) {
	d := &docs{}
	if err := yaml.UnmarshalWithOptions(data, d, yaml.Strict()); err != nil && len(strings.TrimSpace(string(data))) > 0 {
		return nil, fmt.Errorf("not a docs file: %s", yaml.FormatError(err, false, true))
	}
	return d, nil
}

// definition returns the predicate for a definition: the words that follow its name.
func (d *docs) definition(def, description string) (string, bool) {
	if words := d.Definitions[def].Doc; words != "" {
		return words, true
	}
	return firstParagraph(description), description != ""
}

// member returns the words for a member, by its path from the definition.
func (d *docs) member(def string, path []string, description string) (string, bool) {
	dotted := strings.Join(path, ".")
	if words := d.Definitions[def].Fields[dotted]; words != "" {
		return words, true
	}
	if description != "" {
		return firstParagraph(description), true
	}
	words := d.Common[dotted]
	return words, words != ""
}

// value returns the words for one value of an enum, if there are any.
func (d *docs) value(def string, path []string, value string) string {
	if len(path) > 0 {
		value = strings.Join(path, ".") + "=" + value
	}
	return d.Definitions[def].Values[value]
}

// firstParagraph folds the first paragraph of a schema's description into one line.
func firstParagraph(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n\n")
	return strings.Join(strings.Fields(text), " ")
}

var link = regexp.MustCompile(`\{@link ([^}]*)\}`)

// unlink turns the links in descriptions into their words. What separated the definition that a link
// leads to from its words is lost in official files.
func (s *schema) unlink() {
	words := func(m string) string {
		text, to := strings.TrimSpace(link.FindStringSubmatch(m)[1]), ""
		for def := range s.Defs {
			if strings.HasPrefix(text, def) && len(def) > len(to) {
				to = def
			}
		}
		if rest := strings.TrimLeft(text[len(to):], " |"); rest != "" && rest[0] != '.' {
			return rest
		}
		return text
	}
	b := &builder{s: s}
	for def, t := range s.Defs {
		b.eachType(b.defAt(def), t, func(_ loc, t *schemas.Type) {
			t.Description = link.ReplaceAllStringFunc(t.Description, words)
		})
	}
}

// unused reports words for what no schema has.
func (d *docs) unused(all []*schema) []error {
	paths := map[string]bool{}
	for _, s := range all {
		b := &builder{s: s}
		for def, t := range s.Defs {
			paths[def] = true
			b.eachType(b.defAt(def), t, func(at loc, t *schemas.Type) {
				dotted := strings.Join(at.path, ".")
				paths[def+" "+dotted] = true
				paths["common "+dotted] = true
				for i := range at.path {
					paths[def+" "+strings.Join(at.path[i:], ".")] = true
				}
				for _, v := range t.Enum {
					paths[def+"="+strings.TrimPrefix(fmt.Sprintf("%s=%v", dotted, v), "=")] = true
				}
			})
		}
	}
	var out []error
	add := func(what string) {
		out = append(out, &problem{What: "docs.yaml has words for " + what + ", which no schema has: delete them"})
	}
	for _, path := range sortedKeys(d.Common) {
		if !paths["common "+path] {
			add("the common member " + path)
		}
	}
	for _, def := range sortedKeys(d.Definitions) {
		if !paths[def] {
			add("the definition " + def)
			continue
		}
		for _, path := range sortedKeys(d.Definitions[def].Fields) {
			if !paths[def+" "+path] {
				add("the member " + path + " of " + def)
			}
		}
		for _, value := range sortedKeys(d.Definitions[def].Values) {
			if !paths[def+"="+value] {
				add("the value " + value + " of " + def)
			}
		}
	}
	return out
}
