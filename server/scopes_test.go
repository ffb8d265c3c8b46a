package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// connectWith connects a client whose principal has scopes.
func connectWith(t *testing.T, s *Server, scopes ...string) *peer {
	t.Helper()
	session := rpc.NewSession(rpc.Config{Dispatch: rpc.NewDispatch(mcp.Latest.Client, nil)})
	ctx := rpc.WithPrincipal(t.Context(), rpc.Principal{ID: "ada", Scopes: scopes})
	conn, err := pipe.To(s, pipe.Limits{}).Connect(ctx, session)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	p := &peer{mcp.ServerStub{Caller: session}, session, conn, nil}
	p.opened, err = p.Initialize(t.Context(), &mcp.InitializeParams{ProtocolVersion: versions[0], ClientInfo: mcp.Implementation{Name: "t", Version: "1"}})
	require.NoError(t, err)
	require.NoError(t, p.Initialized(t.Context(), nil))
	return p
}

// guarded is a server with one thing of each kind behind a scope and one for everybody; ran counts what ran.
func guarded(t *testing.T, ran *int, opts ...Option) *Server {
	s := New("v", "1", opts...)
	AddTool(s, "open", "", greet)
	AddTool(s, "rm", "", func(context.Context, struct{}) (string, error) { *ran++; return "done", nil }, Scopes("files:write"), Scopes("files:read", "files:write"))
	read := func(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		*ran++
		return &mcp.ReadResourceResult{}, nil
	}
	watch := OnSubscribe(func(context.Context, string) (func(), error) { *ran++; return nil, nil })
	AddRawResource(s, mcp.Resource{URI: "a:open", Name: "open"}, read)
	AddRawResource(s, mcp.Resource{URI: "a:secret", Name: "secret"}, read, Scopes("files:read"), watch)
	AddRawResourceTemplate(s, mcp.ResourceTemplate{URITemplate: "b:{x}", Name: "b"}, read, Scopes("files:read"), watch, CompleteFrom("x", "one"))
	AddPrompt(s, "ask", "", func(context.Context, struct {
		A string `json:"a"`
	}) (string, error) {
		*ran++
		return "?", nil
	}, Scopes("prompts"), CompleteFrom("a", "one"))
	return s
}

func TestScopesAreEnforcedBeforeAnythingRuns(t *testing.T) {
	ran := 0
	s := guarded(t, &ran)
	attempts := func(p *peer) map[string]error {
		ctx := t.Context()
		_, call := p.CallTool(ctx, &mcp.CallToolParams{Name: "rm"})
		_, read := p.ReadResource(ctx, &mcp.ReadResourceParams{URI: "a:secret"})
		_, readTemplate := p.ReadResource(ctx, &mcp.ReadResourceParams{URI: "b:1"})
		_, subscribe := p.Subscribe(ctx, &mcp.SubscribeParams{URI: "a:secret"})
		_, subscribeTemplate := p.Subscribe(ctx, &mcp.SubscribeParams{URI: "b:1"})
		_, get := p.GetPrompt(ctx, &mcp.GetPromptParams{Name: "ask", Arguments: map[string]string{"a": "1"}})
		_, completePrompt := p.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.PromptReference{Name: "ask"}, Argument: mcp.CompletionArgument{Name: "a"}})
		_, completeTemplate := p.Complete(ctx, &mcp.CompleteParams{Ref: &mcp.ResourceTemplateReference{URI: "b:{x}"}, Argument: mcp.CompletionArgument{Name: "x"}})
		return map[string]error{"call": call, "read": read, "read template": readTemplate, "subscribe": subscribe,
			"subscribe template": subscribeTemplate, "get": get, "complete prompt": completePrompt, "complete template": completeTemplate}
	}
	for name, p := range map[string]*peer{"nobody": connect(t, s, clientSide{}), "half": connectWith(t, s, "files:write", "other")} {
		for what, err := range attempts(p) {
			require.Equal(t, rpc.CodeForbidden, rpc.CodeOf(err), "%s: %s", name, what)
		}
	}
	require.Zero(t, ran)
	p := connectWith(t, s, "files:write", "files:read", "prompts")
	for what, err := range attempts(p) {
		require.NoError(t, err, what)
	}
	require.Equal(t, 6, ran)
	_, err := connectWith(t, s, "files:read").CallTool(t.Context(), &mcp.CallToolParams{Name: "rm"})
	require.EqualError(t, err, `the tool "rm" takes the scopes "files:read files:write": missing "files:write" (code -32013)`)
	var e *rpc.Error
	require.ErrorAs(t, err, &e)
	require.JSONEq(t, `{"scopes":["files:read","files:write"]}`, e.Data.String())
	_, err = p.CallTool(t.Context(), &mcp.CallToolParams{Name: "open"})
	require.NoError(t, err)
}

func TestForbiddenIsListedUnlessHidden(t *testing.T) {
	ran := 0
	for _, hide := range []bool{false, true} {
		opts := []Option{PageSize(1)}
		if hide {
			opts = append(opts, HideForbidden())
		}
		s := guarded(t, &ran, opts...)
		names := connectWith(t, s).names(t)
		if !hide {
			require.Equal(t, []string{"open", "rm"}, names)
			continue
		}
		require.Equal(t, []string{"open"}, names)
		require.Equal(t, []string{"open", "rm"}, connectWith(t, s, "files:read", "files:write").names(t))
		p := connectWith(t, s)
		resources, err := p.ListResources(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, resources.Resources, 1)
		require.Empty(t, resources.NextCursor)
		templates, err := p.ListResourceTemplates(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, templates.ResourceTemplates)
		prompts, err := p.ListPrompts(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, prompts.Prompts)
		_, err = p.CallTool(t.Context(), &mcp.CallToolParams{Name: "rm"})
		require.Equal(t, rpc.CodeForbidden, rpc.CodeOf(err), "it is refused, not unknown: the scopes can be asked for")
		_, err = p.CallTool(t.Context(), &mcp.CallToolParams{Name: "rn"})
		require.EqualError(t, err, `unknown tool "rn": expected one of open (code -32602)`)
	}
}

func TestHooksForRolesHoldWhereAServerIsMounted(t *testing.T) {
	var asked []string
	admins := func(ctx context.Context, item Item) error {
		asked = append(asked, string(item.Kind)+" "+item.Name)
		if p, _ := CallFrom(ctx).Principal(); p.ID == "ada" {
			return nil
		}
		return errors.New("for admins only")
	}
	ran := 0
	child := guarded(t, &ran, Authorize(admins))
	grandparent, parent := New("g", "1"), New("p", "1", Authorize(func(_ context.Context, item Item) error {
		if strings.HasSuffix(item.Name, "rm") {
			return rpc.Errorf(-32099, "not today")
		}
		return nil
	}))
	require.NoError(t, parent.Mount("c_", child))
	require.NoError(t, grandparent.Mount("p_", parent))
	p := connectWith(t, grandparent, "files:read", "files:write", "prompts")
	_, err := p.CallTool(t.Context(), &mcp.CallToolParams{Name: "p_c_open"})
	require.NoError(t, err)
	_, err = p.CallTool(t.Context(), &mcp.CallToolParams{Name: "p_c_rm"})
	require.EqualError(t, err, "not today (code -32099)")
	require.Equal(t, []string{"tool open", "tool rm"}, asked)
	require.Zero(t, ran)
	bob := connect(t, grandparent, clientSide{principal: "bob"})
	_, err = bob.CallTool(t.Context(), &mcp.CallToolParams{Name: "p_c_open"})
	require.ErrorContains(t, err, `tool "open": for admins only (code -32013)`)
	_, err = connectWith(t, grandparent).CallTool(t.Context(), &mcp.CallToolParams{Name: "p_c_rm"})
	require.ErrorContains(t, err, `missing "files:read files:write"`, "scopes are asked for first")
}

func TestAMissingScopeOverHTTPIsAChallenge(t *testing.T) {
	ran := 0
	s := guarded(t, &ran)
	url, c := overHTTP(t, s)
	opened := post(t, c, url, initialize, "X-User", "ada", "X-Scope", "files:read")
	rm := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}}`
	response := post(t, c, url, rm, "Mcp-Session-Id", opened.Header.Get("Mcp-Session-Id"), "X-User", "ada", "X-Scope", "files:read")
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	require.Equal(t, `Bearer error="insufficient_scope", scope="files:read files:write"`, response.Header.Get("WWW-Authenticate"))
	anonymous := post(t, c, url, initialize)
	response = post(t, c, url, rm, "Mcp-Session-Id", anonymous.Header.Get("Mcp-Session-Id"))
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.Equal(t, `Bearer scope="files:read files:write"`, response.Header.Get("WWW-Authenticate"))
	require.Zero(t, ran)
}

func TestTheFilesOfATreeTakeItsScopes(t *testing.T) {
	s := New("v", "1")
	tree, err := AddFileTree(s, "docs:///", "docs", "", t.TempDir(), Scopes("b", "a", "b"))
	require.NoError(t, err)
	defer func() { require.NoError(t, tree.Close()) }()
	_, err = connectWith(t, s, "b").ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "docs:///x"})
	require.ErrorContains(t, err, `takes the scopes "a b": missing "a"`)
}

func TestScopesThatAreNone(t *testing.T) {
	for _, scope := range []string{"", "a b", "a\"b", `a\b`, "ä", "a\nb"} {
		err := TryAddTool(New("v", "1"), "t", "", greet, Scopes(scope))
		require.ErrorContains(t, err, "has a character that none can have", "%q", scope)
		require.Error(t, TryAddPrompt(New("v", "1"), "t", "", func(context.Context, struct{}) (string, error) { return "", nil }, Scopes(scope)))
		require.Error(t, TryAddRawResource(New("v", "1"), mcp.Resource{URI: "a:b", Name: "b"}, func(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
			return nil, nil
		}, Scopes(scope)))
	}
}

func TestATaskIsNotMadeWithoutTheScopes(t *testing.T) {
	s := New("v", "1")
	AddTool(s, "rm", "", func(context.Context, struct{}) (string, error) { return "gone", nil }, TaskOptional(), Scopes("files:write"))
	_, err := connectWith(t, s, "files:read").tryBegin(t.Context(), "rm", "", 0)
	require.Equal(t, rpc.CodeForbidden, rpc.CodeOf(err))
	p := connectWith(t, s, "files:write")
	list, err := p.ListTasks(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, list.Tasks)
	result, err := p.outcome(t, p.begin(t, "rm", "").TaskID)
	require.NoError(t, err)
	require.Contains(t, result.String(), "gone")
}
