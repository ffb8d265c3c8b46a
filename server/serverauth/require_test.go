package serverauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// known takes one token.
var known = VerifierFunc(func(_ context.Context, c Credential) (Identity, error) {
	if string(c.Token) != "good-token-of-ada" {
		return Identity{}, fmt.Errorf("no such token: %s", string(c.Token)) // an indiscreet function
	}
	return Identity{Issuer: "https://auth.example.com", Subject: "ada", Scopes: []string{"a", "openid"}}, nil
})

func init() { secret("good-token-of-ada") }

func TestChallenges(t *testing.T) {
	h, saw := protect(known, Resource(resourceURL, AuthorizationServers("https://auth.example.com")), "a", "b")
	const where = `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="a b"`
	for name, c := range map[string]struct {
		header []string
		url    string
		status int
		want   string
	}{
		"nothing":        {nil, "/mcp", 401, `Bearer ` + where},
		"another scheme": {[]string{"Authorization", "Basic YTpi"}, "/mcp", 401, `Bearer ` + where},
		"no token":       {[]string{"Authorization", "Bearer"}, "/mcp", 401, `Bearer error="invalid_token", error_description="the token is malformed", ` + where},
		"no token form":  {[]string{"Authorization", `Bearer a"b`}, "/mcp", 401, `Bearer error="invalid_token", error_description="the token is malformed", ` + where},
		"unknown":        {[]string{"Authorization", "bearer " + secret("an-unknown-token-000")}, "/mcp", 401, `Bearer error="invalid_token", error_description="the token is not valid", ` + where},
		"two headers":    {[]string{"Authorization", "Bearer good-token-of-ada", "Authorization", "Bearer good-token-of-ada"}, "/mcp", 400, `Bearer error="invalid_request", error_description="there is more than one Authorization header", ` + where},
		"in the URL":     {nil, "/mcp?access_token=good-token-of-ada", 400, `Bearer error="invalid_request", error_description="a token must not be in the URL", ` + where},
		"in both":        {[]string{"Authorization", "Bearer good-token-of-ada"}, "/mcp?x=1&access%5Ftoken=good-token-of-ada&access_token=", 400, `Bearer error="invalid_request", error_description="a token must not be in the URL", ` + where},
		"lacks a scope": {[]string{"Authorization", "Bearer good-token-of-ada"}, "/mcp", 403, `Bearer error="insufficient_scope", error_description="the scope b is missing", ` +
			`resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="a b openid"`},
	} {
		rec := ask(t, h, http.MethodPost, "https://mcp.example.com"+c.url, c.header...)
		require.Equal(t, c.status, rec.Code, name)
		require.Equal(t, []string{c.want}, rec.Header().Values("WWW-Authenticate"), name)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Contains(t, rec.Body.String(), `"jsonrpc":"2.0"`)
		require.False(t, saw.known, name)
	}
}

func TestATokenInAFormIsNotTaken(t *testing.T) {
	h, saw := protect(known, Resource(resourceURL))
	q := httptest.NewRequest(http.MethodPost, resourceURL, strings.NewReader("access_token=good-token-of-ada"))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := send(t, h, q)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.False(t, saw.known)
}

func TestRolesAddScopesThatNoClientIsToldOf(t *testing.T) {
	roles := map[string][]string{"ada": {"b"}}
	r := Resource(resourceURL, Roles(func(_ context.Context, id Identity) ([]string, error) {
		if roles[id.Subject] == nil {
			return nil, errors.New("nobody knows " + id.Subject)
		}
		return roles[id.Subject], nil
	}))
	h, saw := protect(known, r, "a", "b")
	require.Equal(t, http.StatusNoContent, with(t, h, "good-token-of-ada").Code)
	require.Equal(t, []string{"a", "openid", "b"}, saw.principal.Scopes)
	require.Equal(t, []string{"b"}, saw.identity.Roles)
	h, _ = protect(known, r, "c")
	rec := with(t, h, "good-token-of-ada")
	require.Equal(t, http.StatusForbidden, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `scope="c a openid"`)
	delete(roles, "ada")
	rec = with(t, h, "good-token-of-ada")
	require.Equal(t, http.StatusForbidden, rec.Code)
	require.NotContains(t, rec.Body.String(), "ada")
}

func TestMetadataIsServedForAnyMount(t *testing.T) {
	for resource, paths := range map[string][]string{
		"https://mcp.example.com":              {"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/"},
		"https://mcp.example.com/":             {"/.well-known/oauth-protected-resource"},
		"https://mcp.example.com/mcp":          {"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp/"},
		"https://mcp.example.com:8443/mcp/":    {"/.well-known/oauth-protected-resource/mcp"},
		"https://mcp.example.com/public/a/mcp": {"/.well-known/oauth-protected-resource/public/a/mcp", "/.well-known/oauth-protected-resource"},
	} {
		r := Resource(resource, AuthorizationServers("https://auth.example.com"), Named("The \"server\"", "https://docs.example.com"), ScopesSupported("x"))
		h, _ := protect(known, r, "a")
		for _, path := range paths {
			rec := ask(t, h, http.MethodGet, "https://mcp.example.com"+path)
			require.Equal(t, http.StatusOK, rec.Code, path)
			require.Equal(t, "application/json", rec.Header().Get("Content-Type"))
			require.Equal(t, "*", rec.Header().Get("Access-Control-Allow-Origin"))
			require.JSONEq(t, `{"resource":"`+resource+`","authorization_servers":["https://auth.example.com"],"scopes_supported":["x"],`+
				`"bearer_methods_supported":["header"],"resource_name":"The \"server\"","resource_documentation":"https://docs.example.com"}`, rec.Body.String())
		}
		require.Equal(t, http.StatusOK, ask(t, h, http.MethodHead, r.MetadataURL()).Code)
		require.Equal(t, http.StatusNoContent, ask(t, h, http.MethodOptions, r.MetadataURL()).Code)
		require.Equal(t, http.StatusMethodNotAllowed, ask(t, h, http.MethodPost, r.MetadataURL()).Code)
		for _, path := range []string{"/.well-known/oauth-protected-resource/other", "/.well-known/oauth-protected-resources", "/x/.well-known/oauth-protected-resource"} {
			require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodGet, "https://mcp.example.com"+path).Code, path)
		}
	}
}

func TestMetadataOnAMuxOfSeveralResources(t *testing.T) {
	mux := http.NewServeMux()
	for _, path := range []string{"/one/mcp", "/two/mcp"} {
		r := Resource("https://mcp.example.com"+path, AuthorizationServers("https://auth.example.com"+path))
		h, _ := protect(known, r, "a")
		mux.Handle(path, h)
		mux.Handle(r.MetadataPath(), r)
	}
	for _, path := range []string{"/one/mcp", "/two/mcp"} {
		rec := ask(t, mux, http.MethodPost, "https://mcp.example.com"+path)
		at := "https://mcp.example.com/.well-known/oauth-protected-resource" + path
		require.Contains(t, rec.Header().Get("WWW-Authenticate"), `resource_metadata="`+at+`"`)
		var doc struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
		}
		require.NoError(t, json.Unmarshal(ask(t, mux, http.MethodGet, at).Body.Bytes(), &doc))
		require.Equal(t, "https://mcp.example.com"+path, doc.Resource)
		require.Equal(t, []string{"https://auth.example.com" + path}, doc.Servers)
		require.Equal(t, []string{"a"}, doc.Scopes, "those that every request needs")
	}
}

func TestMetadataNamesTheIssuerOfTheVerifier(t *testing.T) {
	r := Resource(resourceURL)
	Require(AnyOf(APIKeys(), JWT("https://auth.example.com/t1"), Introspection("https://x.example/i", IssuedBy("https://x.example"))), r)
	require.Contains(t, ask(t, r, http.MethodGet, r.MetadataURL()).Body.String(), `"authorization_servers":["https://auth.example.com/t1","https://x.example"]`)
}

func TestResourcesThatAreNone(t *testing.T) {
	for _, bad := range []string{"", "mcp.example.com", "http://mcp.example.com", "https://mcp.example.com#f", "https://mcp.example.com#", "https://mcp.example.com?q", "https://u@mcp.example.com", "ftp://mcp.example.com", "https:mcp", "https://[::1"} {
		_, err := TryResource(bad)
		require.Error(t, err, bad)
	}
	require.PanicsWithError(t, `serverauth.Resource "http://a.example": expected https: http is for loopback addresses`, func() { Resource("http://a.example") })
	for _, good := range []string{"http://localhost:8080/mcp", "http://127.0.0.1", "http://[::1]:9/mcp", "HTTPS://a.example"} {
		_, err := TryResource(good)
		require.NoError(t, err, good)
	}
	_, err := TryResource(resourceURL, AuthorizationServers("http://auth.example.com"))
	require.ErrorContains(t, err, "serverauth.AuthorizationServers")
}

func TestPreflightRequestsPassWithoutPrincipal(t *testing.T) {
	h, saw := protect(known, Resource(resourceURL, AllowOrigins("https://app.example.com/")))
	rec := ask(t, h, http.MethodOptions, resourceURL, "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.False(t, saw.known)
	require.NotNil(t, saw.header, "it reached the handler")
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodOptions, resourceURL, "Origin", "https://app.example.com").Code, "it is none")

	rec = ask(t, h, http.MethodPost, resourceURL, "Origin", "https://app.example.com")
	require.Equal(t, "https://app.example.com", rec.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, rec.Header().Get("Access-Control-Expose-Headers"), "WWW-Authenticate")
	require.Empty(t, ask(t, h, http.MethodPost, resourceURL, "Origin", "https://evil.example").Header().Get("Access-Control-Allow-Origin"))
}

func TestHandlersSeeTheAuthorizationOnlyOnRequest(t *testing.T) {
	h, saw := protect(known, Resource(resourceURL, KeepAuthorization()))
	require.Equal(t, http.StatusNoContent, with(t, h, "good-token-of-ada").Code)
	require.Equal(t, "Bearer good-token-of-ada", saw.header.Get("Authorization"))
}

func TestStreamsEndWithTheCredential(t *testing.T) {
	expires := time.Now().Add(time.Hour)
	v := VerifierFunc(func(context.Context, Credential) (Identity, error) {
		return Identity{Issuer: "x:", Subject: "ada", Expires: expires}, nil
	})
	deadlines := map[string]bool{}
	h := Require(v, Resource(resourceURL))(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		d, ok := q.Context().Deadline()
		deadlines[q.Method] = ok && d.Equal(expires)
	}))
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		ask(t, h, method, resourceURL, "Authorization", "Bearer x")
	}
	require.Equal(t, map[string]bool{"GET": true, "POST": false}, deadlines)
	kept := Require(v, Resource(resourceURL, KeepStreams()))(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, deadlines[q.Method] = q.Context().Deadline()
	}))
	ask(t, kept, http.MethodGet, resourceURL, "Authorization", "Bearer x")
	require.False(t, deadlines[http.MethodGet])
	expires = time.Now()
	require.Equal(t, http.StatusUnauthorized, with(t, h, "x").Code)
}

func TestAnyOf(t *testing.T) {
	one := newSigner(t, "ES256", "k1")
	a, b := newAuthority(t, one), newAuthority(t, newSigner(t, "ES256", "k2"))
	v := AnyOf(APIKeys(APIKey{Name: "ci", Key: "0123456789abcdef"}), a.verifier(), b.verifier())
	secret("0123456789abcdef")
	require.Empty(t, reasonFor(t, v, "0123456789abcdef"))
	require.Empty(t, reasonFor(t, v, one.sign(t, nil, a.claims(nil))))
	require.Empty(t, reasonFor(t, v, newSigner(t, "ES256", "k2").sign(t, nil, b.claims(nil))))
	require.Equal(t, ReasonExpired, reasonFor(t, v, one.sign(t, nil, a.claims(m{"exp": 1}))), "the most telling")
	require.Equal(t, ReasonUnknown, reasonFor(t, v, "nonsense"))
	require.Equal(t, ReasonForged, reasonFor(t, v, newSigner(t, "ES256", "k9").sign(t, m{"kid": "k1"}, a.claims(nil))))
	require.Equal(t, ReasonMissing, reasonFor(t, AnyOf(), "x"))
	b.set(func() { b.down = true })
	v = AnyOf(a.verifier(), b.verifier())
	require.Equal(t, ReasonUnavailable, reasonFor(t, v, newSigner(t, "ES256", "k2").sign(t, nil, b.claims(nil))), "it might be good")
}

func TestStatsCount(t *testing.T) {
	r := Resource(resourceURL, AddressOf(func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }))
	h, _ := protect(known, r)
	with(t, h, "good-token-of-ada")
	with(t, h, "bad")
	ask(t, h, http.MethodGet, resourceURL)
	require.Equal(t, Stats{Accepted: 1, Refused: map[Reason]int64{ReasonUnknown: 1, ReasonMissing: 1}, Guessers: 1}, r.Stats())
}

func TestSecretsArePrintedByNobody(t *testing.T) {
	s := Secret("the-secret-itself")
	secret("the-secret-itself")
	text, err := json.Marshal(map[string]any{"a": s, "k": APIKey{Name: "n", Key: s}})
	require.NoError(t, err)
	all := fmt.Sprintf("%v %s %q %x %#v %d %+v", s, s, s, s, s, s, Credential{Token: s}) + string(text) + fmt.Sprint(APIKey{Key: s}, []Secret{s}, &s)
	for _, h := range []func(io.Writer, *slog.HandlerOptions) slog.Handler{
		func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
		func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
	} {
		var b strings.Builder
		slog.New(h(&b, nil)).Info("x", "secret", s, "credential", Credential{Token: s})
		all += b.String()
	}
	require.Empty(t, leaks(all))
	require.NotContains(t, all, "7468652d") // in hexadecimal
	require.Equal(t, "the-secret-itself", string(s))
}
