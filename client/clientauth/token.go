package clientauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// grant is a token and all that is needed to use and renew it. It is not changed once it is in use.
type grant struct {
	Issuer   string   `json:"issuer"`
	Resource string   `json:"resource"`
	ClientID string   `json:"client_id"`
	Token    string   `json:"access_token"`
	Refresh  string   `json:"refresh_token,omitempty"`
	Got      int64    `json:"got_at,omitempty"`     // in seconds since 1970
	Expires  int64    `json:"expires_at,omitempty"` // likewise; 0 if the server did not say
	Scopes   []string `json:"scopes,omitempty"`     // granted
	Asked    []string `json:"asked,omitempty"`      // asked for
	Key      []byte   `json:"dpop_key,omitempty"`   // that the token is bound to; none for a bearer token

	proofs *proofKey // of Key
}

// expired tells whether the token ends within a time from now.
func (g *grant) expired(early time.Duration) bool {
	return g.Expires != 0 && time.Now().Add(early).Unix() >= g.Expires
}

// run is one authorization.
type run struct {
	a *Authorizer
	*target
	scopes []string  // to ask for
	key    *proofKey // that the token is to be bound to; nil for a bearer token
}

// tokenRequest is a request to a token endpoint.
type tokenRequest struct {
	step   string
	server *serverMetadata // whose endpoint it is
	client *identity
	grant  string // its type
	form   url.Values
	scopes []string
	key    *proofKey
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// request asks for a token for the run's target.
func (r *run) request(ctx context.Context, client *identity, grantType string, form url.Values, scopes []string) (*grant, error) {
	form.Set("resource", r.resource)
	t, err := r.a.token(ctx, tokenRequest{
		step: "token request", server: r.server, client: client, grant: grantType, form: form, scopes: scopes, key: r.key,
	})
	if err != nil {
		return nil, err
	}
	g := &grant{Issuer: r.server.Issuer, Resource: r.resource, ClientID: client.ID, Token: t.AccessToken, Refresh: t.RefreshToken,
		Got: time.Now().Unix(), Asked: r.scopes, Scopes: r.scopes}
	if !t.Expiry.IsZero() {
		g.Expires = t.Expiry.Unix()
	}
	if scope, ok := t.Extra("scope").(string); ok && scope != "" {
		g.Scopes = strings.Fields(scope)
	}
	at := place(r.server.TokenEndpoint)
	switch kind := strings.ToLower(t.TokenType); {
	case kind == "dpop" && r.key != nil:
		g.Key, g.proofs = r.key.text, r.key
	case kind == "bearer" && r.key != nil:
		return nil, &Error{Step: "token request", URL: at, Err: ErrDowngrade}
	case kind != "bearer":
		return nil, &Error{Step: "token request", URL: at, Err: fmt.Errorf("the token is of the type %q, expected Bearer or DPoP", printable(t.TokenType))}
	}
	r.a.trace.step("got a token of the type %s, scopes %s, good for %s, %s", t.TokenType, shown(g.Scopes), lasts(g),
		map[bool]string{true: "with a refresh token", false: "without a refresh token"}[g.Refresh != ""])
	return g, nil
}

func lasts(g *grant) string {
	if g.Expires == 0 {
		return "an unknown time"
	}
	return time.Until(time.Unix(g.Expires, 0)).Round(time.Second).String()
}

// token sends a request to a token endpoint; twice, if the server answers the first that a DPoP proof needs a nonce.
func (a *Authorizer) token(ctx context.Context, q tokenRequest) (*oauth2.Token, error) {
	for again := false; ; again = true {
		t, err := a.tokenOnce(ctx, q)
		if again || q.key == nil || codeOf(err) != "use_dpop_nonce" {
			return t, err
		}
		a.trace.step("the authorization server asks for a DPoP nonce")
	}
}

func (a *Authorizer) tokenOnce(ctx context.Context, q tokenRequest) (*oauth2.Token, error) {
	at := place(q.server.TokenEndpoint)
	fail := func(err error) (*oauth2.Token, error) { return nil, &Error{Step: q.step, URL: at, Err: err} }
	method, err := q.client.method(q.server)
	if err != nil {
		return fail(err)
	}
	c := clientcredentials.Config{
		ClientID: q.client.ID, TokenURL: q.server.TokenEndpoint, Scopes: q.scopes, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"grant_type": {q.grant}},
	}
	for name, values := range q.form {
		c.EndpointParams[name] = values
	}
	switch method {
	case Basic:
		c.ClientSecret, c.AuthStyle = q.client.Secret, oauth2.AuthStyleInHeader
	case Post:
		c.ClientSecret = q.client.Secret
	case PrivateKeyJWT:
		assertion, err := q.client.Key.assert(q.client.ID, q.server)
		if err != nil {
			return fail(err)
		}
		c.ClientID = "" // the assertion says it
		c.EndpointParams.Set("client_assertion_type", assertionType)
		c.EndpointParams.Set("client_assertion", assertion)
	case None:
	default:
		return fail(fmt.Errorf("the method of client authentication %q is not supported", method))
	}
	a.trace.step("%s: %s as client %s by %s, scopes %s", q.step, q.grant, printable(q.client.ID), method, shown(q.scopes))

	ctx, cancel := context.WithTimeout(ctx, a.limits.RequestTime)
	defer cancel()
	wire := &tokenTransport{a: a, key: q.key}
	t, err := c.Token(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: wire, CheckRedirect: a.checkRedirect}))
	if err != nil {
		err = tokenError(q, at, wire.got, err)
		a.trace.step("%v", err)
		return nil, err
	}
	if !isToken(t.AccessToken) || t.RefreshToken != "" && !isVisible(t.RefreshToken) {
		return fail(errors.New("the token has characters that no token has"))
	}
	return t, nil
}

// tokenError makes the error of a token request. What the oauth2 package says may hold the whole answer, and is not shown.
func tokenError(q tokenRequest, at string, got *answer, err error) error {
	var refused *oauth2.RetrieveError
	var ours *url.Error
	switch {
	case errors.As(err, &refused):
		secrets := []string{q.client.Secret}
		for name, values := range q.form {
			if name != "resource" && name != "audience" && name != "redirect_uri" && !strings.HasSuffix(name, "_type") {
				secrets = append(secrets, values...)
			}
		}
		return oauthError(q.step, at, got, secrets)
	case errors.As(err, &ours):
		return &Error{Step: q.step, URL: at, Err: ours.Err}
	case got != nil:
		return &Error{Step: q.step, URL: at, Status: got.status, Err: errors.New("the answer holds no token")}
	}
	return &Error{Step: q.step, URL: at, Err: err}
}

// oauthError makes the error of an answer (RFC 6749 section 5.2), without secrets that its text repeats.
func oauthError(step, at string, got *answer, secrets []string) error {
	e := &Error{Step: step, URL: at}
	if got == nil {
		return e
	}
	e.Status = got.status
	var m struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if got.decode(&m) == nil {
		e.Code, e.Description = printable(scrub(m.Code, secrets)), printable(scrub(m.Description, secrets))
	}
	return e
}

// scrub takes secrets out of a text.
func scrub(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return s
}

// tokenTransport carries a token request: it bounds and checks the answer, and adds a proof.
type tokenTransport struct {
	a   *Authorizer
	key *proofKey
	got *answer
}

func (t *tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json")
	if t.key != nil {
		proof, err := t.key.proof(r.Method, r.URL, "", t.a.nonce(r.URL))
		if err != nil {
			return nil, err
		}
		r.Header.Set("DPoP", proof)
	}
	resp, err := t.a.web.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if t.key != nil {
		t.a.noteNonce(r.URL, resp.Header)
	}
	body, err := readAll(resp, t.a.limits.Response)
	if err != nil {
		return nil, err
	}
	t.got = &answer{status: resp.StatusCode, header: resp.Header, body: body}
	if t.got.ok() {
		if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media != "application/json" {
			return nil, fmt.Errorf("the answer is of the type %q, expected application/json", printable(media))
		}
		if err := wire.Valid(body, wire.Options{}); err != nil {
			return nil, fmt.Errorf("the answer is no acceptable JSON: %w", err)
		}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// isToken tells whether s can stand in an Authorization header (token68, RFC 9110 section 11.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/=:", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// isVisible tells whether s is visible ASCII or spaces.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7E {
			return false
		}
	}
	return true
}
