package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/clientauth"
)

// given is what the suite gives a client to authorize with, in MCP_CONFORMANCE_CONTEXT.
type given struct {
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	PrivateKey       string `json:"private_key_pem"`
	WorkloadToken    string `json:"valid_jwt"`
	IDPClientID      string `json:"idp_client_id"`
	IDPIDToken       string `json:"idp_id_token"`
	IDPIssuer        string `json:"idp_issuer"`
	IDPTokenEndpoint string `json:"idp_token_endpoint"`
}

// documentURL is the URL of a client id metadata document that the suite's authorization server knows without getting it.
const documentURL = "https://conformance-test.local/client-metadata.json"

// redirectURI is where nobody listens: the answer is read from the redirect.
const redirectURI = "http://127.0.0.1:8723/callback"

// visit does what a browser would do with an authorization server that asks nothing, up to the redirect.
func visit(ctx context.Context, at string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return "", err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req) // which follows no redirect
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 300 || resp.StatusCode >= 400 {
		return "", fmt.Errorf("the authorization endpoint answered %s, expected a redirect", resp.Status)
	}
	return resp.Header.Get("Location"), nil
}

// authorized is a scenario in which a user authorizes the client.
func authorized(options ...func(given) clientauth.Option) scenario {
	return scenario{do: callAll, authorize: func(g given) (clientauth.Flow, []clientauth.Option, error) {
		var opts []clientauth.Option
		for _, o := range options {
			opts = append(opts, o(g))
		}
		return clientauth.Redirect(redirectURI, visit), opts, nil
	}}
}

func withDocument(given) clientauth.Option { return clientauth.WithMetadataDocument(documentURL, nil) }

func withCredentials(g given) clientauth.Option { return clientauth.WithCredentials(g.credentials()) }

func (g given) credentials() clientauth.Credentials {
	return clientauth.Credentials{ID: g.ClientID, Secret: g.ClientSecret}
}

var authScenarios = map[string]scenario{
	"auth/metadata-default":             authorized(),
	"auth/metadata-var1":                authorized(),
	"auth/metadata-var2":                authorized(),
	"auth/metadata-var3":                authorized(),
	"auth/basic-cimd":                   authorized(withDocument),
	"auth/scope-from-www-authenticate":  authorized(),
	"auth/scope-from-scopes-supported":  authorized(),
	"auth/scope-omitted-when-undefined": authorized(),
	"auth/scope-step-up":                authorized(),
	"auth/scope-retry-limit": {authorize: authorized().authorize, do: func(ctx context.Context, c *client.Client, out io.Writer) error {
		// the server never accepts a token, which the client has to find out
		if err := callAll(ctx, c, io.Discard); err != nil {
			_, err = fmt.Fprintln(out, "refused, as it should be:", err)
			return err
		}
		return fmt.Errorf("a server that refuses every token answered a call")
	}},
	"auth/token-endpoint-auth-basic": authorized(),
	"auth/token-endpoint-auth-post":  authorized(),
	"auth/token-endpoint-auth-none":  authorized(),
	"auth/pre-registration":          authorized(withCredentials),
	"auth/dpop":                      authorized(),
	"auth/dpop-nonce":                authorized(),

	"auth/client-credentials-basic": {do: callAll, authorize: func(g given) (clientauth.Flow, []clientauth.Option, error) {
		return clientauth.ClientCredentials(g.credentials()), nil, nil
	}},
	"auth/client-credentials-jwt": {do: callAll, authorize: func(g given) (clientauth.Flow, []clientauth.Option, error) {
		key, err := clientauth.ParseKey([]byte(g.PrivateKey), "")
		return clientauth.ClientCredentials(clientauth.Credentials{ID: g.ClientID, Key: key}), nil, err
	}},
	"auth/wif-jwt-bearer": {do: callAll, authorize: func(g given) (clientauth.Flow, []clientauth.Option, error) {
		flow := clientauth.Workload(func(context.Context, string) (string, error) { return g.WorkloadToken, nil })
		return flow, []clientauth.Option{clientauth.WithCredentials(clientauth.Credentials{ID: g.ClientID})}, nil
	}},
	"auth/enterprise-managed-authorization": {do: callAll, authorize: func(g given) (clientauth.Flow, []clientauth.Option, error) {
		return clientauth.Enterprise(clientauth.IdentityProvider{
			TokenEndpoint: g.IDPTokenEndpoint,
			Client:        clientauth.Credentials{Issuer: g.IDPIssuer, ID: g.IDPClientID},
			IDToken:       func(context.Context) (string, error) { return g.IDPIDToken, nil },
		}), []clientauth.Option{withCredentials(g)}, nil
	}},
}

// authorizer makes what authorizes the client in a scenario with what the suite has given, in JSON.
func (s scenario) authorizer(url, text string, trace io.Writer) (*clientauth.Authorizer, error) {
	var g given
	if text != "" {
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			return nil, fmt.Errorf("MCP_CONFORMANCE_CONTEXT: %w", err)
		}
	}
	flow, opts, err := s.authorize(g)
	if err != nil {
		return nil, err
	}
	return clientauth.New(url, flow, append(opts, clientauth.Trace(trace))...)
}

// callAll lists the tools and calls each without arguments.
func callAll(ctx context.Context, c *client.Client, out io.Writer) error {
	for tool, err := range c.Tools(ctx) {
		if err != nil {
			return err
		}
		text, err := client.CallTool[string](ctx, c, tool.Name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, tool.Name, text)
	}
	return nil
}
