package taskbolt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tenonmcp/tenon/runtime/tasks"
)

const (
	// mostTogether is how many changes are written in one step, and mostBytes how many bytes they may have then.
	mostTogether = 1000
	mostBytes    = 16 << 20
)

// queue has changes written together that come while others are being written. There is no goroutine for it: one of those
// who wait writes for all.
type queue struct {
	mu               sync.Mutex
	waiting          []*change
	busy             bool
	changes, commits int64
}

// change is a change that waits to be written.
type change struct {
	ctx  context.Context
	size int
	do   func(*file) error // its error, if it matches one of refusals, came before it changed anything
	err  error
	turn chan bool // gets true if who waits has to write, and false when it is done
}

// refusals are errors of changes that are no failures of the file.
var refusals = []error{tasks.ErrNotFound, tasks.ErrConflict, tasks.ErrFull, errPast}

// errPast is matched by the error of a change whose ctx had ended before.
var errPast = errors.New("given up before it was written")

func refused(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// write writes a change of about so many bytes, and returns when it is on the disk.
func (s *Store) write(ctx context.Context, size int, do func(*file) error) error {
	c := &change{ctx: ctx, size: size, do: do, turn: make(chan bool, 1)}
	q := &s.queue
	q.mu.Lock()
	q.waiting = append(q.waiting, c)
	leads := !q.busy
	q.busy = true
	q.mu.Unlock()
	if leads || <-c.turn {
		s.lead()
	}
	return s.wrap(c.err)
}

// lead writes what waits, the caller's change first, and hands over to who came meanwhile.
func (s *Store) lead() {
	q := &s.queue
	q.mu.Lock()
	n, bytes := 0, 0
	for n < len(q.waiting) && n < mostTogether && (n == 0 || bytes+q.waiting[n].size <= mostBytes) {
		bytes += q.waiting[n].size
		n++
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.mu.Unlock()

	commits, changes := s.commit(batch)

	q.mu.Lock()
	q.commits += commits
	q.changes += changes
	if q.busy = len(q.waiting) > 0; q.busy {
		q.waiting[0].turn <- true
	} else {
		q.waiting = nil
	}
	q.mu.Unlock()
	for _, c := range batch[1:] {
		c.turn <- false
	}
}

// commit writes changes in one step. One that fails is left out, and does not harm the others.
func (s *Store) commit(batch []*change) (commits, changes int64) {
	left := append([]*change(nil), batch...)
	for len(left) > 0 {
		failed := -1
		changes = 0
		err := guard(func() error {
			return s.db.Update(func(tx *bbolt.Tx) error {
				f := newFile(tx)
				for i, c := range left {
					failed = i
					if c.err = context.Cause(c.ctx); c.err != nil {
						c.err = fmt.Errorf("%w: %w", errPast, c.err)
					} else {
						c.err = c.do(f)
					}
					if c.err != nil && !refused(c.err) {
						return c.err
					}
					if c.err == nil {
						changes++
					}
				}
				failed = -1
				if changes == 0 {
					return errNothing
				}
				return nil
			})
		})
		switch {
		case err == nil:
			return 1, changes
		case errors.Is(err, errNothing):
			return 0, 0
		case failed < 0: // the file could not be written, or begun with
			for _, c := range left {
				c.err = err
			}
			return 0, 0
		}
		left[failed].err = err
		left = append(left[:failed:failed], left[failed+1:]...)
	}
	return 0, 0
}

// errNothing rolls a step back that changes nothing.
var errNothing = errors.New("nothing to write")

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Changes: q.changes, Commits: q.commits}
}

// read runs f on the file as it is.
func (s *Store) read(f func(*file) error) error {
	return s.wrap(guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return f(newFile(tx)) })
	}))
}

// wrap says where an error happened. What is named in tasks.Store stays as it is.
func (s *Store) wrap(err error) error {
	switch {
	case err == nil, refused(err):
		return err
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		err = ErrClosed
	}
	return fmt.Errorf("taskbolt: %s: %w", s.path, err)
}
