package server

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// color is a choice with titles.
type color string

func (color) EnumOptions() []mcp.EnumOption {
	return []mcp.EnumOption{{Const: "#f00", Title: "Red"}, {Const: "#0f0", Title: "Green"}}
}

type booking struct {
	Name    string    `json:"name" jsonschema:"title=Your name,minLength=1,maxLength=20,default=Ada"`
	Mail    string    `json:"mail" jsonschema:"format=email"`
	Age     int       `json:"age" jsonschema:"minimum=18,maximum=120"`
	Size    float64   `json:"size,omitempty" jsonschema:"default=1.5"`
	Window  bool      `json:"window" jsonschema:"default=true"`
	When    time.Time `json:"when,omitzero"`
	Seat    string    `json:"seat" jsonschema:"enum=aisle,enum=window"`
	Color   color     `json:"color" jsonschema:"default=#f00"`
	Meals   []string  `json:"meals" jsonschema:"enum=fish,enum=rice,minItems=1,maxItems=2,default=fish"`
	Colors  []color   `json:"colors,omitempty"`
	Legacy  string    `json:"legacy,omitempty" jsonschema:"enum=a,enum=b" jsonschema_extras:"enumNames=First,enumNames=Second"`
	Comment *string   `json:"comment"`
}

const bookingForm = `{
	"type": "object",
	"properties": {
		"name": {"type": "string", "title": "Your name", "minLength": 1, "maxLength": 20, "default": "Ada"},
		"mail": {"type": "string", "format": "email"},
		"age": {"type": "integer", "minimum": 18, "maximum": 120},
		"size": {"type": "number", "default": 1.5},
		"window": {"type": "boolean", "default": true},
		"when": {"type": "string", "format": "date-time"},
		"seat": {"type": "string", "enum": ["aisle", "window"]},
		"color": {"type": "string", "oneOf": [{"const": "#f00", "title": "Red"}, {"const": "#0f0", "title": "Green"}], "default": "#f00"},
		"meals": {"type": "array", "items": {"type": "string", "enum": ["fish", "rice"]}, "minItems": 1, "maxItems": 2, "default": ["fish"]},
		"colors": {"type": "array", "items": {"anyOf": [{"const": "#f00", "title": "Red"}, {"const": "#0f0", "title": "Green"}]}},
		"legacy": {"type": "string", "enum": ["a", "b"], "enumNames": ["First", "Second"]},
		"comment": {"type": "string"}
	},
	"required": ["name", "mail", "age", "window", "seat", "color", "meals"]
}`

func accept(content string) func(context.Context, mcp.ElicitParams) (*mcp.ElicitResult, error) {
	return func(context.Context, mcp.ElicitParams) (*mcp.ElicitResult, error) {
		r := &mcp.ElicitResult{}
		return r, wire.Decode([]byte(`{"action":"accept","content":`+content+`}`), r)
	}
}

func TestAFormIsMadeOfAStructAndTheAnswerIsReadIntoIt(t *testing.T) {
	var form wire.Raw
	a := &answering{elicit: func(ctx context.Context, p mcp.ElicitParams) (*mcp.ElicitResult, error) {
		form = raw(&p.(*mcp.ElicitFormParams).RequestedSchema)
		return accept(`{"name":"Grace","mail":"g@example.com","age":36,"window":false,"seat":"aisle","color":"#0f0","meals":["rice"],"colors":["#f00"],"when":"2025-11-25T10:30:00Z"}`)(ctx, p)
	}}
	r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
		answer, err := Elicit[booking](ctx, "seat", "Which seat?")
		require.NoError(t, err)
		require.True(t, answer.Accepted())
		require.Equal(t, booking{
			Name: "Grace", Mail: "g@example.com", Age: 36, Seat: "aisle", Color: "#0f0", Meals: []string{"rice"}, Colors: []color{"#f00"},
			When: time.Date(2025, 11, 25, 10, 30, 0, 0, time.UTC),
		}, answer.Value)
		return nil
	})
	require.Equal(t, "done", said(t, r))
	require.JSONEq(t, bookingForm, form.String())
	require.Contains(t, a.asked[0], `"message":"Which seat?"`)
}

func TestDecliningAndCancellingAreAnswers(t *testing.T) {
	for _, action := range []mcp.ElicitAction{mcp.ElicitActionDecline, mcp.ElicitActionCancel} {
		a := &answering{elicit: func(context.Context, mcp.ElicitParams) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: action}, nil
		}}
		handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
			answer, err := Elicit[greeting](ctx, "k", "m")
			require.NoError(t, err)
			require.False(t, answer.Accepted())
			require.Equal(t, action == mcp.ElicitActionDecline, answer.Declined())
			require.Equal(t, action == mcp.ElicitActionCancel, answer.Cancelled())
			require.Zero(t, answer.Value)
			return nil
		})
	}
}

func TestAnswersThatDoNotFitTheForm(t *testing.T) {
	type small struct {
		N    int8   `json:"n"`
		Mail string `json:"mail,omitempty" jsonschema:"format=email"`
	}
	for content, want := range map[string]string{
		`{}`:                      `elicitation/create "k": the client's answer does not fit the form: /n: required but missing; expected an integer`,
		`{"n":"x"}`:               `elicitation/create "k": the client's answer does not fit the form: /n: expected an integer, found a string`,
		`{"n":300}`:               `elicitation/create "k": the client's answer does not fit the form: /n: expected a number of at most 127, found 300`,
		`{"n":1,"mail":"nobody"}`: `elicitation/create "k": the client's answer does not fit the form: /mail: expected a string of the format email (such as ada@example.com), found "nobody"`,
	} {
		a := &answering{elicit: accept(content)}
		r := handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
			_, err := Elicit[small](ctx, "k", "m")
			return err
		})
		require.True(t, r.IsError)
		require.Equal(t, want, said(t, r))
	}
}

func TestWhatIsNoForm(t *testing.T) {
	try := func(f func(ctx context.Context) error) string {
		return said(t, handle(t, clientSide{capabilities: everything}, f))
	}
	require.Equal(t, "server.Elicit[string]: expected a struct, whose fields are those of the form",
		try(func(ctx context.Context) error { _, err := Elicit[string](ctx, "k", "m"); return err }))
	type nested struct{ G greeting }
	require.Equal(t, "server.Elicit[server.nested]: field server.nested.G: forms have no fields of server.greeting: expected a string, number, Boolean, time.Time, or a slice of strings to choose from",
		try(func(ctx context.Context) error { _, err := Elicit[nested](ctx, "k", "m"); return err }))
	type open struct{ Tags []string }
	require.Contains(t, try(func(ctx context.Context) error { _, err := Elicit[open](ctx, "k", "m"); return err }),
		"field server.open.Tags: a slice of strings needs the values to choose from")
}

func TestAFormWithoutAType(t *testing.T) {
	var schema mcp.ElicitSchema
	require.NoError(t, wire.Decode([]byte(bookingForm), &schema))
	a := &answering{elicit: accept(`{"name":"Grace","mail":"g@example.com","age":36,"window":false,"seat":"aisle","color":"#0f0","meals":["rice"]}`)}
	handle(t, clientSide{handler: a, capabilities: everything}, func(ctx context.Context) error {
		answer, err := ElicitForm(ctx, "k", &mcp.ElicitFormParams{Message: "m", RequestedSchema: schema})
		require.NoError(t, err)
		require.Equal(t, mcp.ElicitActionAccept, answer.Action)
		require.Equal(t, mcp.ElicitValueString("Grace"), answer.Content["name"])
		require.Equal(t, mcp.ElicitValueNumber(36), answer.Content["age"])
		require.Equal(t, mcp.ElicitValueArray{"rice"}, answer.Content["meals"])
		return nil
	})
}

func TestURLMode(t *testing.T) {
	a := &answering{complete: make(chan string, 1), elicit: func(_ context.Context, p mcp.ElicitParams) (*mcp.ElicitResult, error) {
		require.Equal(t, "https://example.com/pay?e=e1", p.(*mcp.ElicitURLParams).URL)
		return &mcp.ElicitResult{Action: mcp.ElicitActionAccept}, nil
	}}
	s := New("v", "1")
	AddTool(s, "pay", "", func(ctx context.Context, _ struct{}) (string, error) {
		v, err := ElicitURL(ctx, "pay", "Please pay", "https://example.com/pay?e=e1", ElicitationID("e1"))
		require.NoError(t, err)
		require.True(t, v.Accepted())
		return v.ID, nil
	})
	AddTool(s, "first", "", func(ctx context.Context, _ struct{}) (string, error) {
		return "", URLRequired(ctx, "Pay first.", mcp.ElicitURLParams{Message: "m", URL: "https://example.com", ElicitationID: "e2"}, mcp.ElicitURLParams{Message: "m", URL: "https://example.com"})
	})
	AddTool(s, "bad", "", func(ctx context.Context, _ struct{}) (string, error) {
		return "", URLRequired(ctx, "Pay first.", mcp.ElicitURLParams{URL: "not a URL"})
	})
	p := connect(t, s, clientSide{handler: a, capabilities: everything})
	require.Equal(t, "e1", said(t, p.call(t, "pay", "")))
	require.NoError(t, s.CompleteElicitation(t.Context(), "e1"))
	require.Equal(t, "e1", <-a.complete)
	require.EqualError(t, s.CompleteElicitation(t.Context(), "e1"), `no URL elicitation with the id "e1" is open`)

	_, err := p.tryCall(t.Context(), "first", "")
	require.Equal(t, mcp.CodeURLElicitationRequired, rpc.CodeOf(err))
	require.ErrorContains(t, err, "Pay first.")
	require.NoError(t, s.CompleteElicitation(t.Context(), "e2"))
	require.Equal(t, "e2", <-a.complete)
	require.Contains(t, said(t, p.call(t, "bad", "")), "server.URLRequired: at /elicitations/0/url")

	plain := connect(t, s, clientSide{capabilities: mcp.ClientCapabilities{Elicitation: &mcp.ClientCapabilitiesElicitation{}}})
	r := plain.call(t, "first", "")
	require.True(t, r.IsError)
	require.Contains(t, said(t, r), `did not declare the capability "elicitation.url"`)
}
