package httpclient

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusal(t *testing.T) {
	for body, want := range map[string]string{
		"":        "GET: HTTP status 401 Unauthorized",
		"  no\n":  "GET: HTTP status 401 Unauthorized: no",
		`{"a":1}`: `GET: HTTP status 401 Unauthorized: {"a":1}`,
		`{"jsonrpc":"2.0","error":{"code":-32013,"message":"a token is required"}}`: "GET: HTTP status 401 Unauthorized: a token is required",
		strings.Repeat("x", 300): "GET: HTTP status 401 Unauthorized: " + strings.Repeat("x", 200) + "...",
	} {
		require.Equal(t, want, Refusal("GET", 401, body))
	}
}
