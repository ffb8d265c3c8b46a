package serverauth

import (
	"context"
	"crypto"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// DPoPOptions says how proofs of possession (RFC 9449) are checked. Without [DPoP] a token that is bound to a key needs a
// proof all the same, with the defaults. A zero field means its default.
type DPoPOptions struct {
	// Required refuses tokens that are not bound to a key. Default: bearer tokens are taken as well.
	Required bool
	// Nonce makes clients put a nonce of this server into their proofs, which shows that a proof was made lately, and not
	// beforehand. Default: none.
	Nonce bool
	// NonceKey is the key that nonces are made with, at least 32 random bytes: processes that share it take each other's
	// nonces. Default: a random one.
	NonceKey []byte
	// NonceTime is how often the nonce changes, default 5 minutes; the one before is taken as well.
	NonceTime time.Duration
	// Age is how old a proof may be; default 60 s.
	Age time.Duration
	// Skew is by how much the clocks may differ; default 10 s, at most 5 minutes.
	Skew time.Duration
	// Proofs is how many proofs are remembered, each until it is too old, so that none is taken twice; default 100,000. Of
	// them a tenth are for one key. A proof beyond that is refused with status 503: forgetting one would let it be used
	// again. A negative number is no limit.
	Proofs int
	// Algorithms are those that proofs may be signed with; default those of [Algorithms].
	Algorithms []string
	// Seen remembers proofs for all processes that serve the resource: it tells whether key, a short text, was there already,
	// and keeps it until a time if not. An error refuses the request with status 503. Default: each process for itself.
	Seen func(ctx context.Context, key string, until time.Time) (bool, error)
}

// DPoP sets how proofs of possession are checked, and announces in the metadata and in challenges that they are taken. It
// panics if an option is wrong.
func DPoP(o DPoPOptions) Option {
	d := newDPoP(o)
	d.asked = true
	return func(r *ProtectedResource) { r.dpop = d }
}

// dpop checks proofs.
type dpop struct {
	asked, required bool
	age, skew       time.Duration
	algorithms      []string
	nonces          *nonces // nil: none
	seen            func(ctx context.Context, key string, until time.Time) (bool, error)
	replays         *replays
}

func newDPoP(o DPoPOptions) *dpop {
	d := &dpop{required: o.Required, age: o.Age, skew: o.Skew, algorithms: o.Algorithms, seen: o.Seen}
	if d.age <= 0 {
		d.age = time.Minute
	}
	if d.skew == 0 {
		d.skew = 10 * time.Second
	}
	if d.skew < 0 || d.skew > maxSkew {
		panic("serverauth.DPoP: Skew must be up to 5 minutes")
	}
	if len(d.algorithms) == 0 {
		d.algorithms = asymmetric
	}
	if err := checkAlgorithms(d.algorithms); err != nil {
		panic("serverauth.DPoP: " + err.Error())
	}
	if o.Nonce {
		d.nonces = newNonces(o.NonceKey, o.NonceTime)
	}
	d.replays = newReplays(o.Proofs)
	return d
}

// badProof is what clients are told of a proof that is not accepted; why it is not goes to the log.
const badProof = "the DPoP proof is not valid"

// check checks the proof of a request for a token that is bound to the key of a thumbprint; "" if it is bound to none.
func (d *dpop) check(ctx context.Context, r *ProtectedResource, c Credential, bound string) *Error {
	switch {
	case bound == "":
		return Refuse(ReasonBinding, "the token is not bound to a key: present it as a Bearer token", nil)
	case c.Scheme != schemeDPoP:
		return Refuse(ReasonBinding, "the token is bound to a key: present it as a DPoP token, with a proof", nil)
	}
	proofs := c.Request.Header["Dpop"]
	if len(proofs) != 1 {
		return refuseProof(ReasonBinding, "expected one DPoP header")
	}
	if len(proofs[0]) > maxToken {
		return refuseProof(ReasonMalformed, "it is too long")
	}
	proof, ok := parseCompact(proofs[0])
	if !ok || proof.header.typ != "dpop+jwt" {
		return refuseProof(ReasonMalformed, "it is not a signed JWT of the type dpop+jwt")
	}
	key, thumbprint, ok := proofKey(proof.header.jwk)
	if !ok {
		return refuseProof(ReasonMalformed, "it has no public key that can be used")
	}
	p := &proof.claims
	switch {
	case !proof.verify(key, d.algorithms):
		return refuseProof(ReasonForged, "its signature is not right, or its algorithm not allowed")
	case !sameText(thumbprint, bound):
		return refuseProof(ReasonForged, "it is of another key than the token is bound to")
	case !sameText(p.ath, digest([]byte(c.Token))):
		return refuseProof(ReasonBinding, "it is for another token")
	case p.htm != c.Request.Method:
		return refuseProof(ReasonBinding, "it is for another method")
	case !sameTarget(p.htu, r.requestURL(c.Request)):
		return refuseProof(ReasonBinding, "it is for another URL")
	case p.jti == "":
		return refuseProof(ReasonBinding, "it has no jti")
	case d.nonces != nil && !d.nonces.valid(p.nonce):
		return Refuse(ReasonNonce, "the DPoP proof needs the nonce of this answer", nil)
	}
	now := time.Now()
	switch {
	case !p.hasIssued:
		return refuseProof(ReasonBinding, "it has no iat")
	case now.Sub(p.issued) > d.age+d.skew:
		return refuseProof(ReasonBinding, "it is too old")
	case p.issued.Sub(now) > d.skew:
		return refuseProof(ReasonBinding, "it is of the future")
	}
	return d.once(ctx, thumbprint, p, p.issued.Add(d.age+d.skew))
}

// once is the error for a proof that was there before.
func (d *dpop) once(ctx context.Context, thumbprint string, p *claims, until time.Time) *Error {
	key := digest([]byte(thumbprint + " " + p.jti))
	var seen bool
	var err error
	if d.seen != nil {
		seen, err = d.seen(ctx, key, until)
	} else {
		seen, err = d.replays.add(thumbprint, key, until)
	}
	switch {
	case err != nil:
		return Refuse(ReasonUnavailable, "the DPoP proof cannot be checked at the moment", err)
	case seen:
		return refuseProof(ReasonReplayed, "it was used before")
	}
	return nil
}

// renew tells a client of a new nonce with the answer, once the one it has is to be replaced.
func (d *dpop) renew(w http.ResponseWriter, q *http.Request) {
	if d.nonces == nil {
		return
	}
	if proof, ok := parseCompact(q.Header.Get("DPoP")); ok && proof.claims.nonce != d.nonces.current() {
		w.Header().Set("DPoP-Nonce", d.nonces.current())
	}
}

// proofError says, for the log, what is wrong with a proof.
type proofError string

func (e proofError) Error() string { return string(e) }

func refuseProof(reason Reason, why string) *Error { return Refuse(reason, badProof, proofError(why)) }

// proofKey reads the key of a proof and gives its thumbprint (RFC 7638). One with a private part, or a shared one, is of a
// type that fits no algorithm.
func proofKey(raw wire.Raw) (key any, thumbprint string, ok bool) {
	if raw.IsZero() {
		return nil, "", false
	}
	parsed, err := jwk.ParseKey(raw.Bytes())
	if err != nil || jwk.Export(parsed, &key) != nil {
		return nil, "", false
	}
	sum, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, "", false
	}
	return key, base64.RawURLEncoding.EncodeToString(sum), true
}

// sameTarget compares the URL of a proof with that of the request, without query and fragment (RFC 9449, section 4.3).
func sameTarget(htu, request string) bool {
	a, err := url.Parse(htu)
	b, err2 := url.Parse(request)
	if err != nil || err2 != nil || a.Host == "" || a.User != nil {
		return false
	}
	return originOf(a) == originOf(b) && plainPath(a) == plainPath(b)
}

// plainPath gives the path with percent-encoding in one form only; the empty path is the root.
func plainPath(u *url.URL) string {
	p := (&url.URL{Path: u.Path}).EscapedPath()
	if strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		p = u.EscapedPath() // an encoded slash is another path than a slash
	}
	if p == "" {
		return "/"
	}
	return p
}
