package rpc

import "context"

// Principal is who is at the other end, as the transport's authentication established it. Sessions and whatever
// outlives them belong to a principal. It is immutable once it is in a context.
type Principal struct {
	// ID names the principal, the same in every session and to no one else (for tokens: issuer and subject).
	ID string
	// Scopes are what it may do.
	Scopes []string
	// Value is what the authentication knows besides, of its own type; nil by default.
	Value any
}

type principalKey struct{}

// WithPrincipal returns ctx with the principal on whose behalf a message arrives or a session opens. Transports and
// HTTP middleware call it.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom gives the principal of ctx; false if nobody was authenticated.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
