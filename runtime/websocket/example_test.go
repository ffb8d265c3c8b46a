package websocket_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// A server and a client of it. The acceptor is a server.Server, as a rule.
func Example() {
	handler := websocket.Handler(acceptor(), websocket.AllowOrigins("https://app.example.com"))
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	web := httptest.NewServer(mux)
	defer web.Close()

	ctx := context.Background()
	session := rpc.NewSession(rpc.Config{})
	conn, err := websocket.Connect("ws"+strings.TrimPrefix(web.URL, "http")+"/mcp").Connect(ctx, session)
	if err != nil {
		fmt.Println(err)
		return
	}
	var back wire.Raw
	err = session.Call(ctx, "echo", wire.MustRaw(`{"name":"Ada"}`), &back)
	fmt.Println(back, err)
	fmt.Println(conn.Close())
	fmt.Println(handler.Shutdown(ctx)) // before http.Server.Shutdown
	// Output:
	// {"name":"Ada"} <nil>
	// <nil>
	// <nil>
}

// The HTTP client is where certificates, proxies and authorization are set.
func ExampleWithClient() {
	endpoint := websocket.Connect("wss://example.com/mcp",
		websocket.WithClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}),
		websocket.WithHeader("Authorization", "Bearer 123"))
	_ = endpoint // for client.Dial
}
