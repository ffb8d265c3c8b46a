package features_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/dial"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/server"
)

func Example_streamableHTTPServer() {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)

	handler := streamhttp.Handler(s) // an http.Handler, behind whatever middleware
	mux := http.NewServeMux()
	mux.Handle("/mcp", handler)
	web := httptest.NewServer(mux) // or http.ListenAndServe
	defer web.Close()

	request, err := http.NewRequest(http.MethodGet, web.URL+"/mcp", nil)
	check(err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := web.Client().Do(request) // no session yet
	check(err)
	defer func() { check(response.Body.Close()) }()
	fmt.Println(response.StatusCode)
	check(handler.Shutdown(context.Background())) // lets what runs come to its end
	// Output: 400
}

func Example_streamableHTTPClient() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)
	handler := streamhttp.Handler(s)
	web := httptest.NewServer(handler)
	defer web.Close()

	c, err := client.Dial(ctx, client.Info("example", "1.0.0"), streamhttp.Connect(web.URL, streamhttp.WithHeader("X-Tenant", "example")))
	check(err)
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(hi)
	finish(c)
	check(handler.Shutdown(ctx))
	// Output: hello, Ada
}

// A program serves its standard streams with one line: s.Serve(ctx, stdio.Serve). Here they are pipes.
func Example_stdioServer() {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)

	in, client := io.Pipe()
	answers, out := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background(), stdio.Over(in, out)) }()

	_, err := io.WriteString(client, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n")
	check(err)
	line := make([]byte, 100)
	n, err := answers.Read(line)
	check(err)
	fmt.Print(string(line[:n]))
	check(client.Close()) // the end of standard input is the end of the session
	check(<-served)
	// Output: {"jsonrpc":"2.0","id":1,"result":{}}
}

// A client starts the server, and ends it when it is closed.
func Example_stdioClient() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	program := filepath.Join(dir, "hello.exe")
	check(exec.Command("go", "build", "-o", program, "../hello").Run())

	c, err := client.Dial(ctx, client.Info("example", "1.0.0"), stdio.Command(program))
	check(err)
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(hi)
	finish(c)
	// Output: hello, Ada
}

// Servers for clients of both ages keep both transports, on one mux.
func Example_legacySSEServer() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)

	now, older := streamhttp.Handler(s), legacysse.Handler(s)
	mux := http.NewServeMux()
	mux.Handle("/mcp", now)
	mux.Handle("/sse", older)
	web := httptest.NewServer(mux)
	defer web.Close()

	for _, path := range []string{"/mcp", "/sse"} {
		c, err := dial.URL(ctx, client.Info("example", "1.0.0"), web.URL+path)
		check(err)
		hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
		check(err)
		fmt.Println(hi, "over", c.Session().Link().Transport)
		finish(c)
	}
	check(now.Shutdown(ctx))
	check(older.Shutdown(ctx))
	// Output:
	// hello, Ada over streamhttp
	// hello, Ada over legacysse
}

// A client that knows the server to be old says so; dial.URL finds out.
func Example_legacySSEClient() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)
	handler := legacysse.Handler(s)
	web := httptest.NewServer(handler)
	defer web.Close()

	c, err := client.Dial(ctx, client.Info("example", "1.0.0"), legacysse.Connect(web.URL, legacysse.WithHeader("X-Tenant", "example")))
	check(err)
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(hi)
	finish(c)
	check(handler.Shutdown(ctx))
	// Output: hello, Ada
}
