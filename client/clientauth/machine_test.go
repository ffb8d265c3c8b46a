package clientauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		credentials Credentials
		methods     []string
		auth, post  string
	}{
		"basic":    {Credentials{ID: "m", Secret: "s"}, []string{"client_secret_basic"}, "Basic bTpz", ""},
		"post":     {Credentials{ID: "m", Secret: "s"}, []string{"client_secret_post"}, "", "s"},
		"key":      {Credentials{ID: "m", Key: testKey(t)}, []string{"private_key_jwt"}, "", ""},
		"key, RSA": {Credentials{ID: "m", Key: rsaKey(t)}, []string{"private_key_jwt"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.metadata = func(m map[string]any) {
				m["token_endpoint_auth_methods_supported"] = c.methods
				delete(m, "code_challenge_methods_supported") // nobody is redirected
				delete(m, "authorization_endpoint")
			}
			a := w.authorizer(ClientCredentials(c.credentials))
			w.ok(a, "read")
			w.issuer.revoke(false)
			w.ok(a, "read")
			w.ok(a, "write")
			require.Equal(t, []string{"client_credentials", "client_credentials", "client_credentials"}, grants(w.issuer))
			require.Equal(t, "read write", w.issuer.last().Get("scope"))
			require.Equal(t, w.resource.url(), w.issuer.last().Get("resource"))
			require.Equal(t, c.auth, w.issuer.auths[0])
			require.Equal(t, c.post, w.issuer.forms[0].Get("client_secret"))
			require.Zero(t, w.issuer.count("POST /register"))
			if key := c.credentials.Key; key != nil {
				assertion := w.issuer.forms[0].Get("client_assertion")
				verified(t, assertion, map[string]string{"key": "ES256", "key, RSA": "RS256"}[name], key)
				require.Equal(t, w.issuer.id(), claim(t, assertion, "aud"))
				require.Equal(t, "m", claim(t, assertion, "iss"))
				require.Equal(t, "m", claim(t, assertion, "sub"))
				require.NotEqual(t, claim(t, assertion, "jti"), claim(t, w.issuer.forms[1].Get("client_assertion"), "jti"))
			}
		})
	}
}

// TestSecretsStayAtTheirIssuer has the MCP server name another authorization server, which would get the secret.
func TestSecretsStayAtTheirIssuer(t *testing.T) {
	w := newWorld(t)
	store := MemoryStore()
	flow := func() Flow { return ClientCredentials(Credentials{ID: "m", Secret: "s"}) }
	w.ok(w.authorizer(flow(), WithStore(store)), "")
	first := w.issuer
	w.issuer = newIssuer(t)
	w.resource.issuer = w.issuer
	_, err := w.call(w.authorizer(flow(), WithStore(store)), "")
	require.ErrorIs(t, err, ErrNoClientID)
	require.Empty(t, w.issuer.forms)

	_, err = w.call(w.authorizer(ClientCredentials(Credentials{Issuer: first.id(), ID: "m", Secret: "s"})), "")
	require.ErrorIs(t, err, ErrNoClientID)
	require.Empty(t, w.issuer.forms)
}

func TestKeyThatTheServerDoesNotTake(t *testing.T) {
	w := newWorld(t)
	w.issuer.metadata = func(m map[string]any) { m["token_endpoint_auth_signing_alg_values_supported"] = []string{"RS256"} }
	a := w.authorizer(ClientCredentials(Credentials{ID: "m", Key: testKey(t)}))
	_, err := w.call(a, "")
	require.ErrorContains(t, err, "the key signs with ES256, but the server supports [RS256] only")
	w.issuer.metadata = func(m map[string]any) { m["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"} }
	_, err = w.call(a, "")
	require.ErrorContains(t, err, "the client has a key, but the server supports [client_secret_basic] only")
}

func TestWorkload(t *testing.T) {
	w := newWorld(t)
	var audiences []string
	flow := Workload(func(_ context.Context, audience string) (string, error) {
		audiences = append(audiences, audience)
		return "platform-token", nil
	})
	w.ok(w.authorizer(flow, WithCredentials(Credentials{ID: "w"})), "read")
	w.ok(w.authorizer(flow), "read")
	require.Equal(t, []string{w.issuer.id(), w.issuer.id()}, audiences)
	for i, id := range []string{"w", ""} {
		form := w.issuer.forms[i]
		require.Equal(t, grantJWTBearer, form.Get("grant_type"))
		require.Equal(t, "platform-token", form.Get("assertion"))
		require.Equal(t, id, form.Get("client_id"))
		require.Equal(t, w.resource.url(), form.Get("resource"))
	}
}

// TestWorkloadRefusalIsFinal has every error code; nothing else may be tried.
func TestWorkloadRefusalIsFinal(t *testing.T) {
	for _, code := range []string{"invalid_grant", "invalid_scope", "unauthorized_client", "invalid_client"} {
		w := newWorld(t)
		w.issuer.token = func(rw http.ResponseWriter, f url.Values) bool {
			reply(rw, http.StatusBadRequest, map[string]any{"error": code, "error_description": "not " + f.Get("assertion")})
			return true
		}
		_, err := w.call(w.authorizer(Workload(func(context.Context, string) (string, error) { return "platform-token", nil })), "")
		require.Equal(t, code, codeOf(err))
		require.Len(t, w.issuer.forms, 1)
		require.NotContains(t, err.Error(), "platform-token")
		require.ErrorContains(t, err, "not [secret]")
	}
	w := newWorld(t)
	_, err := w.call(w.authorizer(Workload(func(context.Context, string) (string, error) { return "", errDisk })), "")
	require.ErrorIs(t, err, errDisk)
}

// provider is an identity provider of a test.
func provider(t *testing.T, answer map[string]any) (*httptest.Server, *[]*http.Request) {
	var got []*http.Request
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = append(got, r)
		reply(w, http.StatusOK, answer)
	}))
	t.Cleanup(web.Close)
	return web, &got
}

func TestEnterprise(t *testing.T) {
	w := newWorld(t)
	idp, got := provider(t, map[string]any{"access_token": "the-id-jag", "issued_token_type": typeIDJAG, "token_type": "N_A"})
	flow := Enterprise(IdentityProvider{
		TokenEndpoint: idp.URL + "/token", Client: Credentials{ID: "at-idp", Secret: "s1"},
		IDToken: func(context.Context) (string, error) { return "the-id-token", nil },
	})
	w.ok(w.authorizer(flow, WithCredentials(Credentials{ID: "at-as", Secret: "s2"})), "read")
	require.Len(t, *got, 1)
	exchange := (*got)[0]
	require.Equal(t, url.Values{
		"grant_type": {grantTokenExchange}, "requested_token_type": {typeIDJAG}, "subject_token": {"the-id-token"},
		"subject_token_type": {typeIDToken}, "audience": {w.issuer.id()}, "resource": {w.resource.url()}, "scope": {"read"},
	}, exchange.PostForm)
	id, secret, _ := exchange.BasicAuth()
	require.Equal(t, "at-idp s1", id+" "+secret)
	form := w.issuer.forms[0]
	require.Equal(t, grantJWTBearer, form.Get("grant_type"))
	require.Equal(t, "the-id-jag", form.Get("assertion"))
	require.Equal(t, "Basic YXQtYXM6czI=", w.issuer.auths[0])

	w.ok(w.authorizer(flow), "") // registers
	require.Equal(t, []any{grantJWTBearer}, w.issuer.bodies[0]["grant_types"])
	require.NotContains(t, w.trace.String(), "the-id-")
}

func TestEnterpriseRefusals(t *testing.T) {
	w := newWorld(t)
	idp, _ := provider(t, map[string]any{"access_token": "plain", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"})
	p := IdentityProvider{TokenEndpoint: idp.URL, Client: Credentials{ID: "x"}, IDToken: func(context.Context) (string, error) { return "t", nil }}
	_, err := w.call(w.authorizer(Enterprise(p)), "")
	require.ErrorContains(t, err, "expected "+typeIDJAG)
	p.IDToken = func(context.Context) (string, error) { return "", errors.New("signed out") }
	_, err = w.call(w.authorizer(Enterprise(p)), "")
	require.ErrorContains(t, err, "ID token: signed out")
	require.Empty(t, w.issuer.forms)
}

// TestEnterpriseRegistersAgain where the authorization server has forgotten the client.
func TestEnterpriseRegistersAgain(t *testing.T) {
	w := newWorld(t)
	idp, _ := provider(t, map[string]any{"access_token": "the-id-jag", "issued_token_type": typeIDJAG, "token_type": "N_A"})
	store := MemoryStore()
	flow := func() Flow {
		return Enterprise(IdentityProvider{TokenEndpoint: idp.URL, Client: Credentials{ID: "x"}, IDToken: func(context.Context) (string, error) { return "t", nil }})
	}
	w.ok(w.authorizer(flow(), WithStore(store)), "")
	w.issuer.revoke(true)
	w.issuer.token = func(rw http.ResponseWriter, f url.Values) bool {
		if f.Get("client_id") == "client-1" {
			refuse(rw, "invalid_client")
			return true
		}
		return false
	}
	w.ok(w.authorizer(flow(), WithStore(store)), "")
	require.Equal(t, 2, w.issuer.count("POST /register"))
}
