package ratelimit_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/ratelimit"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := ratelimit.New[string](ratelimit.Rate{PerSecond: 2, Burst: 3}, 0)
		for range 3 { // one below, and at the limit
			require.Zero(t, b.Take("a"))
		}
		require.Equal(t, time.Second/2, b.Take("a"))
		require.Equal(t, time.Second/2, b.Take("a"), "refusals cost nothing")
		require.Zero(t, b.Take("b"), "each has a bucket of its own")
		time.Sleep(time.Second/2 - 1)
		require.Positive(t, b.Take("a"))
		time.Sleep(time.Nanosecond)
		require.Zero(t, b.Take("a"))
		b.Forget("a")
		require.Zero(t, b.Take("a"))
		require.Equal(t, 2, b.Len())
	})
}

func TestBurstOfARate(t *testing.T) {
	for rate, burst := range map[ratelimit.Rate]int{{PerSecond: 2.5}: 3, {PerSecond: 0.1}: 1, {PerSecond: 1, Burst: 7}: 7} {
		synctest.Test(t, func(t *testing.T) {
			b := ratelimit.New[int](rate, 0)
			for range burst {
				require.Zero(t, b.Take(1))
			}
			require.Positive(t, b.Take(1))
		})
	}
	require.False(t, ratelimit.Rate{Burst: 5}.On())
}

// However many keys somebody makes up, there are only so many buckets, and nobody gets a new one by it.
func TestBucketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		b := ratelimit.New[string](ratelimit.Rate{PerSecond: 1, Burst: 2}, 100)
		for i := range 99 {
			require.Zero(t, b.Take(fmt.Sprint(i)))
		}
		require.Zero(t, b.Take("victim"))
		require.Zero(t, b.Take("victim"))
		require.Positive(t, b.Take("victim"))
		refused := 0
		for i := range 10_000 {
			if b.Take(fmt.Sprint("made up ", i)) > 0 {
				refused++
			}
		}
		require.Equal(t, 100, b.Len())
		require.Equal(t, 10_000-2, refused, "they share one")
		require.Positive(t, b.Take("victim"), "it has none of them to thank for a new one")
		time.Sleep(2 * time.Second)
		require.Zero(t, b.Take("made up 0"), "full buckets make room")
		require.Equal(t, 100, b.Len())
		require.LessOrEqual(t, runtime.NumGoroutine(), before) // what an earlier test left may have ended
	})
}

func TestRefusal(t *testing.T) {
	e := ratelimit.Refusal("too much", 1500*time.Millisecond)
	require.EqualValues(t, rpc.CodeBusy, e.Code)
	require.Equal(t, `{"code":-32010,"message":"too much","data":{"retryAfter":2}}`, string(e.AppendJSON(nil)))
	status, header := e.HTTP()
	require.Equal(t, 429, status)
	require.Equal(t, map[string][]string{"Retry-After": {"2"}}, header)
	require.EqualValues(t, 1, ratelimit.Seconds(1))
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:4321":            "192.0.2.7",
		"192.0.2.7":                 "192.0.2.7",
		"[::ffff:192.0.2.7]:80":     "192.0.2.7",
		"[2001:db8:1:2:3::4]:80":    "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80":         "fe80::/64",
		"[2001:db8:1:2:ffff::5]:81": "2001:db8:1:2::/64",
		"host:1":                    "host",
		"@":                         "@",
		"":                          "",
	} {
		require.Equal(t, want, ratelimit.Address(in), in)
	}
}
