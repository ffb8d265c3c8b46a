package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// complete completes an argument of a prompt, or of a template if the reference has a colon.
func (p *peer) complete(ctx context.Context, ref, argument, typed string, given map[string]string) (*mcp.Completion, error) {
	params := &mcp.CompleteParams{Ref: &mcp.PromptReference{Name: ref}, Argument: mcp.CompletionArgument{Name: argument, Value: typed}}
	if strings.Contains(ref, ":") {
		params.Ref = &mcp.ResourceTemplateReference{URI: ref}
	}
	if given != nil {
		params.Context = &mcp.CompletionContext{Arguments: given}
	}
	result, err := p.ServerStub.Complete(ctx, params)
	if err != nil {
		return nil, err
	}
	return &result.Completion, nil
}

func TestArgumentsAreCompleted(t *testing.T) {
	frameworks := map[string][]string{"python": {"flask", "django"}, "go": {"gin"}}
	s := New("v", "1")
	AddPrompt(s, "review", "", func(context.Context, review) (string, error) { return "", nil },
		Complete("code", func(_ context.Context, c Completing) ([]string, error) {
			require.Equal(t, "code", c.Argument)
			var fit []string
			for _, f := range frameworks[c.Given["language"]] {
				if strings.HasPrefix(f, c.Value) {
					fit = append(fit, f)
				}
			}
			return fit, nil
		}),
		Complete("depth", func(context.Context, Completing) (*mcp.Completion, error) {
			return &mcp.Completion{Values: []string{"1"}, HasMore: true}, nil
		}),
		Complete("host", func(context.Context, Completing) ([]string, error) { return nil, errors.New("no names today") }))
	AddResourceTemplate(s, "db:///{table}/{id}", "row", "", func(context.Context, struct {
		Table string `json:"table" jsonschema:"enum=users,enum=orders,enum=old_users"`
		ID    int    `json:"id"`
	}) (string, error) {
		return "", nil
	}, Complete("id", func(_ context.Context, c Completing) ([]string, error) {
		return []string{c.Given["table"] + c.Value}, nil
	}))
	AddStaticResource(s, "a://static", "n", "", "")
	p := connect(t, s, clientSide{})
	require.True(t, p.opened.Capabilities.Declares("completions"))

	for _, c := range []struct {
		ref, argument, typed string
		given                map[string]string
		want                 string
	}{
		{"review", "code", "fl", map[string]string{"language": "python"}, `{"values":["flask"],"total":1}`},
		{"review", "code", "fl", nil, `{"values":[],"total":0}`},
		{"review", "depth", "", nil, `{"values":["1"],"hasMore":true}`},
		// Enums complete by themselves, and Booleans.
		{"review", "language", "", nil, `{"values":["go","python"],"total":2}`},
		{"review", "language", "PY", nil, `{"values":["python"],"total":1}`},
		{"review", "strict", "t", nil, `{"values":["true"],"total":1}`},
		{"db:///{table}/{id}", "table", "user", nil, `{"values":["users","old_users"],"total":2}`},
		{"db:///{table}/{id}", "id", "7", map[string]string{"table": "users"}, `{"values":["users7"],"total":1}`},
	} {
		completion, err := p.complete(t.Context(), c.ref, c.argument, c.typed, c.given)
		require.NoError(t, err, "%+v", c)
		require.JSONEq(t, c.want, string(completion.AppendJSON(nil)), "%+v", c)
	}
	for _, c := range []struct{ ref, argument, want string }{
		{"reviev", "code", `unknown prompt "reviev": did you mean "review"? (code -32602)`},
		{"review", "cod", `unknown argument "cod": expected one of code, language, depth, strict, host (code -32602)`},
		{"db:///{table}/{id}", "x", `unknown variable "x": expected one of table, id (code -32602)`},
		{"a://static", "x", `unknown variable "x": there are no variables (code -32602)`},
		{"b:{x}", "x", `unknown resource template "b:{x}": expected one of db:///{table}/{id} (code -32602)`},
		{"review", "host", `no names today (code -32603)`},
	} {
		_, err := p.complete(t.Context(), c.ref, c.argument, "", nil)
		require.EqualError(t, err, c.want)
	}
}

func TestACompletionHasAHundredValues(t *testing.T) {
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	s := New("v", "1")
	def := mcp.Prompt{Name: "p", Arguments: []mcp.PromptArgument{{Name: "all"}, {Name: "first"}, {Name: "enough"}, {Name: "from"}, {Name: "none"}}}
	AddRawPrompt(s, def, func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil },
		Complete("all", func(context.Context, Completing) ([]string, error) { return many, nil }),
		Complete("first", func(context.Context, Completing) (*mcp.Completion, error) {
			return &mcp.Completion{Values: many, Total: new(int64(9000))}, nil
		}),
		Complete("enough", func(context.Context, Completing) ([]string, error) { return many[:100], nil }),
		CompleteFrom("from", many...))
	p := connect(t, s, clientSide{})
	for argument, want := range map[string]mcp.Completion{
		"all":    {Values: many[:100], Total: new(int64(250)), HasMore: true},
		"first":  {Values: many[:100], Total: new(int64(9000)), HasMore: true},
		"enough": {Values: many[:100], Total: new(int64(100))},
		"from":   {Values: many[:100], Total: new(int64(250)), HasMore: true},
		"none":   {Values: []string{}, Total: new(int64(0))},
	} {
		completion, err := p.complete(t.Context(), "p", argument, "", nil)
		require.NoError(t, err)
		require.Equal(t, &want, completion, argument)
	}
	require.Len(t, many, 250)
	require.True(t, slices.Contains(many, "249"))
}

func TestCompletionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New("v", "1", LimitCompletions(CompletionLimit{Burst: 3, PerSecond: 0.5}))
		AddRawPrompt(s, mcp.Prompt{Name: "p", Arguments: []mcp.PromptArgument{{Name: "a"}}},
			func(context.Context, *mcp.GetPromptParams) (*mcp.GetPromptResult, error) { return nil, nil }, CompleteFrom("a", "x"))
		p := connect(t, s, clientSide{})
		ask := func() error {
			_, err := p.complete(t.Context(), "p", "a", "", nil)
			return err
		}
		for range 3 {
			require.NoError(t, ask())
		}
		err := ask()
		require.Equal(t, rpc.CodeBusy, rpc.CodeOf(err))
		e, _ := errors.AsType[*rpc.Error](err)
		require.Equal(t, `{"retryAfter":2}`, e.Data.String())
		<-time.After(2 * time.Second)
		require.NoError(t, ask())
		require.Error(t, ask())

		// Others have buckets of their own, which go with their sessions.
		q := connect(t, s, clientSide{})
		_, err = q.complete(t.Context(), "p", "a", "", nil)
		require.NoError(t, err)
		require.NoError(t, q.conn.Close())
		require.NoError(t, p.conn.Close())
		synctest.Wait()
		require.Empty(t, s.completions.rates.buckets)
	})
}

func TestCompletionsAreDeclaredIfThereAreAny(t *testing.T) {
	s := New("v", "1")
	AddPrompt(s, "p", "", func(context.Context, struct {
		A string `json:"a"`
	}) (string, error) {
		return "", nil
	})
	p := connect(t, s, clientSide{})
	require.False(t, p.opened.Capabilities.Declares("completions"))
	_, err := p.complete(t.Context(), "p", "a", "", nil)
	require.Equal(t, mcp.CodeMethodNotFound, rpc.CodeOf(err))
}

// paint lists its values itself.
type paint string

func (paint) EnumOptions() []mcp.EnumOption {
	return []mcp.EnumOption{{Const: "r", Title: "Red"}, {Const: "g", Title: "Green"}}
}

func TestEnumsOfAllFormsComplete(t *testing.T) {
	s := New("v", "1")
	AddPrompt(s, "p", "", func(context.Context, struct {
		Color  paint  `json:"color,omitempty"`
		Maybe  *paint `json:"maybe"`
		Number int    `json:"number,omitempty" jsonschema:"enum=1,enum=12"`
	}) (string, error) {
		return "", nil
	})
	AddResourceTemplate(s, "a:{colors}{?more*}", "n", "", func(context.Context, struct {
		Colors []paint           `json:"colors"`
		More   map[string]string `json:"more,omitempty"`
	}) (string, error) {
		return "", nil
	})
	p := connect(t, s, clientSide{})
	for _, c := range []struct {
		ref, argument, typed string
		want                 []string
	}{
		{"p", "color", "", []string{"r", "g"}},
		{"p", "maybe", "G", []string{"g"}},
		{"p", "number", "1", []string{"1", "12"}},
		{"a:{colors}{?more*}", "colors", "", []string{"r", "g"}},
		{"a:{colors}{?more*}", "more", "", []string{}},
	} {
		completion, err := p.complete(t.Context(), c.ref, c.argument, c.typed, nil)
		require.NoError(t, err)
		require.Equal(t, c.want, completion.Values, c.argument)
	}
	p.notFound(t, "a:r,x")
	require.Empty(t, p.text(t, "a:r,g"))
}
