package clientauth

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseChallenges(t *testing.T) {
	bearer := func(params map[string]string) challenge { return challenge{"bearer", params} }
	none := map[string]string{}
	for line, want := range map[string][]challenge{
		"":          nil,
		"Bearer":    {bearer(none)},
		"bearer , ": {bearer(none)},
		`Bearer realm="a, b", scope="x y",error=invalid_token`: {bearer(map[string]string{"realm": "a, b", "scope": "x y", "error": "invalid_token"})},
		`Bearer scope = "a\"b\\"`:                              {bearer(map[string]string{"scope": `a"b\`})},
		`Bearer scope="first", scope="second"`:                 {bearer(map[string]string{"scope": "first"})},
		`Basic realm="x", Bearer, DPoP algs="ES256"`: {{"basic", map[string]string{"realm": "x"}}, bearer(none),
			{"dpop", map[string]string{"algs": "ES256"}}},
		`Negotiate a87421000492aa874209af8bc028==, Bearer error=x`: {{"negotiate", map[string]string{}}, bearer(map[string]string{"error": "x"})},
		`Negotiate a8+/, Basic, DPoP error="x"`:                    {{"negotiate", none}, {"basic", none}, {"dpop", map[string]string{"error": "x"}}},
		`Bearer scope="open`:                                       {bearer(none)},
		`Bearer scope="open\`:                                      {bearer(none)},
		`"no scheme"`:                                              nil,
		`Bearer=x`:                                                 nil,
		`Bearer error="insufficient_scope", scope="a b", resource_metadata="https://x/y?z=1,2"`: {bearer(map[string]string{
			"error": "insufficient_scope", "scope": "a b", "resource_metadata": "https://x/y?z=1,2"})},
	} {
		got := parseChallenges(line)
		require.Equal(t, want, got, line)
	}
}

func TestPickChallenge(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{`Basic realm="x"`}, ""},
		{[]string{`Basic realm="x"`, `DPoP error="e1"`}, "dpop e1"},
		{[]string{`Bearer`, `Bearer error="e2"`}, "bearer e2"},
		{[]string{`Bearer error="e3", DPoP error="e4"`}, "bearer e3"},
	} {
		got := pickChallenge(http.Header{"Www-Authenticate": c.lines})
		want := got.scheme
		if e := got.params["error"]; e != "" {
			want += " " + e
		}
		require.Equal(t, c.want, want, c.lines)
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Basic realm="x", Bearer scope="a\"b", DPoP`)
	f.Add(`Negotiate a8==, Bearer error=x`)
	f.Fuzz(func(t *testing.T, line string) {
		for _, c := range parseChallenges(line) {
			require.NotEmpty(t, c.scheme)
			for name := range c.params {
				require.NotEmpty(t, name)
			}
		}
	})
}

func TestCheckResource(t *testing.T) {
	for _, c := range []struct {
		resource, server string
		ok               bool
	}{
		{"https://a.example/mcp", "https://a.example/mcp", true},
		{"https://A.Example:443/mcp", "https://a.example/mcp", true},
		{"https://a.example", "https://a.example/mcp", true},
		{"https://a.example/", "https://a.example/mcp", true},
		{"https://a.example", "https://a.example", true},
		{"https://a.example/", "https://a.example", true},
		{"https://a.example/t", "https://a.example/t/mcp", true},
		{"https://a.example/t/", "https://a.example/t/mcp", true},
		{"wss://a.example/mcp", "https://a.example/mcp", true},
		{"https://a.example/mcp?t=1", "https://a.example/mcp?t=1", true},
		{"https://a.example/mcp", "https://a.example/mcp?t=1", true},
		{"https://a.example/mcp?t=2", "https://a.example/mcp?t=1", false},
		{"https://a.example/mcp/more", "https://a.example/mcp", false},
		{"https://a.example/mc", "https://a.example/mcp", false},
		{"https://a.example/MCP", "https://a.example/mcp", false},
		{"https://a.example/t/../mcp", "https://a.example/t/../mcp", false},
		{"https://a.example/t/%2e%2e/mcp", "https://a.example/t/%2e%2e/mcp", false},
		{"http://a.example/mcp", "https://a.example/mcp", false},
		{"https://a.example:444/mcp", "https://a.example/mcp", false},
		{"https://b.example/mcp", "https://a.example/mcp", false},
		{"https://a.example@b.example/mcp", "https://a.example/mcp", false},
		{"https://u@a.example/mcp", "https://a.example/mcp", false},
		{"https://a.example/mcp#f", "https://a.example/mcp", false},
		{"https://a.example/mcp#", "https://a.example/mcp", false},
		{"/mcp", "https://a.example/mcp", false},
		{"", "https://a.example/mcp", false},
	} {
		u, err := url.Parse(c.server)
		require.NoError(t, err)
		err = checkResource(c.resource, u)
		if c.ok {
			require.NoError(t, err, c)
		} else {
			require.ErrorIs(t, err, ErrResourceMismatch, c)
		}
	}
}

func TestServerMetadataURLs(t *testing.T) {
	for _, bad := range []string{"", "as.example", "https://as.example?x", "https://as.example#", "https://u@as.example", "https://as.example/a/../b"} {
		_, err := serverMetadataURLs(bad)
		require.Error(t, err, bad)
	}
}
