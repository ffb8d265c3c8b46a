// Package streamhttp is the Streamable HTTP transport (specification 2025-11-25, basic/transports): [Handler] serves a
// server's sessions as an http.Handler, and [Connect] is a client's way to one.
//
//	mux.Handle("/mcp", streamhttp.Handler(s))
//
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), streamhttp.Connect("https://example.com/mcp"))
//
// # Server
//
// A POST carries one message. Notifications and responses are answered with status 202. A request is answered with JSON if
// its handler returns quietly, and with an event stream as soon as the handler sends something, or after 200 ms. What a
// handler sends while it runs goes to the stream of its request, and what belongs to no request to the session's own
// stream, which a client opens by GET. Each message goes to one stream only. Batches are for the protocol version 2025-03-26
// alone.
//
// A client that goes away cancels nothing. Events have ids, by which it gets the rest of a stream from the [EventStore] when
// it comes back; to clients that negotiated 2025-11-25 a stream begins with an event that has only an id and the time to
// wait before that, and with them [Poll] ends a connection in the middle of a call. What is sent to a client that cannot
// come back, because no id had reached it, is dropped and logged.
//
// Sessions end when the client deletes them, when the server closes them, and when they are idle for too long. While no
// stream is open and nothing in flight a session has no goroutine. With [Stateless] there are none.
//
// Every refusal has a JSON-RPC error as its body:
//
//	400  no message, no session id, an unknown protocol version or event id, a second initialize, a batch
//	403  a Host, an Origin or a principal that may not, see AllowHosts and AllowOrigins
//	404  the session is unknown or has ended
//	405  a method other than POST, GET, DELETE (stateless: POST)
//	406  neither JSON nor event streams are accepted
//	413  the body is too large
//	415  the body is not application/json in UTF-8
//	431  one of the header fields read here is too long
//	503  too many sessions, or shutting down; with Retry-After
//
// Streams need a ResponseWriter that can be flushed, and proxies that do not buffer. The write and read timeouts of the
// http.Server are for its requests: answers that take longer set their own, Limits.WriteTime.
//
// # Client
//
// A stream that ends before its response is resumed, after the time that the server said and as often as the limits allow.
// Beside its calls the client listens on the session's own stream until the server refuses it. When the server no longer
// knows the session that is an error of its own, rpc.ErrSessionEnded.
package streamhttp
