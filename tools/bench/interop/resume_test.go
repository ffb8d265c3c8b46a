package interop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	mcpgoserver "github.com/mark3labs/mcp-go/server"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// TestResume: a connection that ends in the middle of a call loses neither the call nor its answer.
func TestResume(t *testing.T) {
	ours := sdks["tenon"].handler
	gosdkStore := gosdkHandler(&gosdk.StreamableHTTPOptions{EventStore: gosdk.NewMemoryEventStore(nil)})
	mcpgoStore := mcpgoHandler(mcpgoserver.WithStateful(true), mcpgoserver.WithEventStore(mcpgoserver.NewInMemoryEventStore()))
	for _, c := range []struct {
		name    string
		dial    dialer
		handler func() (http.Handler, func(*testing.T))
		poll    bool // the server ends the connection; otherwise it breaks off
	}{
		{name: "tenon to tenon, broken off", dial: tenonDialer{}, handler: ours},
		{name: "tenon to tenon, ended", dial: tenonDialer{}, handler: ours, poll: true},
		{name: "tenon to gosdk, broken off", dial: tenonDialer{}, handler: gosdkStore},
		// mcp-go's server sends progress on the stream of the GET as often as on that of the call, which then has nothing
		// to be resumed with (server/streamable_http_resume.go, startListeningPump); so there is no GET here.
		{name: "tenon to mcpgo, broken off", dial: tenonDeaf{}, handler: mcpgoStore},
		{name: "gosdk to tenon, broken off", dial: gosdkDialer{}, handler: ours},
		{name: "gosdk to tenon, ended", dial: gosdkDialer{}, handler: ours, poll: true},
		// mcp-go's client does not resume streams that break off (client/transport/streamable_http.go, StreamableHTTP).
		{name: "mcpgo to tenon, ended", dial: mcpgoDialer{}, handler: ours, poll: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, shutdown := c.handler()
			web := httptest.NewServer(h)
			t.Cleanup(func() {
				shutdown(t)
				web.CloseClientConnections()
				web.Close()
			})
			d := newDiary()
			u := c.dial.url(t, d, "", web.URL)
			t.Cleanup(func() { require.NoError(t, u.Close()) })
			held := make(chan error, 1)
			var r reply
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				var arguments map[string]any
				if c.poll {
					arguments = map[string]any{"poll": true}
				}
				var err error
				r, err = u.Call(ctx, "hold", arguments, true)
				held <- err
			}()
			d.wait(t, "progress 1/2 holding")
			if !c.poll {
				web.CloseClientConnections()
			}
			require.True(t, eventually(func() bool {
				_, err := u.Call(t.Context(), "release", nil, false)
				return err == nil
			}))
			require.NoError(t, <-held)
			require.Equal(t, "let go", r.Text)
		})
	}
}

// tenonDeaf is tenonDialer without a stream for what the server says of its own accord.
type tenonDeaf struct{ tenonDialer }

func (tenonDeaf) url(t *testing.T, d *diary, version, address string) user {
	return dialTenon(t, d, version, streamhttp.Connect(address, streamhttp.WithoutListening()))
}
