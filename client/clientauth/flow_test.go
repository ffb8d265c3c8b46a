package clientauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlow(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(nil, WithRegistration(Registration{Name: "Ada's client", SoftwareVersion: "1"}))
	w.ok(a, "read")
	w.ok(a, "read")

	s := w.issuer
	require.Equal(t, []string{"GET /.well-known/oauth-authorization-server", "POST /register", "GET /authorize", "POST /token"}, s.got)
	require.Equal(t, []string{"POST /mcp", "GET /.well-known/oauth-protected-resource/mcp", "POST /mcp", "POST /mcp"}, w.resource.got)
	require.Equal(t, map[string]any{
		"client_name": "Ada's client", "software_version": "1", "application_type": "native", "redirect_uris": []any{redirectURI},
		"grant_types": []any{"authorization_code", "refresh_token"}, "response_types": []any{"code"}, "token_endpoint_auth_method": "none",
	}, s.bodies[0])
	asked, form := s.asked[0], s.forms[0]
	require.Equal(t, "read", asked.Get("scope"))
	require.Equal(t, w.resource.url(), asked.Get("resource"))
	require.Equal(t, w.resource.url(), form.Get("resource"))
	require.Equal(t, "S256", asked.Get("code_challenge_method"))
	require.Equal(t, "client-1", form.Get("client_id"))
	require.GreaterOrEqual(t, len(asked.Get("state")), 43)
	require.Regexp(t, `got a token of the type Bearer, scopes read, good for (1h0m0s|59m59s), with a refresh token\n`, w.trace.String())
}

// TestPlaces tries the well-known places in the order of the specification.
func TestPlaces(t *testing.T) {
	const oauth, openID, protected = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/.well-known/oauth-protected-resource"
	for name, c := range map[string]struct {
		path, place, resource string
		server, protected     []string
	}{
		"first":            {"", oauth, protected + "/mcp", []string{oauth}, []string{protected + "/mcp"}},
		"root":             {"", openID, protected, []string{oauth, openID}, []string{protected + "/mcp", protected}},
		"path, inserted":   {"/t/1", oauth + "/t/1", protected, []string{oauth + "/t/1"}, []string{protected + "/mcp", protected}},
		"path, OpenID":     {"/t/1", openID + "/t/1", protected, []string{oauth + "/t/1", openID + "/t/1"}, []string{protected + "/mcp", protected}},
		"path, appended":   {"/t/1", "/t/1" + openID, protected, []string{oauth + "/t/1", openID + "/t/1", "/t/1" + openID}, []string{protected + "/mcp", protected}},
		"path, with slash": {"/t/", oauth + "/t", protected, []string{oauth + "/t"}, []string{protected + "/mcp", protected}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.path, w.issuer.places, w.resource.places = c.path, []string{c.place}, []string{c.resource}
			w.resource.challenge = func(int, string) string { return "Bearer" }
			w.ok(w.authorizer(nil), "")
			require.Equal(t, c.server, gets(w.issuer.got, "/authorize"))
			require.Equal(t, c.protected, gets(w.resource.got, "/mcp"))
		})
	}
}

// gets gives the paths of GET requests, but one.
func gets(requests []string, but string) (paths []string) {
	for _, r := range requests {
		if path, ok := strings.CutPrefix(r, "GET "); ok && path != but {
			paths = append(paths, path)
		}
	}
	return paths
}

func TestChallengeNamesTheMetadata(t *testing.T) {
	w := newWorld(t)
	w.resource.places = []string{"/custom/metadata"}
	w.resource.challenge = func(int, string) string {
		return `Basic realm="x", Bearer resource_metadata="` + w.resource.web.URL + `/custom/metadata"`
	}
	w.ok(w.authorizer(nil), "")
	require.Equal(t, []string{"/custom/metadata"}, gets(w.resource.got, "/mcp"))
}

func TestResourceIsSentAsPublished(t *testing.T) {
	w := newWorld(t)
	upper := strings.Replace(w.resource.web.URL, "http://127", "HTTP://127", 1) + "/"
	w.resource.metadata = func(m map[string]any) { m["resource"] = upper }
	w.ok(w.authorizer(nil), "")
	require.Equal(t, upper, w.issuer.asked[0].Get("resource"))
	require.Equal(t, upper, w.issuer.forms[0].Get("resource"))
}

func TestScopes(t *testing.T) {
	w := newWorld(t)
	w.resource.metadata = func(m map[string]any) { m["scopes_supported"] = []string{"a", "b"} }
	w.ok(w.authorizer(nil), "")
	w.ok(w.authorizer(nil), "read")
	w.ok(w.authorizer(nil, WithScopes("mine", "read")), "read")
	w.ok(w.authorizer(nil, WithScopes("mine")), "")
	w.resource.metadata = nil
	w.ok(w.authorizer(nil), "")
	var got []string
	for _, q := range w.issuer.asked {
		got = append(got, q.Get("scope"))
	}
	require.Equal(t, []string{"a b", "read", "read mine", "mine", ""}, got)
	require.NotContains(t, w.issuer.asked[4], "scope")
}

func TestClientID(t *testing.T) {
	const document = "https://client.example/me.json"
	key := testKey(t)
	for name, c := range map[string]struct {
		options  []Option
		metadata func(m map[string]any)
		secret   string // of a registration
		id       string
		auth     string
		post     string
	}{
		"credentials first": {options: []Option{WithCredentials(Credentials{ID: "pre", Secret: "p&w"}), WithMetadataDocument(document, nil)},
			metadata: func(m map[string]any) { m["client_id_metadata_document_supported"] = true }, id: "pre", auth: "Basic cHJlOnAlMjZ3"},
		"secret in the body": {options: []Option{WithCredentials(Credentials{ID: "pre", Secret: "pw"})},
			metadata: func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"} }, id: "pre", post: "pw"},
		"no list means basic": {options: []Option{WithCredentials(Credentials{ID: "pre", Secret: "pw"})},
			metadata: func(m map[string]any) { delete(m, "token_endpoint_auth_methods_supported") }, id: "pre", auth: "Basic cHJlOnB3"},
		"document":                  {options: []Option{WithMetadataDocument(document, nil)}, metadata: func(m map[string]any) { m["client_id_metadata_document_supported"] = true }, id: document},
		"document key":              {options: []Option{WithMetadataDocument(document, key)}, metadata: func(m map[string]any) { m["client_id_metadata_document_supported"] = true }, id: document},
		"document is not supported": {options: []Option{WithMetadataDocument(document, nil)}, id: "client-1"},
		"registered with a secret": {secret: "issued", metadata: func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"} },
			id: "client-1", auth: "Basic Y2xpZW50LTE6aXNzdWVk"},
		"asked for": {options: []Option{AskForCredentials(func(_ context.Context, issuer, redirect string) (Credentials, error) {
			return Credentials{ID: "typed for " + redirect}, nil
		})}, metadata: func(m map[string]any) { delete(m, "registration_endpoint") }, id: "typed for " + redirectURI},
		"credentials of another issuer": {options: []Option{WithCredentials(Credentials{Issuer: "https://other.example", ID: "pre", Secret: "pw"})}, id: "client-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.metadata, w.issuer.secret = c.metadata, c.secret
			w.ok(w.authorizer(nil, c.options...), "")
			form := w.issuer.forms[0]
			require.Equal(t, c.id, w.issuer.asked[0].Get("client_id"))
			require.Equal(t, c.auth, w.issuer.auths[0])
			require.Equal(t, c.post, form.Get("client_secret"))
			if name == "document key" {
				require.Equal(t, assertionType, form.Get("client_assertion_type"))
				require.Equal(t, document, claim(t, form.Get("client_assertion"), "sub"))
				require.Empty(t, form.Get("client_id"))
			}
		})
	}
}

func TestNoClientID(t *testing.T) {
	w := newWorld(t)
	w.issuer.metadata = func(m map[string]any) { delete(m, "registration_endpoint") }
	_, err := w.call(w.authorizer(nil), "")
	require.ErrorIs(t, err, ErrNoClientID)
	require.ErrorContains(t, err, "use WithCredentials")
}

// TestStore has a second client, as after a restart, that finds the token and the registration.
func TestStore(t *testing.T) {
	for name, store := range map[string]func(*testing.T) Store{
		"memory": func(*testing.T) Store { return MemoryStore() },
		"file":   func(t *testing.T) Store { return FileStore(t.TempDir() + "/new") },
	} {
		t.Run(name, func(t *testing.T) {
			w, kept := newWorld(t), store(t)
			w.ok(w.authorizer(nil, WithStore(kept)), "read")
			again := w.authorizer(nil, WithStore(kept))
			w.ok(again, "read")
			require.Len(t, w.issuer.forms, 1)

			w.issuer.revoke(true)
			w.ok(again, "read")
			require.Equal(t, 1, w.issuer.count("POST /register"))
			require.Equal(t, 2, w.issuer.count("GET /authorize"))
			require.NoError(t, again.Forget(t.Context()))
			w.ok(w.authorizer(nil, WithStore(kept)), "read")
			require.Equal(t, 3, w.issuer.count("GET /authorize"))
		})
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(nil)
	w.ok(a, "read")
	for range 3 {
		w.issuer.revoke(false)
		w.ok(a, "read")
	}
	require.Equal(t, 1, w.issuer.count("GET /authorize"))
	require.Zero(t, w.issuer.families)
	form := w.issuer.last()
	require.Equal(t, "refresh_token", form.Get("grant_type"))
	require.Equal(t, w.resource.url(), form.Get("resource"))
	require.Equal(t, "client-1", form.Get("client_id"))
	require.Equal(t, []string{"read"}, a.inUse().Scopes)
}

// TestRefreshEarly does it before the token has ended, so that no request is refused.
func TestRefreshEarly(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(nil)
	w.ok(a, "")
	soon := *a.inUse()
	soon.Got, soon.Expires = soon.Got-3600, soon.Got+10
	a.use(&soon)
	w.ok(a, "")
	require.Equal(t, "refresh_token", w.issuer.last().Get("grant_type"))
	require.Len(t, w.resource.tokens, 3, "no request may be refused for it")
	w.ok(a, "")
	require.Len(t, w.issuer.forms, 2)
}

func TestStepUp(t *testing.T) {
	w := newWorld(t)
	w.resource.metadata = func(m map[string]any) { m["scopes_supported"] = []string{"unrelated"} }
	a := w.authorizer(nil)
	w.ok(a, "read")
	w.ok(a, "write")
	w.ok(a, "read")
	require.Len(t, w.issuer.asked, 2)
	require.Equal(t, "read write", w.issuer.asked[1].Get("scope"))
	require.Equal(t, 1, w.issuer.count("POST /register"))
}

// TestAuthorizationsAreBounded has a server that asks for ever more.
func TestAuthorizationsAreBounded(t *testing.T) {
	for most, want := range map[int]int{0: 3, 1: 1, 5: 5} {
		w := newWorld(t)
		n := 0
		w.resource.challenge = func(status int, _ string) string {
			n++
			return `Bearer error="insufficient_scope", scope="more-` + strings.Repeat("x", n) + `"`
		}
		status, err := w.call(w.authorizer(nil, WithLimits(Limits{Authorizations: most})), "impossible")
		require.NoError(t, err)
		require.Equal(t, http.StatusForbidden, status)
		require.Len(t, w.issuer.asked, want)
	}
}

// TestNothingNew has a server that refuses what it asked for: asking the user again would not help.
func TestNothingNew(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		w := newWorld(t)
		w.resource.handle = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="read"`)
			rw.WriteHeader(status)
		}
		w.issuer.token = func(_ http.ResponseWriter, f url.Values) bool {
			delete(w.issuer.refresh, f.Get("refresh_token"))
			return false
		}
		got, err := w.call(w.authorizer(nil), "read")
		require.NoError(t, err)
		require.Equal(t, status, got)
		require.Len(t, w.issuer.asked, 1)
	}
}

func TestOtherRefusalsAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	w.resource.handle = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) }
	got, err := w.call(w.authorizer(nil), "")
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, got)
	require.Len(t, w.issuer.asked, 1)
}

// TestMigration moves the server to another authorization server, which has to see nothing of the first.
func TestMigration(t *testing.T) {
	w := newWorld(t)
	w.issuer.secret = "of-the-first-secret"
	a := w.authorizer(nil)
	w.ok(a, "read")
	first, second := w.issuer, newIssuer(t)
	second.n = 100
	w.resource.mu.Lock()
	w.resource.issuer = second
	w.resource.mu.Unlock()
	w.issuer = second
	w.ok(a, "read")

	require.Equal(t, 1, second.count("POST /register"))
	require.Equal(t, "client-101", second.asked[0].Get("client_id"))
	require.Equal(t, []string{"authorization_code"}, grants(second), "the refresh token is the first's")
	require.Empty(t, second.auths[0])
	require.Equal(t, []string{"authorization_code"}, grants(first))

	w.issuer = first
	w.resource.mu.Lock()
	w.resource.issuer = first
	w.resource.mu.Unlock()
	w.ok(a, "read")
	require.Equal(t, 1, first.count("POST /register"), "the registration is kept by issuer")
}

func grants(s *issuer) (types []string) {
	for _, f := range s.forms {
		types = append(types, f.Get("grant_type"))
	}
	return types
}

// TestForgottenRegistration has an authorization server that does not know the client any more.
func TestForgottenRegistration(t *testing.T) {
	w := newWorld(t)
	store := MemoryStore()
	w.ok(w.authorizer(nil, WithStore(store)), "")
	w.issuer.revoke(true)
	w.issuer.token = func(rw http.ResponseWriter, f url.Values) bool {
		if f.Get("client_id") == "client-1" {
			refuse(rw, "invalid_client")
			return true
		}
		return false
	}
	w.ok(w.authorizer(nil, WithStore(store)), "")
	require.Equal(t, 2, w.issuer.count("POST /register"))
}

func TestSelection(t *testing.T) {
	w := newWorld(t)
	w.resource.metadata = func(m map[string]any) {
		m["authorization_servers"] = []string{"https://127.0.0.1:1/first", w.issuer.id()}
	}
	a := w.authorizer(nil, WithCredentials(Credentials{Issuer: w.issuer.id(), ID: "mine"}))
	w.ok(a, "")
	require.Equal(t, "mine", w.issuer.asked[0].Get("client_id"))
}

// TestIssuerByHand works where the server publishes nothing.
func TestIssuerByHand(t *testing.T) {
	w := newWorld(t)
	w.resource.places = []string{"/nowhere"}
	w.resource.challenge = func(int, string) string { return "" }
	_, err := w.call(w.authorizer(nil), "")
	require.ErrorContains(t, err, "protected resource metadata at "+w.resource.web.URL+"/.well-known/oauth-protected-resource/mcp: HTTP status 404")
	w.ok(w.authorizer(nil, WithIssuer(w.issuer.id())), "")
	require.Equal(t, w.resource.url(), w.issuer.asked[0].Get("resource"))

	w.resource.places = nil
	w.resource.metadata = func(m map[string]any) { m["authorization_servers"] = []string{} }
	_, err = w.call(w.authorizer(nil), "")
	require.ErrorContains(t, err, "name one with WithIssuer")
}

func TestDPoP(t *testing.T) {
	w := newWorld(t)
	w.issuer.nonce = "n1"
	w.issuer.metadata = func(m map[string]any) { m["dpop_signing_alg_values_supported"] = []string{"ES256"} }
	store := MemoryStore()
	a := w.authorizer(nil, WithDPoP(), WithStore(store))
	w.ok(a, "")
	w.issuer.nonce = "n2"
	w.ok(a, "")
	w.issuer.revoke(false)
	again := w.authorizer(nil, WithDPoP(), WithStore(store))
	w.ok(again, "")
	require.Equal(t, "refresh_token", w.issuer.last().Get("grant_type"))
	require.Equal(t, a.inUse().Key, again.inUse().Key, "a refresh token is bound to the key")
	ids := map[any]bool{}
	for _, p := range w.issuer.proofs {
		require.Equal(t, "POST", claim(t, p, "htm"))
		require.Equal(t, w.issuer.web.URL+"/token", claim(t, p, "htu"))
		ids[claim(t, p, "jti")] = true
	}
	require.Len(t, ids, len(w.issuer.proofs))
}

func TestDPoPWhereTheServerAsksForIt(t *testing.T) {
	for name, set := range map[string]func(*resource){
		"challenge": func(rs *resource) { rs.challenge = func(int, string) string { return "DPoP" } },
		"metadata": func(rs *resource) {
			rs.metadata = func(m map[string]any) { m["dpop_bound_access_tokens_required"] = true }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			set(w.resource)
			w.ok(w.authorizer(nil), "")
			require.NotEmpty(t, slices.Compact(w.issuer.proofs)[0])
		})
	}
}
