package serverauth

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// HTTPSOptions says what becomes of requests that come without TLS. A zero field means its default.
type HTTPSOptions struct {
	// Redirect sends requests without credentials on to the https URL of the resource, with status 308. Requests with
	// credentials are refused all the same: these have been seen by others. Default: all are refused, with status 403.
	Redirect bool
	// HSTS is for how long browsers are told to use nothing but https (RFC 6797); default a year, a negative one does not
	// tell them.
	HSTS time.Duration
	// Secure tells whether a request came over TLS where a proxy ends that, by a header that the proxy sets. Default: by the
	// connection.
	Secure func(*http.Request) bool
}

// HTTPS makes [Require] take requests over TLS only. Those that came from this machine to a loopback address of it, by a
// loopback name, are exempt. Default: requests over plain HTTP are taken.
func HTTPS(o HTTPSOptions) Option {
	if o.HSTS == 0 {
		o.HSTS = 365 * 24 * time.Hour
	}
	if o.Secure == nil {
		o.Secure = func(q *http.Request) bool { return q.TLS != nil }
	}
	return func(r *ProtectedResource) { r.https = &httpsPolicy{o} }
}

type httpsPolicy struct{ HTTPSOptions }

// wrap puts the policy before a handler.
func (p *httpsPolicy) wrap(r *ProtectedResource, g *guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case p.Secure(q):
			if p.HSTS > 0 {
				w.Header().Set("Strict-Transport-Security", "max-age="+strconv.FormatInt(int64(p.HSTS/time.Second), 10))
			}
		case isLocal(q):
		case p.Redirect && q.Header.Get("Authorization") == "" && !q.URL.Query().Has("access_token"):
			// To the resource's own host: that of the request is the client's to choose.
			w.Header().Set("Location", r.origin+q.URL.RequestURI())
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		default:
			g.refuseInsecure(w, q)
			return
		}
		g.ServeHTTP(w, q)
	})
}

// refuseInsecure answers a request that came without TLS. Its credential is not looked at.
func (g *guard) refuseInsecure(w http.ResponseWriter, q *http.Request) {
	g.r.count(ReasonInsecure)
	g.r.log.DebugContext(q.Context(), "serverauth: refused", "reason", string(ReasonInsecure), "address", g.r.address(q).String(), "path", q.URL.Path)
	g.r.cors(w.Header(), q)
	answer(w, http.StatusForbidden, &Error{Reason: ReasonInsecure, Description: "https is required"})
}

// isLocal reports whether a request came from this machine, to a loopback address and name.
func isLocal(q *http.Request) bool {
	from, err := netip.ParseAddrPort(q.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	to, ok := q.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !to.IP.IsLoopback() {
		return false
	}
	host := q.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	} else if len(host) > 2 && host[0] == '[' {
		host = host[1 : len(host)-1]
	}
	return isLoopback(host)
}
