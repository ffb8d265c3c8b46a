package features_test

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

type review struct {
	Code  string `json:"code" jsonschema:"description=what to look at"`
	Style string `json:"style,omitempty" jsonschema:"description=how to say it"`
}

func addReview(s *server.Server) {
	server.AddPrompt(s, "review", "Reviews code.", func(_ context.Context, in review) (string, error) {
		return "Please review this, and be " + in.Style + ": " + in.Code, nil
	}, server.CompleteFrom("style", "brief", "friendly", "strict"))
}

func Example_promptsListing() {
	ctx := context.Background()
	s := server.New("reviewer", "1.0.0")
	addReview(s)

	c := connect(s)
	defer finish(c)
	for prompt, err := range c.Prompts(ctx) {
		check(err)
		fmt.Println(prompt.Name, "-", prompt.Description)
		for _, a := range prompt.Arguments {
			fmt.Println(a.Name, a.Required, "-", a.Description)
		}
	}
	// Output:
	// review - Reviews code.
	// code true - what to look at
	// style false - how to say it
}

func Example_promptsGetting() {
	ctx := context.Background()
	s := server.New("polite", "1.0.0")
	server.AddPrompt(s, "thanks", "Says thanks.", func(context.Context, struct{}) (string, error) {
		return "Thank you very much.", nil
	})

	c := connect(s)
	defer finish(c)
	prompt, err := c.GetPrompt(ctx, "thanks", nil)
	check(err)
	message := prompt.Messages[0]
	fmt.Println(message.Role, "-", message.Content.(*mcp.TextContent).Text)
	// Output: user - Thank you very much.
}

func Example_promptsArguments() {
	ctx := context.Background()
	s := server.New("reviewer", "1.0.0")
	addReview(s)

	c := connect(s)
	defer finish(c)
	prompt, err := c.GetPrompt(ctx, "review", map[string]string{"code": "x := 1", "style": "brief"})
	check(err)
	fmt.Println(prompt.Messages[0].Content.(*mcp.TextContent).Text)
	_, err = c.GetPrompt(ctx, "review", nil)
	fmt.Println(err != nil)
	// Output:
	// Please review this, and be brief: x := 1
	// true
}

func Example_promptsEmbeddedResource() {
	ctx := context.Background()
	s := server.New("librarian", "1.0.0")
	server.AddPrompt(s, "summarize", "Summarizes the page.", func(context.Context, struct{}) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: &mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{URI: "docs:///page/1", Text: "Once upon a time"}}},
			server.PromptText(mcp.RoleUser, "Summarize this."),
		}, nil
	})

	c := connect(s)
	defer finish(c)
	prompt, err := c.GetPrompt(ctx, "summarize", nil)
	check(err)
	for _, m := range prompt.Messages {
		show([]mcp.ContentBlock{m.Content})
	}
	// Output:
	// resource: docs:///page/1 Once upon a time
	// text: Summarize this.
}

func Example_promptsImage() {
	ctx := context.Background()
	s := server.New("gallery", "1.0.0")
	server.AddPrompt(s, "describe", "Describes the picture.", func(context.Context, struct{}) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: &mcp.ImageContent{MIMEType: "image/png", Data: wire.EncodeBase64(png)}},
			server.PromptText(mcp.RoleUser, "What is this?"),
		}, nil
	})

	c := connect(s)
	defer finish(c)
	prompt, err := c.GetPrompt(ctx, "describe", nil)
	check(err)
	for _, m := range prompt.Messages {
		show([]mcp.ContentBlock{m.Content})
	}
	// Output:
	// image: image/png 8 bytes
	// text: What is this?
}

func Example_promptsChanged() {
	ctx := context.Background()
	s := server.New("reviewer", "1.0.0")
	addReview(s)

	changed := make(chan struct{}, 1)
	c := connect(s, client.OnPromptsChanged(func(context.Context) { changed <- struct{}{} }))
	defer finish(c)
	s.RemovePrompts("review")
	<-changed
	list, err := c.ListPrompts(ctx, "")
	check(err)
	fmt.Println(len(list.Prompts), "prompts")
	// Output: 0 prompts
}

func Example_completionOfResources() {
	ctx := context.Background()
	s := server.New("tracker", "1.0.0")
	addIssues(s)

	c := connect(s)
	defer finish(c)
	completion, err := c.CompleteResource(ctx, "tracker://{owner}/issues/{number}", "owner", "a", nil)
	check(err)
	fmt.Println(completion.Values[:2])
	// Output: [ada alan]
}

func Example_completionOfPrompts() {
	ctx := context.Background()
	s := server.New("reviewer", "1.0.0")
	addReview(s)

	c := connect(s)
	defer finish(c)
	completion, err := c.CompletePrompt(ctx, "review", "style", "fr", nil)
	check(err)
	fmt.Println(completion.Values)
	// Output: [friendly]
}
