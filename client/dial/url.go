package dial

import (
	"context"
	"fmt"
	"net/url"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
)

// URL makes a client of the server at a URL, as [client.Dial] does. The scheme says how it is spoken to: http and https
// are Streamable HTTP or, if the server answers the initialize request with status 400, 404 or 405, HTTP+SSE of protocol
// version 2024-11-05. If neither works the error tells of both. ws and wss are WebSocket; tcp://host:port is lines over
// TCP, tls://host:port over TLS with the certificate authorities of the system, and unix:/path over a Unix socket; over
// these a client whose connection breaks opens another. Headers, an http.Client of one's own, client certificates and
// limits are options of streamhttp.Connect, legacysse.Connect, websocket.Connect and tcp.Connect, whose transports
// client.Dial takes.
func URL(ctx context.Context, info mcp.Implementation, address string, opts ...client.Option) (*client.Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if kind := socketType(address); kind != "" {
		transport, err := socket(kind, address, nil)
		if err != nil {
			return nil, fmt.Errorf("dial: %w", err)
		}
		return client.Dial(ctx, info, transport, opts...)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("dial: expected a URL that starts with http://, https://, ws://, wss://, tcp://, tls:// or unix:, found %q", u.Redacted())
	}
	c, err := overHTTP(ctx, info, u, nil, opts)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return c, nil
}
