package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// greeter is the server of the examples, in the same process.
func greeter() rpc.Transport {
	f := &fake{capabilities: everything(), instructions: "Greet people by name.", tools: []mcp.Tool{
		{Name: "greet", Description: "Says hi.", InputSchema: wire.MustRaw(`{"type":"object"}`)},
		{Name: "weather", Description: "Tells the weather.", InputSchema: wire.MustRaw(`{"type":"object"}`), OutputSchema: wire.MustRaw(weatherSchema)},
	}}
	f.call = func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		server := mcp.ClientStub{Caller: rpc.SessionFrom(ctx)}
		var in greeting
		if !p.Arguments.IsZero() {
			if err := p.Arguments.Unmarshal(&in); err != nil {
				return nil, err
			}
		}
		switch p.Name {
		case "weather":
			return structured(`{"temperature":22.5,"conditions":"fair"}`), nil
		case "count":
			for i := range 3 {
				report(ctx, i+1)
			}
		case "seat":
			var form mcp.ElicitFormParams
			if err := wire.Decode([]byte(`{"message":"Which seat?","requestedSchema":{"type":"object","properties":{
				"row":{"type":"integer","minimum":1,"maximum":30},"side":{"type":"string","enum":["window","aisle"],"default":"window"}},"required":["row"]}}`), &form); err != nil {
				return nil, err
			}
			answer, err := server.Elicit(ctx, &form)
			if err != nil {
				return nil, err
			}
			return text(string(answer.AppendJSON(nil))), nil
		case "ask":
			answer, err := server.CreateMessage(ctx, &mcp.CreateMessageParams{MaxTokens: 50, Messages: []mcp.SamplingMessage{
				{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "What is the capital of France?"}}},
			}})
			if err != nil {
				return nil, err
			}
			return text(answer.Content[0].(*mcp.TextContent).Text), nil
		case "look":
			roots, err := server.ListRoots(ctx, nil)
			if err != nil {
				return nil, err
			}
			return text(roots.Roots[0].URI), nil
		case "log":
			err := server.LoggingMessage(ctx, &mcp.LoggingMessageParams{Level: mcp.LoggingLevelWarning, Logger: "db", Data: wire.MustRaw(`"disk nearly full"`)})
			return text("logged"), err
		}
		if in.Name == "" {
			return &mcp.CallToolResult{IsError: true, Content: []mcp.ContentBlock{&mcp.TextContent{Text: "name is missing"}}}, nil
		}
		return text("hello, " + in.Name), nil
	}
	return pipe.To(f.acceptor(), pipe.Limits{})
}

type greeting struct {
	Name string `json:"name"`
}

// check keeps the examples short.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func ExampleDial() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	fmt.Println(c.ServerInfo().Name, c.Version())
	fmt.Println(c.Instructions())
	fmt.Println("resources:", c.ServerCapabilities().Declares("resources"))
	// Output:
	// fake 2025-11-25
	// Greet people by name.
	// resources: true
}

// A server that is a program is started by Dial and ended by Close.
func ExampleDial_program() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), stdio.Command("greeter", "-v"),
		client.LogTo(slog.Default()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer func() { _ = c.Close() }()
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{Name: "Ada"})
	fmt.Println(hi, err)
}

func ExampleCallTool() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()

	hi, err := client.CallTool[string](ctx, c, "greet", greeting{Name: "Ada"})
	check(err)
	fmt.Println(hi)

	now, err := client.CallTool[weather](ctx, c, "weather", nil)
	check(err)
	fmt.Printf("%v°, %s\n", now.Temperature, now.Conditions)

	_, err = client.CallTool[string](ctx, c, "greet", nil)
	var failed *client.ToolError
	fmt.Println(errors.As(err, &failed), failed.Text())
	// Output:
	// hello, Ada
	// 22.5°, fair
	// true name is missing
}

func ExampleClient_Tools() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	for tool, err := range c.Tools(ctx) {
		check(err)
		fmt.Println(tool.Name, "-", tool.Description)
	}
	// Output:
	// greet - Says hi.
	// weather - Tells the weather.
}

func ExampleClient_ReadResource() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	result, err := c.ReadResource(ctx, "test:///1")
	check(err)
	for _, content := range result.Contents {
		switch content := content.(type) {
		case *mcp.TextResourceContents:
			fmt.Println(content.URI, content.Text)
		case *mcp.BlobResourceContents:
			data, err := content.Blob.Bytes()
			check(err)
			fmt.Println(content.URI, len(data), "bytes")
		}
	}
	// Output: test:///1 content
}

func ExampleClient_GetPrompt() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	prompt, err := c.GetPrompt(ctx, "praise", map[string]string{"who": "Ada"})
	check(err)
	for _, m := range prompt.Messages {
		if t, ok := m.Content.(*mcp.TextContent); ok {
			fmt.Println(m.Role, t.Text)
		}
	}
	// Output: user praise Ada
}

func ExampleClient_Call() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	var result wire.Raw
	check(c.Call(ctx, mcp.MethodGetPrompt, wire.MustRaw(`{"name":"praise"}`), &result))
	fmt.Println(result)
	// Output: {"messages":[{"role":"user","content":{"type":"text","text":"praise "}}]}
}

func ExampleOnProgress() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter())
	check(err)
	defer func() { check(c.Close()) }()
	_, err = client.CallTool[string](ctx, c, "count", greeting{Name: "Ada"}, client.OnProgress(func(p rpc.Progress) {
		fmt.Println(p.Progress, p.Message)
	}))
	check(err)
	// Output:
	// 1 on it
	// 2 on it
	// 3 on it
}

func ExampleOnElicit() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter(),
		client.OnElicit(func(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			fmt.Println(form.Message)
			return client.Accept(map[string]any{"row": 12}) // what the user typed; the rest are defaults
		}))
	check(err)
	defer func() { check(c.Close()) }()
	got, err := client.CallTool[string](ctx, c, "seat", nil)
	check(err)
	fmt.Println(got)
	// Output:
	// Which seat?
	// {"action":"accept","content":{"row":12,"side":"window"}}
}

func ExampleOnElicitURL() {
	ask := func(message, url string) bool { return false } // shows both to the user
	open := func(url string) error { return nil }          // starts a browser
	_ = client.OnElicitURL(func(_ context.Context, p *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
		if !ask(p.Message, p.URL) {
			return mcp.ElicitActionDecline, nil
		}
		return mcp.ElicitActionAccept, open(p.URL)
	})
}

func ExampleOnSample() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter(),
		client.OnSample(func(_ context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			fmt.Println(p.Messages[0].Content[0].(*mcp.TextContent).Text)
			return &mcp.CreateMessageResult{
				Model: "some-model", Role: mcp.RoleAssistant,
				Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "Paris"}},
			}, nil
		}))
	check(err)
	defer func() { check(c.Close()) }()
	answer, err := client.CallTool[string](ctx, c, "ask", nil)
	check(err)
	fmt.Println(answer)
	// Output:
	// What is the capital of France?
	// Paris
}

func ExampleWithRoots() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter(),
		client.WithRoots(mcp.Root{URI: "file:///srv/project", Name: "project"}))
	check(err)
	defer func() { check(c.Close()) }()
	got, err := client.CallTool[string](ctx, c, "look", nil)
	check(err)
	fmt.Println(got)
	check(c.SetRoots(ctx, mcp.Root{URI: "file:///srv/other"})) // tells the server
	// Output: file:///srv/project
}

func ExampleOnLog() {
	ctx := context.Background()
	logged := make(chan struct{})
	c, err := client.Dial(ctx, client.Info("me", "1.0.0"), greeter(),
		client.WithLogLevel(mcp.LoggingLevelInfo),
		client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) {
			fmt.Println(p.Level, p.Logger, p.Data)
			close(logged)
		}))
	check(err)
	defer func() { check(c.Close()) }()
	_, err = client.CallTool[string](ctx, c, "log", nil)
	check(err)
	<-logged
	// Output: warning db "disk nearly full"
}

func ExampleOnToolsChanged() {
	_ = client.OnToolsChanged(func(ctx context.Context) {
		for tool, err := range client.From(ctx).Tools(ctx) {
			if err != nil {
				return
			}
			fmt.Println(tool.Name)
		}
	})
}
