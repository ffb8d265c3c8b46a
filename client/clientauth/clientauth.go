package clientauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Flow is a way to get a token: [Browser] and [Redirect] for a user, [ClientCredentials], [Enterprise] and [Workload] for
// machines.
type Flow interface {
	// setup is called once, when the flow becomes that of an Authorizer.
	setup(a *Authorizer) error
	// obtain gets a token for the run's target.
	obtain(ctx context.Context, r *run) (*grant, error)
}

// Option changes what [New] makes.
type Option func(*Authorizer)

// WithStore sets where tokens and registrations are kept; default is a [MemoryStore] of the Authorizer's own.
func WithStore(s Store) Option { return func(a *Authorizer) { a.store = s } }

// WithCredentials sets the client id that was registered beforehand, and what proves it. They are used at their Issuer
// only; if that is empty, at the first authorization server they are used at.
func WithCredentials(c Credentials) Option { return func(a *Authorizer) { a.credentials = &c } }

// WithMetadataDocument sets the URL of the client's own metadata document, which is its client id at authorization servers
// that support such (draft-ietf-oauth-client-id-metadata-document). The scheme is https, there is a path, and the document
// lists the redirect URI. If key is not nil the client proves itself with it (private_key_jwt).
func WithMetadataDocument(url string, key *Key) Option {
	return func(a *Authorizer) { a.document = &Credentials{ID: url, Key: key} }
}

// WithRegistration sets what dynamic registration (RFC 7591) tells about the client. Without it the name is "MCP client".
func WithRegistration(r Registration) Option { return func(a *Authorizer) { a.registration = r } }

// AskForCredentials sets what is called when there is no other way to a client id: it asks the user for what was registered
// by hand at the issuer, with the redirect URI. The answer is kept in the store.
func AskForCredentials(ask func(ctx context.Context, issuer, redirectURI string) (Credentials, error)) Option {
	return func(a *Authorizer) { a.ask = ask }
}

// WithIssuer names the authorization server by hand, by its issuer identifier: whatever the MCP server lists, and if it
// lists nothing at all. Its address may be private.
func WithIssuer(issuer string) Option { return func(a *Authorizer) { a.issuer = issuer } }

// WithScopes sets scopes to ask for besides those of the server's challenge. The server's list of all its scopes, which is
// asked for where a challenge names none, is then left aside.
func WithScopes(scopes ...string) Option { return func(a *Authorizer) { a.scopes = union(scopes) } }

// WithDPoP makes every token be bound to a key of the client's (RFC 9449); one that is not is an error. Without it tokens
// are bound where the MCP server asks for that.
func WithDPoP() Option { return func(a *Authorizer) { a.dpop = true } }

// WithPrivateAddresses lets metadata and endpoints be at private, link-local and loopback addresses. Without it only those
// of the kind of the MCP server's own address are allowed.
func WithPrivateAddresses() Option { return func(a *Authorizer) { a.guard.private = true } }

// WithPlainHTTP allows http URLs that are not of this machine, for development: whoever is on the way reads the tokens.
func WithPlainHTTP() Option { return func(a *Authorizer) { a.guard.plain = true } }

// WithLimits sets the limits; zero fields mean the defaults.
func WithLimits(l Limits) Option { return func(a *Authorizer) { a.limits = l } }

// WithTransport sets the transport, for its proxy and its certificates: requests to the MCP server go through it as it is,
// all others through a copy that dials allowed addresses only. A proxy decides by itself which addresses are allowed.
// Default is a copy of http.DefaultTransport.
func WithTransport(t *http.Transport) Option { return func(a *Authorizer) { a.base = t } }

// Authorizer gets and uses the tokens for one MCP server on behalf of one user. It is safe for concurrent use, and needs no
// closing; [Authorizer.CloseIdleConnections] lets go of what it keeps open.
type Authorizer struct {
	server       *url.URL // with an http or https scheme
	origin       string
	flow         Flow
	store        Store
	credentials  *Credentials
	document     *Credentials
	registration Registration
	ask          func(ctx context.Context, issuer, redirectURI string) (Credentials, error)
	issuer       string
	scopes       []string
	dpop         bool
	limits       Limits
	trace        tracer

	guard guard
	base  *http.Transport // to the MCP server
	web   *http.Client    // to everybody else
	inner *http.Transport // of web

	remote atomic.Pointer[netip.Addr] // of the connection to the MCP server that answered last
	nonces sync.Map                   // DPoP nonces by origin

	mu       sync.Mutex
	loaded   bool      // current was looked for in the store
	now      *grant    // in use; nil for none
	flight   *flight   // in progress; nil for none
	failed   error     // of the last authorization; nil if it succeeded, or none was tried
	patience time.Time // until when a refresh is not tried again
}

// New makes an Authorizer for the MCP server at a URL, the one that its transport connects to; ws and wss URLs count as the
// http and https URLs of their handshake. An error is about the URL, an option, or the flow.
func New(server string, flow Flow, opts ...Option) (*Authorizer, error) {
	u, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	a := &Authorizer{server: u, origin: originOf(u), flow: flow, guard: guard{trusted: map[string]bool{}}}
	for _, set := range opts {
		set(a)
	}
	a.limits = a.limits.withDefaults()
	if a.store == nil {
		a.store = MemoryStore()
	}
	if a.base == nil {
		a.base = http.DefaultTransport.(*http.Transport).Clone()
		a.base.MaxIdleConnsPerHost = 64
	}
	if flow == nil {
		return nil, errors.New("clientauth: there is no flow; use Browser, or another")
	}
	if u.Scheme == "http" && !a.guard.plain && !isLoopbackHost(u.Hostname()) {
		return nil, fmt.Errorf("clientauth: the server's URL %q is not https: %w", u.Redacted(), ErrForbiddenAddress)
	}
	if err := flow.setup(a); err != nil {
		return nil, err
	}
	if err := a.checkOptions(); err != nil {
		return nil, err
	}
	a.inner = a.guard.transport(a.base)
	a.web = &http.Client{Transport: guarded{&a.guard, a.inner}, CheckRedirect: a.checkRedirect}
	return a, nil
}

func (a *Authorizer) checkOptions() error {
	if a.issuer != "" {
		a.guard.trust(a.issuer)
		if _, err := a.guard.checkURL(a.issuer); err != nil {
			return fmt.Errorf("clientauth: the issuer: %w", err)
		}
	}
	if c := a.credentials; c != nil {
		if c.ID == "" {
			return errors.New("clientauth: the credentials have no client id")
		}
		if c.Issuer == "" {
			c.Issuer = a.issuer
		}
	}
	if d := a.document; d != nil {
		u, err := url.Parse(d.ID)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path == "" || u.Path == "/" || u.User != nil || u.Fragment != "" || hasDots(u.Path) {
			return fmt.Errorf("clientauth: the URL of the client's metadata document, %q, is not of the form https://host/path", d.ID)
		}
	}
	return nil
}

// Client gives an HTTP client for the MCP server, for streamhttp.WithClient and the like. It follows no redirect to another
// origin or with another method.
func (a *Authorizer) Client() *http.Client {
	return &http.Client{Transport: a.Transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if originOf(r.URL) != originOf(via[0].URL) || r.Method != via[0].Method {
			return fmt.Errorf("clientauth: %w: %s %s", ErrRedirected, r.Method, place(r.URL.String()))
		}
		if len(via) >= 10 {
			return fmt.Errorf("clientauth: %w: more than 10", ErrRedirected)
		}
		return nil
	}}
}

// Transport gives the [http.RoundTripper] of [Authorizer.Client]. A request to the MCP server's origin gets a token; if the
// answer is that it has none, a bad one or one without enough scopes, a better one is got and the request sent again, for
// as long as something new can be tried. A request to any other origin is sent without a token, and so is, as it is, one
// that has an Authorization header of its own. A request with a body that cannot be read again (no GetBody) is sent once.
//
// The round trip takes as long as the user does. If there is no token in the end its error wraps an *[Error]; if there is
// one which the server does not accept, the server's answer is the result.
func (a *Authorizer) Transport() http.RoundTripper { return &roundTripper{a} }

// CloseIdleConnections closes the connections that no request is using.
func (a *Authorizer) CloseIdleConnections() {
	a.base.CloseIdleConnections()
	a.inner.CloseIdleConnections()
}

// Forget drops the token, from the store too; the next request starts anew. Registrations are kept.
func (a *Authorizer) Forget(ctx context.Context) error {
	a.mu.Lock()
	a.now, a.loaded, a.failed = nil, true, nil
	a.mu.Unlock()
	return a.store.Update(ctx, a.tokenKey(), func([]byte) ([]byte, error) { return nil, nil })
}
