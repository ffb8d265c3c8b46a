package features_test

import (
	"context"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect makes a client of s, in memory. The examples of the transports show the other ways.
func connect(s *server.Server, opts ...client.Option) *client.Client {
	c, err := client.Dial(context.Background(), client.Info("example", "1.0.0"), pipe.To(s, pipe.Limits{}), opts...)
	check(err)
	return c
}

// finish closes a client.
func finish(c *client.Client) { check(c.Close()) }

// check keeps the examples short: a program returns its errors.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// show prints the blocks of a result.
func show(content []mcp.ContentBlock) {
	for _, block := range content {
		switch b := block.(type) {
		case *mcp.TextContent:
			fmt.Println("text:", b.Text)
		case *mcp.ImageContent:
			data, err := b.Data.Bytes()
			check(err)
			fmt.Println("image:", b.MIMEType, len(data), "bytes")
		case *mcp.AudioContent:
			data, err := b.Data.Bytes()
			check(err)
			fmt.Println("audio:", b.MIMEType, len(data), "bytes")
		case *mcp.EmbeddedResource:
			if text, ok := b.Resource.(*mcp.TextResourceContents); ok {
				fmt.Println("resource:", text.URI, text.Text)
			}
		case *mcp.ResourceLink:
			fmt.Println("link:", b.URI)
		}
	}
}

type greeting struct {
	Name string `json:"name" jsonschema:"description=the person to greet"`
}

// greet is a tool of several examples.
func greet(_ context.Context, in greeting) (string, error) { return "hello, " + in.Name, nil }

// png are the bytes of a picture, or as many as an example needs.
var png = []byte("\x89PNG\r\n\x1a\n")
