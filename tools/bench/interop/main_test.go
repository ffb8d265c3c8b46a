package interop

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// asServer makes the test binary be the server of an SDK, on its standard streams.
const asServer = "TENON_INTEROP_SERVER"

func TestMain(m *testing.M) {
	if name := os.Getenv(asServer); name != "" {
		if err := sdks[name].serve(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, name+":", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// sdk is one of the SDKs.
type sdk struct {
	serve   func(ctx context.Context) error                      // the server on standard streams
	handler func() (h http.Handler, shutdown func(t *testing.T)) // the server over HTTP
	dial    dialer
}

var sdks = map[string]sdk{}

// pair is a client and a server that meet over a transport.
type pair struct{ client, server, transport string }

func (p pair) String() string { return p.client + " to " + p.server + " over " + p.transport }

// pairs are ours with theirs, theirs with ours, and ours with ours, which shows that the servers and
// clients here are right.
func pairs() []pair {
	var all []pair
	for _, transport := range []string{"stdio", "http"} {
		for _, peer := range []string{"gosdk", "mcpgo"} {
			all = append(all, pair{"tenon", peer, transport}, pair{peer, "tenon", transport})
		}
		all = append(all, pair{"tenon", "tenon", transport})
	}
	return all
}

// meet connects the pair until the test ends; for version see dialer.
func meet(t *testing.T, p pair, d *diary, version string) user {
	client, server := sdks[p.client], sdks[p.server]
	if p.transport == "stdio" {
		u := client.dial.command(t, d, version, os.Args[0], []string{asServer + "=" + p.server})
		t.Cleanup(func() { require.NoError(t, u.Close()) })
		return u
	}
	h, shutdown := server.handler()
	return meetAt(t, client, h, shutdown, d, version)
}

// meetAt connects a client to a server over HTTP until the test ends.
func meetAt(t *testing.T, client sdk, h http.Handler, shutdown func(*testing.T), d *diary, version string) user {
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		shutdown(t)
		web.CloseClientConnections()
		web.Close()
	})
	u := client.dial.url(t, d, version, web.URL)
	t.Cleanup(func() { require.NoError(t, u.Close()) })
	return u
}
