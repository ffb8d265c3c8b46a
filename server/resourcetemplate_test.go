package server

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// text gives the text at a URI.
func (p *peer) text(t *testing.T, uri string) string {
	t.Helper()
	contents := p.read(t, uri)
	require.Len(t, contents, 1)
	content, ok := contents[0].(*mcp.TextResourceContents)
	require.True(t, ok)
	require.Equal(t, uri, content.URI)
	return content.Text
}

func TestVariablesOfATemplateAreRead(t *testing.T) {
	type row struct {
		Table string     `json:"table" jsonschema:"enum=users,enum=orders"`
		ID    uint64     `json:"id"`
		Since *time.Time `json:"since,omitempty"`
		From  netip.Addr `json:"from,omitzero"`
		Limit int        `json:"limit,omitempty" jsonschema:"default=10,maximum=100"`
		Full  bool       `json:"full,omitempty"`
		Tags  []string   `json:"tag,omitempty"`
	}
	s := New("v", "1")
	AddResourceTemplate(s, "db:///{table}/{id}{?since,from,limit,full,tag*}", "row", "A row.", func(_ context.Context, v row) (string, error) {
		since := ""
		if v.Since != nil {
			since = v.Since.UTC().Format(time.DateOnly)
		}
		return fmt.Sprintf("%s %d %s %v %d %t %q", v.Table, v.ID, since, v.From, v.Limit, v.Full, v.Tags), nil
	}, Title("Row"), MIMEType("text/x-row"), ResourceAnnotations(mcp.Annotations{Priority: new(1.0)}),
		Icons(mcp.Icon{Src: "https://example.com/i.png"}), Meta(wire.Object{{Name: "a", Value: wire.MustRaw("1")}}))
	p := connect(t, s, clientSide{})

	list, err := p.ListResourceTemplates(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.ResourceTemplates, 1)
	require.JSONEq(t, `{
		"uriTemplate": "db:///{table}/{id}{?since,from,limit,full,tag*}", "name": "row", "title": "Row", "description": "A row.",
		"mimeType": "text/x-row", "annotations": {"priority": 1}, "icons": [{"src": "https://example.com/i.png"}], "_meta": {"a": 1}
	}`, string(list.ResourceTemplates[0].AppendJSON(nil)))
	require.Empty(t, p.uris(t), "templates are listed on their own")

	for uri, want := range map[string]string{
		"db:///users/7": `users 7  invalid IP 10 false []`,
		"db:///orders/18446744073709551615?limit=5":                                                `orders 18446744073709551615  invalid IP 5 false []`,
		"db:///users/7?since=2025-01-02T03:04:05Z&from=10.0.0.1&limit=5&full=true&tag=a%20b&tag=c": `users 7 2025-01-02 10.0.0.1 5 true ["a b" "c"]`,
		"db:///users/7?limit=": `users 7  invalid IP 10 false []`,
	} {
		require.Equal(t, want, p.text(t, uri), uri)
	}
	for _, uri := range []string{
		"db:///users/", "db:///users", "db:///users/x", "db:///users/-1", "db:///users/1.5", "db:///cats/1", "db:///users/1?limit=101",
		"db:///users/1?full=maybe", "db:///users/1?since=yesterday", "db:///users/1?other=1", "db:///users/1/2", "db:///users/18446744073709551616",
		"db:///users/%ff", "dc:///users/1",
	} {
		p.notFound(t, uri)
	}
}

func TestWhichTemplateCounts(t *testing.T) {
	say := func(who string) func(context.Context, map[string]string) (string, error) {
		return func(_ context.Context, v map[string]string) (string, error) { return fmt.Sprint(who, v), nil }
	}
	s := New("v", "1")
	AddResourceTemplate(s, "a:{x}", "n", "", func(_ context.Context, v struct {
		X int `json:"x"`
	}) (string, error) {
		return fmt.Sprint("number ", v.X), nil
	})
	AddResourceTemplate(s, "a:{x}/{y}", "n", "", say("two "))
	AddResourceTemplate(s, "a:{+x}", "n", "", say("first "))
	AddResourceTemplate(s, "{+x}", "n", "", say("second "))
	AddStaticResource(s, "a:static", "n", "", "static")
	AddResourceTemplate(s, "b:{?list*}", "n", "", func(_ context.Context, v map[string][]int) (string, error) { return fmt.Sprint(v), nil })
	p := connect(t, s, clientSide{})
	require.Equal(t, "static", p.text(t, "a:static"))
	require.Equal(t, "number 5", p.text(t, "a:5"))
	require.Equal(t, "two map[x:b/c y:d]", p.text(t, "a:b%2Fc/d"))
	require.Equal(t, "first map[x:b/c/d]", p.text(t, "a:b/c/d"))
	require.Equal(t, "second map[x:b:?list=1&list=2]", p.text(t, "b:?list=1&list=2"))
	s.RemoveResourceTemplates("{+x}")
	require.Equal(t, "map[list:[1 2]]", p.text(t, "b:?list=1&list=2"))
	p.notFound(t, "b:?list=one")
}

func TestARawTemplateReadsEveryURIThatFits(t *testing.T) {
	s := New("v", "1")
	AddRawResourceTemplate(s, mcp.ResourceTemplate{Name: "raw", URITemplate: "raw:{+x}{?list*}"}, func(_ context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		if params.URI == "raw:missing" {
			return nil, ErrResourceNotFound
		}
		return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{&mcp.TextResourceContents{URI: params.URI, Text: "raw"}}}, nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, "raw", p.text(t, "raw:a/b?list=1"))
	p.notFound(t, "raw:missing")
	p.notFound(t, "other:a")
}

func TestPairsAndListsInATemplate(t *testing.T) {
	type search struct {
		Path   []string          `json:"path"`
		Fields map[string]string `json:"fields,omitempty"`
	}
	s := New("v", "1")
	AddResourceTemplate(s, "s:{/path*}{?fields*}", "n", "", func(_ context.Context, v search) (string, error) {
		return fmt.Sprintf("%q %q", v.Path, v.Fields), nil
	})
	p := connect(t, s, clientSide{})
	require.Equal(t, `["a" "b"] map["k":"v" "l":""]`, p.text(t, "s:/a/b?k=v&l="))
	require.Equal(t, `["a"] map[]`, p.text(t, "s:/a"))
	p.notFound(t, "s:?k=v")
	p.notFound(t, "s:/a?k=1&k=2")
}
