package rpc

import "context"

// Stream is a way to the peer: the session's own, or that of one request.
type Stream interface {
	// Send encodes m and takes charge of it; it keeps no reference to m. It may wait while too much is queued, until
	// there is room, ctx ends (then m was not sent) or the stream fails. Messages sent by one goroutine stay in order.
	// It is safe for concurrent use. An error over size matches ErrTooLarge, one over a stream's end ErrClosed.
	Send(ctx context.Context, m *Message) error
}

// Ender is a Stream that wants to know when nothing more will come for the request it was handed to Receive with. End
// is called once: after the response was sent, or, with the reason, when the request ends without one (cancelled by
// the peer, session closed, response could not be sent). It must not block.
type Ender interface {
	Stream
	End(err error)
}

// Listener is a Stream that is not always heard: the session's own where the peer must ask for it (the GET of Streamable
// HTTP). What nobody would hear at the moment, such as a periodic ping, is then not sent.
type Listener interface {
	Stream
	// Listening reports whether the peer hears what is sent now.
	Listening() bool
}

// Link is what a transport tells of the connection a session is bound to.
type Link struct {
	// Stream is the session's own: for what belongs to no request.
	Stream Stream
	// Transport names the kind of transport, for logs: "stdio", "pipe".
	Transport string
	// ID is the session's id where the transport gives it one (the Mcp-Session-Id of Streamable HTTP), else "".
	ID string
	// RemoteAddr is the network address of the peer, as net.Addr gives it, where the session has one connection with one;
	// else "". See [RemoteAddrFrom].
	RemoteAddr string
	// Stateless says that the session lives for one message only, so that asking the peer anything cannot work.
	Stateless bool
}

// Acceptor is all that a transport needs to know of a server. It is safe for concurrent use.
type Acceptor interface {
	// Opens reports whether m opens a session, for transports on which sessions come and go by message.
	Opens(m *Message) bool
	// Versions are the protocol versions the server speaks, newest first.
	Versions() []string
	// NewSession makes a session bound to link, for the principal of ctx if there is one. Of ctx only the values count:
	// the session lives until it is closed, which is the transport's duty when the connection ends.
	NewSession(ctx context.Context, link Link) (*Session, error)
}

// Transport connects a client's session with a server. A value may be used for several connections in turn, each with
// a session of its own.
type Transport interface {
	// Connect attaches s to a new connection ([Session.Attach]) and feeds it what arrives until the connection ends,
	// which closes s. ctx bounds the connecting only.
	Connect(ctx context.Context, s *Session) (Conn, error)
}

// Conn is a client's connection.
type Conn interface {
	// Close ends the connection in the way its transport prescribes, closes the session, and waits, within bounds of
	// the transport's own, until both are gone. The error tells what went wrong with the peer, and is nil if all that
	// happened is that we closed. Closing again waits and returns the same.
	Close() error
}
