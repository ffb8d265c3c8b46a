package serverauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// serverMetadata is what is read of the metadata of an authorization server (RFC 8414, OpenID Connect Discovery).
type serverMetadata struct{ issuer, jwksURI string }

// DecodeJSON is part of wire.Decodable.
func (m *serverMetadata) DecodeJSON(d *wire.Decoder) {
	*m = serverMetadata{}
	var seen uint64
	d.Object()
	for key, ok := d.Key(); ok; key, ok = d.Key() {
		switch string(key) {
		case "issuer":
			if d.Once(&seen, 0) {
				m.issuer = d.ExactString()
			}
		case "jwks_uri":
			if d.Once(&seen, 1) {
				m.jwksURI = d.ExactString()
			}
		default:
			d.Raw()
		}
	}
}

// metadataURLs gives where the metadata of an issuer may be, in the order of the specification (2025-11-25,
// basic/authorization, "Authorization Server Metadata Discovery").
func metadataURLs(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimRight(u.EscapedPath(), "/")
	all := []string{
		origin + "/.well-known/oauth-authorization-server" + path,
		origin + "/.well-known/openid-configuration" + path,
	}
	if path != "" {
		all = append(all, origin+path+"/.well-known/openid-configuration")
	}
	return all, nil
}

// discover finds out where the keys of an issuer are.
func discover(ctx context.Context, f *fetcher, issuer string) (jwksURI string, err error) {
	places, err := metadataURLs(issuer)
	if err != nil {
		return "", err
	}
	for _, at := range places {
		var body []byte
		if body, _, err = f.get(ctx, at); err != nil {
			if errors.Is(err, errNotThere) {
				continue
			}
			return "", err
		}
		var m serverMetadata
		if err := wire.Decode(body, &m); err != nil {
			return "", fmt.Errorf("%s: %w", at, err)
		}
		switch {
		case m.issuer != issuer:
			return "", fmt.Errorf("%s: it is the metadata of the issuer %q, expected %q", at, m.issuer, issuer)
		case m.jwksURI == "":
			return "", fmt.Errorf("%s: there is no jwks_uri", at)
		}
		return m.jwksURI, nil
	}
	return "", err
}
