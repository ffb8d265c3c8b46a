package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/server"
)

// addPrompts adds the prompts.
func addPrompts(s *server.Server) {
	server.AddPrompt(s, "test_simple_prompt", "A text.", func(context.Context, nothing) (string, error) {
		return "This is a simple prompt for testing.", nil
	}, server.Title("Simple prompt"))

	server.AddPrompt(s, "test_prompt_with_arguments", "A text with two arguments.", func(_ context.Context, in twoArguments) (string, error) {
		return fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", in.Arg1, in.Arg2), nil
	}, server.CompleteFrom("arg1", "test", "testing", "tested"), server.Complete("arg2", completeArg2))

	server.AddPrompt(s, "test_prompt_with_embedded_resource", "A resource within the prompt.", func(_ context.Context, in embedding) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: &mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{
				URI: in.ResourceURI, MIMEType: "text/plain", Text: "Embedded resource content for testing.",
			}}},
			server.PromptText(mcp.RoleUser, "Please process the embedded resource above."),
		}, nil
	})

	server.AddPrompt(s, "test_prompt_with_image", "An image.", func(context.Context, nothing) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: pictureContent()},
			server.PromptText(mcp.RoleUser, "Please analyze the image above."),
		}, nil
	})

	server.AddPrompt(s, "prompt_with_choice", "An argument with a list of values, which completes by itself.", func(_ context.Context, in choosing) (string, error) {
		return "Speak in the style " + in.Style + ".", nil
	})
}

type twoArguments struct {
	Arg1 string `json:"arg1" jsonschema:"description=First test argument"`
	Arg2 string `json:"arg2" jsonschema:"description=Second test argument"`
}

// completeArg2 completes the second argument from the first one, if that is known.
func completeArg2(_ context.Context, c server.Completing) ([]string, error) {
	var fit []string
	for _, end := range []string{"one", "two", "three"} {
		if value := c.Given["arg1"] + "-" + end; strings.HasPrefix(value, c.Value) {
			fit = append(fit, value)
		}
	}
	return fit, nil
}

type embedding struct {
	ResourceURI string `json:"resourceUri" jsonschema:"description=URI of the resource to embed"`
}

type choosing struct {
	Style string `json:"style" jsonschema:"description=how to speak,enum=plain,enum=poetic,enum=terse"`
}
