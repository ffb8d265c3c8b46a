package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// sink is a stream that is rid of what it gets.
type sink struct {
	done chan struct{}
	buf  *[]byte
}

func (s sink) Send(_ context.Context, m *rpc.Message) error {
	*s.buf = m.AppendJSON((*s.buf)[:0])
	s.done <- struct{}{}
	return nil
}

func benchServer(b *testing.B, s *Server) (*rpc.Session, sink) {
	b.Helper()
	out := sink{make(chan struct{}, 1), new([]byte)}
	session, err := s.NewSession(b.Context(), rpc.Link{Stream: out})
	require.NoError(b, err)
	require.NoError(b, session.Receive(b.Context(), []byte(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`), nil))
	<-out.done
	b.Cleanup(func() { session.Close(nil) })
	return session, out
}

// BenchmarkCallTool is a whole call of the greet tool, without a transport.
func BenchmarkCallTool(b *testing.B) {
	s := New("v", "1")
	AddTool(s, "greet", "", greet)
	session, out := benchServer(b, s)
	call := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = session.Receive(b.Context(), call, nil)
		<-out.done
	}
}

// BenchmarkCallBare is the same without this package: the floor.
func BenchmarkCallBare(b *testing.B) {
	out := sink{make(chan struct{}, 1), new([]byte)}
	session := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Server, bare{})})
	session.Attach(rpc.Link{Stream: out})
	b.Cleanup(func() { session.Close(nil) })
	call := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":"Ada"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = session.Receive(b.Context(), call, nil)
		<-out.done
	}
}

type bare struct{}

func (bare) ListTools(context.Context, *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	return nil, nil
}

func (bare) CallTool(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}}, nil
}

// BenchmarkListTools is a list of 50 tools, 33 KB.
func BenchmarkListTools(b *testing.B) {
	s := New("v", "1")
	schema := `{"type":"object","properties":{`
	for i := range 8 {
		if i > 0 {
			schema += ","
		}
		schema += `"argument` + string(rune('a'+i)) + `":{"type":"string","description":"what is meant by this argument"}`
	}
	for i := range 50 {
		AddRawTool(s, mcp.Tool{Name: "tool" + string(rune('a'+i%26)) + string(rune('a'+i/26)), InputSchema: wire.MustRaw(schema + `}}`)},
			func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
	}
	session, out := benchServer(b, s)
	list := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = session.Receive(b.Context(), list, nil)
		<-out.done
	}
}

func BenchmarkCheckArguments(b *testing.B) {
	s, err := compileSchema(wire.MustRaw(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}`), true)
	require.NoError(b, err)
	raw := wire.MustRaw(`{"name":"Ada"}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.check(raw)
	}
}
