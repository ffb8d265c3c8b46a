package main

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// grant is what a user, or nobody but the client itself, has consented to.
type grant struct {
	family   string // of all tokens that come of it
	client   string
	subject  string
	scopes   []string
	resource string
	since    time.Time
}

func (g *grant) GetAMR() []string       { return []string{"pwd"} }
func (g *grant) GetAudience() []string  { return []string{g.resource} }
func (g *grant) GetAuthTime() time.Time { return g.since }
func (g *grant) GetClientID() string    { return g.client }
func (g *grant) GetScopes() []string    { return g.scopes }
func (g *grant) GetSubject() string     { return g.subject }

// SetCurrentScopes narrows what a refresh asks for.
func (g *grant) SetCurrentScopes(scopes []string) { g.scopes = scopes }

// request is an authorization request. The library gives a refresh token where the scopes have offline_access: they always
// have, as far as it can see, and whether the client is given one is decided by the grant types it registered.
type request struct {
	grant
	id, state, redirect, challenge string
	consented                      bool
	expires                        time.Time
}

func (r *request) GetScopes() []string {
	if slices.Contains(r.scopes, oidc.ScopeOfflineAccess) {
		return r.scopes
	}
	return append(slices.Clone(r.scopes), oidc.ScopeOfflineAccess)
}
func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return "" }
func (r *request) GetNonce() string       { return "" }
func (r *request) GetRedirectURI() string { return r.redirect }
func (r *request) GetState() string       { return r.state }
func (r *request) Done() bool             { return r.consented }

func (r *request) GetResponseType() oidc.ResponseType { return oidc.ResponseTypeCode }
func (r *request) GetResponseMode() oidc.ResponseMode { return "" }

func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.challenge, Method: oidc.CodeChallengeMethodS256}
}

// access is an access token that was issued, by its jti.
type access struct {
	grant
	issued, expires time.Time
}

// refresh is a refresh token. One that was used is kept, so that a second use is seen for the theft it looks like.
type refresh struct {
	grant
	used    bool
	expires time.Time
}
