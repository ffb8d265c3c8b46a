package legacysse_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest"
)

func TestSuite(t *testing.T) {
	for name, start := range map[string]func(s *httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"HTTP/2": func(s *httptest.Server) {
			s.EnableHTTP2 = true
			s.StartTLS()
		},
	} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) rpc.Transport {
				h := legacysse.Handler(transporttest.Server())
				server := httptest.NewUnstartedServer(h)
				start(server)
				client := server.Client()
				client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
				t.Cleanup(func() {
					require.NoError(t, h.Shutdown(context.Background()))
					client.CloseIdleConnections()
					server.Close()
				})
				return legacysse.Connect(server.URL, legacysse.WithClient(client))
			})
		})
	}
}

func TestSizes(t *testing.T) {
	transporttest.RunSizes(t, func(t *testing.T, client, server int) rpc.Transport {
		h := legacysse.Handler(transporttest.Server(), legacysse.WithLimits(legacysse.Limits{Message: server}))
		s := httptest.NewServer(h)
		t.Cleanup(func() {
			require.NoError(t, h.Shutdown(context.Background()))
			s.Close()
		})
		return legacysse.Connect(s.URL, legacysse.WithClientLimits(legacysse.ClientLimits{Message: client}))
	})
}

func TestNetwork(t *testing.T) {
	transporttest.RunNetwork(t, func(t *testing.T, dial transporttest.Dial) rpc.Transport {
		h := legacysse.Handler(transporttest.Server(), legacysse.WithLogger(slog.New(slog.DiscardHandler)))
		s := httptest.NewServer(h)
		client := &http.Client{Transport: &http.Transport{DialContext: dial}}
		t.Cleanup(func() {
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			_ = h.Shutdown(ended)
			client.CloseIdleConnections()
			s.CloseClientConnections()
			s.Close()
		})
		return legacysse.Connect(s.URL, legacysse.WithClient(client))
	})
}
