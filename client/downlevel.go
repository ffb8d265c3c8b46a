package client

import (
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// manyBlocks is the first version in which the content of a sampled message may be several blocks.
const manyBlocks = "2025-11-25"

// downlevel gives a sampled message in the form that a server of the version can read: blocks that it does not know
// become a note in text, and several blocks one text.
func downlevel(version string, result *mcp.CreateMessageResult) *mcp.CreateMessageResult {
	if version >= manyBlocks {
		return result
	}
	known := func(b mcp.SamplingMessageContentBlock) bool {
		since := mcp.SamplingMessageContentBlockSince(b)
		return since != "" && since <= version
	}
	if len(result.Content) == 1 && known(result.Content[0]) {
		return result
	}
	texts := make([]string, 0, len(result.Content))
	for _, b := range result.Content {
		texts = append(texts, inText(b))
	}
	old := *result // the handler may use it again
	old.Content = []mcp.SamplingMessageContentBlock{&mcp.TextContent{Text: strings.Join(texts, "\n")}}
	return &old
}

// inText stands for a block in a text.
func inText(b mcp.SamplingMessageContentBlock) string {
	switch b := b.(type) {
	case *mcp.TextContent:
		return b.Text
	case *mcp.ImageContent:
		return "[image, " + b.MIMEType + "]"
	case *mcp.AudioContent:
		return "[audio, " + b.MIMEType + "]"
	case *mcp.ToolUseContent:
		return "[use of the tool " + b.Name + "]"
	}
	return "[content that this version of the protocol does not have]"
}
