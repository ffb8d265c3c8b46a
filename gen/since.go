package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// since is spec/<revision>/since.yaml: the first revision that has what this one has. What is not in
// it was there from the oldest revision on.
type since struct {
	Versions    []string                     `yaml:"versions"` // oldest first
	Methods     map[string]string            `yaml:"methods,omitempty"`
	Definitions map[string]string            `yaml:"definitions,omitempty"`
	Members     map[string]map[string]string `yaml:"members,omitempty"`  // by definition and path
	Branches    map[string]map[string]string `yaml:"branches,omitempty"` // by definition, or definition.path, and branch
}

const sinceHeader = `# Written by go run ./gen since: the first revision that has what this one has. What is not listed was
# there in the oldest. Renames are in ../overlay.yaml.
`

// runSince is `gen since -rev REVISION OLD=FILE ...`: it compares older official schemas with the one in spec/.
func runSince(dir string, args []string, out io.Writer) error {
	usage := fmt.Errorf("usage: go run ./gen since -rev YYYY-MM-DD OLDER=FILE [OLDER=FILE ...]")
	if len(args) < 3 || args[0] != "-rev" || !revisionName.MatchString(args[1]) {
		return usage
	}
	rev, older := args[1], map[string]any{}
	for _, arg := range args[2:] {
		name, file, ok := strings.Cut(arg, "=")
		if !ok || !revisionName.MatchString(name) || name >= rev {
			return usage
		}
		tree, err := treeOf(file)
		if err != nil {
			return err
		}
		older[name] = tree
	}
	tree, err := treeOf(filepath.Join(dir, "spec", rev, "schema.json"))
	if err != nil {
		return err
	}
	ov, err := readOverlay(dir)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(compareSchemas(rev, tree, older, ov))
	if err != nil {
		return err
	}
	path := filepath.ToSlash(filepath.Join("spec", rev, "since.yaml"))
	files := fileSet{path: append([]byte(sinceHeader), text...)}
	done, err := files.write(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s (%s)\n", path, done.word(path))
	return nil
}

func treeOf(file string) (any, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	tree, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return tree, nil
}

// readSince reads the table of a revision; nil without the file.
func readSince(dir, rev string) (*since, error) {
	path := filepath.Join(dir, "spec", rev, "since.yaml")
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &since{}
	if err := yaml.UnmarshalWithOptions(data, s, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	return s, nil
}

// compareSchemas says since when rev has what it has, among the older revisions given.
func compareSchemas(rev string, tree any, older map[string]any, ov *overlay) *since {
	table := &since{Versions: append(sortedKeys(older), rev), Methods: map[string]string{}, Definitions: map[string]string{},
		Members: map[string]map[string]string{}, Branches: map[string]map[string]string{}}
	all := newComparison(rev, tree, tree, ov)
	first := map[string]string{}
	for key := range all.has {
		first[key] = rev
	}
	for _, old := range slices.Backward(sortedKeys(older)) {
		for key := range newComparison(rev, tree, older[old], ov).has {
			first[key] = old
		}
	}
	answers := map[string]bool{} // unions that only list results
	for _, d := range ov.Directions {
		answers[d.Results] = true
	}
	oldest := table.Versions[0]
	for _, key := range sortedKeys(first) {
		kind, name, _ := strings.Cut(key, " ")
		def, part, _ := strings.Cut(name, " ")
		if first[key] == oldest || kind != "method" && (isEnvelope(all.newer, strings.Split(def, ".")[0]) || answers[def]) {
			continue
		}
		switch kind {
		case "method":
			table.Methods[name] = first[key]
		case "definition":
			table.Definitions[name] = first[key]
		default:
			if first["definition "+def] == first[key] {
				continue // as old as the definition itself
			}
			into := table.Members
			if kind == "branch" {
				into = table.Branches
			}
			if into[def] == nil {
				into[def] = map[string]string{}
			}
			into[def][part] = first[key]
		}
	}
	return table
}

// comparison walks a schema beside another one and notes what the other has too.
type comparison struct {
	newer, older map[string]any
	was          map[string][]string // older names of definitions
	has          map[string]bool     // "method M", "definition D", "member D path", "branch U B"
	seen         map[string]bool
}

func newComparison(rev string, newer, older any, ov *overlay) *comparison {
	c := &comparison{newer: definitionsOf(newer), older: definitionsOf(older), was: map[string][]string{}, has: map[string]bool{}, seen: map[string]bool{}}
	for _, r := range ov.Renames {
		if r.holds(rev) {
			c.was[r.Name] = append(c.was[r.Name], r.Was)
		}
	}
	byMethod := map[string]map[string]any{}
	for _, def := range sortedKeys(c.older) {
		if m := methodOf(c.older[def]); m != "" {
			byMethod[m] = c.older[def].(map[string]any)
		}
	}
	for _, def := range sortedKeys(c.newer) {
		node := c.newer[def]
		if m := methodOf(node); m != "" && byMethod[m] != nil {
			c.has["method "+m] = true
			c.pair(def, nil, node, withBase(byMethod[m], c.older, ov, rev))
		}
		for _, name := range append([]string{def}, c.was[def]...) {
			if old := c.older[name]; old != nil {
				c.pair(def, nil, node, old)
			}
		}
	}
	return c
}

// withBase adds the params that older schemas state only once, in the base of all requests.
func withBase(old map[string]any, defs map[string]any, ov *overlay, rev string) map[string]any {
	suffix, _ := active(ov.Suffixes, rev)
	if suffix == nil {
		return old
	}
	for _, name := range []string{suffix.Request, suffix.Notification} {
		base, _ := at(defs[name], "properties", paramsMember, "properties").(map[string]any)
		own, _ := at(old, "properties", paramsMember, "properties").(map[string]any)
		merged := map[string]any{}
		for _, m := range []map[string]any{base, own} {
			for k, v := range m {
				merged[k] = v
			}
		}
		if len(base) > 0 {
			return map[string]any{"properties": map[string]any{paramsMember: map[string]any{"properties": merged}}}
		}
	}
	return old
}

func definitionsOf(tree any) map[string]any {
	for _, key := range []string{"$defs", "definitions"} {
		if defs, ok := at(tree, key).(map[string]any); ok {
			return defs
		}
	}
	return nil
}

func at(node any, path ...string) any {
	for _, key := range path {
		m, _ := node.(map[string]any)
		node = m[key]
	}
	return node
}

func methodOf(node any) string {
	m, _ := at(node, "properties", methodMember, "const").(string)
	return m
}

// pair compares the node at a path of a definition with an older node for the same thing.
func (c *comparison) pair(def string, path []string, node, old any) {
	for ref := refOf(node); ref != ""; ref = refOf(node) {
		def, path, node = ref, nil, c.newer[ref]
	}
	for ref := refOf(old); ref != ""; ref = refOf(old) {
		old = c.older[ref]
	}
	if node == nil || old == nil {
		return
	}
	if len(path) == 0 {
		c.has["definition "+def] = true
	}
	key := fmt.Sprintf("%s %v %p", def, path, old)
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	oldMembers := c.members(old, c.older)
	for name, member := range c.members(node, c.newer) {
		if was := oldMembers[name]; was != nil {
			inner := append(slices.Clone(path), name)
			c.has["member "+def+" "+strings.Join(inner, ".")] = true
			c.pair(def, inner, member, was)
		}
	}
	for _, hop := range []string{"items", "additionalProperties"} {
		c.pair(def, path, at(node, hop), at(old, hop))
	}
	alternatives := flatAlternatives(old, c.older)
	if len(alternatives) == 0 && len(oldMembers) > 0 {
		alternatives = []any{old} // what is a union now was one object
	}
	for _, alt := range flatAlternatives(node, c.newer) {
		for _, was := range alternatives {
			if c.same(alt, was) {
				if name := refOf(alt); name != "" {
					c.has["branch "+strings.Join(append([]string{def}, path...), ".")+" "+name] = true
				}
				c.pair(def, path, alt, was)
			}
		}
		if many := at(alt, "items"); refOf(many) != "" {
			c.pair(def, path, many, old) // one or many now, one before
		}
	}
}

// members are the properties of a node, with those that allOf brings in.
func (c *comparison) members(node any, defs map[string]any) map[string]any {
	out := map[string]any{}
	parts, _ := at(node, "allOf").([]any)
	for _, part := range parts {
		if ref := refOf(part); ref != "" {
			part = defs[ref]
		}
		for name, member := range c.members(part, defs) {
			out[name] = member
		}
	}
	own, _ := at(node, "properties").(map[string]any)
	for name, member := range own {
		out[name] = member
	}
	return out
}

// same: two branches of unions that are one thing, by name or by JSON type.
func (c *comparison) same(alt, was any) bool {
	if name := refOf(alt); name != "" && refOf(was) != "" {
		return name == refOf(was) || slices.Contains(c.was[name], refOf(was))
	} else if name != "" {
		required := fmt.Sprint(at(c.newer[name], "required"))
		return at(was, "properties") != nil && required == fmt.Sprint(at(was, "required"))
	}
	return refOf(was) == "" && fmt.Sprint(at(alt, "type")) == fmt.Sprint(at(was, "type"))
}

// flatAlternatives lists the branches of a union, those of unions within included.
func flatAlternatives(node any, defs map[string]any) []any {
	var out []any
	for _, key := range []string{"anyOf", "oneOf"} {
		alts, _ := at(node, key).([]any)
		for _, alt := range alts {
			if inner := flatAlternatives(defs[refOf(alt)], defs); len(inner) > 0 {
				out = append(out, inner...)
				continue
			}
			out = append(out, alt)
		}
	}
	return out
}

// isEnvelope: a whole JSON-RPC message, or a union of them.
func isEnvelope(defs map[string]any, def string) bool {
	alts := flatAlternatives(defs[def], defs)
	for _, alt := range alts {
		if !isEnvelope(defs, refOf(alt)) {
			return false
		}
	}
	return len(alts) > 0 || at(defs[def], "properties", versionMember) != nil
}

func refOf(node any) string {
	ref, _ := at(node, "$ref").(string)
	return ref[strings.LastIndex(ref, "/")+1:]
}

// useRenames: a rename is of use where the definition is there.
func (b *builder) useRenames() {
	for _, r := range b.ov.Renames {
		if r.holds(b.rev) && b.s.Defs[r.Name] != nil {
			r.use(b.rev)
		}
	}
}
