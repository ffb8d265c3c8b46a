package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// asServer makes the test binary be the server.
const asServer = "TENON_TEST_HELLO"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// connect starts the server as a process and opens a session with it.
func connect(t *testing.T) mcp.ServerStub {
	session := rpc.NewSession(rpc.Config{})
	child := stdio.Command(os.Args[0])
	child.Env = []string{asServer + "=1"}
	conn, err := child.Connect(t.Context(), session)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return open(t, session)
}

// open opens a session.
func open(t *testing.T, session *rpc.Session) mcp.ServerStub {
	server := mcp.ServerStub{Caller: session}
	result, err := server.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: mcp.Latest.Name, ClientInfo: mcp.Implementation{Name: "test", Version: "1"}})
	require.NoError(t, err)
	require.Equal(t, "hello", result.ServerInfo.Name)
	require.True(t, result.Capabilities.Declares("tools"))
	require.NoError(t, server.Initialized(t.Context(), nil))
	return server
}

func TestGreetOverStdio(t *testing.T) {
	server := connect(t)
	list, err := server.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tools, 1)
	require.Equal(t, "greet", list.Tools[0].Name)

	result, err := server.CallTool(t.Context(), &mcp.CallToolParams{Name: "greet", Arguments: wire.MustRaw(`{"name":"Ada"}`)})
	require.NoError(t, err)
	require.False(t, result.IsError)
	require.Equal(t, []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}, result.Content)
}

func TestWhatIsWrongIsAnswered(t *testing.T) {
	server := connect(t)
	const bad = "The arguments of greet are not valid; correct them and call it again.\n"
	for arguments, want := range map[string]string{
		`{"name":5}`:            bad + "/name: expected a string, found a number",
		`{"nam":"Ada"}`:         bad + "/nam: unknown; did you mean \"name\"?; allowed: name\n/name: required but missing; expected a string (the person to greet)",
		`{"name":"a","x":1}`:    bad + "/x: unknown; allowed: name",
		`{}`:                    bad + "/name: required but missing; expected a string (the person to greet)",
		`{"name":"\ud800"}`:     "hello, \ufffd",
		`{"name":"Ada \u0026"}`: "hello, Ada &",
	} {
		result, err := server.CallTool(t.Context(), &mcp.CallToolParams{Name: "greet", Arguments: wire.MustRaw(arguments)})
		require.NoError(t, err, arguments)
		require.Equal(t, []mcp.ContentBlock{&mcp.TextContent{Text: want}}, result.Content, arguments)
	}
	absent, err := server.CallTool(t.Context(), &mcp.CallToolParams{Name: "greet"})
	require.NoError(t, err)
	require.True(t, absent.IsError)
	require.Equal(t, []mcp.ContentBlock{&mcp.TextContent{Text: bad + "/name: required but missing; expected a string (the person to greet)"}}, absent.Content)

	_, err = server.CallTool(t.Context(), &mcp.CallToolParams{Name: "insult"})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
	require.ErrorContains(t, err, `unknown tool "insult": expected one of greet`)
	_, err = server.ListPrompts(t.Context(), nil)
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
}

// TestGreetOverHTTP starts the server as a process with -http and asks it as any HTTP client would.
func TestGreetOverHTTP(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asServer+"=1")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	defer func() { require.NoError(t, cmd.Process.Kill()) }()
	lines := bufio.NewScanner(stderr)
	require.True(t, lines.Scan())
	url, ok := strings.CutPrefix(lines.Text(), "hello: serving ")
	require.True(t, ok, lines.Text())

	session := rpc.NewSession(rpc.Config{})
	conn, err := streamhttp.Connect(url).Connect(t.Context(), session)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	server := open(t, session)
	result, err := server.CallTool(t.Context(), &mcp.CallToolParams{Name: "greet", Arguments: wire.MustRaw(`{"name":"Ada"}`)})
	require.NoError(t, err)
	require.Equal(t, []mcp.ContentBlock{&mcp.TextContent{Text: "hello, Ada"}}, result.Content)
}

// TestALineThatIsNoMessage: the server says so without an id, and takes the next line.
func TestALineThatIsNoMessage(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"=1")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for _, x := range []struct{ say, hear string }{
		{"{\"jsonrpc\":\"2.0\",", `{"jsonrpc":"2.0","error":{"code":-32700,`},
		{"\r\n" + `{"jsonrpc":"2.0","id":"a","METHOD":"ping","method":"nope"}`, `{"jsonrpc":"2.0","id":"a","error":{"code":-32601,`},
		{`{"jsonrpc":"2.0","id":"b","method":"ping"}`, `{"jsonrpc":"2.0","id":"b","result":{}}`},
	} {
		_, err := io.WriteString(in, x.say+"\n")
		require.NoError(t, err)
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), x.hear)
	}
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}
