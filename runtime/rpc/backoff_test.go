package rpc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

func TestBackoff(t *testing.T) {
	var b rpc.Backoff
	var last, total time.Duration
	different := map[time.Duration]bool{}
	const n = 2000
	for range n {
		next := b.Next(last)
		require.GreaterOrEqual(t, next, time.Second)
		require.LessOrEqual(t, next, min(max(3*last, 3*time.Second), time.Minute))
		different[next] = true
		total += next
		last = next
	}
	require.Greater(t, len(different), n/2, "at random")
	require.Greater(t, total, n*15*time.Second, "and longer than at first")
}

func TestBackoffBounds(t *testing.T) {
	none := rpc.Backoff{Min: -1, Max: -1, Attempts: -1}
	require.Zero(t, none.Next(0))
	require.Equal(t, time.Minute, rpc.Backoff{Min: time.Minute, Max: time.Second}.Next(0), "Min counts")
	require.Equal(t, rpc.Backoff{Min: time.Second, Max: time.Minute, Attempts: 10}, rpc.Backoff{}.WithDefaults())
	require.Greater(t, none.WithDefaults().Attempts, 1<<30)
}
