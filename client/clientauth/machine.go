package clientauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
)

const (
	grantJWTBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

	typeIDToken = "urn:ietf:params:oauth:token-type:id_token"
	typeIDJAG   = "urn:ietf:params:oauth:token-type:id-jag"
)

// ClientCredentials is the flow for a machine that acts for itself: the client credentials grant, with credentials that
// were registered beforehand and have a secret or a key.
func ClientCredentials(c Credentials) Flow { return &clientCredentials{c} }

type clientCredentials struct{ credentials Credentials }

func (f *clientCredentials) setup(a *Authorizer) error {
	if f.credentials.Secret == "" && f.credentials.Key == nil {
		return errors.New("clientauth: client credentials need a secret or a key")
	}
	a.credentials = &f.credentials
	return nil
}

func (f *clientCredentials) obtain(ctx context.Context, r *run) (*grant, error) {
	client, err := r.a.configured(ctx, r.server.Issuer)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, &Error{Step: "client id", URL: place(r.server.Issuer),
			Err: fmt.Errorf("%w: the credentials are for another", ErrNoClientID)}
	}
	return r.request(ctx, client, "client_credentials", url.Values{}, r.scopes)
}

// Workload is the flow for a machine that its platform knows: workload identity federation. assertion gives the token that
// the platform issues for an audience, which is the issuer identifier of the authorization server; it is presented as a
// JWT authorization grant (RFC 7523 section 2.1), anew for each token. If the client has an id, [WithCredentials] tells it.
// A refusal is final: nothing else is tried.
func Workload(assertion func(ctx context.Context, audience string) (string, error)) Flow {
	return workload(assertion)
}

type workload func(ctx context.Context, audience string) (string, error)

func (f workload) setup(*Authorizer) error { return nil }

func (f workload) obtain(ctx context.Context, r *run) (*grant, error) {
	client, err := r.a.configured(ctx, r.server.Issuer)
	if err != nil {
		return nil, err
	}
	if client == nil {
		if r.a.credentials != nil {
			return nil, &Error{Step: "client id", URL: place(r.server.Issuer), Err: fmt.Errorf("%w: the credentials are for another", ErrNoClientID)}
		}
		client = &identity{Credentials: Credentials{Method: None}} // the assertion says who it is
	}
	text, err := f(ctx, r.server.Issuer)
	if err != nil {
		return nil, &Error{Step: "workload assertion", Err: err}
	}
	return r.request(ctx, client, grantJWTBearer, url.Values{"assertion": {text}}, r.scopes)
}

// IdentityProvider is where a user of an enterprise has signed in.
type IdentityProvider struct {
	// TokenEndpoint is the URL of its token endpoint. It may be at a private address.
	TokenEndpoint string
	// Client is the client's id at the provider, and what proves it. A key's assertions are for the provider's issuer,
	// Client.Issuer.
	Client Credentials
	// IDToken gives the ID token of the user who has signed in to the client. It is called for each authorization.
	IDToken func(ctx context.Context) (string, error)
}

// Enterprise is the flow of enterprise-managed authorization: the provider exchanges the user's ID token for an assertion
// that is meant for the MCP server's authorization server (RFC 8693), which gives a token for it (RFC 7523). Nobody is
// asked. The client's credentials at the authorization server are those of [WithCredentials], or it is registered.
func Enterprise(p IdentityProvider) Flow { return &enterprise{p} }

type enterprise struct{ provider IdentityProvider }

func (f *enterprise) setup(a *Authorizer) error {
	p := &f.provider
	if p.IDToken == nil || p.Client.ID == "" {
		return errors.New("clientauth: the identity provider needs a client id and an ID token")
	}
	a.guard.trust(p.TokenEndpoint)
	if _, err := a.guard.checkURL(p.TokenEndpoint); err != nil {
		return fmt.Errorf("clientauth: the identity provider's token endpoint: %w", err)
	}
	return nil
}

func (f *enterprise) obtain(ctx context.Context, r *run) (*grant, error) {
	client, err := r.identify(ctx, "", grantJWTBearer)
	if err != nil {
		return nil, err
	}
	assertion, err := f.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	g, err := r.request(ctx, client, grantJWTBearer, url.Values{"assertion": {assertion}}, r.scopes)
	return g, r.forgotten(ctx, client, err)
}

// exchange gets the assertion for the authorization server from the provider.
func (f *enterprise) exchange(ctx context.Context, r *run) (string, error) {
	const step = "token exchange"
	p := &f.provider
	idToken, err := p.IDToken(ctx)
	if err != nil {
		return "", &Error{Step: "ID token", Err: err}
	}
	methods := []string(nil)
	if p.Client.Secret != "" && p.Client.Method == "" {
		methods = []string{string(Basic)}
	}
	t, err := r.a.token(ctx, tokenRequest{
		step:   step,
		server: &serverMetadata{Issuer: p.Client.Issuer, TokenEndpoint: p.TokenEndpoint, Methods: methods},
		client: &identity{Credentials: p.Client},
		grant:  grantTokenExchange,
		scopes: r.scopes,
		form: url.Values{
			"requested_token_type": {typeIDJAG}, "subject_token_type": {typeIDToken}, "subject_token": {idToken},
			"audience": {r.server.Issuer}, "resource": {r.resource},
		},
	})
	if err != nil {
		return "", err
	}
	if got, _ := t.Extra("issued_token_type").(string); got != typeIDJAG {
		return "", &Error{Step: step, URL: place(p.TokenEndpoint), Err: fmt.Errorf("the provider issued a %q, expected %s", printable(got), typeIDJAG)}
	}
	return t.AccessToken, nil
}
