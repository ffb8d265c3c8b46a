package allocs

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

const (
	initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
		`"clientInfo":{"name":"c","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	listText    = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	largeText   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"large","arguments":{}}}`

	large = 1 << 20 // bytes of the text that the tool large gives
	tens  = 50      // tools of a list
)

type greeting struct {
	Name string `json:"name" jsonschema:"description=the person to greet"`
}

func greet(_ context.Context, in greeting) (string, error) { return "hello, " + in.Name, nil }

func greeter() *server.Server {
	s := server.New("greeter", "1")
	server.AddTool(s, "greet", "Say hi.", greet)
	text := strings.Repeat("a", large)
	server.AddTool(s, "large", "Much.", func(context.Context, struct{}) (string, error) { return text, nil })
	return s
}

// lister has fifty tools, 33 KB as a list.
func lister() *server.Server {
	s := server.New("lister", "1")
	schema := wire.MustRaw(`{"type":"object","properties":{"text":{"type":"string","description":"` + strings.Repeat("what is meant ", 38) + `"}}}`)
	for i := range tens {
		def := mcp.Tool{Name: "tool" + string(rune('A'+i)), InputSchema: schema}
		server.AddRawTool(s, def, func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) { return nil, nil })
	}
	return s
}

// open opens a session of a server whose messages go to a sink.
func open(t *testing.T, s *server.Server) (*rpc.Session, *sink) {
	out := newSink()
	session, err := s.NewSession(t.Context(), rpc.Link{Stream: out})
	require.NoError(t, err)
	t.Cleanup(func() { session.Close(nil) })
	out.ask(session, []byte(initialize))
	require.NoError(t, session.Receive(t.Context(), []byte(initialized), nil))
	return session, out
}

// TestCallTool is a call of a typed tool from its bytes to those of the answer, without a transport.
func TestCallTool(t *testing.T) {
	session, out := open(t, greeter())
	call := []byte(callText)
	atMost(t, many, boundCallTool, func() { out.ask(session, call) })
	require.Equal(t, callAnswer, string(out.text))
}

// TestListTools is a list of fifty tools, without a transport: it costs no more than a list of one.
func TestListTools(t *testing.T) {
	session, out := open(t, lister())
	list := []byte(listText)
	atMost(t, many, boundListTools, func() { out.ask(session, list) })
	require.InDelta(t, 33<<10, len(out.text), 4<<10)
}

// TestCallOverPipe is a call by a client of ours of a server of ours: both ends are counted.
func TestCallOverPipe(t *testing.T) {
	c, err := client.Dial(t.Context(), client.Info("c", "1"), pipe.To(greeter(), pipe.Limits{}))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	in := greeting{Name: "Ada"}
	atMost(t, many, boundCallOverPipe, func() {
		if text, err := client.CallTool[string](context.Background(), c, "greet", in); err != nil || text != "hello, Ada" {
			panic(text)
		}
	})
}

// TestCallOverStdio is a call over a pair of pipes of the operating system; the driver allocates nothing.
func TestCallOverStdio(t *testing.T) {
	in, ours, err := os.Pipe()
	require.NoError(t, err)
	theirs, out, err := os.Pipe()
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- stdio.Over(in, out)(context.Background(), greeter()) }()
	t.Cleanup(func() {
		require.NoError(t, ours.Close())
		require.NoError(t, <-ended)
		for _, f := range []*os.File{in, theirs, out} {
			_ = f.Close() // the server may have closed its own
		}
	})
	buffer := make([]byte, 64<<10)
	ask := func(line []byte) []byte {
		if _, err := ours.Write(line); err != nil {
			panic(err)
		}
		n := 0
		for n == 0 || buffer[n-1] != '\n' {
			more, err := theirs.Read(buffer[n:])
			if err != nil {
				panic(err)
			}
			n += more
		}
		return buffer[:n]
	}
	ask([]byte(initialize + "\n"))
	_, err = io.WriteString(ours, initialized+"\n")
	require.NoError(t, err)
	call := []byte(callText + "\n")
	require.Equal(t, callAnswer+"\n", string(ask(call)))
	atMost(t, many, boundCallOverStdio, func() { ask(call) })
}

// TestCallOverHTTP is what the handler of Streamable HTTP allocates for a call; net/http and the driver are not counted.
func TestCallOverHTTP(t *testing.T) {
	h, call := openHTTP(t, greeter()), []byte(callText)
	atMost(t, many, boundCallOverHTTP, func() { h.post(call) })
	require.Equal(t, callAnswer, string(h.body))
}

// TestLargeResultOverHTTP: a text of 1 MiB is not copied about.
func TestLargeResultOverHTTP(t *testing.T) {
	h, call := openHTTP(t, greeter()), []byte(largeText)
	atMost(t, few, boundLargeResult, func() { h.post(call) })
	require.Greater(t, len(h.body), large)
}

// TestListOverHTTP is a list of fifty tools over HTTP.
func TestListOverHTTP(t *testing.T) {
	h, list := openHTTP(t, lister()), []byte(listText)
	atMost(t, many, boundListOverHTTP, func() { h.post(list) })
	require.InDelta(t, 33<<10, len(h.body), 4<<10)
}

// visitor calls a handler directly. It is its own ResponseWriter, and allocates nothing itself once body has grown.
type visitor struct {
	handler *streamhttp.Server
	request *http.Request
	reader  bytes.Reader
	header  http.Header
	status  int
	body    []byte
}

func openHTTP(t testing.TB, s *server.Server, opts ...streamhttp.Option) *visitor {
	patient := streamhttp.WithLimits(streamhttp.Limits{QuietTime: 20 * time.Second}) // no event stream because the machine is slow
	h := streamhttp.Handler(s, append(opts, patient)...)
	t.Cleanup(func() { require.NoError(t, h.Shutdown(context.Background())) })
	v := &visitor{handler: h, header: http.Header{}, request: httptest.NewRequest(http.MethodPost, "http://127.0.0.1/mcp", nil)}
	v.request.Header = http.Header{
		"Content-Type":         {"application/json"},
		"Accept":               {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {"2025-11-25"},
	}
	v.request.Body = io.NopCloser(&v.reader)
	v.post([]byte(initialize))
	require.Equal(t, http.StatusOK, v.status)
	if id := v.header.Get("Mcp-Session-Id"); id != "" {
		v.request.Header["Mcp-Session-Id"] = []string{id}
	}
	v.post([]byte(initialized))
	require.Equal(t, http.StatusAccepted, v.status)
	return v
}

func (v *visitor) post(body []byte) {
	clear(v.header)
	v.status, v.body = http.StatusOK, v.body[:0]
	v.reader.Reset(body)
	v.request.ContentLength = int64(len(body))
	v.handler.ServeHTTP(v, v.request)
}

func (v *visitor) Header() http.Header    { return v.header }
func (v *visitor) WriteHeader(status int) { v.status = status }

func (v *visitor) Write(p []byte) (int, error) {
	v.body = append(v.body, p...)
	return len(p), nil
}

func (v *visitor) Flush() {}
