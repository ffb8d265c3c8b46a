package clientauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// dpopAlg is the algorithm of proofs.
const dpopAlg = "ES256"

const headerNonce = "DPoP-Nonce"

// proofKey is the key that tokens are bound to (RFC 9449).
type proofKey struct {
	private *ecdsa.PrivateKey
	public  jwk.Key
	text    []byte // as it is kept
}

func newProofKey() (*proofKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return makeProofKey(private, text)
}

func parseProofKey(text []byte) (*proofKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(text)
	if err != nil {
		return nil, errors.New("the kept key cannot be read")
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errors.New("the kept key is not of P-256")
	}
	return makeProofKey(private, text)
}

func makeProofKey(private *ecdsa.PrivateKey, text []byte) (*proofKey, error) {
	public, err := jwk.Import(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &proofKey{private: private, public: public, text: text}, nil
}

// proof makes the proof for one request. token is what the request presents, if it is to a resource; nonce what its server
// asked for.
func (k *proofKey) proof(method string, at *url.URL, token, nonce string) (string, error) {
	target := *at
	target.RawQuery, target.ForceQuery, target.Fragment, target.RawFragment, target.User = "", false, "", "", nil
	b := jwt.NewBuilder().JwtID(rand.Text()).IssuedAt(time.Now()).Claim("htm", method).Claim("htu", target.String())
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		b.Claim("ath", base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	if nonce != "" {
		b.Claim("nonce", nonce)
	}
	t, err := b.Build()
	if err != nil {
		return "", err
	}
	header := jws.NewHeaders()
	if err := errors.Join(header.Set(jws.TypeKey, "dpop+jwt"), header.Set(jws.JWKKey, k.public)); err != nil {
		return "", err
	}
	signed, err := jwt.Sign(t, jwt.WithKey(jwa.ES256(), k.private, jws.WithProtectedHeaders(header)))
	return string(signed), err
}

// nonce gives the last nonce that an origin has sent.
func (a *Authorizer) nonce(at *url.URL) string {
	n, _ := a.nonces.Load(originOf(at))
	s, _ := n.(string)
	return s
}

// noteNonce remembers the nonce of an answer; true if it is a new one.
func (a *Authorizer) noteNonce(at *url.URL, h http.Header) bool {
	n := h.Get(headerNonce)
	if n == "" || len(n) > 1024 {
		return false
	}
	old, had := a.nonces.Swap(originOf(at), n)
	return !had || old != n
}
