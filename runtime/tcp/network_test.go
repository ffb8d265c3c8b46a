package tcp_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/transporttest"
)

func TestSizes(t *testing.T) {
	transporttest.RunSizes(t, func(t *testing.T, client, server int) rpc.Transport {
		_, l := suiteServer(t, "tcp://127.0.0.1:0", tcp.WithLimits(tcp.Limits{Lines: rpc.LineLimits{Message: server}}))
		return tcp.Connect(l.Addr().String(), tcp.WithClientLimits(tcp.ClientLimits{Lines: rpc.LineLimits{Message: client}}))
	})
}

func TestNetwork(t *testing.T) {
	transporttest.RunNetwork(t, func(t *testing.T, dial transporttest.Dial) rpc.Transport {
		l, err := tcp.Listen(context.Background(), "tcp://127.0.0.1:0")
		require.NoError(t, err)
		s := tcp.NewServer(transporttest.Server(), tcp.WithLogger(slog.New(slog.DiscardHandler)))
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background(), l) }()
		t.Cleanup(func() {
			s.Close()
			<-served
		})
		return tcp.Connect("", tcp.WithDial(func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", l.Addr().String()) }))
	})
}
