package client_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What docs/security.md says of attempts on a client. Each test fails if the defence that its row names is taken away.

func TestIconsThatAreRefused(t *testing.T) {
	png := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n"))
	good := []mcp.Icon{{Src: "https://example.com/i.png"}, {Src: "https://example.com/i", MIMEType: "image/PNG"}, {Src: png}, {Src: strings.Replace(png, "image/png", "IMAGE/PNG", 1)}}
	bad := []mcp.Icon{
		{Src: "javascript:alert(1)"}, {Src: "JavaScript:alert(1)"}, {Src: " javascript:alert(1)"}, {Src: "java\nscript:alert(1)"}, {Src: "vbscript:x"},
		{Src: "file:///etc/passwd"}, {Src: "FILE:///etc/passwd"}, {Src: "ftp://example.com/i.png"}, {Src: "ws://example.com/"}, {Src: "slack://open"}, {Src: "blob:https://example.com/x"},
		{Src: "http://example.com/i.png"}, {Src: "https:///i.png"}, {Src: "https:i.png"}, {Src: "//example.com/i.png"}, {Src: ""}, {Src: "i.png"}, {Src: "https://user:pass@example.com/i.png"},
		{Src: `https:\\example.com\i.png`}, {Src: "https://example.com/\x00"},
		{Src: "data:text/html;base64,PHNjcmlwdD4="}, {Src: "data:image/svg+xml;base64,PHN2Zz4="}, {Src: "data:image/png,<script>"}, {Src: "data:image/png;base64,***"}, {Src: "data:;base64,AA=="},
		{Src: "data:text/html;image/png;base64,AA=="}, {Src: png, MIMEType: "text/html"}, {Src: "https://example.com/i", MIMEType: "image/svg+xml"},
		{Src: "data:image/png;base64," + strings.Repeat("A", 2<<20)},
	}
	require.Equal(t, good, client.SafeIcons(append(append([]mcp.Icon{}, bad...), good...)))
	for _, icon := range bad {
		require.Error(t, client.CheckIcon(icon), "%.40q", icon.Src)
	}
}

func TestLinksThatAreRefused(t *testing.T) {
	require.NoError(t, client.CheckLink("https://example.com/a?b#c"))
	require.NoError(t, client.CheckLink("http://localhost:8080/"))
	for _, uri := range []string{
		"javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\tscript:alert(1)", "\x01javascript:alert(1)", "file:///etc/passwd", "data:text/html,<script>alert(1)</script>",
		"vbscript:x", "ms-settings:", "http:", "http:///x", "//example.com", "", "https://good.example@evil.example/", `https://good.example\@evil.example/`, "https://exa mple.com/", "https://%zz/",
	} {
		require.Error(t, client.CheckLink(uri), "%q", uri)
	}
}

// TestAServerCannotHaveAProgramOpened: a URL that is none of the web's does not even reach who would show it.
func TestAServerCannotHaveAProgramOpened(t *testing.T) {
	f := &fake{}
	shown := 0
	c, err := client.Dial(t.Context(), client.Info("c", "1"), pipe.To(f.acceptor(), pipe.Limits{}), client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
		shown++
		return mcp.ElicitActionAccept, nil
	}))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	for _, url := range []string{"javascript:alert(1)", "file:///bin/sh", "data:text/html,x", "calculator:"} {
		_, err := f.client().Elicit(t.Context(), &mcp.ElicitURLParams{Message: "m", ElicitationID: "1", URL: url})
		require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err), url)
	}
	require.Zero(t, shown)
	_, err = f.client().Elicit(t.Context(), &mcp.ElicitURLParams{Message: "m", ElicitationID: "1", URL: "https://example.com/pay"})
	require.NoError(t, err)
	require.Equal(t, 1, shown)
}

// clientLog collects what is logged.
type clientLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *clientLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *clientLog) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

// TestPanicsInEveryCallback: whichever function of the program's panics, what it was for fails, the server learns no more
// than that, and the client goes on.
func TestPanicsInEveryCallback(t *testing.T) {
	notify := func(method, params string) func(*fake, *client.Client) error {
		return func(f *fake, _ *client.Client) error {
			require.NoError(t, f.client().Caller.Notify(t.Context(), method, wire.MustRaw(params)))
			return nil
		}
	}
	ask := func(method, params string) func(*fake, *client.Client) error {
		return func(f *fake, _ *client.Client) error {
			err := f.client().Caller.Call(t.Context(), method, wire.MustRaw(params), nil)
			require.Equal(t, rpc.CodeInternalError, rpc.CodeOf(err))
			return err
		}
	}
	armed := false
	for name, c := range map[string]struct {
		opt     client.Option
		provoke func(f *fake, c *client.Client) error
	}{
		"OnSample": {client.OnSample(func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) { panic("secret") }),
			ask(mcp.MethodCreateMessage, `{"messages":[],"maxTokens":1}`)},
		"OnElicit": {client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) { panic("secret") }),
			ask(mcp.MethodElicit, `{"message":"m","requestedSchema":{"type":"object","properties":{}}}`)},
		"OnElicitURL": {client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) { panic("secret") }),
			ask(mcp.MethodElicit, `{"mode":"url","message":"m","elicitationId":"1","url":"https://example.com/"}`)},
		"OnListRoots":        {client.OnListRoots(func(context.Context) ([]mcp.Root, error) { panic("secret") }), ask(mcp.MethodListRoots, `{}`)},
		"HandleRequest":      {client.HandleRequest("acme/x", func(context.Context, wire.Raw) (wire.Raw, error) { panic("secret") }), ask("acme/x", `{}`)},
		"HandleNotification": {client.HandleNotification("acme/n", func(context.Context, wire.Raw) error { panic("secret") }), notify("acme/n", `{}`)},
		"OnLog":              {client.OnLog(func(context.Context, *mcp.LoggingMessageParams) { panic("secret") }), notify(mcp.MethodLoggingMessage, `{"level":"info","data":1}`)},
		"OnToolsChanged":     {client.OnToolsChanged(func(context.Context) { panic("secret") }), notify(mcp.MethodToolListChanged, `{}`)},
		"OnPromptsChanged":   {client.OnPromptsChanged(func(context.Context) { panic("secret") }), notify(mcp.MethodPromptListChanged, `{}`)},
		"OnResourcesChanged": {client.OnResourcesChanged(func(context.Context) { panic("secret") }), notify(mcp.MethodResourceListChanged, `{}`)},
		"OnResourceUpdated":  {client.OnResourceUpdated(func(context.Context, *mcp.ResourceUpdatedParams) { panic("secret") }), notify(mcp.MethodResourceUpdated, `{"uri":"a:b"}`)},
		"incoming interceptor": {client.WithIncoming(func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if m.Method == mcp.MethodPing {
					panic("secret")
				}
				return next(ctx, m)
			}
		}), ask(mcp.MethodPing, `{}`)},
		"outgoing interceptor": {client.WithOutgoing(func(next rpc.Handler) rpc.Handler {
			return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
				if armed {
					panic("secret")
				}
				return next(ctx, m)
			}
		}), func(_ *fake, c *client.Client) error {
			armed = true
			err := c.Ping(t.Context())
			armed = false
			require.Error(t, err)
			return err
		}},
		"OnProgress": {client.WithoutReconnect(), func(_ *fake, c *client.Client) error {
			_, err := client.CallTool[string](t.Context(), c, "steps", struct{}{}, client.OnProgress(func(rpc.Progress) { panic("secret") }))
			require.NoError(t, err, "the result does not depend on who watches")
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{capabilities: everything(), call: func(ctx context.Context, p *mcp.CallToolParams) (*mcp.CallToolResult, error) {
				_ = rpc.SessionFrom(ctx).Notify(ctx, mcp.MethodProgress, &mcp.ProgressParams{ProgressToken: p.Meta.ProgressToken, Progress: 1})
				return &mcp.CallToolResult{Content: []mcp.ContentBlock{&mcp.TextContent{Text: "done"}}}, nil
			}}
			logs := new(clientLog)
			dialed, err := client.Dial(t.Context(), client.Info("c", "1"), pipe.To(f.acceptor(), pipe.Limits{}),
				client.WithLogger(slog.New(slog.NewTextHandler(logs, nil))), client.WithoutOutputValidation(), c.opt)
			require.NoError(t, err)
			defer func() { require.NoError(t, dialed.Close()) }()
			if err := c.provoke(f, dialed); err != nil {
				require.NotContains(t, err.Error(), "secret")
			}
			require.Eventually(t, func() bool { return logs.has("secret") && logs.has("attack_test.go") }, 10*time.Second, time.Millisecond, "the panic and its stack are in the log")
			if name != "incoming interceptor" {
				require.NoError(t, f.client().Caller.Call(t.Context(), mcp.MethodPing, nil, nil), "it answers")
			}
			require.NoError(t, dialed.Ping(t.Context()), "and asks")
		})
	}
}
