package streamhttp

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// access decides who may talk to the server, by the Host and Origin headers (specification: basic/transports, security
// warning).
type access struct {
	hosts   []string // lower case
	origins []string // lower case, without a slash at the end
}

const (
	corsMethods = "GET, POST, DELETE"
	corsRequest = "Content-Type, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID"
	corsExposed = "Mcp-Session-Id, WWW-Authenticate"
	corsMaxAge  = "7200"
)

// check gives the reason for status 403, "" if the request may pass, and sets the CORS headers.
func (a *access) check(w http.ResponseWriter, r *http.Request) string {
	local := toLoopback(r)
	host, port := splitHost(r.Host)
	switch {
	case local && isLoopbackName(host):
	case a.allowsHost(host, port):
	case local:
		return "the Host header " + clip(r.Host) + " is not a loopback name, though the connection came to a loopback address: " +
			"if this is meant, as behind a reverse proxy, allow it with streamhttp.AllowHosts"
	case len(a.hosts) > 0:
		return "the Host header " + clip(r.Host) + " is not one of streamhttp.AllowHosts"
	}
	if len(a.origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	origin := headerValue(r.Header, "Origin")
	if origin == "" {
		return ""
	}
	if a.allowsOrigin(origin) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", corsExposed)
		return ""
	}
	if sameOrigin(origin, host, port, local) {
		return ""
	}
	return "the Origin " + clip(origin) + " is not one of streamhttp.AllowOrigins"
}

// preflight answers OPTIONS, once check passed; false if CORS is not on.
func (a *access) preflight(w http.ResponseWriter) bool {
	if len(a.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsRequest)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (a *access) allowsHost(host, port string) bool {
	if len(a.hosts) == 0 {
		return false
	}
	host = strings.ToLower(host)
	for _, allowed := range a.hosts {
		if allowed == "*" || allowed == host || allowed == host+":"+port || allowed == "["+host+"]" ||
			allowed == "["+host+"]:"+port {
			return true
		}
	}
	return false
}

func (a *access) allowsOrigin(origin string) bool {
	return slices.Contains(a.origins, "*") || slices.Contains(a.origins, strings.ToLower(origin))
}

// sameOrigin reports whether the origin is that of the host that was asked for, or both are this machine. The scheme does
// not count: behind a proxy that ends TLS it is not known.
func sameOrigin(origin, host, port string, local bool) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	oHost, oPort := splitHost(u.Host)
	if local && isLoopbackName(host) && isLoopbackName(oHost) {
		return true
	}
	standard := "80"
	if u.Scheme == "https" {
		standard = "443"
	}
	if oPort == "" {
		oPort = standard
	}
	if port == "" {
		port = standard
	}
	return strings.EqualFold(oHost, host) && oPort == port
}

// toLoopback reports whether the connection came to a loopback address of ours.
func toLoopback(r *http.Request) bool {
	switch addr := r.Context().Value(http.LocalAddrContextKey).(type) {
	case *net.TCPAddr:
		return addr.IP.IsLoopback()
	case *net.UDPAddr: // HTTP/3
		return addr.IP.IsLoopback()
	}
	return false
}

// isLoopbackName reports whether the host, without port, names this machine.
func isLoopbackName(host string) bool {
	if host == "127.0.0.1" || strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// splitHost splits the port off, and the brackets of an IPv6 address.
func splitHost(s string) (host, port string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && i > strings.LastIndexByte(s, ']') && strings.IndexByte(s, ':') == i ||
		i > 0 && s[i-1] == ']' {
		s, port = s[:i], s[i+1:]
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	return s, port
}

// clip shortens what a client sent for use in a text, and quotes it.
func clip(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most] + "..."
	}
	return `"` + s + `"`
}
