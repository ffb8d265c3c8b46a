package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/transporttest/every"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func say(role mcp.Role, content ...mcp.SamplingMessageContentBlock) mcp.SamplingMessage {
	return mcp.SamplingMessage{Role: role, Content: content}
}

func TestSampling(t *testing.T) {
	f := &fake{}
	var got *mcp.CreateMessageParams
	c := dial(t, f, client.OnSample(func(ctx context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		require.NotNil(t, client.From(ctx))
		got = p
		if p.SystemPrompt == "refuse" {
			return nil, client.ErrRejected
		}
		if p.SystemPrompt == "nothing" {
			return nil, nil
		}
		return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "Paris"}}}, nil
	}))
	ask := func(p mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		p.MaxTokens = 10
		if p.Messages == nil {
			p.Messages = []mcp.SamplingMessage{say(mcp.RoleUser, &mcp.TextContent{Text: "capital of France?"})}
		}
		return f.client().CreateMessage(t.Context(), &p)
	}
	result, err := ask(mcp.CreateMessageParams{IncludeContext: mcp.IncludeContextAllServers})
	require.NoError(t, err)
	require.Equal(t, []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "Paris"}}, result.Content)
	require.Empty(t, got.IncludeContext, "not declared, so not asked for")

	_, err = ask(mcp.CreateMessageParams{SystemPrompt: "refuse"})
	require.Equal(t, client.CodeRejected, rpc.CodeOf(err))
	_, err = ask(mcp.CreateMessageParams{SystemPrompt: "nothing"})
	require.EqualError(t, err, "the client's sampling handler returned nothing (code -32603)")
	_, err = ask(mcp.CreateMessageParams{ToolChoice: &mcp.ToolChoice{}})
	require.EqualError(t, err, `tools and toolChoice need the capability "sampling.tools", which this client does not declare (code -32602)`)
	_, err = ask(mcp.CreateMessageParams{Tools: tools(1)})
	require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
	require.NotNil(t, c)
}

func TestSamplingWithTools(t *testing.T) {
	f := &fake{}
	dial(t, f, client.OnSample(func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{
			&mcp.ToolUseContent{ID: "1", Name: "a", Input: object}, &mcp.ToolUseContent{ID: "2", Name: "a", Input: object},
		}}, nil
	}, client.SampleTools))
	use := func(id string) *mcp.ToolUseContent { return &mcp.ToolUseContent{ID: id, Name: "a", Input: object} }
	answer := func(id string) *mcp.ToolResultContent { return &mcp.ToolResultContent{ToolUseID: id} }
	for _, x := range []struct {
		messages []mcp.SamplingMessage
		want     string
	}{
		{[]mcp.SamplingMessage{say(mcp.RoleAssistant, use("1"), use("2")), say(mcp.RoleUser, answer("2"), answer("1"))}, ""},
		{[]mcp.SamplingMessage{say(mcp.RoleAssistant, use("1")), say(mcp.RoleUser, &mcp.TextContent{Text: "x"})}, `message 1 lacks the result of the tool use "1" (code -32602)`},
		{[]mcp.SamplingMessage{say(mcp.RoleAssistant, use("1"))}, `the result of the tool use "1" is missing at the end (code -32602)`},
		{[]mcp.SamplingMessage{say(mcp.RoleAssistant, use("1")), say(mcp.RoleUser, answer("1"), &mcp.TextContent{Text: "x"})}, `message 1 has tool results, which must stand alone in a message of the user's (code -32602)`},
		{[]mcp.SamplingMessage{say(mcp.RoleUser, answer("1"))}, `message 0 has the result of the tool use "1", which is not in the message before (code -32602)`},
	} {
		result, err := f.client().CreateMessage(t.Context(), &mcp.CreateMessageParams{MaxTokens: 1, Messages: x.messages, Tools: tools(1)})
		if x.want == "" {
			require.NoError(t, err)
			require.Len(t, result.Content, 2)
			continue
		}
		require.EqualError(t, err, x.want)
	}
}

func TestRootsWithChangeNotification(t *testing.T) {
	one, err := client.RootDir(t.TempDir())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(one.URI, "file:///"), one.URI)
	f := &fake{}
	c := dial(t, f, client.WithRoots(one))
	got, err := f.client().ListRoots(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []mcp.Root{one}, got.Roots)

	two := mcp.Root{URI: "file:///srv/data", Name: "data"}
	require.NoError(t, c.SetRoots(t.Context(), one, two))
	require.Eventually(t, func() bool { return f.count(mcp.MethodRootsListChanged) == 1 }, waitFor, tick)
	got, err = f.client().ListRoots(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []mcp.Root{one, two}, got.Roots)
	require.Equal(t, got.Roots, c.Roots())

	require.EqualError(t, c.SetRoots(t.Context(), mcp.Root{URI: "https://example.com"}), `client: SetRoots: root "https://example.com": expected a URI that starts with file://`)
	_, err = client.Dial(t.Context(), me(), nil, client.WithRoots(mcp.Root{URI: "/srv"}))
	require.EqualError(t, err, `client: WithRoots: root "/srv": expected a URI that starts with file://`)
}

func TestRootsFromAFunction(t *testing.T) {
	f := &fake{}
	answer := []mcp.Root{{URI: "file:///a"}}
	var fails error
	c := dial(t, f, client.OnListRoots(func(context.Context) ([]mcp.Root, error) { return answer, fails }))
	got, err := f.client().ListRoots(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, answer, got.Roots)
	require.NoError(t, c.RootsChanged(t.Context()))
	require.Eventually(t, func() bool { return f.count(mcp.MethodRootsListChanged) == 1 }, waitFor, tick)

	answer = []mcp.Root{{URI: "http://a"}}
	_, err = f.client().ListRoots(t.Context(), nil)
	require.ErrorContains(t, err, "expected a URI that starts with file://")
	fails = errors.New("disk gone")
	_, err = f.client().ListRoots(t.Context(), nil)
	require.EqualError(t, err, "disk gone (code -32603)")
}

func TestRootDirIsAFileURI(t *testing.T) {
	abs, err := filepath.Abs("testdata dir")
	require.NoError(t, err)
	r, err := client.RootDir("testdata dir")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(r.URI, "file:///"))
	require.True(t, strings.HasSuffix(r.URI, "/client/testdata%20dir"), r.URI)
	require.Equal(t, filepath.Base(abs), r.Name)
}

func TestLogging(t *testing.T) {
	var got []string
	seen := make(chan struct{}, 8)
	var buf bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	f := &fake{capabilities: everything()}
	dial(t, f, client.WithLogLevel(mcp.LoggingLevelNotice), client.LogTo(logger),
		client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) {
			got = append(got, string(p.Level)+" "+p.Data.String())
			seen <- struct{}{}
		}))
	require.Equal(t, `{"level":"notice"}`, f.params(mcp.MethodSetLevel))
	for _, p := range []mcp.LoggingMessageParams{
		{Level: mcp.LoggingLevelError, Data: wire.MustRaw(`"it broke"`), Logger: "db"},
		{Level: mcp.LoggingLevelNotice, Data: wire.MustRaw(`{"n":1}`)},
		{Level: mcp.LoggingLevelDebug, Data: wire.MustRaw(`null`)},
		{Level: mcp.LoggingLevelEmergency, Data: wire.MustRaw(`1`)},
	} {
		require.NoError(t, f.client().LoggingMessage(t.Context(), &p))
		<-seen
	}
	require.Equal(t, []string{`error "it broke"`, `notice {"n":1}`, `debug null`, `emergency 1`}, got)
	require.Equal(t, "level=ERROR msg=\"it broke\" server=fake logger=db\n"+
		"level=INFO+2 msg=\"message of the server\" server=fake data=\"{\\\"n\\\":1}\"\n"+
		"level=ERROR+12 msg=\"message of the server\" server=fake data=1\n", buf.String())

	quiet := &fake{}
	dial(t, quiet, client.WithLogLevel(mcp.LoggingLevelNotice))
	require.Zero(t, quiet.count(mcp.MethodSetLevel), "the server has no logging")
	_, err := client.Dial(t.Context(), me(), nil, client.WithLogLevel("loud"))
	require.ErrorContains(t, err, "client: WithLogLevel: ")
}

func TestEveryLevelHasAnSlogLevel(t *testing.T) {
	last := slog.Level(-100)
	for _, l := range []mcp.LoggingLevel{mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
		mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency} {
		require.Greater(t, client.LevelOf(l), last)
		last = client.LevelOf(l)
	}
	require.Equal(t, slog.LevelInfo, client.LevelOf("whisper"))
}

type question struct {
	A int `json:"a"`
}

type reply struct {
	B []int `json:"b"`
}

func TestCustomMethodsInBothDirections(t *testing.T) {
	noted := make(chan int, 1)
	f := &fake{custom: map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		"example/double": func(_ context.Context, m *rpc.Message) (wire.Appender, error) {
			var q question
			if err := m.Raw().Unmarshal(&q); err != nil {
				return nil, err
			}
			return wire.Marshal(reply{B: []int{q.A, q.A}})
		},
	}}
	c := dial(t, f,
		client.HandleRequest("example/ask", func(ctx context.Context, q question) (reply, error) {
			require.NotNil(t, client.From(ctx))
			if q.A < 0 {
				return reply{}, rpc.Errorf(-5, "too small")
			}
			return reply{B: make([]int, q.A)}, nil
		}),
		client.HandleRequest("example/raw", func(_ context.Context, in wire.Raw) (wire.Raw, error) { return in, nil }),
		client.HandleRequest("example/bad", func(context.Context, wire.Raw) (int, error) { return 1, nil }),
		client.HandleNotification("notifications/example", func(_ context.Context, q question) error {
			noted <- q.A
			return nil
		}))

	out, err := client.Request[reply](t.Context(), c, "example/double", question{A: 3})
	require.NoError(t, err)
	require.Equal(t, reply{B: []int{3, 3}}, out)
	raw, err := client.Request[wire.Raw](t.Context(), c, "example/double", wire.MustRaw(`{"a":1,"_meta":{"x":1}}`), client.Meta("y", 2))
	require.NoError(t, err)
	require.Equal(t, `{"b":[1,1]}`, raw.String())
	f.mu.Lock()
	require.Contains(t, f.texts, `{"a":1,"_meta":{"x":1,"y":2}}`)
	f.mu.Unlock()
	_, err = client.Request[struct{ B string }](t.Context(), c, "example/nope", nil)
	require.Equal(t, rpc.CodeMethodNotFound, rpc.CodeOf(err))
	_, err = client.Request[struct {
		B string `json:"b"`
	}](t.Context(), c, "example/double", nil)
	require.EqualError(t, err, "expected a JSON value, found none (code -32603)", "the fake got no params")
	_, err = client.Request[reply](t.Context(), c, "example/double", 5)
	require.ErrorContains(t, err, "client: params of example/double: expected a value that makes a JSON object")
	require.NoError(t, client.Notify(t.Context(), c, "notifications/mine", question{A: 1}))
	require.Eventually(t, func() bool { return f.params("notifications/mine") == `{"a":1}` }, waitFor, tick)

	server := f.client().Caller
	var result wire.Raw
	require.NoError(t, server.Call(t.Context(), "example/ask", wire.MustRaw(`{"a":2}`), &result))
	require.Equal(t, `{"b":[0,0]}`, result.String())
	require.NoError(t, server.Call(t.Context(), "example/ask", nil, &result))
	require.Equal(t, `{"b":[]}`, result.String())
	require.EqualError(t, server.Call(t.Context(), "example/ask", wire.MustRaw(`{"a":-1}`), nil), "too small (code -5)")
	err = server.Call(t.Context(), "example/ask", wire.MustRaw(`{"a":"x"}`), nil)
	require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err))
	require.NoError(t, server.Call(t.Context(), "example/raw", wire.MustRaw(`{"a":1.0}`), &result))
	require.Equal(t, `{"a":1.0}`, result.String())
	require.ErrorContains(t, server.Call(t.Context(), "example/bad", nil, nil), "the result of example/bad cannot be sent")
	require.NoError(t, server.Notify(t.Context(), "notifications/example", wire.MustRaw(`{"a":7}`)))
	require.Equal(t, 7, <-noted)

	_, err = client.Dial(t.Context(), me(), nil, client.HandleRequest(mcp.MethodCreateMessage, func(context.Context, wire.Raw) (wire.Raw, error) { return object, nil }))
	require.EqualError(t, err, `client: "sampling/createMessage" is a method of the protocol: there is an option of its own for it, or none`)
}

// TestHandlersMayCallTheServer: while its own call is under way, the server is called back from what it asked.
func TestHandlersMayCallTheServer(t *testing.T) {
	f := &fake{capabilities: everything()}
	f.call = func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		if p.Name == "inner" {
			return text("inner"), nil
		}
		r, err := mcp.ClientStub{Caller: rpc.SessionFrom(ctx)}.CreateMessage(ctx, &mcp.CreateMessageParams{MaxTokens: 1, Messages: []mcp.SamplingMessage{say(mcp.RoleUser, &mcp.TextContent{})}})
		if err != nil {
			return nil, err
		}
		return text("outer got " + r.Model), nil
	}
	c := dial(t, f, client.OnSample(func(ctx context.Context, _ *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
		s, err := client.CallTool[string](ctx, client.From(ctx), "inner", nil)
		return &mcp.CreateMessageResult{Model: s, Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{}}}, err
	}))
	got, err := client.CallTool[string](t.Context(), c, "outer", nil)
	require.NoError(t, err)
	require.Equal(t, "outer got inner", got)
	require.Nil(t, client.From(t.Context()))
}

// TestSamplingForOlderServers: what a server of an earlier version cannot read becomes one text.
func TestSamplingForOlderServers(t *testing.T) {
	audio := &mcp.AudioContent{MIMEType: "audio/wav", Data: "AAAA"}
	image := &mcp.ImageContent{MIMEType: "image/png", Data: "AAAA"}
	for _, x := range []struct {
		version string
		content []mcp.SamplingMessageContentBlock
		want    string // "" if it stays as it is
	}{
		{"2025-11-25", []mcp.SamplingMessageContentBlock{audio, image}, ""},
		{"2025-06-18", []mcp.SamplingMessageContentBlock{audio}, ""},
		{"2024-11-05", []mcp.SamplingMessageContentBlock{audio}, "[audio, audio/wav]"},
		{"2024-11-05", []mcp.SamplingMessageContentBlock{image}, ""},
		{"2025-06-18", []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: "a"}, image, &mcp.ToolUseContent{ID: "1", Name: "t", Input: object}}, "a\n[image, image/png]\n[use of the tool t]"},
		{"2025-06-18", []mcp.SamplingMessageContentBlock{&mcp.ToolResultContent{ToolUseID: "1"}}, "[content that this version of the protocol does not have]"},
	} {
		f := &fake{version: x.version}
		dial(t, f, client.OnSample(func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: x.content}, nil
		}))
		got, err := f.client().CreateMessage(t.Context(), &mcp.CreateMessageParams{MaxTokens: 1, Messages: []mcp.SamplingMessage{say(mcp.RoleUser, &mcp.TextContent{})}})
		require.NoError(t, err)
		want := x.content
		if x.want != "" {
			want = []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: x.want}}
		}
		require.Equal(t, want, got.Content)
	}
}

// TestHandlersMayRunBeforeDialReturns: a server may log before it has answered initialize.
func TestHandlersMayRunBeforeDialReturns(t *testing.T) {
	every.Not(t, "what is sent while initialize runs comes with its answer", "streamhttp")
	logged := make(chan string, 1)
	f := &fake{capabilities: everything()}
	f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodInitialize: func(ctx context.Context, _ *rpc.Message) (wire.Appender, error) {
			err := mcp.ClientStub{Caller: rpc.SessionFrom(ctx)}.LoggingMessage(ctx, &mcp.LoggingMessageParams{Level: mcp.LoggingLevelInfo, Data: object})
			if err != nil {
				return nil, err
			}
			<-logged
			return f.Initialize(ctx, &mcp.InitializeParams{ProtocolVersion: "2025-11-25"})
		},
	}
	c := dial(t, f, client.OnLog(func(ctx context.Context, _ *mcp.LoggingMessageParams) {
		logged <- client.From(ctx).ServerInfo().Name
	}))
	require.Equal(t, "fake", c.ServerInfo().Name)
}
