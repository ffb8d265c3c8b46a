package clientauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// Key is a private key that signs assertions.
type Key struct {
	signer crypto.Signer
	id     string
	alg    jwa.SignatureAlgorithm
}

// NewKey makes a key of a private key: ECDSA on P-256 or P-384 (ES256, ES384), RSA of 2048 bits or more (RS256) or Ed25519
// (EdDSA). id is the key id that assertions name; empty for none.
func NewKey(signer crypto.Signer, id string) (*Key, error) {
	k := &Key{signer: signer, id: id}
	switch public := signer.Public().(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			k.alg = jwa.ES256()
			return k, nil
		case elliptic.P384():
			k.alg = jwa.ES384()
			return k, nil
		}
		return nil, fmt.Errorf("clientauth: an ECDSA key on %s, expected P-256 or P-384", public.Curve.Params().Name)
	case *rsa.PublicKey:
		if n := public.N.BitLen(); n < 2048 {
			return nil, fmt.Errorf("clientauth: an RSA key of %d bits, expected 2048 or more", n)
		}
		k.alg = jwa.RS256()
		return k, nil
	case ed25519.PublicKey:
		k.alg = jwa.EdDSA()
		return k, nil
	default:
		return nil, fmt.Errorf("clientauth: a %T, expected an ECDSA, RSA or Ed25519 key", public)
	}
}

// ParseKey reads a private key as PEM (PKCS #8, PKCS #1 or SEC 1) or as a JSON Web Key, whose kid is its id unless one is
// given.
func ParseKey(text []byte, id string) (*Key, error) {
	key, err := jwk.ParseKey(text)
	if err != nil {
		key, err = jwk.ParseKey(text, jwk.WithPEM(true))
	}
	if err != nil {
		return nil, fmt.Errorf("clientauth: the text is no private key, neither as PEM nor as JWK")
	}
	if kid, ok := key.KeyID(); ok && id == "" {
		id = kid
	}
	var raw any
	if err := jwk.Export(key, &raw); err != nil {
		return nil, fmt.Errorf("clientauth: the key cannot be used: %w", err)
	}
	signer, ok := raw.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("clientauth: the key is a %T, expected a private key", raw)
	}
	return NewKey(signer, id)
}

// assertionTime is how long an assertion is good for.
const assertionTime = time.Minute

// assert makes the assertion that proves a client's identity to an authorization server (RFC 7523 section 3); its audience
// is the issuer and nothing else.
func (k *Key) assert(client string, server *serverMetadata) (string, error) {
	if server.SigningAlgs != nil && !slices.Contains(server.SigningAlgs, k.alg.String()) {
		return "", fmt.Errorf("the key signs with %s, but the server supports %v only", k.alg, server.SigningAlgs)
	}
	now := time.Now()
	token, err := jwt.NewBuilder().Issuer(client).Subject(client).Audience([]string{server.Issuer}).
		JwtID(rand.Text()).IssuedAt(now).Expiration(now.Add(assertionTime)).Build()
	if err != nil {
		return "", err
	}
	token.Options().Enable(jwt.FlattenAudience)
	header := jws.NewHeaders()
	if k.id != "" {
		if err := header.Set(jws.KeyIDKey, k.id); err != nil {
			return "", err
		}
	}
	signed, err := jwt.Sign(token, jwt.WithKey(k.alg, k.signer, jws.WithProtectedHeaders(header)))
	return string(signed), err
}
