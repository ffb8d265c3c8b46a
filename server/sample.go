package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// Sample asks the client to have a language model continue a conversation (specification 2025-11-25, client/sampling).
// The key is unique within the call, among all questions and side effects. It waits for the answer, as long as
// [AskTimeouts] and ctx allow.
//
// The client must have declared sampling; sampling.tools if params have tools or a tool choice, sampling.context if they
// include context: otherwise the error is a [*CapabilityError] and nothing is sent. Conversations in which a tool use is
// not followed by its result, or results are mixed with other content, are refused before they are sent. Any later
// failure is an [*AskError].
func Sample(ctx context.Context, key string, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
	if params == nil {
		return nil, errors.New("server.Sample: the params are nil")
	}
	q := &question{method: mcp.MethodCreateMessage, key: key, needs: []string{"sampling"}}
	if len(params.Tools) > 0 || params.ToolChoice != nil {
		q.needs = append(q.needs, "sampling.tools")
	}
	if params.IncludeContext != "" && params.IncludeContext != mcp.IncludeContextNone {
		q.needs = append(q.needs, "sampling.context")
	}
	if err := q.prepare(ctx); err != nil {
		return nil, err
	}
	if err := checkConversation(params.Messages); err != nil {
		return nil, fmt.Errorf("%s %q was not sent: %w", q.method, key, err)
	}
	q.wait, q.most = q.state.server.cfg.timeouts.Sampling, q.state.server.cfg.timeouts.SamplingMax
	result := &mcp.CreateMessageResult{}
	err := q.ask(ctx, func(ctx context.Context, session *rpc.Session) error {
		return q.call(ctx, session, samplingFor(session.Version(), params), result)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// checkConversation checks what the specification demands of tool uses and their results.
func checkConversation(messages []mcp.SamplingMessage) error {
	var open map[string]bool // tool uses of the message before
	for i, m := range messages {
		uses, results, others := map[string]bool{}, map[string]bool{}, 0
		for _, block := range m.Content {
			switch b := block.(type) {
			case *mcp.ToolUseContent:
				uses[b.ID] = true
			case *mcp.ToolResultContent:
				results[b.ToolUseID] = true
			default:
				others++
			}
		}
		if len(results) > 0 && (others > 0 || len(uses) > 0) {
			return fmt.Errorf("message %d has tool results and other content: expected results only", i)
		}
		for id := range open {
			if !results[id] {
				return fmt.Errorf("message %d has no result for the tool use %q of the message before", i, id)
			}
		}
		for id := range results {
			if !open[id] {
				return fmt.Errorf("message %d has a result for %q, which the message before does not use", i, id)
			}
		}
		open = uses
	}
	for id := range open {
		return fmt.Errorf("the last message has the tool use %q, whose result is missing", id)
	}
	return nil
}
