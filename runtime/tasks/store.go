package tasks

import (
	"context"
	"errors"
	"time"
)

// Store keeps the tasks of a [Receiver]. [NewMemory] makes one that forgets them with the process. It is safe for
// concurrent use, and several processes may share what is behind it, each with a Receiver of its own: every change
// is a compare-and-swap on the version of a record, and every running task names its holder, the Receiver that runs
// it, which says again and again that it lives.
//
// Records that a Store takes or gives are the caller's: a Store keeps copies, and no two calls give the same one.
// Errors other than those named here are failures of the store itself, and the request at hand is answered with an
// internal error. A ctx that ends makes a call fail without effect, if it had none yet.
type Store interface {
	// Create adds a record whose ID is new ([ErrConflict] if it is not), and sets its Seq, greater than any before,
	// and its Version, 1. It is [ErrFull] if the store has room.All records already, or the record's owner room.Owner;
	// fields of room that are not positive do not count. Checking and adding are one step.
	Create(ctx context.Context, r *Record, room Room) error

	// Get gives a record, expired or not; [ErrNotFound] if there is none with the id.
	Get(ctx context.Context, id string) (*Record, error)

	// Update puts r in place of the record of its ID, provided that one still has r's Version, and increases the
	// Version of both. Otherwise nothing changes: [ErrConflict], or [ErrNotFound] if the record is gone. ID, Owner, Seq
	// and Created never change.
	Update(ctx context.Context, r *Record) error

	// Delete removes a record, whatever its version; [ErrNotFound] if there is none with the id.
	Delete(ctx context.Context, id string) error

	// List gives the records of an owner whose Seq is greater than after, in the order of Seq, at most limit; expired
	// ones among them, if they have not been swept.
	List(ctx context.Context, owner string, after uint64, limit int) ([]*Record, error)

	// Hold says that holder lives, at least until then: what it runs is no orphan before. A time in the past lets go
	// of everything it holds.
	Hold(ctx context.Context, holder string, until time.Time) error

	// Orphans gives records that have not ended ([Record.Ended]) and whose holder, at now, is not known to live, in the
	// order of Seq, at most limit. A store that only one process can have open forgets all holders when it is opened,
	// so that what a killed process ran is an orphan at once.
	Orphans(ctx context.Context, now time.Time, limit int) ([]*Record, error)

	// Sweep removes records that have expired at now ([Record.Expired]), whatever their status, at most limit. It gives
	// how many it removed, and how many records are left, expired or not.
	Sweep(ctx context.Context, now time.Time, limit int) (removed, left int, err error)
}

// Room is how many records there may be: of one owner, and in all.
type Room struct{ Owner, All int }

var (
	// ErrNotFound is in the chain of a Store's error for a record that is not there.
	ErrNotFound = errors.New("no such task")
	// ErrConflict is in the chain of a Store's error for a record that was changed by somebody else, or is there already.
	ErrConflict = errors.New("the task was changed meanwhile")
	// ErrFull is in the chain of a Store's error for a record that there is no room for.
	ErrFull = errors.New("the store of tasks is full")
)
