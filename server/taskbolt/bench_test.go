package taskbolt

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/tasks"
)

// benchmark measures a change, one at a time and by many at once; on a file with so many records.
func benchmark(b *testing.B, opts []Option, change func(s *Store) error) {
	for _, at := range []int{1, 100} {
		b.Run(fmt.Sprintf("at once=%d", at), func(b *testing.B) {
			s := fresh(b, opts...)
			b.SetParallelism(at)
			if at == 1 {
				for b.Loop() {
					require.NoError(b, change(s))
				}
				return
			}
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := change(s); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func create1(s *Store) error {
	return s.Create(context.Background(), record(rand.Text()), tasks.Room{Owner: 1 << 30, All: 1 << 30})
}

func createAndEnd(s *Store) error {
	r := record(rand.Text())
	if err := s.Create(context.Background(), r, tasks.Room{}); err != nil {
		return err
	}
	r.Status = mcp.TaskStatusCompleted
	return s.Update(context.Background(), r)
}

func BenchmarkCreate(b *testing.B) { benchmark(b, nil, create1) }

func BenchmarkCreateAndEnd(b *testing.B) { benchmark(b, nil, createAndEnd) }

func BenchmarkCreateAndEndWithoutSync(b *testing.B) {
	benchmark(b, []Option{WithoutSync()}, createAndEnd)
}

func BenchmarkGet(b *testing.B) {
	s := fresh(b, WithoutSync())
	for i := range 1000 {
		require.NoError(b, s.Create(context.Background(), record(fmt.Sprint(i)), tasks.Room{}))
	}
	for b.Loop() {
		_, err := s.Get(context.Background(), "500")
		require.NoError(b, err)
	}
}

// BenchmarkOpen opens a file with 100,000 tasks.
func BenchmarkOpen(b *testing.B) {
	s := fresh(b, WithoutSync())
	for i := range 100 {
		batch := make([]*change, 1000)
		for j := range batch {
			r := record(fmt.Sprint(i, " ", j))
			batch[j] = &change{ctx: context.Background(), do: func(f *file) (err error) {
				r.Version = 1
				if r.Seq, err = f.tasks.NextSequence(); err != nil {
					return err
				}
				return f.add(r, encode(r))
			}}
		}
		s.commit(batch)
	}
	require.NoError(b, s.Close())
	for b.Loop() {
		again, err := Open(s.path)
		require.NoError(b, err)
		require.NoError(b, again.Close())
	}
}
