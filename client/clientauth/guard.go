package clientauth

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// kind is what sort of network an address belongs to.
type kind int

const (
	public kind = iota
	loopback
	linkLocal
	private
	reserved // no address of a server; never allowed
)

func (k kind) String() string {
	return [...]string{"public", "loopback", "link-local", "private", "reserved"}[k]
}

// special are networks that package netip has no name for (the IANA special-purpose registries).
var special = []struct {
	net  netip.Prefix
	kind kind
}{
	{netip.MustParsePrefix("0.0.0.0/8"), reserved},
	{netip.MustParsePrefix("100.64.0.0/10"), private}, // behind a carrier's NAT
	{netip.MustParsePrefix("192.0.0.0/24"), reserved},
	{netip.MustParsePrefix("192.88.99.0/24"), reserved},
	{netip.MustParsePrefix("198.18.0.0/15"), private}, // benchmarks
	{netip.MustParsePrefix("240.0.0.0/4"), reserved},
	{netip.MustParsePrefix("::/96"), reserved},
	{netip.MustParsePrefix("64:ff9b::/96"), reserved}, // these four hold an IPv4 address
	{netip.MustParsePrefix("64:ff9b:1::/48"), reserved},
	{netip.MustParsePrefix("2001::/32"), reserved},
	{netip.MustParsePrefix("2002::/16"), reserved},
	{netip.MustParsePrefix("100::/64"), reserved},
	{netip.MustParsePrefix("fec0::/10"), private},
}

func kindOf(addr netip.Addr) kind {
	addr = addr.Unmap().WithZone("")
	switch {
	case !addr.IsValid(), addr.IsUnspecified(), addr.IsMulticast():
		return reserved
	case addr.IsLoopback():
		return loopback
	case addr.IsLinkLocalUnicast():
		return linkLocal
	case addr.IsPrivate():
		return private
	}
	for _, s := range special {
		if s.net.Contains(addr) {
			return s.kind
		}
	}
	return public
}

// guard decides which URLs and addresses the flow may go to. It checks URLs before they are used and addresses when they
// are dialed, so that what a name resolves to counts.
type guard struct {
	private bool                      // any kind but reserved is allowed
	plain   bool                      // so is plain HTTP
	kinds   [reserved + 1]atomic.Bool // kinds allowed because the MCP server is of it
	trusted map[string]bool           // host:port that the user named
	proxies sync.Map                  // host:port of proxies, which decide for themselves
	proxy   func(*http.Request) (*url.URL, error)
}

func (g *guard) allows(k kind) bool {
	return k == public || k != reserved && (g.private || g.kinds[k].Load())
}

// checkURL returns an error unless the URL is one that the client may be sent to, as far as the URL alone tells.
func (g *guard) checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no URL", ErrForbiddenAddress)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, fmt.Errorf("%w: %q is not of the form https://host/path", ErrForbiddenAddress, printable(place(text)))
	case u.User != nil || strings.Contains(text, "#"):
		return nil, fmt.Errorf("%w: %q has a user or a fragment", ErrForbiddenAddress, place(text))
	case u.Scheme == "http" && !g.plain && !isLoopbackHost(u.Hostname()):
		return nil, fmt.Errorf("%w: %q is not https, and not of this machine", ErrForbiddenAddress, place(text))
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !g.trusted[hostPort(u)] {
		if k := kindOf(addr); !g.allows(k) {
			return nil, fmt.Errorf("%w: %q is a %s address", ErrForbiddenAddress, place(text), k)
		}
	}
	return u, nil
}

// hostPort gives what is dialed for a URL.
func hostPort(u *url.URL) string {
	_, rest, _ := strings.Cut(originOf(u), "://")
	return rest
}

// trust allows the host of a URL that the user named, whatever address it has.
func (g *guard) trust(text string) {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		g.trusted[hostPort(u)] = true
	}
}

// control is called with the address of a connection before it is made.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is no address", ErrForbiddenAddress, address)
	}
	if k := kindOf(ap.Addr()); !g.allows(k) {
		return fmt.Errorf("%w: %s is a %s address", ErrForbiddenAddress, ap, k)
	}
	return nil
}

// onlyLoopback is control for a host whose name says that it is this machine.
func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	if ap, err := netip.ParseAddrPort(address); err != nil || kindOf(ap.Addr()) != loopback {
		return fmt.Errorf("%w: localhost has the address %s", ErrForbiddenAddress, address)
	}
	return nil
}

// transport makes the transport for everything but the requests to the MCP server.
func (g *guard) transport(base *http.Transport) *http.Transport {
	t := base.Clone()
	g.proxy = t.Proxy
	if t.Proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			u, err := g.proxy(r)
			if u != nil {
				g.proxies.Store(hostPort(u), true)
			}
			return u, err
		}
	}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: 10 * time.Second}
		_, isProxy := g.proxies.Load(strings.ToLower(addr))
		if host, _, err := net.SplitHostPort(addr); !isProxy && !g.trusted[strings.ToLower(addr)] {
			d.ControlContext = g.control
			if err == nil && isLoopbackHost(host) && !g.private {
				d.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
					if err := onlyLoopback(ctx, network, address, c); err != nil {
						return err
					}
					return g.control(ctx, network, address, c)
				}
			}
		}
		return d.DialContext(ctx, network, addr)
	}
	t.DialTLSContext = nil
	t.MaxResponseHeaderBytes = 64 << 10
	t.MaxIdleConnsPerHost = 4
	t.IdleConnTimeout = 30 * time.Second
	return t
}

// learn allows the kind of the MCP server's own address. It counts only if the connection that answered has an address of
// that kind and everything the server's name resolves to is of that kind too: neither a proxy nor a name with one private
// address opens the private network to the server.
func (g *guard) learn(ctx context.Context, server *url.URL, remote netip.Addr) {
	k := kindOf(remote)
	if k == public || k == reserved || g.kinds[k].Load() {
		return
	}
	if g.proxy != nil {
		if u, err := g.proxy(&http.Request{URL: server}); err != nil || u != nil {
			return
		}
	}
	if addr, err := netip.ParseAddr(server.Hostname()); err == nil {
		g.kinds[k].Store(kindOf(addr) == k || g.kinds[k].Load())
		return
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", server.Hostname())
	if err != nil || len(addrs) == 0 {
		return
	}
	for _, addr := range addrs {
		if kindOf(addr) != k {
			return
		}
	}
	g.kinds[k].Store(true)
}
