package wire

import (
	"encoding/binary"
	"hash/maphash"
)

// maxLinear is up to how many names an object's duplicates are found by
// comparing with each; beyond, by a hash table.
const maxLinear = 16

// seed makes hash tables unpredictable from outside.
var seed = maphash.MakeSeed()

// nameList holds the names of all open objects of a raw value, innermost last,
// and finds duplicates.
type nameList struct {
	list   []name
	text   []byte      // text of names with escapes
	tables []hashTable // of the open objects with many names
	used   int         // tables in use
}

// name is where a name's text is: in the input, or, if start is negative, at
// ^start in nameList.text.
type name struct{ start, end int }

func (l *nameList) reset() {
	l.list, l.text, l.used = l.list[:0], l.text[:0], 0
}

// shrink drops what is too large to keep.
func (l *nameList) shrink() {
	if cap(l.list) > maxKeptEntries {
		l.list = nil
	}
	if cap(l.text) > maxKeptScratch {
		l.text = nil
	}
	for i := range l.tables {
		if cap(l.tables[i].slots) > maxKeptEntries {
			l.tables = nil
			break
		}
	}
}

func (l *nameList) bytes(n name, data []byte) []byte {
	if n.start < 0 {
		return l.text[^n.start:n.end]
	}
	return data[n.start:n.end]
}

// unescape keeps the text of the name, a valid string, whose content starts at
// start.
func (l *nameList) unescape(data []byte, start int) name {
	at := len(l.text)
	text, _, _ := unquote(nil, data, start, true)
	l.text = append(l.text, text...)
	return name{^at, len(l.text)}
}

// addSeen notes a name of the object f that its bloom filter cannot vouch for,
// and tells whether it is new there.
func (l *nameList) addSeen(f *frame, data []byte, n name) bool {
	text := l.bytes(n, data)
	own := l.list[f.names:]
	if len(own) >= maxLinear {
		return l.addMany(f, data, n, text)
	}
	for _, other := range own {
		if string(l.bytes(other, data)) == string(text) {
			return false
		}
	}
	l.list = append(l.list, n)
	return true
}

// addMany is addSeen for an object with many names.
func (l *nameList) addMany(f *frame, data []byte, n name, text []byte) bool {
	if !f.table {
		f.table = true
		if l.used == len(l.tables) {
			l.tables = append(l.tables, hashTable{})
		}
		l.used++
		t := &l.tables[l.used-1]
		t.reset()
		for i, other := range l.list[f.names:] {
			t.insert(maphash.Bytes(seed, l.bytes(other, data)), i)
		}
	}
	t := &l.tables[l.used-1]
	h := maphash.Bytes(seed, text)
	for i, slot := t.find(h, -1); i >= 0; i, slot = t.find(h, slot) {
		if string(l.bytes(l.list[f.names+i], data)) == string(text) {
			return false
		}
	}
	t.insert(h, len(l.list)-f.names)
	l.list = append(l.list, n)
	return true
}

// pop forgets the names of the object f.
func (l *nameList) pop(f *frame) {
	l.list = l.list[:f.names]
	if f.table {
		l.used--
	}
}

// mix adds a word of a name to its hash. The hash is cheap; its upper bits are
// spread well enough for a bloom filter of short names.
func mix(h, w uint64) uint64 { return (h ^ w) * 0x9E3779B97F4A7C15 }

// hashName is the hash that skipValue computes word by word.
func hashName(b []byte) (h uint64) {
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h, binary.LittleEndian.Uint64(b))
	}
	var w uint64
	for i, c := range b {
		w |= uint64(c) << (8 * i)
	}
	return mix(h, w)
}

// hashTable maps hashes to indices of a list, by open addressing.
type hashTable struct {
	slots []entry // a power of 2 of them
	count int
}

type entry struct {
	hash  uint64
	index int // plus 1; 0 for an empty slot
}

// reset empties the table, keeping little: what it costs must not depend on the
// largest object met before.
func (t *hashTable) reset() {
	if cap(t.slots) >= 4*maxLinear {
		t.slots = t.slots[:4*maxLinear]
		clear(t.slots)
	} else {
		t.slots = make([]entry, 4*maxLinear)
	}
	t.count = 0
}

// find returns the next index with the hash h and its slot, from behind the
// slot after; -1 if there is none.
func (t *hashTable) find(h uint64, after int) (index, slot int) {
	mask := len(t.slots) - 1
	slot = int(h) & mask
	if after >= 0 {
		slot = (after + 1) & mask
	}
	for ; t.slots[slot].index != 0; slot = (slot + 1) & mask {
		if t.slots[slot].hash == h {
			return t.slots[slot].index - 1, slot
		}
	}
	return -1, slot
}

func (t *hashTable) insert(h uint64, index int) {
	if 2*(t.count+1) > len(t.slots) {
		old := t.slots
		if cap(old) >= 2*len(old) {
			// The slots behind are stale; the old ones move, so they need a copy.
			old = append([]entry(nil), old...)
			t.slots = t.slots[:2*len(old)]
			clear(t.slots)
		} else {
			t.slots = make([]entry, 2*len(old))
		}
		for _, e := range old {
			if e.index != 0 {
				t.place(e)
			}
		}
	}
	t.place(entry{h, index + 1})
	t.count++
}

func (t *hashTable) place(e entry) {
	mask := len(t.slots) - 1
	i := int(e.hash) & mask
	for t.slots[i].index != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = e
}

// nameSet finds duplicates among many unknown members of one object.
type nameSet struct {
	table hashTable
	count int // of names in the table
}

// unknownSet returns the set of the names in o, the members of the object that
// is being read.
func (d *Decoder) unknownSet(o Object) *nameSet {
	for len(d.unknown) <= d.depth {
		d.unknown = append(d.unknown, nameSet{})
	}
	s := &d.unknown[d.depth]
	// At the threshold the set is that of an earlier object or empty.
	if len(o) == maxLinear || s.count != len(o) {
		s.table.reset()
		for i := range o {
			s.table.insert(maphash.String(seed, o[i].Name), i)
		}
		s.count = len(o)
	}
	return s
}

// add notes the name that will follow those of o, and tells whether it is new.
func (s *nameSet) add(o Object, key []byte) bool {
	h := maphash.Bytes(seed, key)
	for i, slot := s.table.find(h, -1); i >= 0; i, slot = s.table.find(h, slot) {
		if o[i].Name == string(key) {
			return false
		}
	}
	s.table.insert(h, len(o))
	s.count++
	return true
}
