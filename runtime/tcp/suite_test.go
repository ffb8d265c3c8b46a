package tcp_test

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/transporttest"
)

// suiteServer serves the suite at an address.
func suiteServer(t *testing.T, address string, opts ...tcp.Option) (*tcp.Server, net.Listener) {
	listener, err := tcp.Listen(context.Background(), address, opts...)
	require.NoError(t, err)
	s := tcp.NewServer(transporttest.Server(), opts...)
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), listener) }()
	t.Cleanup(func() {
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-served)
	})
	return s, listener
}

func TestSuite(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) rpc.Transport{
		"TCP": func(t *testing.T) rpc.Transport {
			_, l := suiteServer(t, "tcp://127.0.0.1:0")
			return tcp.Connect(l.Addr().String())
		},
		"mutual TLS": func(t *testing.T) rpc.Transport {
			keys := newAuthority(t, "suite")
			_, l := suiteServer(t, "tls://127.0.0.1:0", tcp.WithTLS(keys.server(t, tls.RequireAndVerifyClientCert)))
			return tcp.Connect("tls://"+l.Addr().String(), tcp.WithClientTLS(keys.client(t, "ada")))
		},
		"Unix socket": func(t *testing.T) rpc.Transport {
			path := filepath.Join(t.TempDir(), "s")
			suiteServer(t, "unix:"+path)
			return tcp.Connect("unix:" + path)
		},
		"any connection": func(t *testing.T) rpc.Transport {
			s := tcp.NewServer(transporttest.Server())
			ours, theirs := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- s.ServeConn(context.Background(), theirs) }()
			t.Cleanup(func() {
				s.Close()
				<-served
			})
			return tcp.Over(ours)
		},
	} {
		t.Run(name, func(t *testing.T) { transporttest.Run(t, open) })
	}
}
