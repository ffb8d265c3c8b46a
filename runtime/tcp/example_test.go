package tcp_test

import (
	"context"
	"fmt"
	"net"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// A server on a port that the system chooses, and a client of it. The acceptor is a server.Server, as a rule.
func Example() {
	ctx := context.Background()
	listener, err := tcp.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := tcp.NewServer(acceptor(), tcp.WithLimits(tcp.Limits{Connections: 100}))
	served := make(chan error)
	go func() { served <- s.Serve(ctx, listener) }()

	session := rpc.NewSession(rpc.Config{})
	conn, err := tcp.Connect(listener.Addr().String()).Connect(ctx, session)
	if err != nil {
		fmt.Println(err)
		return
	}
	var back wire.Raw
	err = session.Call(ctx, "echo", wire.MustRaw(`{"name":"Ada"}`), &back)
	fmt.Println(back, err)
	fmt.Println(conn.Close())
	fmt.Println(s.Shutdown(ctx), <-served)
	// Output:
	// {"name":"Ada"} <nil>
	// <nil>
	// <nil> <nil>
}

// Any connection will do.
func ExampleServer_ServeConn() {
	ctx := context.Background()
	ours, theirs := net.Pipe()
	s := tcp.NewServer(acceptor())
	defer s.Close()
	go func() { _ = s.ServeConn(ctx, theirs) }()

	session := rpc.NewSession(rpc.Config{})
	conn, err := tcp.Over(ours).Connect(ctx, session)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(session.Call(ctx, "ping", nil, nil), conn.Close())
	// Output: <nil> <nil>
}
