// Package tcp is a transport over connections that carry bytes, one message a line, as on stdio: TCP, with TLS or without,
// Unix sockets, and whatever else is a net.Conn. The specification leaves such transports to implementations (2025-11-25,
// basic/transports, "Custom Transports").
//
//	err := s.Serve(ctx, tcp.At("127.0.0.1:7000"))
//
//	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), tcp.Connect("127.0.0.1:7000"))
//
// A connection is a session: it begins with initialize and ends with the connection. [NewServer] gives a server that can be
// shut down, and serves listeners and connections made elsewhere.
//
// # Who may connect
//
// Without TLS nothing is encrypted and nobody is known: bare TCP is for the loopback interface and networks that are
// protected otherwise, and on loopback for machines without other users. There is nothing like an Origin here, but a web
// page cannot speak it either: what a browser sends begins with a line that is no message, and no session opens.
//
// With [WithTLS] and a configuration that demands a client certificate, the certificate is the session's principal. The
// file of a Unix socket lets no other user connect, see [Listen] and [WithSocketMode]; with [PeerPrincipal] the user at the
// other end is the principal. [WithPrincipal] takes any other way to tell.
//
// # Limits
//
// See [Limits]. Whoever exceeds one of the limits on time has its connection closed, and [Server.Stats] counts it. A
// message that is too large is refused and the connection goes on. While too many connections are there, one more gets the
// error CodeBusy, if it is not over TLS, and is closed.
//
// # Connections that break
//
// A client whose connection breaks opens a new one and initializes again: with the next call, or at once if it has
// subscriptions. Between attempts it waits 1 s to 60 s, at random and ever longer, see [rpc.Backoff]. Calls that were in
// flight fail, because nobody knows what became of them.
package tcp
