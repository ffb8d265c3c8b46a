package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Where things are, besides the library's endpoints.
const (
	pathLogin    = "/login"
	pathRegister = "/register"
	pathRotate   = "/admin/rotate"
	// adminHeader keeps web pages out of the admin endpoints: they cannot send it without being asked first.
	adminHeader = "Authserver-Admin"
)

// options are what the flags say.
type options struct {
	issuer                    string
	lifetime, refreshLifetime time.Duration
	people                    map[string]string // password by name
	clients                   map[string]string // secret by id, for client credentials
	resourceServers           map[string]string // secret by id, for introspection
	resources                 []string          // nil for any
	scopes                    []string          // nil for any
	log                       *slog.Logger
}

// newServer makes the whole server.
func newServer(o options) (http.Handler, error) {
	s, err := newStorage(o)
	if err != nil {
		return nil, err
	}
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	p, err := op.NewProvider(config, s, op.StaticIssuer(o.issuer), op.WithAllowInsecure(), op.WithLogger(o.log),
		op.WithAccessTokenVerifierOpts(op.WithSupportedAccessTokenSigningAlgorithms("ES256")))
	if err != nil {
		return nil, err
	}
	e := op.Endpoints{Authorization: op.NewEndpoint("authorize"), Token: op.NewEndpoint("token"), Introspection: op.NewEndpoint("introspect"),
		Revocation: op.NewEndpoint("revoke"), JwksURI: op.NewEndpoint("keys")}
	a := &authorizationServer{LegacyServer: op.NewLegacyServer(p, e), storage: s}
	library := op.RegisterServer(a, e, op.WithHTTPMiddleware(op.NewIssuerInterceptor(p.IssuerFromRequest).Handler, withResource),
		op.WithServerCORSOptions(nil), op.WithFallbackLogger(o.log))
	mux := http.NewServeMux()
	mux.Handle("/", library)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, http.StatusOK, a.metadata(op.ContextWithIssuer(r.Context(), o.issuer)))
	})
	mux.HandleFunc("POST "+pathRegister, s.serveRegistration)
	mux.HandleFunc("GET "+pathLogin, s.serveLogin)
	mux.HandleFunc("POST "+pathLogin, func(w http.ResponseWriter, r *http.Request) { s.serveDecision(w, r, p.Crypto()) })
	mux.HandleFunc("POST "+pathRotate, s.serveRotation)
	own, err := url.Parse(o.issuer)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.log.Debug("request", "method", r.Method, "path", r.URL.Path)
		if r.Host != own.Host { // a page under a name of its own that resolves to loopback
			http.Error(w, "the host is not that of the issuer", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(&issuerInErrors{ResponseWriter: w, issuer: o.issuer}, r)
	}), nil
}

// authorizationServer is the library's server, with what it leaves open.
type authorizationServer struct {
	*op.LegacyServer
	storage *storage
}

// metadata is RFC 8414's and OpenID Connect Discovery's.
type metadata struct {
	*oidc.DiscoveryConfiguration
	Issuers bool `json:"authorization_response_iss_parameter_supported"`
}

func (a *authorizationServer) metadata(ctx context.Context) metadata {
	c := op.CreateDiscoveryConfig(ctx, a.Provider(), a.storage)
	e, issuer := a.Endpoints(), a.storage.issuer
	c.AuthorizationEndpoint, c.TokenEndpoint, c.JwksURI = e.Authorization.Absolute(issuer), e.Token.Absolute(issuer), e.JwksURI.Absolute(issuer)
	c.IntrospectionEndpoint, c.RevocationEndpoint = e.Introspection.Absolute(issuer), e.Revocation.Absolute(issuer)
	c.RegistrationEndpoint = issuer + pathRegister
	c.UserinfoEndpoint, c.EndSessionEndpoint, c.DeviceAuthorizationEndpoint = "", "", ""
	c.ScopesSupported = a.storage.scopes
	c.ResponseTypesSupported = []string{string(oidc.ResponseTypeCode)}
	c.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeClientCredentials}
	c.TokenEndpointAuthMethodsSupported = []oidc.AuthMethod{oidc.AuthMethodNone, oidc.AuthMethodBasic, oidc.AuthMethodPost}
	return metadata{c, true}
}

// Discovery serves the metadata.
func (a *authorizationServer) Discovery(ctx context.Context, _ *op.Request[struct{}]) (*op.Response, error) {
	return op.NewResponse(a.metadata(ctx)), nil
}

// CodeExchange exchanges a code: of the client, redirect URI, resource and verifier that it was asked for with.
func (a *authorizationServer) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	resource, err := a.storage.resource(ctx)
	if err != nil {
		return nil, err
	}
	found, err := op.AuthRequestByCode(ctx, a.storage, r.Data.Code)
	if err != nil {
		return nil, err
	}
	asked, ok := found.(*request)
	switch {
	case !ok || asked.client != r.Client.GetID():
		return nil, oidc.ErrInvalidGrant().WithDescription("the code is of another client")
	case asked.redirect != r.Data.RedirectURI:
		return nil, oidc.ErrInvalidGrant().WithDescription("the code was for another redirect_uri")
	case resource != "" && resource != asked.resource:
		return nil, invalidTarget("the code is for another resource")
	}
	if err := op.AuthorizeCodeChallenge(r.Data.CodeVerifier, asked.GetCodeChallenge()); err != nil {
		return nil, err
	}
	answer, err := op.CreateTokenResponse(ctx, asked, r.Client, a.Provider(), true, r.Data.Code, "")
	if err != nil {
		return nil, err
	}
	answer.Scope = asked.scopes
	return tokens(answer), nil
}

// RefreshToken gives new tokens for a refresh token, which is worth nothing from then on.
func (a *authorizationServer) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	resp, err := a.LegacyServer.RefreshToken(ctx, r)
	if err != nil {
		return nil, err
	}
	return tokens(resp.Data.(*oidc.AccessTokenResponse)), nil
}

// tokens answers a token request. There are no ID tokens: the library would make them for the resource as well, which could
// take them for access tokens.
func tokens(answer *oidc.AccessTokenResponse) *op.Response {
	answer.IDToken = ""
	r := op.NewResponse(answer)
	r.Header.Set("Cache-Control", "no-store")
	return r
}

// JWTProfile is not supported.
func (a *authorizationServer) JWTProfile(context.Context, *op.Request[oidc.JWTProfileGrantRequest]) (*op.Response, error) {
	return nil, oidc.ErrUnsupportedGrantType()
}

type resourceKey struct{}

// withResource notes the resources of a request (RFC 8707), which the library does not look at.
func withResource(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), resourceKey{}, r.Form["resource"])))
	})
}

// resource gives the resource of a request; "" if it names none.
func (s *storage) resource(ctx context.Context) (string, error) {
	all, _ := ctx.Value(resourceKey{}).([]string)
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1:
		return "", invalidTarget("one resource at a time")
	}
	u, err := url.Parse(all[0])
	if err != nil || !u.IsAbs() || u.Host == "" || u.Fragment != "" {
		return "", invalidTarget("resource is no absolute URL without fragment")
	}
	if s.resources != nil && !slices.Contains(s.resources, all[0]) {
		return "", invalidTarget("the resource is not known")
	}
	return all[0], nil
}

func invalidTarget(why string) *oidc.Error {
	return &oidc.Error{ErrorType: "invalid_target", Description: why}
}

// serveRotation has tokens be signed with a new key.
func (s *storage) serveRotation(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(adminHeader) != "rotate" {
		http.Error(w, adminHeader+": rotate is needed", http.StatusForbidden)
		return
	}
	id, err := s.rotate(r.URL.Query().Get("forget") == "true")
	if err != nil {
		http.Error(w, "no key could be made", http.StatusInternalServerError)
		return
	}
	answerJSON(w, http.StatusOK, map[string]string{"kid": id})
}

// issuerInErrors adds the issuer to redirects with an error that the library makes (RFC 9207, section 2).
type issuerInErrors struct {
	http.ResponseWriter
	issuer string
}

// WriteHeader changes the Location.
func (i *issuerInErrors) WriteHeader(status int) {
	if to, err := url.Parse(i.Header().Get("Location")); status == http.StatusFound && err == nil && to.Query().Has("error") {
		q := to.Query()
		q.Set("iss", i.issuer)
		to.RawQuery = q.Encode()
		i.Header().Set("Location", to.String())
	}
	i.ResponseWriter.WriteHeader(status)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone, or the status says it
}
