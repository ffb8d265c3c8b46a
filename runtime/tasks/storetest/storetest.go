// Package storetest has the tests that every [tasks.Store] must pass.
package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tasks"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Run tests stores; open gives an empty one, which it closes when the test ends.
func Run(t *testing.T, open func(t *testing.T) tasks.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s tasks.Store)
	}{
		{"what is created can be read", created},
		{"ids are unique", unique},
		{"updates compare and swap", swapped},
		{"one of many updates wins", raced},
		{"records are copies", copied},
		{"deleted is gone", deleted},
		{"lists are by owner and stable", listed},
		{"there is so much room", full},
		{"room is never exceeded", fullRaced},
		{"orphans are what nobody holds", orphaned},
		{"expired ones are swept", swept},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// sample makes a record with something in every member.
func sample(id, owner string) *tasks.Record {
	now := time.Now().UTC()
	return &tasks.Record{
		ID: id, Owner: owner, Method: "tools/call", Params: wire.MustRaw(`{"name":"x","task":{"ttl":5}}`), Protocol: "2025-11-25",
		Principal: &rpc.Principal{ID: "ada", Scopes: []string{"a", "b"}}, Extra: wire.MustRaw(`{"y":1}`),
		Status: mcp.TaskStatusWorking, Message: "under way", Created: now, Updated: now.Add(time.Second),
		TTL: time.Hour, PollInterval: time.Second, Holder: "h", Runs: 1,
	}
}

func add(t *testing.T, s tasks.Store, r *tasks.Record) *tasks.Record {
	t.Helper()
	require.NoError(t, s.Create(t.Context(), r, tasks.Room{}))
	return r
}

func same(t *testing.T, want, got *tasks.Record) {
	t.Helper()
	require.Equal(t, string(want.AppendJSON(nil)), string(got.AppendJSON(nil)))
}

func created(t *testing.T, s tasks.Store) {
	a, b := add(t, s, sample("a", "o")), add(t, s, sample("b", ""))
	require.EqualValues(t, 1, a.Version)
	require.Greater(t, b.Seq, a.Seq)
	got, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	same(t, a, got)
	require.True(t, a.Created.Equal(got.Created))
	require.Equal(t, a.Principal.Scopes, got.Principal.Scopes)
	_, err = s.Get(t.Context(), "c")
	require.ErrorIs(t, err, tasks.ErrNotFound)
}

func unique(t *testing.T, s tasks.Store) {
	add(t, s, sample("a", "o"))
	require.ErrorIs(t, s.Create(t.Context(), sample("a", "p"), tasks.Room{}), tasks.ErrConflict)
	got, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "o", got.Owner)
}

func swapped(t *testing.T, s tasks.Store) {
	r := add(t, s, sample("a", "o"))
	stale := r.Clone()
	r.Status, r.Error = mcp.TaskStatusFailed, &rpc.Error{Code: -1, Message: "no", Data: wire.MustRaw(`{"z":[1]}`)}
	require.NoError(t, s.Update(t.Context(), r))
	require.EqualValues(t, 2, r.Version)
	stale.Status, stale.Result = mcp.TaskStatusCompleted, wire.MustRaw(`{}`)
	require.ErrorIs(t, s.Update(t.Context(), stale), tasks.ErrConflict)
	require.EqualValues(t, 1, stale.Version)
	got, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	same(t, r, got)
	require.ErrorIs(t, s.Update(t.Context(), sample("b", "o")), tasks.ErrNotFound)
}

func raced(t *testing.T, s tasks.Store) {
	r := add(t, s, sample("a", "o"))
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		mine := r.Clone()
		mine.Message = fmt.Sprint(i)
		all.Go(func() {
			if s.Update(t.Context(), mine) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}

func copied(t *testing.T, s tasks.Store) {
	r := add(t, s, sample("a", "o"))
	r.Message, r.Principal.ID = "changed", "changed"
	for range 2 {
		got, err := s.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, "under way", got.Message)
		require.Equal(t, "ada", got.Principal.ID)
		got.Message, got.Principal.Scopes[0] = "changed", "changed"
	}
	page, err := s.List(t.Context(), "o", 0, 10)
	require.NoError(t, err)
	require.Equal(t, "a", page[0].Principal.Scopes[0])
}

func deleted(t *testing.T, s tasks.Store) {
	add(t, s, sample("a", "o"))
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.ErrorIs(t, s.Delete(t.Context(), "a"), tasks.ErrNotFound)
	_, err := s.Get(t.Context(), "a")
	require.ErrorIs(t, err, tasks.ErrNotFound)
	page, err := s.List(t.Context(), "o", 0, 10)
	require.NoError(t, err)
	require.Empty(t, page)
}

func listed(t *testing.T, s tasks.Store) {
	for i := range 10 {
		add(t, s, sample(fmt.Sprintf("t%d", i), []string{"o", "oo"}[i%2]))
	}
	ids := func(after uint64, limit int) (ids []string, last uint64) {
		page, err := s.List(t.Context(), "o", after, limit)
		require.NoError(t, err)
		for _, r := range page {
			ids, last = append(ids, r.ID), r.Seq
		}
		return ids, last
	}
	first, last := ids(0, 2)
	require.Equal(t, []string{"t0", "t2"}, first)
	require.NoError(t, s.Delete(t.Context(), "t2"), "the entry that the next page starts after")
	add(t, s, sample("t10", "o"))
	rest, last := ids(last, 100)
	require.Equal(t, []string{"t4", "t6", "t8", "t10"}, rest)
	none, _ := ids(last, 100)
	require.Empty(t, none)
	page, err := s.List(t.Context(), "nobody", 0, 10)
	require.NoError(t, err)
	require.Empty(t, page)
}

func full(t *testing.T, s tasks.Store) {
	room := tasks.Room{Owner: 2, All: 3}
	require.NoError(t, s.Create(t.Context(), sample("a", "o"), room))
	require.NoError(t, s.Create(t.Context(), sample("b", "o"), room))
	require.ErrorIs(t, s.Create(t.Context(), sample("c", "o"), room), tasks.ErrFull)
	require.NoError(t, s.Create(t.Context(), sample("d", "p"), room))
	require.ErrorIs(t, s.Create(t.Context(), sample("e", "q"), room), tasks.ErrFull)
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.NoError(t, s.Create(t.Context(), sample("f", "o"), room))
}

func fullRaced(t *testing.T, s tasks.Store) {
	var all sync.WaitGroup
	var got atomic.Int32
	for i := range 20 {
		r := sample(fmt.Sprint(i), "o")
		all.Go(func() {
			if s.Create(t.Context(), r, tasks.Room{Owner: 5}) == nil {
				got.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 5, got.Load())
}

func orphaned(t *testing.T, s tasks.Store) {
	now := time.Now()
	hold := func(holder string, until time.Time) {
		require.NoError(t, s.Hold(t.Context(), holder, until))
	}
	for i, holder := range []string{"dead", "live", "dead", "dead"} {
		r := sample(fmt.Sprint(i), "o")
		r.Holder = holder
		add(t, s, r)
	}
	done, err := s.Get(t.Context(), "2")
	require.NoError(t, err)
	done.Status = mcp.TaskStatusCancelled
	require.NoError(t, s.Update(t.Context(), done))
	orphans := func(at time.Time, limit int) (ids []string) {
		list, err := s.Orphans(t.Context(), at, limit)
		require.NoError(t, err)
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	hold("live", now.Add(time.Minute))
	require.Equal(t, []string{"0", "3"}, orphans(now, 10))
	require.Equal(t, []string{"0"}, orphans(now, 1))
	require.Equal(t, []string{"0", "1", "3"}, orphans(now.Add(2*time.Minute), 10))
	taken, err := s.Get(t.Context(), "0")
	require.NoError(t, err)
	taken.Holder = "live"
	require.NoError(t, s.Update(t.Context(), taken))
	require.Equal(t, []string{"3"}, orphans(now, 10))
	hold("live", time.Time{})
	require.Equal(t, []string{"0", "1", "3"}, orphans(now, 10))
}

func swept(t *testing.T, s tasks.Store) {
	now := time.Now()
	for i, ttl := range []time.Duration{time.Minute, time.Hour, 0, 2 * time.Minute} {
		r := sample(fmt.Sprint(i), "o")
		r.Created, r.TTL = now, ttl
		add(t, s, r)
	}
	sweep := func(at time.Time, limit int) (int, int) {
		removed, left, err := s.Sweep(t.Context(), at, limit)
		require.NoError(t, err)
		return removed, left
	}
	for _, c := range []struct {
		after         time.Duration
		limit         int
		removed, left int
	}{
		{time.Minute - 1, 10, 0, 4}, {time.Minute, 10, 1, 3}, {time.Hour, 1, 1, 2}, {time.Hour, 10, 1, 1}, {1000 * time.Hour, 10, 0, 1},
	} {
		removed, left := sweep(now.Add(c.after), c.limit)
		require.Equal(t, [2]int{c.removed, c.left}, [2]int{removed, left}, c.after)
	}
	page, err := s.List(t.Context(), "o", 0, 10)
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, "2", page[0].ID)
}
