package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// addAskTools adds the tools that ask the client something, forms aside.
func addAskTools(s *server.Server) {
	server.AddTool(s, "test_sampling", "Has the client's model continue a prompt.", func(ctx context.Context, in prompting) (string, error) {
		answer, err := server.Sample(ctx, "answer", &mcp.CreateMessageParams{
			Messages:  []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{text(in.Prompt)}}},
			MaxTokens: 100,
		})
		if err != nil {
			return "", err
		}
		return "LLM response: " + spoken(answer.Content), nil
	}, server.Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true)}))

	server.AddTool(s, "sample_with_tools", "Has the client's model use a tool.", sampleWithTools, server.Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true)}))

	server.AddTool(s, "list_roots", "Lists the roots of the client.", func(ctx context.Context, _ nothing) ([]string, error) {
		roots, err := server.Roots(ctx, "roots")
		if err != nil {
			return nil, err
		}
		var uris []string
		for _, root := range roots {
			uris = append(uris, root.URI)
		}
		return uris, nil
	}, readOnly())

	server.AddTool(s, "elicit_url", "Asks the user to visit a page, which does nothing.", func(ctx context.Context, _ nothing) (string, error) {
		visit, err := server.ElicitURL(ctx, "visit", "Please visit the page.", "https://example.com/visit")
		if err != nil {
			return "", err
		}
		if visit.Accepted() {
			if err := s.CompleteElicitation(ctx, visit.ID); err != nil {
				return "", err
			}
		}
		return fmt.Sprintf("action=%s", visit.Action), nil
	}, readOnly())

	server.AddTool(s, "url_required", "Cannot be called before the user has visited a page, which nobody can.", func(ctx context.Context, _ nothing) (string, error) {
		return "", server.URLRequired(ctx, "a visit is needed", mcp.ElicitURLParams{Message: "Please visit the page.", URL: "https://example.com/visit"})
	}, readOnly())
}

type prompting struct {
	Prompt string `json:"prompt" jsonschema:"description=what to say to the model"`
}

// sampleWithTools goes through a conversation in which the model calls a tool and gets its result.
func sampleWithTools(ctx context.Context, in prompting) (string, error) {
	conversation := []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: []mcp.SamplingMessageContentBlock{text(in.Prompt)}}}
	tools := []mcp.Tool{{
		Name:        "weather",
		Description: "The weather in a city.",
		InputSchema: wire.MustRaw(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`),
	}}
	const rounds = 3
	for round := range rounds {
		choice := &mcp.ToolChoice{Mode: mcp.ToolChoiceModeAuto}
		if round == rounds-1 {
			choice.Mode = mcp.ToolChoiceModeNone // the model has to come to an end
		}
		answer, err := server.Sample(ctx, fmt.Sprint("round ", round), &mcp.CreateMessageParams{
			Messages: conversation, Tools: tools, ToolChoice: choice, MaxTokens: 100,
		})
		if err != nil {
			return "", err
		}
		var results []mcp.SamplingMessageContentBlock
		for _, block := range answer.Content {
			if use, ok := block.(*mcp.ToolUseContent); ok {
				results = append(results, &mcp.ToolResultContent{ToolUseID: use.ID, Content: []mcp.ContentBlock{text("It is sunny.")}})
			}
		}
		if len(results) == 0 {
			return "LLM response: " + spoken(answer.Content), nil
		}
		conversation = append(conversation,
			mcp.SamplingMessage{Role: answer.Role, Content: answer.Content},
			mcp.SamplingMessage{Role: mcp.RoleUser, Content: results})
	}
	return "", fmt.Errorf("the model called tools in all %d rounds", rounds)
}

// spoken gives the texts among content.
func spoken(content []mcp.SamplingMessageContentBlock) string {
	var texts []string
	for _, block := range content {
		if t, ok := block.(*mcp.TextContent); ok {
			texts = append(texts, t.Text)
		}
	}
	return strings.Join(texts, "\n")
}
