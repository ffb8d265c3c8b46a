package serverauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
)

const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"

	// maxToken is how long a token may be, in bytes.
	maxToken = 16 << 10
)

// credential reads what a request presents.
func (r *ProtectedResource) credential(q *http.Request) (Credential, *Error) {
	c := Credential{Resource: r.url, Request: q, Certificate: r.certificateOf(q)}
	if strings.Contains(q.URL.RawQuery, "access_token") && q.URL.Query().Has("access_token") {
		return c, Refuse(ReasonRequest, "a token must not be in the URL", nil)
	}
	values := q.Header["Authorization"]
	switch len(values) {
	case 0:
		return c, nil
	case 1:
	default:
		return c, Refuse(ReasonRequest, "there is more than one Authorization header", nil)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case strings.EqualFold(scheme, schemeBearer):
		c.Scheme = schemeBearer
	case strings.EqualFold(scheme, schemeDPoP):
		c.Scheme = schemeDPoP
	default:
		return c, nil // of another scheme: as good as none
	}
	c.Token = Secret(token)
	switch {
	case len(token) > maxToken:
		c.Token = ""
		return c, Refuse(ReasonMalformed, "the token is longer than 16 KiB", nil)
	case !isToken(token):
		return c, Refuse(ReasonMalformed, "the token is malformed", nil)
	}
	return c, nil
}

// isToken reports whether s has the form of a token (RFC 6750, section 2.1, "b64token").
func isToken(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// sameText compares in a time that does not tell where the texts differ.
func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// thumbprintOf gives the thumbprint of a certificate (RFC 8705, "x5t#S256").
func thumbprintOf(c *x509.Certificate) string { return digest(c.Raw) }

// digest is SHA-256 in base64url.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
