package rpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestHeaderFrom(t *testing.T) {
	require.Nil(t, rpc.HeaderFrom(t.Context()))
	ctx := context.WithValue(t.Context(), rpc.HeaderKey{}, map[string][]string{"Accept": {"x"}})
	require.Equal(t, map[string][]string{"Accept": {"x"}}, rpc.HeaderFrom(ctx))
}

func TestCancelledID(t *testing.T) {
	for params, want := range map[string]rpc.ID{
		`{"requestId":7,"reason":"x"}`: wire.IntID(7),
		`{"requestId":"a"}`:            wire.StringID("a"),
		`{"reason":"x"}`:               {},
	} {
		id, ok := rpc.CancelledID(rpc.NewNotification("notifications/cancelled", wire.MustRaw(params)))
		require.Equal(t, !want.IsZero(), ok)
		require.Equal(t, want, id)
	}
	_, ok := rpc.CancelledID(rpc.NewNotification("notifications/other", wire.MustRaw(`{"requestId":7}`)))
	require.False(t, ok)
}
