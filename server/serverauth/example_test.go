package serverauth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/serverauth"
)

func newServer() *server.Server {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Say hi.", func(ctx context.Context, _ struct{}) (string, error) {
		p, _ := server.CallFrom(ctx).Principal()
		return "hello, " + p.ID, nil
	})
	return s
}

// Five lines protect a mux: what is on it needs a token, and the metadata that tells clients where to get one is served
// besides.
func Example() {
	s := newServer()
	mux := http.NewServeMux()
	mux.Handle("/mcp", streamhttp.Handler(s))

	resource := serverauth.Resource("https://mcp.example.com/mcp")
	verifier := serverauth.JWT("https://auth.example.com")
	protected := serverauth.Require(verifier, resource, "mcp:use")(mux)
	// err := http.ListenAndServeTLS(":443", "cert.pem", "key.pem", protected)

	answer := get(protected, "https://mcp.example.com/mcp")
	fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"))
	fmt.Println(get(protected, "https://mcp.example.com/.well-known/oauth-protected-resource/mcp").Body)
	// Output:
	// 401 Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:use"
	// {"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com"],"scopes_supported":["mcp:use"],"bearer_methods_supported":["header"]}
}

// get makes a request without a token, or with one.
func get(h http.Handler, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// whoami tells who got through.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	id := serverauth.IdentityFrom(r.Context())
	_, _ = fmt.Fprintln(w, id.Subject, id.Scopes)
})

var resource = serverauth.Resource("https://mcp.example.com/mcp")

// Tokens that an authorization server signs: its keys are found by its metadata, and kept.
func ExampleJWT() {
	verifier := serverauth.JWT("https://auth.example.com",
		serverauth.Algorithms("ES256", "RS256"),
		serverauth.Audiences("api://mcp"), // where the authorization server does not know the URL of the resource
	)
	h := serverauth.Require(verifier, resource)(whoami)
	answer := get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.AAAA")
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// Bearer error="invalid_token", error_description="the algorithm of the token is not allowed", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
}

// Tokens of any form: the authorization server is asked about each.
func ExampleIntrospection() {
	authorizationServer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, `{"active":%t,"sub":"ada","scope":"mcp:use","aud":"https://mcp.example.com/mcp"}`, id == "mcp" && r.FormValue("token") == "opaque")
	}))
	defer authorizationServer.Close()

	verifier := serverauth.Introspection(authorizationServer.URL+"/introspect",
		serverauth.ClientSecret("mcp", "the secret of this server"),
		serverauth.IssuedBy("https://auth.example.com"),
		serverauth.HTTPClient(authorizationServer.Client()))
	h := serverauth.Require(verifier, resource, "mcp:use")(whoami)
	fmt.Print(get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer opaque").Body)
	fmt.Println(get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer another").Code)
	// Output:
	// ada [mcp:use]
	// 401
}

// Keys that never change, of which only the digest need be in the configuration.
func ExampleAPIKeys() {
	verifier := serverauth.APIKeys(
		serverauth.APIKey{Name: "ci", Key: "Yh7pZsM2qd8TtKfR", Scopes: []string{"mcp:use"}},
		serverauth.APIKey{Name: "ops", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	)
	h := serverauth.Require(verifier, resource)(whoami)
	fmt.Print(get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer Yh7pZsM2qd8TtKfR").Body)
	// Output: ci [mcp:use]
}

// Clients with a certificate need no token. The http.Server asks for it and verifies it.
func ExampleClientCertificates() {
	verifier := serverauth.ClientCertificates(nil, func(c *x509.Certificate) (serverauth.Identity, error) {
		return serverauth.Identity{Subject: c.Subject.CommonName, Scopes: []string{"mcp:use"}}, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", streamhttp.Handler(newServer()))
	authorities := x509.NewCertPool() // AppendCertsFromPEM(…)
	web := &http.Server{
		Addr:      ":443",
		Handler:   serverauth.Require(verifier, resource)(mux),
		TLSConfig: serverauth.TLSConfig(new(serverauth.Certificates), serverauth.TLSOptions{ClientRoots: authorities, RequireClient: true}),
	}
	// err := web.ListenAndServeTLS("", "")
	fmt.Println(web.TLSConfig.MinVersion == tls.VersionTLS12, web.TLSConfig.ClientAuth)
	// Output: true RequireAndVerifyClientCert
}

// Tokens that a thief cannot use: clients prove with each request that they have the key, with a nonce of the server.
func ExampleDPoP() {
	bound := serverauth.Resource("https://mcp.example.com/mcp",
		serverauth.DPoP(serverauth.DPoPOptions{Required: true, Nonce: true, Algorithms: []string{"ES256"}}))
	h := serverauth.Require(serverauth.JWT("https://auth.example.com"), bound)(whoami)
	fmt.Println(get(h, "https://mcp.example.com/mcp").Header().Get("WWW-Authenticate"))
	// Output:
	// DPoP resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", algs="ES256"
}

// A function of yours, next to another verifier.
func ExampleVerifierFunc() {
	find := func(_ context.Context, digest string) (user string, err error) {
		if digest == "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5" {
			return "ada", nil
		}
		return "", sql.ErrNoRows
	}
	own := serverauth.VerifierFunc(func(ctx context.Context, c serverauth.Credential) (serverauth.Identity, error) {
		user, err := find(ctx, c.Token.SHA256())
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return serverauth.Identity{}, serverauth.Refuse(serverauth.ReasonUnknown, "the token is not known", nil)
		case err != nil:
			return serverauth.Identity{}, serverauth.Refuse(serverauth.ReasonUnavailable, "try again later", err)
		}
		return serverauth.Identity{Issuer: "database:", Subject: user, Scopes: []string{"mcp:use"}}, nil
	})
	h := serverauth.Require(serverauth.AnyOf(own, serverauth.JWT("https://auth.example.com")), resource)(whoami)
	fmt.Print(get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer 12345").Body)
	// Output: ada [mcp:use]
}

// Roles give scopes that are not in the token.
func ExampleRoles() {
	groups := map[string][]string{"ci": {"mcp:use", "files:write"}}
	r := serverauth.Resource("https://mcp.example.com/mcp", serverauth.Roles(func(_ context.Context, id serverauth.Identity) ([]string, error) {
		return groups[id.Subject], nil
	}))
	verifier := serverauth.APIKeys(serverauth.APIKey{Name: "ci", Key: "Yh7pZsM2qd8TtKfR"})
	h := serverauth.Require(verifier, r, "mcp:use")(whoami)
	fmt.Println(get(h, "https://mcp.example.com/mcp", "Authorization", "Bearer Yh7pZsM2qd8TtKfR").Code)
	// Output: 200
}

// Requests that come without TLS are redirected if they have no token, and refused if they have.
func ExampleHTTPS() {
	r := serverauth.Resource("https://mcp.example.com/mcp", serverauth.HTTPS(serverauth.HTTPSOptions{Redirect: true}))
	h := serverauth.Require(serverauth.JWT("https://auth.example.com"), r)(whoami)
	answer := get(h, "http://mcp.example.com/mcp")
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	fmt.Println(get(h, "http://mcp.example.com/mcp", "Authorization", "Bearer x").Code)
	// Output:
	// 308 https://mcp.example.com/mcp
	// 403
}
