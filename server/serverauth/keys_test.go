package serverauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// ring is a keyring in a bubble: what it fetches is set here.
type ring struct {
	keyring
	mu      sync.Mutex
	keys    []*signer
	err     error
	header  http.Header
	fetched atomic.Int32
	hold    chan struct{} // fetching waits for it
}

func newRing(t *testing.T, l KeyLimits, keys ...*signer) *ring {
	r := &ring{keys: keys}
	r.limits = l.withDefaults()
	r.fetch = func(context.Context) ([]byte, http.Header, error) {
		r.fetched.Add(1)
		if r.hold != nil {
			<-r.hold
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err != nil {
			return nil, nil, r.err
		}
		var all []m
		for _, k := range r.keys {
			all = append(all, k.jwk(t))
		}
		text, err := json.Marshal(m{"keys": all})
		return text, r.header, err
	}
	return r
}

func (r *ring) has(t *testing.T, s *signer) bool {
	found, err := r.find(t.Context(), joseHeader{alg: s.alg, kid: s.kid}, false)
	return err == nil && len(found) == 1
}

func TestKeysAreKeptForTheirLifetime(t *testing.T) {
	one := newSigner(t, "ES256", "k1")
	for cache, lifetime := range map[string]time.Duration{
		"": 10 * time.Minute, "public, max-age=120": 2 * time.Minute, "max-age=1": time.Minute, "max-age=99999": 10 * time.Minute, "max-age=x": 10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRing(t, KeyLimits{}, one)
			r.header = http.Header{"Cache-Control": {cache}}
			require.True(t, r.has(t, one))
			time.Sleep(lifetime - time.Second)
			require.True(t, r.has(t, one))
			require.EqualValues(t, 1, r.fetched.Load(), cache)
			time.Sleep(time.Second)
			require.True(t, r.has(t, one))
			require.EqualValues(t, 2, r.fetched.Load(), cache)
		})
	}
}

func TestKeysRotateAndUnknownKeyIDsAreRateLimited(t *testing.T) {
	one, two, never := newSigner(t, "ES256", "k1"), newSigner(t, "ES256", "k2"), newSigner(t, "ES256", "never")
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, KeyLimits{}, one)
		require.True(t, r.has(t, one))
		for range 100 { // an attacker's key ids
			require.False(t, r.has(t, never))
		}
		require.EqualValues(t, 1, r.fetched.Load())
		r.keys = []*signer{two}
		require.False(t, r.has(t, two), "not within 30 s of the last time")
		time.Sleep(30 * time.Second)
		require.True(t, r.has(t, two))
		require.False(t, r.has(t, one), "it was taken back")
		require.EqualValues(t, 2, r.fetched.Load())
		time.Sleep(30 * time.Second)
		_, err := r.find(t.Context(), joseHeader{alg: "ES256", kid: "x"}, true)
		require.NoError(t, err)
		require.EqualValues(t, 2, r.fetched.Load(), "a token of another issuer fetches nothing")
	})
}

func TestKeysAreUsedForAWhileWhenTheIssuerIsDown(t *testing.T) {
	one := newSigner(t, "ES256", "k1")
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, KeyLimits{}, one)
		require.True(t, r.has(t, one))
		r.err = errors.New("down")
		time.Sleep(10*time.Minute + time.Hour - time.Second)
		require.True(t, r.has(t, one))
		fetched := r.fetched.Load()
		for range 10 {
			require.True(t, r.has(t, one))
		}
		require.Equal(t, fetched, r.fetched.Load(), "failures are not repeated at once")
		time.Sleep(time.Second)
		require.False(t, r.has(t, one))
		_, err := r.find(t.Context(), joseHeader{alg: "ES256", kid: "k1"}, false)
		require.ErrorContains(t, err, "the keys of the issuer are not known: down")
		r.err = nil
		time.Sleep(30 * time.Second)
		require.True(t, r.has(t, one))
	})
}

func TestKeysAreFetchedOnceForAllWhoWait(t *testing.T) {
	one := newSigner(t, "ES256", "k1")
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, KeyLimits{}, one)
		r.hold = make(chan struct{})
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { require.True(t, r.has(t, one)) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		synctest.Wait()
		group.Go(func() {
			_, err := r.find(ctx, joseHeader{alg: "ES256", kid: "k1"}, false)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(r.hold)
		group.Wait()
		require.EqualValues(t, 1, r.fetched.Load())
	})
}

func TestOnlySoManyKeysOfASetAreUsed(t *testing.T) {
	one, two := newSigner(t, "ES256", "k1"), newSigner(t, "ES256", "k2")
	r := newRing(t, KeyLimits{Keys: 1}, one, two)
	require.True(t, r.has(t, one))
	require.False(t, r.has(t, two))
	r = newRing(t, KeyLimits{Keys: -1}, one, two)
	require.True(t, r.has(t, two))
}

func TestMetadataIsLookedForWhereTheSpecificationSays(t *testing.T) {
	urls, err := metadataURLs("https://auth.example.com/tenant1")
	require.NoError(t, err)
	require.Equal(t, []string{
		"https://auth.example.com/.well-known/oauth-authorization-server/tenant1",
		"https://auth.example.com/.well-known/openid-configuration/tenant1",
		"https://auth.example.com/tenant1/.well-known/openid-configuration",
	}, urls)
	urls, err = metadataURLs("https://auth.example.com/")
	require.NoError(t, err)
	require.Equal(t, []string{
		"https://auth.example.com/.well-known/oauth-authorization-server",
		"https://auth.example.com/.well-known/openid-configuration",
	}, urls)
	key := newSigner(t, "ES256", "k1")
	for path, places := range map[string][]string{
		"":    {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"},
		"/t1": {"/.well-known/oauth-authorization-server/t1", "/.well-known/openid-configuration/t1", "/t1/.well-known/openid-configuration"},
	} {
		for _, at := range places {
			a := newAuthority(t, key)
			a.at, a.url = at, a.URL+path
			require.Empty(t, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(nil))), at)
		}
	}
	a := newAuthority(t, key)
	a.at = "/elsewhere"
	require.Equal(t, ReasonUnavailable, reasonFor(t, a.verifier(), key.sign(t, nil, a.claims(nil))))
	require.Empty(t, reasonFor(t, a.verifier(KeysAt(a.URL+"/keys")), key.sign(t, nil, a.claims(nil))), "they may be named")
}

func TestMetadataOfAnotherIssuerIsRefused(t *testing.T) {
	a, key := issued(t)
	a.issuer = "https://evil.example"
	_, err := verify(t, a.verifier(), key.sign(t, nil, a.claims(nil)))
	require.ErrorContains(t, err, `it is the metadata of the issuer "https://evil.example"`)
	require.Equal(t, ReasonUnavailable, reasonOf(err).Reason)
}

func TestAnIssuerThatIsDownIsNoFaultOfTheToken(t *testing.T) {
	a, key := issued(t)
	a.down = true
	h, _ := protect(a.verifier(), Resource(resourceURL))
	rec := with(t, h, key.sign(t, nil, a.claims(nil)))
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Equal(t, "5", rec.Header().Get("Retry-After"))
	require.Empty(t, rec.Header().Get("WWW-Authenticate"), "the client keeps its token")
}

func TestWhatIsFetchedIsBounded(t *testing.T) {
	a, key := issued(t)
	_, err := verify(t, a.verifier(LimitFetches(FetchLimits{Size: 100})), key.sign(t, nil, a.claims(nil)))
	require.ErrorContains(t, err, "the answer has more than 100 bytes")
	require.Empty(t, reasonFor(t, a.verifier(LimitFetches(FetchLimits{Size: 4096})), key.sign(t, nil, a.claims(nil))))
	require.Empty(t, reasonFor(t, a.verifier(LimitFetches(FetchLimits{Size: -1, Time: -1})), key.sign(t, nil, a.claims(nil))))

	size := 0
	for _, path := range []string{a.at, "/keys"} {
		response, err := a.Client().Get(a.URL + path)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		size = max(size, len(text))
	}
	for extra, fits := range map[int]bool{-1: false, 0: true, 1: true} {
		got := reasonFor(t, a.verifier(LimitFetches(FetchLimits{Size: int64(size + extra)})), key.sign(t, nil, a.claims(nil)))
		require.Equal(t, fits, got == "", "%d bytes, limit %+d: %s", size, extra, got)
	}

	slow := newSlowAuthority(t)
	_, err = verify(t, JWT(slow, LimitFetches(FetchLimits{Time: time.Millisecond})), key.sign(t, nil, (&authority{url: slow}).claims(nil)))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// newSlowAuthority never answers.
func newSlowAuthority(t *testing.T) string {
	a := newAuthority(t)
	a.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() })
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return a.URL
}

func TestRedirectsOfAnIssuerAreNotFollowed(t *testing.T) {
	a, key := issued(t)
	inner := a.Config.Handler
	a.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/keys" && q.URL.RawQuery == "" {
			http.Redirect(w, q, "/keys?again", http.StatusFound)
			return
		}
		inner.ServeHTTP(w, q)
	})
	_, err := verify(t, a.verifier(), key.sign(t, nil, a.claims(nil)))
	require.ErrorContains(t, err, "status 302, expected 200")
}

func TestKeysAreNotFetchedWithoutTLS(t *testing.T) {
	_, err := verify(t, JWT("https://issuer.example", KeysAt("http://issuer.example/keys")), newSigner(t, "ES256", "k1").sign(t, nil, m{"iss": "https://issuer.example"}))
	require.ErrorContains(t, err, "http://issuer.example: expected https, or http on loopback")
}

func TestKeySetsThatCannotBeRead(t *testing.T) {
	for _, text := range []string{``, `[]`, `{"keys":{}}`, `{"keys":[1]}`, `{"keys":[],"keys":[]}`, `{"a":1}`} {
		_, err := parseKeys([]byte(text), 10)
		require.ErrorContains(t, err, "the key set cannot be read", text)
	}
	keys, err := parseKeys(fmt.Appendf(nil, `{"keys":[{"kty":"new"},{},%s]}`, mustText(t, newSigner(t, "ES256", "k1").jwk(t))), 10)
	require.NoError(t, err)
	require.Len(t, keys, 1, "what is not understood is left out")
	require.True(t, strings.HasPrefix(keys[0].id, "k1"))
}

func mustText(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
