package clientauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if holdLock() {
		return
	}
	goleak.VerifyTestMain(m)
}

// redirectURI is where nobody listens: tests read the answer from the redirect.
const redirectURI = "http://127.0.0.1:8723/callback"

// issuer is an authorization server of a test. What it does wrong is set before it is used.
type issuer struct {
	t   *testing.T
	web *httptest.Server

	places   []string                                       // where metadata is; the first well-known place if empty
	path     string                                         // of the issuer identifier
	metadata func(m map[string]any)                         // changes the metadata
	redirect func(q url.Values)                             // changes the answer to an authorization request
	token    func(w http.ResponseWriter, f url.Values) bool // answers a token request instead; false to go on
	nonce    string                                         // that proofs need
	secret   string                                         // of registered clients
	lifetime int                                            // of tokens, in seconds

	mu       sync.Mutex
	got      []string // method and path of each request
	asked    []url.Values
	forms    []url.Values
	auths    []string // Authorization headers of token requests
	proofs   []string
	bodies   []map[string]any // of registrations
	codes    map[string]url.Values
	refresh  map[string]string // scope by refresh token in force
	valid    map[string]string // scope by token
	n        int
	families int // refresh tokens used twice
}

func newIssuer(t *testing.T) *issuer {
	s := &issuer{t: t, codes: map[string]url.Values{}, refresh: map[string]string{}, valid: map[string]string{}, lifetime: 3600}
	s.web = httptest.NewServer(s)
	t.Cleanup(s.web.Close)
	return s
}

func (s *issuer) id() string { return s.web.URL + s.path }

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r.Method+" "+r.URL.Path)
	places := s.places
	if len(places) == 0 {
		places = []string{"/.well-known/oauth-authorization-server" + s.path}
	}
	switch {
	case slices.Contains(places, r.URL.Path):
		m := map[string]any{
			"issuer": s.id(), "authorization_endpoint": s.web.URL + "/authorize", "token_endpoint": s.web.URL + "/token",
			"registration_endpoint": s.web.URL + "/register", "code_challenge_methods_supported": []string{"S256"},
			"token_endpoint_auth_methods_supported":          []string{"none", "client_secret_basic", "client_secret_post", "private_key_jwt"},
			"authorization_response_iss_parameter_supported": true,
		}
		if s.metadata != nil {
			s.metadata(m)
		}
		reply(w, http.StatusOK, m)
	case r.URL.Path == "/register":
		var body map[string]any
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.bodies = append(s.bodies, body)
		s.n++
		m := map[string]any{"client_id": fmt.Sprintf("client-%d", s.n), "redirect_uris": body["redirect_uris"]}
		if s.secret != "" {
			m["client_secret"], m["token_endpoint_auth_method"] = s.secret, "client_secret_basic"
		}
		reply(w, http.StatusCreated, m)
	case r.URL.Path == "/authorize":
		s.authorize(w, r)
	case r.URL.Path == "/token":
		s.serveToken(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.asked = append(s.asked, q)
	s.n++
	code := fmt.Sprintf("code-%d-secret", s.n)
	s.codes[code] = q
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {s.id()}}
	to := q.Get("redirect_uri")
	if s.redirect != nil {
		s.redirect(answer)
		if other := answer.Get("test-elsewhere"); other != "" {
			to = other
		}
	}
	http.Redirect(w, r, to+"?"+answer.Encode(), http.StatusFound)
}

func (s *issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f := r.PostForm
	s.forms, s.auths = append(s.forms, f), append(s.auths, r.Header.Get("Authorization"))
	proof := r.Header.Get("DPoP")
	s.proofs = append(s.proofs, proof)
	if s.token != nil && s.token(w, f) {
		return
	}
	if s.nonce != "" && proof != "" && claim(s.t, proof, "nonce") != s.nonce {
		w.Header().Set("DPoP-Nonce", s.nonce)
		refuse(w, "use_dpop_nonce")
		return
	}
	scope := f.Get("scope")
	switch f.Get("grant_type") {
	case "authorization_code":
		q, ok := s.codes[f.Get("code")]
		delete(s.codes, f.Get("code"))
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		if !ok || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || q.Get("redirect_uri") != f.Get("redirect_uri") || q.Get("resource") != f.Get("resource") {
			refuse(w, "invalid_grant")
			return
		}
		scope = q.Get("scope")
	case "refresh_token":
		var ok bool
		if scope, ok = s.refresh[f.Get("refresh_token")]; !ok {
			s.families++
			refuse(w, "invalid_grant")
			return
		}
		delete(s.refresh, f.Get("refresh_token"))
	}
	s.n++
	access, refresh := fmt.Sprintf("access-%d-secret", s.n), fmt.Sprintf("refresh-%d-secret", s.n)
	s.valid[access] = scope
	m := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": s.lifetime}
	if scope != "" {
		m["scope"] = scope
	}
	if proof != "" {
		m["token_type"] = "DPoP"
	}
	if g := f.Get("grant_type"); g == "authorization_code" || g == "refresh_token" {
		s.refresh[refresh] = scope
		m["refresh_token"] = refresh
	}
	reply(w, http.StatusOK, m)
}

// revoke makes the tokens that were issued worthless, and the refresh tokens if they are to go too.
func (s *issuer) revoke(refresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.valid)
	if refresh {
		clear(s.refresh)
	}
}

// count counts the requests to a path.
func (s *issuer) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, got := range s.got {
		if got == request {
			n++
		}
	}
	return n
}

func (s *issuer) last() url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.forms) == 0 {
		return nil
	}
	return s.forms[len(s.forms)-1]
}

// claim gives a claim of a JWT, unverified.
func claim(t *testing.T, token, name string) any {
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims[name]
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code string) {
	reply(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": "because"})
}

// resource is an MCP server of a test: it echoes bodies. It accepts the tokens of its issuer, with the scope that a request
// names in the header Need.
type resource struct {
	t      *testing.T
	web    *httptest.Server
	issuer *issuer

	places    []string // where metadata is; the first well-known place if empty
	metadata  func(m map[string]any)
	challenge func(status int, scope string) string
	handle    http.HandlerFunc // after authorization; nil echoes

	mu     sync.Mutex
	got    []string
	tokens []string
}

func newResource(t *testing.T, s *issuer) *resource {
	rs := &resource{t: t, issuer: s}
	rs.web = httptest.NewServer(rs)
	t.Cleanup(rs.web.Close)
	return rs
}

func (rs *resource) url() string { return rs.web.URL + "/mcp" }

func (rs *resource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rs.mu.Lock()
	rs.got = append(rs.got, r.Method+" "+r.URL.Path)
	places, s := rs.places, rs.issuer
	rs.mu.Unlock()
	if len(places) == 0 {
		places = []string{"/.well-known/oauth-protected-resource/mcp"}
	}
	switch {
	case slices.Contains(places, r.URL.Path):
		m := map[string]any{"resource": rs.url(), "authorization_servers": []string{s.id()}}
		if rs.metadata != nil {
			rs.metadata(m)
		}
		reply(w, http.StatusOK, m)
	case strings.HasPrefix(r.URL.Path, "/.well-known/"):
		http.NotFound(w, r)
	default:
		rs.serve(w, r, s)
	}
}

func (rs *resource) serve(w http.ResponseWriter, r *http.Request, s *issuer) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	rs.mu.Lock()
	rs.tokens = append(rs.tokens, token)
	rs.mu.Unlock()
	s.mu.Lock()
	scope, ok := s.valid[token]
	s.mu.Unlock()
	need := r.Header.Get("Need")
	say := rs.challenge
	if say == nil {
		say = func(status int, scope string) string {
			c := `Bearer resource_metadata="` + rs.web.URL + `/.well-known/oauth-protected-resource/mcp"`
			if status == http.StatusForbidden {
				c += `, error="insufficient_scope"`
			}
			if scope != "" {
				c += `, scope="` + scope + `"`
			}
			return c
		}
	}
	if proof := r.Header.Get("DPoP"); ok && scheme == "DPoP" && s.nonce != "" && claim(rs.t, proof, "nonce") != "rs-"+s.nonce {
		w.Header().Set("DPoP-Nonce", "rs-"+s.nonce)
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		http.Error(w, "nonce", http.StatusUnauthorized)
		return
	}
	status := http.StatusUnauthorized
	if ok {
		status = http.StatusForbidden
	}
	if !ok || need != "" && !slices.Contains(strings.Fields(scope), need) {
		if c := say(status, need); c != "" {
			w.Header().Set("WWW-Authenticate", c)
		}
		http.Error(w, "no", status)
		return
	}
	if rs.handle != nil {
		rs.handle(w, r)
		return
	}
	_, _ = io.Copy(w, r.Body)
}

// world is a server, its authorization server, and a client.
type world struct {
	*testing.T
	issuer   *issuer
	resource *resource
	trace    *lockedBuilder
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t *testing.T) *world {
	s := newIssuer(t)
	return &world{T: t, issuer: s, resource: newResource(t, s), trace: &lockedBuilder{}}
}

// authorizer makes the client; without a flow the user consents to everything.
func (w *world) authorizer(flow Flow, opts ...Option) *Authorizer {
	w.Helper()
	if flow == nil {
		flow = Redirect(redirectURI, consent)
	}
	a, err := New(w.resource.url(), flow, append([]Option{Trace(w.trace)}, opts...)...)
	require.NoError(w, err)
	w.Cleanup(a.CloseIdleConnections)
	w.Cleanup(func() {
		if w.Failed() {
			w.Log(w.trace.String())
		}
	})
	return a
}

// consent is a user who consents to everything.
func consent(ctx context.Context, at string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	return resp.Header.Get("Location"), resp.Body.Close()
}

// call makes a request that needs a scope; "" for none in particular.
func (w *world) call(a *Authorizer, need string) (int, error) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.resource.url(), strings.NewReader("hello"))
	require.NoError(w, err)
	if need != "" {
		req.Header.Set("Need", need)
	}
	resp, err := a.Client().Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(w, err)
	require.NoError(w, resp.Body.Close())
	if resp.StatusCode == http.StatusOK && w.resource.handle == nil {
		require.Equal(w, "hello", string(body))
	}
	return resp.StatusCode, nil
}

// ok makes a request that has to succeed.
func (w *world) ok(a *Authorizer, need string) {
	w.Helper()
	status, err := w.call(a, need)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, status)
}

// secrets gives everything that nobody may see.
func (w *world) secrets() []string {
	s := w.issuer
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Concat(slices.Collect(maps.Keys(s.valid)), slices.Collect(maps.Keys(s.refresh)), slices.Collect(maps.Keys(s.codes)), s.auths, s.proofs)
	for _, f := range s.forms {
		for name, values := range f {
			if !slices.Contains([]string{"grant_type", "resource", "scope", "client_id", "redirect_uri", "audience"}, name) && !strings.HasSuffix(name, "_type") {
				all = append(all, values...)
			}
		}
	}
	for _, q := range s.asked {
		all = append(all, q.Get("state"))
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
