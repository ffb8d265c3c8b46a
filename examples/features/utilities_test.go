package features_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// A handler logs with slog, or with server.Log.
func Example_logging() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", func(ctx context.Context, in greeting) (string, error) {
		log := slog.New(server.NewLogHandler(ctx, "greeter"))
		log.InfoContext(ctx, "greeting", "name", in.Name)
		server.Log(ctx, mcp.LoggingLevelWarning, "out of flowers")
		return greet(ctx, in)
	})

	heard := make(chan *mcp.LoggingMessageParams, 2)
	c := connect(s, client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) { heard <- p }))
	defer finish(c)
	_, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	for range 2 {
		p := <-heard
		fmt.Println(p.Level, p.Logger, p.Data)
	}
	// Output:
	// info greeter {"msg":"greeting","name":"Ada"}
	// warning  "out of flowers"
}

func Example_loggingLevel() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", func(ctx context.Context, in greeting) (string, error) {
		server.Log(ctx, mcp.LoggingLevelInfo, "too little to be heard of")
		server.Log(ctx, mcp.LoggingLevelError, "out of flowers")
		return greet(ctx, in)
	})

	heard := make(chan string, 2)
	c := connect(s, client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) { heard <- p.Data.String() }))
	defer finish(c)
	check(c.SetLevel(ctx, mcp.LoggingLevelWarning))
	_, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(<-heard)
	// Output: "out of flowers"
}

// Either side may ask whether the other is there.
func Example_ping() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "ping", "Pings the client.", func(ctx context.Context, _ struct{}) (string, error) {
		return "the client is there", server.CallFrom(ctx).Session().Call(ctx, mcp.MethodPing, nil, nil)
	})

	c := connect(s)
	defer finish(c)
	check(c.Ping(ctx))
	fmt.Println("the server is there")
	said, err := client.CallTool[string](ctx, c, "ping", nil)
	check(err)
	fmt.Println(said)
	// Output:
	// the server is there
	// the client is there
}

func Example_progress() {
	ctx := context.Background()
	s := server.New("worker", "1.0.0")
	server.AddTool(s, "work", "Works.", func(ctx context.Context, _ struct{}) (string, error) {
		for i := range 3 {
			server.Progress(ctx, float64(i+1), 3, "working")
		}
		return "done", nil
	})

	c := connect(s)
	defer finish(c)
	said, err := client.CallTool[string](ctx, c, "work", nil, client.OnProgress(func(p rpc.Progress) {
		fmt.Println(p.Progress, "of", *p.Total, p.Message)
	}))
	check(err)
	fmt.Println(said)
	// Output:
	// 1 of 3 working
	// 2 of 3 working
	// 3 of 3 working
	// done
}

// Lists come in pages, which the client's iterators turn as needed.
func Example_pagination() {
	ctx := context.Background()
	s := server.New("many", "1.0.0", server.PageSize(2))
	for i := range 5 {
		server.AddTool(s, fmt.Sprint("tool", i), "One of many.", greet)
	}

	c := connect(s)
	defer finish(c)
	page, err := c.ListTools(ctx, "")
	check(err)
	fmt.Println(len(page.Tools), "tools, more:", page.NextCursor != "")
	page, err = c.ListTools(ctx, page.NextCursor)
	check(err)
	fmt.Println(page.Tools[0].Name)
	all := 0
	for _, err := range c.Tools(ctx) {
		check(err)
		all++
	}
	fmt.Println(all)
	// Output:
	// 2 tools, more: true
	// tool2
	// 5
}

// A client may ask for an earlier version; server and client agree on one.
func Example_versionNegotiation() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", func(ctx context.Context, in greeting) (string, error) {
		return "hello in " + server.CallFrom(ctx).Version(), nil
	})
	for _, version := range mcp.Versions {
		c := connect(s, client.WithVersion(version))
		hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
		check(err)
		fmt.Println(c.Version(), "-", hi)
		finish(c)
	}
	// Output:
	// 2025-11-25 - hello in 2025-11-25
	// 2025-06-18 - hello in 2025-06-18
	// 2025-03-26 - hello in 2025-03-26
	// 2024-11-05 - hello in 2024-11-05
}

// A schema of one's own is kept as it is, whatever it has of JSON Schema 2020-12, and arguments are
// validated against it.
func Example_jsonSchema() {
	ctx := context.Background()
	s := server.New("shop", "1.0.0")
	schema := wire.MustRaw(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",` +
		`"$defs":{"address":{"$anchor":"address","type":"object","properties":{"city":{"type":"string"}},"required":["city"]}},` +
		`"properties":{"home":{"$ref":"#address"},"gift":{"type":"boolean"},"card":{"type":"string"}},` +
		`"if":{"properties":{"gift":{"const":true}},"required":["gift"]},"then":{"required":["card"]}}`)
	server.AddRawTool(s, mcp.Tool{Name: "order", InputSchema: schema}, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "ordered"}}}, nil
	})

	c := connect(s)
	defer finish(c)
	list, err := c.ListTools(ctx, "")
	check(err)
	fmt.Println(list.Tools[0].InputSchema.String() == schema.String())
	said, err := client.CallTool[string](ctx, c, "order", map[string]any{"home": map[string]any{"city": "Oslo"}})
	check(err)
	fmt.Println(said)
	var failed *client.ToolError
	_, err = client.CallTool[string](ctx, c, "order", map[string]any{"gift": true}) // without a card
	fmt.Println(errors.As(err, &failed))
	// Output:
	// true
	// ordered
	// true
}
