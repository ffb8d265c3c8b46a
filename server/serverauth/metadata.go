package serverauth

import (
	"net/http"
	"strings"

	"github.com/tenonmcp/tenon/runtime/wire"
)

// wellKnown is where metadata is (RFC 9728, section 3), before the path of the resource.
const wellKnown = "/.well-known/oauth-protected-resource"

// MetadataURL is where the metadata of the resource is: what challenges name.
func (r *ProtectedResource) MetadataURL() string { return r.origin + wellKnown + r.path }

// MetadataPath is the path of MetadataURL, for a mux:
//
//	mux.Handle(resource.MetadataPath(), resource)
//
// It is needed only if [Require] does not wrap the mux.
func (r *ProtectedResource) MetadataPath() string { return wellKnown + r.path }

// isMetadata reports whether a path is that of the metadata: where RFC 9728 puts it, and at the root, where clients look
// that know no better.
func (r *ProtectedResource) isMetadata(path string) bool {
	rest, ok := strings.CutPrefix(path, wellKnown)
	return ok && (rest == "" || rest == "/" || rest == r.path || rest == r.path+"/")
}

// ServeHTTP serves the metadata of the resource (RFC 9728).
func (r *ProtectedResource) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // it is public
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(r.metadata()) // the client may be gone
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "MCP-Protocol-Version")
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// metadata makes the document.
func (r *ProtectedResource) metadata() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := append([]byte(`{"resource":`), wire.AppendString(nil, r.url)...)
	b = appendStrings(b, "authorization_servers", r.servers)
	scopes := r.scopes
	if len(scopes) == 0 {
		scopes = r.required
	}
	b = appendStrings(b, "scopes_supported", scopes)
	b = appendStrings(b, "bearer_methods_supported", []string{"header"})
	if r.dpop.asked {
		b = appendStrings(b, "dpop_signing_alg_values_supported", r.dpop.algorithms)
	}
	if r.dpop.required {
		b = append(b, `,"dpop_bound_access_tokens_required":true`...)
	}
	if r.name != "" {
		b = wire.AppendString(append(b, `,"resource_name":`...), r.name)
	}
	if r.docs != "" {
		b = wire.AppendString(append(b, `,"resource_documentation":`...), r.docs)
	}
	return append(b, '}')
}

func appendStrings(b []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return b
	}
	b = append(wire.AppendString(append(b, ','), name), ":["...)
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(b, v)
	}
	return append(b, ']')
}
