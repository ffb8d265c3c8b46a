// Package websocket is a transport over WebSockets (RFC 6455), one message to a text message. The specification leaves
// such transports to implementations (2025-11-25, basic/transports, "Custom Transports"). [Handler] serves a server's
// sessions as an http.Handler, and [Connect] is a client's way to one.
//
//	mux.Handle("/mcp", websocket.Handler(s))
//
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), websocket.Connect("wss://example.com/mcp"))
//
// Client and server agree on the subprotocol "mcp". A connection is a session: it begins with initialize and ends with the
// connection. There are no resumption and no streams: all goes both ways at any time, in order.
//
// # Server
//
// The request that opens the connection is where a client is authenticated: middleware puts the principal into its context
// ([rpc.WithPrincipal]), and all messages come with the values of that context and the request's header fields
// ([rpc.HeaderFrom]). Host and Origin are checked, see [AllowHosts] and [AllowOrigins].
//
// A request that opens nothing is refused, with a JSON-RPC error as its body where the reason is ours:
//
//	400  the client does not speak the subprotocol, or is no WebSocket client
//	403  a Host or an Origin that may not
//	405  a method other than GET
//	426  the request asks for no WebSocket
//	429  connections are opened too fast; with Retry-After
//	501  the connection cannot become a WebSocket: HTTP/2, or a ResponseWriter that does not give it away
//	503  too many connections, or shutting down; with Retry-After
//
// A text message that is no valid JSON or no message is answered with an error, and the connection goes on. The rest ends
// it, with a close code:
//
//	1000  the session was closed
//	1001  the server shuts down, or the session was idle for too long
//	1002  what came is no WebSocket frame (RFC 6455)
//	1003  a binary message
//	1007  a text that is not UTF-8
//	1008  no session was opened in time, or a message was begun and not finished in time
//	1009  a message that is too large
//
// A peer that does not answer pings or does not take what is written is cut off without one.
//
// # Client
//
// A client whose connection breaks, or is closed by the server, opens a new one and initializes again: with the next call,
// or at once if it has subscriptions. Between attempts it waits 1 s to 60 s, at random and ever longer, see [rpc.Backoff].
// Calls that were in flight fail, because nobody knows what became of them.
package websocket
