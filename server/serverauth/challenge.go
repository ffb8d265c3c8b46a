package serverauth

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tenonmcp/tenon/runtime/rpc"
)

// refuse answers a request that is not let through. The body is a JSON-RPC error without id, as transports refuse.
func (g *guard) refuse(w http.ResponseWriter, q *http.Request, c Credential, id *Identity, e *Error) {
	g.r.count(e.Reason)
	g.r.log.DebugContext(q.Context(), "serverauth: refused", "reason", string(e.Reason),
		"error", withoutSecrets(e.Error(), c), "address", g.r.address(q).String(), "method", q.Method, "path", q.URL.Path)
	h := w.Header()
	g.r.cors(h, q)
	status, scopes, code := http.StatusUnauthorized, g.scopes, "invalid_token"
	switch e.Reason {
	case ReasonMissing:
		code = ""
	case ReasonRequest:
		status, code = http.StatusBadRequest, "invalid_request"
	case ReasonScope:
		status, code, scopes = http.StatusForbidden, "insufficient_scope", g.union(id, nil)
	case ReasonNonce:
		code = "use_dpop_nonce"
		h.Set("DPoP-Nonce", g.r.dpop.nonces.current())
	case ReasonLimited:
		status = http.StatusTooManyRequests
		h.Set("Retry-After", strconv.Itoa(g.r.guesses.wait(g.r.address(q))))
	case ReasonUnavailable:
		status = http.StatusServiceUnavailable
		h.Set("Retry-After", "5")
	}
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		for _, scheme := range g.r.schemes(c, e) {
			own := code
			if scheme == schemeDPoP && e.Description == badProof {
				own = "invalid_dpop_proof"
			}
			h.Add("WWW-Authenticate", g.r.challenge(scheme, own, e.Description, scopes))
		}
	}
	answer(w, status, e)
}

// answer writes what is the same of all refusals.
func answer(w http.ResponseWriter, status int, e *Error) {
	code := rpc.CodeForbidden
	switch e.Reason {
	case ReasonRequest:
		code = rpc.CodeInvalidRequest
	case ReasonLimited, ReasonUnavailable:
		code = rpc.CodeBusy
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(rpc.NewError(rpc.ID{}, &rpc.Error{Code: code, Message: e.Description}).AppendJSON(nil)) // the client may be gone
}

// schemes gives those that the answer challenges with: that of the request, or else all that would do.
func (r *ProtectedResource) schemes(c Credential, e *Error) []string {
	switch {
	case e.Reason == ReasonNonce, r.dpop.required, c.Scheme == schemeDPoP:
		return []string{schemeDPoP}
	case c.Scheme == "" && r.dpop.asked:
		return []string{schemeBearer, schemeDPoP}
	}
	return []string{schemeBearer}
}

// challenge makes a challenge (RFC 6750 section 3, RFC 9728 section 5.1, RFC 9449 section 7.1).
func (r *ProtectedResource) challenge(scheme, code, description string, scopes []string) string {
	if scheme == "" {
		scheme = schemeBearer
	}
	var b strings.Builder
	b.WriteString(scheme)
	sep := " "
	param := func(name, value string) {
		if value != "" {
			b.WriteString(sep + name + `="` + quotable(value) + `"`)
			sep = ", "
		}
	}
	param("error", code)
	if code != "" {
		param("error_description", description)
	}
	param("resource_metadata", r.MetadataURL())
	param("scope", strings.Join(scopes, " "))
	if scheme == schemeDPoP {
		param("algs", strings.Join(r.dpop.algorithms, " "))
	}
	return b.String()
}

// quotable leaves out what cannot stand in the quoted texts of a challenge.
func quotable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s)
}

// withoutSecrets takes what the request presented out of a text.
func withoutSecrets(text string, c Credential) string {
	if c.Token != "" {
		text = strings.ReplaceAll(text, string(c.Token), redacted)
	}
	if c.Request != nil {
		for _, name := range [...]string{"Dpop", "Authorization"} {
			for _, v := range c.Request.Header[name] {
				if v != "" {
					text = strings.ReplaceAll(text, v, redacted)
				}
			}
		}
	}
	return text
}

// cors lets web pages of the origins read the answer.
func (r *ProtectedResource) cors(h http.Header, q *http.Request) {
	if len(r.origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	origin := q.Header.Get("Origin")
	if origin != "" && (slices.Contains(r.origins, "*") || slices.Contains(r.origins, strings.ToLower(origin))) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After")
	}
}
