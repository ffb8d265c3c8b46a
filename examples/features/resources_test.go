package features_test

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/server"
)

func Example_resourcesListing() {
	ctx := context.Background()
	s := server.New("files", "1.0.0")
	server.AddStaticResource(s, "docs:///readme", "readme", "What this is.", "Read me.", server.MIMEType("text/plain"))

	c := connect(s)
	defer finish(c)
	for r, err := range c.Resources(ctx) {
		check(err)
		fmt.Println(r.URI, r.Name, r.MIMEType, *r.Size, "bytes")
	}
	// Output: docs:///readme readme text/plain 8 bytes
}

// The handler of a resource makes its contents each time they are read.
func Example_resourcesReadingText() {
	ctx := context.Background()
	s := server.New("counter", "1.0.0")
	reads := 0
	server.AddResource(s, "docs:///reads", "reads", "How often this was read.", func(context.Context) (string, error) {
		reads++
		return fmt.Sprintf("read %d times", reads), nil
	})

	c := connect(s)
	defer finish(c)
	for range 2 {
		result, err := c.ReadResource(ctx, "docs:///reads")
		check(err)
		fmt.Println(result.Contents[0].(*mcp.TextResourceContents).Text)
	}
	// Output:
	// read 1 times
	// read 2 times
}

// Bytes are a blob.
func Example_resourcesReadingBinary() {
	ctx := context.Background()
	s := server.New("gallery", "1.0.0")
	server.AddResource(s, "gallery:///logo", "logo", "The logo.", func(context.Context) ([]byte, error) {
		return png, nil
	}, server.MIMEType("image/png"))

	c := connect(s)
	defer finish(c)
	result, err := c.ReadResource(ctx, "gallery:///logo")
	check(err)
	blob := result.Contents[0].(*mcp.BlobResourceContents)
	data, err := blob.Blob.Bytes()
	check(err)
	fmt.Println(blob.MIMEType, len(data), "bytes")
	// Output: image/png 8 bytes
}

type issue struct {
	Owner  string `json:"owner"`
	Number int    `json:"number"`
}

// addIssues adds a family of resources: the variables of the template are for the fields of issue.
func addIssues(s *server.Server) {
	server.AddResourceTemplate(s, "tracker://{owner}/issues/{number}", "issue", "An issue.", func(_ context.Context, v issue) (string, error) {
		if v.Number > 100 {
			return "", server.ErrResourceNotFound
		}
		return fmt.Sprintf("issue %d of %s", v.Number, v.Owner), nil
	}, server.CompleteFrom("owner", "ada", "alan", "grace"))
}

func Example_resourcesTemplates() {
	ctx := context.Background()
	s := server.New("tracker", "1.0.0")
	addIssues(s)

	c := connect(s)
	defer finish(c)
	for template, err := range c.ResourceTemplates(ctx) {
		check(err)
		fmt.Println(template.URITemplate, "-", template.Description)
	}
	// Output: tracker://{owner}/issues/{number} - An issue.
}

func Example_resourcesTemplateReading() {
	ctx := context.Background()
	s := server.New("tracker", "1.0.0")
	addIssues(s)

	c := connect(s)
	defer finish(c)
	result, err := c.ReadResource(ctx, "tracker://ada/issues/7")
	check(err)
	fmt.Println(result.Contents[0].(*mcp.TextResourceContents).Text)
	_, err = c.ReadResource(ctx, "tracker://ada/issues/700")
	fmt.Println(rpc.CodeOf(err) == mcp.CodeResourceNotFound)
	// Output:
	// issue 7 of ada
	// true
}

func Example_resourcesSubscribing() {
	ctx := context.Background()
	s := server.New("files", "1.0.0", server.Subscriptions())
	server.AddResource(s, "docs:///news", "news", "What is new.", func(context.Context) (string, error) { return "nothing", nil })

	updated := make(chan string, 1)
	c := connect(s, client.OnResourceUpdated(func(_ context.Context, p *mcp.ResourceUpdatedParams) { updated <- p.URI }))
	defer finish(c)
	check(c.Subscribe(ctx, "docs:///news"))
	s.ResourceUpdated("docs:///news") // the program says so when it is
	fmt.Println(<-updated)
	// Output: docs:///news
}

// OnSubscribe tells the server for whom it should look for changes, and for how long.
func Example_resourcesUnsubscribing() {
	ctx := context.Background()
	s := server.New("files", "1.0.0")
	stopped := make(chan struct{})
	server.AddResource(s, "docs:///news", "news", "What is new.", func(context.Context) (string, error) { return "nothing", nil },
		server.OnSubscribe(func(_ context.Context, uri string) (stop func(), err error) {
			fmt.Println("watching", uri)
			return func() { close(stopped) }, nil
		}))

	c := connect(s)
	defer finish(c)
	check(c.Subscribe(ctx, "docs:///news"))
	check(c.Unsubscribe(ctx, "docs:///news"))
	<-stopped
	fmt.Println("stopped;", len(c.Subscriptions()), "subscriptions")
	// Output:
	// watching docs:///news
	// stopped; 0 subscriptions
}

func Example_resourcesChanged() {
	ctx := context.Background()
	s := server.New("files", "1.0.0")
	server.AddStaticResource(s, "docs:///a", "a", "The first.", "A")

	changed := make(chan struct{}, 1)
	c := connect(s, client.OnResourcesChanged(func(context.Context) { changed <- struct{}{} }))
	defer finish(c)
	server.AddStaticResource(s, "docs:///b", "b", "The second.", "B")
	<-changed
	for r, err := range c.Resources(ctx) {
		check(err)
		fmt.Println(r.URI)
	}
	// Output:
	// docs:///a
	// docs:///b
}
