package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

func init() {
	sdks["gosdk"] = sdk{
		serve: func(ctx context.Context) error { return gosdkServer().Run(ctx, &gosdk.StdioTransport{}) },
		handler: func() (http.Handler, func(*testing.T)) {
			s := gosdkServer()
			h := gosdk.NewStreamableHTTPHandler(func(*http.Request) *gosdk.Server { return s }, nil)
			return h, func(*testing.T) {
				for session := range s.Sessions() {
					_ = session.Close()
				}
			}
		},
		dial: gosdkDialer{},
	}
}

func gosdkServer() *gosdk.Server {
	var cancelled, rootsChanges atomic.Int64
	s := gosdk.NewServer(&gosdk.Implementation{Name: "gosdk", Version: "1.0.0"}, &gosdk.ServerOptions{
		PageSize:                pageSize,
		SubscribeHandler:        func(context.Context, *gosdk.SubscribeRequest) error { return nil },
		UnsubscribeHandler:      func(context.Context, *gosdk.UnsubscribeRequest) error { return nil },
		RootsListChangedHandler: func(context.Context, *gosdk.RootsListChangedRequest) { rootsChanges.Add(1) },
		CompletionHandler:       gosdkComplete,
	})
	addGosdk(s, "greet", func(_ context.Context, _ *gosdk.CallToolRequest, in name) (string, error) {
		return "hello, " + in.Name, nil
	})
	gosdk.AddTool(s, &gosdk.Tool{Name: "weather"}, func(context.Context, *gosdk.CallToolRequest, city) (*gosdk.CallToolResult, weather, error) {
		return nil, weather{22.5, "fair"}, nil
	})
	addGosdk(s, "fail", func(context.Context, *gosdk.CallToolRequest, nobody) (string, error) {
		return "", errors.New("it failed")
	})
	gosdk.AddTool(s, &gosdk.Tool{Name: "media"}, func(context.Context, *gosdk.CallToolRequest, nobody) (*gosdk.CallToolResult, any, error) {
		return &gosdk.CallToolResult{Content: []gosdk.Content{
			&gosdk.TextContent{Text: "all kinds"},
			&gosdk.ImageContent{Data: blob, MIMEType: "image/png"},
			&gosdk.AudioContent{Data: blob, MIMEType: "audio/wav"},
			&gosdk.ResourceLink{URI: textURI, Name: "text"},
			&gosdk.EmbeddedResource{Resource: &gosdk.ResourceContents{URI: textURI, Text: "plain"}},
		}}, nil, nil
	})
	progress := func(ctx context.Context, r *gosdk.CallToolRequest, done, total float64, message string) error {
		token := r.Params.GetProgressToken()
		if token == nil {
			return nil
		}
		return r.Session.NotifyProgress(ctx, &gosdk.ProgressNotificationParams{ProgressToken: token, Progress: done, Total: total, Message: message})
	}
	addGosdk(s, "count", func(ctx context.Context, r *gosdk.CallToolRequest, in to) (string, error) {
		for i := range in.To {
			if err := progress(ctx, r, float64(i+1), float64(in.To), "counting"); err != nil {
				return "", err
			}
		}
		return "done", nil
	})
	addGosdk(s, "wait", func(ctx context.Context, r *gosdk.CallToolRequest, _ nobody) (string, error) {
		if err := progress(ctx, r, 1, 2, "waiting"); err != nil {
			return "", err
		}
		<-ctx.Done()
		cancelled.Add(1)
		return "", ctx.Err()
	})
	addGosdk(s, "cancelled", func(context.Context, *gosdk.CallToolRequest, nobody) (string, error) {
		return fmt.Sprint(cancelled.Load()), nil
	})
	released := make(chan struct{}, 1)
	addGosdk(s, "hold", func(ctx context.Context, r *gosdk.CallToolRequest, _ nobody) (string, error) {
		if err := progress(ctx, r, 1, 2, "holding"); err != nil {
			return "", err
		}
		<-released
		return "let go", nil
	})
	addGosdk(s, "release", func(context.Context, *gosdk.CallToolRequest, nobody) (string, error) {
		released <- struct{}{}
		return "released", nil
	})
	addGosdk(s, "log", func(ctx context.Context, r *gosdk.CallToolRequest, in entry) (string, error) {
		return "logged", r.Session.Log(ctx, &gosdk.LoggingMessageParams{Level: gosdk.LoggingLevel(in.Level), Data: in.Text})
	})
	addGosdkAsking(s)
	addGosdk(s, "rootschanges", func(context.Context, *gosdk.CallToolRequest, nobody) (string, error) {
		return fmt.Sprint(rootsChanges.Load()), nil
	})
	addGosdk(s, "grow", func(_ context.Context, _ *gosdk.CallToolRequest, in number) (string, error) {
		extra := fmt.Sprint("extra", in.N)
		addGosdk(s, extra, func(context.Context, *gosdk.CallToolRequest, nobody) (string, error) { return extra, nil })
		s.AddResource(&gosdk.Resource{URI: "test:///" + extra, Name: extra}, gosdkText(extra))
		s.AddPrompt(&gosdk.Prompt{Name: extra}, gosdkPraise)
		return extra, nil
	})
	addGosdk(s, "touch", func(ctx context.Context, _ *gosdk.CallToolRequest, in uri) (string, error) {
		return "touched", s.ResourceUpdated(ctx, &gosdk.ResourceUpdatedNotificationParams{URI: in.URI})
	})
	s.AddResource(&gosdk.Resource{URI: textURI, Name: "text", MIMEType: "text/plain"}, gosdkText("plain"))
	s.AddResource(&gosdk.Resource{URI: blobURI, Name: "blob", MIMEType: "application/octet-stream"},
		func(_ context.Context, r *gosdk.ReadResourceRequest) (*gosdk.ReadResourceResult, error) {
			return &gosdk.ReadResourceResult{Contents: []*gosdk.ResourceContents{{URI: r.Params.URI, MIMEType: "application/octet-stream", Blob: blob}}}, nil
		})
	s.AddResourceTemplate(&gosdk.ResourceTemplate{URITemplate: itemTemplate, Name: "item"},
		func(ctx context.Context, r *gosdk.ReadResourceRequest) (*gosdk.ReadResourceResult, error) {
			id := strings.TrimPrefix(r.Params.URI, "test:///item/")
			if id == "none" {
				return nil, gosdk.ResourceNotFoundError(r.Params.URI)
			}
			return gosdkText("item "+id)(ctx, r)
		})
	s.AddPrompt(&gosdk.Prompt{Name: "praise", Arguments: []*gosdk.PromptArgument{{Name: "who", Required: true}, {Name: "style"}}}, gosdkPraise)
	s.AddPrompt(&gosdk.Prompt{Name: "picture"}, func(context.Context, *gosdk.GetPromptRequest) (*gosdk.GetPromptResult, error) {
		return &gosdk.GetPromptResult{Messages: []*gosdk.PromptMessage{
			{Role: "user", Content: &gosdk.ImageContent{Data: blob, MIMEType: "image/png"}},
			{Role: "assistant", Content: &gosdk.TextContent{Text: "nice"}},
		}}, nil
	})
	return s
}

// addGosdk adds a tool whose result is a text.
func addGosdk[In any](s *gosdk.Server, tool string, f func(context.Context, *gosdk.CallToolRequest, In) (string, error)) {
	gosdk.AddTool(s, &gosdk.Tool{Name: tool}, func(ctx context.Context, r *gosdk.CallToolRequest, in In) (*gosdk.CallToolResult, any, error) {
		text, err := f(ctx, r, in)
		if err != nil {
			return nil, nil, err
		}
		return &gosdk.CallToolResult{Content: []gosdk.Content{&gosdk.TextContent{Text: text}}}, nil, nil
	})
}

func addGosdkAsking(s *gosdk.Server) {
	addGosdk(s, "ask", func(ctx context.Context, r *gosdk.CallToolRequest, in prompt) (string, error) {
		answer, err := r.Session.CreateMessage(ctx, &gosdk.CreateMessageParams{
			MaxTokens: 10, SystemPrompt: "Shout.",
			Messages: []*gosdk.SamplingMessage{{Role: "user", Content: &gosdk.TextContent{Text: in.Prompt}}},
		})
		if err != nil {
			return "", err
		}
		return answer.Content.(*gosdk.TextContent).Text, nil
	})
	addGosdk(s, "asktools", func(ctx context.Context, r *gosdk.CallToolRequest, in prompt) (string, error) {
		answer, err := r.Session.CreateMessageWithTools(ctx, &gosdk.CreateMessageWithToolsParams{
			MaxTokens: 10, Messages: []*gosdk.SamplingMessageV2{{Role: "user", Content: []gosdk.Content{&gosdk.TextContent{Text: in.Prompt}}}},
			Tools: []*gosdk.Tool{{Name: "adder", InputSchema: json.RawMessage(adderSchema)}}, ToolChoice: &gosdk.ToolChoice{Mode: "required"},
		})
		if err != nil {
			return "", err
		}
		use := answer.Content[0].(*gosdk.ToolUseContent)
		input, err := json.Marshal(use.Input)
		return use.Name + " " + string(input), err
	})
	addGosdk(s, "form", func(ctx context.Context, r *gosdk.CallToolRequest, in message) (string, error) {
		answer, err := r.Session.Elicit(ctx, &gosdk.ElicitParams{Message: in.Message, RequestedSchema: json.RawMessage(formSchema)})
		if err != nil {
			return "", err
		}
		if answer.Action != "accept" {
			return answer.Action, nil
		}
		entered, err := json.Marshal(answer.Content)
		return string(entered), err
	})
	addGosdk(s, "visit", func(ctx context.Context, r *gosdk.CallToolRequest, _ nobody) (string, error) {
		answer, err := r.Session.Elicit(ctx, &gosdk.ElicitParams{Mode: "url", Message: "Please agree.", URL: visitURL, ElicitationID: visitID})
		if err != nil {
			return "", err
		}
		return answer.Action, r.Session.NotifyElicitationComplete(ctx, &gosdk.ElicitationCompleteParams{ElicitationID: visitID})
	})
	s.AddTool(&gosdk.Tool{Name: "required", InputSchema: json.RawMessage(noArguments)}, func(context.Context, *gosdk.CallToolRequest) (*gosdk.CallToolResult, error) {
		return nil, gosdk.URLElicitationRequiredError([]*gosdk.ElicitParams{{Mode: "url", Message: "Please agree.", URL: visitURL, ElicitationID: visitID}})
	})
	addGosdk(s, "roots", func(ctx context.Context, r *gosdk.CallToolRequest, _ nobody) (string, error) {
		result, err := r.Session.ListRoots(ctx, nil)
		if err != nil {
			return "", err
		}
		var all []string
		for _, root := range result.Roots {
			all = append(all, root.URI)
		}
		return strings.Join(all, " "), nil
	})
	addGosdk(s, "pingback", func(ctx context.Context, r *gosdk.CallToolRequest, _ nobody) (string, error) {
		return "pong", r.Session.Ping(ctx, nil)
	})
}

func gosdkText(text string) gosdk.ResourceHandler {
	return func(_ context.Context, r *gosdk.ReadResourceRequest) (*gosdk.ReadResourceResult, error) {
		return &gosdk.ReadResourceResult{Contents: []*gosdk.ResourceContents{{URI: r.Params.URI, MIMEType: "text/plain", Text: text}}}, nil
	}
}

func gosdkPraise(_ context.Context, r *gosdk.GetPromptRequest) (*gosdk.GetPromptResult, error) {
	text := strings.TrimSpace("praise " + r.Params.Arguments["who"] + " " + r.Params.Arguments["style"])
	return &gosdk.GetPromptResult{Messages: []*gosdk.PromptMessage{{Role: "user", Content: &gosdk.TextContent{Text: text}}}}, nil
}

func gosdkComplete(_ context.Context, r *gosdk.CompleteRequest) (*gosdk.CompleteResult, error) {
	values := []string{}
	if r.Params.Ref.Type == "ref/prompt" {
		var given map[string]string
		if r.Params.Context != nil {
			given = r.Params.Context.Arguments
		}
		values = completeStyle(r.Params.Argument.Value, given)
	} else if strings.HasPrefix("alpha", r.Params.Argument.Value) {
		values = []string{"alpha"}
	}
	return &gosdk.CompleteResult{Completion: gosdk.CompletionResultDetails{Values: values}}, nil
}
