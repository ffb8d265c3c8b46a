package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// registration is what a client says of itself (RFC 7591), and what it is told.
type registration struct {
	ID              string           `json:"client_id,omitempty"`
	Secret          string           `json:"client_secret,omitempty"`
	Issued          int64            `json:"client_id_issued_at,omitempty"`
	SecretExpires   *int64           `json:"client_secret_expires_at,omitempty"`
	Name            string           `json:"client_name,omitempty"`
	Redirects       []string         `json:"redirect_uris"`
	ApplicationType string           `json:"application_type,omitempty"`
	Method          oidc.AuthMethod  `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes      []oidc.GrantType `json:"grant_types,omitempty"`
	ResponseTypes   []string         `json:"response_types,omitempty"`
}

// serveRegistration registers a client: anybody may.
func (s *storage) serveRegistration(w http.ResponseWriter, r *http.Request) {
	var q registration
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, "invalid_client_metadata", "the body is no JSON of RFC 7591")
		return
	}
	if code, why := q.check(); code != "" {
		refuse(w, code, why)
		return
	}
	now := time.Now()
	c := &registered{id: rand.Text(), name: q.Name, native: q.ApplicationType == "native", method: q.Method, redirects: q.Redirects, grants: q.GrantTypes, scopes: s.scopes, since: now}
	if q.Method != oidc.AuthMethodNone {
		c.secret, q.SecretExpires = rand.Text()+rand.Text(), new(int64)
	}
	s.mu.Lock()
	full := len(s.clients) >= maxClients
	if !full {
		s.clients[c.id] = c
	}
	s.mu.Unlock()
	if full {
		http.Error(w, "too many clients are registered", http.StatusServiceUnavailable)
		return
	}
	q.ID, q.Secret, q.Issued = c.id, c.secret, now.Unix()
	answerJSON(w, http.StatusCreated, q)
}

// check fills in defaults, and tells what is wrong.
func (q *registration) check() (code, why string) {
	if q.ApplicationType == "" {
		q.ApplicationType = "web"
	}
	if q.Method == "" {
		q.Method = oidc.AuthMethodBasic
	}
	if len(q.GrantTypes) == 0 {
		q.GrantTypes = []oidc.GrantType{oidc.GrantTypeCode}
	}
	if len(q.ResponseTypes) == 0 {
		q.ResponseTypes = []string{string(oidc.ResponseTypeCode)}
	}
	for _, g := range q.GrantTypes {
		if g != oidc.GrantTypeCode && g != oidc.GrantTypeRefreshToken {
			return "invalid_client_metadata", "grant_types are authorization_code and refresh_token"
		}
	}
	switch {
	case q.ApplicationType != "native" && q.ApplicationType != "web":
		return "invalid_client_metadata", "application_type is native or web"
	case !slices.Contains([]oidc.AuthMethod{oidc.AuthMethodNone, oidc.AuthMethodBasic, oidc.AuthMethodPost}, q.Method):
		return "invalid_client_metadata", "token_endpoint_auth_method is none, client_secret_basic or client_secret_post"
	case !slices.Equal(q.ResponseTypes, []string{string(oidc.ResponseTypeCode)}):
		return "invalid_client_metadata", "response_types is code"
	case len(q.Redirects) == 0:
		return "invalid_redirect_uri", "redirect_uris is missing"
	}
	for _, text := range q.Redirects {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Fragment != "" {
			return "invalid_redirect_uri", "a redirect URI is no absolute URI without fragment"
		}
		_, loopback := op.HTTPLoopbackOrLocalhost(text)
		switch native := q.ApplicationType == "native"; {
		case u.Scheme == "https" && u.Host != "":
		case native && loopback:
		case native && u.Scheme != "http" && u.Scheme != "javascript" && u.Scheme != "data":
		default:
			return "invalid_redirect_uri", "a redirect URI is https; of a native client on loopback, or of a scheme of its own"
		}
	}
	return "", ""
}

func refuse(w http.ResponseWriter, code, why string) {
	answerJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": why})
}
