package serverauth

import (
	"context"
	"crypto/x509"
	"net/http"
)

// Credential is what a request presents.
type Credential struct {
	// Scheme is "Bearer" or "DPoP"; empty if there is no token.
	Scheme string
	// Token is the token of the Authorization header; string(Token) is its text.
	Token Secret
	// Certificate is that of the client at the other end of the TLS connection; nil if there is none. Whether it was
	// verified, and against what, is the affair of the http.Server's tls.Config.
	Certificate *x509.Certificate
	// Resource is the URL of the resource that is asked for, as given to [Resource].
	Resource string
	// Request is the request, which must not be changed.
	Request *http.Request
}

// Verifier finds out who presents a credential, and that it is for this resource. An error is an [*Error]; others count as
// an unknown credential. It must be safe for concurrent use.
type Verifier interface {
	Verify(ctx context.Context, c Credential) (Identity, error)
}

// VerifierFunc is a function of yours as a Verifier. It is called only for requests with a token. It need not look at what
// a token is bound to, if it says that in [Identity].Binding.
type VerifierFunc func(ctx context.Context, c Credential) (Identity, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, c Credential) (Identity, error) {
	if c.Token == "" {
		return Identity{}, errMissing
	}
	return f(ctx, c)
}

// AnyOf accepts what one of verifiers accepts, asked in their order: API keys next to tokens, say, or two issuers.
func AnyOf(verifiers ...Verifier) Verifier { return anyOf(verifiers) }

type anyOf []Verifier

// Verify asks one after the other. If none accepts, the error is that of the one that knew most of the credential.
func (v anyOf) Verify(ctx context.Context, c Credential) (Identity, error) {
	var best *Error
	for _, one := range v {
		id, err := one.Verify(ctx, c)
		if err == nil {
			return id, nil
		}
		if e := reasonOf(err); best == nil || telling(e.Reason) > telling(best.Reason) {
			best = e
		}
	}
	if best == nil {
		best = errMissing
	}
	return Identity{}, best
}

// telling ranks reasons by how much is known of the credential.
func telling(r Reason) int {
	switch {
	case r == ReasonMissing:
		return 0
	case r == ReasonMalformed:
		return 1
	case r == ReasonUnknown:
		return 2
	case r == ReasonForged:
		return 3
	case r == ReasonUnavailable: // it might have been a good one
		return 4
	}
	return 5
}
