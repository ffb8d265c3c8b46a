package server_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/server"
)

// talkTo opens a session with a server in the same process.
func talkTo(ctx context.Context, s *server.Server) (mcp.ServerStub, func()) {
	session := rpc.NewSession(rpc.Config{})
	conn, err := pipe.To(s, pipe.Limits{}).Connect(ctx, session)
	if err != nil {
		panic(err)
	}
	client := mcp.ServerStub{Caller: session}
	if _, err := client.Initialize(ctx, &mcp.InitializeParams{ProtocolVersion: mcp.Latest.Name}); err != nil {
		panic(err)
	}
	return client, func() { _ = conn.Close() }
}

// show prints what is at a URI.
func show(ctx context.Context, client mcp.ServerStub, uri string) {
	result, err := client.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range result.Contents {
		if text, ok := c.(*mcp.TextResourceContents); ok {
			fmt.Printf("%s (%s): %s\n", text.URI, text.MIMEType, text.Text)
		}
	}
}

func ExampleAddResource() {
	s := server.New("shop", "1.0.0")
	server.AddStaticResource(s, "shop:///terms", "terms", "The terms of sale.", "All sales are final.")
	server.AddResource(s, "shop:///stock", "stock", "What is in stock now.",
		func(ctx context.Context) (map[string]int, error) {
			return map[string]int{"apples": 3}, nil
		}, server.Title("Stock"))

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	show(ctx, client, "shop:///terms")
	show(ctx, client, "shop:///stock")
	show(ctx, client, "shop:///prices")
	// Output:
	// shop:///terms (text/plain): All sales are final.
	// shop:///stock (application/json): {"apples":3}
	// resource not found: "shop:///prices" (code -32002)
}

func ExampleAddResourceTemplate() {
	type variables struct {
		Table string `json:"table" jsonschema:"enum=users,enum=orders"`
		ID    int    `json:"id"`
		Full  bool   `json:"full,omitempty"`
	}
	s := server.New("db", "1.0.0")
	server.AddResourceTemplate(s, "db:///{table}/{id}{?full}", "row", "A row of a table.",
		func(ctx context.Context, v variables) (string, error) {
			if v.ID > 100 {
				return "", fmt.Errorf("row %d: %w", v.ID, server.ErrResourceNotFound)
			}
			return fmt.Sprintf("row %d of %s, full: %t", v.ID, v.Table, v.Full), nil
		})

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	show(ctx, client, "db:///users/7?full=true")
	show(ctx, client, "db:///users/101")
	show(ctx, client, "db:///cats/7")
	// Output:
	// db:///users/7?full=true (text/plain): row 7 of users, full: true
	// resource not found: "db:///users/101" (code -32002)
	// resource not found: "db:///cats/7" (code -32002)
}

func ExampleServer_ResourceUpdated() {
	s := server.New("clock", "1.0.0", server.Subscriptions())
	server.AddResource(s, "clock:///time", "time", "The time of day.",
		func(ctx context.Context) (string, error) { return "noon", nil })

	// Whenever it changes:
	s.ResourceUpdated("clock:///time")
	// Output:
}

func ExampleOnSubscribe() {
	s := server.New("clock", "1.0.0")
	server.AddResource(s, "clock:///time", "time", "The time of day.",
		func(ctx context.Context) (string, error) { return "noon", nil },
		server.OnSubscribe(func(ctx context.Context, uri string) (stop func(), err error) {
			fmt.Println("somebody wants to know of", uri)
			return func() { fmt.Println("no more") }, nil
		}))

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	if _, err := client.Subscribe(ctx, &mcp.SubscribeParams{URI: "clock:///time"}); err != nil {
		fmt.Println(err)
	}
	if _, err := client.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: "clock:///time"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// somebody wants to know of clock:///time
	// no more
}

func ExampleAddFileTree() {
	dir, err := os.MkdirTemp("", "manual")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.WriteFile(filepath.Join(dir, "intro.md"), []byte("# Hello"), 0o600); err != nil {
		panic(err)
	}

	s := server.New("manual", "1.0.0")
	tree, err := server.AddFileTree(s, "manual:///", "manual", "The manual, as Markdown.", dir)
	if err != nil {
		panic(err)
	}
	defer func() { _ = tree.Close() }()

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	show(ctx, client, "manual:///")
	show(ctx, client, "manual:///intro.md")
	show(ctx, client, "manual:///../../etc/passwd")
	// Output:
	// manual:/// (inode/directory): intro.md
	// manual:///intro.md (text/markdown): # Hello
	// resource not found: "manual:///../../etc/passwd" (code -32002)
}
