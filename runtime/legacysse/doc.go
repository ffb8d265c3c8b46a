// Package legacysse is the HTTP+SSE transport of protocol version 2024-11-05 (specification 2024-11-05, basic/transports),
// which Streamable HTTP replaced, for older clients and servers: [Handler] serves a server's sessions as an http.Handler,
// and [Connect] is a client's way to one.
//
//	mux.Handle("/mcp", streamhttp.Handler(s)) // clients of today
//	mux.Handle("/sse", legacysse.Handler(s))  // and older ones, of the same server
//
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), legacysse.Connect("https://example.com/sse"))
//
// dial.URL of client/dial finds out by itself which of the two a server speaks.
//
// # Server
//
// A GET opens a session and is its one event stream, as long as which it lives: the first event, "endpoint", has the
// relative URL for what the client sends, and each "message" after it one JSON-RPC message. The URL is that of the GET, with
// the id of the session, 32 random bytes, as its query; a POST to it carries one message and is answered with status 202,
// or with what is wrong with it, as a JSON-RPC error:
//
//	400  no message, no session id, an unknown protocol version
//	403  a Host, an Origin or a principal that may not, see AllowHosts and AllowOrigins
//	404  the session is unknown or has ended
//	405  a method other than GET, POST
//	406  event streams are not accepted
//	408  the body did not arrive in time
//	413  the body is too large
//	415  the body is not application/json in UTF-8
//	431  one of the header fields read here is too long
//	429  sessions are opened too fast; with Retry-After
//	503  too many sessions, too much waiting, or shutting down; with Retry-After
//
// As clients of that time look for answers on the stream only, a request that is refused and whose id can be read is
// answered there as well.
//
// When the stream ends, for whatever reason, the session does: nothing can be resumed, and what runs is cancelled. The
// session's id is in a URL, because the protocol has it so: it is good only for the principal that opened the session, and
// never logged. Where clients are not authenticated, keep it out of the logs of proxies.
//
// Streams need a ResponseWriter that can be flushed, and proxies that do not buffer.
//
// # Client
//
// The endpoint that a server announces must have the same origin as the stream. When the stream breaks off, calls in flight
// fail, and a client opens a new session, which it attempts with waits that grow: see ClientLimits.Backoff.
package legacysse
