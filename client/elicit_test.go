package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/client"
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/pipe"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// elicit asks for a form with the schema, to which the client answers with content, and gives what arrives.
func elicit(t *testing.T, schema string, answer func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error)) (string, error) {
	t.Helper()
	f := &fake{}
	dial(t, f, client.OnElicit(func(_ context.Context, p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return answer(p) }))
	var result wire.Raw
	err := f.client().Caller.Call(t.Context(), mcp.MethodElicit, wire.MustRaw(fmt.Sprintf(`{"message":"?","requestedSchema":%s}`, schema)), &result)
	return result.String(), err
}

func accept(content any) func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
	return func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return client.Accept(content) }
}

const fiveDefaults = `{"type":"object","properties":{
	"name":{"type":"string","default":"John Doe"},
	"age":{"type":"integer","default":30},
	"score":{"type":"number","default":95.5},
	"status":{"type":"string","enum":["active","inactive"],"default":"active"},
	"tags":{"type":"array","items":{"type":"string","enum":["a","b"]},"default":["a"]},
	"nick":{"type":"string","default":""},
	"none":{"type":"string"},
	"verified":{"type":"boolean","default":true}},"required":["name"]}`

func TestElicitationFillsSchemaDefaults(t *testing.T) {
	got, err := elicit(t, fiveDefaults, accept(nil))
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"accept","content":{"name":"John Doe","age":30,"score":95.5,"status":"active","tags":["a"],"nick":"","verified":true}}`, got)

	got, err = elicit(t, fiveDefaults, accept(map[string]any{"age": 31, "verified": false, "tags": []string{}, "none": "x"}))
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"accept","content":{"name":"John Doe","age":31,"score":95.5,"status":"active","tags":[],"nick":"","none":"x","verified":false}}`, got)
}

func TestElicitationDefaultsForShowing(t *testing.T) {
	_, err := elicit(t, fiveDefaults, func(p *mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		require.Equal(t, map[string]mcp.ElicitValue{
			"name": mcp.ElicitValueString("John Doe"), "age": mcp.ElicitValueNumber(30), "score": mcp.ElicitValueNumber(95.5),
			"status": mcp.ElicitValueString("active"), "tags": mcp.ElicitValueArray{"a"}, "verified": mcp.ElicitValueBoolean(true),
		}, client.FormDefaults(p))
		require.NoError(t, client.CheckForm(p, client.FormDefaults(p)))
		require.EqualError(t, client.CheckForm(p, nil), "/name: required but missing; expected a string")
		return client.Decline(), nil
	})
	require.NoError(t, err)
}

func TestElicitationDeclinedAndCancelled(t *testing.T) {
	got, err := elicit(t, fiveDefaults, func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		r := client.Decline()
		r.Content = map[string]mcp.ElicitValue{"name": mcp.ElicitValueString("secret")}
		return r, nil
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"decline"}`, got, "no data goes with it")
	got, err = elicit(t, fiveDefaults, func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return client.Cancel(), nil })
	require.NoError(t, err)
	require.JSONEq(t, `{"action":"cancel"}`, got)
}

func TestElicitationValidatesWhatItReturns(t *testing.T) {
	property := func(s string) string { return `{"type":"object","properties":{"x":` + s + `}}` }
	for _, x := range []struct {
		schema  string
		content any
		want    string // "" if it is fine
	}{
		{`{"type":"object","properties":{"x":{"type":"string"}},"required":["x"]}`, nil, `/x: required but missing; expected a string`},
		{property(`{"type":"string"}`), map[string]any{"y": "1"}, `field "y" is not in the form, which has ["x"]`},
		{property(`{"type":"string","minLength":3}`), map[string]any{"x": "ab"}, `/x: expected at least 3 characters, found 2`},
		{property(`{"type":"string","pattern":"^[a-z]+$"}`), map[string]any{"x": "AB"}, `/x: expected a string that matches the regular expression ^[a-z]+$, found "AB"`},
		{property(`{"type":"string","format":"email"}`), map[string]any{"x": "ada"}, `/x: expected a string of the format email (such as ada@example.com), found "ada"`},
		{property(`{"type":"string","format":"email"}`), map[string]any{"x": "ada@example.com"}, ``},
		{property(`{"type":"string","format":"date"}`), map[string]any{"x": "2025-13-01"}, `/x: expected a string of the format date (such as 2025-11-25), found "2025-13-01"`},
		{property(`{"type":"string","format":"date-time"}`), map[string]any{"x": "2025-11-25T00:00:00Z"}, ``},
		{property(`{"type":"string","format":"uri"}`), map[string]any{"x": "no uri"}, `/x: expected a string of the format uri (such as https://example.com/page), found "no uri"`},
		{property(`{"type":"integer"}`), map[string]any{"x": 1.5}, `/x: expected an integer, found a number`},
		{property(`{"type":"number","minimum":2,"maximum":3}`), map[string]any{"x": 1}, `/x: expected a number of at least 2, found 1`},
		{property(`{"type":"boolean"}`), map[string]any{"x": "true"}, `/x: expected a boolean, found a string`},
		// the five forms of choices
		{property(`{"type":"string","enum":["a","b"]}`), map[string]any{"x": "c"}, `/x: expected one of "a", "b", found "c"`},
		{property(`{"type":"string","enum":["a","b"],"enumNames":["A","B"]}`), map[string]any{"x": "A"}, `/x: expected one of "a", "b", found "A"; did you mean "a"?`},
		{property(`{"type":"string","oneOf":[{"const":"a","title":"A"},{"const":"b","title":"B"}]}`), map[string]any{"x": "c"}, `/x: expected one of "a", "b", found "c"`},
		{property(`{"type":"array","items":{"type":"string","enum":["a","b"]},"minItems":1}`), map[string]any{"x": []string{}}, `/x: expected at least 1 items, found 0`},
		{property(`{"type":"array","items":{"anyOf":[{"const":"a","title":"A"},{"const":"b","title":"B"}]}}`), map[string]any{"x": []string{"a", "c"}}, `/x/1: expected one of "a", "b", found "c"`},
		{property(`{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]}}`), map[string]any{"x": []string{"a"}}, ``},
		// what no form can hold
		{property(`{"type":"string"}`), map[string]any{"x": nil}, `field "x": expected a string, a number, a boolean or an array of strings, found null`},
	} {
		_, err := elicit(t, x.schema, accept(x.content))
		if x.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, "the client's answer was not valid: "+x.want+" (code -32603)")
	}
	_, err := elicit(t, property(`{"type":"string"}`), func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: mcp.ElicitActionAccept, Content: map[string]mcp.ElicitValue{"x": nil}}, nil
	})
	require.EqualError(t, err, `the client's answer was not valid: field "x": expected a value, found nil (code -32603)`)
	_, err = elicit(t, property(`{"type":"string"}`), func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: "maybe"}, nil
	})
	require.Equal(t, rpc.CodeInternalError, rpc.CodeOf(err))
	_, err = elicit(t, property(`{"type":"string"}`), func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return nil, nil })
	require.EqualError(t, err, "the client's elicitation handler returned nothing (code -32603)")
	_, err = elicit(t, property(`{"type":"string"}`), func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return nil, errors.New("no screen") })
	require.EqualError(t, err, "no screen (code -32603)")
}

func TestElicitationWithAUselessSchemaIsRefused(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"x":{"type":"string","pattern":"("}}}`,
		`{"type":"object","$ref":"file:///etc/passwd","properties":{}}`,
		`{"type":"object","$schema":"https://example.com/own","properties":{}}`,
	} {
		_, err := elicit(t, schema, func(*mcp.ElicitFormParams) (*mcp.ElicitResult, error) {
			t.Error("it was shown")
			return client.Cancel(), nil
		})
		require.Equal(t, rpc.CodeInvalidParams, rpc.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, "elicitation/create: the requested schema is of no use: ")
	}
}

func TestElicitationModesNotDeclaredAreRefused(t *testing.T) {
	url := &mcp.ElicitURLParams{ElicitationID: "1", Message: "?", URL: "https://example.com"}
	form := &mcp.ElicitFormParams{Message: "?"}
	f := &fake{}
	dial(t, f, client.OnElicit(func(context.Context, *mcp.ElicitFormParams) (*mcp.ElicitResult, error) { return client.Cancel(), nil }))
	_, err := f.client().Elicit(t.Context(), url)
	require.EqualError(t, err, `elicitation/create: this client does not declare the mode "url" (code -32602)`)
	f = &fake{}
	dial(t, f, client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) { return "", nil }))
	_, err = f.client().Elicit(t.Context(), form)
	require.EqualError(t, err, `elicitation/create: this client does not declare the mode "form" (code -32602)`)
	err = f.client().Caller.Call(t.Context(), mcp.MethodElicit, wire.MustRaw(`{"mode":"telepathy","message":"?"}`), nil)
	require.EqualError(t, err, "elicitation/create: expected the mode form or url (code -32602)")
}

func TestElicitationByURLAndItsCompletion(t *testing.T) {
	var asked []string
	done := make(chan string, 8)
	action := mcp.ElicitActionAccept
	f := &fake{capabilities: everything()}
	c := dial(t, f,
		client.OnElicitURL(func(_ context.Context, p *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
			asked = append(asked, p.URL)
			return action, nil
		}),
		client.OnElicitationComplete(func(_ context.Context, id string) { done <- id }))
	ask := func(id string) *mcp.ElicitResult {
		r, err := f.client().Elicit(t.Context(), &mcp.ElicitURLParams{ElicitationID: id, Message: "?", URL: "https://example.com/" + id})
		require.NoError(t, err)
		return r
	}
	complete := func(id string) {
		require.NoError(t, f.client().ElicitationComplete(t.Context(), &mcp.ElicitationCompleteParams{ElicitationID: id}))
	}
	require.Equal(t, &mcp.ElicitResult{Action: mcp.ElicitActionAccept}, ask("yes"))
	action = mcp.ElicitActionDecline
	require.Equal(t, &mcp.ElicitResult{Action: mcp.ElicitActionDecline}, ask("no"))
	require.Equal(t, []string{"https://example.com/yes", "https://example.com/no"}, asked)

	complete("unknown")
	complete("no")
	complete("yes")
	complete("yes")
	require.Equal(t, "yes", <-done)

	// one that an error asks for
	f.call = func(context.Context, *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		data := mcp.URLElicitationRequiredData{Elicitations: []mcp.ElicitURLParams{{ElicitationID: "first", Message: "?", URL: "https://example.com/first"}}}
		return nil, data.Err("log in first")
	}
	_, err := client.CallTool[string](t.Context(), c, "t", nil)
	required := client.RequiredElicitations(err)
	require.Len(t, required, 1)
	require.Equal(t, "https://example.com/first", required[0].URL)
	require.Len(t, asked, 2, "nobody was asked, nothing opened")
	complete("first")
	require.Equal(t, "first", <-done)
	require.Empty(t, done)
	require.Nil(t, client.RequiredElicitations(errors.New("other")))
	require.Nil(t, client.RequiredElicitations(rpc.Errorf(mcp.CodeURLElicitationRequired, "without data")))
}

func TestElicitationsByURLRememberedAreBounded(t *testing.T) {
	done := make(chan string, 8)
	f := &fake{}
	c, err := client.Dial(t.Context(), me(), pipe.To(f.acceptor(), pipe.Limits{}),
		client.OnElicitURL(func(context.Context, *mcp.ElicitURLParams) (mcp.ElicitAction, error) {
			return mcp.ElicitActionAccept, nil
		}),
		client.OnElicitationComplete(func(_ context.Context, id string) { done <- id }))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	for i := range 1025 {
		_, err := f.client().Elicit(t.Context(), &mcp.ElicitURLParams{ElicitationID: fmt.Sprint(i), Message: "?", URL: "https://example.com"})
		require.NoError(t, err)
	}
	for _, id := range []string{"0", "1"} {
		require.NoError(t, f.client().ElicitationComplete(t.Context(), &mcp.ElicitationCompleteParams{ElicitationID: id}))
	}
	require.Equal(t, "1", <-done)
}
