package serverauth

import (
	"math"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// claims are what a token, an introspection or a DPoP proof says (RFC 7519, 7662, 9068, 9449).
type claims struct {
	all wire.Object

	issuer, subject, clientID, party string
	audience                         []string
	hasAudience                      bool
	expires, notBefore, issued       time.Time
	hasIssued                        bool
	scopes                           []string
	binding                          Binding
	active                           bool
	jti, htm, htu, ath, nonce        string
}

// DecodeJSON is part of wire.Decodable.
func (c *claims) DecodeJSON(d *wire.Decoder) {
	*c = claims{}
	c.all.DecodeJSON(d)
	if d.Err() != nil {
		return
	}
	for _, m := range c.all {
		if err := m.Value.Decode(claim{c, m.Name}); err != nil {
			d.Fail("a claim of the right type")
			return
		}
	}
	if c.clientID == "" {
		c.clientID = c.party
	}
}

// claim reads one of the claims.
type claim struct {
	of   *claims
	name string
}

// DecodeJSON is part of wire.Decodable.
func (m claim) DecodeJSON(d *wire.Decoder) {
	c := m.of
	switch m.name {
	case "iss":
		c.issuer = d.ExactString()
	case "sub":
		c.subject = d.ExactString()
	case "client_id":
		c.clientID = d.ExactString()
	case "azp":
		c.party = d.ExactString()
	case "aud":
		c.audience, c.hasAudience = stringOrStrings(d), true
	case "exp":
		c.expires = numericDate(d)
	case "nbf":
		c.notBefore = numericDate(d)
	case "iat":
		c.issued, c.hasIssued = numericDate(d), true
	case "scope", "scp":
		for _, s := range stringOrStrings(d) {
			c.scopes = append(c.scopes, strings.Fields(s)...)
		}
	case "cnf":
		c.binding = bindingOf(d)
	case "active":
		c.active = d.Bool()
	case "jti":
		c.jti = d.ExactString()
	case "htm":
		c.htm = d.ExactString()
	case "htu":
		c.htu = d.ExactString()
	case "ath":
		c.ath = d.ExactString()
	case "nonce":
		c.nonce = d.ExactString()
	default:
		d.Raw()
	}
}

// stringOrStrings reads a string or an array of them.
func stringOrStrings(d *wire.Decoder) []string {
	if d.Kind() != wire.KindArray {
		return []string{d.ExactString()}
	}
	var all []string
	d.Array()
	for d.Elem() {
		all = append(all, d.ExactString())
	}
	return all
}

// numericDate reads seconds since 1970, which may have a fraction; it is cut off. One that no calendar has is an error.
func numericDate(d *wire.Decoder) time.Time {
	f := d.Float()
	if f < 0 || f > 1<<40 || math.IsNaN(f) {
		d.Fail("a number of seconds since 1970")
		return time.Time{}
	}
	return time.Unix(int64(f), 0)
}

// bindingOf reads what a token is bound to.
func bindingOf(d *wire.Decoder) (b Binding) {
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "jkt":
			b.KeyThumbprint = d.ExactString()
			b.Unknown = b.Unknown || b.KeyThumbprint == ""
		case "x5t#S256":
			b.CertificateThumbprint = d.ExactString()
			b.Unknown = b.Unknown || b.CertificateThumbprint == ""
		default:
			d.Raw()
			b.Unknown = true
		}
	}
	return b
}

// client gives the client that the token was issued to.
func (c *claims) client() string { return c.clientID }

// checkTimes checks when the token is valid, with some tolerance for clocks that differ.
func (c *claims) checkTimes(skew time.Duration) *Error {
	now := time.Now()
	switch {
	case !c.expires.IsZero() && !now.Before(c.expires.Add(skew)):
		return Refuse(ReasonExpired, "the token has expired", nil)
	case !c.notBefore.IsZero() && now.Add(skew).Before(c.notBefore):
		return Refuse(ReasonNotYet, "the token is not valid yet", nil)
	case c.hasIssued && now.Add(skew).Before(c.issued):
		return Refuse(ReasonNotYet, "the token was issued in the future", nil)
	}
	return nil
}

// meant reports whether the token is for the resource, or for one of the other audiences.
func (c *claims) meant(resource string, others []string) bool {
	for _, a := range c.audience {
		if sameURL(a, resource) {
			return true
		}
		for _, o := range others {
			if a == o {
				return true
			}
		}
	}
	return false
}

// identity makes the identity; expiry is moved by the tolerance that was granted.
func (c *claims) identity(issuer string, skew time.Duration) Identity {
	id := Identity{
		Issuer: issuer, Subject: c.subject, ClientID: c.clientID, Scopes: c.scopes, Claims: c.all, Binding: c.binding,
	}
	if !c.expires.IsZero() {
		id.Expires = c.expires.Add(skew)
	}
	return id
}
