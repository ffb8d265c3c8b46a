package interop

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deviation is a feature that a pair does not do as the others, because of the other SDK.
type deviation struct {
	client, server, transport string // "" means any
	feature                   string
	why                       string
	test                      func(*testing.T, user, *diary) // what is so instead; nil if there is nothing to see
}

// mcpgoLate is why something that a handler of mcp-go sends right before it returns may be late, or lost.
const mcpgoLate = "mcp-go's servers send notifications from another goroutine than results: over stdio without any order between them " +
	"(server/stdio.go, handleNotifications); over HTTP one that was taken from the queue when the call ended is dropped, and the stream of " +
	"the GET takes from the same queue (server/streamable_http.go, handlePost and handleGet)."

// deviations are those that are known, of go-sdk v1.8.0 and mcp-go v1.2.1.
var deviations = []deviation{
	{
		server: "gosdk", feature: "resource that is not there", test: resourceNotFound(-32602),
		why: "go-sdk answers -32602, as protocol version 2026-07-28 has it, also to clients that negotiated an earlier one, where it is -32002 " +
			"(mcp/resource.go, ResourceNotFoundError; MCPGODEBUG=customresnotfounderrcode=1 restores it)",
	},
	{
		server: "mcpgo", feature: "resource that is not there",
		why: "mcp-go answers -32002 where it finds no handler, but has no error for a handler to say so: whatever it returns is -32603 (server/handler_errors.go)",
		test: func(t *testing.T, u user, _ *diary) {
			_, err := u.Read(t.Context(), "test:///nothing")
			require.EqualValues(t, -32002, u.Code(err), "%v", err)
			_, err = u.Read(t.Context(), "test:///item/none")
			require.EqualValues(t, -32603, u.Code(err), "%v", err)
		},
	},
	{
		server: "mcpgo", feature: "ping from the server",
		why: "mcp-go has no API by which a server pings its client",
	},
	{
		server: "mcpgo", feature: "progress",
		why: mcpgoLate + " A tool's last progress may thus come after its result, when the call is over and nobody waits for it any more; " +
			"what a tool reports while it goes on is heard of, see cancellation",
		test: func(t *testing.T, u user, d *diary) {
			r, err := u.Call(t.Context(), "count", map[string]any{"to": 3}, true)
			require.NoError(t, err)
			require.Equal(t, "done", r.Text)
			for _, line := range d.all() {
				require.True(t, strings.HasPrefix(line, "progress "), line)
			}
		},
	},
	{
		server: "mcpgo", transport: "http", feature: "logging", why: mcpgoLate,
		test: func(t *testing.T, u user, d *diary) {
			require.NoError(t, u.SetLevel(t.Context(), "warning"))
			require.True(t, eventually(func() bool {
				says("log", map[string]any{"level": "info", "text": "quiet"}, "logged")(t, u, d)
				says("log", map[string]any{"level": "error", "text": "loud"}, "logged")(t, u, d)
				return d.within(time.Second/2, "log error loud")
			}), "nothing was logged")
			require.False(t, d.take("log info quiet"))
		},
	},
	{
		server: "mcpgo", transport: "http", feature: "elicitation by URL", why: mcpgoLate,
		test: func(t *testing.T, u user, d *diary) {
			require.True(t, eventually(func() bool {
				says("visit", nil, "accept")(t, u, d)
				return d.within(time.Second/2, "completed "+visitID)
			}), "nothing was completed")
		},
	},
	{
		client: "mcpgo", transport: "http", feature: "cancellation",
		why: "mcp-go's client tells no server over HTTP that a call was given up, unless both speak 2026-07-28 (client/client.go, cancelRequest); " +
			"a disconnect does not cancel (basic/transports), so the tool goes on",
		test: func(t *testing.T, u user, d *diary) {
			require.Error(t, cancelWait(t, u, d), "the context's, or now and then one about the transport")
			says("cancelled", nil, "0")(t, u, d)
		},
	},
}

func deviates(p pair, feature string) *deviation {
	for i, d := range deviations {
		if d.feature == feature && (d.client == "" || d.client == p.client) && (d.server == "" || d.server == p.server) && (d.transport == "" || d.transport == p.transport) {
			return &deviations[i]
		}
	}
	return nil
}
