package websocket_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

func TestSizes(t *testing.T) {
	transporttest.RunSizesThatEnd(t, func(t *testing.T, client, server int) rpc.Transport {
		h := websocket.Handler(transporttest.Server(), websocket.WithLogger(slog.New(slog.DiscardHandler)),
			websocket.WithLimits(websocket.Limits{Wire: websocket.Wire{Message: server}}))
		s := httptest.NewServer(h)
		t.Cleanup(func() {
			require.NoError(t, h.Shutdown(context.Background()))
			s.Close()
		})
		return websocket.Connect("ws"+strings.TrimPrefix(s.URL, "http"),
			websocket.WithClientLimits(websocket.ClientLimits{Wire: websocket.Wire{Message: client}}))
	})
}

func TestNetwork(t *testing.T) {
	transporttest.RunNetwork(t, func(t *testing.T, dial transporttest.Dial) rpc.Transport {
		h := websocket.Handler(transporttest.Server(), websocket.WithLogger(slog.New(slog.DiscardHandler)))
		s := httptest.NewServer(h)
		client := &http.Client{Transport: &http.Transport{DialContext: dial}}
		t.Cleanup(func() {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = h.Shutdown(ended)
			client.CloseIdleConnections()
			s.Close()
		})
		return websocket.Connect("ws"+strings.TrimPrefix(s.URL, "http"), websocket.WithClient(client))
	})
}
