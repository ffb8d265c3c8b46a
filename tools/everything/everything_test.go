package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// calls has a call of every tool, and the result as JSON or, if that is not told, nothing. Tools that are not here, with
// the reason, have a test of their own.
var calls = []struct{ tool, arguments, result string }{
	{"test_simple_text", "", `{"content":[{"type":"text","text":"This is a simple text response for testing."}]}`},
	{"test_image_content", "", ""},
	{"test_audio_content", "", ""},
	{"test_embedded_resource", "", `{"content":[{"type":"resource","resource":{"uri":"test://embedded-resource","mimeType":"text/plain","text":"This is an embedded resource content."}}]}`},
	{"test_multiple_content_types", "", ""},
	{"test_error_handling", "", `{"content":[{"type":"text","text":"This tool intentionally returns an error for testing"}],"isError":true}`},
	{"resource_link", "", `{"content":[{"type":"resource_link","name":"static-text","uri":"test://static-text","mimeType":"text/plain"}]}`},
	{"annotated_content", "", `{"content":[
		{"type":"text","text":"for the user","annotations":{"audience":["user"],"priority":1}},
		{"type":"text","text":"for the model","annotations":{"audience":["assistant"],"priority":0.5}}]}`},
	{"add", `{"a":9007199254740993,"b":1}`, `{"content":[{"type":"text","text":"{\"sum\":9007199254740994}"}],"structuredContent":{"sum":9007199254740994}}`},
	{"json_schema_2020_12_tool", `{"contactMethod":"phone","phone":"1"}`, `{"content":[{"type":"text","text":"called with {\"contactMethod\":\"phone\",\"phone\":\"1\"}"}]}`},
	{"test_tool_with_logging", "", `{"content":[{"type":"text","text":"Tool with logging executed successfully"}]}`},
	{"test_tool_with_progress", "", `{"content":[{"type":"text","text":"Tool with progress executed successfully"}]}`},
	{"test_reconnection", "", ""},
	{"wait", `{"milliseconds":1}`, `{"content":[{"type":"text","text":"done"}]}`},
	{"log_levels", "", `{"content":[{"type":"text","text":"sent"}]}`},
	{"session_info", "", ""},
	{"test_sampling", `{"prompt":"hi"}`, `{"content":[{"type":"text","text":"LLM response: hi"}]}`},
	{"sample_with_tools", `{"prompt":"How is the weather in Paris?"}`, `{"content":[{"type":"text","text":"LLM response: It is sunny."}]}`},
	{"list_roots", "", `{"content":[{"type":"text","text":"{\"result\":[\"file:///srv/everything\"]}"}],"structuredContent":{"result":["file:///srv/everything"]}}`},
	{"test_elicitation", `{"message":"Who are you?"}`, `{"content":[{"type":"text","text":"User response: action=accept, content={\"username\":\"ada\",\"email\":\"ada@example.com\"}"}]}`},
	{"test_elicitation_sep1034_defaults", "", `{"content":[{"type":"text",
		"text":"Elicitation completed: action=accept, content={\"name\":\"John Doe\",\"age\":30,\"score\":95.5,\"status\":\"active\",\"verified\":true}"}]}`},
	{"test_elicitation_sep1330_enums", "", `{"content":[{"type":"text",
		"text":"Elicitation completed: action=accept, content={\"titledMulti\":[\"value1\",\"value3\"],\"untitledSingle\":\"option1\"}"}]}`},
	{"choose_seat", "", `{"content":[{"type":"text","text":"Elicitation completed: action=accept, content={\"row\":\"front\",\"side\":\"A\",\"extras\":[\"meal\"]}"}]}`},
	{"long_job", `{"steps":2,"milliseconds":1}`, `{"content":[{"type":"text","text":"2 steps done"}]}`},
	{"ask_midway", "", `{"content":[{"type":"text","text":"went on: careful"}]}`},
	{"fail_later", "", `{"content":[{"type":"text","text":"the job failed, as it always does"}],"isError":true}`},
}

var elsewhere = []string{"elicit_url", "url_required", "toggle_tool", "toggle_resource", "toggle_prompt", "touch_resource", "must_be_task"}

func TestEveryTool(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, _ *heard) {
		var listed, tested []string
		for tool, err := range c.Tools(ctx) {
			require.NoError(t, err)
			require.NotEmpty(t, tool.Description, tool.Name)
			listed = append(listed, tool.Name)
		}
		for _, call := range calls {
			tested = append(tested, call.tool)
			params := &mcp.CallToolParams{Name: call.tool}
			if call.arguments != "" {
				params.Arguments = wire.MustRaw(call.arguments)
			}
			result, err := c.CallTool(ctx, params)
			require.NoError(t, err, call.tool)
			require.Equal(t, call.tool == "test_error_handling" || call.tool == "fail_later", result.IsError, "%s: %s", call.tool, result.AppendJSON(nil))
			if call.result != "" {
				require.JSONEq(t, call.result, string(result.AppendJSON(nil)), call.tool)
			}
		}
		require.ElementsMatch(t, listed, append(tested, elsewhere...))
	})
}

func TestSchemaIsKept(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, _ *heard) {
		for tool, err := range c.Tools(ctx) {
			require.NoError(t, err)
			if tool.Name == "json_schema_2020_12_tool" {
				require.JSONEq(t, string(contactSchema.Bytes()), string(tool.InputSchema.Bytes()))
				return
			}
		}
		require.Fail(t, "the tool is not listed")
	})
}

func TestProgressAndCancellation(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, _ *heard) {
		var reports []float64
		_, err := client.CallTool[string](ctx, c, "test_tool_with_progress", nil,
			client.OnProgress(func(p rpc.Progress) { reports = append(reports, p.Progress) }))
		require.NoError(t, err)
		require.Equal(t, []float64{0, 50, 100}, reports)

		waiting, cancel := context.WithCancel(ctx)
		_, err = client.CallTool[string](waiting, c, "wait", map[string]int{"milliseconds": 600_000},
			client.OnProgress(func(rpc.Progress) { cancel() }))
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, c.Ping(ctx))
	})
}

func TestLogging(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, h *heard) {
		require.NoError(t, c.SetLevel(ctx, mcp.LoggingLevelWarning))
		_, err := client.CallTool[string](ctx, c, "log_levels", nil)
		require.NoError(t, err)
		for _, level := range []mcp.LoggingLevel{
			mcp.LoggingLevelWarning, mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
		} {
			require.Equal(t, level, next(t, h.logs).Level)
		}
		require.Empty(t, h.logs)
	})
}

func TestVisits(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, h *heard) {
		said, err := client.CallTool[string](ctx, c, "elicit_url", nil)
		require.NoError(t, err)
		require.Equal(t, "action=accept", said)
		require.NotEmpty(t, next(t, h.visited))

		_, err = client.CallTool[string](ctx, c, "url_required", nil)
		needed := client.RequiredElicitations(err)
		require.Len(t, needed, 1, "%v", err)
		require.Equal(t, "https://example.com/visit", needed[0].URL)
	})
}

func TestChanges(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, h *heard) {
		for _, change := range []struct {
			tool  string
			told  chan struct{}
			found func() error
		}{
			{"toggle_tool", h.tools, func() error { _, err := client.CallTool[string](ctx, c, extraTool, nil); return err }},
			{"toggle_resource", h.resources, func() error { _, err := c.ReadResource(ctx, extraResource); return err }},
			{"toggle_prompt", h.prompts, func() error { _, err := c.GetPrompt(ctx, extraPrompt, nil); return err }},
		} {
			require.Error(t, change.found(), change.tool)
			for _, does := range []string{"added", "removed"} {
				said, err := client.CallTool[string](ctx, c, change.tool, nil)
				require.NoError(t, err, change.tool)
				require.Equal(t, does, said, change.tool)
				next(t, change.told)
				require.Equal(t, does == "added", change.found() == nil, change.tool)
			}
		}
	})
}

func TestResources(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, h *heard) {
		for uri, want := range map[string]string{
			staticText:                 `{"contents":[{"uri":"test://static-text","mimeType":"text/plain","text":"This is the content of the static text resource."}]}`,
			watched:                    `{"contents":[{"uri":"test://watched-resource","mimeType":"text/plain","text":"Watched resource content, changed 0 times."}]}`,
			"test://template/123/data": `{"contents":[{"uri":"test://template/123/data","mimeType":"application/json","text":"{\"id\":\"123\",\"templateTest\":true,\"data\":\"Data for ID: 123\"}"}]}`,
		} {
			got, err := c.ReadResource(ctx, uri)
			require.NoError(t, err, uri)
			require.JSONEq(t, want, string(got.AppendJSON(nil)), uri)
		}
		blob, err := c.ReadResource(ctx, staticBinary)
		require.NoError(t, err)
		content, err := blob.Contents[0].(*mcp.BlobResourceContents).Blob.Bytes()
		require.NoError(t, err)
		require.Equal(t, picture, content)

		for _, uri := range []string{"test://template/0/data", "test://nowhere"} {
			_, err := c.ReadResource(ctx, uri)
			var refused *rpc.Error
			require.True(t, errors.As(err, &refused), "%s: %v", uri, err)
			require.Equal(t, mcp.CodeResourceNotFound, refused.Code)
			require.JSONEq(t, `{"uri":"`+uri+`"}`, string(refused.Data.Bytes()))
		}

		require.NoError(t, c.Subscribe(ctx, watched))
		said, err := client.CallTool[string](ctx, c, "touch_resource", nil)
		require.NoError(t, err)
		require.Equal(t, "changed 1 times", said)
		require.Equal(t, watched, next(t, h.updated))
		require.NoError(t, c.Unsubscribe(ctx, watched))
	})
}

func TestPromptsAndCompletion(t *testing.T) {
	overAll(t, func(t *testing.T, ctx context.Context, c *client.Client, _ *heard) {
		for name, arguments := range map[string]map[string]string{
			"test_simple_prompt":                 nil,
			"test_prompt_with_arguments":         {"arg1": "one", "arg2": "two"},
			"test_prompt_with_embedded_resource": {"resourceUri": "test://any"},
			"test_prompt_with_image":             nil,
			"prompt_with_choice":                 {"style": "terse"},
		} {
			got, err := c.GetPrompt(ctx, name, arguments)
			require.NoError(t, err, name)
			require.NotEmpty(t, got.Messages, name)
		}
		_, err := c.GetPrompt(ctx, "prompt_with_choice", map[string]string{"style": "loud"})
		require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err), "%v", err)

		values, err := c.CompletePrompt(ctx, "test_prompt_with_arguments", "arg2", "tested-t", map[string]string{"arg1": "tested"})
		require.NoError(t, err)
		require.Equal(t, []string{"tested-two", "tested-three"}, values.Values)
		values, err = c.CompletePrompt(ctx, "prompt_with_choice", "style", "p", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"plain", "poetic"}, values.Values)
		values, err = c.CompleteResource(ctx, template, "id", "12", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"12", "123"}, values.Values)
	})
}
