package server

import (
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// What an older peer does not know: members may be sent to it all the same, branches of unions may not. What follows is
// the one place where the version of the peer matters.

// manyBlocks is the first version in which a message for sampling may have several blocks.
const manyBlocks = "2025-11-25"

// forPeer gives a result in the form for a peer of the version.
func (s *Server) forPeer(version string, result wire.Appender) wire.Appender {
	if version == versions[0] || version == "" {
		return result
	}
	switch r := result.(type) {
	case *mcp.CallToolResult:
		if content, changed := contentFor(version, r.Content); changed {
			old := *r // the handler may use it again
			old.Content = content
			return &old
		}
	case *mcp.GetPromptResult:
		old := *r
		old.Messages = make([]mcp.PromptMessage, len(r.Messages))
		for i, m := range r.Messages {
			m.Content = blockFor(version, m.Content)
			old.Messages[i] = m
		}
		return &old
	}
	return result
}

// contentFor gives content in the form for a peer, and whether that is another.
func contentFor(version string, content []mcp.ContentBlock) ([]mcp.ContentBlock, bool) {
	for i, b := range content {
		if blockFor(version, b) == b {
			continue
		}
		old := make([]mcp.ContentBlock, len(content))
		copy(old, content)
		for j := i; j < len(old); j++ {
			old[j] = blockFor(version, old[j])
		}
		return old, true
	}
	return content, false
}

// blockFor gives a block in the form for a peer: the same, or a text that stands for it. What not even we know is passed on.
func blockFor(version string, b mcp.ContentBlock) mcp.ContentBlock {
	if since := mcp.ContentBlockSince(b); since <= version {
		return b
	}
	switch b := b.(type) {
	case *mcp.ResourceLink:
		text := b.Name + ": " + b.URI
		if b.Title != "" {
			text = b.Title + ": " + b.URI
		}
		if b.Description != "" {
			text += " (" + b.Description + ")"
		}
		return &mcp.TextContent{Text: text, Annotations: b.Annotations, Meta: b.Meta}
	case *mcp.AudioContent:
		return &mcp.TextContent{Text: noteOf(b), Annotations: b.Annotations, Meta: b.Meta}
	}
	return b
}

func noteOf(b *mcp.AudioContent) string {
	return "[audio, " + b.MIMEType + ", which this version of the protocol cannot carry]"
}

// samplingFor gives a sampling request in the form for a peer: one block a message. Tools are not in question: those
// need a capability of this version.
func samplingFor(version string, params *mcp.CreateMessageParams) *mcp.CreateMessageParams {
	if version >= manyBlocks {
		return params
	}
	old := *params
	old.Messages = nil
	for _, m := range params.Messages {
		for _, b := range m.Content {
			if audio, ok := b.(*mcp.AudioContent); ok && mcp.SamplingMessageContentBlockSince(b) > version {
				b = &mcp.TextContent{Text: noteOf(audio), Annotations: audio.Annotations, Meta: audio.Meta}
			}
			one := m
			one.Content = []mcp.SamplingMessageContentBlock{b}
			old.Messages = append(old.Messages, one)
		}
	}
	return &old
}

// formFor gives a form in the form for a peer: titles of choices as they were written before. A choice of several cannot
// be written otherwise.
func formFor(version string, params *mcp.ElicitFormParams) (*mcp.ElicitFormParams, error) {
	if version >= manyBlocks {
		return params, nil
	}
	old := *params
	old.RequestedSchema.Properties = nil
	for _, e := range params.RequestedSchema.Properties {
		switch p := e.Value.(type) {
		case *mcp.TitledSingleSelectEnumSchema:
			legacy := &mcp.LegacyTitledEnumSchema{Title: p.Title, Description: p.Description, Default: p.Default, Unknown: p.Unknown}
			for _, o := range p.OneOf {
				legacy.Enum = append(legacy.Enum, o.Const)
				legacy.EnumNames = append(legacy.EnumNames, o.Title)
			}
			e.Value = legacy
		case *mcp.UntitledMultiSelectEnumSchema, *mcp.TitledMultiSelectEnumSchema:
			return nil, fmt.Errorf("the field %q is a choice of several, which the client's version of the protocol, %s, does not have", e.Name, version)
		}
		old.RequestedSchema.Properties = append(old.RequestedSchema.Properties, e)
	}
	return &old, nil
}
