package main

import (
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// registered is a client that is registered.
type registered struct {
	id, secret, name string
	native           bool
	method           oidc.AuthMethod
	redirects        []string
	grants           []oidc.GrantType
	scopes           []string // that may be asked for; nil for any
	since            time.Time
}

func (c *registered) GetID() string                    { return c.id }
func (c *registered) RedirectURIs() []string           { return c.redirects }
func (c *registered) PostLogoutRedirectURIs() []string { return nil }
func (c *registered) AuthMethod() oidc.AuthMethod      { return c.method }
func (c *registered) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c *registered) GrantTypes() []oidc.GrantType { return c.grants }
func (c *registered) LoginURL(id string) string    { return pathLogin + "?id=" + id }
func (c *registered) AccessTokenType() op.AccessTokenType {
	return op.AccessTokenTypeJWT
}
func (c *registered) IDTokenLifetime() time.Duration       { return time.Minute }
func (c *registered) DevMode() bool                        { return false }
func (c *registered) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c *registered) ClockSkew() time.Duration             { return 0 }

// ApplicationType decides on redirect URIs: of a native client those on loopback match with any port (RFC 8252, 7.3).
func (c *registered) ApplicationType() op.ApplicationType {
	if c.native {
		return op.ApplicationTypeNative
	}
	return op.ApplicationTypeWeb
}

// IsScopeAllowed tells whether a scope may be asked for; the others are left out of what is granted.
func (c *registered) IsScopeAllowed(scope string) bool {
	return c.scopes == nil || slices.Contains(c.scopes, scope)
}

//lint:ignore ST1003 the library's interface spells it so
func (c *registered) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}

func (c *registered) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
