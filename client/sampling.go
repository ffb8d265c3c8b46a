package client

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// SampleFunc has a language model continue a conversation for the server (client/sampling). A person should be able to
// look at what is asked and what is answered, and to refuse: with [ErrRejected].
type SampleFunc func(ctx context.Context, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error)

// SampleFeature is a part of sampling that is declared apart.
type SampleFeature string

// The features. Without SampleTools, requests with tools or a tool choice are refused (-32602). Without SampleContext,
// wishes for context of servers are removed from requests before the [SampleFunc] sees them.
const (
	SampleTools   SampleFeature = "tools"
	SampleContext SampleFeature = "context"
)

// CodeRejected is the code of the error by which a client says that its user refused a sampling request.
const CodeRejected int64 = -1

// ErrRejected is what a [SampleFunc] returns if the user refuses.
var ErrRejected = &rpc.Error{Code: CodeRejected, Message: "the user rejected the sampling request"}

// OnSample declares the capability sampling, and has f answer sampling/createMessage. Conversations in which a tool use
// lacks its result, or results stand among other content, are refused (-32602) before f sees them.
func OnSample(f SampleFunc, features ...SampleFeature) Option {
	return func(cfg *config) {
		h := &cfg.handlers
		h.sample, h.sampleTools, h.sampleContext = f, false, false
		for _, feature := range features {
			switch feature {
			case SampleTools:
				h.sampleTools = true
			case SampleContext:
				h.sampleContext = true
			default:
				cfg.fail("OnSample: unknown feature %q", feature)
			}
		}
	}
}

func (h handlers) CreateMessage(ctx context.Context, params *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
	if h.sample == nil {
		return nil, rpc.MethodNotFound(mcp.MethodCreateMessage)
	}
	if !h.sampleTools && (len(params.Tools) > 0 || params.ToolChoice != nil) {
		return nil, rpc.Errorf(rpc.CodeInvalidParams, `tools and toolChoice need the capability "sampling.tools", which this client does not declare`)
	}
	if !h.sampleContext && params.IncludeContext != "" {
		params.IncludeContext = ""
	}
	if err := checkConversation(params.Messages); err != nil {
		return nil, err
	}
	result, err := h.sample(h.ctx(ctx), params)
	switch {
	case err != nil:
		return nil, err
	case result == nil:
		return nil, rpc.Errorf(rpc.CodeInternalError, "the client's sampling handler returned nothing")
	}
	return downlevel(rpc.SessionFrom(ctx).Version(), result), nil
}

// checkConversation checks that every tool use is answered by the message after it, and results stand alone
// (client/sampling, "Message Content Constraints").
func checkConversation(messages []mcp.SamplingMessage) error {
	var open map[string]bool // tool uses of the message before
	for i, m := range messages {
		uses, results, others := map[string]bool{}, 0, 0
		for _, block := range m.Content {
			switch block := block.(type) {
			case *mcp.ToolResultContent:
				results++
				if !open[block.ToolUseID] {
					return rpc.Errorf(rpc.CodeInvalidParams, "message %d has the result of the tool use %q, which is not in the message before", i, clip(block.ToolUseID))
				}
				delete(open, block.ToolUseID)
			case *mcp.ToolUseContent:
				uses[block.ID] = true
				others++
			default:
				others++
			}
		}
		if results > 0 && (others > 0 || m.Role != mcp.RoleUser) {
			return rpc.Errorf(rpc.CodeInvalidParams, "message %d has tool results, which must stand alone in a message of the user's", i)
		}
		for id := range open {
			return rpc.Errorf(rpc.CodeInvalidParams, "message %d lacks the result of the tool use %q", i, clip(id))
		}
		open = uses
	}
	for id := range open {
		return rpc.Errorf(rpc.CodeInvalidParams, "the result of the tool use %q is missing at the end", clip(id))
	}
	return nil
}
