package rpc_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestHTTPAnswerOfAnErrorIsNeverOnTheWire(t *testing.T) {
	plain := rpc.Errorf(-32010, "too fast")
	e := plain.WithHTTP(429, map[string][]string{"Retry-After": {"7"}})
	require.Equal(t, string(plain.AppendJSON(nil)), string(e.AppendJSON(nil)))
	require.Equal(t, plain.Error(), e.Error())

	status, header := plain.HTTP()
	require.Zero(t, status, "the original is unchanged")
	require.Nil(t, header)

	// It is kept by copies, and found through wrapping.
	cause := errors.New("why")
	copied := e.Wrap(cause).WithData(wire.MustRaw(`1`))
	found, ok := errors.AsType[*rpc.Error](fmt.Errorf("more: %w", copied))
	require.True(t, ok)
	status, header = found.HTTP()
	require.Equal(t, 429, status)
	require.Equal(t, map[string][]string{"Retry-After": {"7"}}, header)
	require.ErrorIs(t, found, cause)

	status, header = e.WithHTTP(0, header).HTTP()
	require.Zero(t, status)
	require.Nil(t, header)
}
