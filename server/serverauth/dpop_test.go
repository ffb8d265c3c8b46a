package serverauth

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bearer is a client that proves possession of its key.
type bearer struct {
	key   *signer
	token string
	h     http.Handler
	saw   *seen
	n     int
}

func thumbprint(t testing.TB, s *signer) string {
	sum, err := mustKey(t, s).Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// bound makes a client with a token that is bound to its key.
func bound(t *testing.T, opts ...Option) *bearer {
	issuer, key := newSigner(t, "ES256", "k1"), newSigner(t, "ES256", "client")
	v := JWT("https://auth.example.com", Keys([]byte(mustText(t, m{"keys": []m{issuer.jwk(t)}}))))
	b := &bearer{key: key}
	a := &authority{url: "https://auth.example.com"}
	b.token = issuer.sign(t, nil, a.claims(m{"cnf": m{"jkt": thumbprint(t, key)}, "exp": time.Now().Add(24 * time.Hour).Unix()}))
	b.h, b.saw = protect(v, Resource(resourceURL, opts...))
	return b
}

// proof makes a proof with changes to its header and claims.
func (b *bearer) proof(t *testing.T, header, claims m) string {
	b.n++
	h := m{"typ": "dpop+jwt", "kid": nil, "jwk": mustKey(t, &signer{public: b.key.public})}
	for k, v := range header {
		h[k] = v
	}
	c := m{"jti": strconv.Itoa(b.n), "htm": "POST", "htu": resourceURL, "iat": time.Now().Unix(), "ath": digest([]byte(b.token))}
	for k, v := range claims {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return b.key.sign(t, h, c)
}

func (b *bearer) ask(t *testing.T, proofs ...string) *httptest.ResponseRecorder {
	header := []string{"Authorization", "DPoP " + b.token}
	for _, p := range proofs {
		header = append(header, "DPoP", p)
	}
	return ask(t, b.h, http.MethodPost, resourceURL, header...)
}

// proofRefused checks that a proof is refused as such.
func (b *bearer) proofRefused(t *testing.T, proofs ...string) {
	t.Helper()
	rec := b.ask(t, proofs...)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `DPoP error="invalid_dpop_proof", error_description="the DPoP proof is not valid"`)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `algs="ES256 `)
}

func TestATokenBoundToAKeyNeedsItsProof(t *testing.T) {
	b := bound(t)
	require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, nil)).Code)
	require.Equal(t, "https://auth.example.com#ada", b.saw.principal.ID)
	require.Empty(t, b.saw.header.Get("DPoP"))
	require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, m{"htu": "HTTPS://MCP.example.com:443/%6Dcp?q#f"})).Code, "the same URL")
	rec := with(t, b.h, b.token)
	require.Equal(t, http.StatusUnauthorized, rec.Code, "stolen, as a bearer token")
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), "present it as a DPoP token")
	rec = ask(t, b.h, http.MethodPost, resourceURL, "Authorization", "Bearer "+b.token, "DPoP", b.proof(t, nil, nil))
	require.Equal(t, http.StatusUnauthorized, rec.Code, "with the proof but of the wrong scheme")
}

func TestARequestWithoutProofOrWithTwoIsRefused(t *testing.T) {
	b := bound(t)
	b.proofRefused(t)
	b.proofRefused(t, b.proof(t, nil, nil), b.proof(t, nil, nil))
}

func TestAReplayedProofIsRefused(t *testing.T) {
	b := bound(t)
	proof := b.proof(t, nil, nil)
	require.Equal(t, http.StatusNoContent, b.ask(t, proof).Code)
	b.proofRefused(t, proof)
	b.proofRefused(t, b.proof(t, nil, m{"jti": "1"})) // another proof of the same jti
}

func TestAProofOfTheWrongATHIsRefused(t *testing.T) {
	b := bound(t)
	b.proofRefused(t, b.proof(t, nil, m{"ath": digest([]byte("another token"))}))
	b.proofRefused(t, b.proof(t, nil, m{"ath": nil}))
}

func TestAProofForAnotherMethodIsRefused(t *testing.T) {
	b := bound(t)
	for _, method := range []any{"GET", "post", "", nil} {
		b.proofRefused(t, b.proof(t, nil, m{"htm": method}))
	}
}

func TestAProofForAnotherURLIsRefused(t *testing.T) {
	b := bound(t)
	for _, u := range []any{"https://mcp.example.com/mcp2", "https://mcp.example.com/", "https://evil.example/mcp", "http://mcp.example.com/mcp", "/mcp", "https://mcp.example.com/%2Fmcp", "", nil} {
		b.proofRefused(t, b.proof(t, nil, m{"htu": u}))
	}
}

func TestAProofOfAnotherTimeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bound(t)
		for _, offset := range []time.Duration{-71 * time.Second, 11 * time.Second} {
			b.proofRefused(t, b.proof(t, nil, m{"iat": time.Now().Add(offset).Unix()}))
		}
		for _, offset := range []time.Duration{-70 * time.Second, 10 * time.Second} {
			require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, m{"iat": time.Now().Add(offset).Unix()})).Code)
		}
		b.proofRefused(t, b.proof(t, nil, m{"iat": nil}))
		b.proofRefused(t, b.proof(t, nil, m{"jti": nil}))
		b.proofRefused(t, b.proof(t, nil, m{"jti": ""}))
	})
}

func TestAProofOfAnotherKeyIsRefused(t *testing.T) {
	b := bound(t)
	thief := *b
	thief.key = newSigner(t, "ES256", "thief")
	b.proofRefused(t, thief.proof(t, nil, nil))
	// It shows the right key, and is signed with another.
	b.proofRefused(t, thief.proof(t, m{"jwk": mustKey(t, &signer{public: b.key.public})}, nil))
}

func TestProofsThatAreNoneAreRefused(t *testing.T) {
	b := bound(t)
	good := b.proof(t, nil, nil)
	parts := strings.Split(good, ".")
	for _, bad := range []string{
		"", "x", parts[0] + "." + parts[1] + ".", strings.Repeat("a", maxToken+1),
		part(t, m{"alg": "none", "typ": "dpop+jwt", "jwk": b.key.jwk(t)}) + "." + parts[1] + "." + parts[2],
	} {
		b.h = bound(t).h // a new one each: these are guesses
		b.proofRefused(t, bad)
	}
	private, err := jwkOf(b.key.private)
	require.NoError(t, err)
	for _, header := range []m{{"typ": "JWT"}, {"typ": nil}, {"jwk": nil}, {"jwk": private}} {
		b.h = bound(t).h
		b.proofRefused(t, b.proof(t, header, nil))
	}
	shared := &bearer{key: &signer{alg: "HS256", private: []byte("0123456789abcdef0123456789abcdef")}, token: b.token, h: bound(t).h}
	k, err := jwkOf([]byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	b.h = bound(t).h
	b.proofRefused(t, shared.key.sign(t, m{"typ": "dpop+jwt", "kid": nil, "jwk": k}, m{"jti": "s", "htm": "POST", "htu": resourceURL, "iat": time.Now().Unix(), "ath": digest([]byte(b.token))}))
}

func TestAProofOfAnAlgorithmThatIsNotAllowedIsRefused(t *testing.T) {
	b := bound(t, DPoP(DPoPOptions{Algorithms: []string{"RS256"}}))
	rec := b.ask(t, b.proof(t, nil, nil))
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `error="invalid_dpop_proof"`)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `algs="RS256"`)
}

func TestATokenThatIsNotBoundIsNoDPoPToken(t *testing.T) {
	a, key := issued(t)
	b := &bearer{key: newSigner(t, "ES256", "client"), token: key.sign(t, nil, a.claims(nil))}
	b.h, b.saw = protect(a.verifier(), Resource(resourceURL))
	rec := b.ask(t, b.proof(t, nil, nil))
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `DPoP error="invalid_token"`)
	// And where keys are required, none as a bearer token either.
	r := Resource(resourceURL, DPoP(DPoPOptions{Required: true, Algorithms: []string{"ES256"}}))
	h, _ := protect(a.verifier(), r)
	rec = with(t, h, b.token)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), `DPoP error="invalid_token", error_description="the token must be bound to a key (DPoP)"`)
	meta := ask(t, r, http.MethodGet, r.MetadataURL()).Body.String()
	require.Contains(t, meta, `"dpop_signing_alg_values_supported":["ES256"],"dpop_bound_access_tokens_required":true`)
}

func TestDPoPIsAnnouncedOnRequest(t *testing.T) {
	h, _ := protect(known, Resource(resourceURL, DPoP(DPoPOptions{})))
	require.Len(t, ask(t, h, http.MethodPost, resourceURL).Header().Values("WWW-Authenticate"), 2)
}

func TestTokensBoundToSomethingElseAreRefused(t *testing.T) {
	a, key := issued(t)
	for _, cnf := range []m{{"jwk": m{"kty": "EC"}}, {"x": "y", "jkt": "z"}, {"jkt": ""}, {"x5t#S256": ""}} {
		h, _ := protect(a.verifier(), Resource(resourceURL))
		rec := with(t, h, key.sign(t, nil, a.claims(m{"cnf": cnf})))
		require.Equal(t, http.StatusUnauthorized, rec.Code)
		require.Contains(t, rec.Header().Get("WWW-Authenticate"), "bound to something that cannot be checked here")
	}
}

func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Now().Truncate(5 * time.Minute).Add(5 * time.Minute)))
		b := bound(t, DPoP(DPoPOptions{Nonce: true}))
		rec := b.ask(t, b.proof(t, nil, nil))
		require.Equal(t, http.StatusUnauthorized, rec.Code)
		require.Contains(t, rec.Header().Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`)
		nonce := rec.Header().Get("DPoP-Nonce")
		require.Len(t, nonce, 43)
		rec = b.ask(t, b.proof(t, nil, m{"nonce": nonce}))
		require.Equal(t, http.StatusNoContent, rec.Code)
		require.Empty(t, rec.Header().Get("DPoP-Nonce"), "it is the newest")
		time.Sleep(5 * time.Minute)
		rec = b.ask(t, b.proof(t, nil, m{"nonce": nonce}))
		require.Equal(t, http.StatusNoContent, rec.Code, "the one before is taken")
		next := rec.Header().Get("DPoP-Nonce")
		require.NotEmpty(t, next)
		require.NotEqual(t, nonce, next)
		time.Sleep(5 * time.Minute)
		rec = b.ask(t, b.proof(t, nil, m{"nonce": nonce}))
		require.Equal(t, http.StatusUnauthorized, rec.Code)
		require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, m{"nonce": next})).Code)
		for range 50 { // an old nonce is no guess
			require.Equal(t, http.StatusUnauthorized, b.ask(t, b.proof(t, nil, m{"nonce": "x"})).Code)
		}
	})
	key := []byte("0123456789abcdef0123456789abcdef")
	require.True(t, newNonces(key, 0).valid(newNonces(key, 0).current()), "processes that share the key")
	require.False(t, newNonces(nil, 0).valid(newNonces(nil, 0).current()))
	require.Panics(t, func() { DPoP(DPoPOptions{Nonce: true, NonceKey: key[:31]}) })
}

func TestProofsAreRememberedWithinLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplays(20)
		until := time.Now().Add(time.Minute)
		add := func(key, proof string) (bool, error) { return r.add(key, proof, until) }
		for _, proof := range []string{"1", "2"} {
			seen, err := add("a", proof)
			require.NoError(t, err)
			require.False(t, seen)
		}
		_, err := add("a", "3")
		require.ErrorIs(t, err, errManyProofs, "a tenth is for one key")
		seen, err := add("a", "1")
		require.NoError(t, err)
		require.True(t, seen)
		for i := range 18 {
			_, err := add("b"+strconv.Itoa(i), "b"+strconv.Itoa(i))
			require.NoError(t, err)
		}
		_, err = add("c", "c")
		require.ErrorIs(t, err, errManyProofs, "nothing is forgotten that could be used again")
		time.Sleep(time.Minute + 1)
		until = time.Now().Add(time.Minute)
		_, err = add("c", "c")
		require.NoError(t, err)
		require.Len(t, r.known, 1)
		require.Len(t, r.ofKey, 1)
	})
	b := bound(t, DPoP(DPoPOptions{Proofs: 10}))
	require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, nil)).Code)
	require.Equal(t, http.StatusServiceUnavailable, b.ask(t, b.proof(t, nil, nil)).Code)
}

func TestProofsMayBeRememberedForAllProcesses(t *testing.T) {
	var fails error
	known := map[string]bool{}
	b := bound(t, DPoP(DPoPOptions{Seen: func(_ context.Context, key string, until time.Time) (bool, error) {
		require.Greater(t, time.Until(until), time.Minute)
		was := known[key]
		known[key] = true
		return was, fails
	}}))
	proof := b.proof(t, nil, nil)
	require.Equal(t, http.StatusNoContent, b.ask(t, proof).Code)
	b.proofRefused(t, proof)
	fails = errors.New("down")
	require.Equal(t, http.StatusServiceUnavailable, b.ask(t, b.proof(t, nil, nil)).Code)
}

func TestTheURLOfARequestMayComeFromAProxy(t *testing.T) {
	b := bound(t, RequestURL(func(*http.Request) string { return "https://public.example/x" }))
	b.proofRefused(t, b.proof(t, nil, nil))
	require.Equal(t, http.StatusNoContent, b.ask(t, b.proof(t, nil, m{"htu": "https://public.example/x"})).Code)
}

func TestOptionsOfDPoPThatAreWrong(t *testing.T) {
	require.Panics(t, func() { DPoP(DPoPOptions{Algorithms: []string{"HS256"}}) })
	require.Panics(t, func() { DPoP(DPoPOptions{Skew: 6 * time.Minute}) })
}
