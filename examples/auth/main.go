// Command auth is an MCP server that takes the tokens of an authorization server: everybody needs the scope mcp:use, and the
// tool forget needs notes:write besides. To try it with the authorization server of tools/authserver, in three terminals:
//
//	go -C tools/authserver run .
//	go run ./examples/auth -issuer http://127.0.0.1:9000
//	go run ./examples/auth/client
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
	"github.com/tenonmcp/tenon/server/serverauth"
)

func main() {
	issuer := flag.String("issuer", "http://127.0.0.1:9000", "`URL` of the authorization server")
	address := flag.String("http", "127.0.0.1:8080", "serve Streamable HTTP at this `address`, path /mcp")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *issuer, *address); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "auth:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, issuer, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	handler := streamhttp.Handler(notes())
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)

	// The URL that clients connect to: behind a proxy or with TLS it is another than that of the listener.
	resource, err := serverauth.TryResource("http://" + listener.Addr().String() + "/mcp")
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	verifier, err := serverauth.TryJWT(issuer)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	web := &http.Server{Handler: serverauth.Require(verifier, resource, "mcp:use")(mux), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintln(os.Stderr, "auth: serving", resource.URL())

	down := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		down <- errors.Join(handler.Shutdown(ctx), web.Shutdown(ctx))
	})
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-down
}

// notes is a server with a tool for everybody, and one for those who may write.
func notes() *server.Server {
	s := server.New("notes", "1.0.0")
	server.AddTool(s, "whoami", "Tells who calls.", func(ctx context.Context, _ struct{}) (string, error) {
		id := serverauth.IdentityFrom(ctx)
		return fmt.Sprintf("%s, by the client %s, with the scopes %q", id.Subject, id.ClientID, id.Scopes), nil
	})
	server.AddTool(s, "forget", "Forgets all notes.", func(context.Context, struct{}) (string, error) {
		return "all notes are forgotten", nil
	}, server.Scopes("notes:write"))
	return s
}
