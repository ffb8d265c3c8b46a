package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, text string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

const (
	mcp      = "https://mcp.example.com/mcp"
	callback = "http://127.0.0.1:1/callback"
	verifier = "a-verifier-of-more-than-forty-three-characters"
)

// register registers a client, and gives the status and the answer.
func register(t *testing.T, issuer string, more map[string]any) (int, map[string]any) {
	body := map[string]any{"client_name": "test", "application_type": "native", "redirect_uris": []string{callback},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none"}
	for k, v := range more {
		body[k] = v
	}
	text, err := json.Marshal(body)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Post(issuer+"/register", "application/json", bytes.NewReader(text))
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var m map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&m))
	return resp.StatusCode, m
}

// ask is an authorization request, with changes; "" takes a parameter away.
func ask(id string, changes ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {id}, "redirect_uri": {callback}, "scope": {"mcp:use"}, "state": {"xyz"},
		"resource": {mcp}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	return change(q, changes)
}

func change(q url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if q.Del(changes[i]); changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return q
}

// authorize makes the request as ada, and gives the status and text of the page, or the answer to the client.
func authorize(t *testing.T, issuer string, q url.Values) (int, string, url.Values) {
	browser := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "127.0.0.1:1" {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	answer := func(resp *http.Response, err error) (int, string, url.Values) {
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		to, err := resp.Location()
		if err != nil {
			return resp.StatusCode, string(text), nil
		}
		return resp.StatusCode, string(text), to.Query()
	}
	status, page, to := answer(browser.Get(issuer + "/authorize?" + q.Encode()))
	id := hidden.FindStringSubmatch(page)
	if to != nil || id == nil {
		return status, page, to
	}
	return answer(browser.PostForm(issuer+"/login", url.Values{"id": {id[1]}, "name": {"ada"}, "password": {"lovelace"}, "decision": {"allow"}}))
}

// exchange is a request for tokens with a code, with changes.
func exchange(id, code string, changes ...string) url.Values {
	return change(url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "code": {code}, "redirect_uri": {callback},
		"code_verifier": {verifier}, "resource": {mcp}}, changes)
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	issuer := start(t)
	for name, c := range map[string]struct {
		more map[string]any
		code string
	}{
		"no redirect URI":                    {map[string]any{"redirect_uris": []string{}}, "invalid_redirect_uri"},
		"http elsewhere":                     {map[string]any{"redirect_uris": []string{"http://example.com/"}}, "invalid_redirect_uri"},
		"a script":                           {map[string]any{"redirect_uris": []string{"javascript:alert(1)"}}, "invalid_redirect_uri"},
		"a fragment":                         {map[string]any{"redirect_uris": []string{callback + "#x"}}, "invalid_redirect_uri"},
		"loopback of a web client":           {map[string]any{"application_type": "web"}, "invalid_redirect_uri"},
		"another application type":           {map[string]any{"application_type": "toaster"}, "invalid_client_metadata"},
		"another way to authenticate":        {map[string]any{"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"},
		"a grant without the user's browser": {map[string]any{"grant_types": []string{"password"}}, "invalid_client_metadata"},
		"an implicit response":               {map[string]any{"response_types": []string{"token"}}, "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			status, m := register(t, issuer, c.more)
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, c.code, m["error"])
		})
	}
	status, m := register(t, issuer, map[string]any{"application_type": "web", "redirect_uris": []string{"https://app.example.com/callback"}, "token_endpoint_auth_method": "client_secret_basic"})
	require.Equal(t, http.StatusCreated, status)
	require.NotEmpty(t, m["client_secret"])
	require.InDelta(t, 0, m["client_secret_expires_at"], 0)
}

func TestAuthorizationRequestsThatAreRefused(t *testing.T) {
	issuer := start(t, "-resource", mcp)
	_, m := register(t, issuer, nil)
	id := m["client_id"].(string)
	for name, changes := range map[string][]string{
		"no PKCE":            {"code_challenge", ""},
		"PKCE in the clear":  {"code_challenge_method", "plain"},
		"no PKCE method":     {"code_challenge_method", ""},
		"no resource":        {"resource", ""},
		"another resource":   {"resource", "https://elsewhere.example.com/mcp"},
		"implicit":           {"response_type", "token"},
		"no client":          {"client_id", ""},
		"unknown client":     {"client_id", "nobody"},
		"another redirect":   {"redirect_uri", "http://127.0.0.1:1/elsewhere"},
		"redirect to a host": {"redirect_uri", "https://evil.example/callback"},
	} {
		t.Run(name, func(t *testing.T) {
			status, page, answer := authorize(t, issuer, ask(id, changes...))
			require.Empty(t, answer.Get("code"))
			if answer == nil {
				require.GreaterOrEqual(t, status, 400, page)
				return
			}
			require.NotEmpty(t, answer.Get("error"))
			require.Equal(t, issuer, answer.Get("iss"), "answers with an error have the issuer too")
			require.Equal(t, "xyz", answer.Get("state"))
		})
	}
	_, _, answer := authorize(t, issuer, ask(id, "redirect_uri", "http://127.0.0.1:1/callback"))
	require.NotEmpty(t, answer.Get("code"))
	require.Equal(t, issuer, answer.Get("iss"))
	require.Equal(t, "xyz", answer.Get("state"))
}

// TestCodes has a code for each case, with one thing wrong.
func TestCodes(t *testing.T) {
	issuer := start(t)
	_, m := register(t, issuer, nil)
	id := m["client_id"].(string)
	_, m = register(t, issuer, nil)
	other := m["client_id"].(string)
	for name, c := range map[string]struct {
		changes []string
		code    string
	}{
		"another client":   {[]string{"client_id", other}, "invalid_grant"},
		"another verifier": {[]string{"code_verifier", verifier + "x"}, "invalid_grant"},
		"no verifier":      {[]string{"code_verifier", ""}, "invalid_request"},
		"another redirect": {[]string{"redirect_uri", "http://127.0.0.1:2/callback"}, "invalid_grant"},
		"another resource": {[]string{"resource", mcp + "/other"}, "invalid_target"},
		"another code":     {[]string{"code", "x"}, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, answer := authorize(t, issuer, ask(id))
			status, m := post(t, issuer+"/token", exchange(id, answer.Get("code"), c.changes...))
			require.Equal(t, http.StatusBadRequest, status)
			require.Equal(t, c.code, m["error"])
		})
	}
	_, _, answer := authorize(t, issuer, ask(id))
	status, m := post(t, issuer+"/token", exchange(id, answer.Get("code")))
	require.Equal(t, http.StatusOK, status)
	require.NotContains(t, m, "id_token")
	var claims struct {
		Aud []string
		Iss string
	}
	require.NoError(t, json.Unmarshal(decode(t, strings.Split(m["access_token"].(string), ".")[1]), &claims))
	require.Equal(t, []string{mcp}, claims.Aud)
	require.Equal(t, issuer, claims.Iss)
}

// TestCodeReplay uses a code twice: the second use is refused, and takes away what came of the first.
func TestCodeReplay(t *testing.T) {
	issuer := start(t)
	_, m := register(t, issuer, nil)
	id := m["client_id"].(string)
	_, _, answer := authorize(t, issuer, ask(id))
	form := exchange(id, answer.Get("code"))
	status, tokens := post(t, issuer+"/token", form)
	require.Equal(t, http.StatusOK, status)
	status, m = post(t, issuer+"/token", form)
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_grant", m["error"])
	status, m = post(t, issuer+"/token", refreshWith(id, tokens))
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_grant", m["error"])
}

func refreshWith(id string, tokens map[string]any) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {id}, "refresh_token": {tokens["refresh_token"].(string)}, "resource": {mcp}}
}

// TestRefreshRacedByTen uses one refresh token ten times at once: one at most gets tokens, which the other uses take away.
func TestRefreshRacedByTen(t *testing.T) {
	issuer := start(t)
	_, m := register(t, issuer, nil)
	id := m["client_id"].(string)
	_, _, answer := authorize(t, issuer, ask(id))
	_, tokens := post(t, issuer+"/token", exchange(id, answer.Get("code")))

	status, tokens := post(t, issuer+"/token", refreshWith(id, tokens))
	require.Equal(t, http.StatusOK, status)
	var mu sync.Mutex
	var won []map[string]any
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			status, m := post(t, issuer+"/token", refreshWith(id, tokens))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case status == http.StatusOK:
				won = append(won, m)
			case m["error"] != "invalid_grant":
				t.Errorf("%d %v", status, m)
			}
		})
	}
	all.Wait()
	require.Len(t, won, 1)
	status, m = post(t, issuer+"/token", refreshWith(id, won[0]))
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_grant", m["error"])
}

func TestIntrospectionIsForResourceServers(t *testing.T) {
	issuer := start(t, "-resource-server", "mcp:s3cret", "-machine", "nightly:s3cret")
	_, m := register(t, issuer, nil)
	id := m["client_id"].(string)
	_, _, answer := authorize(t, issuer, ask(id))
	_, tokens := post(t, issuer+"/token", exchange(id, answer.Get("code")))
	asks := func(id, secret string) (int, any) {
		status, m := post(t, issuer+"/introspect", url.Values{"client_id": {id}, "client_secret": {secret}, "token": {tokens["access_token"].(string)}})
		return status, m["active"]
	}
	status, active := asks("mcp", "s3cret")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, true, active)
	_, active = asks("nightly", "s3cret")
	require.NotEqual(t, true, active)
	status, _ = asks("mcp", "guess")
	require.GreaterOrEqual(t, status, 400)
}

// TestPagesOfOthers: web pages get neither at the admin endpoint nor at the server under another name.
func TestPagesOfOthers(t *testing.T) {
	issuer := start(t)
	resp, err := http.DefaultClient.Post(issuer+pathRotate, "text/plain", nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, issuer+"/keys", nil)
	require.NoError(t, err)
	q.Host = "rebound.example"
	resp, err = http.DefaultClient.Do(q)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)
	require.ErrorContains(t, run(t.Context(), []string{"-listen", "0.0.0.0:0"}, io.Discard, io.Discard), "no loopback address")
}
