package every_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each way leads to the server it is given, is the transport it says, and ends within a bubble.
func TestWays(t *testing.T) {
	for _, way := range every.Ways {
		t.Run(way.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				principals := make(chan rpc.Principal, 1)
				a := &noting{Acceptor: transporttest.Server(), principals: principals}
				who := rpc.WithPrincipal(t.Context(), rpc.Principal{ID: "ada"})
				s := rpc.NewSession(rpc.Config{Logger: slog.New(slog.DiscardHandler)})
				conn, err := way.Connect(t, who, a).Connect(t.Context(), s)
				require.NoError(t, err)
				hello := wire.MustRaw(`{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"every","version":"1"}}`)
				require.NoError(t, s.Call(t.Context(), "initialize", hello, nil))
				require.Equal(t, way.Name, s.Link().Transport)
				require.Equal(t, "ada", (<-principals).ID)
				require.NoError(t, conn.Close())
			})
		})
	}
}

// noting notes for whom sessions are opened.
type noting struct {
	rpc.Acceptor
	principals chan<- rpc.Principal
}

func (n *noting) NewSession(ctx context.Context, link rpc.Link) (*rpc.Session, error) {
	p, _ := rpc.PrincipalFrom(ctx)
	n.principals <- p
	return n.Acceptor.NewSession(ctx, link)
}
