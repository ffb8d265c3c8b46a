package clientauth_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

// A user signs in with the browser, once: the token and the registration are kept in a folder.
func Example() {
	mcp := protectedServer()
	defer mcp.Close()
	ctx := context.Background()
	folder, _ := os.MkdirTemp("", "tokens")
	defer func() { _ = os.RemoveAll(folder) }()

	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser), clientauth.WithStore(clientauth.FileStore(folder)))
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), streamhttp.Connect(mcp.URL+"/mcp", streamhttp.WithClient(auth.Client())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	fmt.Println(client.CallTool[string](ctx, c, "greet", nil))
	// Output:
	// hello, a user <nil>
}

// dial connects to a server and calls its tool.
func dial(auth *clientauth.Authorizer, err error, url string) {
	if err != nil {
		fmt.Println(err)
		return
	}
	defer auth.CloseIdleConnections()
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), streamhttp.Connect(url, streamhttp.WithClient(auth.Client())))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	fmt.Println(client.CallTool[string](ctx, c, "greet", nil))
}

// An application with a web server of its own receives the answer there.
func ExampleRedirect() {
	mcp := protectedServer()
	defer mcp.Close()
	answers := make(chan string, 1)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers <- r.URL.String()
		_, _ = w.Write([]byte("You can close this window."))
	}))
	defer app.Close()

	flow := clientauth.Redirect(app.URL+"/callback", func(ctx context.Context, at string) (string, error) {
		if err := openBrowser(ctx, at); err != nil { // or show the user a link
			return "", err
		}
		select {
		case answer := <-answers:
			return answer, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	auth, err := clientauth.New(mcp.URL+"/mcp", flow, clientauth.WithRegistration(clientauth.Registration{Name: "Ada's notebook"}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a user <nil>
}

// A client that was registered beforehand has an id, and perhaps a secret.
func ExampleWithCredentials() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser), clientauth.WithCredentials(clientauth.Credentials{
		Issuer: mcp.URL, ID: "notebook", Secret: "from the console of the authorization server",
	}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a user of notebook <nil>
}

// A client that has a page of its own needs no registration: the URL of its metadata document is its id.
func ExampleWithMetadataDocument() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser),
		clientauth.WithMetadataDocument("https://notebook.example/client.json", nil))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a user of https://notebook.example/client.json <nil>
}

// Where an authorization server registers nobody, the user is asked for what was registered by hand: once, it is kept.
func ExampleAskForCredentials() {
	mcp := protectedServer()
	defer mcp.Close()
	mcp.noRegistration = true
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser),
		clientauth.AskForCredentials(func(_ context.Context, issuer, redirectURI string) (clientauth.Credentials, error) {
			fmt.Println("Please register a client at your authorization server, and type in its id.") // it is issuer
			return clientauth.Credentials{ID: "adas-own", Secret: "from its console"}, nil
		}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// Please register a client at your authorization server, and type in its id.
	// hello, a user of adas-own <nil>
}

// A server that publishes no metadata is helped by hand.
func ExampleWithIssuer() {
	mcp := protectedServer()
	defer mcp.Close()
	mcp.noMetadata = true
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser), clientauth.WithIssuer(mcp.URL))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a user <nil>
}

// A machine has a secret, or better a key.
func ExampleClientCredentials() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.ClientCredentials(clientauth.Credentials{ID: "nightly", Secret: "s3cret"}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, nightly <nil>
}

// A key proves who the client is without a secret that both know.
func ExampleClientCredentials_key() {
	mcp := protectedServer()
	defer mcp.Close()
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // clientauth.ParseKey reads one from PEM
	key, err := clientauth.NewKey(private, "key-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.ClientCredentials(clientauth.Credentials{ID: "nightly", Key: key}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, an asserted client <nil>
}

// The platform that a machine runs on says who it is: no secret is anywhere.
func ExampleWorkload() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Workload(func(_ context.Context, audience string) (string, error) {
		return "a token of the platform for this audience", nil // such as the file of a projected service account token
	}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a workload <nil>
}

// An enterprise's users have signed in to the client already; nobody is asked again.
func ExampleEnterprise() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Enterprise(clientauth.IdentityProvider{
		TokenEndpoint: mcp.URL + "/token", // of the identity provider
		Client:        clientauth.Credentials{ID: "notebook-at-acme"},
		IDToken:       func(context.Context) (string, error) { return "what the user's sign-in gave", nil },
	}), clientauth.WithCredentials(clientauth.Credentials{Issuer: mcp.URL, ID: "notebook", Secret: "s3cret"}))
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, an employee <nil>
}

// Tokens that are bound to a key are worth nothing to a thief.
func ExampleWithDPoP() {
	mcp := protectedServer()
	defer mcp.Close()
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Browser(openBrowser), clientauth.WithDPoP())
	dial(auth, err, mcp.URL+"/mcp")
	// Output:
	// hello, a user with a key <nil>
}

// A trace says what happened, without secrets.
func ExampleTrace() {
	mcp := protectedServer()
	defer mcp.Close()
	var trace bytes.Buffer
	auth, err := clientauth.New(mcp.URL+"/mcp", clientauth.Workload(func(context.Context, string) (string, error) { return "x", nil }),
		clientauth.Trace(&trace))
	dial(auth, err, mcp.URL+"/mcp")
	for line := range strings.Lines(trace.String()) {
		_, step, _ := strings.Cut(line, " ") // leaves the time out
		fmt.Print(strings.ReplaceAll(step, mcp.URL, "https://mcp.example"))
	}
	// Output:
	// hello, a workload <nil>
	// POST https://mcp.example/mcp: 401 Unauthorized, challenge bearer scope=greet (no token was sent)
	// protected resource metadata: GET https://mcp.example/.well-known/oauth-protected-resource/mcp: 200 OK
	// the resource is https://mcp.example/mcp, its authorization servers are https://mcp.example, its scopes none in particular
	// the authorization server is https://mcp.example
	// authorization server metadata: GET https://mcp.example/.well-known/oauth-authorization-server: 200 OK
	// token request: urn:ietf:params:oauth:grant-type:jwt-bearer as client  by none, scopes greet
	// got a token of the type Bearer, scopes greet, good for an unknown time, without a refresh token
}

// openBrowser stands for clientauth.OpenBrowser.
func openBrowser(_ context.Context, at string) error {
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Get(at); err == nil {
			_ = resp.Body.Close()
		}
	}()
	return nil
}

// protectedServer is an MCP server and its authorization server, which trusts everybody.
func protectedServer() *protected {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Say hi.", func(ctx context.Context, _ struct{}) (string, error) {
		_, name, _ := strings.Cut(http.Header(server.CallFrom(ctx).Header()).Get("Authorization"), " ")
		return "hello, " + strings.ReplaceAll(name, "+", " "), nil
	})
	mcp, mux := streamhttp.Handler(s), http.NewServeMux()
	web := httptest.NewServer(mux)
	p := &protected{Server: web, mcp: mcp}
	answer := func(w http.ResponseWriter, v map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer scope="greet"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mcp.ServeHTTP(w, r)
	})
	mux.HandleFunc("/.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, r *http.Request) {
		if p.noMetadata {
			http.NotFound(w, r)
			return
		}
		answer(w, map[string]any{"resource": web.URL + "/mcp", "authorization_servers": []string{web.URL}})
	})
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		m := map[string]any{
			"issuer": web.URL, "authorization_endpoint": web.URL + "/authorize", "token_endpoint": web.URL + "/token",
			"code_challenge_methods_supported": []string{"S256"}, "client_id_metadata_document_supported": true,
			"token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic", "private_key_jwt"},
		}
		if !p.noRegistration {
			m["registration_endpoint"] = web.URL + "/register"
		}
		answer(w, m)
	})
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) { answer(w, map[string]any{"client_id": "a-new-client"}) })
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		back := url.Values{"state": {q.Get("state")}, "code": {q.Get("client_id")}}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		token := map[string]any{"token_type": "Bearer"}
		switch name := "a user"; {
		case r.FormValue("grant_type") == "client_credentials" && r.FormValue("client_assertion") != "":
			token["access_token"] = "an+asserted+client"
		case r.FormValue("grant_type") == "client_credentials":
			token["access_token"], _, _ = r.BasicAuth()
		case strings.HasSuffix(r.FormValue("grant_type"), "token-exchange"):
			token["access_token"], token["issued_token_type"], token["token_type"] = "assertion", "urn:ietf:params:oauth:token-type:id-jag", "N_A"
		case r.FormValue("assertion") == "assertion":
			token["access_token"] = "an+employee"
		case strings.HasSuffix(r.FormValue("grant_type"), "jwt-bearer"):
			token["access_token"] = "a+workload"
		default:
			if id := r.FormValue("code"); id != "a-new-client" {
				name += " of " + id
			}
			if r.Header.Get("DPoP") != "" {
				name, token["token_type"] = name+" with a key", "DPoP"
			}
			token["access_token"] = strings.ReplaceAll(name, " ", "+")
		}
		answer(w, token)
	})
	return p
}

// protected is a server with its sessions.
type protected struct {
	*httptest.Server
	mcp                        *streamhttp.Server
	noRegistration, noMetadata bool
}

func (p *protected) Close() {
	_ = p.mcp.Shutdown(context.Background())
	p.Server.Close()
}
