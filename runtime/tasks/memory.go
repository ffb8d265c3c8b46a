package tasks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Memory is a [Store] that lives in the memory of the process.
type Memory struct {
	bytes int // what records may take

	mu      sync.Mutex
	byID    map[string]*Record
	byOwner map[string][]*Record // in the order of Seq
	open    map[string]*Record   // those that have not ended
	holds   map[string]time.Time
	seq     uint64
	size    int
}

var _ Store = (*Memory)(nil)

// defaultMemoryBytes is what the records of a Memory may take together.
const defaultMemoryBytes = 256 << 20

// NewMemory makes an empty store, whose records may take so many bytes together, outcomes included: 0 is 256 MiB, and
// a negative number no limit. One record more is [ErrFull].
func NewMemory(bytes int) *Memory {
	switch {
	case bytes == 0:
		bytes = defaultMemoryBytes
	case bytes < 0:
		bytes = 1<<62 - 1
	}
	return &Memory{
		bytes: bytes, byID: map[string]*Record{}, byOwner: map[string][]*Record{}, open: map[string]*Record{}, holds: map[string]time.Time{},
	}
}

// Create adds a record, see [Store].
func (m *Memory) Create(_ context.Context, r *Record, room Room) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.byID[r.ID] != nil:
		return fmt.Errorf("task %s is there already: %w", short(r.ID), ErrConflict)
	case room.All > 0 && len(m.byID) >= room.All:
		return fmt.Errorf("%d tasks are kept: %w", len(m.byID), ErrFull)
	case room.Owner > 0 && len(m.byOwner[r.Owner]) >= room.Owner:
		return fmt.Errorf("%d tasks of one owner are kept: %w", len(m.byOwner[r.Owner]), ErrFull)
	case m.size+r.Size() > m.bytes:
		return fmt.Errorf("%d bytes of tasks are kept: %w", m.size, ErrFull)
	}
	m.seq++
	r.Seq, r.Version = m.seq, 1
	c := r.Clone()
	m.byID[c.ID] = c
	m.byOwner[c.Owner] = append(m.byOwner[c.Owner], c)
	m.account(c, 1)
	return nil
}

// account counts a record in (1) or out (-1). Under the lock.
func (m *Memory) account(r *Record, sign int) {
	m.size += sign * r.Size()
	delete(m.open, r.ID)
	if sign > 0 && !r.Ended() {
		m.open[r.ID] = r
	}
}

// Get gives a record, see [Store].
func (m *Memory) Get(_ context.Context, id string) (*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byID[id]
	if r == nil {
		return nil, ErrNotFound
	}
	return r.Clone(), nil
}

// Update puts r in place of its record, see [Store].
func (m *Memory) Update(_ context.Context, r *Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.byID[r.ID]
	switch {
	case old == nil:
		return ErrNotFound
	case old.Version != r.Version:
		return ErrConflict
	case m.size-old.Size()+r.Size() > m.bytes && r.Size() > old.Size():
		return fmt.Errorf("%d bytes of tasks are kept: %w", m.size, ErrFull)
	}
	r.Version++
	m.account(old, -1)
	keep := *r.Clone()
	keep.Owner, keep.Seq, keep.Created = old.Owner, old.Seq, old.Created
	*old = keep
	m.account(old, 1)
	return nil
}

// Delete removes a record, see [Store].
func (m *Memory) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byID[id]
	if r == nil {
		return ErrNotFound
	}
	m.remove(r)
	return nil
}

// remove forgets a record. Under the lock.
func (m *Memory) remove(r *Record) {
	delete(m.byID, r.ID)
	m.account(r, -1)
	list := m.byOwner[r.Owner]
	if i := after(list, r.Seq-1); i < len(list) {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(m.byOwner, r.Owner)
	} else {
		m.byOwner[r.Owner] = list
	}
}

// after is the place of the first record whose Seq is greater.
func after(list []*Record, seq uint64) int {
	i, _ := slices.BinarySearchFunc(list, seq+1, func(r *Record, seq uint64) int {
		switch {
		case r.Seq < seq:
			return -1
		case r.Seq > seq:
			return 1
		}
		return 0
	})
	return i
}

// List gives records of an owner, see [Store].
func (m *Memory) List(_ context.Context, owner string, seq uint64, limit int) ([]*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.byOwner[owner]
	list = list[after(list, seq):]
	if len(list) > limit {
		list = list[:max(limit, 0)]
	}
	page := make([]*Record, len(list))
	for i, r := range list {
		page[i] = r.Clone()
	}
	return page, nil
}

// Hold says that holder lives, see [Store].
func (m *Memory) Hold(_ context.Context, holder string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if until.After(time.Now()) {
		m.holds[holder] = until
	} else {
		delete(m.holds, holder)
	}
	return nil
}

// Orphans gives records that nobody runs, see [Store].
func (m *Memory) Orphans(_ context.Context, now time.Time, limit int) ([]*Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var orphans []*Record
	for _, r := range m.open {
		if !m.holds[r.Holder].After(now) {
			orphans = append(orphans, r.Clone())
		}
	}
	slices.SortFunc(orphans, func(a, b *Record) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return orphans[:min(len(orphans), max(limit, 0))], nil
}

// Sweep removes records that have expired, see [Store].
func (m *Memory) Sweep(_ context.Context, now time.Time, limit int) (removed, left int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.byID {
		if removed < limit && r.Expired(now) {
			m.remove(r)
			removed++
		}
	}
	for holder, until := range m.holds {
		if !until.After(now) {
			delete(m.holds, holder)
		}
	}
	return removed, len(m.byID), nil
}

// short is the part of an id that may be shown: it tells tasks apart, and opens none.
func short(id string) string { return id[:min(len(id), 8)] }
