package server_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/server"
)

func ExampleAddPrompt() {
	type arguments struct {
		Code  string `json:"code" jsonschema:"description=the code to review"`
		Style string `json:"style,omitempty" jsonschema:"enum=kind,enum=strict,default=kind"`
	}
	s := server.New("reviewer", "1.0.0")
	server.AddPrompt(s, "review", "Review code.", func(ctx context.Context, in arguments) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			server.PromptText(mcp.RoleUser, "Please give me a "+in.Style+" review of: "+in.Code),
			server.PromptText(mcp.RoleAssistant, "Let me see."),
		}, nil
	})

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	result, err := client.GetPrompt(ctx, &mcp.GetPromptParams{Name: "review", Arguments: map[string]string{"code": "x := 1"}})
	if err != nil {
		panic(err)
	}
	for _, m := range result.Messages {
		fmt.Printf("%s: %s\n", m.Role, m.Content.(*mcp.TextContent).Text)
	}
	_, err = client.GetPrompt(ctx, &mcp.GetPromptParams{Name: "review"})
	fmt.Println(err)
	// Output:
	// user: Please give me a kind review of: x := 1
	// assistant: Let me see.
	// the arguments of the prompt review are not valid: /code: required but missing; expected a string (the code to review) (code -32602)
}

func ExampleComplete() {
	type arguments struct {
		Language  string `json:"language"`
		Framework string `json:"framework"`
	}
	frameworks := map[string][]string{"go": {"chi", "gin"}, "python": {"django", "flask"}}
	s := server.New("starter", "1.0.0")
	server.AddPrompt(s, "start", "Start a project.",
		func(ctx context.Context, in arguments) (string, error) {
			return "Start a project in " + in.Language + " with " + in.Framework, nil
		},
		server.CompleteFrom("language", "go", "python"),
		server.Complete("framework", func(ctx context.Context, c server.Completing) ([]string, error) {
			var fit []string
			for _, f := range frameworks[c.Given["language"]] {
				if strings.HasPrefix(f, c.Value) {
					fit = append(fit, f)
				}
			}
			return fit, nil
		}))

	ctx := context.Background()
	client, done := talkTo(ctx, s)
	defer done()
	result, err := client.Complete(ctx, &mcp.CompleteParams{
		Ref:      &mcp.PromptReference{Name: "start"},
		Argument: mcp.CompletionArgument{Name: "framework", Value: "f"},
		Context:  &mcp.CompletionContext{Arguments: map[string]string{"language": "python"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Completion.Values)
	// Output:
	// [flask]
}
