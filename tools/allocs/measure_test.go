package allocs

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cost is what one operation allocates.
type cost struct {
	allocs int64
	bytes  int64
}

// measure says what f allocates on average, on all goroutines. The collector is off meanwhile, because it empties pools, and
// there is one processor, because pools have a part for each. Of a few tries the cheapest counts: what else the process does
// can only add to one.
func measure(runs int, f func()) cost {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range max(3, runs/10) {
		f() // fills the pools
	}
	least := cost{math.MaxInt64, math.MaxInt64}
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			f()
		}
		runtime.ReadMemStats(&after)
		least.allocs = min(least.allocs, int64(after.Mallocs-before.Mallocs)/int64(runs))
		least.bytes = min(least.bytes, int64(after.TotalAlloc-before.TotalAlloc)/int64(runs))
	}
	return least
}

// atMost fails the test if f allocates more than the bound: more often, or more bytes. It logs what it found, so that a bound
// can follow when a path has become cheaper.
func atMost(t *testing.T, runs int, bound cost, f func()) {
	t.Helper()
	if raced {
		t.Skip("under the race detector sync.Pool drops things at random, so what is allocated says nothing")
	}
	got := measure(runs, f)
	t.Logf("%d allocations of at most %d, %d bytes of at most %d", got.allocs, bound.allocs, got.bytes, bound.bytes)
	require.LessOrEqual(t, got.allocs, bound.allocs, "allocations of one operation: make it cheaper, or say in the commit why it has to cost more")
	require.LessOrEqual(t, got.bytes, bound.bytes, "bytes allocated by one operation: make it cheaper, or say in the commit why it has to cost more")
}

// many is how often small operations are measured, and few large ones.
const (
	many = 2000
	few  = 20
)

func TestMeasureFindsWhatIsAllocated(t *testing.T) {
	if raced {
		t.Skip("under the race detector variables may be moved to the heap")
	}
	var keep []byte
	got := measure(100, func() { keep = make([]byte, 1<<10) })
	require.Equal(t, cost{1, 1 << 10}, got)
	require.Len(t, keep, 1<<10)
	require.Equal(t, cost{}, measure(100, func() { keep[0]++ }))
}
