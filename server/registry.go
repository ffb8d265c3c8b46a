package server

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// ItemKind says what an [Item] is.
type ItemKind string

// The kinds of items in a catalogue.
const (
	KindTool             ItemKind = "tool"
	KindResource         ItemKind = "resource"
	KindResourceTemplate ItemKind = "resource template"
	KindPrompt           ItemKind = "prompt"
)

// Item is an entry of the catalogue, as filters see it.
type Item struct {
	// Kind says what it is.
	Kind ItemKind
	// Name is what clients call it by: a name, the URI of a resource, or the URI template of a resource template.
	Name string
	// Definition is what a list shows of it: a *mcp.Tool, *mcp.Resource, *mcp.ResourceTemplate or *mcp.Prompt. It must
	// not be changed.
	Definition any
}

// registry is an ordered set of named things that clients list page by page. It is safe for concurrent use. Entries
// stay in the order in which they were added.
type registry[T any] struct {
	kind     ItemKind
	describe func(v T) any                             // the definition of an entry, for filters
	visible  func(ctx context.Context, item Item) bool // the server's filter
	changed  func()                                    // called after a change, without the lock
	pageSize int
	bounds   *Limits

	authorize     []func(ctx context.Context, item Item) error // the server's hooks
	hideForbidden bool

	cache  listCache
	veiled atomic.Bool // an entry has filters of its own

	mu      sync.RWMutex
	byName  map[string]*entry[T]
	order   []*entry[T]
	lastSeq uint64
	mirrors []*mirror[T]
}

// entry is a thing in a registry.
type entry[T any] struct {
	name   string
	seq    uint64 // grows with each addition: what cursors point at
	value  T
	hidden func(ctx context.Context) bool  // the filters of the servers it was mounted from; nil without any
	guard  func(ctx context.Context) error // their hooks, see Authorize; nil without any
	origin any                             // the entry that it mirrors; nil if none
}

// mirror is a registry that follows another.
type mirror[T any] struct {
	to     *registry[T]
	rename func(name string, v T) (string, T)
	report func(err error)      // a later addition that could not be followed
	names  map[*entry[T]]string // what the entries are called in to; under the followed registry's lock
}

func newRegistry[T any](s *Server, kind ItemKind, change listChange, describe func(T) any) *registry[T] {
	r := &registry[T]{
		kind:     kind,
		describe: describe,
		visible:  s.visible,
		pageSize: s.cfg.pageSize,
		bounds:   &s.cfg.bounds,
		byName:   map[string]*entry[T]{},

		authorize:     s.cfg.authorize,
		hideForbidden: s.cfg.hideForbidden,
	}
	r.changed = func() {
		r.cache.forget()
		s.sessions.listChanged(change)
	}
	return r
}

// add puts a thing at the end; a name that is taken is an error.
func (r *registry[T]) add(name string, v T) error {
	if err := r.bounds.checkItem(r.describe(v)); err != nil {
		return err
	}
	return r.addEntry(&entry[T]{name: name, value: v})
}

// addEntry adds an entry here and in the mirrors, whose locks it takes under its own.
func (r *registry[T]) addEntry(e *entry[T]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName[e.name] != nil {
		return fmt.Errorf("there is a %s %q already", r.kind, e.name)
	}
	r.lastSeq++
	e.seq = r.lastSeq
	r.byName[e.name] = e
	if e.hidden != nil {
		r.veiled.Store(true)
	}
	r.order = append(r.order, e)
	for _, m := range r.mirrors {
		if err := m.to.addEntry(m.copy(r, e)); err != nil {
			m.report(err)
		}
	}
	r.changed()
	return nil
}

// remove takes things out and reports how many there were.
func (r *registry[T]) remove(names ...string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	count := 0
	for _, name := range names {
		e := r.byName[name]
		if e == nil {
			continue
		}
		count++
		delete(r.byName, name)
		if i, ok := r.position(e.seq); ok {
			r.order = slices.Delete(r.order, i, i+1)
		}
		for _, m := range r.mirrors {
			m.remove(e)
		}
	}
	if count > 0 {
		r.changed()
	}
	return count
}

// position finds the first entry of a sequence number not below seq, and whether it is that one.
func (r *registry[T]) position(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(r.order, seq, func(e *entry[T], seq uint64) int {
		switch {
		case e.seq < seq:
			return -1
		case e.seq > seq:
			return 1
		}
		return 0
	})
}

// len is how many things there are, for whomever.
func (r *registry[T]) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.order)
}

// shows reports whether the client of ctx may know of the entry.
func (r *registry[T]) shows(ctx context.Context, e *entry[T]) bool {
	if e.hidden != nil && e.hidden(ctx) {
		return false
	}
	return r.visible == nil || r.visible(ctx, Item{Kind: r.kind, Name: e.name, Definition: r.describe(e.value)})
}

// names gives the names of what the client of ctx sees in lists, in order.
func (r *registry[T]) names(ctx context.Context) []string {
	r.mu.RLock()
	order := slices.Clone(r.order)
	r.mu.RUnlock()
	names := make([]string, 0, len(order))
	for _, e := range order {
		if r.lists(ctx, e) {
			names = append(names, e.name)
		}
	}
	return names
}

// page gives the page of the list that cursor asks for, "" for the first, and the cursor of the next, "" after the
// last. The error is for the client (-32602).
func (r *registry[T]) page(ctx context.Context, cursor string) (values []T, next string, err error) {
	after := uint64(0)
	if cursor != "" {
		if after, err = decodeCursor(r.kind, cursor); err != nil {
			return nil, "", err
		}
	}
	r.mu.RLock()
	if after > r.lastSeq {
		r.mu.RUnlock()
		return nil, "", badCursor(cursor)
	}
	start, _ := r.position(after + 1)
	rest := r.order[start:]
	more := r.visible == nil && !r.hideForbidden && len(rest) > r.pageSize+1
	if more {
		rest = rest[:r.pageSize+1]
	}
	rest = slices.Clone(rest) // filters are not called under the lock
	r.mu.RUnlock()
	values = make([]T, 0, min(len(rest), r.pageSize))
	last := uint64(0)
	for _, e := range rest {
		if !r.lists(ctx, e) {
			continue
		}
		if len(values) == r.pageSize {
			return values, encodeCursor(r.kind, last), nil
		}
		values = append(values, e.value)
		last = e.seq
	}
	if more { // filters of mounted servers hid some
		return values, encodeCursor(r.kind, rest[len(rest)-1].seq), nil
	}
	return values, "", nil
}

// mount makes to follow r: what r has now and later appears in to, renamed, and r's filter holds there. All or nothing is
// added now; what cannot be added later is reported.
func (r *registry[T]) mount(to *registry[T], rename func(name string, v T) (string, T), report func(error)) error {
	m := &mirror[T]{to, rename, report, map[*entry[T]]string{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	copies := make([]*entry[T], len(r.order))
	to.mu.RLock()
	for i, e := range r.order {
		copies[i] = m.copy(r, e)
		if to.byName[copies[i].name] != nil {
			to.mu.RUnlock()
			return fmt.Errorf("there is a %s %q already", to.kind, copies[i].name)
		}
	}
	to.mu.RUnlock()
	for _, e := range copies {
		if err := to.addEntry(e); err != nil {
			return err
		}
	}
	r.mirrors = append(slices.Clip(r.mirrors), m)
	return nil
}

// copy makes the entry that stands in the mirror for e of from, and keeps from's filters.
func (m *mirror[T]) copy(from *registry[T], e *entry[T]) *entry[T] {
	name, v := m.rename(e.name, e.value)
	m.names[e] = name
	c := &entry[T]{name: name, value: v, guard: from.guardOf(e), origin: e}
	if from.visible != nil || e.hidden != nil {
		c.hidden = func(ctx context.Context) bool { return !from.shows(ctx, e) }
	}
	return c
}

// remove takes out what stands in the mirror for e; what has its name for another reason stays.
func (m *mirror[T]) remove(e *entry[T]) {
	name := m.names[e]
	delete(m.names, e)
	m.to.mu.RLock()
	c := m.to.byName[name]
	m.to.mu.RUnlock()
	if c != nil && c.origin == any(e) {
		m.to.remove(name)
	}
}
