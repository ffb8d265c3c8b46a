package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/stretchr/testify/require"
)

// authorizationServer is one that lets everybody do everything as ada.
type authorizationServer struct {
	*httptest.Server
	mu    sync.Mutex
	asked []url.Values // authorization requests, by their codes
}

func newAuthorizationServer(t *testing.T) *authorizationServer {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := jwk.Import(&private.PublicKey)
	require.NoError(t, err)
	a, mux := new(authorizationServer), http.NewServeMux()
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": a.URL, "jwks_uri": a.URL + "/keys", "authorization_endpoint": a.URL + "/authorize", "token_endpoint": a.URL + "/token",
			"registration_endpoint": a.URL + "/register", "code_challenge_methods_supported": []string{"S256"},
			"authorization_response_iss_parameter_supported": true,
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"keys": []any{public}}) })
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"client_id": "example"}) })
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.asked = append(a.asked, q)
		back := url.Values{"code": {string(rune('0' + len(a.asked) - 1))}, "state": {q.Get("state")}, "iss": {a.URL}}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		q := a.asked[r.FormValue("code")[0]-'0']
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		token, err := jwt.NewBuilder().Issuer(a.URL).Subject("ada").Audience([]string{q.Get("resource")}).Expiration(time.Now().Add(time.Minute)).
			Claim("scope", q.Get("scope")).Claim("client_id", q.Get("client_id")).Build()
		if err != nil {
			t.Error(err)
			return
		}
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), private))
		if err != nil {
			t.Error(err)
			return
		}
		answer(w, map[string]any{"access_token": string(signed), "token_type": "Bearer", "expires_in": 60, "scope": q.Get("scope")})
	})
	return a
}

// TestTheTwoPrograms has the server as a process, as its comment says, and a browser that goes where it is sent.
func TestTheTwoPrograms(t *testing.T) {
	a := newAuthorizationServer(t)
	program := filepath.Join(t.TempDir(), "auth")
	text, err := exec.Command("go", "build", "-o", program, "..").CombinedOutput()
	require.NoError(t, err, "%s", text)
	cmd := exec.Command(program, "-issuer", a.URL, "-http", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { require.NoError(t, cmd.Process.Signal(os.Kill)) }()
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan())
	at, ok := strings.CutPrefix(lines.Text(), "auth: serving ")
	require.True(t, ok, lines.Text())

	var browsers sync.WaitGroup
	defer browsers.Wait()
	open := func(_ context.Context, at string) error {
		browsers.Go(func() {
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(at)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
		return nil
	}
	folder := t.TempDir()
	for range 2 {
		var out strings.Builder
		require.NoError(t, talk(t.Context(), at, folder, open, &out), out.String())
		require.Contains(t, out.String(), "whoami: ada, by the client example, with the scopes [\"mcp:use\"")
		require.Contains(t, out.String(), "forget: all notes are forgotten\n")
		require.Len(t, a.asked, 2, "once to sign in, once for the scope of forget, and no more the second time")
	}
	require.Equal(t, "mcp:use", a.asked[0].Get("scope"))
	require.ElementsMatch(t, []string{"mcp:use", "notes:write"}, strings.Fields(a.asked[1].Get("scope")))
}
