package serverauth

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// served is a server of tools behind Require, on a mux.
type served struct {
	url, path string
	client    *http.Client
}

func serve(t *testing.T, v Verifier, scopes ...string) *served {
	s := server.New("v", "1")
	server.AddTool(s, "who", "", func(ctx context.Context, _ struct{}) (string, error) {
		p, _ := server.CallFrom(ctx).Principal()
		return p.ID + " " + IdentityFrom(ctx).ClientID + " " + strings.Join(server.CallFrom(ctx).Header()["Authorization"], ","), nil
	})
	server.AddTool(s, "rm", "", func(context.Context, struct{}) (string, error) { return "gone", nil }, server.Scopes("files:write"))
	h := streamhttp.Handler(s)
	mux := http.NewServeMux()
	mux.Handle("/mcp", h)
	web := httptest.NewUnstartedServer(nil)
	web.Start()
	web.Config.Handler = Require(v, Resource(web.URL+"/mcp"), scopes...)(mux)
	t.Cleanup(func() {
		require.NoError(t, h.Shutdown(context.WithoutCancel(t.Context())))
		web.Close()
	})
	return &served{web.URL, "/mcp", web.Client()}
}

// do sends a message, and gives the status, the header and the body.
func (s *served) do(t *testing.T, method, token, session, message string) (int, http.Header, string) {
	q, err := http.NewRequestWithContext(t.Context(), method, s.url+s.path, strings.NewReader(message))
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if session != "" {
		q.Header.Set("Mcp-Session-Id", session)
	}
	response, err := s.client.Do(q)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if method != http.MethodGet { // a stream may be cut off
		require.NoError(t, err)
	}
	require.Empty(t, leaks(string(body)), "the answer has a secret")
	return response.StatusCode, response.Header, string(body)
}

const (
	initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`
	callWho    = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"who"}}`
	callRm     = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}}`
)

func TestSessionsBelongToTheirPrincipal(t *testing.T) {
	a, key := issued(t)
	s := serve(t, a.verifier(Audiences("test")))
	token := func(changes m) string {
		changes["aud"] = "test"
		return key.sign(t, nil, a.claims(changes))
	}
	ada, eve := token(m{}), token(m{"sub": "eve"})
	status, header, _ := s.do(t, http.MethodPost, ada, "", initialize)
	require.Equal(t, http.StatusOK, status)
	session := secret(header.Get("Mcp-Session-Id"))
	status, _, body := s.do(t, http.MethodPost, ada, session, callWho)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, a.url+`#ada app "`)
	// Another token of the same principal will do, and other scopes count at once.
	status, _, body = s.do(t, http.MethodPost, token(m{"client_id": "other app"}), session, callWho)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "#ada other app ")
	// Somebody else's does not, however good; nor does none, or one that has expired.
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		status, _, body = s.do(t, method, eve, session, callWho)
		require.Equal(t, http.StatusForbidden, status, method)
		require.Contains(t, body, "the session belongs to another principal")
		status, _, _ = s.do(t, method, "", session, callWho)
		require.Equal(t, http.StatusUnauthorized, status, method)
		status, _, _ = s.do(t, method, token(m{"exp": 1}), session, callWho)
		require.Equal(t, http.StatusUnauthorized, status, method)
	}
	status, _, _ = s.do(t, http.MethodPost, ada, session, callWho)
	require.Equal(t, http.StatusOK, status)
}

func TestAMissingScopeOfAToolIsAChallenge(t *testing.T) {
	a, key := issued(t)
	s := serve(t, a.verifier(Audiences("test")), "mcp:read")
	token := key.sign(t, nil, a.claims(m{"aud": "test", "scope": "mcp:read profile"}))
	_, header, _ := s.do(t, http.MethodPost, token, "", initialize)
	session := secret(header.Get("Mcp-Session-Id"))
	status, header, body := s.do(t, http.MethodPost, token, session, callRm)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, `Bearer error="insufficient_scope", error_description="more scopes are needed", resource_metadata="`+s.url+
		`/.well-known/oauth-protected-resource/mcp", scope="mcp:read files:write profile"`, header.Get("WWW-Authenticate"))
	require.JSONEq(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32013,"message":"the tool \"rm\" takes the scopes \"files:write\": missing \"files:write\"","data":{"scopes":["files:write"]}}}`, body)
	token = key.sign(t, nil, a.claims(m{"aud": "test", "scope": "mcp:read files:write"}))
	status, _, body = s.do(t, http.MethodPost, token, session, callRm)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "gone")
	// The metadata is served around the mux.
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/.well-known/oauth-protected-resource/mcp", nil)
	require.NoError(t, err)
	response, err := s.client.Do(q)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"resource":"`+s.url+`/mcp","authorization_servers":["`+a.url+`"],"scopes_supported":["mcp:read"],"bearer_methods_supported":["header"]}`, string(text))
}
