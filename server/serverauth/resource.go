package serverauth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// ProtectedResource is a server that takes tokens: its URL, what its metadata says, and how it is protected. [Resource]
// makes it. It is an http.Handler that serves the metadata, for muxes on which [Require] does not see the well-known paths.
// It is safe for concurrent use.
type ProtectedResource struct {
	url    string // as given
	origin string // canonical
	path   string // escaped, no slash at the end; "" for the root

	servers       []string
	name, docs    string
	scopes        []string // said to be supported
	roles         func(ctx context.Context, id Identity) ([]string, error)
	origins       []string
	keepHeader    bool
	keepStreams   bool
	limits        GuessLimits
	dpop          *dpop
	https         *httpsPolicy
	address       func(*http.Request) netip.Addr
	certificateOf func(*http.Request) *x509.Certificate
	requestURL    func(*http.Request) string
	log           *slog.Logger
	guesses       *guesses

	mu       sync.Mutex
	required []string // by those who protect it
	stats    Stats
}

// Option says something about a resource, or how it is protected.
type Option func(*ProtectedResource)

// Resource describes the server at a URL such as "https://mcp.example.com/mcp": the one that clients connect to, which
// tokens must name as their audience (RFC 8707) and its metadata as the resource (RFC 9728). It has no query and no
// fragment, and is https, or http on loopback. It panics if it is not; TryResource returns the error.
func Resource(url string, opts ...Option) *ProtectedResource {
	r, err := TryResource(url, opts...)
	if err != nil {
		panic(err)
	}
	return r
}

// TryResource is Resource for URLs that are not known to be right.
func TryResource(resource string, opts ...Option) (*ProtectedResource, error) {
	u, err := checkURL(resource)
	if err != nil {
		return nil, fmt.Errorf("serverauth.Resource %q: %w", resource, err)
	}
	r := &ProtectedResource{url: resource, origin: originOf(u), path: strings.TrimRight(u.EscapedPath(), "/"), log: slog.Default()}
	r.dpop = newDPoP(DPoPOptions{})
	r.address = func(q *http.Request) netip.Addr {
		a, _ := netip.ParseAddrPort(q.RemoteAddr)
		return a.Addr()
	}
	r.certificateOf = func(q *http.Request) *x509.Certificate {
		if q.TLS != nil && len(q.TLS.PeerCertificates) > 0 {
			return q.TLS.PeerCertificates[0]
		}
		return nil
	}
	r.requestURL = func(q *http.Request) string { return r.origin + q.URL.EscapedPath() }
	for _, o := range opts {
		o(r)
	}
	for _, s := range r.servers {
		if _, err := checkURL(s); err != nil {
			return nil, fmt.Errorf("serverauth.AuthorizationServers %q: %w", s, err)
		}
	}
	r.guesses = newGuesses(r.limits)
	return r, nil
}

// checkURL reads the URL of a resource or an issuer.
func checkURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it is not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Opaque != "":
		return nil, errors.New("expected an https URL")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return nil, errors.New("expected no query and no fragment")
	case u.User != nil:
		return nil, errors.New("expected no user information")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("expected https: http is for loopback addresses")
	}
	return u, nil
}

// isLoopback reports whether a host names this machine.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// originOf gives scheme and host in lower case, without a standard port.
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host
}

// sameURL compares URLs as resource identifiers: scheme and host in any case, a standard port or none, and no path like the
// root. A text that is no URL equals itself.
func sameURL(a, b string) bool {
	if a == b {
		return true
	}
	u, err := url.Parse(a)
	v, err2 := url.Parse(b)
	if err != nil || err2 != nil || u.Host == "" || v.Host == "" || u.User != nil || v.User != nil {
		return false
	}
	path := func(u *url.URL) string {
		if p := u.EscapedPath(); p != "/" {
			return p
		}
		return ""
	}
	return originOf(u) == originOf(v) && path(u) == path(v) && u.RawQuery == v.RawQuery && u.Fragment == v.Fragment
}

// URL is the URL of the resource as it was given.
func (r *ProtectedResource) URL() string { return r.url }

// AuthorizationServers sets the issuers whose tokens are taken, for the metadata: clients choose one. The specification
// asks for at least one wherever there is metadata. Default: that of a [JWT] verifier which [Require] is given.
func AuthorizationServers(issuers ...string) Option {
	return func(r *ProtectedResource) { r.servers = append(r.servers, issuers...) }
}

// Named sets the name of the resource that people see, and the URL of a page for developers, in the metadata. Default
// none.
func Named(name, documentation string) Option {
	return func(r *ProtectedResource) { r.name, r.docs = name, documentation }
}

// ScopesSupported sets the scopes that the metadata names, for which clients ask if no challenge tells them better. Default:
// those that every request needs, see [Require].
func ScopesSupported(scopes ...string) Option {
	return func(r *ProtectedResource) { r.scopes = append(r.scopes, scopes...) }
}

// Roles adds scopes that do not come with the credential: f looks at who it is, the groups among its claims for one, and
// gives what its roles allow. They count for [Require] and for the scopes of tools, but no client is told to ask for them.
// An error refuses the request with status 403; its text goes to the log. f must be safe for concurrent use.
func Roles(f func(ctx context.Context, id Identity) ([]string, error)) Option {
	return func(r *ProtectedResource) { r.roles = f }
}

// AllowOrigins lets web pages of origins, such as "https://app.example.com", or of all with "*", read why a request was
// refused. Their preflight requests, which have no token, are passed on to the transport, whose own option of that name is
// needed as well. Default none. The metadata can be read by all.
func AllowOrigins(origins ...string) Option {
	return func(r *ProtectedResource) {
		for _, o := range origins {
			r.origins = append(r.origins, strings.ToLower(strings.TrimSuffix(o, "/")))
		}
	}
}

// KeepAuthorization leaves the headers Authorization and DPoP in the request for handlers, as when a token is to be
// exchanged for another. Default: they are taken out, so that no handler can pass a token on or log it.
func KeepAuthorization() Option { return func(r *ProtectedResource) { r.keepHeader = true } }

// KeepStreams lets streams that were opened by GET go on when the credential that opened them expires: an event stream, a
// WebSocket. Default: they end, so that the client comes back with another credential. A client of HTTP+SSE loses its session
// with its stream, though its other requests have credentials of their own.
func KeepStreams() Option { return func(r *ProtectedResource) { r.keepStreams = true } }

// LimitGuesses sets how many forged and unknown credentials are put up with.
func LimitGuesses(l GuessLimits) Option { return func(r *ProtectedResource) { r.limits = l } }

// AddressOf sets how the address of a client is found, by which guesses are limited. Behind a proxy it is in a header that
// the proxy sets; one that clients can set themselves would let them guess without limit. Default: the address that the
// connection came from.
func AddressOf(f func(*http.Request) netip.Addr) Option {
	return func(r *ProtectedResource) { r.address = f }
}

// CertificateOf sets how the client's certificate is found where a proxy ends TLS: in a header that the proxy sets, after
// verifying it, such as Client-Cert (RFC 9440). nil is none. Default: that of the TLS connection.
func CertificateOf(f func(*http.Request) *x509.Certificate) Option {
	return func(r *ProtectedResource) { r.certificateOf = f }
}

// RequestURL sets how the URL of a request is found, as the client wrote it, for DPoP proofs (RFC 9449, "htu"). Default: the
// origin of the resource and the path of the request, which is wrong where a proxy or a mux changes the path.
func RequestURL(f func(*http.Request) string) Option {
	return func(r *ProtectedResource) { r.requestURL = f }
}

// WithLogger sets where refusals are logged to: at level debug, an address that is shut out at level warn. Default
// slog.Default().
func WithLogger(log *slog.Logger) Option { return func(r *ProtectedResource) { r.log = log } }

// Stats counts what happened to requests for a resource.
type Stats struct {
	// Accepted is how many were let through.
	Accepted int64
	// Refused is how many were not, by reason.
	Refused map[Reason]int64
	// Guessers is how many addresses are remembered for their guesses now, and Blocked how many of them are shut out.
	Guessers, Blocked int
}

// Stats gives a snapshot.
func (r *ProtectedResource) Stats() Stats {
	r.mu.Lock()
	s := Stats{Accepted: r.stats.Accepted, Refused: make(map[Reason]int64, len(r.stats.Refused))}
	for reason, n := range r.stats.Refused {
		s.Refused[reason] = n
	}
	r.mu.Unlock()
	s.Guessers, s.Blocked = r.guesses.count()
	return s
}

func (r *ProtectedResource) count(reason Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason == "" {
		r.stats.Accepted++
		return
	}
	if r.stats.Refused == nil {
		r.stats.Refused = make(map[Reason]int64)
	}
	r.stats.Refused[reason]++
}

// require notes what a protector asks of every request.
func (r *ProtectedResource) require(v Verifier, scopes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range scopes {
		if !slices.Contains(r.required, s) {
			r.required = append(r.required, s)
		}
	}
	if len(r.servers) == 0 {
		r.servers = issuersOf(v)
	}
}

// issuersOf gives the authorization servers that verifiers take tokens of.
func issuersOf(v Verifier) []string {
	switch v := v.(type) {
	case *JWTVerifier:
		return []string{v.issuer}
	case *IntrospectionVerifier:
		if v.issuer != "" {
			return []string{v.issuer}
		}
	case anyOf:
		var all []string
		for _, one := range v {
			all = append(all, issuersOf(one)...)
		}
		return all
	}
	return nil
}
