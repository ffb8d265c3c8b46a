package clientauth

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// parseServer reads the URL of an MCP server. A WebSocket URL counts as the HTTP URL of its handshake.
func parseServer(server string) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("clientauth: the server's URL: %w", err)
	}
	u.Scheme = httpScheme(u.Scheme)
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("clientauth: the server's URL %q is not of the form https://host/path", u.Redacted())
	case u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("clientauth: the server's URL %q has a user or a fragment", u.Redacted())
	}
	return u, nil
}

func httpScheme(scheme string) string {
	switch scheme = strings.ToLower(scheme); scheme {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return scheme
}

// originOf gives the origin of a URL in the form to compare by.
func originOf(u *url.URL) string {
	scheme, port := httpScheme(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// isLoopbackHost tells whether a host names this machine whoever resolves it.
func isLoopbackHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkResource returns an error unless the published resource stands for the server: it has the server's origin, and its
// path is the server's or a prefix of it that ends where a segment does.
func checkResource(resource string, server *url.URL) error {
	u, err := url.Parse(resource)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(resource, "#") {
		return fmt.Errorf("%w: the resource %q is not an absolute URL without a fragment", ErrResourceMismatch, printable(resource))
	}
	if originOf(u) != originOf(server) {
		return fmt.Errorf("%w: the resource is %q, the server %q", ErrResourceMismatch, printable(resource), server.Redacted())
	}
	if u.RawQuery != "" && u.RawQuery != server.RawQuery {
		return fmt.Errorf("%w: the query of the resource %q is not that of the server", ErrResourceMismatch, printable(resource))
	}
	ours, prefix := server.EscapedPath(), strings.TrimSuffix(u.EscapedPath(), "/")
	if hasDots(u.Path) || ours != prefix && !strings.HasPrefix(ours, prefix+"/") && (prefix != "" || ours != "") {
		return fmt.Errorf("%w: the path of the resource %q is not that of the server %q, or a prefix of it",
			ErrResourceMismatch, printable(resource), server.Redacted())
	}
	return nil
}

// hasDots tells whether a path has segments that a server may resolve to something else.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// wellKnown gives a URL of a well-known document: the name is put between the host and the path.
func wellKnown(u *url.URL, name string) string {
	out := url.URL{Scheme: u.Scheme, Host: u.Host}
	return out.String() + "/.well-known/" + name + strings.TrimSuffix(u.EscapedPath(), "/")
}

// resourceMetadataURLs gives the well-known URLs of the metadata of a server, in the order of the specification.
func resourceMetadataURLs(server *url.URL) []string {
	const name = "oauth-protected-resource"
	root := wellKnown(&url.URL{Scheme: server.Scheme, Host: server.Host}, name)
	first := wellKnown(server, name)
	if first == root {
		return []string{root}
	}
	if server.RawQuery != "" {
		first += "?" + server.RawQuery
	}
	return []string{first, root}
}

// serverMetadataURLs gives the well-known URLs of the metadata of an authorization server, in the order of the
// specification.
func serverMetadataURLs(issuer string) ([]string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(issuer, "?#") || hasDots(u.Path) {
		return nil, fmt.Errorf("the issuer %q is not a URL without query and fragment", printable(issuer))
	}
	const oauth, openID = "oauth-authorization-server", "openid-configuration"
	urls := []string{wellKnown(u, oauth), wellKnown(u, openID)}
	if path := strings.TrimSuffix(u.EscapedPath(), "/"); path != "" {
		urls = append(urls, strings.TrimSuffix(issuer, "/")+"/.well-known/"+openID)
	}
	return urls, nil
}
