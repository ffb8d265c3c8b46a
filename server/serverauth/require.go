package serverauth

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/server"
)

// Require makes HTTP middleware that lets requests through which present a credential that v accepts, for the resource r
// and with all of scopes; and answers the others itself: with status 401 and a challenge that tells where the metadata of
// the resource is and which scopes to ask for, with 403 and the challenge insufficient_scope, or as [Reason] says. Around a
// whole mux it serves the metadata as well; around one handler of a mux, r itself has to, see
// [ProtectedResource.MetadataPath]. It works with every transport over HTTP.
//
// A token is taken from the Authorization header alone: in the query or in a form it is refused (RFC 6750, sections 2.2 and
// 2.3, which OAuth 2.1 dropped). What it is bound to is checked for every verifier: a DPoP proof (RFC 9449), a client
// certificate (RFC 8705).
//
// The rest of the request has a principal whose ID is the issuer, '#' and the subject, so that sessions and tasks belong to
// it; its scopes; and [IdentityFrom]. A stream that is opened by GET, an event stream or a WebSocket, ends when the
// credential expires, see [KeepStreams]. The preflight requests of browsers, which have no credential, pass without a principal.
func Require(v Verifier, r *ProtectedResource, scopes ...string) func(http.Handler) http.Handler {
	scopes = slices.Clone(scopes)
	r.require(v, scopes)
	return func(next http.Handler) http.Handler {
		g := &guard{verifier: v, r: r, scopes: scopes, next: next}
		if r.https != nil {
			return r.https.wrap(r, g)
		}
		return g
	}
}

// guard stands before a handler.
type guard struct {
	verifier Verifier
	r        *ProtectedResource
	scopes   []string
	next     http.Handler
}

// ServeHTTP lets one request through, or refuses it.
func (g *guard) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	switch {
	case g.r.isMetadata(q.URL.EscapedPath()):
		g.r.ServeHTTP(w, q)
		return
	case q.Method == http.MethodOptions && q.Header.Get("Access-Control-Request-Method") != "" && q.Header.Get("Origin") != "":
		g.next.ServeHTTP(w, q)
		return
	}
	c, e := g.r.credential(q)
	var id *Identity
	if e == nil {
		id, e = g.identify(q.Context(), c)
	}
	if e != nil && e.Reason.guess() {
		e = g.guessed(q, c, e)
	}
	if e == nil {
		e = g.allow(q.Context(), id)
	}
	if e == nil && c.Scheme == schemeDPoP {
		g.r.dpop.renew(w, q)
	}
	if e != nil {
		g.refuse(w, q, c, id, e)
		return
	}
	g.r.count("")
	g.pass(w, q, c, id)
}

// identify finds out who it is, and checks what the token is bound to.
func (g *guard) identify(ctx context.Context, c Credential) (*Identity, *Error) {
	id, err := g.verifier.Verify(ctx, c)
	if err != nil {
		return nil, reasonOf(err)
	}
	if id.Subject == "" && id.ClientID == "" || strings.ContainsAny(id.Issuer, "?#") {
		return nil, Refuse(ReasonClaims, "the token does not say whose it is", nil)
	}
	if !id.Expires.IsZero() && !time.Now().Before(id.Expires) {
		return nil, Refuse(ReasonExpired, "the token has expired", nil)
	}
	if e := g.r.checkBinding(ctx, c, &id); e != nil {
		return nil, e
	}
	return &id, nil
}

// checkBinding checks that the request shows what the token is bound to.
func (r *ProtectedResource) checkBinding(ctx context.Context, c Credential, id *Identity) *Error {
	b := id.Binding
	switch {
	case b.Unknown:
		return Refuse(ReasonBinding, "the token is bound to something that cannot be checked here", nil)
	case b.CertificateThumbprint != "" && (c.Certificate == nil || !sameText(thumbprintOf(c.Certificate), b.CertificateThumbprint)):
		return Refuse(ReasonBinding, "the token is bound to another client certificate", nil)
	case b.KeyThumbprint != "" || c.Scheme == schemeDPoP:
		return r.dpop.check(ctx, r, c, b.KeyThumbprint)
	case r.dpop.required && c.Token != "":
		return Refuse(ReasonBinding, "the token must be bound to a key (DPoP)", nil)
	}
	return nil
}

// allow asks for roles and checks scopes.
func (g *guard) allow(ctx context.Context, id *Identity) *Error {
	if g.r.roles != nil {
		roles, err := g.r.roles(ctx, *id)
		if err != nil {
			return Refuse(ReasonScope, "no role allows this", err)
		}
		id.Roles = roles
	}
	for _, s := range g.scopes {
		if !slices.Contains(id.Scopes, s) && !slices.Contains(id.Roles, s) {
			return Refuse(ReasonScope, "the scope "+s+" is missing", nil)
		}
	}
	return nil
}

// guessed counts a guess, and makes it one too many if it is.
func (g *guard) guessed(q *http.Request, c Credential, e *Error) *Error {
	address := g.r.address(q)
	blocked, fresh := g.r.guesses.add(address, claimedClient(c.Token))
	if fresh {
		g.r.log.WarnContext(q.Context(), "serverauth: an address is shut out, too many of its credentials were forged or unknown",
			"address", address.String(), "for", g.r.guesses.limits.Block)
	}
	if blocked > 0 {
		return Refuse(ReasonLimited, "too many invalid tokens came from this address", e)
	}
	return e
}

// pass hands the request on.
func (g *guard) pass(w http.ResponseWriter, q *http.Request, c Credential, id *Identity) {
	ctx := rpc.WithPrincipal(q.Context(), id.principal())
	ctx = server.WithChallenge(ctx, func(needed []string) (int, map[string][]string) {
		return http.StatusForbidden, map[string][]string{
			"Www-Authenticate": {g.r.challenge(c.Scheme, "insufficient_scope", "more scopes are needed", g.union(id, needed))},
		}
	})
	if q.Method == http.MethodGet && !id.Expires.IsZero() && !g.r.keepStreams {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, id.Expires)
		defer cancel()
	}
	q = q.WithContext(ctx)
	if !g.r.keepHeader {
		q.Header = q.Header.Clone()
		q.Header.Del("Authorization")
		q.Header.Del("DPoP")
	}
	g.next.ServeHTTP(w, q)
}

// union gives what a client is to ask for: what every request needs, what this one does, and what the token has, which it
// would lose otherwise. What roles give is not to be had from an authorization server.
func (g *guard) union(id *Identity, needed []string) []string {
	all := slices.Clone(g.scopes)
	more := needed
	if id != nil {
		more = slices.Concat(needed, id.Scopes)
	}
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
