package dial_test

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/client/dial"
)

func ExampleConfig_Dial() {
	cfg, err := dial.ParseConfig([]byte(`{"mcpServers": {
		"files": {"command": "files-server", "args": ["-v"], "env": {"ROOT": "/srv"}},
		"search": {"url": "https://search.example.com/mcp", "headers": {"Authorization": "Bearer 123"}}
	}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Names())
	_, err = cfg.Dial(context.Background(), client.Info("me", "1.0.0"), "mail")
	fmt.Println(err)
	// Output:
	// [files search]
	// dial: there is no server "mail" in the configuration, which has ["files" "search"]
}

func ExampleURL() {
	ctx := context.Background()
	c, err := dial.URL(ctx, client.Info("me", "1.0.0"), "https://search.example.com/mcp")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.Close() }()
	hits, err := client.CallTool[[]string](ctx, c, "search", map[string]string{"query": "tenon"})
	fmt.Println(hits, err)
}
