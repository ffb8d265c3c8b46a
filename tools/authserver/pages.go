package main

import (
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/op"
)

//go:embed login.html
var loginPage string

var loginTemplate = template.Must(template.New("login").Parse(loginPage))

// serveLogin shows who asks for what, and asks who is there.
func (s *storage) serveLogin(w http.ResponseWriter, r *http.Request) {
	q, err := s.waiting(r.URL.Query().Get("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	s.showLogin(w, http.StatusOK, q, "")
}

func (s *storage) showLogin(w http.ResponseWriter, status int, q *request, wrong string) {
	s.mu.Lock()
	name := q.client
	if c := s.clients[q.client]; c != nil && c.name != "" {
		name = c.name
	}
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_ = loginTemplate.Execute(w, map[string]any{"ID": q.id, "Client": name, "Scopes": q.scopes, "Resource": q.resource, "Redirect": q.redirect, "Wrong": wrong})
}

// serveDecision takes what the user decided: the answer goes to the client.
func (s *storage) serveDecision(w http.ResponseWriter, r *http.Request, crypto op.Crypto) {
	q, err := s.waiting(r.PostFormValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if r.PostFormValue("decision") != "allow" {
		_ = s.DeleteAuthRequest(r.Context(), q.id)
		s.answer(w, r, q, url.Values{"error": {"access_denied"}})
		return
	}
	name := r.PostFormValue("name")
	if !samePassword(s.people[name], r.PostFormValue("password")) {
		s.showLogin(w, http.StatusUnauthorized, q, "There is nobody of that name with that password.")
		return
	}
	if q, err = s.consent(q.id, name); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	code, err := op.CreateAuthRequestCode(r.Context(), q, s, crypto)
	if err != nil {
		http.Error(w, "no code could be made", http.StatusInternalServerError)
		return
	}
	s.answer(w, r, q, url.Values{"code": {code}})
}

// answer sends the browser back to the client, with state and issuer (RFC 9207).
func (s *storage) answer(w http.ResponseWriter, r *http.Request, q *request, more url.Values) {
	to, err := url.Parse(q.redirect)
	if err != nil {
		http.Error(w, "the redirect URI cannot be read", http.StatusInternalServerError)
		return
	}
	all := to.Query()
	for name, values := range more {
		all[name] = values
	}
	all.Set("iss", s.issuer)
	if q.state != "" {
		all.Set("state", q.state)
	}
	to.RawQuery = all.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// samePassword compares in a time that does not depend on the passwords; nobody's is empty.
func samePassword(want, got string) bool {
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(got))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}
