package dial

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/websocket"
)

// The types of servers behind a connection, as configuration files name them.
const (
	typeTCP       = "tcp"
	typeWebSocket = "websocket"
	typeWS        = "ws"
)

// socketType gives the type that the scheme of a URL stands for: that of a transport over connections; "" for any other.
func socketType(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	switch strings.ToLower(scheme) {
	case "tcp", "tls", "unix":
		return typeTCP
	case "ws", "wss":
		return typeWebSocket
	}
	return ""
}

// socket gives the transport over a connection of a type.
func socket(kind, address string, headers map[string]string) (rpc.Transport, error) {
	if kind != socketType(address) {
		return nil, fmt.Errorf("a server of the type %s has a url that starts with %s", kind, map[string]string{
			typeTCP: "tcp://, tls:// or unix:", typeWebSocket: "ws:// or wss://",
		}[kind])
	}
	if kind == typeTCP {
		if len(headers) > 0 {
			return nil, fmt.Errorf("a server of the type %s has no headers: they need HTTP", kind)
		}
		return tcp.Connect(address), nil
	}
	var opts []websocket.ConnectOption
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		opts = append(opts, websocket.WithHeader(name, headers[name]))
	}
	return websocket.Connect(address, opts...), nil
}
