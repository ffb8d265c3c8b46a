package clientauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Method is how a client proves its identity at a token endpoint.
type Method string

// The methods of RFC 7591 and OpenID Connect.
const (
	None          Method = "none"
	Basic         Method = "client_secret_basic"
	Post          Method = "client_secret_post"
	PrivateKeyJWT Method = "private_key_jwt"
)

// Credentials are a client id and what proves it: a secret, a key, or nothing for a public client.
type Credentials struct {
	// Issuer is the authorization server they are for. If it is empty they are for the first one they are used at.
	Issuer string
	// ID is the client id.
	ID string
	// Secret is the client secret; empty for none.
	Secret string
	// Key signs assertions (RFC 7523); nil for none.
	Key *Key
	// Method is how the client proves itself. If it is empty the key is used if there is one, or else the secret in the
	// way that the authorization server supports, Basic before Post.
	Method Method
}

// Registration is what dynamic registration tells about the client; empty fields are left out.
type Registration struct {
	// Name is what the user is shown.
	Name string
	// URI is a page about the client, Logo an image.
	URI, Logo string
	// SoftwareID and SoftwareVersion identify the software, whoever runs it.
	SoftwareID, SoftwareVersion string
}

// identity is a client id in use.
type identity struct {
	Credentials
	registered bool // dynamically
	kept       bool // it was in the store
}

// registrationRecord is a client id in the store.
type registrationRecord struct {
	Issuer    string   `json:"issuer"`
	ID        string   `json:"client_id"`
	Secret    string   `json:"client_secret,omitempty"`
	Method    Method   `json:"token_endpoint_auth_method,omitempty"`
	Expires   int64    `json:"client_secret_expires_at,omitempty"`
	Redirects []string `json:"redirect_uris,omitempty"`
}

func (r *registrationRecord) identity() *identity {
	return &identity{Credentials: Credentials{Issuer: r.Issuer, ID: r.ID, Secret: r.Secret, Method: r.Method}, registered: true}
}

func registrationKey(issuer string) string { return "client at " + issuer }

// load reads a record of the store; false if there is none. One that cannot be read counts as none.
func (a *Authorizer) load(ctx context.Context, key string, v any) (bool, error) {
	data, err := a.store.Load(ctx, key)
	if err != nil || data == nil {
		return false, storeError(err)
	}
	raw, err := wire.ParseRaw(data)
	if err == nil {
		err = raw.Unmarshal(v)
	}
	if err != nil {
		a.trace.step("the store has a record that cannot be read: %v", err)
		return false, nil
	}
	return true, nil
}

func storeError(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Step: "store", Err: err}
}

// keep writes a record into the store; nil drops it.
func (a *Authorizer) keep(ctx context.Context, key string, v any) error {
	return storeError(a.store.Update(ctx, key, func([]byte) ([]byte, error) { return encode(v) }))
}

func encode(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	raw, err := wire.Marshal(v)
	return raw.Bytes(), err
}

// kept gives the registration at an issuer; nil if there is none that can be used.
func (a *Authorizer) kept(ctx context.Context, issuer string) (*registrationRecord, error) {
	var r registrationRecord
	ok, err := a.load(ctx, registrationKey(issuer), &r)
	if err != nil || !ok || r.ID == "" || r.Issuer != issuer {
		return nil, err
	}
	if r.Expires != 0 && r.Expires <= time.Now().Unix() {
		a.trace.step("the registration at %s has expired", place(issuer))
		return nil, nil
	}
	return &r, nil
}

// configured gives the credentials of the options if they are for an issuer; nil if they are not.
func (a *Authorizer) configured(ctx context.Context, issuer string) (*identity, error) {
	c := a.credentials
	if c == nil {
		return nil, nil
	}
	owner := c.Issuer
	if owner == "" { // the first authorization server it is used at, from then on
		err := a.store.Update(ctx, "issuer of "+c.ID, func(old []byte) ([]byte, error) {
			if owner = string(old); owner == "" {
				owner = issuer
			}
			return []byte(owner), nil
		})
		if err != nil {
			return nil, storeError(err)
		}
	}
	if owner != issuer {
		a.trace.step("the credentials are for %s, not for %s", place(owner), place(issuer))
		return nil, nil
	}
	return &identity{Credentials: *c}, nil
}

// identify finds the client id for the run: the registered one, the metadata document, a kept registration, a new one, or
// what the user says. redirect is the redirect URI it has to be good for; empty for none.
func (r *run) identify(ctx context.Context, redirect string, grants ...string) (*identity, error) {
	a, server := r.a, r.server
	if id, err := a.configured(ctx, server.Issuer); id != nil || err != nil {
		return id, err
	}
	if a.document != nil && server.MetadataDocuments && redirect != "" {
		a.trace.step("the client id is the URL of the metadata document, %s", place(a.document.ID))
		return &identity{Credentials: *a.document}, nil
	}
	kept, err := a.kept(ctx, server.Issuer)
	if err != nil {
		return nil, err
	}
	if kept != nil && (redirect == "" || slices.Contains(kept.Redirects, redirect)) {
		id := kept.identity()
		id.kept = true
		return id, nil
	}
	if server.RegistrationEndpoint != "" {
		return r.register(ctx, redirect, grants)
	}
	if a.ask != nil {
		c, err := a.ask(ctx, server.Issuer, redirect)
		if err != nil {
			return nil, &Error{Step: "asking for a client id", Err: err}
		}
		record := &registrationRecord{Issuer: server.Issuer, ID: c.ID, Secret: c.Secret, Method: c.Method, Redirects: []string{redirect}}
		return &identity{Credentials: c, registered: true}, a.keep(ctx, registrationKey(server.Issuer), record)
	}
	return nil, &Error{Step: "client id", URL: place(server.Issuer),
		Err: fmt.Errorf("%w: it registers no clients; use WithCredentials, or WithMetadataDocument where that is supported", ErrNoClientID)}
}

// registrationRequest is the body of a dynamic registration (RFC 7591 section 2).
type registrationRequest struct {
	Name            string   `json:"client_name"`
	Redirects       []string `json:"redirect_uris,omitempty"`
	ApplicationType string   `json:"application_type,omitempty"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types,omitempty"`
	Method          Method   `json:"token_endpoint_auth_method"`
	URI             string   `json:"client_uri,omitempty"`
	Logo            string   `json:"logo_uri,omitempty"`
	SoftwareID      string   `json:"software_id,omitempty"`
	SoftwareVersion string   `json:"software_version,omitempty"`
	Bound           bool     `json:"dpop_bound_access_tokens,omitempty"`
}

// register registers the client and keeps the registration, keyed by the issuer.
func (r *run) register(ctx context.Context, redirect string, grants []string) (*identity, error) {
	const step = "client registration"
	a, server, own := r.a, r.server, r.a.registration
	request := registrationRequest{
		Name: own.Name, URI: own.URI, Logo: own.Logo, SoftwareID: own.SoftwareID, SoftwareVersion: own.SoftwareVersion,
		GrantTypes: grants, Method: Basic, Bound: r.dpop,
	}
	if request.Name == "" {
		request.Name = "MCP client"
	}
	for _, m := range []Method{None, Basic, Post} {
		if server.supports(m) {
			request.Method = m
			break
		}
	}
	if redirect != "" {
		request.Redirects, request.ResponseTypes = []string{redirect}, []string{"code"}
		request.ApplicationType = "web"
		if strings.HasPrefix(redirect, "http:") || !strings.HasPrefix(redirect, "https:") {
			request.ApplicationType = "native" // a loopback listener or a scheme of the application's own
		}
	}
	body, err := encode(&request)
	if err != nil {
		return nil, &Error{Step: step, Err: err}
	}
	got, err := a.postJSON(ctx, step, server.RegistrationEndpoint, body)
	if err != nil {
		return nil, err
	}
	at := place(server.RegistrationEndpoint)
	if !got.ok() {
		return nil, oauthError(step, at, got, nil)
	}
	record := registrationRecord{}
	if err := got.decode(&record); err != nil {
		return nil, &Error{Step: step, URL: at, Err: err}
	}
	if record.ID == "" {
		return nil, &Error{Step: step, URL: at, Err: errors.New("the answer has no client_id")}
	}
	record.Issuer = server.Issuer
	record.Redirects = union(request.Redirects) // what the answer lists is not what we listen at
	a.trace.step("registered at %s as client %s", place(server.Issuer), printable(record.ID))
	return record.identity(), a.keep(ctx, registrationKey(server.Issuer), &record)
}

// identityOf finds the client id that a grant was made to; nil if it is gone.
func (a *Authorizer) identityOf(ctx context.Context, g *grant) (*identity, error) {
	if c := a.credentials; c != nil && c.ID == g.ClientID {
		if id, err := a.configured(ctx, g.Issuer); id != nil || err != nil {
			return id, err
		}
	}
	if d := a.document; d != nil && d.ID == g.ClientID {
		return &identity{Credentials: *d}, nil
	}
	kept, err := a.kept(ctx, g.Issuer)
	if err != nil || kept == nil || kept.ID != g.ClientID {
		return nil, err
	}
	return kept.identity(), nil
}

// method chooses how a client proves itself.
func (id *identity) method(server *serverMetadata) (Method, error) {
	switch {
	case id.Method == PrivateKeyJWT && id.Key == nil:
		return "", errors.New("private_key_jwt needs a key")
	case id.Method != "":
		return id.Method, nil
	case id.Key != nil:
		if server.Methods != nil && !server.supports(PrivateKeyJWT) {
			return "", fmt.Errorf("the client has a key, but the server supports %v only", server.Methods)
		}
		return PrivateKeyJWT, nil
	case id.Secret == "":
		return None, nil
	}
	for _, m := range []Method{Basic, Post, None} {
		if server.supports(m) {
			return m, nil
		}
	}
	return Basic, nil
}
