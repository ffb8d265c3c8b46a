package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// fake is a server made by hand: it declares and answers what its fields say, and notes what arrives.
type fake struct {
	mcp.UnimplementedServer
	version      string
	capabilities mcp.ServerCapabilities
	instructions string
	tools        []mcp.Tool
	pageSize     int
	cursor       func(page int) string // nil: by number, the last one empty
	call         func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error)
	custom       map[string]func(ctx context.Context, m *rpc.Message) (wire.Appender, error)

	mu       sync.Mutex
	got      []string // methods that arrived
	texts    []string // their params
	sessions []*rpc.Session
	causes   []error // why tool calls ended, see noteCauses
}

var object = wire.MustRaw(`{}`)

// everything declares all that a server can declare but tasks.
func everything() mcp.ServerCapabilities {
	return mcp.ServerCapabilities{
		Completions: object, Logging: object,
		Prompts:   &mcp.ListChangedCapability{ListChanged: true},
		Resources: &mcp.ServerCapabilitiesResources{ListChanged: true, Subscribe: true},
		Tools:     &mcp.ListChangedCapability{ListChanged: true},
	}
}

func (f *fake) acceptor() rpc.Acceptor {
	return rpc.NewAcceptor(rpc.Config{
		Dispatch: rpc.NewDispatch(mcp.Latest.Server, f, f.note),
		Logger:   quiet,
	}, mcp.Latest.Name, "2025-06-18", "2025-03-26", "2024-11-05")
}

var quiet = slog.New(slog.DiscardHandler)

func (f *fake) note(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		f.mu.Lock()
		f.got = append(f.got, m.Method)
		f.texts = append(f.texts, m.Raw().String())
		if rpc.IsInitialize(m) {
			f.sessions = append(f.sessions, m.Session())
		}
		custom := f.custom[m.Method]
		f.mu.Unlock()
		if custom != nil {
			return custom(ctx, m)
		}
		return next(ctx, m)
	}
}

// received gives the methods that arrived, without the handshake.
func (f *fake) received() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.got), func(m string) bool {
		return m == mcp.MethodInitialize || m == mcp.MethodInitialized
	})
}

func (f *fake) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, m := range f.got {
		if m == method {
			n++
		}
	}
	return n
}

// params gives the params that a method arrived with first.
func (f *fake) params(method string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.got, method)
	if i < 0 {
		return "did not arrive"
	}
	return f.texts[i]
}

// client calls the client of the newest session.
func (f *fake) client() mcp.ClientStub {
	f.mu.Lock()
	defer f.mu.Unlock()
	return mcp.ClientStub{Caller: f.sessions[len(f.sessions)-1]}
}

func (f *fake) Initialize(_ context.Context, p *mcp.InitializeParams) (*mcp.InitializeResult, error) {
	version := f.version
	if version == "" {
		version = p.ProtocolVersion
	}
	return &mcp.InitializeResult{
		ProtocolVersion: version,
		ServerInfo:      mcp.Implementation{Name: "fake", Version: "0.1"},
		Capabilities:    f.capabilities,
		Instructions:    f.instructions,
	}, nil
}

func (f *fake) Ping(context.Context, *mcp.RequestParams) (*mcp.EmptyResult, error) { return nil, nil }

func (f *fake) Cancelled(context.Context, *mcp.CancelledParams) error { return nil }

// slice gives the page that a cursor stands for, and the cursor of the next.
func (f *fake) slice(n int, cursor string) (from, to int, next string, err error) {
	size := f.pageSize
	if size == 0 {
		size = max(n, 1)
	}
	page := 0
	if cursor != "" {
		if page, err = strconv.Atoi(cursor); err != nil {
			page = 0
			err = nil
		}
	}
	from = min(page*size, n)
	to = min(from+size, n)
	if to < n {
		next = strconv.Itoa(page + 1)
	}
	if f.cursor != nil {
		next = f.cursor(page)
	}
	return from, to, next, err
}

func (f *fake) ListTools(_ context.Context, p *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, to, next, err := f.slice(len(f.tools), p.Cursor)
	return &mcp.ListToolsResult{Tools: f.tools[from:to], NextCursor: next}, err
}

func (f *fake) ListResources(_ context.Context, p *mcp.PaginatedParams) (*mcp.ListResourcesResult, error) {
	from, to, next, err := f.slice(5, p.Cursor)
	r := &mcp.ListResourcesResult{NextCursor: next}
	for i := from; i < to; i++ {
		r.Resources = append(r.Resources, mcp.Resource{Name: fmt.Sprint("r", i), URI: fmt.Sprint("test:///", i)})
	}
	return r, err
}

func (f *fake) ListResourceTemplates(_ context.Context, p *mcp.PaginatedParams) (*mcp.ListResourceTemplatesResult, error) {
	from, to, next, err := f.slice(5, p.Cursor)
	r := &mcp.ListResourceTemplatesResult{NextCursor: next}
	for i := from; i < to; i++ {
		r.ResourceTemplates = append(r.ResourceTemplates, mcp.ResourceTemplate{Name: fmt.Sprint("t", i), URITemplate: fmt.Sprintf("test:///%d/{x}", i)})
	}
	return r, err
}

func (f *fake) ListPrompts(_ context.Context, p *mcp.PaginatedParams) (*mcp.ListPromptsResult, error) {
	from, to, next, err := f.slice(5, p.Cursor)
	r := &mcp.ListPromptsResult{NextCursor: next}
	for i := from; i < to; i++ {
		r.Prompts = append(r.Prompts, mcp.Prompt{Name: fmt.Sprint("p", i)})
	}
	return r, err
}

func (f *fake) ReadResource(_ context.Context, p *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
	return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{&mcp.TextResourceContents{URI: p.URI, Text: "content"}}}, nil
}

func (f *fake) Subscribe(_ context.Context, p *mcp.SubscribeParams) (*mcp.EmptyResult, error) {
	if p.URI == "test:///gone" {
		return nil, rpc.Errorf(mcp.CodeResourceNotFound, "no such resource")
	}
	return nil, nil
}

func (f *fake) Unsubscribe(context.Context, *mcp.UnsubscribeParams) (*mcp.EmptyResult, error) {
	return nil, nil
}

func (f *fake) GetPrompt(_ context.Context, p *mcp.GetPromptParams) (*mcp.GetPromptResult, error) {
	return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{{Role: mcp.RoleUser, Content: &mcp.TextContent{Text: p.Name + " " + p.Arguments["who"]}}}}, nil
}

func (f *fake) Complete(_ context.Context, p *mcp.CompleteParams) (*mcp.CompleteResult, error) {
	var of string
	switch ref := p.Ref.(type) {
	case *mcp.PromptReference:
		of = "prompt " + ref.Name
	case *mcp.ResourceTemplateReference:
		of = "template " + ref.URI
	}
	given := ""
	if p.Context != nil {
		given = fmt.Sprint(p.Context.Arguments)
	}
	return &mcp.CompleteResult{Completion: mcp.Completion{Values: []string{of, p.Argument.Name, p.Argument.Value, given}}}, nil
}

func (f *fake) SetLevel(context.Context, *mcp.SetLevelParams) (*mcp.EmptyResult, error) {
	return nil, nil
}

func (f *fake) CallTool(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	if f.call != nil {
		return f.call(ctx, p)
	}
	return text("called " + p.Name), nil
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: s}}}
}

func me() mcp.Implementation { return client.Info("tester", "1.0.0") }

// dial opens a session with f.
func dial(t testing.TB, f *fake, opts ...client.Option) *client.Client {
	t.Helper()
	return dialOver(t, every.Over(t, context.Background(), f.acceptor()), opts...)
}

func dialOver(t testing.TB, transport rpc.Transport, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(context.Background(), me(), transport, append([]client.Option{client.WithLogger(quiet)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// collect reads a list to its end.
func collect[T any](t testing.TB, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

// listError reads a list to its error.
func listError[T any](seq func(func(T, error) bool)) (n int, err error) {
	for _, e := range seq {
		if e != nil {
			return n, e
		}
		n++
	}
	return n, nil
}
