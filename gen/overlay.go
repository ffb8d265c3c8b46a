package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// overlay is spec/overlay.yaml: what a schema cannot say. Every entry tells why it is there and for
// which revisions it holds, and must be used in each of them.
type overlay struct {
	Suffixes   []*suffixEntry     `yaml:"suffixes"`
	Directions []*directionEntry  `yaml:"directions"`
	Tasks      []*taskEntry       `yaml:"tasks"`
	Gates      []*gateEntry       `yaml:"gates"`
	Enums      []*enumEntry       `yaml:"enums"`
	Errors     []*errorEntry      `yaml:"errors"`
	Tristate   []*placesEntry     `yaml:"tristate"`
	Raw        []*placesEntry     `yaml:"raw"`
	Members    []*membersEntry    `yaml:"members"`
	Ordered    []*placesEntry     `yaml:"ordered"`
	Bases      []*basesEntry      `yaml:"bases"`
	Names      []*nameEntry       `yaml:"names"`
	Rules      []*ruleEntry       `yaml:"rules"`
	Initials   []*initialismEntry `yaml:"initialisms"`
	Errata     []*errataEntry     `yaml:"errata"`
	Renames    []*renameEntry     `yaml:"renames"`
}

// Entry is what all overlay entries share (exported, or the YAML library could not fill it).
type Entry struct {
	Why       string   `yaml:"why"`
	Revisions []string `yaml:"revisions"`

	used  map[string]bool
	label string // section and number, for messages
}

func (e *Entry) holds(rev string) bool { return slices.Contains(e.Revisions, rev) }

func (e *Entry) use(rev string) {
	if e.used == nil {
		e.used = map[string]bool{}
	}
	e.used[rev] = true
}

func (e *Entry) base() *Entry { return e }

// suffixEntry: how names of definitions tell what belongs together.
type suffixEntry struct {
	Entry        `yaml:",inline"`
	Request      string `yaml:"request"`
	Notification string `yaml:"notification"`
	Result       string `yaml:"result"`
	Response     string `yaml:"response"`
	EmptyResult  string `yaml:"empty_result"`
	Error        string `yaml:"error"`
}

// directionEntry: the definitions that say what one side sends and can do.
type directionEntry struct {
	Entry         `yaml:",inline"`
	Side          string `yaml:"side"`
	Requests      string `yaml:"requests"`
	Notifications string `yaml:"notifications"`
	Results       string `yaml:"results"`
	Capabilities  string `yaml:"capabilities"`
}

// taskEntry: the member that asks for a task, what is answered then, and where support is declared.
type taskEntry struct {
	Entry      `yaml:",inline"`
	Param      string `yaml:"param"`
	Result     string `yaml:"result"`
	Capability string `yaml:"capability"`
}

// gateEntry: the capability without which methods may not be used, and their handler interface.
type gateEntry struct {
	Entry      `yaml:",inline"`
	Capability string   `yaml:"capability"`  // dotted; empty: no capability needed
	DeclaredBy string   `yaml:"declared_by"` // sender or receiver
	Handler    string   `yaml:"handler"`
	Methods    []string `yaml:"methods"`
}

// enumEntry: an order that an enum's values have.
type enumEntry struct {
	Entry `yaml:",inline"`
	Name  string   `yaml:"name"`
	Order []string `yaml:"order"`
	Rank  string   `yaml:"rank"` // name of the method that tells a value's place
}

type errorEntry struct {
	Entry `yaml:",inline"`
	Name  string `yaml:"name"`
	Code  int64  `yaml:"code"`
	Doc   string `yaml:"doc"`
}

// placesEntry: JSON pointers into the schema.
type placesEntry struct {
	Entry `yaml:",inline"`
	At    []string `yaml:"at"`

	hit map[string]bool
}

// membersEntry: free-form objects under this member name, or of the definition of this name, are taken
// apart into ordered members.
type membersEntry struct {
	Entry `yaml:",inline"`
	Name  string `yaml:"name"`
}

// basesEntry: definitions that others only repeat, so that no message ever carries one.
type basesEntry struct {
	Entry `yaml:",inline"`
	Names []string `yaml:"names"`
}

// nameEntry: the Go name of one place or of one shape that stands in many places.
type nameEntry struct {
	Entry `yaml:",inline"`
	At    string `yaml:"at"`
	Name  string `yaml:"name"`
	Doc   string `yaml:"doc"`
}

// ruleEntry: a rewriting of names.
type ruleEntry struct {
	Entry `yaml:",inline"`
	Of    string `yaml:"of"` // definitions or members
	Match string `yaml:"match"`
	Name  string `yaml:"name"`

	re *regexp.Regexp
}

type initialismEntry struct {
	Entry `yaml:",inline"`
	Words []string `yaml:"words"`
}

type errataEntry struct {
	Entry `yaml:",inline"`
	At    string `yaml:"at"`
	Set   any    `yaml:"set"`
}

// renameEntry: what a definition was called in older revisions, for the comparison with them.
type renameEntry struct {
	Entry `yaml:",inline"`
	Name  string `yaml:"name"`
	Was   string `yaml:"was"`
}

func parseOverlay(data []byte) (*overlay, error) {
	ov := &overlay{}
	if err := yaml.UnmarshalWithOptions(data, ov, yaml.Strict()); err != nil && len(strings.TrimSpace(string(data))) > 0 {
		return nil, fmt.Errorf("overlay.yaml: %s", yaml.FormatError(err, false, true))
	}
	var problems []error
	fail := func(e *Entry, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: "+format, append([]any{e.label}, args...)...))
	}
	for _, e := range ov.entries() {
		if e.Why == "" {
			fail(e, "no `why`: each entry says why it is there")
		}
		if len(e.Revisions) == 0 {
			fail(e, "no `revisions`: each entry says for which revisions it holds")
		}
	}
	for _, r := range ov.Rules {
		re, err := regexp.Compile(r.Match)
		if err != nil {
			fail(&r.Entry, "match: %w", err)
		}
		if r.Of != "definitions" && r.Of != "members" {
			fail(&r.Entry, "of: expected definitions or members, found %q", r.Of)
		}
		r.re = re
	}
	for _, d := range ov.Directions {
		if d.Side != "client" && d.Side != "server" {
			fail(&d.Entry, "side: expected client or server, found %q", d.Side)
		}
	}
	for _, g := range ov.Gates {
		if g.DeclaredBy != "sender" && g.DeclaredBy != "receiver" {
			fail(&g.Entry, "declared_by: expected sender or receiver, found %q", g.DeclaredBy)
		}
	}
	return ov, errors.Join(problems...)
}

// entries lists all entries, labelled.
func (ov *overlay) entries() []*Entry {
	var out []*Entry
	out = label(out, "suffixes", ov.Suffixes)
	out = label(out, "directions", ov.Directions)
	out = label(out, "tasks", ov.Tasks)
	out = label(out, "gates", ov.Gates)
	out = label(out, "enums", ov.Enums)
	out = label(out, "errors", ov.Errors)
	out = label(out, "tristate", ov.Tristate)
	out = label(out, "raw", ov.Raw)
	out = label(out, "members", ov.Members)
	out = label(out, "ordered", ov.Ordered)
	out = label(out, "bases", ov.Bases)
	out = label(out, "names", ov.Names)
	out = label(out, "rules", ov.Rules)
	out = label(out, "initialisms", ov.Initials)
	out = label(out, "errata", ov.Errata)
	return label(out, "renames", ov.Renames)
}

func label[E interface{ base() *Entry }](out []*Entry, section string, entries []E) []*Entry {
	for i, e := range entries {
		e.base().label = fmt.Sprintf("overlay.yaml: %s entry %d", section, i+1)
		out = append(out, e.base())
	}
	return out
}

// active returns the entry that holds for rev, of those there should be at most one.
func active[E interface {
	comparable
	base() *Entry
}](entries []E, rev string) (E, bool) {
	for _, e := range entries {
		if e.base().holds(rev) {
			return e, true
		}
	}
	var none E
	return none, false
}

// place reports whether pointer is listed for rev, and remembers that it was asked for.
func place(entries []*placesEntry, rev, pointer string) bool {
	found := false
	for _, e := range entries {
		if e.holds(rev) && slices.Contains(e.At, pointer) {
			if e.hit == nil {
				e.hit = map[string]bool{}
			}
			e.hit[rev+pointer] = true
			found = true
		}
	}
	return found
}

// unused reports the entries that claim a revision they do nothing in.
func (ov *overlay) unused(revs []string) []error {
	var out []error
	for _, list := range [][]*placesEntry{ov.Tristate, ov.Raw, ov.Ordered} {
		for _, e := range list {
			for _, rev := range revs {
				missed := slices.DeleteFunc(slices.Clone(e.At), func(at string) bool { return e.hit[rev+at] })
				if e.holds(rev) && len(missed) == 0 {
					e.use(rev)
				}
				if e.holds(rev) && len(missed) > 0 && len(missed) < len(e.At) {
					e.use(rev) // reported here, more exactly
					out = append(out, unusedProblem(rev, e.label+" names "+strings.Join(missed, ", "), e.Why))
				}
			}
		}
	}
	for _, e := range ov.entries() {
		claims := 0
		for _, rev := range revs {
			if !e.holds(rev) {
				continue
			}
			claims++
			if !e.used[rev] {
				out = append(out, unusedProblem(rev, e.label, e.Why))
			}
		}
		if claims == 0 {
			out = append(out, unusedProblem("", e.label+" claims only "+strings.Join(e.Revisions, ", "), e.Why))
		}
	}
	return out
}

func unusedProblem(rev, what, why string) error {
	return &problem{Revision: rev, What: fmt.Sprintf("%s, but nothing there needs it (why: %s): delete it or correct its revisions", what, why)}
}
