package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server/serverauth"
)

// TestFlow goes through the whole of it: no token, registration, a form that a person fills in, a token, a tool that needs
// another scope and so another consent, and a second session without either.
func TestFlow(t *testing.T) {
	issuer := start(t)
	p := protect(t, jwt(issuer))
	someone, store := ada(t), clientauth.FileStore(t.TempDir())
	s, err := connect(t, p, someone.visit, clientauth.WithStore(store), clientauth.WithRegistration(clientauth.Registration{Name: "Ada's notebook"}))
	require.NoError(t, err)
	who, err := s.call(t, "whoami")
	require.NoError(t, err)
	require.Equal(t, issuer+"#ada", who)
	require.Len(t, someone.visits, 1)
	require.Equal(t, "mcp:use", someone.visits[0].Get("scope"))
	require.Equal(t, p.url, someone.visits[0].Get("resource"))
	require.Equal(t, "S256", someone.visits[0].Get("code_challenge_method"))

	// Step-up: the tool needs a scope that the token does not have; asked for are both, so that the first is not lost.
	gone, err := s.call(t, "delete")
	require.NoError(t, err)
	require.Equal(t, "gone", gone)
	require.Len(t, someone.visits, 2)
	require.ElementsMatch(t, []string{"mcp:use", "files:write"}, strings.Fields(someone.visits[1].Get("scope")))
	require.Equal(t, someone.visits[0].Get("client_id"), someone.visits[1].Get("client_id"), "registered once")
	_, err = s.call(t, "whoami")
	require.NoError(t, err)

	again, err := connect(t, p, someone.visit, clientauth.WithStore(store))
	require.NoError(t, err)
	_, err = again.call(t, "delete")
	require.NoError(t, err)
	require.Len(t, someone.visits, 2, "the token was kept")

	someone.done.Wait()
	require.Contains(t, someone.last, "signed in")
	for _, token := range p.tokens {
		if token != "" {
			require.NotContains(t, s.trace.String(), token)
		}
	}
}

func TestFlowByIntrospection(t *testing.T) {
	issuer := start(t, "-resource-server", "mcp:s3cret")
	verifier := serverauth.Introspection(issuer+"/introspect", serverauth.ClientSecret("mcp", "s3cret"), serverauth.IssuedBy(issuer), serverauth.CacheAnswers(-1, 0))
	p := protect(t, verifier)
	someone := ada(t)
	s, err := connect(t, p, someone.visit)
	require.NoError(t, err)
	who, err := s.call(t, "whoami")
	require.NoError(t, err)
	require.Equal(t, issuer+"#ada", who)

	// A token that was revoked is worth nothing at once; the client gets another without asking anybody.
	old := p.last()
	status, _ := post(t, issuer+"/revoke", url.Values{"token": {old}, "client_id": {someone.visits[0].Get("client_id")}})
	require.Equal(t, http.StatusOK, status)
	_, err = s.call(t, "whoami")
	require.NoError(t, err)
	require.NotEqual(t, old, p.last())
	require.Len(t, someone.visits, 1)
}

func TestMachine(t *testing.T) {
	issuer := start(t, "-machine", "nightly:s3cret")
	p := protect(t, jwt(issuer))
	auth, err := clientauth.New(p.url, clientauth.ClientCredentials(clientauth.Credentials{Issuer: issuer, ID: "nightly", Secret: "s3cret"}))
	require.NoError(t, err)
	defer auth.CloseIdleConnections()
	c, err := client.Dial(t.Context(), client.Info("nightly", "1.0.0"), streamhttp.Connect(p.url, streamhttp.WithClient(auth.Client())))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	who, err := client.CallTool[string](t.Context(), c, "whoami", nil)
	require.NoError(t, err)
	require.Equal(t, issuer+"#nightly", who)
}

// TestTokensAreRefreshed has a token expire; nobody is asked again, and ten calls at once lead to one refresh.
func TestTokensAreRefreshed(t *testing.T) {
	issuer := start(t, "-resource-server", "mcp:s3cret")
	p := protect(t, serverauth.Introspection(issuer+"/introspect", serverauth.ClientSecret("mcp", "s3cret"), serverauth.IssuedBy(issuer), serverauth.CacheAnswers(-1, 0)))
	someone := ada(t)
	s, err := connect(t, p, someone.visit)
	require.NoError(t, err)
	_, err = s.call(t, "whoami")
	require.NoError(t, err)
	for range 3 {
		post(t, issuer+"/revoke", url.Values{"token": {p.last()}, "client_id": {someone.visits[0].Get("client_id")}})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if _, err := s.call(t, "whoami"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	require.Len(t, someone.visits, 1, "a refresh token was used twice, and all of them were revoked")
	require.Equal(t, 3, strings.Count(s.trace.String(), "token request: refresh_token"))
}

// TestKeysRotate: tokens of a new key are taken at once, those of the one before too; not so if that is to be forgotten.
func TestKeysRotate(t *testing.T) {
	issuer := start(t)
	verifier := jwt(issuer)
	p := protect(t, verifier)
	someone := ada(t)
	first, err := connect(t, p, someone.visit)
	require.NoError(t, err)
	_, err = first.call(t, "whoami")
	require.NoError(t, err)
	old := p.last()

	rotateKeys(t, issuer)
	second, err := connect(t, p, someone.visit)
	require.NoError(t, err)
	_, err = second.call(t, "whoami")
	require.NoError(t, err)
	require.NotEqual(t, kid(t, old), kid(t, p.last()))
	require.Equal(t, http.StatusOK, status(t, p, old))

	rotateKeys(t, issuer, "-forget")
	third, err := connect(t, p, someone.visit)
	require.NoError(t, err)
	_, err = third.call(t, "whoami")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status(t, p, old))
	_, err = first.call(t, "whoami")
	require.NoError(t, err, "the client refreshes its token")
	require.Len(t, someone.visits, 3)
}

func rotateKeys(t *testing.T, issuer string, flags ...string) {
	cmd := exec.Command(os.Args[0], append(append([]string{"rotate"}, flags...), issuer)...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), `"kid"`)
}

// kid gives the key id of a token, unverified.
func kid(t *testing.T, token string) string {
	head, _, _ := strings.Cut(token, ".")
	var h struct{ Kid string }
	require.NoError(t, json.Unmarshal(decode(t, head), &h))
	return h.Kid
}

// status gives the status of a request that opens a session with a token.
func status(t *testing.T, p *protected, token string) int {
	code, _ := send(t, p, token, "", initialize)
	return code
}

const (
	initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`
	callWhoami = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`
)

// send sends a message to a server with a token, and gives the status and the session.
func send(t *testing.T, p *protected, token, session, message string) (int, string) {
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader(message))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", "application/json, text/event-stream")
	q.Header.Set("Authorization", "Bearer "+token)
	if session != "" {
		q.Header.Set("Mcp-Session-Id", session)
	}
	resp, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header.Get("Mcp-Session-Id")
}

// post sends a form, and gives the status and the members of the answer.
func post(t *testing.T, at string, form url.Values) (int, map[string]any) {
	resp, err := http.DefaultClient.PostForm(at, form)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	var m map[string]any
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &m), string(text))
	}
	return resp.StatusCode, m
}

// TestSomebodyElsesSession: with another's token a session cannot be used, however good the token is.
func TestSomebodyElsesSession(t *testing.T) {
	issuer := start(t, "-user", "ada:lovelace", "-user", "eve:moriarty")
	p := protect(t, jwt(issuer))
	eve := &person{name: "eve", password: "moriarty", decision: "allow"}
	t.Cleanup(eve.done.Wait)
	token := func(someone *person) string {
		s, err := connect(t, p, someone.visit)
		require.NoError(t, err)
		_, err = s.call(t, "whoami")
		require.NoError(t, err)
		return p.last()
	}
	hers, his := token(ada(t)), token(eve)
	code, session := send(t, p, hers, "", initialize)
	require.Equal(t, http.StatusOK, code)
	code, _ = send(t, p, hers, session, callWhoami)
	require.Equal(t, http.StatusOK, code)
	code, _ = send(t, p, his, session, callWhoami)
	require.Equal(t, http.StatusForbidden, code)
}

// TestDenied: the user says no, and the call fails with that.
func TestDenied(t *testing.T) {
	p := protect(t, jwt(start(t)))
	someone := ada(t)
	someone.decision = "deny"
	_, err := connect(t, p, someone.visit)
	require.ErrorContains(t, err, "access_denied")
}

// TestRefreshTokenRevoked: the user is asked again, once.
func TestRefreshTokenRevoked(t *testing.T) {
	issuer := start(t, "-resource-server", "mcp:s3cret")
	p := protect(t, serverauth.Introspection(issuer+"/introspect", serverauth.ClientSecret("mcp", "s3cret"), serverauth.IssuedBy(issuer), serverauth.CacheAnswers(-1, 0)))
	someone, store := ada(t), &spy{Store: clientauth.MemoryStore()}
	s, err := connect(t, p, someone.visit, clientauth.WithStore(store))
	require.NoError(t, err)
	_, err = s.call(t, "whoami")
	require.NoError(t, err)
	refresh := store.refreshToken(t)
	code, _ := post(t, issuer+"/revoke", url.Values{"token": {refresh}, "client_id": {someone.visits[0].Get("client_id")}})
	require.Equal(t, http.StatusOK, code)
	_, err = s.call(t, "whoami")
	require.NoError(t, err)
	require.Len(t, someone.visits, 2)
	require.Contains(t, s.trace.String(), "invalid_grant")
	require.NotContains(t, s.trace.String(), refresh)
	require.NotEqual(t, refresh, store.refreshToken(t))
}

// spy is a store that lets a test see what is in it.
type spy struct {
	clientauth.Store
	mu   sync.Mutex
	last map[string][]byte
}

func (s *spy) Update(ctx context.Context, key string, f func([]byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		kept, err := f(old)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.last == nil {
			s.last = map[string][]byte{}
		}
		s.last[key] = kept
		return kept, err
	})
}

func (s *spy) refreshToken(t *testing.T) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.last {
		var m struct {
			Refresh string `json:"refresh_token"`
		}
		if json.Unmarshal(text, &m) == nil && m.Refresh != "" {
			return m.Refresh
		}
	}
	require.Fail(t, "no refresh token was kept")
	return ""
}
