package server_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// exampleClient connects a client to a server in the same process.
func exampleClient(a rpc.Acceptor, opts ...client.Option) *client.Client {
	c, err := client.Dial(context.Background(), client.Info("example", "1.0.0"), pipe.To(a, pipe.Limits{}), opts...)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// printCall calls a tool and prints the text of its result.
func printCall(c *client.Client, name string, arguments any) {
	text, err := client.CallTool[string](context.Background(), c, name, arguments)
	if err != nil {
		text = err.Error()
	}
	fmt.Println(text)
}

type greeting struct {
	Name string `json:"name" jsonschema:"description=the person to greet"`
}

// A server with one tool, over standard input and output.
func Example() {
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Say hi.", func(_ context.Context, in greeting) (string, error) {
		return "hello, " + in.Name, nil
	})
	if err := s.Serve(context.Background(), stdio.Serve); err != nil {
		log.Fatal(err)
	}
}

func ExampleAddTool() {
	type query struct {
		City string `json:"city" jsonschema:"description=where,minLength=1"`
		Days int    `json:"days,omitzero" jsonschema:"description=how many to look ahead,minimum=1,maximum=7,default=3"`
	}
	type forecast struct {
		City    string `json:"city"`
		Highest []int  `json:"highest" jsonschema:"description=of each day in °C"`
	}
	s := server.New("weather", "1.0.0")
	server.AddTool(s, "forecast", "Temperatures of the next days.", func(_ context.Context, in query) (forecast, error) {
		return forecast{in.City, []int{21, 22, 20}[:in.Days]}, nil
	}, server.Title("Forecast"), server.Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true)}))

	c := exampleClient(s)
	defer c.Close()
	printCall(c, "forecast", query{City: "Oslo"})
	printCall(c, "forecast", map[string]any{"town": "Oslo", "days": 9})
	// Output:
	// {"city":"Oslo","highest":[21,22,20]}
	// tool forecast failed: The arguments of forecast are not valid; correct them and call it again.
	// /city: required but missing; expected a string (where)
	// /days: expected a number of at most 7, found 9
	// /town: unknown; allowed: city, days
}

func ExampleAddRawTool() {
	s := server.New("raw", "1.0.0")
	server.AddRawTool(s, mcp.Tool{
		Name:        "echo",
		Description: "Gives back its arguments.",
		InputSchema: wire.MustRaw(`{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}]}`),
	}, func(_ context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: params.Arguments.String()}}}, nil
	})

	c := exampleClient(s)
	defer c.Close()
	printCall(c, "echo", wire.MustRaw(`{"a": 1.0}`))
	// Output: {"a": 1.0}
}

func ExampleElicit() {
	type seat struct {
		Row   int    `json:"row" jsonschema:"minimum=1,maximum=30"`
		Place string `json:"place" jsonschema:"enum=aisle,enum=window,default=aisle"`
	}
	s := server.New("flights", "1.0.0")
	server.AddTool(s, "book", "Book a seat.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := server.Elicit[seat](ctx, "seat", "Which seat?")
		switch {
		case err != nil:
			return "", err
		case !answer.Accepted():
			return "Nothing was booked: the user did not choose a seat.", nil
		}
		return fmt.Sprintf("Booked row %d, %s.", answer.Value.Row, answer.Value.Place), nil
	})

	c := exampleClient(s, client.OnElicit(func(_ context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		fmt.Println(p.Message)
		return client.Accept(map[string]int{"row": 12})
	}))
	defer c.Close()
	printCall(c, "book", nil)
	// Output:
	// Which seat?
	// Booked row 12, aisle.
}

func ExampleElicitURL() {
	s := server.New("shop", "1.0.0")
	server.AddTool(s, "pay", "Pay for the order.", func(ctx context.Context, _ struct{}) (string, error) {
		id := server.NewElicitationID()
		visit, err := server.ElicitURL(ctx, "pay", "Please enter your card on our page.", "https://pay.example.com/?visit="+id, server.ElicitationID(id))
		if err != nil {
			return "", err
		}
		// When the page is done, its handler calls s.CompleteElicitation(ctx, id).
		return fmt.Sprintf("The user agreed to open the page: %v.", visit.Accepted()), nil
	})

	c := exampleClient(s, client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
		return mcp.ElicitActionDecline, nil
	}))
	defer c.Close()
	printCall(c, "pay", nil)
	// Output: The user agreed to open the page: false.
}

func ExampleSample() {
	s := server.New("notes", "1.0.0")
	server.AddTool(s, "summarize", "Summarize a text.", func(ctx context.Context, in greeting) (string, error) {
		answer, err := server.Sample(ctx, "summary", &mcp.CreateMessageParams{
			MaxTokens: 100,
			Messages: []mcp.SamplingMessage{{
				Role:    mcp.RoleUser,
				Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "Summarize: " + in.Name}},
			}},
		})
		if err != nil {
			return "", err
		}
		for _, block := range answer.Content {
			if text, ok := block.(*mcp.TextContent); ok {
				return text.Text, nil
			}
		}
		return "", fmt.Errorf("the model %s gave no text", answer.Model)
	})

	c := exampleClient(s) // a client without a model
	defer c.Close()
	printCall(c, "summarize", greeting{"a long text"})
	// Output: tool summarize failed: sampling/createMessage was not sent: the client did not declare the capability "sampling"
}

func ExampleRoots() {
	s := server.New("files", "1.0.0")
	server.AddTool(s, "open", "Open a file.", func(ctx context.Context, in greeting) (string, error) {
		roots, err := server.Roots(ctx, "roots")
		if err != nil {
			return "", err
		}
		if _, err := roots.Resolve(in.Name); err != nil {
			return "", err
		}
		return "it may be opened", nil
	})

	c := exampleClient(s, client.WithRoots(mcp.Root{URI: "file:///srv/project"}))
	defer c.Close()
	printCall(c, "open", greeting{"file:///etc/passwd"})
	// Output: tool open failed: "file:///etc/passwd" is in none of the client's 1 roots: permission denied
}

func ExampleProgress() {
	s := server.New("copier", "1.0.0")
	server.AddTool(s, "copy", "Copy files.", func(ctx context.Context, _ struct{}) (string, error) {
		for i := range 3 {
			server.Progress(ctx, float64(i+1), 3, fmt.Sprintf("copied file %d", i+1))
		}
		return "done", nil
	})

	c := exampleClient(s)
	defer c.Close()
	_, err := c.CallTool(context.Background(), &mcp.CallToolParams{Name: "copy"}, client.OnProgress(func(p rpc.Progress) {
		fmt.Println(p.Progress, "of", *p.Total, p.Message)
	}))
	fmt.Println(err)
	// Output:
	// 1 of 3 copied file 1
	// 2 of 3 copied file 2
	// 3 of 3 copied file 3
	// <nil>
}

func ExampleClientLogger() {
	s := server.New("copier", "1.0.0")
	server.AddTool(s, "copy", "Copy files.", func(ctx context.Context, _ struct{}) (string, error) {
		server.Log(ctx, mcp.LoggingLevelNotice, "copying")
		server.ClientLogger(ctx, "disk").WarnContext(ctx, "nearly full", "free", 12)
		return "done", nil
	})

	received := make(chan string, 2)
	c := exampleClient(s, client.OnLog(func(_ context.Context, m *mcp.LoggingMessageParams) {
		received <- fmt.Sprint(m.Level, " ", m.Logger, " ", m.Data)
	}))
	defer c.Close()
	printCall(c, "copy", nil)
	fmt.Println(<-received)
	fmt.Println(<-received)
	// Unordered output:
	// notice  "copying"
	// warning disk {"msg":"nearly full","free":12}
	// done
}

func ExampleOnce() {
	s := server.New("shop", "1.0.0")
	server.AddTool(s, "buy", "Buy it.", func(ctx context.Context, _ struct{}) (string, error) {
		receipt, err := server.Once(ctx, "charge", func(context.Context) (int, error) {
			return 4711, nil // charge the card
		})
		return fmt.Sprint("receipt ", receipt), err
	})

	c := exampleClient(s)
	defer c.Close()
	printCall(c, "buy", nil)
	// Output: receipt 4711
}

func ExampleFilterCatalogue() {
	s := server.New("admin", "1.0.0", server.FilterCatalogue(func(ctx context.Context, item server.Item) bool {
		who, _ := server.CallFrom(ctx).Principal()
		return item.Name != "shutdown" || who.ID == "root"
	}))
	for _, name := range []string{"status", "shutdown"} {
		server.AddTool(s, name, "", func(context.Context, struct{}) (string, error) { return name, nil })
	}

	c := exampleClient(s)
	defer c.Close()
	for tool, err := range c.Tools(context.Background()) {
		fmt.Println(tool.Name, err)
	}
	// Output: status <nil>
}

func ExampleServer_Mount() {
	git := server.New("git", "1.0.0")
	server.AddTool(git, "status", "What changed.", func(context.Context, struct{}) (string, error) { return "nothing", nil })
	all := server.New("all", "1.0.0")
	if err := all.Mount("git_", git); err != nil {
		log.Fatal(err)
	}

	c := exampleClient(all)
	defer c.Close()
	printCall(c, "git_status", nil)
	// Output: nothing
}

func ExampleNewProxy() {
	upstream := server.New("upstream", "1.0.0")
	server.AddTool(upstream, "greet", "Say hi.", func(_ context.Context, in greeting) (string, error) {
		return "hello, " + in.Name, nil
	})
	// Any transport does: stdio.Command("greeter"), for one.
	proxy := server.NewProxy(pipe.To(upstream, pipe.Limits{}))

	c := exampleClient(proxy)
	defer c.Close()
	printCall(c, "greet", greeting{"Ada"})
	// Output: hello, Ada
}
