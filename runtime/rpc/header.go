package rpc

import "context"

// HeaderKey is the key under which the context of a message that arrived over HTTP has the header fields of its
// request: a map[string][]string with canonical names, as in net/http, which must not be changed. Transports set it; see
// [HeaderFrom].
type HeaderKey struct{}

// HeaderFrom gives the header fields of the HTTP request by which the message being handled arrived; nil on transports
// that have none. It must not be changed.
func HeaderFrom(ctx context.Context) map[string][]string {
	h, _ := ctx.Value(HeaderKey{}).(map[string][]string)
	return h
}
