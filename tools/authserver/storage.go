package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Bounds of what is kept, for a server that is left running.
const (
	maxClients      = 10_000
	maxRequests     = 10_000
	requestLifetime = 10 * time.Minute
	sweepInterval   = time.Minute
)

// storage is all that the server knows, in memory.
type storage struct {
	options

	mu       sync.Mutex
	keys     []*key
	clients  map[string]*registered
	requests map[string]*request // by id
	codes    map[string]string   // id of the request by code, "" once it was used
	families map[string]string   // family by used code
	access   map[string]*access  // by jti
	refresh  map[string]*refresh // by token
	swept    time.Time
}

func newStorage(o options) (*storage, error) {
	s := &storage{options: o, clients: map[string]*registered{}, requests: map[string]*request{}, codes: map[string]string{}, families: map[string]string{},
		access: map[string]*access{}, refresh: map[string]*refresh{}, swept: time.Now()}
	for id, secret := range o.clients {
		s.clients[id] = &registered{id: id, secret: secret, method: oidc.AuthMethodBasic, grants: []oidc.GrantType{oidc.GrantTypeClientCredentials}, scopes: o.scopes}
	}
	_, err := s.rotate(false)
	return s, err
}

// sweep drops what has expired. The caller holds the lock.
func (s *storage) sweep() {
	now := time.Now()
	if now.Sub(s.swept) < sweepInterval {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.requests, func(_ string, r *request) bool { return now.After(r.expires) })
	maps.DeleteFunc(s.codes, func(_, id string) bool { return s.requests[id] == nil })
	maps.DeleteFunc(s.access, func(_ string, a *access) bool { return now.After(a.expires) })
	maps.DeleteFunc(s.refresh, func(_ string, r *refresh) bool { return now.After(r.expires) })
	alive := map[string]bool{}
	for _, r := range s.refresh {
		alive[r.family] = true
	}
	maps.DeleteFunc(s.families, func(_, family string) bool { return !alive[family] })
	s.keys = slices.DeleteFunc(s.keys, func(k *key) bool { return !k.until.IsZero() && now.After(k.until) })
}

// revoke makes all tokens of a family worthless. The caller holds the lock.
func (s *storage) revoke(family string) {
	maps.DeleteFunc(s.access, func(_ string, a *access) bool { return a.family == family })
	maps.DeleteFunc(s.refresh, func(_ string, r *refresh) bool { return r.family == family })
}

// CreateAuthRequest keeps an authorization request until the user has decided.
func (s *storage) CreateAuthRequest(ctx context.Context, q *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if q.CodeChallenge == "" || q.CodeChallengeMethod != oidc.CodeChallengeMethodS256 {
		return nil, oidc.ErrInvalidRequest().WithDescription("a code_challenge with code_challenge_method=S256 is required")
	}
	resource, err := s.resource(ctx)
	if err != nil {
		return nil, err
	}
	if resource == "" {
		return nil, invalidTarget("resource is required")
	}
	now := time.Now()
	r := &request{id: rand.Text(), state: q.State, redirect: q.RedirectURI, challenge: q.CodeChallenge, expires: now.Add(requestLifetime),
		grant: grant{family: rand.Text(), client: q.ClientID, scopes: q.Scopes, resource: resource, since: now}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if len(s.requests) >= maxRequests {
		return nil, oidc.ErrServerError().WithDescription("too many authorization requests are waiting")
	}
	s.requests[r.id] = r
	return r, nil
}

// AuthRequestByID gives a request that is under way.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	r, err := s.waiting(id)
	if err != nil {
		return nil, err
	}
	return r, nil
}

var errNoRequest = errors.New("there is no such authorization request, or it has expired")

func (s *storage) waiting(id string) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || time.Now().After(r.expires) {
		return nil, errNoRequest
	}
	return r, nil
}

// consent notes that a user agrees, and gives the request; once.
func (s *storage) consent(id, subject string) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || r.consented || time.Now().After(r.expires) {
		return nil, errNoRequest
	}
	agreed := *r // others may be reading the old one
	agreed.consented, agreed.subject, agreed.since = true, subject, time.Now()
	s.requests[id] = &agreed
	return &agreed, nil
}

// SaveAuthCode keeps the code of a request.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests[id] == nil {
		return errNoRequest
	}
	s.codes[code] = id
	return nil
}

// AuthRequestByCode gives the request of a code, once: a second use revokes what came of the first.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if family, used := s.families[code]; used {
		s.revoke(family)
		return nil, errors.New("the code was used before")
	}
	r := s.requests[s.codes[code]]
	if r == nil || time.Now().After(r.expires) {
		return nil, errNoRequest
	}
	s.families[code] = r.family
	delete(s.codes, code)
	delete(s.requests, r.id)
	return r, nil
}

// DeleteAuthRequest drops a request.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

// grantOf gives what a token request is about.
func grantOf(q op.TokenRequest) (grant, error) {
	switch q := q.(type) {
	case *request:
		return q.grant, nil
	case *grant:
		return *q, nil
	}
	return grant{}, oidc.ErrUnsupportedGrantType()
}

// CreateAccessToken notes an access token.
func (s *storage) CreateAccessToken(_ context.Context, q op.TokenRequest) (string, time.Time, error) {
	g, err := grantOf(q)
	if err != nil {
		return "", time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, expires := s.issue(g)
	return id, expires, nil
}

// issue notes an access token. The caller holds the lock.
func (s *storage) issue(g grant) (string, time.Time) {
	s.sweep()
	id, now := rand.Text(), time.Now()
	s.access[id] = &access{grant: g, issued: now, expires: now.Add(s.lifetime)}
	return id, now.Add(s.lifetime)
}

// CreateAccessAndRefreshTokens notes both, in place of the refresh token current if there is one.
func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, q op.TokenRequest, current string) (string, string, time.Time, error) {
	g, err := grantOf(q)
	if err != nil {
		return "", "", time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	whole := g // a refresh may ask for less, and the next for all again
	if current != "" {
		old, err := s.inForce(current)
		if err != nil {
			return "", "", time.Time{}, oidc.ErrInvalidGrant().WithParent(err)
		}
		old.used, whole = true, old.grant
	}
	token := rand.Text() + rand.Text()
	s.refresh[token] = &refresh{grant: whole, expires: time.Now().Add(s.refreshLifetime)}
	id, expires := s.issue(g)
	return id, token, expires, nil
}

// inForce gives a refresh token that was not used yet. If it was, its family is revoked. The caller holds the lock.
func (s *storage) inForce(token string) (*refresh, error) {
	r := s.refresh[token]
	switch {
	case r == nil || time.Now().After(r.expires):
		return nil, errors.New("the refresh token is not known, was revoked, or has expired")
	case r.used:
		s.revoke(r.family)
		return nil, errors.New("the refresh token was used before")
	}
	return r, nil
}

// TokenRequestByRefreshToken gives what a refresh token stands for.
func (s *storage) TokenRequestByRefreshToken(ctx context.Context, token string) (op.RefreshTokenRequest, error) {
	resource, err := s.resource(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.inForce(token)
	if err != nil {
		return nil, err
	}
	if resource != "" && resource != r.grant.resource {
		return nil, errors.New("the refresh token is for another resource")
	}
	g := r.grant
	return &g, nil
}

// TerminateSession revokes all that a user gave a client.
func (s *storage) TerminateSession(_ context.Context, subject, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.access, func(_ string, a *access) bool { return a.subject == subject && a.client == id })
	maps.DeleteFunc(s.refresh, func(_ string, r *refresh) bool { return r.subject == subject && r.client == id })
	return nil
}

// GetRefreshTokenInfo tells whether a token is a refresh token.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (string, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.refresh[token]; r != nil {
		return r.subject, token, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

// RevokeToken revokes a refresh token with all of its family, or an access token.
func (s *storage) RevokeToken(_ context.Context, token, _, id string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.refresh[token]; r != nil {
		if r.client != id {
			return oidc.ErrInvalidClient().WithDescription("the token is of another client")
		}
		s.revoke(r.family)
	}
	if a := s.access[token]; a != nil {
		if a.client != id {
			return oidc.ErrInvalidClient().WithDescription("the token is of another client")
		}
		delete(s.access, token)
	}
	return nil
}

// GetClientByClientID gives a client.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[id]
	if c == nil {
		return nil, oidc.ErrInvalidClient().WithDescription("the client is not known")
	}
	return c, nil
}

// AuthorizeClientIDSecret checks the secret of a client, or of a server that introspects tokens.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.resourceServers[id]
	if c := s.clients[id]; c != nil {
		want = c.secret
	}
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(secret)) == 0 {
		return oidc.ErrInvalidClient().WithDescription("the client is not known, or its secret is another")
	}
	return nil
}

// ClientCredentials checks a client that acts for itself.
func (s *storage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

// ClientCredentialsTokenRequest gives what a client that acts for itself asks for.
func (s *storage) ClientCredentialsTokenRequest(ctx context.Context, id string, scopes []string) (op.TokenRequest, error) {
	resource, err := s.resource(ctx)
	if err != nil {
		return nil, err
	}
	if resource == "" {
		return nil, invalidTarget("resource is required")
	}
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return s.scopes != nil && !slices.Contains(s.scopes, scope) })
	return &grant{family: rand.Text(), client: id, subject: id, scopes: scopes, resource: resource, since: time.Now()}, nil
}

// GetPrivateClaimsFromRequest gives the claims of an access token besides the usual ones.
func (s *storage) GetPrivateClaimsFromRequest(_ context.Context, q op.TokenRequest, _ []string) (map[string]any, error) {
	g, err := grantOf(q)
	if err != nil {
		return nil, err
	}
	return map[string]any{"scope": strings.Join(g.scopes, " ")}, nil
}

// SetIntrospectionFromToken tells a resource server about a token that is in force.
func (s *storage) SetIntrospectionFromToken(_ context.Context, answer *oidc.IntrospectionResponse, id, _, asks string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.access[id]
	if s.resourceServers[asks] == "" || a == nil || time.Now().After(a.expires) {
		return errors.New("the token is not in force, or not for those who ask")
	}
	answer.Issuer, answer.Subject, answer.ClientID, answer.JWTID = s.issuer, a.subject, a.client, id
	answer.Audience, answer.Scope, answer.TokenType = oidc.Audience{a.resource}, a.scopes, oidc.BearerToken
	answer.IssuedAt, answer.Expiration = oidc.FromTime(a.issued), oidc.FromTime(a.expires)
	return nil
}

// Health is well.
func (s *storage) Health(context.Context) error { return nil }

// What follows is of OpenID Connect, and of keys of clients, which this server does without.

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return oidc.ErrAccessDenied()
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, oidc.ErrInvalidClient().WithDescription("keys of clients are not supported")
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, oidc.ErrUnsupportedGrantType()
}
