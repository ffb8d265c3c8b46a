package rpc

import "context"

// RemoteAddrKey is the key under which the context of a message has the address it came from: a string as net.Addr gives
// it, such as "192.0.2.7:4321". Transports set it where messages of one session may come from several addresses; where a
// session has one connection, Link.RemoteAddr says it. See [RemoteAddrFrom].
type RemoteAddrKey struct{}

// RemoteAddrFrom gives the network address of the peer that sent the message being handled, or to which the session of ctx
// is bound; "" on transports that have none. Behind a proxy it is the proxy's.
func RemoteAddrFrom(ctx context.Context) string {
	if a, ok := ctx.Value(RemoteAddrKey{}).(string); ok {
		return a
	}
	if s := SessionFrom(ctx); s != nil {
		return s.Link().RemoteAddr
	}
	return ""
}
