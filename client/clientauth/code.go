package clientauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/oauth2"
)

// Redirect is the flow for a user, with an answer that the caller receives: the authorization code grant with PKCE.
//
// redirectURI is where the authorization server sends the user's browser: https, on this machine, or a scheme of the
// application's own. visit shows the user the URL, waits, and gives the URL that the browser was sent to, or its path and
// query; everything in that is checked here. It ends when ctx does. One visit at a time is under way.
func Redirect(redirectURI string, visit func(ctx context.Context, authorizationURL string) (redirected string, err error)) Flow {
	return &codeFlow{open: func(context.Context, []string) (receiver, error) { return &callerReceiver{redirectURI, visit}, nil },
		check: func() error { return checkRedirectURI(redirectURI) }}
}

func checkRedirectURI(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Fragment != "" || u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
		return fmt.Errorf("clientauth: the redirect URI %q is neither https nor of this machine", text)
	}
	return nil
}

// codeFlow is the authorization code grant.
type codeFlow struct {
	check func() error
	// open makes the receiver of the answer, at one of the redirect URIs that are registered already if it can.
	open func(ctx context.Context, registered []string) (receiver, error)
}

// receiver receives the answer to an authorization request.
type receiver interface {
	// uri is the redirect URI.
	uri() string
	// receive sends the user to an URL and gives the parameters of the answer.
	receive(ctx context.Context, authorizationURL, state string) (url.Values, error)
	// close ends it.
	close()
}

func (f *codeFlow) setup(*Authorizer) error { return f.check() }

const stepAuthorize = "authorization request"

func (f *codeFlow) obtain(ctx context.Context, r *run) (*grant, error) {
	server := r.server
	if !slices.Contains(server.ChallengeMethods, "S256") {
		return nil, &Error{Step: stepAuthorize, URL: place(server.Issuer), Err: ErrNoPKCE}
	}
	if server.AuthorizationEndpoint == "" {
		return nil, &Error{Step: stepAuthorize, URL: place(server.Issuer), Err: errors.New("the server names no authorization_endpoint")}
	}
	kept, err := r.a.kept(ctx, server.Issuer)
	if err != nil {
		return nil, err
	}
	var registered []string
	if kept != nil {
		registered = kept.Redirects
	}
	recv, err := f.open(ctx, registered)
	if err != nil {
		return nil, &Error{Step: "redirect listener", Err: err}
	}
	defer recv.close()
	client, err := r.identify(ctx, recv.uri(), "authorization_code", "refresh_token")
	if err != nil {
		return nil, err
	}
	g, err := r.authorize(ctx, recv, client)
	return g, r.forgotten(ctx, client, err)
}

// forgotten drops a registration that the authorization server has forgotten, or whose secret it took back. If it was an
// old one, the error says that another may succeed.
func (r *run) forgotten(ctx context.Context, client *identity, err error) error {
	if codeOf(err) != "invalid_client" || !client.registered {
		return err
	}
	if dropped := r.a.keep(ctx, registrationKey(r.server.Issuer), nil); dropped != nil || !client.kept {
		return errors.Join(err, dropped)
	}
	r.a.trace.step("%s does not know the client any more; it will be registered again", place(r.server.Issuer))
	return &staleClient{err}
}

// staleClient is the failure of an authorization with a registration that is gone; another may succeed.
type staleClient struct{ error }

func (e *staleClient) Unwrap() error { return e.error }

// authorize sends the user to the authorization server and exchanges the code that comes back.
func (r *run) authorize(ctx context.Context, recv receiver, client *identity) (*grant, error) {
	server := r.server
	verifier, state := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	config := oauth2.Config{ClientID: client.ID, RedirectURL: recv.uri(), Scopes: r.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: server.AuthorizationEndpoint}}
	at := config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("resource", r.resource))
	r.a.trace.step("%s: the user is sent to %s, client %s, scopes %s, redirect URI %s, resource %s", stepAuthorize,
		place(at), printable(client.ID), shown(r.scopes), place(recv.uri()), printable(r.resource))
	answer, err := recv.receive(ctx, at, state)
	if err != nil {
		return nil, &Error{Step: stepAuthorize, URL: place(at), Err: err}
	}
	r.a.inner.CloseIdleConnections() // the user took longer than servers keep a connection
	code, err := checkAnswer(answer, state, server)
	if err != nil {
		r.a.trace.step("%v", err)
		return nil, err
	}
	r.a.trace.step("%s: a code came back, and state and issuer are right", stepAuthorize)
	form := url.Values{"code": {code}, "code_verifier": {verifier}, "redirect_uri": {recv.uri()}}
	return r.request(ctx, client, "authorization_code", form, nil)
}

// checkAnswer checks the answer to an authorization request and gives its code: the state, then the issuer (RFC 9207
// section 2.4), then whether it is an error.
func checkAnswer(answer url.Values, state string, server *serverMetadata) (string, error) {
	at := place(server.AuthorizationEndpoint)
	fail := func(err error) (string, error) { return "", &Error{Step: stepAuthorize, URL: at, Err: err} }
	if !sameState(answer, state) {
		return fail(ErrStateMismatch)
	}
	for _, name := range []string{"code", "error", "iss"} {
		if len(answer[name]) > 1 {
			return fail(fmt.Errorf("the answer has %s more than once", name))
		}
	}
	switch iss := answer["iss"]; {
	case len(iss) == 0 && server.IssInResponse:
		return fail(fmt.Errorf("%w: the answer has no iss, which the server says it sends", ErrIssuerMismatch))
	case len(iss) == 1 && iss[0] != server.Issuer:
		return fail(fmt.Errorf("%w: the answer is of %q, expected %q", ErrIssuerMismatch, printable(iss[0]), server.Issuer))
	}
	if code := answer.Get("error"); code != "" {
		return "", &Error{Step: stepAuthorize, URL: at, Code: printable(code), Description: printable(answer.Get("error_description"))}
	}
	if answer.Get("code") == "" {
		return fail(errors.New("the answer has no code"))
	}
	return answer.Get("code"), nil
}

func sameState(answer url.Values, state string) bool {
	got := answer["state"]
	return len(got) == 1 && subtle.ConstantTimeCompare([]byte(got[0]), []byte(state)) == 1
}

// callerReceiver is a receiver of the caller's.
type callerReceiver struct {
	redirect string
	visit    func(context.Context, string) (string, error)
}

func (c *callerReceiver) uri() string { return c.redirect }
func (c *callerReceiver) close()      {}

func (c *callerReceiver) receive(ctx context.Context, at, _ string) (url.Values, error) {
	text, err := c.visit(ctx, at)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(text)
	want, _ := url.Parse(c.redirect)
	if err != nil {
		return nil, errors.New("what the browser was sent to is no URL")
	}
	elsewhere := u.Scheme != want.Scheme || u.Host != want.Host
	if u.Scheme == "" && u.Host == "" {
		elsewhere = false // of a request line
	}
	if elsewhere || u.EscapedPath() != want.EscapedPath() {
		return nil, fmt.Errorf("%w: the browser was sent to %s, expected %s", ErrRedirected, place(text), place(c.redirect))
	}
	return u.Query(), nil
}
