package dial

import (
	"context"
	"fmt"
	"net/url"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
)

// URL makes a client of the server at a URL, as [client.Dial] does. The scheme says how it is spoken to: http and https
// are Streamable HTTP. Headers, an http.Client of one's own and limits are options of [streamhttp.Connect], whose
// transport client.Dial takes.
func URL(ctx context.Context, info mcp.Implementation, address string, opts ...client.Option) (*client.Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("dial: expected a URL that starts with http:// or https://, found %q", u.Redacted())
	}
	return client.Dial(ctx, info, streamhttp.Connect(address), opts...)
}
