package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"
)

func init() {
	sdks["mcpgo"] = sdk{
		serve: func(context.Context) error { return server.ServeStdio(mcpgoServer()) },
		handler: func() (http.Handler, func(*testing.T)) {
			h := server.NewStreamableHTTPServer(mcpgoServer(), server.WithStreamableHTTPLogger(quiet), server.WithStateful(true))
			return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
		},
		dial: mcpgoDialer{},
	}
}

// mcpgoSubscriptions is who subscribed to what: this SDK leaves it to its users.
type mcpgoSubscriptions struct{ set sync.Map }

func (m *mcpgoSubscriptions) key(ctx context.Context, uri string) string {
	return server.ClientSessionFromContext(ctx).SessionID() + " " + uri
}

func mcpgoServer() *server.MCPServer {
	var cancelled, rootsChanges atomic.Int64
	subscriptions := &mcpgoSubscriptions{}
	hooks := &server.Hooks{}
	hooks.AddAfterSubscribe(func(ctx context.Context, _ any, r *mcp.SubscribeRequest, _ *mcp.EmptyResult) {
		subscriptions.set.Store(subscriptions.key(ctx, r.Params.URI), true)
	})
	hooks.AddAfterUnsubscribe(func(ctx context.Context, _ any, r *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
		subscriptions.set.Delete(subscriptions.key(ctx, r.Params.URI))
	})
	s := server.NewMCPServer("mcpgo", "1.0.0",
		server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true), server.WithPromptCapabilities(true),
		server.WithLogging(), server.WithCompletions(), server.WithElicitation(), server.WithRoots(),
		server.WithPaginationLimit(pageSize), server.WithInputSchemaValidation(), server.WithOutputSchemaValidation(), server.WithHooks(hooks),
		server.WithPromptCompletionProvider(mcpgoCompleter{}), server.WithResourceCompletionProvider(mcpgoCompleter{}),
	)
	s.EnableSampling()
	s.AddNotificationHandler("notifications/roots/list_changed", func(context.Context, mcp.JSONRPCNotification) { rootsChanges.Add(1) })
	addMcpgo(s, "greet", `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`, func(_ context.Context, r mcp.CallToolRequest) (string, error) {
		return "hello, " + r.GetString("name", ""), nil
	})
	s.AddTool(mcp.NewTool("weather", mcp.WithString("city"), mcp.WithRawOutputSchema(json.RawMessage(weatherSchema))),
		mcp.NewStructuredToolHandler(func(context.Context, mcp.CallToolRequest, city) (weather, error) { return weather{22.5, "fair"}, nil }))
	s.AddTool(mcp.NewTool("fail"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("it failed"), nil
	})
	data := base64.StdEncoding.EncodeToString(blob)
	s.AddTool(mcp.NewTool("media"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{
			mcp.NewTextContent("all kinds"), mcp.NewImageContent(data, "image/png"), mcp.NewAudioContent(data, "audio/wav"),
			mcp.NewResourceLink(textURI, "text", "A text.", "text/plain"),
			mcp.NewEmbeddedResource(mcp.TextResourceContents{URI: textURI, Text: "plain"}),
		}}, nil
	})
	progress := func(ctx context.Context, r mcp.CallToolRequest, done, total float64, message string) error {
		if r.Params.Meta == nil || r.Params.Meta.ProgressToken == nil {
			return nil
		}
		return s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": r.Params.Meta.ProgressToken, "progress": done, "total": total, "message": message,
		})
	}
	addMcpgo(s, "count", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		n := r.GetInt("to", 0)
		for i := range n {
			if err := progress(ctx, r, float64(i+1), float64(n), "counting"); err != nil {
				return "", err
			}
		}
		return "done", nil
	})
	addMcpgo(s, "wait", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		if err := progress(ctx, r, 1, 2, "waiting"); err != nil {
			return "", err
		}
		<-ctx.Done()
		cancelled.Add(1)
		return "", ctx.Err()
	})
	addMcpgo(s, "cancelled", noArguments, func(context.Context, mcp.CallToolRequest) (string, error) { return fmt.Sprint(cancelled.Load()), nil })
	released := make(chan struct{}, 1)
	addMcpgo(s, "hold", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		if err := progress(ctx, r, 1, 2, "holding"); err != nil {
			return "", err
		}
		<-released
		return "let go", nil
	})
	addMcpgo(s, "release", noArguments, func(context.Context, mcp.CallToolRequest) (string, error) {
		released <- struct{}{}
		return "released", nil
	})
	addMcpgo(s, "log", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		return "logged", s.SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(mcp.LoggingLevel(r.GetString("level", "")), "", r.GetString("text", "")))
	})
	addMcpgoAsking(s)
	addMcpgo(s, "rootschanges", noArguments, func(context.Context, mcp.CallToolRequest) (string, error) {
		return fmt.Sprint(rootsChanges.Load()), nil
	})
	addMcpgo(s, "grow", noArguments, func(_ context.Context, r mcp.CallToolRequest) (string, error) {
		extra := fmt.Sprint("extra", r.GetInt("n", 0))
		addMcpgo(s, extra, noArguments, func(context.Context, mcp.CallToolRequest) (string, error) { return extra, nil })
		s.AddResource(mcp.NewResource("test:///"+extra, extra), mcpgoText(extra))
		s.AddPrompt(mcp.NewPrompt(extra), mcpgoPraise)
		return extra, nil
	})
	addMcpgo(s, "touch", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		uri := r.GetString("uri", "")
		if _, ok := subscriptions.set.Load(subscriptions.key(ctx, uri)); !ok {
			return "touched", nil
		}
		return "touched", s.SendNotificationToClient(ctx, "notifications/resources/updated", map[string]any{"uri": uri})
	})
	s.AddResource(mcp.NewResource(textURI, "text", mcp.WithMIMEType("text/plain")), mcpgoText("plain"))
	s.AddResource(mcp.NewResource(blobURI, "blob"), func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{mcp.BlobResourceContents{URI: r.Params.URI, MIMEType: "application/octet-stream", Blob: data}}, nil
	})
	s.AddResourceTemplate(mcp.NewResourceTemplate(itemTemplate, "item"), func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		id := strings.TrimPrefix(r.Params.URI, "test:///item/")
		if id == "none" {
			return nil, server.ErrResourceNotFound
		}
		return mcpgoText("item "+id)(ctx, r)
	})
	s.AddPrompt(mcp.NewPrompt("praise", mcp.WithArgument("who", mcp.RequiredArgument()), mcp.WithArgument("style")), mcpgoPraise)
	s.AddPrompt(mcp.NewPrompt("picture"), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return mcp.NewGetPromptResult("", []mcp.PromptMessage{
			mcp.NewPromptMessage(mcp.RoleUser, mcp.NewImageContent(data, "image/png")),
			mcp.NewPromptMessage(mcp.RoleAssistant, mcp.NewTextContent("nice")),
		}), nil
	})
	return s
}

// addMcpgo adds a tool whose result is a text.
func addMcpgo(s *server.MCPServer, tool, schema string, f func(context.Context, mcp.CallToolRequest) (string, error)) {
	s.AddTool(mcp.NewToolWithRawSchema(tool, "", json.RawMessage(schema)), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		text, err := f(ctx, r)
		if err != nil {
			return nil, err
		}
		return mcp.NewToolResultText(text), nil
	})
}

func addMcpgoAsking(s *server.MCPServer) {
	sample := func(ctx context.Context, text string, tools ...mcp.Tool) (*mcp.CreateMessageResult, error) {
		return s.RequestSampling(ctx, mcp.CreateMessageRequest{CreateMessageParams: mcp.CreateMessageParams{
			MaxTokens: 10, SystemPrompt: "Shout.", Tools: tools,
			Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)}},
		}})
	}
	addMcpgo(s, "ask", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		answer, err := sample(ctx, r.GetString("prompt", ""))
		if err != nil {
			return "", err
		}
		return mcp.GetTextFromContent(answer.Content), nil
	})
	addMcpgo(s, "asktools", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		answer, err := sample(ctx, r.GetString("prompt", ""), mcp.NewToolWithRawSchema("adder", "", json.RawMessage(adderSchema)))
		if err != nil {
			return "", err
		}
		content, err := mcp.ParseSamplingContent(answer.Content)
		if err != nil {
			return "", err
		}
		if several, ok := content.([]mcp.Content); ok {
			content = several[0]
		}
		use, ok := mcp.AsToolUseContent(content)
		if !ok {
			return "", fmt.Errorf("no tool use but %T", content)
		}
		input, err := json.Marshal(use.Input)
		return use.Name + " " + string(input), err
	})
	addMcpgo(s, "form", noArguments, func(ctx context.Context, r mcp.CallToolRequest) (string, error) {
		answer, err := s.RequestElicitation(ctx, mcp.ElicitationRequest{Params: mcp.ElicitationParams{
			Message: r.GetString("message", ""), RequestedSchema: json.RawMessage(formSchema),
		}})
		if err != nil {
			return "", err
		}
		if answer.Action != mcp.ElicitationResponseActionAccept {
			return string(answer.Action), nil
		}
		entered, err := json.Marshal(answer.Content)
		return string(entered), err
	})
	addMcpgo(s, "visit", noArguments, func(ctx context.Context, _ mcp.CallToolRequest) (string, error) {
		session := server.ClientSessionFromContext(ctx)
		answer, err := s.RequestURLElicitation(ctx, session, visitID, visitURL, "Please agree.")
		if err != nil {
			return "", err
		}
		return string(answer.Action), s.SendElicitationComplete(ctx, session, visitID)
	})
	addMcpgo(s, "required", noArguments, func(context.Context, mcp.CallToolRequest) (string, error) {
		return "", mcp.URLElicitationRequiredError{Elicitations: []mcp.ElicitationParams{{Mode: "url", Message: "Please agree.", URL: visitURL, ElicitationID: visitID}}}
	})
	addMcpgo(s, "roots", noArguments, func(ctx context.Context, _ mcp.CallToolRequest) (string, error) {
		result, err := s.RequestRoots(ctx, mcp.ListRootsRequest{})
		if err != nil {
			return "", err
		}
		var all []string
		for _, root := range result.Roots {
			all = append(all, root.URI)
		}
		return strings.Join(all, " "), nil
	})
	addMcpgo(s, "pingback", noArguments, func(context.Context, mcp.CallToolRequest) (string, error) {
		return "", errors.New("this SDK's servers cannot ping")
	})
}

func mcpgoText(text string) server.ResourceHandlerFunc {
	return func(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, MIMEType: "text/plain", Text: text}}, nil
	}
}

func mcpgoPraise(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	text := strings.TrimSpace("praise " + r.Params.Arguments["who"] + " " + r.Params.Arguments["style"])
	return mcp.NewGetPromptResult("", []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(text))}), nil
}

type mcpgoCompleter struct{}

func (mcpgoCompleter) CompletePromptArgument(_ context.Context, _ string, a mcp.CompleteArgument, c mcp.CompleteContext) (*mcp.Completion, error) {
	return &mcp.Completion{Values: completeStyle(a.Value, c.Arguments)}, nil
}

func (mcpgoCompleter) CompleteResourceArgument(_ context.Context, _ string, a mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	values := []string{}
	if strings.HasPrefix("alpha", a.Value) {
		values = append(values, "alpha")
	}
	return &mcp.Completion{Values: values}, nil
}
