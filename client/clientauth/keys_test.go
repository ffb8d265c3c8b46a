package clientauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/stretchr/testify/require"
)

func testKey(t *testing.T) *Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := NewKey(private, "kid-1")
	require.NoError(t, err)
	return key
}

func rsaKey(t *testing.T) *Key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	key, err := NewKey(private, "kid-2")
	require.NoError(t, err)
	return key
}

// verified checks the signature, the algorithm and the key id of a JWT.
func verified(t *testing.T, token, alg string, key *Key) {
	head, err := base64.RawURLEncoding.DecodeString(strings.SplitN(token, ".", 2)[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"alg":"`+alg+`","kid":"`+key.id+`","typ":"JWT"}`, string(head))
	by, ok := jwa.LookupSignatureAlgorithm(alg)
	require.True(t, ok)
	_, err = jws.Verify([]byte(token), jws.WithKey(by, key.signer.Public()))
	require.NoError(t, err)
}

func TestParseKey(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		key       crypto.Signer
		alg, fail string
	}{
		"ECDSA":         {p256, "ES256", ""},
		"RSA":           {big, "RS256", ""},
		"Ed25519":       {ed, "EdDSA", ""},
		"another curve": {p521, "", "expected P-256 or P-384"},
	} {
		t.Run(name, func(t *testing.T) {
			der, err := x509.MarshalPKCS8PrivateKey(c.key)
			require.NoError(t, err)
			key, err := ParseKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "")
			if c.fail != "" {
				require.ErrorContains(t, err, c.fail)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.alg, key.alg.String())
		})
	}
	imported, err := jwk.Import(p256)
	require.NoError(t, err)
	require.NoError(t, imported.Set(jwk.KeyIDKey, "from the key"))
	text, err := imported.(interface{ MarshalJSON() ([]byte, error) }).MarshalJSON()
	require.NoError(t, err)
	key, err := ParseKey(text, "")
	require.NoError(t, err)
	require.Equal(t, "from the key", key.id)

	public, err := imported.PublicKey()
	require.NoError(t, err)
	text, err = public.(interface{ MarshalJSON() ([]byte, error) }).MarshalJSON()
	require.NoError(t, err)
	_, err = ParseKey(text, "")
	require.ErrorContains(t, err, "expected a private key")
	_, err = ParseKey([]byte("secret nonsense"), "")
	require.ErrorContains(t, err, "neither as PEM nor as JWK")
	require.NotContains(t, err.Error(), "nonsense")
}
