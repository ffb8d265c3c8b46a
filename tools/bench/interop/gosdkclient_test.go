package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

type gosdkDialer struct{}

func (gosdkDialer) command(t *testing.T, d *diary, version, program string, env []string) user {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	return dialGosdk(t, d, version, &gosdk.CommandTransport{Command: cmd})
}

func (gosdkDialer) url(t *testing.T, d *diary, version, address string) user {
	web := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(web.CloseIdleConnections)
	return dialGosdk(t, d, version, &gosdk.StreamableClientTransport{Endpoint: address, HTTPClient: web})
}

func dialGosdk(t *testing.T, d *diary, version string, transport gosdk.Transport) user {
	c := gosdk.NewClient(&gosdk.Implementation{Name: "gosdk", Version: "1.0.0"}, &gosdk.ClientOptions{
		Capabilities: &gosdk.ClientCapabilities{
			RootsV2:     &gosdk.RootCapabilities{ListChanged: true},
			Elicitation: &gosdk.ElicitationCapabilities{Form: &gosdk.FormElicitationCapabilities{}, URL: &gosdk.URLElicitationCapabilities{}},
		},
		CreateMessageWithToolsHandler: func(_ context.Context, r *gosdk.CreateMessageWithToolsRequest) (*gosdk.CreateMessageWithToolsResult, error) {
			result := &gosdk.CreateMessageWithToolsResult{Model: "shouter", Role: "assistant", StopReason: "endTurn"}
			if tools := r.Params.Tools; len(tools) > 0 {
				result.StopReason = "toolUse"
				result.Content = append(result.Content, &gosdk.ToolUseContent{ID: "1", Name: tools[0].Name, Input: map[string]any{"a": 1, "b": 2}})
				return result, nil
			}
			last := r.Params.Messages[len(r.Params.Messages)-1].Content[0].(*gosdk.TextContent).Text
			result.Content = append(result.Content, &gosdk.TextContent{Text: strings.ToUpper(last)})
			return result, nil
		},
		ElicitationHandler: func(_ context.Context, r *gosdk.ElicitRequest) (*gosdk.ElicitResult, error) {
			if r.Params.Mode == "url" {
				return &gosdk.ElicitResult{Action: "accept"}, nil
			}
			action, entered := answerForm(r.Params.Message)
			return &gosdk.ElicitResult{Action: action, Content: entered}, nil
		},
		ElicitationCompleteHandler: func(_ context.Context, r *gosdk.ElicitationCompleteNotificationRequest) {
			d.note("completed " + r.Params.ElicitationID)
		},
		ToolListChangedHandler:     func(context.Context, *gosdk.ToolListChangedRequest) { d.note("tools changed") },
		PromptListChangedHandler:   func(context.Context, *gosdk.PromptListChangedRequest) { d.note("prompts changed") },
		ResourceListChangedHandler: func(context.Context, *gosdk.ResourceListChangedRequest) { d.note("resources changed") },
		ResourceUpdatedHandler: func(_ context.Context, r *gosdk.ResourceUpdatedNotificationRequest) {
			d.note("updated " + r.Params.URI)
		},
		LoggingMessageHandler: func(_ context.Context, r *gosdk.LoggingMessageRequest) {
			d.note(fmt.Sprintf("log %s %v", r.Params.Level, r.Params.Data))
		},
		ProgressNotificationHandler: func(_ context.Context, r *gosdk.ProgressNotificationClientRequest) {
			d.note(fmt.Sprintf("progress %v/%v %s", r.Params.Progress, r.Params.Total, r.Params.Message))
		},
	})
	c.AddRoots(&gosdk.Root{URI: firstRoot})
	session, err := c.Connect(t.Context(), transport, &gosdk.ClientSessionOptions{ProtocolVersion: version})
	require.NoError(t, err)
	return &gosdkUser{client: c, session: session}
}

type gosdkUser struct {
	client  *gosdk.Client
	session *gosdk.ClientSession
}

func (u *gosdkUser) Version() string                { return u.session.InitializeResult().ProtocolVersion }
func (u *gosdkUser) Server() string                 { return u.session.InitializeResult().ServerInfo.Name }
func (u *gosdkUser) Close() error                   { return u.session.Close() }
func (u *gosdkUser) Ping(ctx context.Context) error { return u.session.Ping(ctx, nil) }

func (u *gosdkUser) Tools(ctx context.Context) (names []string, err error) {
	for tool, err := range u.session.Tools(ctx, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, tool.Name)
	}
	return names, nil
}

func (u *gosdkUser) Call(ctx context.Context, tool string, arguments map[string]any, progress bool) (reply, error) {
	params := &gosdk.CallToolParams{Name: tool, Arguments: arguments}
	if progress {
		params.Meta = gosdk.Meta{}
		params.SetProgressToken("token of " + tool)
	}
	result, err := u.session.CallTool(ctx, params)
	if err != nil {
		return reply{}, err
	}
	r := reply{IsError: result.IsError}
	if result.StructuredContent != nil {
		text, err := json.Marshal(result.StructuredContent)
		if err != nil {
			return r, err
		}
		r.Structured = string(text)
	}
	for i, block := range result.Content {
		kind := "?"
		switch b := block.(type) {
		case *gosdk.TextContent:
			kind = "text"
			if i == 0 {
				r.Text = b.Text
			}
		case *gosdk.ImageContent:
			kind = "image"
		case *gosdk.AudioContent:
			kind = "audio"
		case *gosdk.ResourceLink:
			kind = "resource_link"
		case *gosdk.EmbeddedResource:
			kind = "resource"
		}
		r.Kinds = append(r.Kinds, kind)
	}
	return r, nil
}

func (u *gosdkUser) Resources(ctx context.Context) (uris []string, err error) {
	for r, err := range u.session.Resources(ctx, nil) {
		if err != nil {
			return nil, err
		}
		uris = append(uris, r.URI)
	}
	return uris, nil
}

func (u *gosdkUser) Templates(ctx context.Context) (templates []string, err error) {
	for r, err := range u.session.ResourceTemplates(ctx, nil) {
		if err != nil {
			return nil, err
		}
		templates = append(templates, r.URITemplate)
	}
	return templates, nil
}

func (u *gosdkUser) Read(ctx context.Context, uri string) (contents, error) {
	result, err := u.session.ReadResource(ctx, &gosdk.ReadResourceParams{URI: uri})
	if err != nil {
		return contents{}, err
	}
	c := result.Contents[0]
	return contents{URI: c.URI, MIME: c.MIMEType, Text: c.Text, Blob: c.Blob}, nil
}

func (u *gosdkUser) Subscribe(ctx context.Context, uri string) error {
	return u.session.Subscribe(ctx, &gosdk.SubscribeParams{URI: uri})
}

func (u *gosdkUser) Unsubscribe(ctx context.Context, uri string) error {
	return u.session.Unsubscribe(ctx, &gosdk.UnsubscribeParams{URI: uri})
}

func (u *gosdkUser) Prompts(ctx context.Context) (names []string, err error) {
	for p, err := range u.session.Prompts(ctx, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, p.Name)
	}
	return names, nil
}

func (u *gosdkUser) Prompt(ctx context.Context, name string, arguments map[string]string) (messages []string, err error) {
	result, err := u.session.GetPrompt(ctx, &gosdk.GetPromptParams{Name: name, Arguments: arguments})
	if err != nil {
		return nil, err
	}
	for _, m := range result.Messages {
		text := "image"
		if c, ok := m.Content.(*gosdk.TextContent); ok {
			text = c.Text
		}
		messages = append(messages, string(m.Role)+": "+text)
	}
	return messages, nil
}

func (u *gosdkUser) CompletePrompt(ctx context.Context, prompt, argument, typed string, given map[string]string) ([]string, error) {
	return u.complete(ctx, &gosdk.CompleteParams{
		Ref:      &gosdk.CompleteReference{Type: "ref/prompt", Name: prompt},
		Argument: gosdk.CompleteParamsArgument{Name: argument, Value: typed},
		Context:  &gosdk.CompleteContext{Arguments: given},
	})
}

func (u *gosdkUser) CompleteTemplate(ctx context.Context, template, variable, typed string) ([]string, error) {
	return u.complete(ctx, &gosdk.CompleteParams{
		Ref:      &gosdk.CompleteReference{Type: "ref/resource", URI: template},
		Argument: gosdk.CompleteParamsArgument{Name: variable, Value: typed},
	})
}

func (u *gosdkUser) complete(ctx context.Context, params *gosdk.CompleteParams) ([]string, error) {
	result, err := u.session.Complete(ctx, params)
	if err != nil {
		return nil, err
	}
	return result.Completion.Values, nil
}

func (u *gosdkUser) SetLevel(ctx context.Context, level string) error {
	return u.session.SetLoggingLevel(ctx, &gosdk.SetLoggingLevelParams{Level: gosdk.LoggingLevel(level)})
}

func (u *gosdkUser) SetRoots(_ context.Context, uri string) error {
	u.client.RemoveRoots(firstRoot)
	u.client.AddRoots(&gosdk.Root{URI: uri})
	return nil
}

func (u *gosdkUser) Code(err error) int64 {
	if e := new(jsonrpc.Error); errors.As(err, &e) {
		return e.Code
	}
	return 0
}
