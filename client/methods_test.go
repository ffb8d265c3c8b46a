package client_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestEveryMethodAsATypedCall(t *testing.T) {
	f := &fake{capabilities: everything(), tools: []mcp.Tool{{Name: "a", InputSchema: object}}}
	c := dial(t, f)
	ctx := t.Context()

	require.NoError(t, c.Ping(ctx))
	result, err := c.CallTool(ctx, &mcp.CallToolParams{Name: "a"})
	require.NoError(t, err)
	require.Equal(t, "called a", client.TextOf(result.Content))
	tools, err := c.ListTools(ctx, "")
	require.NoError(t, err)
	require.Len(t, tools.Tools, 1)
	resources, err := c.ListResources(ctx, "")
	require.NoError(t, err)
	require.Len(t, resources.Resources, 5)
	templates, err := c.ListResourceTemplates(ctx, "")
	require.NoError(t, err)
	require.Len(t, templates.ResourceTemplates, 5)
	prompts, err := c.ListPrompts(ctx, "")
	require.NoError(t, err)
	require.Len(t, prompts.Prompts, 5)
	content, err := c.ReadResource(ctx, "test:///1")
	require.NoError(t, err)
	require.Equal(t, []mcp.ResourceContents{&mcp.TextResourceContents{URI: "test:///1", Text: "content"}}, content.Contents)
	require.NoError(t, c.Subscribe(ctx, "test:///1"))
	require.Equal(t, []string{"test:///1"}, c.Subscriptions())
	require.NoError(t, c.Unsubscribe(ctx, "test:///1"))
	require.Empty(t, c.Subscriptions())
	prompt, err := c.GetPrompt(ctx, "hello", map[string]string{"who": "Ada"})
	require.NoError(t, err)
	require.Equal(t, &mcp.TextContent{Text: "hello Ada"}, prompt.Messages[0].Content)
	values, err := c.CompletePrompt(ctx, "hello", "who", "A", map[string]string{"lang": "en"})
	require.NoError(t, err)
	require.Equal(t, []string{"prompt hello", "who", "A", "map[lang:en]"}, values.Values)
	values, err = c.CompleteResource(ctx, "test:///{x}", "x", "", nil)
	require.NoError(t, err)
	require.Equal(t, []string{"template test:///{x}", "x", "", ""}, values.Values)
	require.NoError(t, c.SetLevel(ctx, mcp.LoggingLevelWarning))

	for _, m := range mcp.Latest.Methods {
		if m.FromClient && !m.Notification && m.Name[:4] != "task" {
			require.NotZero(t, f.count(m.Name), m.Name)
		}
	}
}

func TestEveryMethodAsARawCall(t *testing.T) {
	params := map[string]string{
		mcp.MethodComplete:     `{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"b"},"x":1}`,
		mcp.MethodSetLevel:     `{"level":"info","x":1}`,
		mcp.MethodGetPrompt:    `{"name":"p","x":1}`,
		mcp.MethodReadResource: `{"uri":"test:///1","x":1}`,
		mcp.MethodSubscribe:    `{"uri":"test:///1","x":1}`,
		mcp.MethodUnsubscribe:  `{"uri":"test:///1","x":1}`,
		mcp.MethodCallTool:     `{"name":"a","arguments":{"n":1.0},"x":1}`,
	}
	f := &fake{capabilities: everything()}
	c := dial(t, f)
	for _, m := range mcp.Latest.Methods {
		if !m.FromClient || m.Notification || m.Name == mcp.MethodInitialize || m.Name[:4] == "task" {
			continue
		}
		text := params[m.Name]
		if text == "" {
			text = `{"x":1}`
		}
		var result wire.Raw
		require.NoError(t, c.Call(t.Context(), m.Name, wire.MustRaw(text), &result), m.Name)
		require.Equal(t, wire.KindObject, result.Kind(), m.Name)
		require.Equal(t, text, f.params(m.Name), "as it was given")
	}
	require.NoError(t, c.Notify(t.Context(), "notifications/custom", wire.MustRaw(`{"y":2}`)))
	require.Eventually(t, func() bool { return f.count("notifications/custom") == 1 }, waitFor, tick)
}

func TestTheStubHasAllParams(t *testing.T) {
	caps := everything()
	caps.Tasks = &mcp.ServerCapabilitiesTasks{List: object, Cancel: object}
	c := dial(t, &fake{capabilities: caps})
	_, err := c.Stub().GetTask(t.Context(), &mcp.TaskIDParams{TaskID: "1"})
	require.Equal(t, rpc.CodeMethodNotFound, rpc.CodeOf(err), "it was sent; the server has no tasks")
}

func TestTheHandshakeIsDialsAlone(t *testing.T) {
	f := &fake{}
	c := dial(t, f)
	require.EqualError(t, c.Call(t.Context(), mcp.MethodInitialize, nil, nil), "client: initialize was not sent: Dial sends it (code -32600)")
	require.EqualError(t, c.Notify(t.Context(), mcp.MethodInitialized, nil), "client: notifications/initialized was not sent: Dial sends it (code -32600)")
	require.Equal(t, 1, f.count(mcp.MethodInitialize))
}

func TestMetaOfACall(t *testing.T) {
	f := &fake{capabilities: everything()}
	c := dial(t, f)
	_, err := c.ReadResource(t.Context(), "test:///1", client.Meta("example.com/trace", "abc"), client.Meta("example.com/n", wire.MustRaw(`1.0`)))
	require.NoError(t, err)
	require.Equal(t, `{"uri":"test:///1","_meta":{"example.com/trace":"abc","example.com/n":1.0}}`, f.params(mcp.MethodReadResource))
	require.NoError(t, c.Ping(t.Context(), client.Meta("a", 1)))
	require.Equal(t, `{"_meta":{"a":1}}`, f.params(mcp.MethodPing))
	_, err = client.CallTool[string](t.Context(), c, "a", nil, client.Meta("a", true))
	require.NoError(t, err)
	require.Equal(t, `{"name":"a","_meta":{"a":true}}`, f.params(mcp.MethodCallTool))
	require.ErrorContains(t, c.Ping(t.Context(), client.Meta("a", make(chan int))), `client: Meta "a"`)
}

// TestUndeclaredByTheServerIsNotSent: for each method that needs a capability there is an error that names it, and
// nothing is sent.
func TestUndeclaredByTheServerIsNotSent(t *testing.T) {
	f := &fake{}
	c := dial(t, f, client.WithRoots())
	before := f.received()
	ctx := t.Context()
	for _, m := range mcp.Latest.Methods {
		if !m.FromClient || m.Capability == "" || m.SenderDeclares {
			continue
		}
		var missing *client.CapabilityError
		require.ErrorAs(t, c.Call(ctx, m.Name, object, nil), &missing, m.Name)
		require.Equal(t, m.Capability, missing.Capability)
	}
	require.EqualError(t, c.Subscribe(ctx, "test:///1"), `resources/subscribe was not sent: the server does not declare the capability "resources.subscribe"`)
	_, err := client.CallTool[string](ctx, c, "a", nil)
	require.EqualError(t, err, `tools/call was not sent: the server does not declare the capability "tools"`)
	_, err = listError(c.Prompts(ctx))
	require.EqualError(t, err, `prompts/list was not sent: the server does not declare the capability "prompts"`)
	require.NoError(t, c.Ping(ctx))
	require.Equal(t, append(before, mcp.MethodPing), f.received())
}

func TestTasksNeedTheirCapability(t *testing.T) {
	f := &fake{capabilities: everything()}
	c := dial(t, f)
	_, err := c.CallTool(t.Context(), &mcp.CallToolParams{Name: "a", Task: &mcp.TaskMetadata{}})
	require.EqualError(t, err, `tools/call as a task was not sent: the server does not declare the capability "tasks.requests.tools.call"`)
	require.Empty(t, f.received())
}

func TestCompletionsOfServersThatCouldNotDeclareThem(t *testing.T) {
	c := dial(t, &fake{version: "2024-11-05"})
	_, err := c.CompletePrompt(t.Context(), "p", "a", "", nil)
	require.NoError(t, err)

	c = dial(t, &fake{version: "2025-03-26"})
	_, err = c.CompletePrompt(t.Context(), "p", "a", "", nil)
	require.ErrorContains(t, err, `the server does not declare the capability "completions"`)
}

func TestUndeclaredByUsIsNotSent(t *testing.T) {
	f := &fake{}
	c := dial(t, f)
	require.EqualError(t, c.RootsChanged(t.Context()), `notifications/roots/list_changed was not sent: this client does not declare the capability "roots.listChanged"`)
	require.ErrorContains(t, c.SetRoots(t.Context()), `this client does not declare the capability "roots.listChanged"`)
	require.Empty(t, f.received())
}

// TestUndeclaredByUsIsNotFound: what the client did not declare is answered with -32601.
func TestUndeclaredByUsIsNotFound(t *testing.T) {
	f := &fake{}
	dial(t, f, client.OnElicitationComplete(func(context.Context, string) { t.Error("not declared") }))
	server := f.client()
	for _, m := range mcp.Latest.Methods {
		if !m.FromServer || m.Notification || m.Capability == "" {
			continue
		}
		err := server.Caller.Call(t.Context(), m.Name, object, nil)
		require.Equal(t, rpc.CodeMethodNotFound, rpc.CodeOf(err), "%s: %v", m.Name, err)
	}
	require.NoError(t, server.ElicitationComplete(t.Context(), &mcp.ElicitationCompleteParams{ElicitationID: "1"}))
	_, err := server.Ping(t.Context(), nil)
	require.NoError(t, err)
}

// TestCapabilitiesAreThoseOfTheHandlers: each handler declares its own, and nothing else.
func TestCapabilitiesAreThoseOfTheHandlers(t *testing.T) {
	sample := func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) { return nil, nil }
	form := func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return nil, nil }
	url := func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) { return "", nil }
	for _, x := range []struct {
		opts []client.Option
		want string
	}{
		{nil, `{}`},
		{[]client.Option{client.OnSample(sample)}, `{"sampling":{}}`},
		{[]client.Option{client.OnSample(sample, client.SampleTools, client.SampleContext)}, `{"sampling":{"context":{},"tools":{}}}`},
		{[]client.Option{client.OnElicit(form)}, `{"elicitation":{"form":{}}}`},
		{[]client.Option{client.OnElicitURL(url)}, `{"elicitation":{"url":{}}}`},
		{[]client.Option{client.OnElicit(form), client.OnElicitURL(url)}, `{"elicitation":{"form":{},"url":{}}}`},
		{[]client.Option{client.WithRoots()}, `{"roots":{"listChanged":true}}`},
		{[]client.Option{client.OnLog(func(context.Context, *mcp.LoggingMessageParams) {})}, `{}`},
		{[]client.Option{client.WithExperimental("example.com/x", nil)}, `{"experimental":{"example.com/x":{}}}`},
		{[]client.Option{client.WithCapabilities(func(c *mcp.ClientCapabilities) { c.Unknown.Set("x", wire.MustRaw(`1`)) })}, `{"x":1}`},
	} {
		c := dial(t, &fake{}, x.opts...)
		require.JSONEq(t, x.want, string(c.Capabilities().AppendJSON(nil)))
	}
	_, err := client.Dial(t.Context(), me(), nil, client.OnSample(sample, "smell"), client.WithExperimental("x", 1))
	require.EqualError(t, err, "client: OnSample: unknown feature \"smell\"\n"+
		`client: WithExperimental "x": expected a value that makes a JSON object, found int, which makes a JSON number`)
}

func TestStrictChecksWhatArrives(t *testing.T) {
	f := &fake{capabilities: everything(), custom: map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		mcp.MethodGetPrompt: func(context.Context, *rpc.Message) (wire.Appender, error) {
			return wire.MustRaw(`{"messages":[{"role":"robot","content":{"type":"text","text":""}}]}`), nil
		},
	}}
	_, err := dial(t, f).GetPrompt(t.Context(), "p", nil)
	require.NoError(t, err)
	_, err = dial(t, f, client.WithStrict()).GetPrompt(t.Context(), "p", nil)
	require.ErrorContains(t, err, "unusable result of prompts/get: at /result/messages/0/role")
}

func TestLimitsAreTheSessions(t *testing.T) {
	f := &fake{capabilities: everything()}
	c := dial(t, f, client.WithLimits(rpc.Limits{Depth: 4}))
	var result wire.Raw
	f.mu.Lock()
	f.custom = map[string]func(context.Context, *rpc.Message) (wire.Appender, error){
		"deep": func(context.Context, *rpc.Message) (wire.Appender, error) {
			return wire.MustRaw(`{"a":{"b":{"c":{}}}}`), nil
		},
	}
	f.mu.Unlock()
	require.ErrorContains(t, c.Call(t.Context(), "deep", nil, &result), "nest")
}
