package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

func (p *peer) prompts(t *testing.T) []mcp.Prompt {
	t.Helper()
	var all []mcp.Prompt
	cursor := ""
	for {
		page, err := p.ListPrompts(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.NoError(t, err)
		all = append(all, page.Prompts...)
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

type review struct {
	Code     string      `json:"code" jsonschema:"title=Code,description=The code to review"`
	Language string      `json:"language,omitempty" jsonschema:"enum=go,enum=python,default=go"`
	Depth    int         `json:"depth,omitempty" jsonschema:"minimum=1,maximum=3"`
	Strict   *bool       `json:"strict,omitempty"`
	Host     *netip.Addr `json:"host,omitempty"`
}

func TestATypedPrompt(t *testing.T) {
	s := New("v", "1")
	AddPrompt(s, "review", "Review code.", func(_ context.Context, in review) (string, error) {
		strict := "unset"
		if in.Strict != nil {
			strict = fmt.Sprint(*in.Strict)
		}
		return fmt.Sprintf("%s %s %d %s %v", in.Code, in.Language, in.Depth, strict, in.Host), nil
	}, Title("Code review"), Icons(mcp.Icon{Src: "https://example.com/i.png"}), Meta(wire.Object{{Name: "a", Value: wire.MustRaw("1")}}))
	p := connect(t, s, clientSide{})
	require.Equal(t, `{"listChanged":true}`, string(p.opened.Capabilities.Prompts.AppendJSON(nil)))
	list := p.prompts(t)
	require.Len(t, list, 1)
	require.JSONEq(t, `{
		"name": "review", "title": "Code review", "description": "Review code.", "icons": [{"src": "https://example.com/i.png"}], "_meta": {"a": 1},
		"arguments": [
			{"name": "code", "title": "Code", "description": "The code to review", "required": true},
			{"name": "language"}, {"name": "depth"}, {"name": "strict"}, {"name": "host"}
		]
	}`, string(list[0].AppendJSON(nil)))

	get := func(arguments ...string) (*mcp.GetPromptResult, error) {
		params := &mcp.GetPromptParams{Name: "review", Arguments: map[string]string{}}
		for i := 0; i < len(arguments); i += 2 {
			params.Arguments[arguments[i]] = arguments[i+1]
		}
		return p.GetPrompt(t.Context(), params)
	}
	for _, c := range []struct {
		want      string
		arguments []string
	}{
		{"x go 0 unset <nil>", []string{"code", "x"}},
		{"5 python 3 true 10.0.0.1", []string{"code", "5", "language", "python", "depth", "3", "strict", "true", "host", "10.0.0.1"}},
		{"x go 0 unset <nil>", []string{"code", "x", "language", "", "depth", "", "strict", ""}},
		{" go 0 unset <nil>", []string{"code", ""}},
	} {
		result, err := get(c.arguments...)
		require.NoError(t, err)
		require.Equal(t, &mcp.GetPromptResult{Description: "Review code.", Messages: []mcp.PromptMessage{PromptText(mcp.RoleUser, c.want)}}, result)
	}
	for want, arguments := range map[string][]string{
		"/code: required but missing; expected a string (The code to review)": {},
		`/lang: `:                    {"code", "x", "lang", "go"},
		`/language: expected`:        {"code", "x", "language", "rust"},
		`/depth: expected`:           {"code", "x", "depth", "4"},
		`/depth: expected an intege`: {"code", "x", "depth", "deep"},
		`/strict: expected`:          {"code", "x", "strict", "maybe"},
	} {
		_, err := get(arguments...)
		require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err), want)
		require.ErrorContains(t, err, "the arguments of the prompt review are not valid: "+want)
	}
	_, err := p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "reviews"})
	require.EqualError(t, err, `unknown prompt "reviews": did you mean "review"? (code -32602)`)
}

func TestWhatAPromptReturns(t *testing.T) {
	all := []mcp.PromptMessage{
		PromptText(mcp.RoleAssistant, "text"),
		{Role: mcp.RoleUser, Content: &mcp.ImageContent{MIMEType: "image/png", Data: "AA=="}},
		{Role: mcp.RoleUser, Content: &mcp.AudioContent{MIMEType: "audio/wav", Data: "AA==", Annotations: &mcp.Annotations{Priority: new(1.0)}}},
		{Role: mcp.RoleUser, Content: &mcp.ResourceLink{Name: "link", URI: "a://1"}},
		{Role: mcp.RoleUser, Content: &mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{URI: "a://1", MIMEType: "text/plain", Text: "t"}}},
		{Role: mcp.RoleUser, Content: &mcp.EmbeddedResource{Resource: &mcp.BlobResourceContents{URI: "a://1", MIMEType: "image/png", Blob: "AA=="}}},
	}
	s := New("v", "1")
	AddPrompt(s, "message", "", func(context.Context, struct{}) (mcp.PromptMessage, error) { return all[1], nil })
	AddPrompt(s, "messages", "d", func(context.Context, struct{}) ([]mcp.PromptMessage, error) { return all, nil })
	kept := &mcp.GetPromptResult{Messages: all[:1], Meta: wire.Object{{Name: "a", Value: wire.MustRaw("1")}}}
	AddPrompt(s, "whole", "d", func(context.Context, struct{}) (*mcp.GetPromptResult, error) { return kept, nil })
	AddPrompt(s, "nil", "", func(context.Context, struct{}) (*mcp.GetPromptResult, error) { return nil, nil })
	AddPrompt(s, "fails", "", func(context.Context, struct{}) (string, error) { return "", errors.New("out of ideas") })
	AddPrompt(s, "coded", "", func(context.Context, struct{}) (string, error) { return "", rpc.Errorf(mcp.CodeInvalidParams, "no") })
	AddRawPrompt(s, mcp.Prompt{Name: "raw prompt", Arguments: []mcp.PromptArgument{{Name: "a", Required: true}}},
		func(_ context.Context, params *mcp.GetPromptParams) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{PromptText(mcp.RoleUser, fmt.Sprint(params.Arguments))}}, nil
		})
	p := connect(t, s, clientSide{})
	for name, want := range map[string]*mcp.GetPromptResult{
		"message":    {Messages: all[1:2]},
		"messages":   {Messages: all, Description: "d"},
		"whole":      {Messages: all[:1], Description: "d", Meta: wire.Object{{Name: "a", Value: wire.MustRaw("1")}}},
		"nil":        {Messages: []mcp.PromptMessage{}},
		"raw prompt": {Messages: []mcp.PromptMessage{PromptText(mcp.RoleUser, "map[]")}},
	} {
		result, err := p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: name})
		require.NoError(t, err, name)
		require.Equal(t, string(want.AppendJSON(nil)), string(result.AppendJSON(nil)), name)
	}
	require.Empty(t, kept.Description, "what handlers keep is not changed")
	_, err := p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "fails"})
	require.EqualError(t, err, "out of ideas (code -32603)")
	_, err = p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "coded"})
	require.EqualError(t, err, "no (code -32602)")
}

func TestPromptsComeAndGo(t *testing.T) {
	s := New("v", "1", PageSize(2))
	simple := func(context.Context, struct{}) (string, error) { return "", nil }
	for _, name := range []string{"a", "b", "c"} {
		AddPrompt(s, name, "", simple)
	}
	heard := make(chan string, 10)
	p := connect(t, s, clientSide{handler: listener{heard}})
	require.Len(t, p.prompts(t), 3)
	require.Equal(t, 1, s.RemovePrompts("b", "x"))
	require.Equal(t, "prompts", <-heard)
	_, err := p.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "b"})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
	_, err = p.ListPrompts(t.Context(), &mcp.PaginatedParams{Cursor: "x"})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))

	outer := New("outer", "1")
	require.NoError(t, outer.Mount("in_", s))
	q := connect(t, outer, clientSide{})
	require.Equal(t, "in_a", q.prompts(t)[0].Name)
	_, err = q.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "in_c"})
	require.NoError(t, err)
}

func TestMistakesAboutPrompts(t *testing.T) {
	s := New("v", "1")
	simple := func(context.Context, struct{}) (string, error) { return "", nil }
	AddPrompt(s, "a", "", simple)
	for want, err := range map[string]error{
		`prompt "a": there is a prompt "a" already`:               TryAddPrompt(s, "a", "", simple),
		`prompt "a b": the name has the character ' '`:            TryAddPrompt(s, "a b", "", simple),
		`prompt "": the name has 0 characters: expected 1 to 128`: TryAddPrompt(s, "", "", simple),
		`prompt "b": the handler is nil`:                          TryAddPrompt[struct{}, string](s, "b", "", nil),
		`prompt "c": the handler is nil`:                          TryAddRawPrompt(s, mcp.Prompt{Name: "c"}, nil),
		`prompt "": the name is empty: clients ask by it`:         TryAddRawPrompt(s, mcp.Prompt{}, func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil }),
		`prompt "d": arguments: the field tags has several values`: TryAddPrompt(s, "d", "", func(context.Context, struct {
			Tags []string `json:"tags"`
		}) (string, error) {
			return "", nil
		}),
		`prompt "e": arguments: `: TryAddPrompt(s, "e", "", func(context.Context, string) (string, error) { return "", nil }),
		`prompt "f": there is no argument x to complete: there are no arg`: TryAddPrompt(s, "f", "", simple, CompleteFrom("x")),
		`prompt "g": the argument x occurs twice`: TryAddRawPrompt(s, mcp.Prompt{Name: "g", Arguments: []mcp.PromptArgument{{Name: "x"}, {Name: "x"}}},
			func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil }),
		`prompt "h": the function that completes the argument code is nil`: TryAddPrompt(s, "h", "", func(context.Context, review) (string, error) { return "", nil }, Complete[[]string]("code", nil)),
		`prompt "i": the argument code is completed twice`:                 TryAddPrompt(s, "i", "", func(context.Context, review) (string, error) { return "", nil }, CompleteFrom("code"), CompleteFrom("code")),
	} {
		require.ErrorContains(t, err, want)
		m, ok := errors.AsType[*Mistake](err)
		require.True(t, ok)
		require.True(t, strings.HasPrefix(m.Source, "server/prompt_test.go:"), m.Source)
	}
}
