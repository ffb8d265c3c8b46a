package serverauth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// logged is all that anybody logged while the tests ran, and secrets is what must not be in it.
var (
	logged  safeBuffer
	secrets struct {
		sync.Mutex
		all []string
	}
)

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// secret notes a text that must not be seen, and returns it.
func secret(s string) string {
	secrets.Lock()
	defer secrets.Unlock()
	secrets.all = append(secrets.all, s)
	return s
}

// leaks gives the first secret that a text has; "" if there is none. A token is not seen in parts either: its signature is
// looked for as well.
func leaks(text string) string {
	secrets.Lock()
	defer secrets.Unlock()
	for _, s := range secrets.all {
		parts := []string{s}
		if i := strings.LastIndexByte(s, '.'); i >= 0 && len(s)-i > 20 {
			parts = append(parts, s[i+1:])
		}
		for _, p := range parts {
			if strings.Contains(text, p) {
				return p
			}
		}
	}
	return ""
}

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.MultiWriter(&logged), &slog.HandlerOptions{Level: slog.LevelDebug})))
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // the workers of the fuzzer are no suite
	}
	code := m.Run()
	all := logged.String()
	switch s := leaks(all); {
	case code != 0:
	case s != "":
		fmt.Fprintf(os.Stderr, "a secret of %d bytes was logged: %.8s...\n", len(s), s)
		code = 1
	case testing.Short():
	case len(secrets.all) > 30 && !strings.Contains(all, "serverauth: refused"):
		fmt.Fprintln(os.Stderr, "nothing was logged: the test for secrets in the log tests nothing")
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// signer is a key of an issuer, or of a client that proves possession.
type signer struct {
	alg     string
	kid     string
	private any
	public  crypto.PublicKey
}

var signers sync.Map // made once, for they take time

func newSigner(t testing.TB, alg, name string) *signer {
	if s, ok := signers.Load(alg + name); ok {
		return s.(*signer)
	}
	s := &signer{alg: alg, kid: name}
	switch alg[:2] {
	case "RS", "PS":
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		s.private, s.public = k, &k.PublicKey
	default:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		s.private, s.public = k, &k.PublicKey
	}
	signers.Store(alg+name, s)
	return s
}

// jwk gives the public key as JSON.
func (s *signer) jwk(t testing.TB, more ...any) map[string]any {
	k, err := jwk.Import(s.public)
	require.NoError(t, err)
	if s.kid != "" {
		require.NoError(t, k.Set("kid", s.kid))
	}
	for i := 0; i < len(more); i += 2 {
		require.NoError(t, k.Set(more[i].(string), more[i+1]))
	}
	text, err := json.Marshal(k)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

type m = map[string]any

// sign makes a JWT. Header members of nil are left out.
func (s *signer) sign(t testing.TB, header, payload m) string {
	h := jws.NewHeaders()
	full := m{"kid": s.kid, "typ": "at+jwt"}
	for k, v := range header {
		full[k] = v
	}
	for k, v := range full {
		if v != nil && v != "" {
			require.NoError(t, h.Set(k, v))
		}
	}
	text, err := json.Marshal(payload)
	require.NoError(t, err)
	alg, ok := jwa.LookupSignatureAlgorithm(s.alg)
	require.True(t, ok)
	signed, err := jws.Sign(text, jws.WithKey(alg, s.private, jws.WithProtectedHeaders(h)))
	require.NoError(t, err)
	return secret(string(signed))
}

// part is a part of a JWT.
func part(t testing.TB, v m) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// authority is an authorization server: its metadata, and keys that can be changed.
type authority struct {
	*httptest.Server
	url string

	mu     sync.Mutex
	keys   []m
	at     string // path of the metadata
	issuer string // that it says it is; "" for url
	down   bool
	header http.Header
	answer func(form map[string][]string, q *http.Request) any
	asked  int // introspections
}

func newAuthority(t testing.TB, keys ...*signer) *authority {
	a := &authority{at: "/.well-known/oauth-authorization-server"}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for k, v := range a.header {
			w.Header()[k] = v
		}
		switch {
		case a.down:
			w.WriteHeader(http.StatusInternalServerError)
		case q.URL.Path == a.at:
			issuer := a.issuer
			if issuer == "" {
				issuer = a.url
			}
			_ = json.NewEncoder(w).Encode(m{"issuer": issuer, "jwks_uri": a.URL + "/keys"})
		case q.URL.Path == "/keys":
			_ = json.NewEncoder(w).Encode(m{"keys": a.keys})
		case q.URL.Path == "/introspect" && q.Method == http.MethodPost:
			a.asked++
			_ = q.ParseForm()
			_ = json.NewEncoder(w).Encode(a.answer(q.PostForm, q))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	a.url = a.URL
	t.Cleanup(func() {
		a.Close()
		a.Client().CloseIdleConnections()
	})
	a.publish(t, keys...)
	return a
}

func (a *authority) publish(t testing.TB, keys ...*signer) {
	a.set(func() {
		a.keys = nil
		for _, k := range keys {
			a.keys = append(a.keys, k.jwk(t))
		}
	})
}

func (a *authority) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

const resourceURL = "https://mcp.example.com/mcp"

// claims are those of a good token, with changes; nil takes one away.
func (a *authority) claims(changes m) m {
	now := time.Now()
	c := m{
		"iss": a.url, "sub": "ada", "aud": resourceURL, "client_id": "app", "scope": "mcp:read mcp:write",
		"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "jti": "1",
	}
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func (a *authority) verifier(opts ...JWTOption) *JWTVerifier {
	return JWT(a.url, append([]JWTOption{HTTPClient(a.Client())}, opts...)...)
}

// seen is what a protected handler sees of a request.
type seen struct {
	principal rpc.Principal
	identity  *Identity
	header    http.Header
	known     bool
}

// protect puts a handler that notes what it sees behind Require.
func protect(v Verifier, r *ProtectedResource, scopes ...string) (http.Handler, *seen) {
	s := new(seen)
	return Require(v, r, scopes...)(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		*s = seen{header: q.Header, identity: IdentityFrom(q.Context())}
		s.principal, s.known = rpc.PrincipalFrom(q.Context())
		w.WriteHeader(http.StatusNoContent)
	})), s
}

// ask makes a request with header fields in pairs, and fails if the answer gives a secret away.
func ask(t testing.TB, h http.Handler, method, url string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(header); i += 2 {
		q.Header.Add(header[i], header[i+1])
	}
	return send(t, h, q)
}

func send(t testing.TB, h http.Handler, q *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, q)
	require.Empty(t, leaks(rec.Body.String()+fmt.Sprint(rec.Header())), "the answer has a secret")
	return rec
}

// with asks with a Bearer token.
func with(t testing.TB, h http.Handler, token string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, h, http.MethodPost, resourceURL, "Authorization", "Bearer "+token)
}

// reasonFor gives the reason for which a verifier does not take a token; "" if it does.
func reasonFor(t testing.TB, v Verifier, token string) Reason {
	t.Helper()
	_, err := verify(t, v, token)
	if err == nil {
		return ""
	}
	return reasonOf(err).Reason
}

func verify(t testing.TB, v Verifier, token string) (Identity, error) {
	t.Helper()
	q := httptest.NewRequest(http.MethodPost, resourceURL, nil)
	id, err := v.Verify(context.Background(), Credential{Scheme: schemeBearer, Token: Secret(token), Resource: resourceURL, Request: q})
	if err != nil {
		require.Empty(t, leaks(err.Error()), "the error has a secret")
	}
	return id, err
}

// mustKey gives the public key for a header.
func mustKey(t testing.TB, s *signer) jwk.Key {
	k, err := jwk.Import(s.public)
	require.NoError(t, err)
	return k
}

// jwkOf gives any key for a header.
func jwkOf(raw any) (jwk.Key, error) { return jwk.Import(raw) }
