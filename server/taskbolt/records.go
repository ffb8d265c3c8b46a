package taskbolt

import (
	"context"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/runtime/tasks"
)

// Create adds a record, see tasks.Store.
func (s *Store) Create(ctx context.Context, r *tasks.Record, room tasks.Room) error {
	var seq uint64
	err := s.write(ctx, r.Size(), func(f *file) (err error) {
		owned, kept := f.owned(ownerKey(r.Owner)), f.total(keyCount)
		switch {
		case f.find(r.ID) != nil:
			return fmt.Errorf("a task has this id already: %w", tasks.ErrConflict)
		case room.All > 0 && kept >= int64(room.All):
			return fmt.Errorf("%d tasks are kept: %w", kept, tasks.ErrFull)
		case room.Owner > 0 && owned >= uint64(room.Owner):
			return fmt.Errorf("%d tasks of one owner are kept: %w", owned, tasks.ErrFull)
		}
		c := r.Clone()
		if c.Seq, err = f.tasks.NextSequence(); err != nil {
			return err
		}
		c.Version = 1
		text := encode(c)
		if total := f.total(keyBytes); total+int64(len(text)) > s.limits.Bytes {
			return fmt.Errorf("%d bytes of tasks are kept: %w", total, tasks.ErrFull)
		}
		seq = c.Seq
		return f.add(c, text)
	})
	if err == nil {
		r.Seq, r.Version = seq, 1
	}
	return err
}

// Get gives a record, see tasks.Store.
func (s *Store) Get(ctx context.Context, id string) (r *tasks.Record, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	err = s.read(func(f *file) (err error) {
		at := f.find(id)
		if at == nil {
			return tasks.ErrNotFound
		}
		r, err = decode(at.text)
		return err
	})
	return r, err
}

// slack is by how much a record may grow though there is no room for it, so that a task can always end.
const slack = 4 << 10

// Update puts r in place of its record, see tasks.Store.
func (s *Store) Update(ctx context.Context, r *tasks.Record) error {
	err := s.write(ctx, r.Size(), func(f *file) error {
		at := f.find(r.ID)
		if at == nil {
			return tasks.ErrNotFound
		}
		old, err := decode(at.text)
		switch {
		case err != nil:
			return err
		case old.Version != r.Version:
			return tasks.ErrConflict
		}
		c := r.Clone()
		c.Owner, c.Seq, c.Created = old.Owner, old.Seq, old.Created
		c.Version++
		text := encode(c)
		more := int64(len(text) - len(at.text))
		if total := f.total(keyBytes); more > slack && total+more > s.limits.Bytes {
			return fmt.Errorf("%d bytes of tasks are kept: %w", total, tasks.ErrFull)
		}
		return f.replace(at, old, c, text)
	})
	if err == nil {
		r.Version++
	}
	return err
}

// Delete removes a record, see tasks.Store.
func (s *Store) Delete(ctx context.Context, id string) error {
	return s.write(ctx, 0, func(f *file) error {
		at := f.find(id)
		if at == nil {
			return tasks.ErrNotFound
		}
		if r, err := decode(at.text); err == nil { // otherwise Sweep forgets when it expires
			if key := expiryKey(r); key != nil {
				if err := f.expires.Delete(key); err != nil {
					return err
				}
			}
		}
		return f.remove(id, at)
	})
}

// List gives records of an owner, see tasks.Store; those that cannot be read are left out.
func (s *Store) List(ctx context.Context, owner string, after uint64, limit int) (page []*tasks.Record, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	err = s.read(func(f *file) error {
		prefix := ownerKey(owner)
		cursor := f.owners.Cursor()
		key, _ := cursor.Seek(append(prefix, number(after+1)...))
		for ; len(page) < limit && len(key) == len(prefix)+8 && string(key[:len(prefix)]) == string(prefix); key, _ = cursor.Next() {
			if r, err := decode(f.tasks.Get(key[len(prefix):])); err == nil {
				page = append(page, r)
			}
		}
		return nil
	})
	return page, err
}

// Hold says that holder lives, see tasks.Store. It is not written: the file is this process's alone.
func (s *Store) Hold(_ context.Context, holder string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if until.After(time.Now()) {
		s.holds[holder] = until
	} else {
		delete(s.holds, holder)
	}
	return nil
}

// lives tells whether a holder is known to live.
func (s *Store) lives(holder []byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[string(holder)].After(now)
}

// Orphans gives records that nobody runs, see tasks.Store; those that cannot be read are left out.
func (s *Store) Orphans(ctx context.Context, now time.Time, limit int) (orphans []*tasks.Record, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	err = s.read(func(f *file) error {
		cursor := f.open.Cursor()
		for seq, holder := cursor.First(); seq != nil && len(orphans) < limit; seq, holder = cursor.Next() {
			if s.lives(holder, now) {
				continue
			}
			if r, err := decode(f.tasks.Get(seq)); err == nil {
				orphans = append(orphans, r)
			}
		}
		return nil
	})
	return orphans, err
}

// Sweep removes records that have expired, see tasks.Store.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed, left int, err error) {
	s.mu.Lock()
	for holder, until := range s.holds {
		if !until.After(now) {
			delete(s.holds, holder)
		}
	}
	s.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return 0, 0, err
	}
	some := false
	err = s.read(func(f *file) error {
		left = int(f.total(keyCount))
		key, _ := f.expires.Cursor().First()
		some = expired(key, now)
		return nil
	})
	if err != nil || !some || limit <= 0 {
		return 0, left, err
	}
	err = s.write(ctx, 0, func(f *file) error {
		removed = 0
		cursor := f.expires.Cursor()
		for key, id := cursor.First(); removed < limit && expired(key, now); key, id = cursor.First() {
			if at := f.find(string(id)); at != nil {
				if err := f.remove(string(id), at); err != nil {
					return err
				}
				removed++
			}
			if err := f.expires.Delete(key); err != nil {
				return err
			}
		}
		left = int(f.total(keyCount))
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return removed, left, nil
}

// expired tells whether the key of bucketExpiry says that its record has expired at now.
func expired(key []byte, now time.Time) bool {
	return len(key) == 16 && numberAt(key[:8]) <= uint64(max(now.UnixNano(), 0))
}
