package allocs

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

const (
	callParams = `{"name":"greet","arguments":{"name":"Ada"}}`
	callText   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + callParams + `}`
	callResult = `{"content":[{"type":"text","text":"hello, Ada"}]}`
	callAnswer = `{"jsonrpc":"2.0","id":1,"result":` + callResult + `}`
)

func TestDecodeParams(t *testing.T) {
	text := []byte(callParams)
	atMost(t, many, boundDecodeParams, func() {
		var p mcp.CallToolParams
		if err := wire.Decode(text, &p); err != nil {
			panic(err)
		}
	})
}

func TestDecodeResult(t *testing.T) {
	text := []byte(callResult)
	atMost(t, many, boundDecodeResult, func() {
		var r mcp.CallToolResult
		if err := wire.Decode(text, &r); err != nil {
			panic(err)
		}
	})
}

// TestEncodeResult: nothing is allocated when the buffer is large enough.
func TestEncodeResult(t *testing.T) {
	r := &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}}
	require.Equal(t, callResult, string(r.AppendJSON(nil)))
	var buffer []byte
	atMost(t, many, cost{}, func() { buffer = r.AppendJSON(buffer[:0]) })
}

// TestDispatch is a call of a tool from its bytes to those of the answer, without a server and without a transport.
func TestDispatch(t *testing.T) {
	out := newSink()
	session := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Server, tools{})})
	session.Attach(rpc.Link{Stream: out})
	t.Cleanup(func() { session.Close(nil) })
	call := []byte(callText)
	atMost(t, many, boundDispatch, func() { out.ask(session, call) })
	require.Equal(t, callAnswer, string(out.text))
}

// tools is a server by hand.
type tools struct{}

func (tools) ListTools(context.Context, *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	return &mcp.ListToolsResult{}, nil
}

func (tools) CallTool(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}}, nil
}

// sink is a stream that keeps the last message, in a buffer of its own.
type sink struct {
	text []byte
	sent chan struct{}
}

func newSink() *sink { return &sink{sent: make(chan struct{}, 1)} }

func (s *sink) Send(_ context.Context, m *rpc.Message) error {
	s.text = m.AppendJSON(s.text[:0])
	s.sent <- struct{}{}
	return nil
}

// ask has the session handle a request, and waits for the answer.
func (s *sink) ask(session *rpc.Session, request []byte) {
	if err := session.Receive(context.Background(), request, nil); err != nil {
		panic(err)
	}
	<-s.sent
}
