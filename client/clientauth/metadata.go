package clientauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// resourceMetadata is what a resource server publishes about itself (RFC 9728 section 2), as far as it is used.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported"`
	DPoPRequired         bool     `json:"dpop_bound_access_tokens_required"`
}

// serverMetadata is what an authorization server publishes about itself (RFC 8414 section 2), as far as it is used.
type serverMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	Methods               []string `json:"token_endpoint_auth_methods_supported"`
	SigningAlgs           []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	DPoPAlgs              []string `json:"dpop_signing_alg_values_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"`
	MetadataDocuments     bool     `json:"client_id_metadata_document_supported"`
}

// supports tells whether a method of client authentication may be used; without a list only basic is (RFC 8414 section 2).
func (m *serverMetadata) supports(method Method) bool {
	if m.Methods == nil {
		return method == Basic
	}
	return slices.Contains(m.Methods, string(method))
}

// discoverResource gets the metadata of the MCP server, from where the challenge says or else from the well-known places.
func (a *Authorizer) discoverResource(ctx context.Context, c challenge) (*resourceMetadata, error) {
	const step = "protected resource metadata"
	urls := resourceMetadataURLs(a.server)
	if at := c.params["resource_metadata"]; at != "" {
		urls = []string{at}
	}
	var missed []error
	for _, at := range urls {
		got, err := a.getJSON(ctx, step, at)
		if err == nil && got.status == http.StatusOK {
			var m resourceMetadata
			if err = got.decode(&m); err == nil {
				if err := checkResource(m.Resource, a.server); err != nil {
					return nil, &Error{Step: step, URL: place(at), Err: err}
				}
				return &m, nil
			}
			err = &Error{Step: step, URL: place(at), Err: err}
		}
		if isFinal(err) {
			return nil, err
		}
		missed = append(missed, missing(step, at, got, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(missed...)
}

// missing makes the error of a document that was not there.
func missing(step, at string, got *answer, err error) error {
	if err != nil {
		return err
	}
	return &Error{Step: step, URL: place(at), Status: got.status}
}

// discoverServer gets the metadata of an authorization server.
func (a *Authorizer) discoverServer(ctx context.Context, issuer string) (*serverMetadata, error) {
	const step = "authorization server metadata"
	urls, err := serverMetadataURLs(issuer)
	if err != nil {
		return nil, &Error{Step: step, Err: err}
	}
	var missed []error
	for _, at := range urls {
		got, err := a.getJSON(ctx, step, at)
		if err == nil && got.status == http.StatusOK {
			var m serverMetadata
			if err = got.decode(&m); err == nil {
				if err := a.checkServer(&m, issuer); err != nil {
					return nil, &Error{Step: step, URL: place(at), Err: err}
				}
				return &m, nil
			}
			err = &Error{Step: step, URL: place(at), Err: err}
		}
		if isFinal(err) {
			return nil, err
		}
		missed = append(missed, missing(step, at, got, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(missed...)
}

// checkServer checks that the metadata is of the issuer, and that its endpoints may be used.
func (a *Authorizer) checkServer(m *serverMetadata, issuer string) error {
	if m.Issuer != issuer {
		return fmt.Errorf("%w: the metadata is of %q, expected %q", ErrIssuerMismatch, printable(m.Issuer), printable(issuer))
	}
	if m.TokenEndpoint == "" {
		return errors.New("it names no token_endpoint")
	}
	for _, at := range []string{m.TokenEndpoint, m.AuthorizationEndpoint, m.RegistrationEndpoint} {
		if at == "" {
			continue
		}
		if _, err := a.guard.checkURL(at); err != nil {
			return err
		}
	}
	return nil
}

// pickIssuer chooses the authorization server: the one named by hand, or of those the MCP server lists the one that a token
// or credentials exist for, or else the first.
func (a *Authorizer) pickIssuer(m *resourceMetadata, had *grant) (string, error) {
	switch {
	case a.issuer != "":
		return a.issuer, nil
	case len(m.AuthorizationServers) == 0:
		return "", &Error{Step: "protected resource metadata",
			Err: errors.New("it lists no authorization server; name one with WithIssuer")}
	case had != nil && slices.Contains(m.AuthorizationServers, had.Issuer):
		return had.Issuer, nil
	case a.credentials != nil && slices.Contains(m.AuthorizationServers, a.credentials.Issuer):
		return a.credentials.Issuer, nil
	}
	return m.AuthorizationServers[0], nil
}

// target is what a token is asked for: found anew for each authorization, since any of it may have changed.
type target struct {
	resource string // as published
	scopes   []string
	server   *serverMetadata
	dpop     bool // the token has to be bound to a key
}

// discover finds the target for a challenge.
func (a *Authorizer) discover(ctx context.Context, c challenge, had *grant) (*target, error) {
	m, err := a.discoverResource(ctx, c)
	switch {
	case err == nil:
		a.trace.step("the resource is %s, its authorization servers are %s, its scopes %s",
			printable(m.Resource), printable(strings.Join(m.AuthorizationServers, " ")), shown(m.Scopes))
	case a.issuer == "" || isFinal(err) || ctx.Err() != nil:
		return nil, err
	default:
		m = &resourceMetadata{Resource: a.server.String()}
		a.trace.step("the server publishes no metadata; the authorization server named by hand is asked for a token for %s", place(m.Resource))
	}
	issuer, err := a.pickIssuer(m, had)
	if err != nil {
		return nil, err
	}
	a.trace.step("the authorization server is %s", printable(issuer))
	server, err := a.discoverServer(ctx, issuer)
	if err != nil {
		return nil, err
	}
	dpop := a.dpop || m.DPoPRequired || c.scheme == "dpop"
	if dpop && server.DPoPAlgs != nil && !slices.Contains(server.DPoPAlgs, dpopAlg) {
		return nil, &Error{Step: "authorization server metadata",
			Err: fmt.Errorf("it supports DPoP with %s only, expected %s", shown(server.DPoPAlgs), dpopAlg)}
	}
	return &target{resource: m.Resource, scopes: m.Scopes, server: server, dpop: dpop}, nil
}
