package websocket_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

func TestSuite(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) rpc.Transport{
		"plain": func(t *testing.T) rpc.Transport {
			h := websocket.Handler(transporttest.Server())
			server := httptest.NewServer(h)
			t.Cleanup(func() {
				require.NoError(t, h.Shutdown(context.Background()))
				server.Close()
			})
			return websocket.Connect("ws" + strings.TrimPrefix(server.URL, "http"))
		},
		"TLS": func(t *testing.T) rpc.Transport {
			h := websocket.Handler(transporttest.Server())
			server := httptest.NewUnstartedServer(h)
			server.EnableHTTP2 = true
			server.StartTLS()
			client := server.Client()
			t.Cleanup(func() {
				require.NoError(t, h.Shutdown(context.Background()))
				client.CloseIdleConnections()
				server.Close()
			})
			return websocket.Connect("ws"+strings.TrimPrefix(server.URL, "http"), websocket.WithClient(client))
		},
		"compressed": func(t *testing.T) rpc.Transport {
			h := websocket.Handler(transporttest.Server(), websocket.WithCompression())
			server := httptest.NewServer(h)
			t.Cleanup(func() {
				require.NoError(t, h.Shutdown(context.Background()))
				server.Close()
			})
			return websocket.Connect("ws"+strings.TrimPrefix(server.URL, "http"), websocket.WithClientCompression())
		},
	} {
		t.Run(name, func(t *testing.T) { transporttest.Run(t, open) })
	}
}
