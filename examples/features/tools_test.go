package features_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// Tools are listed with the schema that follows from the handler's types.
func Example_toolsListing() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet, server.Title("Greet"), server.Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true)}))

	c := connect(s)
	defer finish(c)
	for tool, err := range c.Tools(ctx) {
		check(err)
		fmt.Println(tool.Name, "-", tool.Title, "-", tool.Description)
		fmt.Println(tool.InputSchema)
	}
	// Output:
	// greet - Greet - Says hi.
	// {"type":"object","properties":{"name":{"type":"string","description":"the person to greet"}},"required":["name"],"additionalProperties":false}
}

// A tool is a function from one Go value to another.
func Example_toolsCalling() {
	ctx := context.Background()
	type pair struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	type sum struct {
		Sum int `json:"sum"`
	}
	s := server.New("adder", "1.0.0")
	server.AddTool(s, "add", "Adds two numbers.", func(_ context.Context, in pair) (sum, error) {
		return sum{in.A + in.B}, nil
	})

	c := connect(s)
	defer finish(c)
	total, err := client.CallTool[sum](ctx, c, "add", pair{2, 3})
	check(err)
	fmt.Println(total.Sum)
	// Output: 5
}

// A string is a text result.
func Example_toolsText() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)

	c := connect(s)
	defer finish(c)
	hi, err := client.CallTool[string](ctx, c, "greet", greeting{"Ada"})
	check(err)
	fmt.Println(hi)
	// Output: hello, Ada
}

func Example_toolsImage() {
	ctx := context.Background()
	s := server.New("camera", "1.0.0")
	server.AddTool(s, "shoot", "Takes a picture.", func(context.Context, struct{}) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{&mcp.ImageContent{MIMEType: "image/png", Data: wire.EncodeBase64(png)}}, nil
	})

	c := connect(s)
	defer finish(c)
	content, err := client.CallTool[[]mcp.ContentBlock](ctx, c, "shoot", nil)
	check(err)
	show(content)
	// Output: image: image/png 8 bytes
}

func Example_toolsAudio() {
	ctx := context.Background()
	s := server.New("speaker", "1.0.0")
	server.AddTool(s, "speak", "Reads aloud.", func(context.Context, struct{}) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{&mcp.AudioContent{MIMEType: "audio/wav", Data: wire.EncodeBase64([]byte("RIFF"))}}, nil
	})

	c := connect(s)
	defer finish(c)
	content, err := client.CallTool[[]mcp.ContentBlock](ctx, c, "speak", nil)
	check(err)
	show(content)
	// Output: audio: audio/wav 4 bytes
}

// A result can hold resources, or link to them.
func Example_toolsEmbeddedResource() {
	ctx := context.Background()
	s := server.New("librarian", "1.0.0")
	server.AddTool(s, "find", "Finds a page.", func(context.Context, struct{}) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{
			&mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{URI: "docs:///page/1", MIMEType: "text/plain", Text: "Once upon a time"}},
			&mcp.ResourceLink{URI: "docs:///page/2", Name: "page 2"},
		}, nil
	})

	c := connect(s)
	defer finish(c)
	content, err := client.CallTool[[]mcp.ContentBlock](ctx, c, "find", nil)
	check(err)
	show(content)
	// Output:
	// resource: docs:///page/1 Once upon a time
	// link: docs:///page/2
}

// An error of a handler is a result that the model reads; so is what is wrong with its arguments.
func Example_toolsErrors() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", func(ctx context.Context, in greeting) (string, error) {
		if in.Name == "Voldemort" {
			return "", errors.New("that name is not to be said; say he-who-must-not-be-named")
		}
		return greet(ctx, in)
	})

	c := connect(s)
	defer finish(c)
	_, err := client.CallTool[string](ctx, c, "greet", greeting{"Voldemort"})
	var failed *client.ToolError
	fmt.Println(errors.As(err, &failed), failed.Text())
	_, err = client.CallTool[string](ctx, c, "greet", map[string]any{"nmae": "Ada"})
	fmt.Println(errors.As(err, &failed))
	_, err = client.CallTool[string](ctx, c, "great", nil) // no such tool: an error of the protocol
	fmt.Println(errors.As(err, &failed))
	// Output:
	// true that name is not to be said; say he-who-must-not-be-named
	// true
	// false
}

// Clients hear of tools that come and go while they are connected.
func Example_toolsChanged() {
	ctx := context.Background()
	s := server.New("greeter", "1.0.0")
	server.AddTool(s, "greet", "Says hi.", greet)

	changed := make(chan struct{}, 1)
	c := connect(s, client.OnToolsChanged(func(context.Context) { changed <- struct{}{} }))
	defer finish(c)
	server.AddTool(s, "welcome", "Says hi, formally.", greet)
	<-changed
	for tool, err := range c.Tools(ctx) {
		check(err)
		fmt.Println(tool.Name)
	}
	// Output:
	// greet
	// welcome
}
