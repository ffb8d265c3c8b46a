package transporttest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/transporttest"
	"go.uber.org/goleak"
)

// roleVar in the environment makes the test binary the suite's server on its standard input and output. Its value is the limit
// for the size of a message.
const roleVar = "TRANSPORTTEST_SERVER"

func TestMain(m *testing.M) {
	if limit := os.Getenv(roleVar); limit != "" {
		most, err := strconv.Atoi(limit)
		if err == nil {
			serve := stdio.Over(os.Stdin, os.Stdout, stdio.WithLimits(rpc.LineLimits{Message: most}))
			err = serve(context.Background(), transporttest.Server())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestPipe(t *testing.T) {
	transporttest.Run(t, func(*testing.T) rpc.Transport { return pipe.To(transporttest.Server(), pipe.Limits{}) })
}

// A pipe has one limit for both ends.
func TestPipeSizes(t *testing.T) {
	transporttest.RunSizes(t, func(_ *testing.T, client, server int) rpc.Transport {
		return pipe.To(transporttest.Server(), pipe.Limits{Message: max(client, server)})
	})
}

func TestStdio(t *testing.T) {
	transporttest.Run(t, func(*testing.T) rpc.Transport {
		child := stdio.Command(os.Args[0])
		child.Env = []string{roleVar + "=0"}
		return child
	})
}

func TestStdioSizes(t *testing.T) {
	transporttest.RunSizes(t, func(_ *testing.T, client, server int) rpc.Transport {
		child := stdio.Command(os.Args[0])
		child.Env = []string{roleVar + "=" + strconv.Itoa(server)}
		child.Limits.Lines.Message = client
		return child
	})
}

func TestStreamHTTP(t *testing.T) {
	for name, start := range map[string]func(s *httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"HTTP/2": func(s *httptest.Server) {
			s.EnableHTTP2 = true
			s.StartTLS()
		},
	} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) rpc.Transport {
				h := streamhttp.Handler(transporttest.Server())
				server := httptest.NewUnstartedServer(h)
				start(server)
				client := server.Client()
				client.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
				t.Cleanup(func() {
					require.NoError(t, h.Shutdown(context.Background()))
					client.CloseIdleConnections()
					server.Close()
				})
				return streamhttp.Connect(server.URL, streamhttp.WithClient(client))
			})
		})
	}
}

func TestStreamHTTPSizes(t *testing.T) {
	transporttest.RunSizes(t, func(t *testing.T, client, server int) rpc.Transport {
		h := streamhttp.Handler(transporttest.Server(), streamhttp.WithLimits(streamhttp.Limits{Message: server}))
		s := httptest.NewServer(h)
		t.Cleanup(func() {
			require.NoError(t, h.Shutdown(context.Background()))
			s.Close()
		})
		return streamhttp.Connect(s.URL, streamhttp.WithClientLimits(streamhttp.ClientLimits{Message: client}))
	})
}

func TestStreamHTTPNetwork(t *testing.T) {
	transporttest.RunNetwork(t, func(t *testing.T, dial transporttest.Dial) rpc.Transport {
		h := streamhttp.Handler(transporttest.Server(), streamhttp.WithLogger(slog.New(slog.DiscardHandler)),
			streamhttp.WithLimits(streamhttp.Limits{RetryTime: time.Millisecond}))
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
		soon := streamhttp.ClientLimits{RetryTime: time.Millisecond, MaxRetryTime: time.Millisecond, Retries: 1}
		return streamhttp.Connect(s.URL, streamhttp.WithClient(client), streamhttp.WithClientLimits(soon))
	})
}
