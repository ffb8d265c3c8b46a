package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// quiet keeps what this SDK does as a matter of course out of the output.
var quiet = slog.New(slog.DiscardHandler)

type mcpgoDialer struct{}

func (mcpgoDialer) command(t *testing.T, d *diary, version, program string, env []string) user {
	return dialMcpgo(t, d, version, transport.NewStdio(program, env))
}

func (mcpgoDialer) url(t *testing.T, d *diary, version, address string) user {
	web := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(web.CloseIdleConnections)
	tr, err := transport.NewStreamableHTTP(address, transport.WithHTTPBasicClient(web), transport.WithHTTPLogger(quiet), transport.WithContinuousListening())
	require.NoError(t, err)
	return dialMcpgo(t, d, version, tr)
}

func dialMcpgo(t *testing.T, d *diary, version string, tr transport.Interface) user {
	u := &mcpgoUser{diary: d}
	u.root.Store(firstRoot)
	capabilities := mcp.ClientCapabilities{
		Sampling:    &mcp.SamplingCapability{Tools: &struct{}{}},
		Elicitation: &mcp.ElicitationCapability{Form: &struct{}{}, URL: &struct{}{}},
	}
	u.client = client.NewClient(tr, client.WithClientCapabilities(capabilities), client.WithSamplingHandler(u), client.WithElicitationHandler(u), client.WithRootsHandler(u))
	require.NoError(t, u.client.Start(context.WithoutCancel(t.Context())))
	u.client.OnNotification(u.notified)
	var err error
	u.opening, err = u.client.Initialize(t.Context(), mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: version, ClientInfo: mcp.Implementation{Name: "mcpgo", Version: "1.0.0"}, Capabilities: capabilities,
	}})
	require.NoError(t, err)
	return u
}

type mcpgoUser struct {
	client  *client.Client
	opening *mcp.InitializeResult
	diary   *diary
	root    atomic.Value
}

func (u *mcpgoUser) notified(n mcp.JSONRPCNotification) {
	p := n.Params.AdditionalFields
	switch n.Method {
	case "notifications/progress":
		u.diary.note(fmt.Sprintf("progress %v/%v %s", p["progress"], p["total"], p["message"]))
	case "notifications/message":
		u.diary.note(fmt.Sprintf("log %s %v", p["level"], p["data"]))
	case "notifications/resources/updated":
		u.diary.note(fmt.Sprint("updated ", p["uri"]))
	case "notifications/elicitation/complete":
		u.diary.note(fmt.Sprint("completed ", p["elicitationId"]))
	case "notifications/tools/list_changed", "notifications/resources/list_changed", "notifications/prompts/list_changed":
		u.diary.note(strings.Split(n.Method, "/")[1] + " changed")
	}
}

func (u *mcpgoUser) CreateMessage(_ context.Context, r mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	result := &mcp.CreateMessageResult{Model: "shouter", StopReason: "endTurn"}
	result.Role = mcp.RoleAssistant
	if len(r.Tools) > 0 {
		result.StopReason = "toolUse"
		result.Content = mcp.NewToolUseContent("1", r.Tools[0].Name, map[string]any{"a": 1, "b": 2})
		return result, nil
	}
	last := r.Messages[len(r.Messages)-1].Content
	result.Content = mcp.NewTextContent(strings.ToUpper(mcp.GetTextFromContent(last)))
	return result, nil
}

func (u *mcpgoUser) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	result := &mcp.ElicitationResult{}
	if r.Params.Mode == mcp.ElicitationModeURL {
		result.Action = mcp.ElicitationResponseActionAccept
		return result, nil
	}
	action, entered := answerForm(r.Params.Message)
	result.Action = mcp.ElicitationResponseAction(action)
	if entered != nil {
		result.Content = entered
	}
	return result, nil
}

func (u *mcpgoUser) ListRoots(context.Context, mcp.ListRootsRequest) (*mcp.ListRootsResult, error) {
	return &mcp.ListRootsResult{Roots: []mcp.Root{{URI: u.root.Load().(string)}}}, nil
}

func (u *mcpgoUser) Version() string                { return u.opening.ProtocolVersion }
func (u *mcpgoUser) Server() string                 { return u.opening.ServerInfo.Name }
func (u *mcpgoUser) Close() error                   { return u.client.Close() }
func (u *mcpgoUser) Ping(ctx context.Context) error { return u.client.Ping(ctx) }

func (u *mcpgoUser) Tools(ctx context.Context) (names []string, err error) {
	result, err := u.client.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, err
	}
	for _, tool := range result.Tools {
		names = append(names, tool.Name)
	}
	return names, nil
}

func (u *mcpgoUser) Call(ctx context.Context, tool string, arguments map[string]any, progress bool) (reply, error) {
	request := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}}
	if arguments == nil {
		request.Params.Arguments = nil // and not a nil map
	}
	if progress {
		request.Params.Meta = &mcp.Meta{ProgressToken: "token of " + tool}
	}
	result, err := u.client.CallTool(ctx, request)
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
		case mcp.TextContent:
			kind = "text"
			if i == 0 {
				r.Text = b.Text
			}
		case mcp.ImageContent:
			kind = "image"
		case mcp.AudioContent:
			kind = "audio"
		case mcp.ResourceLink:
			kind = "resource_link"
		case mcp.EmbeddedResource:
			kind = "resource"
		}
		r.Kinds = append(r.Kinds, kind)
	}
	return r, nil
}

func (u *mcpgoUser) Resources(ctx context.Context) (uris []string, err error) {
	result, err := u.client.ListResources(ctx, mcp.ListResourcesRequest{})
	if err != nil {
		return nil, err
	}
	for _, r := range result.Resources {
		uris = append(uris, r.URI)
	}
	return uris, nil
}

func (u *mcpgoUser) Templates(ctx context.Context) (templates []string, err error) {
	result, err := u.client.ListResourceTemplates(ctx, mcp.ListResourceTemplatesRequest{})
	if err != nil {
		return nil, err
	}
	for _, r := range result.ResourceTemplates {
		templates = append(templates, r.URITemplate.Raw())
	}
	return templates, nil
}

func (u *mcpgoUser) Read(ctx context.Context, uri string) (contents, error) {
	result, err := u.client.ReadResource(ctx, mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: uri}})
	if err != nil {
		return contents{}, err
	}
	switch c := result.Contents[0].(type) {
	case mcp.TextResourceContents:
		return contents{URI: c.URI, MIME: c.MIMEType, Text: c.Text}, nil
	case mcp.BlobResourceContents:
		b, err := base64.StdEncoding.DecodeString(c.Blob)
		return contents{URI: c.URI, MIME: c.MIMEType, Blob: b}, err
	}
	return contents{}, errors.New("neither text nor blob")
}

func (u *mcpgoUser) Subscribe(ctx context.Context, uri string) error {
	return u.client.Subscribe(ctx, mcp.SubscribeRequest{Params: mcp.SubscribeParams{URI: uri}})
}

func (u *mcpgoUser) Unsubscribe(ctx context.Context, uri string) error {
	return u.client.Unsubscribe(ctx, mcp.UnsubscribeRequest{Params: mcp.UnsubscribeParams{URI: uri}})
}

func (u *mcpgoUser) Prompts(ctx context.Context) (names []string, err error) {
	result, err := u.client.ListPrompts(ctx, mcp.ListPromptsRequest{})
	if err != nil {
		return nil, err
	}
	for _, p := range result.Prompts {
		names = append(names, p.Name)
	}
	return names, nil
}

func (u *mcpgoUser) Prompt(ctx context.Context, name string, arguments map[string]string) (messages []string, err error) {
	result, err := u.client.GetPrompt(ctx, mcp.GetPromptRequest{Params: mcp.GetPromptParams{Name: name, Arguments: arguments}})
	if err != nil {
		return nil, err
	}
	for _, m := range result.Messages {
		text := "image"
		if c, ok := m.Content.(mcp.TextContent); ok {
			text = c.Text
		}
		messages = append(messages, string(m.Role)+": "+text)
	}
	return messages, nil
}

func (u *mcpgoUser) CompletePrompt(ctx context.Context, prompt, argument, typed string, given map[string]string) ([]string, error) {
	return u.complete(ctx, mcp.CompleteParams{
		Ref:      mcp.PromptReference{Type: "ref/prompt", Name: prompt},
		Argument: mcp.CompleteArgument{Name: argument, Value: typed},
		Context:  mcp.CompleteContext{Arguments: given},
	})
}

func (u *mcpgoUser) CompleteTemplate(ctx context.Context, template, variable, typed string) ([]string, error) {
	return u.complete(ctx, mcp.CompleteParams{
		Ref:      mcp.ResourceReference{Type: "ref/resource", URI: template},
		Argument: mcp.CompleteArgument{Name: variable, Value: typed},
	})
}

func (u *mcpgoUser) complete(ctx context.Context, params mcp.CompleteParams) ([]string, error) {
	result, err := u.client.Complete(ctx, mcp.CompleteRequest{Params: params})
	if err != nil {
		return nil, err
	}
	return result.Completion.Values, nil
}

func (u *mcpgoUser) SetLevel(ctx context.Context, level string) error {
	return u.client.SetLevel(ctx, mcp.SetLevelRequest{Params: mcp.SetLevelParams{Level: mcp.LoggingLevel(level)}})
}

func (u *mcpgoUser) SetRoots(ctx context.Context, uri string) error {
	u.root.Store(uri)
	return u.client.RootListChanges(ctx)
}

// mcpgoCodes are the codes that this SDK turns into errors of its own.
var mcpgoCodes = []struct {
	err  error
	code int64
}{
	{mcp.ErrMethodNotFound, mcp.METHOD_NOT_FOUND}, {mcp.ErrInvalidParams, mcp.INVALID_PARAMS}, {mcp.ErrInternalError, mcp.INTERNAL_ERROR},
	{mcp.ErrInvalidRequest, mcp.INVALID_REQUEST}, {mcp.ErrResourceNotFound, mcp.RESOURCE_NOT_FOUND}, {mcp.URLElicitationRequiredError{}, mcp.URL_ELICITATION_REQUIRED},
}

func (u *mcpgoUser) Code(err error) int64 {
	if i := slices.IndexFunc(mcpgoCodes, func(c struct {
		err  error
		code int64
	}) bool {
		return errors.Is(err, c.err)
	}); i >= 0 {
		return mcpgoCodes[i].code
	}
	return 0
}
