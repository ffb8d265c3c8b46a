package serverauth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// No token and no key makes anything panic, and none that is not signed is taken.
func FuzzCompact(f *testing.F) {
	key := newSigner(f, "ES256", "k1")
	f.Add(key.sign(f, nil, m{"iss": "https://issuer.example", "cnf": m{"jkt": "x"}, "aud": []string{"a"}, "exp": 1e9}), `{"kty":"EC"}`)
	f.Add("e30.e30.AAAA", `{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`)
	f.Add(part(f, m{"alg": "E", "kid": "k1"})+".e30.AAAA", `{"kty":"RSA","n":"AA","e":"AQAB"}`)
	f.Fuzz(func(t *testing.T, token, text string) {
		_ = claimedClient(Secret(token))
		if raw, err := wire.ParseRaw([]byte(text)); err == nil && raw.Kind() == wire.KindObject {
			_, _ = parseKey(raw)
			_, _, _ = proofKey(raw)
		}
		c, ok := parseCompact(token)
		if !ok {
			return
		}
		set := keySet{keys: []verifyKey{{id: "k1", key: key.public}}}
		for _, k := range set.meant(c.header) {
			if c.verify(k.key, asymmetric) {
				require.Equal(t, 2, strings.Count(token, "."))
				require.Equal(t, "ES256", c.header.alg)
			}
		}
	})
}
