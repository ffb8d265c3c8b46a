package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/legacysse"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/tcp"
	"github.com/tenonmcp/tenon/runtime/websocket"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// child says in the environment that the process is to be the server.
const child = "EVERYTHING_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// soon is the longest that anything here may take.
const soon = 10 * time.Second

// transports are the ways to the server: in memory, as a child process, and over the network.
var transports = map[string]func(t *testing.T) rpc.Transport{
	"pipe": func(*testing.T) rpc.Transport { return pipe.To(newServer(), pipe.Limits{}) },
	"stdio": func(t *testing.T) rpc.Transport {
		path, err := os.Executable()
		require.NoError(t, err)
		cmd := stdio.Command(path)
		cmd.Env = []string{child + "=1", "GORACE=atexit_sleep_ms=0"} // the race detector would make each child wait a second
		return cmd
	},
	"http": func(t *testing.T) rpc.Transport { return streamhttp.Connect(listening(t, "-http", "127.0.0.1:0")) },
	"sse": func(t *testing.T) rpc.Transport {
		return legacysse.Connect(strings.TrimSuffix(listening(t, "-http", "127.0.0.1:0", "-sse"), "/mcp") + "/sse")
	},
	"ws":  func(t *testing.T) rpc.Transport { return websocket.Connect(listening(t, "-ws", "127.0.0.1:0")) },
	"tcp": func(t *testing.T) rpc.Transport { return tcp.Connect(listening(t, "-tcp", "127.0.0.1:0")) },
	"unix": func(t *testing.T) rpc.Transport {
		return tcp.Connect(listening(t, "-tcp", "unix:"+filepath.Join(t.TempDir(), "s")))
	},
}

// listening runs the server with arguments until the test ends, and gives the URL that it says it listens on.
func listening(t *testing.T, args ...string) (url string) {
	ctx, cancel := context.WithCancel(context.Background())
	stderr, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, args, w) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	return url
}

// overAll runs f over each transport, with a client that has an answer to everything.
func overAll(t *testing.T, f func(t *testing.T, ctx context.Context, c *client.Client, h *heard)) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			h := &heard{
				logs: make(chan *mcp.LoggingMessageParams, 100), updated: make(chan string, 10), visited: make(chan string, 10),
				tools: make(chan struct{}, 10), resources: make(chan struct{}, 10), prompts: make(chan struct{}, 10),
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*soon)
			defer cancel()
			c, err := client.Dial(ctx, client.Info("tester", "1.0.0"), transport(t), h.options()...)
			require.NoError(t, err)
			defer func() { require.NoError(t, c.Close()) }()
			f(t, ctx, c, h)
		})
	}
}

// heard is what the server told the client without being asked.
type heard struct {
	logs                      chan *mcp.LoggingMessageParams
	updated, visited          chan string
	tools, resources, prompts chan struct{}
}

// root is the client's only root.
var root = mcp.Root{URI: "file:///srv/everything", Name: "everything"}

func (h *heard) options() []client.Option {
	return []client.Option{
		client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithRoots(root),
		client.OnSample(sample, client.SampleTools),
		client.OnElicit(fill),
		client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
			return mcp.ElicitActionAccept, nil
		}),
		client.OnElicitationComplete(func(_ context.Context, id string) { h.visited <- id }),
		client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) { h.logs <- p }),
		client.OnResourceUpdated(func(_ context.Context, p *mcp.ResourceUpdatedParams) { h.updated <- p.URI }),
		client.OnToolsChanged(func(context.Context) { h.tools <- struct{}{} }),
		client.OnResourcesChanged(func(context.Context) { h.resources <- struct{}{} }),
		client.OnPromptsChanged(func(context.Context) { h.prompts <- struct{}{} }),
	}
}

// sample is a model that uses each tool once and repeats what it was told last.
func sample(_ context.Context, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
	last := params.Messages[len(params.Messages)-1].Content
	answer := &mcp.CreateMessageResult{Model: "parrot", Role: mcp.RoleAssistant}
	if len(params.Tools) > 0 && len(params.Messages) == 1 {
		answer.StopReason = "toolUse"
		for _, tool := range params.Tools {
			answer.Content = append(answer.Content, &mcp.ToolUseContent{ID: "use-" + tool.Name, Name: tool.Name, Input: wire.MustRaw(`{"city":"Paris"}`)})
		}
		return answer, nil
	}
	for _, block := range last {
		switch block := block.(type) {
		case *mcp.TextContent:
			answer.Content = append(answer.Content, block)
		case *mcp.ToolResultContent:
			answer.Content = append(answer.Content, block.Content[0].(*mcp.TextContent))
		}
	}
	return answer, nil
}

// fill fills in what has no default.
func fill(_ context.Context, form *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	values := map[string]any{}
	known := map[string]any{
		"username": "ada", "email": "ada@example.com",
		"row": "front", "side": "A", "extras": []string{"meal"},
		"way": "careful", "untitledSingle": "option1", "titledMulti": []string{"value1", "value3"},
	}
	for _, field := range form.RequestedSchema.Properties {
		if value, ok := known[field.Name]; ok {
			values[field.Name] = value
		}
	}
	return client.Accept(values)
}

// next gives what arrives on a channel.
func next[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(soon):
		require.FailNow(t, "nothing arrived")
		panic("not reached")
	}
}
