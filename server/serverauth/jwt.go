package serverauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// JWTVerifier verifies signed tokens of one issuer, see [JWT].
type JWTVerifier struct {
	issuer     string
	keysAt     string
	keySet     []byte
	audiences  []string
	algorithms []string
	types      []string
	skew       time.Duration
	keyLimits  KeyLimits
	limits     FetchLimits
	client     *http.Client
	keys       *keyring
}

// JWTOption is an option of [JWT].
type JWTOption interface{ applyJWT(*JWTVerifier) }

type jwtOption func(*JWTVerifier)

func (o jwtOption) applyJWT(v *JWTVerifier) { o(v) }

// JWT verifies tokens that an issuer signs (RFC 7519, RFC 9068). Their key is one of the issuer's, which are found by its
// metadata (RFC 8414, or OpenID Connect Discovery), fetched when the first token comes and kept, see [KeyLimits]; their
// signature is asymmetric; iss is the issuer, to the letter; aud has the URL of the resource; exp is there and has not come;
// nbf and iat, where they are there, have. Scopes are read from scope or scp, the client from client_id or azp, and what the
// token is bound to from cnf.
//
// It panics if issuer is not an https URL (http on loopback), or an option is wrong; TryJWT returns the error.
func JWT(issuer string, opts ...JWTOption) *JWTVerifier {
	v, err := TryJWT(issuer, opts...)
	if err != nil {
		panic(err)
	}
	return v
}

// TryJWT is JWT for what is not known to be right.
func TryJWT(issuer string, opts ...JWTOption) (*JWTVerifier, error) {
	v := &JWTVerifier{issuer: issuer, algorithms: asymmetric, types: []string{"", "jwt", "at+jwt"}, skew: defaultClockSkew}
	for _, o := range opts {
		o.applyJWT(v)
	}
	fail := func(err error) (*JWTVerifier, error) { return nil, fmt.Errorf("serverauth.JWT %q: %w", issuer, err) }
	if _, err := checkURL(issuer); err != nil {
		return fail(err)
	}
	if err := checkAlgorithms(v.algorithms); err != nil {
		return fail(err)
	}
	if v.skew < 0 || v.skew > maxSkew {
		return fail(fmt.Errorf("the clock skew is %v: expected up to %v", v.skew, maxSkew))
	}
	v.keys = &keyring{limits: v.keyLimits.withDefaults()}
	if v.keySet != nil {
		keys, err := parseKeys(v.keySet, v.keys.limits.Keys)
		if err == nil && len(keys) == 0 {
			err = errors.New("the key set has no public key for signatures")
		}
		if err != nil {
			return fail(err)
		}
		v.keys.set = &keySet{keys: keys}
		return v, nil
	}
	f := newFetcher(v.client, v.limits)
	v.keys.fetch = func(ctx context.Context) ([]byte, http.Header, error) {
		at := v.keysAt
		if at == "" {
			var err error
			if at, err = discover(ctx, f, issuer); err != nil {
				return nil, nil, err
			}
		}
		return f.get(ctx, at)
	}
	return v, nil
}

const (
	defaultClockSkew = 30 * time.Second
	maxSkew          = 5 * time.Minute
)

// KeysAt sets the URL of the issuer's key set. Default: what its metadata says.
func KeysAt(jwksURI string) JWTOption { return jwtOption(func(v *JWTVerifier) { v.keysAt = jwksURI }) }

// Keys sets the issuer's key set itself, as JSON (RFC 7517): nothing is fetched.
func Keys(jwks []byte) JWTOption {
	return jwtOption(func(v *JWTVerifier) { v.keySet = append([]byte{}, jwks...) })
}

// Audiences adds audiences that are as good as the URL of the resource, for authorization servers that do not know RFC
// 8707. They are compared to the letter. Default none.
func Audiences(audiences ...string) JWTOption {
	return jwtOption(func(v *JWTVerifier) { v.audiences = append(v.audiences, audiences...) })
}

// Algorithms sets the algorithms that tokens may be signed with. Default: ES256, ES384, ES512, EdDSA, Ed25519, PS256,
// PS384, PS512, RS256, RS384, RS512. Others cannot be allowed: "none" and those with a shared key.
func Algorithms(names ...string) JWTOption {
	return jwtOption(func(v *JWTVerifier) { v.algorithms = slices.Clone(names) })
}

// OnlyAccessTokens takes only tokens that say in their header that they are access tokens (RFC 9068, "at+jwt"). Default:
// a type of JWT or none will do as well; others, such as DPoP proofs and logout tokens, never do.
func OnlyAccessTokens() JWTOption {
	return jwtOption(func(v *JWTVerifier) { v.types = []string{"at+jwt"} })
}

// ClockSkew sets by how much the clocks of issuer and server may differ. Default 30 s; at most 5 minutes.
func ClockSkew(d time.Duration) JWTOption { return jwtOption(func(v *JWTVerifier) { v.skew = d }) }

// LimitKeys sets how the issuer's keys are kept.
func LimitKeys(l KeyLimits) JWTOption { return jwtOption(func(v *JWTVerifier) { v.keyLimits = l }) }

// FetchOption is an option of [JWT] and [Introspection].
type FetchOption struct {
	jwt        func(*JWTVerifier)
	introspect func(*IntrospectionVerifier)
}

func (o FetchOption) applyJWT(v *JWTVerifier)                     { o.jwt(v) }
func (o FetchOption) applyIntrospection(v *IntrospectionVerifier) { o.introspect(v) }

// HTTPClient sets what talks to the authorization server. Its redirect policy does not count: none is followed. Default: one
// with http.DefaultTransport.
func HTTPClient(c *http.Client) FetchOption {
	return FetchOption{func(v *JWTVerifier) { v.client = c }, func(v *IntrospectionVerifier) { v.client = c }}
}

// LimitFetches sets what is taken from the authorization server.
func LimitFetches(l FetchLimits) FetchOption {
	return FetchOption{func(v *JWTVerifier) { v.limits = l }, func(v *IntrospectionVerifier) { v.limits = l }}
}

// Verify verifies a token. Its signature is looked at first, so that what is said of a token is true of it.
func (v *JWTVerifier) Verify(ctx context.Context, c Credential) (Identity, error) {
	if c.Token == "" {
		return Identity{}, errMissing
	}
	t, ok := parseCompact(string(c.Token))
	if !ok {
		return Identity{}, Refuse(ReasonMalformed, "the token is not a signed JWT", nil)
	}
	if !slices.Contains(v.algorithms, t.header.alg) {
		return Identity{}, Refuse(ReasonForged, "the algorithm of the token is not allowed", nil)
	}
	keys, err := v.keys.find(ctx, t.header, t.claims.issuer != v.issuer)
	switch {
	case err != nil:
		return Identity{}, Refuse(ReasonUnavailable, "the token cannot be verified at the moment", err)
	case len(keys) == 0:
		return Identity{}, Refuse(ReasonUnknown, "the key of the token is not known", nil)
	case !slices.ContainsFunc(keys, func(k verifyKey) bool { return t.verify(k.key, v.algorithms) }):
		return Identity{}, Refuse(ReasonForged, "the signature of the token is not right", nil)
	case !slices.Contains(v.types, t.header.typ):
		return Identity{}, Refuse(ReasonClaims, "the token is not an access token", nil)
	case t.claims.issuer != v.issuer:
		return Identity{}, Refuse(ReasonIssuer, "the token is of another issuer", nil)
	case t.claims.expires.IsZero():
		return Identity{}, Refuse(ReasonClaims, "the token never expires: exp is required", nil)
	}
	if e := t.claims.checkTimes(v.skew); e != nil {
		return Identity{}, e
	}
	if !t.claims.meant(c.Resource, v.audiences) {
		return Identity{}, Refuse(ReasonAudience, "the token is for another resource", nil)
	}
	return t.claims.identity(v.issuer, v.skew), nil
}
