package serverauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// IntrospectionVerifier asks an authorization server about tokens, see [Introspection].
type IntrospectionVerifier struct {
	endpoint  string
	issuer    string
	user      string
	password  Secret
	bearer    Secret
	audiences []string
	assumed   string
	skew      time.Duration
	client    *http.Client
	limits    FetchLimits
	cacheSize int
	cacheTime time.Duration
	fetcher   *fetcher
	cache     *answers
	once      *answers // digests of tokens that were active
}

// IntrospectionOption is an option of [Introspection].
type IntrospectionOption interface{ applyIntrospection(*IntrospectionVerifier) }

type introspectionOption func(*IntrospectionVerifier)

func (o introspectionOption) applyIntrospection(v *IntrospectionVerifier) { o(v) }

// Introspection verifies tokens of any form by asking the authorization server (RFC 7662). The answer says that the token is
// active; iss, where it is there, is the issuer; aud has the URL of the resource, or is missing and [AssumeResource] is
// given; exp, nbf and iat hold where they are there. Answers are kept for 10 s, see [CacheAnswers]. A token that was active
// within a day counts as expired when it is not any more, and not as a guess.
//
// endpoint is the URL of the introspection endpoint. It panics if that is not https (http on loopback), or an option is
// wrong; TryIntrospection returns the error.
func Introspection(endpoint string, opts ...IntrospectionOption) *IntrospectionVerifier {
	v, err := TryIntrospection(endpoint, opts...)
	if err != nil {
		panic(err)
	}
	return v
}

// TryIntrospection is Introspection for what is not known to be right.
func TryIntrospection(endpoint string, opts ...IntrospectionOption) (*IntrospectionVerifier, error) {
	v := &IntrospectionVerifier{endpoint: endpoint, skew: defaultClockSkew}
	for _, o := range opts {
		o.applyIntrospection(v)
	}
	u, err := url.Parse(endpoint)
	if err == nil && u.User != nil {
		err = errors.New("expected no user information: use ClientSecret")
	}
	if err == nil {
		err = checkFetched(u)
	}
	if err == nil && v.issuer != "" {
		_, err = checkURL(v.issuer)
	}
	if err != nil {
		return nil, fmt.Errorf("serverauth.Introspection: %w", err)
	}
	if v.cacheTime == 0 {
		v.cacheTime = defaultCacheAnswers
	}
	if v.cacheSize == 0 {
		v.cacheSize = defaultCachedAnswers
	}
	v.fetcher = newFetcher(v.client, v.limits)
	v.cache = newAnswers(v.cacheSize, v.cacheTime)
	v.once = newAnswers(onceActive, onceActiveTime)
	return v, nil
}

// ClientSecret sets how the server authenticates to the authorization server: by a client id and secret, with HTTP basic
// authentication (RFC 6749, section 2.3.1).
func ClientSecret(id string, secret Secret) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.user, v.password = id, secret })
}

// BearerToken sets a token by which the server authenticates to the authorization server.
func BearerToken(token Secret) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.bearer = token })
}

// IssuedBy sets the issuer: a token of which the answer names another is refused, and it begins the ids of principals. The
// metadata of the resource names it. Default: the answer's own, or else the endpoint.
func IssuedBy(issuer string) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.issuer = issuer })
}

// AssumeResource takes tokens without an audience to be for the resource at a URL, and for no other, where the
// authorization server issues tokens for that alone, or does not answer for those of others. Default: they are refused.
func AssumeResource(url string) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.assumed = url })
}

// AlsoFor adds audiences that are as good as the URL of the resource, compared to the letter. Default none.
func AlsoFor(audiences ...string) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.audiences = append(v.audiences, audiences...) })
}

// CacheAnswers sets for how long answers are kept, which is how long a token may live on after it was revoked, and how many.
// Default, for 0: 10 s and 10,000. A negative time keeps none; a negative number is no limit.
func CacheAnswers(d time.Duration, entries int) IntrospectionOption {
	return introspectionOption(func(v *IntrospectionVerifier) { v.cacheTime, v.cacheSize = d, entries })
}

// The defaults of [CacheAnswers].
const (
	defaultCacheAnswers  = 10 * time.Second
	defaultCachedAnswers = 10_000
)

// A token that was active is no guess when it is not any more: it has expired, or was revoked. So many are known by their
// digests, for so long after they were last asked about.
const (
	onceActive     = 10_000
	onceActiveTime = 24 * time.Hour
)

// Verify asks about a token.
func (v *IntrospectionVerifier) Verify(ctx context.Context, c Credential) (Identity, error) {
	if c.Token == "" {
		return Identity{}, errMissing
	}
	said, err := v.ask(ctx, c.Token)
	switch {
	case err != nil:
		return Identity{}, Refuse(ReasonUnavailable, "the token cannot be verified at the moment", err)
	case !said.active && v.once.get(digest([]byte(c.Token))) != nil:
		return Identity{}, Refuse(ReasonExpired, "the token is not active any more", nil)
	case !said.active:
		return Identity{}, Refuse(ReasonUnknown, "the token is not active", nil)
	case v.issuer != "" && said.issuer != "" && said.issuer != v.issuer:
		return Identity{}, Refuse(ReasonIssuer, "the token is of another issuer", nil)
	}
	if e := said.checkTimes(v.skew); e != nil {
		return Identity{}, e
	}
	if said.hasAudience && !said.meant(c.Resource, v.audiences) || !said.hasAudience && (v.assumed == "" || !sameURL(v.assumed, c.Resource)) {
		return Identity{}, Refuse(ReasonAudience, "the token is for another resource", nil)
	}
	issuer := v.issuer
	if issuer == "" {
		issuer = said.issuer
	}
	if issuer == "" {
		issuer, _, _ = strings.Cut(v.endpoint, "?")
	}
	return said.identity(issuer, v.skew), nil
}

// ask gives what the authorization server says of a token, or said lately.
func (v *IntrospectionVerifier) ask(ctx context.Context, token Secret) (*claims, error) {
	key := digest([]byte(token))
	if said := v.cache.get(key); said != nil {
		return said, nil
	}
	form := url.Values{"token": {string(token)}, "token_type_hint": {"access_token"}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, v.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("the endpoint is not a URL")
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	switch {
	case v.bearer != "":
		q.Header.Set("Authorization", "Bearer "+string(v.bearer))
	case v.user != "":
		q.SetBasicAuth(url.QueryEscape(v.user), url.QueryEscape(string(v.password)))
	}
	body, _, err := v.fetcher.do(q)
	if err != nil {
		return nil, err
	}
	said := new(claims)
	if err := wire.DecodeOptions(body, said, wire.Options{MaxDepth: 32}); err != nil {
		return nil, errors.New("the answer of the introspection endpoint is not what RFC 7662 says")
	}
	v.cache.put(key, said)
	if said.active {
		v.once.put(key, new(claims))
	}
	return said, nil
}
