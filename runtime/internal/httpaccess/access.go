// Package httpaccess decides who may talk to a server over HTTP, by the Host and Origin headers (specification 2025-11-25:
// basic/transports, security warning), and in which types. The transports that are served over HTTP share it.
package httpaccess

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Rules is who may talk to a server. The zero value lets through what needs no permission; Package must be set. It is safe
// for concurrent use once it is made.
type Rules struct {
	// Package is the package whose options AllowHosts and AllowOrigins are, for the texts of refusals.
	Package string
	// Methods and Headers are what a page of another origin may use, and Exposed the header fields of answers that it may
	// read: lists for the CORS headers. No Methods means that there is no CORS.
	Methods, Headers, Exposed string

	hosts   []string // lower case
	origins []string // lower case, without a slash at the end
}

const maxAge = "7200" // of the answer to a preflight request, in seconds

// AllowHosts lets requests through whose Host header is one of hosts: a name, a name with its port, or "*".
func (a *Rules) AllowHosts(hosts ...string) {
	for _, host := range hosts {
		a.hosts = append(a.hosts, strings.ToLower(host))
	}
}

// AllowOrigins lets requests through that a browser sends for pages of one of origins, or "*".
func (a *Rules) AllowOrigins(origins ...string) {
	for _, origin := range origins {
		a.origins = append(a.origins, strings.ToLower(strings.TrimSuffix(origin, "/")))
	}
}

// Check gives the reason for status 403, "" if the request may pass, and sets the CORS headers.
func (a *Rules) Check(w http.ResponseWriter, r *http.Request) string {
	local := ToLoopback(r)
	host, port := splitHost(r.Host)
	switch {
	case local && isLoopbackName(host):
	case a.allowsHost(host, port):
	case local:
		return "the Host header " + Clip(r.Host) + " is not a loopback name, though the connection came to a loopback address: " +
			"if this is meant, as behind a reverse proxy, allow it with " + a.Package + ".AllowHosts"
	case len(a.hosts) > 0:
		return "the Host header " + Clip(r.Host) + " is not one of " + a.Package + ".AllowHosts"
	}
	if len(a.origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	origin := Value(r.Header, "Origin")
	if origin == "" {
		return ""
	}
	if a.allowsOrigin(origin) {
		if a.Methods != "" {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", a.Exposed)
		}
		return ""
	}
	if sameOrigin(origin, host, port, local) {
		return ""
	}
	return "the Origin " + Clip(origin) + " is not one of " + a.Package + ".AllowOrigins"
}

// Preflight answers OPTIONS, once Check passed; false if no other origin is allowed.
func (a *Rules) Preflight(w http.ResponseWriter) bool {
	if len(a.origins) == 0 || a.Methods == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", a.Methods)
	h.Set("Access-Control-Allow-Headers", a.Headers)
	h.Set("Access-Control-Max-Age", maxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (a *Rules) allowsHost(host, port string) bool {
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

func (a *Rules) allowsOrigin(origin string) bool {
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

// ToLoopback reports whether the connection came to a loopback address of ours.
func ToLoopback(r *http.Request) bool {
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

// Clip shortens what a client sent for use in a text, and quotes it.
func Clip(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most] + "..."
	}
	return `"` + s + `"`
}
