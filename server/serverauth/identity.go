package serverauth

import (
	"context"
	"slices"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// Identity is who a credential stands for. It is the Value of the rpc.Principal, see [IdentityFrom].
type Identity struct {
	// Issuer names who answers for the identity: the URL of an authorization server, or of another kind of source.
	Issuer string
	// Subject is who it is, unique to Issuer. It may be empty if ClientID is not.
	Subject string
	// ClientID is the client that acts for the subject; empty if it is not known.
	ClientID string
	// Scopes are what the credential allows.
	Scopes []string
	// Roles are scopes that come from the hook [Roles], not from the credential.
	Roles []string
	// Expires is when the credential does; the zero time is never.
	Expires time.Time
	// Claims are what the token or the introspection says; nil if there is no such thing.
	Claims wire.Object
	// Binding is what the request must show besides the token.
	Binding Binding
}

// Binding is what a token is bound to (RFC 7800, "cnf"). The zero value is nothing.
type Binding struct {
	// KeyThumbprint is the base64url SHA-256 thumbprint of the key that signs DPoP proofs (RFC 9449, "jkt").
	KeyThumbprint string
	// CertificateThumbprint is the base64url SHA-256 of the client's certificate (RFC 8705, "x5t#S256").
	CertificateThumbprint string
	// Unknown says that the token is bound to something else, which nothing here can check: it is refused.
	Unknown bool
}

// principalID names the identity in a form that no other has: '#' and '?' cannot be in an issuer.
func (id *Identity) principalID() string {
	if id.Subject != "" {
		return id.Issuer + "#" + id.Subject
	}
	return id.Issuer + "?" + id.ClientID
}

// principal makes the principal, whose scopes are those of the credential and the roles.
func (id *Identity) principal() rpc.Principal {
	scopes := id.Scopes
	if len(id.Roles) > 0 {
		scopes = append(slices.Clone(scopes), id.Roles...)
	}
	return rpc.Principal{ID: id.principalID(), Scopes: scopes, Value: id}
}

// IdentityFrom gives the identity behind the request being handled; nil if [Require] let none through. It must not be
// changed.
func IdentityFrom(ctx context.Context) *Identity {
	p, _ := rpc.PrincipalFrom(ctx)
	id, _ := p.Value.(*Identity)
	return id
}
