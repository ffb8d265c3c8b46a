package httpclient

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRedirectsThatAreNotFollowed: to hosts that the user did not name, private ones above all, and out of TLS.
func TestRedirectsThatAreNotFollowed(t *testing.T) {
	follows := func(method, from, to string) bool {
		parse := func(s string) *url.URL {
			u, err := url.Parse(s)
			require.NoError(t, err)
			return u
		}
		first := &http.Request{Method: http.MethodPost, URL: parse(from)}
		return New().CheckRedirect(&http.Request{Method: method, URL: parse(to)}, []*http.Request{first}) == nil
	}
	for _, to := range []string{
		"http://169.254.169.254/latest/meta-data/", "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://10.0.0.1/", "http://192.168.0.1/",
		"https://mcp.example:8443/", "https://other.example/", "https://mcp.example.evil.example/", "file:///etc/passwd", "http://mcp.example/mcp",
		"https://user@other.example/", "gopher://mcp.example/",
	} {
		require.False(t, follows(http.MethodPost, "https://mcp.example/mcp", to), to)
	}
	require.True(t, follows(http.MethodPost, "https://mcp.example/mcp", "https://mcp.example/mcp/"))
	require.False(t, follows(http.MethodGet, "https://mcp.example/mcp", "https://mcp.example/mcp/"), "what was a POST")
	require.True(t, follows(http.MethodPost, "http://mcp.example/mcp", "https://mcp.example/mcp"))
	require.False(t, follows(http.MethodPost, "http://mcp.example/mcp", "ftp://mcp.example/mcp"))
}
