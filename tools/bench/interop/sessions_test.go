package interop

import (
	"context"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"
	mcpgoserver "github.com/mark3labs/mcp-go/server"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// TestVersions has every pair speak the earlier versions of the protocol.
func TestVersions(t *testing.T) {
	for _, p := range pairs() {
		for _, version := range mcp.Versions[1:] {
			t.Run(p.String()+" in "+version, func(t *testing.T) {
				d := newDiary()
				u := meet(t, p, d, version)
				require.Equal(t, version, u.Version())
				says("greet", map[string]any{"name": "Ada"}, "hello, Ada")(t, u, d)
				r, err := u.Call(t.Context(), "weather", map[string]any{"city": "Oslo"}, false)
				require.NoError(t, err)
				require.JSONEq(t, `{"temperature":22.5,"conditions":"fair"}`, r.Text)
				if p.server == "tenon" {
					media, err := u.Call(t.Context(), "media", nil, false)
					require.NoError(t, err)
					require.Equal(t, kindsIn[version], media.Kinds)
				}
				r, err = u.Call(t.Context(), "ask", map[string]any{"prompt": "hear me"}, false)
				require.NoError(t, err)
				require.Equal(t, "HEAR ME", r.Text)
				text, err := u.Read(t.Context(), textURI)
				require.NoError(t, err)
				require.Equal(t, "plain", text.Text)
			})
		}
	}
}

// kindsIn is the content of media as our server sends it to clients of earlier versions.
var kindsIn = map[string][]string{
	"2025-06-18": {"text", "image", "audio", "resource_link", "resource"},
	"2025-03-26": {"text", "image", "audio", "text", "resource"},
	"2024-11-05": {"text", "image", "text", "text", "resource"},
}

// variants are other ways to serve over HTTP, and what makes them so.
var variants = []struct {
	name, server string
	handler      func() (http.Handler, func(*testing.T))
}{
	{"tenon, stateless", "tenon", func() (http.Handler, func(*testing.T)) {
		h := streamhttp.Handler(tenonServer(), streamhttp.Stateless())
		return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
	}},
	{"tenon, only event streams", "tenon", func() (http.Handler, func(*testing.T)) {
		h := streamhttp.Handler(tenonServer(), streamhttp.WithLimits(streamhttp.Limits{QuietTime: 1}))
		return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
	}},
	{"gosdk, stateless", "gosdk", gosdkHandler(&gosdk.StreamableHTTPOptions{Stateless: true})},
	{"gosdk, only JSON", "gosdk", gosdkHandler(&gosdk.StreamableHTTPOptions{JSONResponse: true})},
	{"gosdk, with event store", "gosdk", gosdkHandler(&gosdk.StreamableHTTPOptions{EventStore: gosdk.NewMemoryEventStore(nil)})},
	{"mcpgo, stateless", "mcpgo", mcpgoHandler(mcpgoserver.WithStateLess(true))},
	{"mcpgo, session ids that are not checked", "mcpgo", mcpgoHandler()},
	{"mcpgo, without GET", "mcpgo", mcpgoHandler(mcpgoserver.WithDisableStreaming(true))},
	{"mcpgo, with event store", "mcpgo", mcpgoHandler(mcpgoserver.WithEventStore(mcpgoserver.NewInMemoryEventStore()))},
}

func gosdkHandler(options *gosdk.StreamableHTTPOptions) func() (http.Handler, func(*testing.T)) {
	return func() (http.Handler, func(*testing.T)) {
		s := gosdkServer()
		return gosdk.NewStreamableHTTPHandler(func(*http.Request) *gosdk.Server { return s }, options), func(*testing.T) {
			for session := range s.Sessions() {
				_ = session.Close()
			}
		}
	}
}

func mcpgoHandler(options ...mcpgoserver.StreamableHTTPOption) func() (http.Handler, func(*testing.T)) {
	return func() (http.Handler, func(*testing.T)) {
		h := mcpgoserver.NewStreamableHTTPServer(mcpgoServer(), append(options, mcpgoserver.WithStreamableHTTPLogger(quiet))...)
		return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
	}
}

// TestVariants: what needs no session works with servers that keep none, or answer in one form only.
func TestVariants(t *testing.T) {
	for _, v := range variants {
		clients := []string{"tenon"}
		if v.server == "tenon" {
			clients = []string{"tenon", "gosdk", "mcpgo"}
		}
		for _, client := range clients {
			t.Run(client+" to "+v.name, func(t *testing.T) {
				d := newDiary()
				h, shutdown := v.handler()
				u := meetAt(t, sdks[client], h, shutdown, d, "")
				for _, f := range features {
					switch f.name {
					case "ping", "list of tools, in pages", "text result", "structured result", "every kind of content", "tool that fails",
						"resources", "resource templates", "prompts", "completion":
						t.Run(f.name, func(t *testing.T) { f.test(t, u, d) })
					}
				}
			})
		}
	}
}

// TestProbe: a client of mcp-go that does not listen asks first for what only protocol version
// 2026-07-28 has, and falls back.
func TestProbe(t *testing.T) {
	h, shutdown := sdks["tenon"].handler()
	u := meetAt(t, sdk{dial: mcpgoProber{}}, h, shutdown, newDiary(), "")
	require.Equal(t, "2025-11-25", u.Version())
	says("greet", map[string]any{"name": "Ada"}, "hello, Ada")(t, u, nil)
	says("ask", map[string]any{"prompt": "hear me"}, "HEAR ME")(t, u, nil)
}

// mcpgoProber is mcpgoDialer without a stream for what the server says of its own accord.
type mcpgoProber struct{ mcpgoDialer }

func (mcpgoProber) url(t *testing.T, d *diary, version, address string) user {
	web := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(web.CloseIdleConnections)
	tr, err := transport.NewStreamableHTTP(address, transport.WithHTTPBasicClient(web), transport.WithHTTPLogger(quiet))
	require.NoError(t, err)
	return dialMcpgo(t, d, version, tr)
}

// TestEndedSession: when their server ends the session, our client opens another, subscribes again, and
// repeats the call.
func TestEndedSession(t *testing.T) {
	t.Run("gosdk", func(t *testing.T) {
		s := gosdkServer()
		end := func(*testing.T) {
			for session := range s.Sessions() {
				_ = session.Close()
			}
		}
		afterTheEnd(t, gosdk.NewStreamableHTTPHandler(func(*http.Request) *gosdk.Server { return s }, nil), end)
	})
	t.Run("mcpgo", func(t *testing.T) {
		h := mcpgoserver.NewStreamableHTTPServer(mcpgoServer(), mcpgoserver.WithStreamableHTTPLogger(quiet), mcpgoserver.WithStateful(true))
		afterTheEnd(t, h, func(*testing.T) { h.CloseSessions(context.Background()) })
	})
}

func afterTheEnd(t *testing.T, h http.Handler, end func(*testing.T)) {
	d := newDiary()
	u := meetAt(t, sdks["tenon"], h, end, d, "")
	require.NoError(t, u.Subscribe(t.Context(), textURI))
	first := u.(*tenonUser).Session()
	end(t)
	says("greet", map[string]any{"name": "Ada"}, "hello, Ada")(t, u, d)
	require.NotSame(t, first, u.(*tenonUser).Session())
	require.True(t, eventually(func() bool {
		says("touch", map[string]any{"uri": textURI}, "touched")(t, u, d)
		return d.within(patience/20, "updated "+textURI)
	}))
}
