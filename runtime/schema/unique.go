package schema

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// hashed is an item of an array with the hash of its value, which equal values share however they are written.
type hashed struct {
	hash       uint64
	start, end int
}

var hashedItems = sync.Pool{New: func() any { return new([]hashed) }}

// seed makes the hashes other ones in each process, so that nobody can choose values whose hashes are the same.
var seed = sync.OnceValue(maphash.MakeSeed)

// unique reports whether the items of the array at start differ.
func (s *scanner) unique(start, count int) bool {
	pooled := hashedItems.Get().(*[]hashed)
	items := slices.Grow((*pooled)[:0], count)
	key := seed()
	s.pos = start + 1
	for {
		more, ok := s.element()
		if !ok {
			return false
		}
		if !more {
			break
		}
		at := s.pos
		h := s.hash(key)
		items = append(items, hashed{h, at, s.pos})
	}
	slices.SortFunc(items, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	differ := true
	for i := 1; i < len(items) && differ; i++ {
		for j := i - 1; j >= 0 && items[j].hash == items[i].hash && differ; j-- {
			differ = !equalTexts(s.data[items[i].start:items[i].end], s.data[items[j].start:items[j].end])
		}
	}
	if cap(items)*24 <= maxKept {
		*pooled = items
		hashedItems.Put(pooled)
	}
	return differ
}

// equalTexts compares two values that are most likely equal.
func equalTexts(a, b []byte) bool {
	x, errA := wire.ParseRaw(a)
	y, errB := wire.ParseRaw(b)
	if errA != nil || errB != nil {
		return true
	}
	v, errA := Parse(x)
	w, errB := Parse(y)
	return errA != nil || errB != nil || equal(v, w)
}

// hash steps over a value and gives its hash.
func (s *scanner) hash(key maphash.Seed) uint64 {
	c := s.peek()
	switch c {
	case '"':
		content, escaped, _ := s.text()
		var h uint64
		resolved(content, escaped, func(text []byte) bool {
			h = maphash.Bytes(key, text)
			return true
		})
		return mix(h, '"')
	case '{':
		h := uint64(0)
		s.pos++
		for {
			name, escaped, more, ok := s.member()
			if !ok || !more {
				return mix(h, '{')
			}
			var n uint64
			resolved(name, escaped, func(text []byte) bool {
				n = maphash.Bytes(key, text)
				return true
			})
			h += mix(n, s.hash(key)) // in any order
		}
	case '[':
		h := uint64(0)
		s.pos++
		for {
			more, ok := s.element()
			if !ok || !more {
				return mix(h, '[')
			}
			h = mix(h, s.hash(key))
		}
	case 't', 'f', 'n':
		s.skip()
		return mix(uint64(c), 1)
	case 0:
		s.pos = len(s.data)
		return 0
	}
	return s.hashNumber(key)
}

// hashNumber gives numbers of equal value the same hash.
func (s *scanner) hashNumber(key maphash.Seed) uint64 {
	n := parseNumber(s.number()).measured()
	if n.first < 0 {
		return mix(0, '0')
	}
	h := mix(uint64(n.high), uint64(n.sign()))
	var block [64]byte
	used := 0
	for i := n.first; i <= n.last; i++ {
		if n.text[i] == '.' {
			continue
		}
		if used == len(block) {
			h = mix(h, maphash.Bytes(key, block[:]))
			used = 0
		}
		block[used] = n.text[i]
		used++
	}
	return mix(h, maphash.Bytes(key, block[:used]))
}

// mix combines two hashes; the order counts.
func mix(a, b uint64) uint64 {
	h := (a ^ 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	h ^= h >> 32
	h = (h + b) * 0xc4ceb9fe1a85ec53
	return h ^ h>>29
}

// twice gives the places of two items that are equal, -1 if all differ.
func twice(items []any) (int, int) {
	const few = 50
	if len(items) <= few {
		for j := range items {
			for i := range j {
				if equal(items[i], items[j]) {
					return i, j
				}
			}
		}
		return -1, -1
	}
	key := seed()
	places := make(map[uint64][]int, len(items))
	for j, v := range items {
		h := hashOf(key, v)
		for _, i := range places[h] {
			if equal(items[i], v) {
				return i, j
			}
		}
		places[h] = append(places[h], j)
	}
	return -1, -1
}

// hashOf is scanner.hash for a value that was parsed.
func hashOf(key maphash.Seed, v any) uint64 {
	switch v := v.(type) {
	case string:
		return mix(maphash.String(key, v), '"')
	case Number:
		return (&scanner{data: []byte(v)}).hashNumber(key)
	case []any:
		h := uint64(0)
		for _, e := range v {
			h = mix(h, hashOf(key, e))
		}
		return mix(h, '[')
	case map[string]any:
		h := uint64(0)
		for name, e := range v {
			h += mix(maphash.String(key, name), hashOf(key, e))
		}
		return mix(h, '{')
	case bool:
		if v {
			return mix('t', 1)
		}
		return mix('f', 1)
	}
	return mix('n', 1)
}
