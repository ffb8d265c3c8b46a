package interop

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// TestProxy: our proxy stands between a client over HTTP and a server over stdio, neither of them ours.
func TestProxy(t *testing.T) {
	for _, p := range []pair{{client: "gosdk", server: "mcpgo"}, {client: "mcpgo", server: "gosdk"}} {
		t.Run(p.client+" to "+p.server, func(t *testing.T) {
			upstream := stdio.Command(os.Args[0])
			upstream.Env = []string{asServer + "=" + p.server}
			h := streamhttp.Handler(server.NewProxy(upstream))
			shutdown := func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
			d := newDiary()
			u := meetAt(t, sdks[p.client], h, shutdown, d, "")
			require.Equal(t, p.server, u.Server())
			for _, f := range features {
				if deviates(pair{p.client, p.server, "http"}, f.name) == nil {
					t.Run(f.name, func(t *testing.T) {
						d.clear()
						f.test(t, u, d)
					})
				}
			}
		})
	}
}
