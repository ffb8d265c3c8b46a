package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

type tenonDialer struct{}

func (tenonDialer) command(t *testing.T, d *diary, version, program string, env []string) user {
	child := stdio.Command(program)
	child.Env = env
	return dialTenon(t, d, version, child)
}

func (tenonDialer) url(t *testing.T, d *diary, version, address string) user {
	return dialTenon(t, d, version, streamhttp.Connect(address))
}

func dialTenon(t *testing.T, d *diary, version string, transport rpc.Transport) user {
	if version == "" {
		version = mcp.Versions[0]
	}
	c, err := client.Dial(t.Context(), client.Info("tenon", "1.0.0"), transport, client.WithVersion(version),
		client.WithRoots(mcp.Root{URI: firstRoot}),
		client.OnSample(func(_ context.Context, p *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			r := &mcp.CreateMessageResult{Model: "shouter", Role: mcp.RoleAssistant, StopReason: "endTurn"}
			if len(p.Tools) > 0 {
				r.StopReason = "toolUse"
				r.Content = append(r.Content, &mcp.ToolUseContent{ID: "1", Name: p.Tools[0].Name, Input: wire.MustRaw(`{"a":1,"b":2}`)})
				return r, nil
			}
			text := p.Messages[len(p.Messages)-1].Content[0].(*mcp.TextContent).Text
			r.Content = append(r.Content, &mcp.TextContent{Text: strings.ToUpper(text)})
			return r, nil
		}, client.SampleTools),
		client.OnElicit(func(_ context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			action, entered := answerForm(p.Message)
			if action == "accept" {
				return client.Accept(entered)
			}
			return &mcp.ElicitResult{Action: mcp.ElicitAction(action)}, nil
		}),
		client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
			return mcp.ElicitActionAccept, nil
		}),
		client.OnElicitationComplete(func(_ context.Context, id string) { d.note("completed " + id) }),
		client.OnLog(func(_ context.Context, p *mcp.LoggingMessageParams) {
			var text string
			if err := p.Data.Unmarshal(&text); err != nil {
				text = p.Data.String()
			}
			d.note(fmt.Sprintf("log %s %s", p.Level, text))
		}),
		client.OnToolsChanged(func(context.Context) { d.note("tools changed") }),
		client.OnResourcesChanged(func(context.Context) { d.note("resources changed") }),
		client.OnPromptsChanged(func(context.Context) { d.note("prompts changed") }),
		client.OnResourceUpdated(func(_ context.Context, p *mcp.ResourceUpdatedParams) { d.note("updated " + p.URI) }),
	)
	require.NoError(t, err)
	return &tenonUser{Client: c, diary: d}
}

type tenonUser struct {
	*client.Client
	diary *diary
}

func (u *tenonUser) Server() string                 { return u.ServerInfo().Name }
func (u *tenonUser) Ping(ctx context.Context) error { return u.Client.Ping(ctx) }

func (u *tenonUser) Tools(ctx context.Context) (names []string, err error) {
	for tool, err := range u.Client.Tools(ctx) {
		if err != nil {
			return nil, err
		}
		names = append(names, tool.Name)
	}
	return names, nil
}

func (u *tenonUser) Call(ctx context.Context, tool string, arguments map[string]any, progress bool) (reply, error) {
	var options []client.CallOption
	if progress {
		options = append(options, client.OnProgress(func(p rpc.Progress) {
			var total float64
			if p.Total != nil {
				total = *p.Total
			}
			u.diary.note(fmt.Sprintf("progress %v/%v %s", p.Progress, total, p.Message))
		}))
	}
	result, err := client.CallTool[*mcp.CallToolResult](ctx, u.Client, tool, arguments, options...)
	var failed *client.ToolError
	if errors.As(err, &failed) {
		result, err = failed.Result, nil
	}
	if err != nil {
		return reply{}, err
	}
	r := reply{IsError: result.IsError, Structured: result.StructuredContent.String()}
	for i, block := range result.Content {
		kind := "?"
		switch b := block.(type) {
		case *mcp.TextContent:
			kind = "text"
			if i == 0 {
				r.Text = b.Text
			}
		case *mcp.ImageContent:
			kind = "image"
		case *mcp.AudioContent:
			kind = "audio"
		case *mcp.ResourceLink:
			kind = "resource_link"
		case *mcp.EmbeddedResource:
			kind = "resource"
		}
		r.Kinds = append(r.Kinds, kind)
	}
	return r, nil
}

func (u *tenonUser) Resources(ctx context.Context) (uris []string, err error) {
	for r, err := range u.Client.Resources(ctx) {
		if err != nil {
			return nil, err
		}
		uris = append(uris, r.URI)
	}
	return uris, nil
}

func (u *tenonUser) Templates(ctx context.Context) (templates []string, err error) {
	for r, err := range u.ResourceTemplates(ctx) {
		if err != nil {
			return nil, err
		}
		templates = append(templates, r.URITemplate)
	}
	return templates, nil
}

func (u *tenonUser) Read(ctx context.Context, uri string) (contents, error) {
	result, err := u.ReadResource(ctx, uri)
	if err != nil {
		return contents{}, err
	}
	switch c := result.Contents[0].(type) {
	case *mcp.TextResourceContents:
		return contents{URI: c.URI, MIME: c.MIMEType, Text: c.Text}, nil
	case *mcp.BlobResourceContents:
		b, err := c.Blob.Bytes()
		return contents{URI: c.URI, MIME: c.MIMEType, Blob: b}, err
	}
	return contents{}, errors.New("neither text nor blob")
}

func (u *tenonUser) Subscribe(ctx context.Context, uri string) error {
	return u.Client.Subscribe(ctx, uri)
}

func (u *tenonUser) Unsubscribe(ctx context.Context, uri string) error {
	return u.Client.Unsubscribe(ctx, uri)
}

func (u *tenonUser) Prompts(ctx context.Context) (names []string, err error) {
	for p, err := range u.Client.Prompts(ctx) {
		if err != nil {
			return nil, err
		}
		names = append(names, p.Name)
	}
	return names, nil
}

func (u *tenonUser) Prompt(ctx context.Context, name string, arguments map[string]string) (messages []string, err error) {
	result, err := u.GetPrompt(ctx, name, arguments)
	if err != nil {
		return nil, err
	}
	for _, m := range result.Messages {
		text := "image"
		if c, ok := m.Content.(*mcp.TextContent); ok {
			text = c.Text
		}
		messages = append(messages, string(m.Role)+": "+text)
	}
	return messages, nil
}

func (u *tenonUser) CompletePrompt(ctx context.Context, prompt, argument, typed string, given map[string]string) ([]string, error) {
	c, err := u.Client.CompletePrompt(ctx, prompt, argument, typed, given)
	if err != nil {
		return nil, err
	}
	return c.Values, nil
}

func (u *tenonUser) CompleteTemplate(ctx context.Context, template, variable, typed string) ([]string, error) {
	c, err := u.CompleteResource(ctx, template, variable, typed, nil)
	if err != nil {
		return nil, err
	}
	return c.Values, nil
}

func (u *tenonUser) SetLevel(ctx context.Context, level string) error {
	return u.Client.SetLevel(ctx, mcp.LoggingLevel(level))
}

func (u *tenonUser) SetRoots(ctx context.Context, uri string) error {
	return u.Client.SetRoots(ctx, mcp.Root{URI: uri})
}

func (u *tenonUser) Code(err error) int64 {
	if e := new(rpc.Error); errors.As(err, &e) {
		return e.Code
	}
	return 0
}
