package tcp

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// place is where a server is.
type place struct {
	network string // "tcp" or "unix"
	address string // host:port, or the path of the socket
	secure  bool   // TLS was asked for
}

// parse reads an address: tcp://host:port or tls://host:port, host:port for the former, unix:/path or unix:///path.
func parse(address string) (place, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if rest, ok := strings.CutPrefix(path, "//"); ok {
			if path = rest; !strings.HasPrefix(path, "/") {
				return place{}, fmt.Errorf("tcp: the address %q has a host: expected unix:///path", address)
			}
		}
		if path == "" {
			return place{}, fmt.Errorf("tcp: the address %q names no socket: expected unix:/path", address)
		}
		return place{network: "unix", address: path}, nil
	}
	p := place{network: "tcp", address: address}
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return place{}, fmt.Errorf("tcp: %w", err)
		}
		if u.Scheme != "tcp" && u.Scheme != "tls" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return place{}, fmt.Errorf("tcp: the address %q is not of the form tcp://host:port, tls://host:port or unix:/path", u.Redacted())
		}
		p.address, p.secure = u.Host, u.Scheme == "tls"
	}
	if _, port, err := net.SplitHostPort(p.address); err != nil {
		return place{}, fmt.Errorf("tcp: %w: expected host:port", err)
	} else if port == "" {
		return place{}, fmt.Errorf("tcp: the address %q has no port", p.address)
	}
	return p, nil
}
