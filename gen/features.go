package main

import "strings"

// The groups of types that no single feature owns.
const (
	baseFeature   = "base"   // what methods without a capability use
	commonFeature = "common" // what several features use
)

// setFeatures decides which file each type goes to: the feature whose methods alone lead to it.
func setFeatures(p *protocol) {
	for _, m := range p.Methods {
		feature, _, _ := strings.Cut(m.Gate, ".")
		if feature == "" {
			feature = baseFeature
		}
		seen := map[*goType]bool{}
		for _, r := range []*ref{m.Params, m.Result, m.TaskResult} {
			reach(r, seen)
		}
		for t := range seen {
			if t.Feature == "" {
				t.Feature = feature
			}
			if t.Feature != feature {
				t.Feature = commonFeature
			}
		}
	}
	for _, t := range p.Types {
		if t.Feature == "" {
			t.Feature = commonFeature
		}
	}
}

// reach collects the types a use leads to.
func reach(r *ref, seen map[*goType]bool) {
	for ; r != nil; r = r.Elem {
		if r.Alias != nil {
			seen[r.Alias] = true
		}
		if r.To == nil || seen[r.To] {
			continue
		}
		seen[r.To] = true
		reach(r.To.Alias, seen)
		for _, f := range r.To.Fields {
			reach(f.Type, seen)
		}
		for _, br := range r.To.Branches {
			reach(&ref{To: br.To, Elem: br.Scalar}, seen)
		}
	}
}
