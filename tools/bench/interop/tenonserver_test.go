package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/stdio"
	"github.com/tenonmcp/tenon/runtime/streamhttp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

func init() {
	sdks["tenon"] = sdk{
		serve: func(ctx context.Context) error { return tenonServer().Serve(ctx, stdio.Serve) },
		handler: func() (http.Handler, func(*testing.T)) {
			h := streamhttp.Handler(tenonServer())
			return h, func(t *testing.T) { require.NoError(t, h.Shutdown(context.Background())) }
		},
		dial: tenonDialer{},
	}
}

type (
	nobody struct{}
	name   struct {
		Name string `json:"name"`
	}
	city struct {
		City string `json:"city"`
	}
	weather struct {
		Temperature float64 `json:"temperature"`
		Conditions  string  `json:"conditions"`
	}
	to struct {
		To int `json:"to"`
	}
	number struct {
		N int `json:"n"`
	}
	entry struct {
		Level string `json:"level"`
		Text  string `json:"text"`
	}
	prompt struct {
		Prompt string `json:"prompt"`
	}
	poll struct {
		Poll bool `json:"poll,omitempty"`
	}
	message struct {
		Message string `json:"message"`
	}
	uri struct {
		URI string `json:"uri"`
	}
	praise struct {
		Who   string `json:"who"`
		Style string `json:"style,omitempty"`
	}
	item struct {
		ID string `json:"id"`
	}
)

func tenonServer() *server.Server {
	var cancelled, rootsChanges atomic.Int64
	s := server.New("tenon", "1.0.0", server.PageSize(pageSize), server.Subscriptions(),
		server.OnRootsChanged(func(context.Context) { rootsChanges.Add(1) }))
	server.AddTool(s, "greet", "Says hi.", func(_ context.Context, in name) (string, error) { return "hello, " + in.Name, nil })
	server.AddTool(s, "weather", "Tells the weather.", func(context.Context, city) (weather, error) { return weather{22.5, "fair"}, nil })
	server.AddTool(s, "fail", "Fails.", func(context.Context, nobody) (string, error) { return "", fmt.Errorf("it failed") })
	server.AddTool(s, "media", "Has every kind of content.", func(context.Context, nobody) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{
			&mcp.TextContent{Text: "all kinds"},
			&mcp.ImageContent{Data: wire.EncodeBase64(blob), MIMEType: "image/png"},
			&mcp.AudioContent{Data: wire.EncodeBase64(blob), MIMEType: "audio/wav"},
			&mcp.ResourceLink{URI: textURI, Name: "text"},
			&mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{URI: textURI, Text: "plain"}},
		}, nil
	})
	server.AddTool(s, "count", "Counts.", func(ctx context.Context, in to) (string, error) {
		for i := range in.To {
			server.Progress(ctx, float64(i+1), float64(in.To), "counting")
		}
		return "done", nil
	})
	server.AddTool(s, "wait", "Waits.", func(ctx context.Context, _ nobody) (string, error) {
		server.Progress(ctx, 1, 2, "waiting")
		<-ctx.Done()
		cancelled.Add(1)
		return "", ctx.Err()
	})
	server.AddTool(s, "cancelled", "Tells how often wait was cancelled.", func(context.Context, nobody) (string, error) {
		return fmt.Sprint(cancelled.Load()), nil
	})
	released := make(chan struct{}, 1)
	server.AddTool(s, "hold", "Waits for release.", func(ctx context.Context, in poll) (string, error) {
		server.Progress(ctx, 1, 2, "holding")
		if in.Poll && !streamhttp.Poll(ctx, 10*time.Millisecond) {
			return "", errors.New("the connection cannot be ended")
		}
		<-released
		return "let go", nil
	})
	server.AddTool(s, "release", "Lets hold go.", func(context.Context, nobody) (string, error) {
		released <- struct{}{}
		return "released", nil
	})
	server.AddTool(s, "log", "Logs.", func(ctx context.Context, in entry) (string, error) {
		server.Log(ctx, mcp.LoggingLevel(in.Level), in.Text)
		return "logged", nil
	})
	addTenonAsking(s)
	server.AddTool(s, "rootschanges", "Tells how often the roots changed.", func(context.Context, nobody) (string, error) {
		return fmt.Sprint(rootsChanges.Load()), nil
	})
	server.AddTool(s, "grow", "Adds to the lists.", func(_ context.Context, in number) (string, error) {
		extra := fmt.Sprint("extra", in.N)
		server.AddTool(s, extra, "An extra.", func(context.Context, nobody) (string, error) { return extra, nil })
		server.AddStaticResource(s, "test:///"+extra, extra, "An extra.", extra)
		server.AddPrompt(s, extra, "An extra.", func(context.Context, nobody) (string, error) { return extra, nil })
		return extra, nil
	})
	server.AddTool(s, "touch", "Changes a resource.", func(_ context.Context, in uri) (string, error) {
		s.ResourceUpdated(in.URI)
		return "touched", nil
	})
	server.AddStaticResource(s, textURI, "text", "A text.", "plain", server.MIMEType("text/plain"))
	server.AddStaticResource(s, blobURI, "blob", "Some bytes.", blob, server.MIMEType("application/octet-stream"))
	server.AddResourceTemplate(s, itemTemplate, "item", "An item.", func(_ context.Context, v item) (string, error) {
		if v.ID == "none" {
			return "", server.ErrResourceNotFound
		}
		return "item " + v.ID, nil
	}, server.CompleteFrom("id", "alpha", "beta"))
	server.AddPrompt(s, "praise", "Praises somebody.", func(_ context.Context, in praise) (string, error) {
		return strings.TrimSpace("praise " + in.Who + " " + in.Style), nil
	}, server.Complete("style", func(_ context.Context, c server.Completing) ([]string, error) {
		return completeStyle(c.Value, c.Given), nil
	}))
	server.AddPrompt(s, "picture", "A picture.", func(context.Context, nobody) ([]mcp.PromptMessage, error) {
		return []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: &mcp.ImageContent{Data: wire.EncodeBase64(blob), MIMEType: "image/png"}},
			server.PromptText(mcp.RoleAssistant, "nice"),
		}, nil
	})
	return s
}

// completeStyle is what every server completes the argument style of praise with.
func completeStyle(typed string, given map[string]string) []string {
	styles := []string{"formal", "friendly"}
	if given["who"] == "Ada" {
		styles = append(styles, "famous")
	}
	var fit []string
	for _, s := range styles {
		if strings.HasPrefix(s, typed) {
			fit = append(fit, s)
		}
	}
	return fit
}

// addTenonAsking adds the tools that ask the client something.
func addTenonAsking(s *server.Server) {
	user := func(text string) []mcp.SamplingMessage {
		return []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: text}}}}
	}
	server.AddTool(s, "ask", "Asks the model.", func(ctx context.Context, in prompt) (string, error) {
		answer, err := server.Sample(ctx, "ask", &mcp.CreateMessageParams{MaxTokens: 10, Messages: user(in.Prompt), SystemPrompt: "Shout."})
		if err != nil {
			return "", err
		}
		return answer.Content[0].(*mcp.TextContent).Text, nil
	})
	server.AddTool(s, "asktools", "Asks the model, which has a tool.", func(ctx context.Context, in prompt) (string, error) {
		answer, err := server.Sample(ctx, "ask", &mcp.CreateMessageParams{
			MaxTokens: 10, Messages: user(in.Prompt),
			Tools: []mcp.Tool{{Name: "adder", InputSchema: wire.MustRaw(adderSchema)}}, ToolChoice: &mcp.ToolChoice{Mode: mcp.ToolChoiceModeRequired},
		})
		if err != nil {
			return "", err
		}
		use := answer.Content[0].(*mcp.ToolUseContent)
		return use.Name + " " + use.Input.String(), nil
	})
	server.AddTool(s, "form", "Asks the user.", func(ctx context.Context, in message) (string, error) {
		params := mcp.ElicitFormParams{Message: in.Message}
		if err := wire.Decode([]byte(formSchema), &params.RequestedSchema); err != nil {
			return "", err
		}
		answer, err := server.ElicitForm(ctx, "form", &params)
		if err != nil || answer.Action != mcp.ElicitActionAccept {
			return actionOf(answer), err
		}
		entered, err := wire.Marshal(answer.Content)
		return entered.String(), err
	})
	server.AddTool(s, "visit", "Sends the user to a page.", func(ctx context.Context, _ nobody) (string, error) {
		visit, err := server.ElicitURL(ctx, "visit", "Please agree.", visitURL, server.ElicitationID(visitID))
		if err != nil {
			return "", err
		}
		return string(visit.Action), s.CompleteElicitation(ctx, visit.ID)
	})
	server.AddTool(s, "required", "Needs a visit before.", func(ctx context.Context, _ nobody) (string, error) {
		return "", server.URLRequired(ctx, "Please agree.", mcp.ElicitURLParams{ElicitationID: visitID, Message: "Please agree.", URL: visitURL})
	})
	server.AddTool(s, "roots", "Lists the roots.", func(ctx context.Context, _ nobody) (string, error) {
		roots, err := server.Roots(ctx, "roots")
		var all []string
		for _, r := range roots {
			all = append(all, r.URI)
		}
		return strings.Join(all, " "), err
	})
	server.AddTool(s, "pingback", "Pings the client.", func(ctx context.Context, _ nobody) (string, error) {
		return "pong", server.CallFrom(ctx).Session().Call(ctx, mcp.MethodPing, nil, nil)
	})
}

func actionOf(r *mcp.ElicitResult) string {
	if r == nil {
		return ""
	}
	return string(r.Action)
}
