package server

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// The tests that connect run over every transport.
func TestMain(m *testing.M) { every.Main(m) }

// peer is a client made of the bare session: what reaches it is what was on the wire.
type peer struct {
	mcp.ServerStub
	session *rpc.Session
	conn    rpc.Conn
	opened  *mcp.InitializeResult
}

// clientSide is how a test's client is made.
type clientSide struct {
	handler      any // of the generated client interfaces
	capabilities mcp.ClientCapabilities
	version      string
	principal    string
	incoming     []rpc.Interceptor
}

// open connects without initializing.
func open(t *testing.T, a rpc.Acceptor, c clientSide) *peer {
	t.Helper()
	session := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Client, c.handler, c.incoming...)})
	ctx := t.Context()
	if c.principal != "" {
		ctx = rpc.WithPrincipal(ctx, rpc.Principal{ID: c.principal})
	}
	conn, err := every.Over(t, ctx, a).Connect(ctx, session)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{mcp.ServerStub{Caller: session}, session, conn, nil}
}

// connect connects and initializes.
func connect(t *testing.T, a rpc.Acceptor, c clientSide) *peer {
	t.Helper()
	p := open(t, a, c)
	if c.version == "" {
		c.version = versions[0]
	}
	var err error
	p.opened, err = p.Initialize(t.Context(), &mcp.InitializeParams{
		ProtocolVersion: c.version,
		Capabilities:    c.capabilities,
		ClientInfo:      mcp.Implementation{Name: "test", Version: "1"},
	})
	require.NoError(t, err)
	require.NoError(t, p.Initialized(t.Context(), nil))
	return p
}

// call calls a tool with arguments as JSON, "" for none.
func (p *peer) call(t *testing.T, name, arguments string) *mcp.CallToolResult {
	t.Helper()
	result, err := p.tryCall(t.Context(), name, arguments)
	require.NoError(t, err)
	return result
}

func (p *peer) tryCall(ctx context.Context, name, arguments string) (*mcp.CallToolResult, error) {
	params := &mcp.CallToolParams{Name: name}
	if arguments != "" {
		params.Arguments = wire.MustRaw(arguments)
	}
	return p.CallTool(ctx, params)
}

// said gives the text of a result.
func said(t *testing.T, r *mcp.CallToolResult) string {
	t.Helper()
	require.Len(t, r.Content, 1)
	content, ok := r.Content[0].(*mcp.TextContent)
	require.True(t, ok)
	return content.Text
}

// names gives the names of all tools, page by page.
func (p *peer) names(t *testing.T) []string {
	t.Helper()
	var names []string
	cursor := ""
	for {
		page, err := p.ListTools(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.NoError(t, err)
		for _, tool := range page.Tools {
			names = append(names, tool.Name)
		}
		if cursor = page.NextCursor; cursor == "" {
			return names
		}
	}
}

type greeting struct {
	Name string `json:"name" jsonschema:"description=the person to greet"`
}

func greet(_ context.Context, in greeting) (string, error) { return "hello, " + in.Name, nil }

// here is the line it is called in.
func here() int {
	_, _, line, _ := runtime.Caller(1)
	return line
}
