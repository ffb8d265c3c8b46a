package clientauth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRefusals has one thing wrong in each case; the flow has to end there, with no token request after it.
func TestRefusals(t *testing.T) {
	const evil = "https://evil.example"
	for name, c := range map[string]struct {
		set   func(w *world)
		is    error
		says  string
		after int // token requests
	}{
		"state mismatch":                 {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Set("state", "forged") } }, is: ErrStateMismatch},
		"no state":                       {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Del("state") } }, is: ErrStateMismatch},
		"two states":                     {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Add("state", "forged") } }, is: ErrStateMismatch},
		"iss mismatch":                   {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Set("iss", evil) } }, is: ErrIssuerMismatch},
		"iss but for a slash":            {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Set("iss", q.Get("iss")+"/") } }, is: ErrIssuerMismatch},
		"iss missing, though advertised": {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Del("iss") } }, is: ErrIssuerMismatch},
		"iss mismatch, not advertised": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
			w.issuer.redirect = func(q url.Values) { q.Set("iss", evil) }
		}, is: ErrIssuerMismatch},
		"two issuers": {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Add("iss", evil) } }, says: "iss more than once"},
		"two codes":   {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Add("code", "x") } }, says: "code more than once"},
		"no code":     {set: func(w *world) { w.issuer.redirect = func(q url.Values) { q.Del("code") } }, says: "the answer has no code"},
		"declined": {set: func(w *world) {
			w.issuer.redirect = func(q url.Values) { q.Set("error", "access_denied"); q.Set("error_description", "not\ntoday") }
		}, says: "access_denied: not today"},
		"declined by another issuer": {set: func(w *world) {
			w.issuer.redirect = func(q url.Values) { q.Set("error", "access_denied"); q.Set("iss", evil) }
		}, is: ErrIssuerMismatch},
		"answer to another place": {set: func(w *world) {
			w.issuer.redirect = func(q url.Values) { q.Set("test-elsewhere", "http://127.0.0.1:8723/other") }
		}, is: ErrRedirected},
		"PKCE not advertised": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { delete(m, "code_challenge_methods_supported") }
		}, is: ErrNoPKCE},
		"PKCE plain only": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} }
		}, is: ErrNoPKCE},
		"someone else's issuer": {set: func(w *world) { w.issuer.metadata = func(m map[string]any) { m["issuer"] = evil } }, is: ErrIssuerMismatch},
		"issuer but for a slash": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" }
		}, is: ErrIssuerMismatch},
		"someone else's resource": {set: func(w *world) { w.resource.metadata = func(m map[string]any) { m["resource"] = evil + "/mcp" } }, is: ErrResourceMismatch},
		"a sibling's resource": {set: func(w *world) {
			w.resource.metadata = func(m map[string]any) { m["resource"] = w.resource.web.URL + "/mc" }
		}, is: ErrResourceMismatch},
		"no resource": {set: func(w *world) { w.resource.metadata = func(m map[string]any) { delete(m, "resource") } }, is: ErrResourceMismatch},
		"endpoint without TLS": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { m["token_endpoint"] = "http://93.184.215.14/token" }
		}, is: ErrForbiddenAddress},
		"endpoint that is a script": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" }
		}, is: ErrForbiddenAddress},
		"private authorization server": {set: func(w *world) {
			w.resource.metadata = func(m map[string]any) { m["authorization_servers"] = []string{"https://10.0.0.1"} }
		}, is: ErrForbiddenAddress},
		"cloud metadata": {set: func(w *world) {
			w.resource.challenge = func(int, string) string { return `Bearer resource_metadata="http://169.254.169.254/latest/meta-data"` }
		}, is: ErrForbiddenAddress},
		"private endpoint": {set: func(w *world) {
			w.issuer.metadata = func(m map[string]any) { m["registration_endpoint"] = "https://[fd00::1]/register" }
		}, is: ErrForbiddenAddress},
		"ambiguous metadata": {set: func(w *world) {
			w.issuer.places = []string{"/nowhere"}
			w.resource.challenge = func(int, string) string { return `Bearer resource_metadata="` + w.issuer.web.URL + `/twice"` }
			w.issuer.web.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				_, _ = rw.Write([]byte(`{"resource":"` + w.resource.url() + `","resource":"x"}`))
			})
		}, says: "no acceptable JSON"},
		"a token of another type": {set: func(w *world) {
			w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
				reply(rw, 200, map[string]any{"access_token": "x", "token_type": "mac"})
				return true
			}
		}, says: `the token is of the type "mac"`, after: 1},
		"a token with a line break": {set: func(w *world) {
			w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
				reply(rw, 200, map[string]any{"access_token": "x\r\nEvil: 1", "token_type": "Bearer"})
				return true
			}
		}, says: "characters that no token has", after: 1},
		"a token as a form": {set: func(w *world) {
			w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
				rw.Header().Set("Content-Type", "application/x-www-form-urlencoded")
				_, _ = rw.Write([]byte("access_token=x&token_type=Bearer"))
				return true
			}
		}, says: "expected application/json", after: 1},
		"token endpoint redirects": {set: func(w *world) {
			w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
				rw.Header().Set("Location", w.resource.web.URL+"/token")
				rw.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
		}, is: ErrRedirected, after: 1},
		"gigantic token": {set: func(w *world) {
			w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
				reply(rw, 200, map[string]any{"access_token": strings.Repeat("x", 300<<10), "token_type": "Bearer"})
				return true
			}
		}, is: ErrTooLarge, after: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.set(w)
			_, err := w.call(w.authorizer(nil), "")
			require.Error(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.ErrorContains(t, err, c.says)
			require.Len(t, w.issuer.forms, c.after)
			if strings.HasPrefix(name, "someone else's") || strings.HasPrefix(name, "issuer") || strings.HasPrefix(name, "PKCE") {
				require.Empty(t, w.issuer.asked, "the user was asked")
			}
			var ours *Error
			require.ErrorAs(t, err, &ours)
			for _, secret := range w.secrets() {
				require.NotContains(t, err.Error()+w.trace.String(), secret)
			}
		})
	}
}

// TestCodeReplay answers two requests with the same code, which the authorization server takes once, and with the same
// answer twice, which the client takes once.
func TestCodeReplay(t *testing.T) {
	w := newWorld(t)
	var first string
	flow := Redirect(redirectURI, func(ctx context.Context, at string) (string, error) {
		back, err := consent(ctx, at)
		if first == "" {
			first = back
		}
		return first, err
	})
	a := w.authorizer(flow)
	w.ok(a, "")
	w.issuer.revoke(true)
	_, err := w.call(a, "")
	require.ErrorIs(t, err, ErrStateMismatch, "an old answer has an old state")

	b := newWorld(t)
	var code string
	b.issuer.redirect = func(q url.Values) {
		if code == "" {
			code = q.Get("code")
		}
		q.Set("code", code)
	}
	a = b.authorizer(nil)
	b.ok(a, "")
	b.issuer.revoke(true)
	_, err = b.call(a, "")
	require.Equal(t, "invalid_grant", codeOf(err))
	require.NotContains(t, b.trace.String(), code)
}

// TestRefreshRace has ten goroutines find the token refused at once: one refresh may come of it, since a second use of the
// refresh token would end the session.
func TestRefreshRace(t *testing.T) {
	w := newWorld(t)
	store := FileStore(t.TempDir())
	// two clients with one store are what two processes are
	both := []*Authorizer{w.authorizer(nil, WithStore(store)), w.authorizer(nil, WithStore(store))}
	w.ok(both[0], "read")
	w.ok(both[1], "read")
	for range 3 {
		w.issuer.revoke(false)
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				status, err := w.call(both[i%2], "read")
				if err != nil || status != http.StatusOK {
					t.Errorf("%d %v", status, err)
				}
			})
		}
		all.Wait()
	}
	require.Zero(t, w.issuer.families, "a refresh token was used twice")
	require.Equal(t, 1, w.issuer.count("GET /authorize"))
	require.Len(t, w.issuer.forms, 4)
}

// TestAuthorizationRace has ten goroutines find that there is no token: the user is asked once.
func TestAuthorizationRace(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(nil)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			status, err := w.call(a, "read")
			if err != nil || status != http.StatusOK {
				t.Errorf("%d %v", status, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, w.issuer.count("GET /authorize"))
	require.Equal(t, 1, w.issuer.count("POST /register"))
}

func TestRevokedRefreshToken(t *testing.T) {
	w := newWorld(t)
	store := MemoryStore()
	a := w.authorizer(nil, WithStore(store))
	w.ok(a, "read")
	old := a.inUse().Refresh
	w.issuer.revoke(true)
	w.ok(a, "read")
	require.Equal(t, []string{"authorization_code", "refresh_token", "authorization_code"}, grants(w.issuer))
	kept, err := store.Load(t.Context(), a.tokenKey())
	require.NoError(t, err)
	require.NotContains(t, string(kept), old)
}

// TestRefreshThatFailsForNow does not bother the user, nor lose the refresh token.
func TestRefreshThatFailsForNow(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(nil)
	w.ok(a, "")
	w.issuer.revoke(false)
	w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
		http.Error(rw, "busy", http.StatusServiceUnavailable)
		return true
	}
	_, err := w.call(a, "")
	require.ErrorContains(t, err, "HTTP status 503")
	w.issuer.token = nil
	w.ok(a, "")
	require.Equal(t, 1, w.issuer.count("GET /authorize"))
}

// TestMetadataRedirects are followed within the origin, and not further than the limit.
func TestMetadataRedirects(t *testing.T) {
	w := newWorld(t)
	var to string
	w.resource.places = []string{"/there"}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	w.resource.challenge = func(int, string) string { return `Bearer resource_metadata="` + w.resource.web.URL + `/hop"` }
	inner := w.resource.web.Config.Handler
	w.resource.web.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/hop") {
			http.Redirect(rw, r, to, http.StatusFound)
			return
		}
		inner.ServeHTTP(rw, r)
	})
	to = w.resource.web.URL + "/there"
	w.ok(w.authorizer(nil), "")
	for _, to = range []string{elsewhere.URL + "/there", "http://10.0.0.1/", "/hop"} {
		_, err := w.call(w.authorizer(nil), "")
		require.ErrorIs(t, err, ErrRedirected)
	}
}

// TestTokensStayAtTheOrigin has the MCP server send the client elsewhere.
func TestTokensStayAtTheOrigin(t *testing.T) {
	w := newWorld(t)
	var got []http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header) }))
	defer elsewhere.Close()
	w.resource.handle = func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}
	a := w.authorizer(nil)
	_, err := w.call(a, "")
	require.ErrorIs(t, err, ErrRedirected)
	require.Empty(t, got)

	careless := &http.Client{Transport: a.Transport()} // follows redirects
	resp, err := careless.Post(w.resource.url(), "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Len(t, got, 1)
	require.NotContains(t, got[0], "Authorization")
	require.Empty(t, resp.Request.Header.Get("Authorization"))
}

// TestOwnAuthorization leaves a request alone that has its own.
func TestOwnAuthorization(t *testing.T) {
	w := newWorld(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.resource.url(), nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer mine")
	resp, err := w.authorizer(nil).Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	require.Equal(t, []string{"mine"}, w.resource.tokens)
	require.Empty(t, w.issuer.got)
}

func TestDPoPDowngrade(t *testing.T) {
	w := newWorld(t)
	w.issuer.token = func(rw http.ResponseWriter, _ url.Values) bool {
		reply(rw, 200, map[string]any{"access_token": "x", "token_type": "Bearer"})
		return true
	}
	_, err := w.call(w.authorizer(nil, WithDPoP()), "")
	require.ErrorIs(t, err, ErrDowngrade)
	w.issuer.metadata = func(m map[string]any) { m["dpop_signing_alg_values_supported"] = []string{"RS256"} }
	_, err = w.call(w.authorizer(nil, WithDPoP()), "")
	require.ErrorContains(t, err, "it supports DPoP with RS256 only, expected ES256")
}

// TestStreamsDoNotAskAgain has a stream that comes back by itself after the user has said no.
func TestStreamsDoNotAskAgain(t *testing.T) {
	w := newWorld(t)
	w.issuer.redirect = func(q url.Values) { q.Set("error", "access_denied") }
	a := w.authorizer(nil)
	stream := func(version string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.resource.url(), nil)
		require.NoError(t, err)
		req.Header.Set("Accept", "text/event-stream")
		req.Header.Set("MCP-Protocol-Version", version)
		resp, err := a.Client().Do(req)
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		return err
	}
	for range 3 {
		require.ErrorContains(t, stream("2025-11-25"), "access_denied")
	}
	require.Len(t, w.issuer.asked, 1)
	require.ErrorContains(t, stream(""), "access_denied")
	require.Len(t, w.issuer.asked, 2, "a stream that begins a session asks")
	_, err := w.call(a, "")
	require.ErrorContains(t, err, "access_denied")
	require.Len(t, w.issuer.asked, 3)
	w.issuer.redirect = nil
	w.ok(a, "")
	require.NoError(t, stream("2025-11-25"))
}

// TestGivingUp ends the flow when nobody waits for it any more.
func TestGivingUp(t *testing.T) {
	w := newWorld(t)
	visited, ended := make(chan struct{}), make(chan error, 1)
	a := w.authorizer(Redirect(redirectURI, func(ctx context.Context, _ string) (string, error) {
		close(visited)
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-visited
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.resource.url(), nil)
	require.NoError(t, err)
	_, err = a.Client().Do(req)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestUserTakesTooLong(t *testing.T) {
	w := newWorld(t)
	a := w.authorizer(Redirect(redirectURI, func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}), WithLimits(Limits{AuthorizeTime: 50 * time.Millisecond}))
	_, err := w.call(a, "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestBodyThatCannotBeReadAgain(t *testing.T) {
	w := newWorld(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.resource.url(), struct{ *strings.Reader }{strings.NewReader("x")})
	require.NoError(t, err)
	resp, err := w.authorizer(nil).Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
}

// brokenStore fails.
type brokenStore struct{}

var errDisk = errors.New("disk full")

func (brokenStore) Load(context.Context, string) ([]byte, error) { return nil, nil }
func (brokenStore) Update(context.Context, string, func([]byte) ([]byte, error)) error {
	return errDisk
}

func TestBrokenStore(t *testing.T) {
	w := newWorld(t)
	_, err := w.call(w.authorizer(nil, WithStore(brokenStore{})), "")
	require.ErrorIs(t, err, errDisk)
}

func TestSpoiltStore(t *testing.T) {
	w := newWorld(t)
	store := MemoryStore()
	a := w.authorizer(nil, WithStore(store))
	for _, key := range []string{a.tokenKey(), registrationKey(w.issuer.id())} {
		require.NoError(t, store.Update(t.Context(), key, func([]byte) ([]byte, error) { return []byte(`{"access_token":"a b"`), nil }))
	}
	w.ok(a, "")
}

func TestBadOptions(t *testing.T) {
	const server = "https://mcp.example/mcp"
	browser := Browser(OpenBrowser)
	for name, c := range map[string]struct {
		server string
		flow   Flow
		opts   []Option
		want   string
	}{
		"scheme":           {"ftp://x/", browser, nil, "is not of the form https://host/path"},
		"user":             {"https://a:b@x/", browser, nil, "has a user or a fragment"},
		"plain HTTP":       {"http://mcp.example/mcp", browser, nil, "is not https"},
		"plain WebSocket":  {"ws://mcp.example/mcp", browser, nil, "is not https"},
		"no flow":          {server, nil, nil, "there is no flow"},
		"issuer":           {server, browser, []Option{WithIssuer("http://as.example")}, "the issuer"},
		"credentials":      {server, browser, []Option{WithCredentials(Credentials{})}, "have no client id"},
		"document":         {server, browser, []Option{WithMetadataDocument("https://x", nil)}, "is not of the form https://host/path"},
		"nothing to prove": {server, ClientCredentials(Credentials{ID: "x"}), nil, "need a secret or a key"},
		"provider":         {server, Enterprise(IdentityProvider{}), nil, "needs a client id and an ID token"},
		"listener":         {server, Browser(OpenBrowser, ListenOn("0.0.0.0:1")), nil, "is not of the form 127.0.0.1:port"},
		"callback":         {server, Browser(OpenBrowser, CallbackPath("x")), nil, "is not of the form /path"},
		"redirect URI":     {server, Redirect("http://x/", nil), nil, "is neither https nor of this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.server, c.flow, c.opts...)
			require.ErrorContains(t, err, c.want)
		})
	}
	for _, fine := range []string{"wss://mcp.example/ws", "ws://localhost:1/", "http://[::1]/"} {
		_, err := New(fine, browser)
		require.NoError(t, err)
	}
	_, err := New("http://mcp.example/mcp", browser, WithPlainHTTP())
	require.NoError(t, err)
}
