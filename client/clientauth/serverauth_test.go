package clientauth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/serverauth"
)

// signing makes an issuer give signed tokens for an audience, bound to the key of the proof that comes with the request.
func signing(t *testing.T, s *issuer, audience *string) []byte {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := jwk.Import(&private.PublicKey)
	require.NoError(t, err)
	set, err := json.Marshal(map[string]any{"keys": []any{public}})
	require.NoError(t, err)
	s.token = func(rw http.ResponseWriter, f url.Values) bool {
		now := time.Now()
		scope := "mcp:use"
		if q, ok := s.codes[f.Get("code")]; ok {
			scope = q.Get("scope")
		}
		b := jwt.NewBuilder().Issuer(s.id()).Subject("ada").Audience([]string{*audience}).IssuedAt(now).Expiration(now.Add(time.Minute)).Claim("scope", scope)
		m := map[string]any{"token_type": "Bearer", "expires_in": 60, "scope": scope}
		if proof := s.proofs[len(s.proofs)-1]; proof != "" {
			b.Claim("cnf", map[string]any{"jkt": thumbprint(t, proof)})
			m["token_type"] = "DPoP"
		}
		token, err := b.Build()
		require.NoError(t, err)
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), private))
		require.NoError(t, err)
		m["access_token"] = string(signed)
		s.valid[string(signed)] = scope
		reply(rw, http.StatusOK, m)
		return true
	}
	return set
}

// thumbprint gives that of the key of a proof.
func thumbprint(t *testing.T, proof string) string {
	head, err := base64.RawURLEncoding.DecodeString(strings.SplitN(proof, ".", 2)[0])
	require.NoError(t, err)
	var h struct{ JWK json.RawMessage }
	require.NoError(t, json.Unmarshal(head, &h))
	key, err := jwk.ParseKey(h.JWK)
	require.NoError(t, err)
	sum, err := key.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// TestAgainstServerauth has both packages of this SDK talk to each other: challenges, proofs with nonces, and step-up for a
// tool's scope in the middle of a session.
func TestAgainstServerauth(t *testing.T) {
	for name, c := range map[string]struct {
		resource []serverauth.Option
		client   []Option
	}{
		"bearer":                   {},
		"DPoP":                     {[]serverauth.Option{serverauth.DPoP(serverauth.DPoPOptions{Required: true})}, []Option{WithDPoP()}},
		"DPoP with nonces":         {[]serverauth.Option{serverauth.DPoP(serverauth.DPoPOptions{Required: true, Nonce: true})}, []Option{WithDPoP()}},
		"DPoP, asked for by a 401": {[]serverauth.Option{serverauth.DPoP(serverauth.DPoPOptions{Required: true, Nonce: true})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			mux := http.NewServeMux()
			web := httptest.NewServer(mux)
			t.Cleanup(web.Close)
			at := web.URL + "/mcp"
			keys := signing(t, w.issuer, &at)
			s := greeter()
			server.AddTool(s, "rm", "Remove everything.", func(ctx context.Context, _ struct{}) (string, error) {
				return serverauth.IdentityFrom(ctx).Subject, nil
			}, server.Scopes("files:write"))
			handler := streamhttp.Handler(s)
			defer func() { require.NoError(t, handler.Shutdown(context.Background())) }()
			resource := serverauth.Resource(at, c.resource...)
			mux.Handle("/", serverauth.Require(serverauth.JWT(w.issuer.id(), serverauth.Keys(keys)), resource, "mcp:use")(handler))

			a, err := New(at, Redirect(redirectURI, consent), append(c.client, Trace(w.trace))...)
			require.NoError(t, err)
			defer a.CloseIdleConnections()
			session, err := client.Dial(t.Context(), client.Info("me", "1.0.0"), streamhttp.Connect(at, streamhttp.WithClient(a.Client())))
			require.NoError(t, err, w.trace)
			defer func() { require.NoError(t, session.Close()) }()
			greet(t, session)
			greet(t, session)
			who, err := client.CallTool[string](t.Context(), session, "rm", nil)
			require.NoError(t, err, w.trace)
			require.Equal(t, "ada", who)
			require.Len(t, w.issuer.asked, 2)
			require.ElementsMatch(t, []string{"mcp:use", "files:write"}, strings.Fields(w.issuer.asked[1].Get("scope")))
			require.Equal(t, name != "bearer", w.issuer.proofs[0] != "")
			for _, secret := range w.secrets() {
				require.NotContains(t, w.trace.String(), secret)
			}
		})
	}
}
