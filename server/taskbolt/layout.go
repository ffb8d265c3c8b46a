package taskbolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The file has these buckets. Numbers are big endian, of 8 bytes.
var (
	bucketMeta   = []byte("tasks.meta")   // format; count and bytes of all records
	bucketTasks  = []byte("tasks.tasks")  // seq → checksum (CRC-32C, 4 bytes), record as JSON
	bucketIDs    = []byte("tasks.ids")    // id → seq, SHA-256 of the owner
	bucketOwners = []byte("tasks.owners") // SHA-256 of the owner → how many; the same, seq → nothing
	bucketOpen   = []byte("tasks.open")   // seq, of what has not ended → holder
	bucketExpiry = []byte("tasks.expiry") // when it expires in ns since 1970, seq → id

	buckets = [][]byte{bucketMeta, bucketTasks, bucketIDs, bucketOwners, bucketOpen, bucketExpiry}

	keyFormat = []byte("format")
	keyCount  = []byte("count")
	keyBytes  = []byte("bytes")
)

// format is what the file says its format is.
const format = "1"

// create makes the buckets of a new file.
func create(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, []byte(format))
}

// recognize tells whether the file has our buckets, in our format; one without any is new.
func recognize(tx *bbolt.Tx) (known bool, err error) {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return false, fmt.Errorf("%w: it is a bbolt database of something else, with a bucket %q", ErrForeign, first)
		}
		return false, nil
	}
	if found := string(meta.Get(keyFormat)); found != format {
		return false, fmt.Errorf("%w %q: expected %q", ErrFormat, found, format)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return false, fmt.Errorf("%w: there is no bucket %q", ErrDamaged, name)
		}
	}
	return true, nil
}

// file is the content of the file in one transaction.
type file struct {
	tx                                      *bbolt.Tx
	meta, tasks, ids, owners, open, expires *bbolt.Bucket
}

func newFile(tx *bbolt.Tx) *file {
	return &file{
		tx, tx.Bucket(bucketMeta), tx.Bucket(bucketTasks), tx.Bucket(bucketIDs), tx.Bucket(bucketOwners),
		tx.Bucket(bucketOpen), tx.Bucket(bucketExpiry),
	}
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// numberAt reads a number, 0 if there is none.
func numberAt(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func ownerKey(owner string) []byte {
	sum := sha256.Sum256([]byte(owner))
	return sum[:]
}

// expiryKey is nil for what never expires.
func expiryKey(r *tasks.Record) []byte {
	at := r.Expires()
	if at.IsZero() {
		return nil
	}
	return append(number(uint64(max(at.UnixNano(), 0))), number(r.Seq)...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encode(r *tasks.Record) []byte {
	b := r.AppendJSON(make([]byte, 4, 4+r.Size()))
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// maxDepth is more than what any message has that comes from a peer.
const maxDepth = 10_000

func decode(b []byte) (*tasks.Record, error) {
	if len(b) < 4 || binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return nil, fmt.Errorf("a record of %d bytes does not match its checksum: %w", len(b), ErrDamaged)
	}
	r := &tasks.Record{}
	if err := wire.DecodeOptions(b[4:], r, wire.Options{MaxDepth: maxDepth}); err != nil {
		return nil, fmt.Errorf("a record cannot be read: %w: %w", ErrDamaged, err)
	}
	return r, nil
}

// total gives one of the sums in meta.
func (f *file) total(key []byte) int64 { return int64(numberAt(f.meta.Get(key))) }

// sum changes one of the sums in meta.
func (f *file) sum(key []byte, n int) error {
	return f.meta.Put(key, number(uint64(f.total(key)+int64(n))))
}

// entry is where a record is.
type entry struct {
	seq, owner []byte // keys
	text       []byte // as it is in the file, valid within the transaction
}

// find finds a record by its id; the entry is nil if there is none.
func (f *file) find(id string) *entry {
	v := bytes.Clone(f.ids.Get([]byte(id)))
	if len(v) != 8+sha256.Size {
		return nil
	}
	return &entry{v[:8:8], v[8:], f.tasks.Get(v[:8])}
}

// owned gives how many records an owner has.
func (f *file) owned(owner []byte) uint64 { return numberAt(f.owners.Get(owner)) }

// own changes how many records an owner has.
func (f *file) own(owner []byte, n int) error {
	owned := f.owned(owner) + uint64(n)
	if owned == 0 {
		return f.owners.Delete(owner)
	}
	return f.owners.Put(owner, number(owned))
}

// add writes a record that is new.
func (f *file) add(r *tasks.Record, text []byte) error {
	seq, owner := number(r.Seq), ownerKey(r.Owner)
	err := first(
		f.ids.Put([]byte(r.ID), slices.Concat(seq, owner)),
		f.owners.Put(slices.Concat(owner, seq), nil),
		f.own(owner, 1),
		f.sum(keyCount, 1),
		f.sum(keyBytes, len(text)),
		f.tasks.Put(seq, text),
	)
	if key := expiryKey(r); err == nil && key != nil {
		err = f.expires.Put(key, []byte(r.ID))
	}
	if err == nil && !r.Ended() {
		err = f.open.Put(seq, []byte(r.Holder))
	}
	return err
}

// replace writes a record in place of another one.
func (f *file) replace(at *entry, old, r *tasks.Record, text []byte) error {
	if was, now := expiryKey(old), expiryKey(r); !bytes.Equal(was, now) {
		if was != nil {
			if err := f.expires.Delete(was); err != nil {
				return err
			}
		}
		if now != nil {
			if err := f.expires.Put(now, []byte(r.ID)); err != nil {
				return err
			}
		}
	}
	var err error
	switch {
	case r.Ended() && !old.Ended():
		err = f.open.Delete(at.seq)
	case !r.Ended() && (old.Ended() || old.Holder != r.Holder):
		err = f.open.Put(at.seq, []byte(r.Holder))
	}
	return first(err, f.sum(keyBytes, len(text)-len(at.text)), f.tasks.Put(at.seq, text))
}

// remove takes a record out, all but when it expires: it need not be readable.
func (f *file) remove(id string, at *entry) error {
	return first(
		f.sum(keyCount, -1),
		f.sum(keyBytes, -len(at.text)),
		f.own(at.owner, -1),
		f.owners.Delete(slices.Concat(at.owner, at.seq)),
		f.ids.Delete([]byte(id)),
		f.open.Delete(at.seq),
		f.tasks.Delete(at.seq),
	)
}

// first gives the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
