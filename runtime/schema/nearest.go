package schema

import "strings"

// maxCompared is how many names a wrong one is compared with.
const maxCompared = 1000

// Nearest gives the name most like the one given, "" if none is like it: a model's slip, not another word.
func Nearest(name string, names []string) string {
	if len(name) > maxQuoted {
		return ""
	}
	folded := fold(name)
	best, distance := "", max(2, len(folded)/3)+1
	for _, n := range names[:min(len(names), maxCompared)] {
		f := fold(n)
		if f == folded {
			return n
		}
		if len(n) > 2*maxQuoted {
			continue
		}
		if d := editDistance(folded, f, distance); d < distance && d < len(f) {
			best, distance = n, d
		}
	}
	return best
}

// fold makes names that differ in case and separators the same.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// editDistance is how many letters must be changed, added, removed or swapped with their neighbours; limit if that or
// more.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, previous, row = previous, row, before
	}
	return min(previous[len(b)], limit)
}
