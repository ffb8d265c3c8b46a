package serverauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAGoodTokenIsAPrincipal(t *testing.T) {
	for _, alg := range []string{"ES256", "RS256", "PS256"} {
		key := newSigner(t, alg, "k1")
		a := newAuthority(t, newSigner(t, "ES256", "other"), key)
		h, saw := protect(a.verifier(), Resource(resourceURL), "mcp:read")
		rec := with(t, h, key.sign(t, nil, a.claims(nil)))
		require.Equal(t, http.StatusNoContent, rec.Code, rec.Body)
		require.Equal(t, a.url+"#ada", saw.principal.ID)
		require.Equal(t, []string{"mcp:read", "mcp:write"}, saw.principal.Scopes)
		require.Equal(t, "app", saw.identity.ClientID)
		require.Empty(t, saw.header.Get("Authorization"), "no handler can pass it on")
		value, ok := saw.identity.Claims.Get("jti")
		require.True(t, ok)
		require.Equal(t, `"1"`, value.String())
	}
}

// refused checks that a token is refused for a reason, with status 401 and invalid_token.
func refused(t *testing.T, v Verifier, token string, reason Reason) {
	t.Helper()
	require.Equal(t, reason, reasonFor(t, v, token))
	h, _ := protect(v, Resource(resourceURL))
	rec := with(t, h, token)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `Bearer error="invalid_token"`)
}

// issued is an authority with one key.
func issued(t *testing.T) (*authority, *signer) {
	key := newSigner(t, "ES256", "k1")
	return newAuthority(t, key), key
}

func TestAnExpiredTokenIsRefused(t *testing.T) {
	a, key := issued(t)
	refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"exp": time.Now().Add(-31 * time.Second).Unix()})), ReasonExpired)
	require.Empty(t, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(m{"exp": time.Now().Add(-20 * time.Second).Unix()}))), "clocks differ")
	refused(t, a.verifier(ClockSkew(0)), key.sign(t, nil, a.claims(m{"exp": time.Now().Add(-time.Second).Unix()})), ReasonExpired)
}

func TestATokenThatNeverExpiresIsRefused(t *testing.T) {
	a, key := issued(t)
	refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"exp": nil})), ReasonClaims)
}

func TestATokenThatIsNotYetValidIsRefused(t *testing.T) {
	a, key := issued(t)
	refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"nbf": time.Now().Add(40 * time.Second).Unix()})), ReasonNotYet)
	require.Empty(t, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(m{"nbf": time.Now().Add(10 * time.Second).Unix()}))))
}

func TestATokenOfTheFutureIsRefused(t *testing.T) {
	a, key := issued(t)
	refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"iat": time.Now().Add(40 * time.Second).Unix()})), ReasonNotYet)
}

func TestATokenOfAnotherIssuerIsRefused(t *testing.T) {
	a, key := issued(t)
	for _, issuer := range []any{"https://evil.example", a.url + "/", "", nil} {
		refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"iss": issuer})), ReasonIssuer)
	}
}

func TestATokenForAnotherAudienceIsRefused(t *testing.T) {
	a, key := issued(t)
	for _, audience := range []any{
		"https://mcp.example.com", "https://mcp.example.com/mcp/", "https://mcp.example.com/mcp2", "https://other.example.com/mcp",
		"http://mcp.example.com/mcp", "app", []string{}, nil, "", []string{"https://mcp.example.com/", "x"}, "https://mcp.example.com/mcp?x",
	} {
		refused(t, a.verifier(), key.sign(t, nil, a.claims(m{"aud": audience})), ReasonAudience)
	}
	for _, audience := range []any{"HTTPS://MCP.example.com:443/mcp", []string{"x", resourceURL}} {
		require.Empty(t, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(m{"aud": audience}))), audience)
	}
	require.Empty(t, reasonFor(t, a.verifier(Audiences("api://mcp")), key.sign(t, nil, a.claims(m{"aud": "api://mcp"}))))
}

func TestATokenSignedWithTheWrongKeyIsRefused(t *testing.T) {
	a, _ := issued(t)
	wrong := &signer{alg: "ES256", kid: "k1", private: newSigner(t, "ES256", "k2").private}
	refused(t, a.verifier(), wrong.sign(t, nil, a.claims(nil)), ReasonForged)
}

func TestATokenOfAnUnknownKeyIsRefused(t *testing.T) {
	a, _ := issued(t)
	refused(t, a.verifier(), newSigner(t, "ES256", "k2").sign(t, nil, a.claims(nil)), ReasonUnknown)
}

func TestATokenWithoutKeyIDIsVerifiedWithAllKeysOfItsKind(t *testing.T) {
	one, two := newSigner(t, "ES256", "k1"), newSigner(t, "ES256", "k2")
	a := newAuthority(t, one, newSigner(t, "RS256", "r"), two)
	require.Empty(t, reasonFor(t, a.verifier(), two.sign(t, m{"kid": nil}, a.claims(nil))))
	require.Equal(t, ReasonForged, reasonFor(t, a.verifier(), newSigner(t, "ES256", "k3").sign(t, m{"kid": nil}, a.claims(nil))))
}

func TestUnsignedTokensAreRefused(t *testing.T) {
	a, key := issued(t)
	good := key.sign(t, nil, a.claims(nil))
	parts := strings.Split(good, ".")
	for _, alg := range []string{"none", "None", "NONE", ""} {
		head := part(t, m{"alg": alg, "kid": "k1"})
		refused(t, a.verifier(), secret(head+"."+parts[1]+"."+parts[2]), ReasonForged)
		require.Equal(t, ReasonMalformed, reasonFor(t, a.verifier(), head+"."+parts[1]+"."))
	}
}

func TestATokenWhoseSignatureWasStrippedIsRefused(t *testing.T) {
	a, key := issued(t)
	parts := strings.Split(key.sign(t, nil, a.claims(nil)), ".")
	for _, token := range []string{parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1], parts[0] + "." + parts[1] + "..", parts[1], "a.b.c.d.e"} {
		refused(t, a.verifier(), token, ReasonMalformed)
	}
	refused(t, a.verifier(), parts[0]+"."+parts[1]+".AAAA", ReasonForged)
	changed := part(t, a.claims(m{"sub": "eve"}))
	refused(t, a.verifier(), parts[0]+"."+changed+"."+parts[2], ReasonForged)
}

func TestTheAlgorithmCannotBeConfused(t *testing.T) {
	rsaKey := newSigner(t, "RS256", "r1")
	a := newAuthority(t, rsaKey)
	der, err := x509.MarshalPKIXPublicKey(rsaKey.public)
	require.NoError(t, err)
	text, err := json.Marshal(rsaKey.jwk(t))
	require.NoError(t, err)
	// The public key as the shared key of an HMAC, in all the forms that a library may take it for.
	for _, shared := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), text} {
		for _, alg := range []string{"HS256", "HS384"} {
			signing := part(t, m{"alg": alg, "kid": "r1", "typ": "at+jwt"}) + "." + part(t, a.claims(nil))
			mac := hmac.New(sha256.New, shared)
			_, _ = mac.Write([]byte(signing))
			refused(t, a.verifier(), secret(signing+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil))), ReasonForged)
		}
	}
	// Another algorithm than the key says it is for, or than is allowed, or of another kind of key.
	same := &signer{alg: "PS256", kid: "r1", private: rsaKey.private}
	require.Empty(t, reasonFor(t, a.verifier(), same.sign(t, nil, a.claims(nil))))
	refused(t, a.verifier(Algorithms("RS256")), same.sign(t, nil, a.claims(nil)), ReasonForged)
	a.set(func() { a.keys = []m{rsaKey.jwk(t, "alg", "RS256")} })
	refused(t, a.verifier(), same.sign(t, nil, a.claims(nil)), ReasonUnknown)
	refused(t, a.verifier(), (&signer{alg: "ES256", kid: "r1", private: newSigner(t, "ES256", "e").private}).sign(t, nil, a.claims(nil)), ReasonUnknown)
	for _, alg := range []string{"none", "HS256", "HS512", "rs256", ""} {
		_, err := TryJWT("https://issuer.example", Algorithms(alg))
		require.ErrorContains(t, err, "cannot be allowed", alg)
	}
}

func TestSymmetricKeysOfASetAreNotUsed(t *testing.T) {
	a, _ := issued(t)
	shared := []byte("0123456789abcdef0123456789abcdef")
	a.set(func() {
		a.keys = []m{{"kty": "oct", "kid": "s", "alg": "HS256", "k": base64.RawURLEncoding.EncodeToString(shared)}}
	})
	hs := &signer{alg: "HS256", kid: "s", private: shared}
	refused(t, a.verifier(), hs.sign(t, nil, a.claims(nil)), ReasonForged)
	keys, err := parseKeys([]byte(`{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZg"}]}`), 10)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestKeysThatAreNotForSignaturesOrTooSmallAreNotUsed(t *testing.T) {
	key := newSigner(t, "RS256", "r1")
	for _, more := range [][]any{{"use", "enc"}, {"key_ops", []string{"encrypt"}}, {"alg", "ES256"}} {
		a := newAuthority(t)
		a.set(func() { a.keys = []m{key.jwk(t, more...)} })
		require.Equal(t, ReasonUnknown, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(nil))), more)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	require.False(t, fits("RS256", &weak.PublicKey))
	n := base64.RawURLEncoding.EncodeToString(weak.N.Bytes())
	keys, err := parseKeys([]byte(`{"keys":[{"kty":"RSA","kid":"w","n":"`+n+`","e":"AQAB"}]}`), 10)
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestKeysThatATokenBringsAreNotUsed(t *testing.T) {
	a, _ := issued(t)
	own := newSigner(t, "ES256", "mine")
	own = &signer{alg: own.alg, kid: "k1", private: own.private, public: own.public}
	refused(t, a.verifier(), own.sign(t, m{"jwk": mustKey(t, own), "jku": a.URL + "/keys"}, a.claims(nil)), ReasonForged)
}

func TestHeadersThatMustBeUnderstoodAreRefused(t *testing.T) {
	a, key := issued(t)
	require.NotEmpty(t, reasonFor(t, a.verifier(), key.sign(t, m{"crit": []string{"x"}, "x": 1}, a.claims(nil))))
}

func TestOtherKindsOfTokenAreRefused(t *testing.T) {
	a, key := issued(t)
	for typ, want := range map[string]Reason{"JWT": "", "application/at+jwt": "", "AT+JWT": "", "": "", "dpop+jwt": ReasonClaims, "logout+jwt": ReasonClaims} {
		require.Equal(t, want, reasonFor(t, a.verifier(), key.sign(t, m{"typ": typ}, a.claims(nil))), typ)
	}
	require.Equal(t, ReasonClaims, reasonFor(t, a.verifier(OnlyAccessTokens()), key.sign(t, m{"typ": "JWT"}, a.claims(nil))))
}

func TestClaimsOfTheWrongTypeAreRefused(t *testing.T) {
	a, key := issued(t)
	for name, value := range (m{"exp": "tomorrow", "aud": 7, "iss": 7, "sub": []string{"ada"}, "nbf": -1, "iat": 1e30, "cnf": "x", "scope": 1}) {
		require.Equal(t, ReasonMalformed, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(m{name: value}))), name)
	}
	// A member that occurs twice would be read differently by others.
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + a.url + `","iss":"x"}`))
	require.Equal(t, ReasonMalformed, reasonFor(t, a.verifier(), part(t, m{"alg": "ES256"})+"."+body+".AAAA"))
}

func TestATokenOfNobodyIsRefused(t *testing.T) {
	a, key := issued(t)
	h, saw := protect(a.verifier(), Resource(resourceURL))
	require.Equal(t, http.StatusUnauthorized, with(t, h, key.sign(t, nil, a.claims(m{"sub": nil, "client_id": nil}))).Code)
	require.Equal(t, http.StatusNoContent, with(t, h, key.sign(t, nil, a.claims(m{"sub": nil}))).Code)
	require.Equal(t, a.url+"?app", saw.principal.ID)
	require.Equal(t, http.StatusNoContent, with(t, h, key.sign(t, nil, a.claims(m{"sub": "?app"}))).Code)
	require.Equal(t, a.url+"#?app", saw.principal.ID, "of a form that no client has")
}

func TestScopesAreReadInAllForms(t *testing.T) {
	a, key := issued(t)
	for _, c := range []m{
		{"scope": nil, "scp": []string{"a", "b"}}, {"scope": nil, "scp": "a b"}, {"scope": "a  b"}, {"scope": []string{"a", "b"}},
	} {
		id, err := verify(t, a.verifier(), key.sign(t, nil, a.claims(c)))
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, id.Scopes)
	}
}

func TestTokensOver16KiBAreRefused(t *testing.T) {
	a, key := issued(t)
	h, _ := protect(a.verifier(), Resource(resourceURL))
	fill := func(n int) string {
		token := key.sign(t, nil, a.claims(m{"x": strings.Repeat("a", n)}))
		return token
	}
	base := len(fill(0))
	fits := (maxToken - base) * 3 / 4
	require.Equal(t, http.StatusNoContent, with(t, h, fill(fits-4)).Code)
	rec := with(t, h, fill(fits+8))
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), "longer than 16 KiB")

	all := VerifierFunc(func(context.Context, Credential) (Identity, error) {
		return Identity{Issuer: "x:", Subject: "ada"}, nil
	})
	h, _ = protect(all, Resource(resourceURL))
	for n, want := range map[int]int{16<<10 - 1: 204, 16 << 10: 204, 16<<10 + 1: 401} {
		require.Equal(t, want, with(t, h, strings.Repeat("a", n)).Code, n)
	}
}

func TestClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newSigner(t, "ES256", "k1")
		set, err := json.Marshal(m{"keys": []m{key.jwk(t)}})
		require.NoError(t, err)
		a := &authority{url: "https://auth.example.com"}
		for _, skew := range []time.Duration{-1, 0, time.Second, 5 * time.Minute} {
			opts, allowed := []JWTOption{Keys(set), ClockSkew(skew)}, skew
			if skew < 0 {
				opts, allowed = opts[:1], 30*time.Second
			}
			v := JWT(a.url, opts...)
			for offset, want := range map[time.Duration]Reason{0: ReasonExpired, time.Second: "", -time.Second: ReasonExpired} {
				require.Equal(t, want, reasonFor(t, v, key.sign(t, nil, a.claims(m{"exp": time.Now().Add(offset - allowed).Unix()}))), "%v %v", allowed, offset)
			}
			for offset, want := range map[time.Duration]Reason{0: "", time.Second: ReasonNotYet, -time.Second: ""} {
				require.Equal(t, want, reasonFor(t, v, key.sign(t, nil, a.claims(m{"nbf": time.Now().Add(offset + allowed).Unix()}))), "%v %v", allowed, offset)
			}
		}
		_, err = TryJWT(a.url, ClockSkew(5*time.Minute+1))
		require.Error(t, err)
	})
}

func TestKeysMayBeGiven(t *testing.T) {
	key := newSigner(t, "ES256", "k1")
	text, err := json.Marshal(m{"keys": []m{key.jwk(t)}})
	require.NoError(t, err)
	v := JWT("https://issuer.example", Keys(text))
	a := &authority{url: "https://issuer.example"}
	require.Empty(t, reasonFor(t, v, key.sign(t, nil, a.claims(nil))))
	require.Equal(t, ReasonUnknown, reasonFor(t, v, newSigner(t, "ES256", "k2").sign(t, nil, a.claims(nil))))
	for _, bad := range []string{`{`, `{"keys":[]}`, `{}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`} {
		_, err := TryJWT("https://issuer.example", Keys([]byte(bad)))
		require.Error(t, err, bad)
	}
	for _, bad := range []string{"", "issuer.example", "http://issuer.example", "https://issuer.example?x", "https://issuer.example#", "https://a@issuer.example"} {
		_, err := TryJWT(bad)
		require.Error(t, err, bad)
	}
	_, err = TryJWT("https://issuer.example", ClockSkew(6*time.Minute))
	require.ErrorContains(t, err, "expected up to 5m0s")
	synctest.Test(t, func(t *testing.T) { // a key set that is given does not age
		token := key.sign(t, nil, a.claims(m{"exp": time.Now().Add(1e6 * time.Second).Unix()}))
		time.Sleep(100 * time.Hour)
		require.Empty(t, reasonFor(t, v, token))
	})
}
