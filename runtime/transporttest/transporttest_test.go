package transporttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/transporttest"
	"go.uber.org/goleak"
)

// roleVar in the environment makes the test binary the suite's server on its standard input and output.
const roleVar = "TRANSPORTTEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) != "" {
		if err := stdio.Serve(context.Background(), transporttest.Server()); err != nil {
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

func TestStdio(t *testing.T) {
	transporttest.Run(t, func(*testing.T) rpc.Transport {
		child := stdio.Command(os.Args[0])
		child.Env = []string{roleVar + "=1"}
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
