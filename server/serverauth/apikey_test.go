package serverauth

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPIKeys(t *testing.T) {
	one, two, old := secret("key-number-one-000"), secret("key-number-two-000"), secret("key-number-old-000")
	sum := sha256.Sum256([]byte(two))
	v := APIKeys(
		APIKey{Name: "ci", Key: Secret(one), Scopes: []string{"a"}},
		APIKey{Name: "ops", SHA256: hex.EncodeToString(sum[:]), Scopes: []string{"a", "b"}},
		APIKey{Name: "old", Key: Secret(old), Expires: time.Now().Add(-time.Second)},
	)
	h, saw := protect(v, Resource(resourceURL), "a")
	require.Equal(t, http.StatusNoContent, with(t, h, one).Code)
	require.Equal(t, "apikey:#ci", saw.principal.ID)
	require.Equal(t, http.StatusNoContent, with(t, h, two).Code)
	require.Equal(t, []string{"a", "b"}, saw.principal.Scopes)
	rec := with(t, h, old)
	require.Equal(t, http.StatusUnauthorized, rec.Code)
	require.Contains(t, rec.Header().Get("WWW-Authenticate"), "the token has expired")
	for _, wrong := range []string{one[:len(one)-1], one + "0", "key-number-one-001", hex.EncodeToString(sum[:])} {
		require.Equal(t, ReasonUnknown, reasonFor(t, v, wrong))
	}
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, resourceURL).Code)
	require.Equal(t, http.StatusUnauthorized, ask(t, h, http.MethodPost, resourceURL, "X-Api-Key", one).Code)
}

func TestAPIKeysThatAreWrong(t *testing.T) {
	for text, keys := range map[string][]APIKey{
		`key 0, "": there is no name`:                                 {{Key: "0123456789abcdef"}},
		`key 0, "a": expected one of Key and SHA256`:                  {{Name: "a"}},
		`key 0, "a": expected at least 16 letters, digits and -._~+/`: {{Name: "a", Key: "0123456789abcde"}},
		`key 1, "b": expected at least 16 letters, digits and -._~+/`: {{Name: "a", Key: "0123456789abcdef"}, {Name: "b", Key: "0123456789abcde "}},
		`key 0, "a": expected 64 hexadecimal digits as its SHA256`:    {{Name: "a", SHA256: "00"}},
		`key 1, "b": it is also key 0`:                                {{Name: "a", Key: "0123456789abcdef"}, {Name: "b", Key: "0123456789abcdef"}},
	} {
		_, err := TryAPIKeys(keys...)
		require.EqualError(t, err, "serverauth.APIKeys: "+text)
	}
}
