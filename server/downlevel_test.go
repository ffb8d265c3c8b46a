package server

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func TestOldPeersGetTextForWhatTheyDoNotKnow(t *testing.T) {
	s := New("v", "1")
	result := &mcp.CallToolResult{StructuredContent: wire.MustRaw(`{"a":1}`), Content: []mcp.ContentBlock{
		&mcp.TextContent{Text: "t"},
		&mcp.ResourceLink{Name: "r", URI: "test://r", Description: "a thing"},
		&mcp.AudioContent{MIMEType: "audio/wav", Data: wire.EncodeBase64([]byte("x"))},
		&mcp.UnknownContentBlock{Raw: wire.MustRaw(`{"type":"new"}`)},
	}}
	AddTool(s, "t", "", func(context.Context, struct{}) (*mcp.CallToolResult, error) { return result, nil })
	const text, link, audio = `{"type":"text","text":"t"}`, `{"type":"resource_link","name":"r","uri":"test://r","description":"a thing"}`, `{"type":"audio","mimeType":"audio/wav","data":"eA=="}`
	const linkText, audioText = `{"type":"text","text":"r: test://r (a thing)"}`, `{"type":"text","text":"[audio, audio/wav, which this version of the protocol cannot carry]"}`
	for version, want := range map[string]string{
		"2025-11-25": link + "," + audio,
		"2025-06-18": link + "," + audio,
		"2025-03-26": linkText + "," + audio,
		"2024-11-05": linkText + "," + audioText,
	} {
		p := connect(t, s, clientSide{version: version})
		require.JSONEq(t, `{"structuredContent":{"a":1},"content":[`+text+`,`+want+`,{"type":"new"}]}`, string(p.call(t, "t", "").AppendJSON(nil)), version)
	}
	require.Len(t, result.Content, 4)
	require.IsType(t, &mcp.ResourceLink{}, result.Content[1], "the handler's own is as it was")
}

func TestOldPeersAreAskedInWordsTheyKnow(t *testing.T) {
	a := &answering{
		sample: func(context.Context, *mcp.CreateMessageParams) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Model: "m", Role: mcp.RoleAssistant, Content: []mcp.SamplingMessageContentBlock{&mcp.TextContent{}}}, nil
		},
		elicit: accept(`{"Color":"#f00"}`),
	}
	handle(t, clientSide{handler: a, capabilities: everything, version: "2024-11-05"}, func(ctx context.Context) error {
		p := question1()
		p.Messages[0].Content = append(p.Messages[0].Content, &mcp.AudioContent{MIMEType: "audio/wav", Data: "eA=="})
		_, err := Sample(ctx, "k", p)
		require.NoError(t, err)
		require.Len(t, p.Messages, 1)
		return nil
	})
	require.Contains(t, a.asked[0], `"messages":[{"role":"user","content":{"type":"text","text":"hi"}},{"role":"user","content":{"type":"text","text":"[audio, audio/wav, which`)

	a.asked = nil
	tools := mcp.ClientCapabilities{Sampling: &mcp.ClientCapabilitiesSampling{Tools: emptyObject}}
	handle(t, clientSide{handler: a, capabilities: tools, version: "2025-06-18"}, func(ctx context.Context) error {
		p := question1()
		p.IncludeContext = mcp.IncludeContextThisServer
		_, err := Sample(ctx, "context", p)
		require.NoError(t, err, "before it had a capability of its own")
		p.Tools = []mcp.Tool{{Name: "t", InputSchema: wire.MustRaw(`{"type":"object"}`)}}
		_, err = Sample(ctx, "tools", p)
		require.EqualError(t, err, `sampling/createMessage was not sent: the client did not declare the capability "sampling.tools"`)
		return nil
	})
	require.Len(t, a.asked, 1)

	a.asked = nil
	type one struct{ Color color }
	type several struct{ Colors []color }
	r := handle(t, clientSide{handler: a, capabilities: everything, version: "2025-06-18"}, func(ctx context.Context) error {
		answer, err := Elicit[one](ctx, "one", "m")
		require.NoError(t, err)
		require.Equal(t, color("#f00"), answer.Value.Color)
		_, err = Elicit[several](ctx, "several", "m")
		return err
	})
	require.Contains(t, a.asked[0], `"Color":{"type":"string","enum":["#f00","#0f0"],"enumNames":["Red","Green"]}`)
	require.Equal(t, `elicitation/create "several" was not sent: the field "Colors" is a choice of several, which the client's version of the protocol, 2025-06-18, does not have`, said(t, r))
}
