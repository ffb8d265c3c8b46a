package serverauth

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// introspected is an authority that says something of every token, and a verifier that asks it.
func introspected(t *testing.T, says m, opts ...IntrospectionOption) (*authority, *IntrospectionVerifier) {
	a := newAuthority(t)
	a.answer = func(map[string][]string, *http.Request) any { return says }
	opts = append([]IntrospectionOption{HTTPClient(a.Client()), ClientSecret("mcp server", Secret(secret("s3cret:of/the+server")))}, opts...)
	return a, Introspection(a.URL+"/introspect", opts...)
}

func TestIntrospection(t *testing.T) {
	a, v := introspected(t, m{"active": true, "iss": "https://auth.example.com", "sub": "ada", "client_id": "app", "scope": "a b", "aud": resourceURL, "exp": time.Now().Add(time.Minute).Unix()})
	var form map[string][]string
	var header http.Header
	says := a.answer
	a.answer = func(f map[string][]string, q *http.Request) any { form, header = f, q.Header; return says(f, q) }
	token := secret("an/opaque+token-000==")
	h, saw := protect(v, Resource(resourceURL), "a")
	require.Equal(t, http.StatusNoContent, with(t, h, token).Code)
	require.Equal(t, "https://auth.example.com#ada", saw.principal.ID)
	require.Equal(t, []string{"a", "b"}, saw.principal.Scopes)
	require.Equal(t, map[string][]string{"token": {token}, "token_type_hint": {"access_token"}}, form)
	require.Equal(t, "Basic bWNwK3NlcnZlcjpzM2NyZXQlM0FvZiUyRnRoZSUyQnNlcnZlcg==", header.Get("Authorization"), "encoded before that as RFC 6749 says")
}

func TestIntrospectionByBearerToken(t *testing.T) {
	a, _ := introspected(t, nil)
	var got string
	a.answer = func(_ map[string][]string, q *http.Request) any {
		got = q.Header.Get("Authorization")
		return m{"active": false}
	}
	v := Introspection(a.URL+"/introspect", HTTPClient(a.Client()), BearerToken(Secret(secret("token-of-the-server"))))
	require.Equal(t, ReasonUnknown, reasonFor(t, v, "x"))
	require.Equal(t, "Bearer token-of-the-server", got)
}

func TestAnswersOfIntrospectionThatRefuse(t *testing.T) {
	good := m{"active": true, "sub": "ada", "aud": resourceURL}
	for name, c := range map[string]struct {
		change m
		want   Reason
	}{
		"as it is":         {nil, ""},
		"not active":       {m{"active": false}, ReasonUnknown},
		"does not say":     {m{"active": nil}, ReasonUnknown},
		"expired":          {m{"exp": time.Now().Add(-time.Hour).Unix()}, ReasonExpired},
		"not yet":          {m{"nbf": time.Now().Add(time.Hour).Unix()}, ReasonNotYet},
		"of the future":    {m{"iat": time.Now().Add(time.Hour).Unix()}, ReasonNotYet},
		"another audience": {m{"aud": "https://other.example.com"}, ReasonAudience},
		"no audience":      {m{"aud": nil}, ReasonAudience},
		"empty audience":   {m{"aud": []string{}}, ReasonAudience},
		"another issuer":   {m{"iss": "https://evil.example"}, ReasonIssuer},
		"active as text":   {m{"active": "true"}, ReasonUnavailable},
	} {
		says := m{}
		for k, v := range good {
			says[k] = v
		}
		for k, v := range c.change {
			if says[k] = v; v == nil {
				delete(says, k)
			}
		}
		_, v := introspected(t, says, IssuedBy("https://auth.example.com"))
		require.Equal(t, c.want, reasonFor(t, v, secret("an-opaque-token-001")), name)
	}
}

func TestTokensWithoutAudienceAreForTheResourceThatIsAssumed(t *testing.T) {
	says := m{"active": true, "sub": "ada"}
	_, v := introspected(t, says, AssumeResource(resourceURL))
	require.Empty(t, reasonFor(t, v, "x"))
	_, v = introspected(t, says, AssumeResource("https://mcp.example.com/other"))
	require.Equal(t, ReasonAudience, reasonFor(t, v, "x"))
	says["aud"] = "https://other.example.com"
	_, v = introspected(t, says, AssumeResource(resourceURL))
	require.Equal(t, ReasonAudience, reasonFor(t, v, "x"), "one that is given counts")
	says["aud"] = "api://mcp"
	_, v = introspected(t, says, AlsoFor("api://mcp"))
	require.Empty(t, reasonFor(t, v, "x"))
}

func TestIssuersOfIntrospectedTokens(t *testing.T) {
	a, v := introspected(t, m{"active": true, "sub": "ada", "aud": resourceURL})
	id, err := verify(t, v, "x")
	require.NoError(t, err)
	require.Equal(t, a.URL+"/introspect", id.Issuer, "nobody says whose it is")
	_, v = introspected(t, m{"active": true, "sub": "ada", "aud": resourceURL}, IssuedBy("https://auth.example.com"))
	id, err = verify(t, v, "x")
	require.NoError(t, err)
	require.Equal(t, "https://auth.example.com", id.Issuer)
}

func TestAnswersAreKeptForAMoment(t *testing.T) {
	a, v := introspected(t, m{"active": true, "sub": "ada", "aud": resourceURL})
	for range 10 {
		require.Empty(t, reasonFor(t, v, "x"))
	}
	require.Equal(t, 1, a.asked)
	_, v = introspected(t, m{"active": true, "sub": "ada", "aud": resourceURL}, CacheAnswers(-1, 0))
	require.Empty(t, reasonFor(t, v, "x"))
	require.Empty(t, v.cache.known)

	synctest.Test(t, func(t *testing.T) {
		kept := newAnswers(2, 10*time.Second)
		kept.put("a", &claims{})
		time.Sleep(10*time.Second - time.Nanosecond)
		require.NotNil(t, kept.get("a"))
		time.Sleep(time.Nanosecond)
		require.Nil(t, kept.get("a"))
		for _, key := range []string{"a", "b", "b", "c"} {
			kept.put(key, &claims{})
		}
		require.Nil(t, kept.get("a"), "the oldest went")
		require.NotNil(t, kept.get("c"))
		require.Len(t, kept.known, 2)
		require.Equal(t, 2, kept.order.Len())
	})
}

// TestATokenThatWasActiveIsNoGuess: it was revoked, or has expired, and whoever has many of its requests under way is not
// shut out, for then it would not hear that it needs another.
func TestATokenThatWasActiveIsNoGuess(t *testing.T) {
	says := m{"active": true, "sub": "ada", "aud": resourceURL}
	_, v := introspected(t, says, CacheAnswers(-1, 0))
	h, _ := protect(v, Resource(resourceURL))
	token := secret("a-token-that-was-active")
	require.Equal(t, http.StatusNoContent, with(t, h, token).Code)
	says["active"] = false
	for range 30 {
		require.Equal(t, http.StatusUnauthorized, with(t, h, token).Code)
	}
	require.Equal(t, ReasonExpired, reasonFor(t, v, token))
	require.Equal(t, ReasonUnknown, reasonFor(t, v, secret("a-token-that-never-was")))
	codes := map[int]int{}
	for range 30 {
		codes[with(t, h, "a-token-that-never-was").Code]++
	}
	require.Positive(t, codes[http.StatusTooManyRequests])
}

func TestAnEndpointThatFailsIsNoFaultOfTheToken(t *testing.T) {
	a, v := introspected(t, nil)
	a.answer = func(map[string][]string, *http.Request) any {
		return m{"active": true, "x": strings.Repeat("x", 2<<20)}
	}
	_, err := verify(t, v, "x")
	require.ErrorContains(t, err, "the answer has more than 1048576 bytes")
	require.Equal(t, ReasonUnavailable, reasonOf(err).Reason)
	a.set(func() { a.down = true })
	_, err = verify(t, v, secret("an-opaque-token-003"))
	require.ErrorContains(t, err, "/introspect: status 500, expected 200")
	h, _ := protect(v, Resource(resourceURL))
	require.Equal(t, http.StatusServiceUnavailable, with(t, h, "y").Code)
}

func TestIntrospectionEndpointsThatAreNone(t *testing.T) {
	for _, bad := range []string{"", "auth.example.com", "http://auth.example.com/i", "https://u:p@auth.example.com/i", "https://[::1"} {
		_, err := TryIntrospection(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "u:p")
	}
	require.Panics(t, func() { Introspection("https://auth.example.com", IssuedBy("nobody")) })
}
