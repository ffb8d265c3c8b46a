package taskbolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/tasks/storetest"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// reopen opens a file until the test ends.
func reopen(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(path, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func fresh(t testing.TB, opts ...Option) *Store {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "tasks.db"), opts...)
}

// record makes a record.
func record(id string) *tasks.Record {
	return &tasks.Record{
		ID: id, Owner: "o", Method: "tools/call", Params: wire.MustRaw(`{"name":"x"}`), Status: mcp.TaskStatusWorking,
		Created: time.Now(), TTL: time.Hour, Holder: "h", Runs: 1,
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) tasks.Store { return fresh(t) })
}

func TestReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	s := reopen(t, path)
	a, b := record("a"), record("b")
	for _, r := range []*tasks.Record{a, b} {
		require.NoError(t, s.Create(t.Context(), r, tasks.Room{}))
	}
	b.Status, b.Result = mcp.TaskStatusCompleted, wire.MustRaw(`{"content":[]}`)
	require.NoError(t, s.Update(t.Context(), b))
	require.NoError(t, s.Hold(t.Context(), "h", time.Now().Add(time.Hour)))
	orphans, err := s.Orphans(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Empty(t, orphans)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())

	s = reopen(t, path)
	for _, want := range []*tasks.Record{a, b} {
		got, err := s.Get(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, string(want.AppendJSON(nil)), string(got.AppendJSON(nil)))
	}
	orphans, err = s.Orphans(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Len(t, orphans, 1, "who held it cannot live: the file is ours")
	require.Equal(t, "a", orphans[0].ID)
	require.NoError(t, s.Delete(t.Context(), "b"))
	c := record("c")
	require.NoError(t, s.Create(t.Context(), c, tasks.Room{Owner: 2, All: 2}))
	require.Greater(t, c.Seq, b.Seq, "also after the last one was deleted")
	require.ErrorIs(t, s.Create(t.Context(), record("d"), tasks.Room{All: 2}), tasks.ErrFull)
}

func TestTheFileIsItsOwnersOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	s := fresh(t)
	info, err := os.Stat(s.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestAFileInUse(t *testing.T) {
	s := fresh(t)
	begun := time.Now()
	_, err := Open(s.path, WithLimits(Limits{LockTime: 100 * time.Millisecond}))
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, s.path)
	require.ErrorContains(t, err, "within 100ms")
	require.Less(t, time.Since(begun), time.Minute)

	let := time.AfterFunc(50*time.Millisecond, func() { _ = s.Close() })
	defer let.Stop()
	again, err := Open(s.path)
	require.NoError(t, err, "it was let go in time")
	require.NoError(t, again.Close())
}

func TestFilesThatAreSomethingElse(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	database := func(name string, fill func(tx *bbolt.Tx) error) string {
		path := filepath.Join(dir, name)
		db, err := bbolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(fill))
		require.NoError(t, db.Close())
		return path
	}
	whole := filepath.Join(dir, "whole")
	s := reopen(t, whole)
	for i := range 200 {
		require.NoError(t, s.Create(t.Context(), record(fmt.Sprint(i)), tasks.Room{}))
	}
	require.NoError(t, s.Close())
	good, err := os.ReadFile(whole)
	require.NoError(t, err)
	used := bytes.TrimRight(good, "\x00")

	for _, c := range []struct {
		name, path string
		want       error
		says       string
	}{
		{"text", write("text", []byte(strings.Repeat("not a database\n", 1000))), ErrForeign, "expected a bbolt database"},
		{"a few bytes", write("few", []byte("x")), ErrForeign, "expected a bbolt database"},
		{"folder", dir, ErrForeign, "expected a regular file"},
		{"a database of something else", database("other", func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("users"))
			return err
		}), ErrForeign, `with a bucket "users"`},
		{"a later format", database("later", func(tx *bbolt.Tx) error {
			if err := create(tx); err != nil {
				return err
			}
			return tx.Bucket(bucketMeta).Put(keyFormat, []byte("2"))
		}), ErrFormat, `"2": expected "1"`},
		{"a bucket is missing", database("missing", func(tx *bbolt.Tx) error {
			if err := create(tx); err != nil {
				return err
			}
			return tx.DeleteBucket(bucketOpen)
		}), ErrDamaged, "tasks.open"},
		{"cut short", write("short", used[:len(used)/2]), ErrDamaged, ""},
		{"cut to its head", write("head", good[:2*os.Getpagesize()]), ErrDamaged, ""},
		{"no such folder", filepath.Join(dir, "nowhere", "tasks.db"), os.ErrNotExist, "nowhere"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			_, err := Open(c.path, WithLimits(Limits{LockTime: 100 * time.Millisecond}))
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.path)
			require.ErrorContains(t, err, c.says)
			after, _ := os.ReadFile(c.path)
			require.True(t, bytes.Equal(before, after), "the file was changed")
			_, again := Open(c.path, WithLimits(Limits{LockTime: 100 * time.Millisecond}))
			require.NotErrorIs(t, again, ErrInUse, "the lock was kept")
		})
	}

	empty := reopen(t, write("empty", nil))
	require.NoError(t, empty.Create(t.Context(), record("a"), tasks.Room{}), "an empty file is a new one")
}

// TestADamagedRecord: one that does not match its checksum is an error of its own, and in nobody's way.
func TestADamagedRecord(t *testing.T) {
	s := fresh(t)
	now := time.Now()
	for i := range 3 {
		require.NoError(t, s.Create(t.Context(), record(fmt.Sprint(i)), tasks.Room{}))
	}
	require.NoError(t, s.db.Update(func(tx *bbolt.Tx) error {
		f := newFile(tx)
		at := f.find("1")
		text := bytes.Clone(at.text)
		text[10] ^= 1
		return f.tasks.Put(at.seq, text)
	}))
	_, err := s.Get(t.Context(), "1")
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "checksum")
	require.ErrorIs(t, s.Update(t.Context(), record("1")), ErrDamaged)
	page, err := s.List(t.Context(), "o", 0, 10)
	require.NoError(t, err)
	require.Len(t, page, 2)
	orphans, err := s.Orphans(t.Context(), now, 10)
	require.NoError(t, err)
	require.Len(t, orphans, 2)
	removed, left, err := s.Sweep(t.Context(), now.Add(2*time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, [2]int{3, 0}, [2]int{removed, left})

	require.NoError(t, s.Create(t.Context(), record("4"), tasks.Room{Owner: 1}))
	require.NoError(t, s.Delete(t.Context(), "4"))
	st, err := s.Stats()
	require.NoError(t, err)
	require.Zero(t, st.Tasks)
	require.Zero(t, st.Bytes)
}

func TestChangesAreWrittenTogether(t *testing.T) {
	s := fresh(t)
	const many = 500
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			r := record(fmt.Sprint(i))
			if err := s.Create(context.Background(), r, tasks.Room{}); err != nil {
				t.Error(err)
			}
			r.Status = mcp.TaskStatusCompleted
			if err := s.Update(context.Background(), r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	st, err := s.Stats()
	require.NoError(t, err)
	require.EqualValues(t, many, st.Tasks)
	require.EqualValues(t, 2*many, st.Changes)
	require.Less(t, st.Commits, st.Changes/4, "commits")
	t.Logf("%d changes in %d commits", st.Changes, st.Commits)
}

// TestAChangeThatFailsHarmsNoOther: of changes written together each has its own error.
func TestAChangeThatFailsHarmsNoOther(t *testing.T) {
	s := fresh(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	batch := []*change{
		{ctx: t.Context(), do: func(f *file) error { return f.sum(keyCount, 1) }},
		{ctx: t.Context(), do: func(f *file) error { _ = f.sum(keyCount, 1); return os.ErrInvalid }},
		{ctx: t.Context(), do: func(*file) error { return tasks.ErrConflict }},
		{ctx: gone, do: func(f *file) error { return f.sum(keyCount, 1) }},
		{ctx: t.Context(), do: func(f *file) error { _ = f.sum(keyCount, 1); panic("oh") }},
		{ctx: t.Context(), do: func(f *file) error { return f.sum(keyCount, 1) }},
	}
	commits, changes := s.commit(batch)
	require.EqualValues(t, 1, commits)
	require.EqualValues(t, 2, changes)
	for i, want := range []error{nil, os.ErrInvalid, tasks.ErrConflict, context.Canceled, ErrDamaged, nil} {
		require.ErrorIs(t, batch[i].err, want, i)
	}
	st, err := s.Stats()
	require.NoError(t, err)
	require.EqualValues(t, 2, st.Tasks)

	require.ErrorIs(t, s.Create(gone, record("a"), tasks.Room{}), context.Canceled)
	_, err = s.Get(t.Context(), "a")
	require.ErrorIs(t, err, tasks.ErrNotFound)
}

func TestBytesAreBounded(t *testing.T) {
	s := fresh(t, WithLimits(Limits{Bytes: 100_000}))
	large := func(id string, n int) *tasks.Record {
		r := record(id)
		r.Params = wire.MustRaw(`"` + strings.Repeat("x", n) + `"`)
		return r
	}
	a := large("a", 60_000)
	require.NoError(t, s.Create(t.Context(), a, tasks.Room{}))
	require.ErrorIs(t, s.Create(t.Context(), large("b", 60_000), tasks.Room{}), tasks.ErrFull)
	require.NoError(t, s.Create(t.Context(), large("c", 39_000), tasks.Room{}))
	full := a.Clone()
	full.Result = large("", 60_000).Params
	require.ErrorIs(t, s.Update(t.Context(), full), tasks.ErrFull)
	a.Status, a.Message = mcp.TaskStatusFailed, strings.Repeat("x", 1000)
	require.NoError(t, s.Update(t.Context(), a), "a task can always end")
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.NoError(t, s.Create(t.Context(), large("b", 50_000), tasks.Room{}))
}

// TestTheFileDoesNotGrowForEver: what was swept makes room for what comes.
func TestTheFileDoesNotGrowForEver(t *testing.T) {
	s := fresh(t, WithoutSync())
	var sizes []int64
	now := time.Now()
	for round := range 20 {
		for i := range 200 {
			r := record(fmt.Sprint(round, " ", i))
			r.Params = wire.MustRaw(`"` + strings.Repeat("x", 1000+37*i) + `"`)
			require.NoError(t, s.Create(t.Context(), r, tasks.Room{}))
		}
		removed, left, err := s.Sweep(t.Context(), now.Add(2*time.Hour), 1000)
		require.NoError(t, err)
		require.Equal(t, [2]int{200, 0}, [2]int{removed, left})
		st, err := s.Stats()
		require.NoError(t, err)
		require.Zero(t, st.Bytes)
		sizes = append(sizes, st.FileBytes)
	}
	require.Less(t, sizes[19], 3*sizes[0]/2, "%v", sizes)
	t.Logf("after round 1: %d bytes, after round 20: %d", sizes[0], sizes[19])
}

// TestTheFileIsBoundedByItsBytes: full for long, of records of all sizes, it is not much larger than they are.
func TestTheFileIsBoundedByItsBytes(t *testing.T) {
	const most = 2 << 20
	s := fresh(t, WithoutSync(), WithLimits(Limits{Bytes: most}))
	random := rand.New(rand.NewPCG(1, 2))
	var ids []string
	for i := range 2000 {
		r := record(fmt.Sprint(i))
		n := 64 << random.IntN(11)
		r.Params = wire.MustRaw(`"` + strings.Repeat("x", n+random.IntN(n)) + `"`)
		err := s.Create(t.Context(), r, tasks.Room{})
		for errors.Is(err, tasks.ErrFull) {
			j := random.IntN(len(ids))
			require.NoError(t, s.Delete(t.Context(), ids[j]))
			ids = slices.Delete(ids, j, j+1)
			err = s.Create(t.Context(), r, tasks.Room{})
		}
		require.NoError(t, err)
		ids = append(ids, r.ID)
	}
	st, err := s.Stats()
	require.NoError(t, err)
	require.LessOrEqual(t, st.Bytes, int64(most))
	require.Less(t, st.FileBytes, int64(3*most))
	t.Logf("%d tasks of %d bytes in a file of %d", st.Tasks, st.Bytes, st.FileBytes)
}

func TestClosed(t *testing.T) {
	s := fresh(t)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Create(t.Context(), record("a"), tasks.Room{}), ErrClosed)
	_, err := s.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrClosed)
	_, _, err = s.Sweep(t.Context(), time.Now(), 1)
	require.ErrorIs(t, err, ErrClosed)
	_, err = s.Stats()
	require.ErrorIs(t, err, ErrClosed)
}
