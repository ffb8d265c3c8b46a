package rpc_test

import (
	"context"
	"io"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

func TestMemoryIsGivenOutInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := rpc.NewMemory(10)
		n, err := m.Reserve(t.Context(), 1000)
		require.NoError(t, err)
		require.EqualValues(t, 10, n, "all there is")
		var order []string
		var wait sync.WaitGroup
		reserve := func(ctx context.Context, name string, n int64) {
			wait.Go(func() {
				if n, err := m.Reserve(ctx, n); err == nil {
					order = append(order, name)
					m.Release(n)
				}
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		reserve(ctx, "gave up", 10)
		reserve(t.Context(), "first", 4)
		reserve(t.Context(), "second", 7)
		m.Release(4)
		synctest.Wait()
		require.Empty(t, order, "the large one is first in line")
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"first"}, order)
		m.Release(6)
		wait.Wait()
		require.Equal(t, []string{"first", "second"}, order)
		require.Zero(t, m.Held())
	})
}

// Fifty peers that send too much at once, and fifty that send the start of it and stop, hold no more than the memory that
// they share.
func TestFiftyOversizedLinesAtOnce(t *testing.T) {
	const most, shared, n = 1 << 20, 4 << 20, 50 // and half a MiB each that is no matter of sharing
	for _, stops := range []bool{false, true} {
		memory := rpc.NewMemory(shared)
		limits := rpc.LineLimits{Message: most, Reading: memory}
		var all []*lines
		for range n {
			all = append(all, runLines(t, nil, limits))
		}
		before := live()
		var wait sync.WaitGroup
		var mu sync.Mutex
		peak := uint64(0)
		for _, l := range all {
			wait.Go(func() {
				if stops { // it blocks once the reader waits for memory
					_, _ = io.Copy(l.in, &flood{most / 2})
				} else {
					_, _ = io.Copy(l.in, &flood{2 * most})
				}
				mu.Lock()
				peak = max(peak, live())
				mu.Unlock()
				if !stops {
					_, _ = io.WriteString(l.in, "\n")
				}
			})
		}
		if stops {
			require.Eventually(t, func() bool { return memory.Held() == shared }, time.Minute, time.Millisecond)
			mu.Lock()
			peak = max(peak, live())
			mu.Unlock()
			for _, l := range all {
				l.Close(nil)
				_ = l.in.Close()
				<-l.done
			}
		}
		wait.Wait()
		require.Less(t, peak-min(peak, before), uint64(2*shared+n*(512<<10)), "stops: %v", stops)
		for _, l := range all {
			_ = l.in.Close()
			if !stops {
				require.NoError(t, <-l.done)
				require.EqualValues(t, 1, l.conn.Stats().TooLarge)
			}
		}
		require.Zero(t, memory.Held())
	}
}

// live is how many bytes of objects are referred to.
func live() uint64 {
	runtime.GC()
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

func TestLargeLinesOfManyPeersAllArrive(t *testing.T) {
	memory := rpc.NewMemory(1 << 20)
	for range 20 {
		out, err := serveLines(t, strings.NewReader(padded(1, 900_000)+"\n"+padded(2, 900_000)+"\n"+ping(3)+"\n"), nil, rpc.LineLimits{Message: 1 << 20, Reading: memory})
		require.NoError(t, err)
		require.Len(t, out, 3)
	}
	require.Zero(t, memory.Held())
}
