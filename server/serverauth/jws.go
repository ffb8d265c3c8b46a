package serverauth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// Algorithms that tokens and proofs may be signed with, all of them asymmetric: "none" and HMAC are not among them, and
// cannot be allowed.
var asymmetric = []string{
	"ES256", "ES384", "ES512", "EdDSA", "Ed25519", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
}

// checkAlgorithms is the error for algorithms that must not be allowed.
func checkAlgorithms(names []string) error {
	for _, name := range names {
		if !slices.Contains(asymmetric, name) {
			return fmt.Errorf("the algorithm %q cannot be allowed: expected one of %s", name, strings.Join(asymmetric, ", "))
		}
	}
	return nil
}

// compact is a signed JWT in compact form, taken apart; nothing of it was verified.
type compact struct {
	text   string
	header joseHeader
	claims claims
}

// joseHeader is what is read of a header (RFC 7515, section 4.1). Where keys come from is never up to a token: jwk counts
// in DPoP proofs alone, and jku, x5u and x5c not at all.
type joseHeader struct {
	alg, kid, typ string
	crit          bool
	jwk           wire.Raw
}

// DecodeJSON is part of wire.Decodable.
func (h *joseHeader) DecodeJSON(d *wire.Decoder) {
	*h = joseHeader{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "alg":
			if d.Once(&seen, 0) {
				h.alg = d.ExactString()
			}
		case "kid":
			if d.Once(&seen, 1) {
				h.kid = d.ExactString()
			}
		case "typ":
			if d.Once(&seen, 2) {
				h.typ = strings.TrimPrefix(strings.ToLower(d.ExactString()), "application/")
			}
		case "jwk":
			if d.Once(&seen, 3) {
				h.jwk = d.RawObject()
			}
		case "crit":
			h.crit = true
			d.Raw()
		default:
			d.Raw()
		}
	}
}

// parseCompact takes a JWT apart, within the limits of the credential. What is wrong is not told: it would be part of the
// token.
func parseCompact(text string) (*compact, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[2] == "" {
		return nil, false // no signed JWT, or one whose signature was stripped
	}
	c := &compact{text: text}
	return c, decodePart(parts[0], &c.header) && decodePart(parts[1], &c.claims)
}

// decodePart decodes a part of a JWT.
func decodePart(part string, v wire.Decodable) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && wire.DecodeOptions(b, v, wire.Options{MaxDepth: 32}) == nil
}

// claimedClient gives the client that a token claims to be of; "" if it is no JWT or does not say.
func claimedClient(token Secret) string {
	parts := strings.Split(string(token), ".")
	var c claims
	if len(parts) != 3 || !decodePart(parts[1], &c) {
		return ""
	}
	if id := c.client(); id != "" {
		return digest([]byte(id)) // of bounded length
	}
	return ""
}

// verify checks the signature with a key of the allowed algorithms that is of the kind that the algorithm takes.
func (c *compact) verify(key any, allowed []string) bool {
	alg, known := jwa.LookupSignatureAlgorithm(c.header.alg)
	if !known || c.header.crit || !slices.Contains(allowed, c.header.alg) || !fits(c.header.alg, key) {
		return false
	}
	_, err := jws.Verify([]byte(c.text), jws.WithKey(alg, key), jws.WithCompact())
	return err == nil
}

// fits reports whether an algorithm takes a key: its kind, its curve, and a size that is safe and not absurd.
func fits(alg string, key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		n := k.N.BitLen()
		return (alg[:2] == "RS" || alg[:2] == "PS") && n >= 2048 && n <= 8192
	case *ecdsa.PublicKey:
		switch alg {
		case "ES256":
			return k.Curve == elliptic.P256()
		case "ES384":
			return k.Curve == elliptic.P384()
		case "ES512":
			return k.Curve == elliptic.P521()
		}
	case ed25519.PublicKey:
		return alg == "EdDSA" || alg == "Ed25519"
	}
	return false
}
