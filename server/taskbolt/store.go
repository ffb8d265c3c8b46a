package taskbolt

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tenonmcp/tenon/server"
)

var (
	// ErrInUse is in the chain of the error of [Open] for a file that another process, or this one, has open.
	ErrInUse = errors.New("the file is in use")
	// ErrForeign is in the chain of the error of [Open] for a file that is something else.
	ErrForeign = errors.New("the file is not one of tasks")
	// ErrFormat is in the chain of the error of [Open] for a file of a format that this version does not know.
	ErrFormat = errors.New("the file has an unknown format")
	// ErrDamaged is in the chain of errors for what cannot be read.
	ErrDamaged = errors.New("the file is damaged")
	// ErrClosed is in the chain of errors of a store that was closed.
	ErrClosed = errors.New("the store is closed")
)

// Limits bounds a [Store]. A zero field means its default, a negative one no limit.
type Limits struct {
	// Bytes is what the records may take together, outcomes included; default 1 GiB. One more is tasks.ErrFull; tasks that
	// are there already may end with up to 4 KiB each beyond it.
	Bytes int64
	// LockTime is how long [Open] waits for another process to let the file go, such as the one before that is just
	// ending; default 5 s. It has no negative value.
	LockTime time.Duration
}

func (l Limits) withDefaults() Limits {
	switch {
	case l.Bytes == 0:
		l.Bytes = 1 << 30
	case l.Bytes < 0:
		l.Bytes = math.MaxInt64 / 2
	}
	if l.LockTime <= 0 {
		l.LockTime = 5 * time.Second
	}
	return l
}

// Option changes a [Store].
type Option func(*config)

type config struct {
	limits Limits
	noSync bool
}

// WithLimits sets the limits.
func WithLimits(l Limits) Option { return func(c *config) { c.limits = l } }

// WithoutSync does not wait for the disk. A process that is killed loses nothing, but a power failure or a crash of the
// system may lose the last half minute or so, and damage the file so that [Open] refuses it. Default: every change is on
// the disk before anybody is told of it.
func WithoutSync() Option { return func(c *config) { c.noSync = true } }

// Store keeps tasks in a file. It is safe for concurrent use.
type Store struct {
	path   string
	db     *bbolt.DB
	limits Limits
	queue  queue

	mu    sync.Mutex
	holds map[string]time.Time // only this process can have the file: who held what before is dead
}

var _ server.TaskStore = (*Store)(nil)

// Open opens the file at path, and makes it if there is none; its folder must be there. The error matches one of those of
// this package, or says what the system said. Close the store when the server was shut down.
func Open(path string, opts ...Option) (*Store, error) {
	var c config
	for _, o := range opts {
		o(&c)
	}
	s := &Store{path: path, limits: c.limits.withDefaults(), holds: map[string]time.Time{}}
	if err := s.open(c.noSync); err != nil {
		return nil, fmt.Errorf("taskbolt: open %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) open(noSync bool) error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: expected a regular file, found %s", ErrForeign, info.Mode())
	case info.Size() > 0:
		// What is wrong with it is found out before bbolt begins to write.
		if err := s.inspect(); err != nil {
			return err
		}
	}
	if err := s.database(bbolt.Options{FreelistType: bbolt.FreelistMapType, NoSync: noSync, NoGrowSync: noSync}); err != nil {
		return err
	}
	if err := guard(s.begin); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// inspect looks at a file without changing it.
func (s *Store) inspect() error {
	if err := s.database(bbolt.Options{ReadOnly: true}); err != nil {
		return err
	}
	err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			info, err := os.Stat(s.path)
			if err != nil {
				return err
			}
			if info.Size() < tx.Size() {
				return fmt.Errorf("%w: it has %d bytes, expected %d at least", ErrDamaged, info.Size(), tx.Size())
			}
			_, err = recognize(tx)
			return err
		})
	})
	return first(err, s.db.Close())
}

// database opens the database.
func (s *Store) database(o bbolt.Options) error {
	o.Timeout = s.limits.LockTime
	err := guard(func() (err error) {
		s.db, err = bbolt.Open(s.path, 0o600, &o)
		return err
	})
	if err != nil {
		return s.explain(err)
	}
	return nil
}

// explain says what an error of bbolt means for who opens a file.
func (s *Store) explain(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%w: another process, or this one, has it open, and did not let it go within %v", ErrInUse, s.limits.LockTime)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w: expected a bbolt database: %w", ErrForeign, err)
	case errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// begin makes what a new file needs.
func (s *Store) begin() error {
	known := false
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		known, err = recognize(tx)
		return err
	})
	if err != nil || known {
		return err
	}
	return s.db.Update(create)
}

// guard runs f, and has panics of bbolt over a damaged file, and faults of memory that the file should back, be errors.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, p)
		}
	}()
	return f()
}

// Close closes the file, once the calls under way have returned. Later ones fail with [ErrClosed]. Closing again does
// nothing.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("taskbolt: close %s: %w", s.path, err)
	}
	return nil
}

// Stats are numbers of a [Store].
type Stats struct {
	// Tasks is how many records there are, and Bytes what they take, which Limits.Bytes bounds.
	Tasks, Bytes int64
	// FileBytes is the size of the file.
	FileBytes int64
	// Changes is how many changes were written since the file was opened, and Commits in how many steps.
	Changes, Commits int64
}

// Stats gives the numbers.
func (s *Store) Stats() (Stats, error) {
	st := s.queue.stats()
	err := s.read(func(f *file) error {
		st.Tasks, st.Bytes = f.total(keyCount), f.total(keyBytes)
		st.FileBytes = f.tx.Size()
		return nil
	})
	return st, err
}
