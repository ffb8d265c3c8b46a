package rpc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

func TestDrainRefusesRequestsOnly(t *testing.T) {
	o := start(t, &handler{})
	o.Drain()
	o.Drain()
	require.EqualValues(t, rpc.CodeBusy, rpc.CodeOf(o.receive(`{"jsonrpc":"2.0","id":7,"method":"ping"}`)))
	o.expect(`{"jsonrpc":"2.0","id":7,"error":{"code":-32010,"message":"shutting down, nothing was done: connect again later","data":{"retryAfter":5}}}`)
	done := make(chan error, 1)
	go func() { done <- o.Call(t.Context(), "ping", nil, nil) }()
	require.Contains(t, o.next(t), `"method":"ping"`)
	require.NoError(t, o.receive(`{"jsonrpc":"2.0","id":1,"result":{}}`))
	require.NoError(t, <-done)
	require.NoError(t, o.Err())
}
