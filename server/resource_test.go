package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// resources gives all resources, page by page.
func (p *peer) resources(t *testing.T) []mcp.Resource {
	t.Helper()
	var all []mcp.Resource
	cursor := ""
	for {
		page, err := p.ListResources(t.Context(), &mcp.PaginatedParams{Cursor: cursor})
		require.NoError(t, err)
		all = append(all, page.Resources...)
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

func (p *peer) uris(t *testing.T) []string {
	t.Helper()
	uris := []string{}
	for _, r := range p.resources(t) {
		uris = append(uris, r.URI)
	}
	return uris
}

func (p *peer) read(t *testing.T, uri string) []mcp.ResourceContents {
	t.Helper()
	result, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
	require.NoError(t, err, uri)
	return result.Contents
}

// notFound requires that there is no resource at a URI, and that the client is told so as the specification says.
func (p *peer) notFound(t *testing.T, uri string) {
	t.Helper()
	_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
	requireNotFound(t, err, uri)
}

func requireNotFound(t *testing.T, err error, uri string) {
	t.Helper()
	e, ok := errors.AsType[*rpc.Error](err)
	require.True(t, ok, "%s: %v", uri, err)
	require.Equal(t, mcp.CodeResourceNotFound, e.Code, uri)
	require.Equal(t, string(wire.Object{{Name: "uri", Value: text(uri)}}.AppendJSON(nil)), e.Data.String())
}

func TestAStaticResource(t *testing.T) {
	s := New("v", "1")
	AddStaticResource(s, "a://text", "text", "A text.", "héllo", Title("Text"), MIMEType("text/markdown"),
		Icons(mcp.Icon{Src: "https://example.com/i.png"}), Meta(wire.Object{{Name: "example.com/a", Value: wire.MustRaw("1")}}),
		ResourceAnnotations(mcp.Annotations{Audience: []mcp.Role{mcp.RoleUser}, Priority: new(0.5), LastModified: "2025-01-12T15:00:58Z"}))
	AddStaticResource(s, "a://blob", "blob", "", []byte{0, 1, 255})
	AddStaticResource(s, "a://json", "json", "", map[string]int{"a": 1})
	AddStaticResource(s, "a://sized", "sized", "", "x", Size(99))
	p := connect(t, s, clientSide{})
	require.Equal(t, `{"listChanged":true}`, string(p.opened.Capabilities.Resources.AppendJSON(nil)), "no subscriptions unless asked for")

	list := p.resources(t)
	require.JSONEq(t, `{
		"uri": "a://text", "name": "text", "title": "Text", "description": "A text.", "mimeType": "text/markdown", "size": 6,
		"icons": [{"src": "https://example.com/i.png"}], "_meta": {"example.com/a": 1},
		"annotations": {"audience": ["user"], "priority": 0.5, "lastModified": "2025-01-12T15:00:58Z"}
	}`, string(list[0].AppendJSON(nil)))
	require.JSONEq(t, `{"uri": "a://blob", "name": "blob", "size": 3}`, string(list[1].AppendJSON(nil)))
	require.JSONEq(t, `{"uri": "a://json", "name": "json", "mimeType": "application/json", "size": 7}`, string(list[2].AppendJSON(nil)))
	require.EqualValues(t, 99, *list[3].Size)

	require.Equal(t, []mcp.ResourceContents{&mcp.TextResourceContents{URI: "a://text", MIMEType: "text/markdown", Text: "héllo"}}, p.read(t, "a://text"))
	require.Equal(t, []mcp.ResourceContents{&mcp.BlobResourceContents{URI: "a://blob", Blob: wire.EncodeBase64([]byte{0, 1, 255})}}, p.read(t, "a://blob"))
	require.Equal(t, []mcp.ResourceContents{&mcp.TextResourceContents{URI: "a://json", MIMEType: "application/json", Text: `{"a":1}`}}, p.read(t, "a://json"))
}

func TestWhatADynamicResourceReturns(t *testing.T) {
	kept := &mcp.TextResourceContents{Text: "kept"}
	s := New("v", "1")
	AddResource(s, "a://string", "n", "", func(context.Context) (string, error) { return "s", nil })
	AddResource(s, "a://notext", "n", "", func(context.Context) (string, error) { return "\xff", nil })
	AddResource(s, "a://bytes", "n", "", func(context.Context) ([]byte, error) { return []byte("b"), nil }, MIMEType("image/png"))
	AddResource(s, "a://json", "n", "", func(context.Context) (greeting, error) { return greeting{"Ada"}, nil })
	AddResource(s, "a://raw", "n", "", func(context.Context) (wire.Raw, error) { return wire.MustRaw(`[1]`), nil })
	AddResource(s, "a://one", "n", "", func(context.Context) (*mcp.TextResourceContents, error) { return kept, nil }, MIMEType("text/x"))
	AddResource(s, "a://several", "n", "", func(context.Context) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{
			&mcp.TextResourceContents{URI: "a://several/1", Text: "1"},
			&mcp.BlobResourceContents{URI: "a://several/2", MIMEType: "image/png", Blob: "AA=="},
		}, nil
	})
	AddResource(s, "a://whole", "n", "", func(context.Context) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{kept}, Meta: wire.Object{{Name: "a", Value: wire.MustRaw("1")}}}, nil
	})
	AddResource(s, "a://any", "n", "", func(context.Context) (any, error) { return 5, nil })
	AddResource(s, "a://nil", "n", "", func(context.Context) (any, error) { return nil, nil })
	p := connect(t, s, clientSide{})
	for uri, want := range map[string]string{
		"a://string":  `[{"uri":"a://string","text":"s","mimeType":"text/plain"}]`,
		"a://notext":  `[{"uri":"a://notext","blob":"/w==","mimeType":"text/plain"}]`,
		"a://bytes":   `[{"uri":"a://bytes","blob":"Yg==","mimeType":"image/png"}]`,
		"a://json":    `[{"uri":"a://json","text":"{\"name\":\"Ada\"}","mimeType":"application/json"}]`,
		"a://raw":     `[{"uri":"a://raw","text":"[1]","mimeType":"application/json"}]`,
		"a://one":     `[{"uri":"a://one","text":"kept","mimeType":"text/x"}]`,
		"a://several": `[{"uri":"a://several/1","text":"1"},{"uri":"a://several/2","blob":"AA==","mimeType":"image/png"}]`,
		"a://whole":   `[{"uri":"a://whole","text":"kept"}]`,
		"a://any":     `[{"uri":"a://any","text":"5","mimeType":"application/json"}]`,
		"a://nil":     `[]`,
	} {
		result, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
		require.NoError(t, err, uri)
		b := []byte{'['}
		for _, c := range result.Contents {
			b = c.AppendJSON(wire.AppendComma(b))
		}
		require.JSONEq(t, want, strings.Replace(string(append(b, ']')), "[,", "[", 1), uri)
		if uri == "a://whole" {
			require.Len(t, result.Meta, 1)
		}
	}
	require.Equal(t, &mcp.TextResourceContents{Text: "kept"}, kept, "what handlers keep is not changed")
}

func TestResourcesThatAreNotThere(t *testing.T) {
	s := New("v", "1")
	AddStaticResource(s, "a://b", "b", "", "")
	AddResource(s, "a://gone", "gone", "", func(context.Context) (string, error) {
		return "", fmt.Errorf("looked everywhere: %w", ErrResourceNotFound)
	})
	AddResource(s, "a://fails", "fails", "", func(context.Context) (string, error) { return "", errors.New("out of paper") })
	AddResource(s, "a://coded", "coded", "", func(context.Context) (string, error) { return "", rpc.Errorf(-7, "seven") })
	p := connect(t, s, clientSide{})
	p.notFound(t, "a://c")
	p.notFound(t, "a://B")
	p.notFound(t, "a://gone")
	_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a://fails"})
	require.EqualError(t, err, "out of paper (code -32603)")
	_, err = p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a://coded"})
	require.Equal(t, int64(-7), rpc.CodeOf(err))
	err = p.session.Call(t.Context(), mcp.MethodReadResource, wire.MustRaw(`{"uri":"no uri"}`), nil)
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))

	// A URI over the limit is refused before anything looks at it.
	long := "a://" + strings.Repeat("x", defaultMaxURI)
	_, err = p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: long})
	require.EqualError(t, err, "the URI has 8196 bytes: expected at most 8192 (code -32602)")
	_, err = p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: long[:defaultMaxURI]})
	require.Equal(t, mcp.CodeResourceNotFound, rpc.CodeOf(err))
	free := connect(t, New("v", "1", LimitResources(ResourceLimits{URI: -1}), Subscriptions()), clientSide{})
	free.notFound(t, long)
}

func TestResourcesComeAndGo(t *testing.T) {
	s := New("v", "1", PageSize(2))
	for _, uri := range []string{"a://1", "a://2", "a://3", "a://4", "a://5"} {
		AddStaticResource(s, uri, "n", "", "")
	}
	changes := make(chan string, 10)
	p := connect(t, s, clientSide{handler: listener{changes}})
	require.Equal(t, []string{"a://1", "a://2", "a://3", "a://4", "a://5"}, p.uris(t))

	page, err := p.ListResources(t.Context(), &mcp.PaginatedParams{})
	require.NoError(t, err)
	require.Equal(t, 2, s.RemoveResources("a://2", "a://3", "a://none"))
	AddStaticResource(s, "a://6", "n", "", "")
	require.Equal(t, "resources", <-changes)
	next, err := p.ListResources(t.Context(), &mcp.PaginatedParams{Cursor: page.NextCursor})
	require.NoError(t, err)
	require.Equal(t, "a://4", next.Resources[0].URI, "the cursor survived what it pointed at")
	p.notFound(t, "a://2")

	_, err = p.ListResources(t.Context(), &mcp.PaginatedParams{Cursor: "nonsense"})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
	_, err = p.ListResourceTemplates(t.Context(), &mcp.PaginatedParams{Cursor: page.NextCursor})
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err), "a cursor is of one list")

	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing)
	require.Equal(t, "resources", <-changes)
	require.Equal(t, 1, s.RemoveResourceTemplates("t:{x}"))
	require.Equal(t, "resources", <-changes)
}

// listener tells what a client is notified of.
type listener struct{ heard chan string }

func (l listener) ResourceListChanged(context.Context, *mcp.NotificationParams) error {
	l.heard <- "resources"
	return nil
}

func (l listener) PromptListChanged(context.Context, *mcp.NotificationParams) error {
	l.heard <- "prompts"
	return nil
}

func (l listener) ResourceUpdated(_ context.Context, params *mcp.ResourceUpdatedParams) error {
	l.heard <- params.URI
	return nil
}

func nothing(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
	return nil, nil
}

func TestAServerWithoutResources(t *testing.T) {
	p := connect(t, New("v", "1"), clientSide{})
	require.Nil(t, p.opened.Capabilities.Resources)
	for _, method := range []string{mcp.MethodListResources, mcp.MethodListResourceTemplates, mcp.MethodReadResource, mcp.MethodSubscribe, mcp.MethodListPrompts, mcp.MethodGetPrompt, mcp.MethodComplete} {
		require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(p.session.Call(t.Context(), method, nil, nil)), method)
	}
}

func TestAFilterHidesResourcesEverywhere(t *testing.T) {
	s := New("v", "1", Subscriptions(), FilterCatalogue(func(ctx context.Context, item Item) bool {
		who, _ := rpc.PrincipalFrom(ctx)
		return who.ID == "admin" || !strings.Contains(item.Name, "secret")
	}))
	AddStaticResource(s, "a://open", "n", "", "")
	AddStaticResource(s, "a://secret", "n", "", "")
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "secret:{x}"}, nothing, CompleteFrom("x", "1"))
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "open:{x}"}, nothing)
	AddRawPrompt(s, mcp.Prompt{Name: "secret_prompt", Arguments: []mcp.PromptArgument{{Name: "a"}}}, func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil })
	AddPrompt(s, "open_prompt", "", func(context.Context, struct{}) (string, error) { return "", nil })
	reference := func(ref mcp.CompletionReference, name string) *mcp.CompleteParams {
		return &mcp.CompleteParams{Ref: ref, Argument: mcp.CompletionArgument{Name: name}}
	}

	guest := connect(t, s, clientSide{principal: "guest"})
	require.Equal(t, []string{"a://open"}, guest.uris(t))
	guest.notFound(t, "a://secret")
	guest.notFound(t, "secret:1")
	_, err := guest.Subscribe(t.Context(), &mcp.SubscribeParams{URI: "a://secret"})
	requireNotFound(t, err, "a://secret")
	templates, err := guest.ListResourceTemplates(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, templates.ResourceTemplates, 1)
	_, err = guest.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "secret_prompt"})
	require.EqualError(t, err, `unknown prompt "secret_prompt": expected one of open_prompt (code -32602)`)
	_, err = guest.Complete(t.Context(), reference(&mcp.PromptReference{Name: "secret_prompt"}, "a"))
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))
	_, err = guest.Complete(t.Context(), reference(&mcp.ResourceTemplateReference{URI: "secret:{x}"}, "x"))
	require.Equal(t, mcp.CodeInvalidParams, rpc.CodeOf(err))

	admin := connect(t, s, clientSide{principal: "admin"})
	require.Equal(t, []string{"a://open", "a://secret"}, admin.uris(t))
	require.Len(t, admin.read(t, "a://secret"), 1)
	require.Empty(t, admin.read(t, "secret:1"))
	_, err = admin.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "secret_prompt"})
	require.NoError(t, err)
	completed, err := admin.Complete(t.Context(), reference(&mcp.ResourceTemplateReference{URI: "secret:{x}"}, "x"))
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, completed.Completion.Values)
}

func TestMistakesAboutResources(t *testing.T) {
	s := New("v", "1")
	AddStaticResource(s, "a://b", "b", "", "")
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing)
	type one struct {
		X string `json:"x"`
	}
	type two struct {
		X string `json:"x"`
		Y int    `json:"y"`
	}
	read := func(context.Context, one) (string, error) { return "", nil }
	for want, err := range map[string]error{
		`resource "a://b": there is a resource "a://b" already`:                                                    TryAddStaticResource(s, "a://b", "b", "", ""),
		`resource "b": at /uri: expected an absolute URI`:                                                          TryAddStaticResource(s, "b", "b", "", ""),
		`resource "a://c": the name is empty: clients show it, and it is required`:                                 TryAddStaticResource(s, "a://c", "", "", ""),
		`resource "a://c": func() cannot be encoded:`:                                                              TryAddResource(s, "a://c", "c", "", func(context.Context) (func(), error) { return nil, nil }),
		`resource "a://c": the handler is nil`:                                                                     TryAddResource[string](s, "a://c", "c", "", nil),
		`resource "a://d": the handler is nil`:                                                                     TryAddRawResource(s, mcp.Resource{Name: "d", URI: "a://d"}, nil),
		`resource "a://c": at /annotations/priority: `:                                                             TryAddStaticResource(s, "a://c", "c", "", "", ResourceAnnotations(mcp.Annotations{Priority: new(7.0)})),
		`resource template "t:{x}": there is a resource template "t:{x}" already`:                                  TryAddResourceTemplate(s, "t:{x}", "t", "", read),
		`resource template "u:{x": not a URI template (RFC 6570)`:                                                  TryAddResourceTemplate(s, "u:{x", "t", "", read),
		`resource template "u:{x,y}": no field is for the variable y: expected one with the tag ` + "`json:\"y\"`": TryAddResourceTemplate(s, "u:{x,y}", "t", "", read),
		`resource template "u:{x}": the field y is for no variable: expected one of x`:                             TryAddResourceTemplate(s, "u:{x}", "t", "", func(context.Context, two) (string, error) { return "", nil }),
		`resource template "u:{x*}": the variable x* can have several values`:                                      TryAddResourceTemplate(s, "u:{x*}", "t", "", read),
		`resource template "u:v": the template has no variables: expected at least one, or AddResource`:            TryAddResourceTemplate(s, "u:v", "t", "", func(context.Context, struct{}) (string, error) { return "", nil }),
		`resource template "u:{x}": variables: `:                                                                   TryAddResourceTemplate(s, "u:{x}", "t", "", func(context.Context, int) (string, error) { return "", nil }),
		`resource template "u:{x}": there is no variable z to complete: expected one of x`:                         TryAddResourceTemplate(s, "u:{x}", "t", "", read, CompleteFrom("z")),
		`resource template "u:{x}": the name is empty`:                                                             TryAddRawResourceTemplate(s, mcp.ResourceTemplate{URITemplate: "u:{x}"}, nothing),
		`resource template "v:{x}": the handler is nil`:                                                            TryAddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "v", URITemplate: "v:{x}"}, nil),
	} {
		require.ErrorContains(t, err, want)
		m, ok := errors.AsType[*Mistake](err)
		require.True(t, ok)
		require.True(t, strings.HasPrefix(m.Source, "server/resource_test.go:"), m.Source)
	}
	require.PanicsWithError(t, fmt.Sprintf(`server/resource_test.go:%d: resource "a://b": there is a resource "a://b" already`, here()+1), func() {
		AddStaticResource(s, "a://b", "b", "", "")
	})
}

func TestARawResourceIsTheProgramsAffair(t *testing.T) {
	s := New("v", "1")
	def := mcp.Resource{URI: "a://raw", Name: "raw", Unknown: wire.Object{{Name: "x", Value: wire.MustRaw("1")}}}
	AddRawResource(s, def, func(_ context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{&mcp.UnknownResourceContents{Raw: wire.MustRaw(`{"uri":"a://raw","new":1}`)}}}, nil
	}, Title("Raw"))
	AddRawResource(s, mcp.Resource{URI: "a://bad", Name: "bad"}, func(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{&mcp.TextResourceContents{Text: "without a URI"}}}, nil
	})
	p := connect(t, s, clientSide{})
	require.JSONEq(t, `{"uri":"a://raw","name":"raw","title":"Raw","x":1}`, string(p.resources(t)[0].AppendJSON(nil)))
	require.Equal(t, `{"uri":"a://raw","new":1}`, string(p.read(t, "a://raw")[0].AppendJSON(nil)))
	_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "a://bad"})
	require.Equal(t, mcp.CodeInternalError, rpc.CodeOf(err))
}

func TestWhatResourcesCannotReturn(t *testing.T) {
	s := New("v", "1")
	AddResource(s, "a://any", "n", "", func(context.Context) (any, error) { return func() {}, nil })
	AddResource(s, "a://asked", "n", "", func(context.Context) (string, error) {
		return "", &AskError{mcp.MethodElicit, "key", rpc.Errorf(-7, "not now")}
	})
	p := connect(t, s, clientSide{})
	for _, uri := range []string{"a://any", "a://asked"} {
		_, err := p.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
		require.Equal(t, mcp.CodeInternalError, rpc.CodeOf(err), "%s: what the client said is not our answer", uri)
	}
}

func TestResourcesOfMountedServersMustDiffer(t *testing.T) {
	outer, inner := New("outer", "1"), New("inner", "1")
	AddStaticResource(outer, "a://1", "n", "", "outer")
	AddStaticResource(inner, "a://1", "n", "", "inner")
	require.ErrorContains(t, outer.Mount("in_", inner), `there is a resource "a://1" already`)
	inner.RemoveResources("a://1")
	AddRawResourceTemplate(outer, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing)
	AddRawResourceTemplate(inner, mcp.ResourceTemplate{Name: "t", URITemplate: "t:{x}"}, nothing)
	require.ErrorContains(t, outer.Mount("in_", inner), `there is a resource template "t:{x}" already`)
}
