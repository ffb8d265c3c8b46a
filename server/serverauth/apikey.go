package serverauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// APIKey is a key that a server knows. One of Key and SHA256 is set.
type APIKey struct {
	// Name says whose it is: it is the subject, and the principal has the id "apikey:#NAME". Keys of one name are one
	// principal.
	Name string
	// Key is the key itself: at least 16 characters of a token (RFC 6750, "b64token"), of which only the SHA-256 is kept.
	Key Secret
	// SHA256 is the SHA-256 of the key in hexadecimal, so that no configuration has the key.
	SHA256 string
	// Scopes are what it allows.
	Scopes []string
	// Expires is when it does; the zero time is never.
	Expires time.Time
}

// APIKeys verifies keys that never change, presented as a Bearer token. A key is compared with all in a time that does not
// depend on them. It panics if a key is wrong, or there twice; TryAPIKeys returns the error.
func APIKeys(keys ...APIKey) Verifier {
	v, err := TryAPIKeys(keys...)
	if err != nil {
		panic(err)
	}
	return v
}

// TryAPIKeys is APIKeys for keys that are not known to be right.
func TryAPIKeys(keys ...APIKey) (Verifier, error) {
	v := make(apiKeys, len(keys))
	for i, k := range keys {
		fail := func(text string) (Verifier, error) {
			return nil, fmt.Errorf("serverauth.APIKeys: key %d, %q: %w", i, k.Name, errors.New(text))
		}
		own := &v[i]
		own.name, own.scopes, own.expires = k.Name, k.Scopes, k.Expires
		switch {
		case k.Name == "":
			return fail("there is no name")
		case (k.Key == "") == (k.SHA256 == ""):
			return fail("expected one of Key and SHA256")
		case k.Key != "" && (len(k.Key) < 16 || len(k.Key) > maxToken || !isToken(string(k.Key))):
			return fail("expected at least 16 letters, digits and -._~+/")
		case k.Key != "":
			own.sum = sha256.Sum256([]byte(k.Key))
		default:
			sum, err := hex.DecodeString(k.SHA256)
			if err != nil || len(sum) != sha256.Size {
				return fail("expected 64 hexadecimal digits as its SHA256")
			}
			own.sum = [sha256.Size]byte(sum)
		}
		for j := range i {
			if v[j].sum == own.sum {
				return fail(fmt.Sprintf("it is also key %d", j))
			}
		}
	}
	return v, nil
}

type apiKeys []apiKey

type apiKey struct {
	name    string
	sum     [sha256.Size]byte
	scopes  []string
	expires time.Time
}

// Verify looks for a key.
func (v apiKeys) Verify(_ context.Context, c Credential) (Identity, error) {
	if c.Token == "" {
		return Identity{}, errMissing
	}
	sum := sha256.Sum256([]byte(c.Token))
	found := -1
	for i := range v {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], v[i].sum[:]), i, found)
	}
	if found < 0 {
		return Identity{}, Refuse(ReasonUnknown, "the key is not known", nil)
	}
	k := &v[found]
	return Identity{Issuer: "apikey:", Subject: k.name, Scopes: k.scopes, Expires: k.expires}, nil
}
