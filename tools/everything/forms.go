package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// addFormTools adds the tools that ask the user to fill in a form.
func addFormTools(s *server.Server) {
	server.AddTool(s, "test_elicitation", "Asks the user for a name and an address.", func(ctx context.Context, in asking) (string, error) {
		answer, err := server.Elicit[person](ctx, "person", in.Message)
		return told("User response: ", answer.Action, answer.Value, err)
	}, readOnly())

	server.AddTool(s, "test_elicitation_sep1034_defaults", "Asks the user to fill in a form with defaults for fields of each type.",
		func(ctx context.Context, _ nothing) (string, error) {
			answer, err := server.Elicit[profile](ctx, "profile", "Please look over the form.")
			return told("Elicitation completed: ", answer.Action, answer.Value, err)
		}, readOnly())

	server.AddTool(s, "test_elicitation_sep1330_enums", "Asks the user to choose, in all the ways there are.", func(ctx context.Context, _ nothing) (string, error) {
		answer, err := server.ElicitForm(ctx, "choices", choices)
		if err != nil {
			return "", err
		}
		return told("Elicitation completed: ", answer.Action, answer.Content, nil)
	}, readOnly())

	server.AddTool(s, "choose_seat", "Asks the user to choose a seat, from values with titles and without.", func(ctx context.Context, _ nothing) (string, error) {
		answer, err := server.Elicit[seat](ctx, "seat", "Which seat?")
		return told("Elicitation completed: ", answer.Action, answer.Value, err)
	}, readOnly())
}

// told says how the user answered.
func told(prefix string, action mcp.ElicitAction, content any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if action != mcp.ElicitActionAccept {
		content = struct{}{}
	}
	values, err := json.Marshal(content)
	return fmt.Sprintf("%saction=%s, content=%s", prefix, action, values), err
}

type asking struct {
	Message string `json:"message" jsonschema:"description=what to say to the user"`
}

type person struct {
	Username string `json:"username" jsonschema:"description=User's response"`
	Email    string `json:"email" jsonschema:"description=User's email address"`
}

type profile struct {
	Name     string  `json:"name,omitempty" jsonschema:"description=User name,default=John Doe"`
	Age      int     `json:"age,omitempty" jsonschema:"description=User age,default=30"`
	Score    float64 `json:"score,omitempty" jsonschema:"description=User score,default=95.5"`
	Status   string  `json:"status,omitempty" jsonschema:"description=User status,enum=active,enum=inactive,enum=pending,default=active"`
	Verified bool    `json:"verified,omitempty" jsonschema:"description=Verification status,default=true"`
}

type seat struct {
	Row    string   `json:"row" jsonschema:"description=where to sit,enum=front,enum=back"`
	Side   side     `json:"side" jsonschema:"description=which side of the aisle"`
	Extras []string `json:"extras,omitempty" jsonschema:"description=what to add,enum=meal,enum=blanket"`
}

// side is a choice whose values have titles.
type side string

// EnumOptions lists the values.
func (side) EnumOptions() []mcp.EnumOption {
	return []mcp.EnumOption{{Const: "A", Title: "Window"}, {Const: "C", Title: "Aisle"}}
}

// choices is a form with the five kinds of choices, one of which, the older form of titles, no Go type makes.
var choices = &mcp.ElicitFormParams{
	Message: "Please choose.",
	RequestedSchema: mcp.ElicitSchema{Properties: wire.Map[mcp.PrimitiveSchemaDefinition]{
		{Name: "untitledSingle", Value: &mcp.UntitledSingleSelectEnumSchema{
			Description: "Select one option", Enum: []string{"option1", "option2", "option3"},
		}},
		{Name: "titledSingle", Value: &mcp.TitledSingleSelectEnumSchema{
			Description: "Select one option with titles", OneOf: options("Option"),
		}},
		{Name: "legacyEnum", Value: &mcp.LegacyTitledEnumSchema{
			Description: "Select one option (legacy)",
			Enum:        []string{"opt1", "opt2", "opt3"}, EnumNames: []string{"Option One", "Option Two", "Option Three"},
		}},
		{Name: "untitledMulti", Value: &mcp.UntitledMultiSelectEnumSchema{
			Description: "Select multiple options", MinItems: new(int64(1)), MaxItems: new(int64(3)),
			Items: mcp.UntitledMultiSelectEnumSchemaItems{Enum: []string{"option1", "option2", "option3"}},
		}},
		{Name: "titledMulti", Value: &mcp.TitledMultiSelectEnumSchema{
			Description: "Select multiple options with titles", MinItems: new(int64(1)), MaxItems: new(int64(3)),
			Items: mcp.TitledMultiSelectEnumSchemaItems{AnyOf: options("Choice")},
		}},
	}},
}

// options are three values with titles.
func options(noun string) []mcp.EnumOption {
	return []mcp.EnumOption{
		{Const: "value1", Title: "First " + noun},
		{Const: "value2", Title: "Second " + noun},
		{Const: "value3", Title: "Third " + noun},
	}
}
