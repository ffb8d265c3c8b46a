package features_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/server"
)

// A tool asks the client's model.
func Example_sampling() {
	ctx := context.Background()
	s := server.New("translator", "1.0.0")
	server.AddTool(s, "greet", "Says hi in French.", func(ctx context.Context, in greeting) (string, error) {
		answer, err := server.Sample(ctx, "translate", &mcp.CreateMessageParams{
			MaxTokens:    100,
			SystemPrompt: "Translate into French.",
			Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{
				&mcp.TextContent{Text: "hello, " + in.Name},
			}}},
		})
		if err != nil {
			return "", err
		}
		return answer.Content[0].(*mcp.TextContent).Text, nil
	})

	c := connect(s, client.OnSample(func(_ context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		fmt.Println("asked:", p.Messages[0].Content[0].(*mcp.TextContent).Text) // and shown to the user
		return &mcp.CreateMessageResult{
			Model: "some-model", Role: mcp.RoleAssistant, StopReason: "endTurn",
			Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "bonjour, Ada"}},
		}, nil
	}))
	defer finish(c)
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(hi)
	// Output:
	// asked: hello, Ada
	// bonjour, Ada
}

type seat struct {
	Row  int    `json:"row" jsonschema:"minimum=1,maximum=30"`
	Side string `json:"side" jsonschema:"enum=window,enum=aisle,default=window"`
	Meal bool   `json:"meal,omitempty"`
}

// addBooking adds a tool that asks the user for a seat.
func addBooking(s *server.Server) {
	server.AddTool(s, "book", "Books a seat.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := server.Elicit[seat](ctx, "seat", "Which seat?")
		switch {
		case err != nil:
			return "", err
		case !answer.Accepted():
			return "nothing was booked", nil
		}
		return fmt.Sprintf("row %d, %s", answer.Value.Row, answer.Value.Side), nil
	})
}

// The fields of the form are those of a Go struct; so is the answer.
func Example_elicitationForm() {
	ctx := context.Background()
	s := server.New("airline", "1.0.0")
	addBooking(s)

	c := connect(s, client.OnElicit(func(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		fmt.Println(form.Message) // shows the form and waits for the user
		return client.Accept(map[string]any{"row": 12, "side": "aisle"})
	}))
	defer finish(c)
	booked, err := client.CallTool[string](ctx, c, "book", nil)
	check(err)
	fmt.Println(booked)
	// Output:
	// Which seat?
	// row 12, aisle
}

// What does not fit the form is sent by no client, and taken by no server.
func Example_elicitationValidation() {
	ctx := context.Background()
	s := server.New("airline", "1.0.0")
	addBooking(s)

	c := connect(s, client.OnElicit(func(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		entered := map[string]mcp.ElicitValue{"row": mcp.ElicitValueNumber(99), "side": mcp.ElicitValueString("aisle")}
		fmt.Println(client.CheckForm(form, entered) == nil) // for telling the user, who had better correct it
		return &mcp.ElicitResult{Action: mcp.ElicitActionAccept, Content: entered}, nil
	}))
	defer finish(c)
	_, err := client.CallTool[string](ctx, c, "book", nil)
	var failed *client.ToolError
	fmt.Println(errors.As(err, &failed)) // the tool got no answer
	// Output:
	// false
	// true
}

// Fields that the user left alone have their defaults.
func Example_elicitationDefaults() {
	ctx := context.Background()
	s := server.New("airline", "1.0.0")
	addBooking(s)

	c := connect(s, client.OnElicit(func(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		fmt.Println(client.FormDefaults(form)["side"])
		return client.Accept(map[string]any{"row": 12})
	}))
	defer finish(c)
	booked, err := client.CallTool[string](ctx, c, "book", nil)
	check(err)
	fmt.Println(booked)
	// Output:
	// window
	// row 12, window
}

// class is a choice whose values have titles.
type class string

func (class) EnumOptions() []mcp.EnumOption {
	return []mcp.EnumOption{{Const: "y", Title: "Economy"}, {Const: "j", Title: "Business"}}
}

func Example_elicitationEnums() {
	ctx := context.Background()
	type wishes struct {
		Class class    `json:"class"`
		Side  string   `json:"side" jsonschema:"enum=window,enum=aisle"`
		Meals []string `json:"meals,omitempty" jsonschema:"enum=vegan,enum=halal,enum=kosher"`
	}
	s := server.New("airline", "1.0.0")
	server.AddTool(s, "wish", "Asks for wishes.", func(ctx context.Context, _ struct{}) (string, error) {
		answer, err := server.Elicit[wishes](ctx, "wishes", "What would you like?")
		return fmt.Sprint(answer.Value), err
	})

	c := connect(s, client.OnElicit(func(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		for _, field := range form.RequestedSchema.Properties {
			switch f := field.Value.(type) {
			case *mcp.TitledSingleSelectEnumSchema:
				fmt.Println(field.Name, "one of", f.OneOf[0].Title, f.OneOf[1].Title)
			case *mcp.UntitledSingleSelectEnumSchema:
				fmt.Println(field.Name, "one of", f.Enum)
			case *mcp.UntitledMultiSelectEnumSchema:
				fmt.Println(field.Name, "some of", f.Items.Enum)
			}
		}
		return client.Accept(map[string]any{"class": "j", "side": "aisle", "meals": []string{"vegan", "kosher"}})
	}))
	defer finish(c)
	got, err := client.CallTool[string](ctx, c, "wish", nil)
	check(err)
	fmt.Println(got)
	// Output:
	// class one of Economy Business
	// side one of [window aisle]
	// meals some of [vegan halal kosher]
	// {j aisle [vegan kosher]}
}

// What must not pass through the client, such as a password, is entered on a page of the server's.
func Example_elicitationURL() {
	ctx := context.Background()
	s := server.New("bank", "1.0.0")
	server.AddTool(s, "connect", "Connects the account.", func(ctx context.Context, _ struct{}) (string, error) {
		visit, err := server.ElicitURL(ctx, "consent", "Please log in.", "https://bank.example/login?visit=17")
		if err != nil {
			return "", err
		}
		return "the user said " + string(visit.Action), nil
	})

	c := connect(s, client.OnElicitURL(func(_ context.Context, p *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
		fmt.Println(p.Message, p.URL) // shown in full; opened only if the user agrees
		return mcp.ElicitActionDecline, nil
	}))
	defer finish(c)
	said, err := client.CallTool[string](ctx, c, "connect", nil)
	check(err)
	fmt.Println(said)
	// Output:
	// Please log in. https://bank.example/login?visit=17
	// the user said decline
}

// A call that cannot go on before a visit fails; the server tells when it is over, and the client tries
// again.
func Example_elicitationComplete() {
	ctx := context.Background()
	loggedIn := false
	s := server.New("bank", "1.0.0")
	server.AddTool(s, "balance", "Tells the balance.", func(ctx context.Context, _ struct{}) (string, error) {
		if !loggedIn {
			return "", server.URLRequired(ctx, "Please log in.", mcp.ElicitURLParams{
				ElicitationID: "login-17", Message: "Please log in.", URL: "https://bank.example/login?visit=17",
			})
		}
		return "12.50", nil
	})

	completed := make(chan string, 1)
	c := connect(s,
		client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
			return mcp.ElicitActionAccept, nil
		}),
		client.OnElicitationComplete(func(_ context.Context, id string) { completed <- id }))
	defer finish(c)
	_, err := client.CallTool[string](ctx, c, "balance", nil)
	for _, visit := range client.RequiredElicitations(err) {
		fmt.Println("visit", visit.URL)
	}
	loggedIn = true // what the handler of the page does
	check(s.CompleteElicitation(ctx, "login-17"))
	fmt.Println(<-completed)
	balance, err := client.CallTool[string](ctx, c, "balance", nil)
	check(err)
	fmt.Println(balance)
	// Output:
	// visit https://bank.example/login?visit=17
	// login-17
	// 12.50
}

func Example_rootsListing() {
	ctx := context.Background()
	s := server.New("indexer", "1.0.0")
	server.AddTool(s, "index", "Indexes the project.", func(ctx context.Context, _ struct{}) (string, error) {
		roots, err := server.Roots(ctx, "roots")
		if err != nil {
			return "", err
		}
		_, outside := roots.Resolve("/etc/passwd") // what lies outside is refused
		return fmt.Sprint(roots[0].URI, " ", outside != nil), nil
	})

	c := connect(s, client.WithRoots(mcp.Root{URI: "file:///srv/project", Name: "project"}))
	defer finish(c)
	got, err := client.CallTool[string](ctx, c, "index", nil)
	check(err)
	fmt.Println(got)
	// Output: file:///srv/project true
}

func Example_rootsChanged() {
	ctx := context.Background()
	changed := make(chan string, 1)
	s := server.New("indexer", "1.0.0", server.OnRootsChanged(func(ctx context.Context) {
		roots, err := server.Roots(ctx, "roots")
		check(err)
		changed <- roots[0].URI
	}))

	c := connect(s, client.WithRoots(mcp.Root{URI: "file:///srv/project"}))
	defer finish(c)
	check(c.SetRoots(ctx, mcp.Root{URI: "file:///srv/other"})) // and tells the server
	fmt.Println(<-changed)
	// Output: file:///srv/other
}

// A method that the client did not declare is never sent: the error names the capability.
func Example_capabilityNegotiation() {
	ctx := context.Background()
	s := server.New("airline", "1.0.0")
	server.AddTool(s, "book", "Books a seat.", func(ctx context.Context, _ struct{}) (string, error) {
		_, err := server.Elicit[seat](ctx, "seat", "Which seat?")
		var missing *server.CapabilityError
		if errors.As(err, &missing) {
			return "the client has no " + missing.Capability, nil
		}
		return "booked", err
	})

	c := connect(s)
	defer finish(c)
	fmt.Println("tools:", c.ServerCapabilities().Declares("tools"), "prompts:", c.ServerCapabilities().Declares("prompts"))
	said, err := client.CallTool[string](ctx, c, "book", nil)
	check(err)
	fmt.Println(said)
	_, err = c.GetPrompt(ctx, "anything", nil)
	var missing *client.CapabilityError
	fmt.Println(errors.As(err, &missing), missing.Capability)
	// Output:
	// tools: true prompts: false
	// the client has no elicitation
	// true prompts
}

// Calls end with their ctx, and the server is told.
func Example_cancellation() {
	s := server.New("slow", "1.0.0")
	started, ended := make(chan struct{}), make(chan error, 1)
	server.AddTool(s, "wait", "Waits.", func(ctx context.Context, _ struct{}) (string, error) {
		close(started)
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	})

	c := connect(s)
	defer finish(c)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	go func() {
		<-started
		cancel()
	}()
	_, err := client.CallTool[string](ctx, c, "wait", nil)
	fmt.Println(errors.Is(err, context.Canceled))
	fmt.Println(<-ended)
	// Output:
	// true
	// context canceled
}
