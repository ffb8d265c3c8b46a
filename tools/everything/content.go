package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
	"github.com/tenonmcp/tenon/server"
)

// readOnly are the hints on a tool that changes nothing.
func readOnly() server.ToolOption {
	return server.Annotate(mcp.ToolAnnotations{ReadOnlyHint: new(true), OpenWorldHint: new(false)})
}

// addContentTools adds the tools that show what a result may hold.
func addContentTools(s *server.Server) {
	server.AddTool(s, "test_simple_text", "Returns a text.", func(context.Context, nothing) (string, error) {
		return "This is a simple text response for testing.", nil
	}, readOnly())

	server.AddTool(s, "test_image_content", "Returns an image.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{pictureContent()}, nil
	}, readOnly())

	server.AddTool(s, "test_audio_content", "Returns a sound.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{soundContent()}, nil
	}, readOnly())

	server.AddTool(s, "test_embedded_resource", "Returns a resource within the result.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{&mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{
			URI: "test://embedded-resource", MIMEType: "text/plain", Text: "This is an embedded resource content.",
		}}}, nil
	}, readOnly())

	server.AddTool(s, "test_multiple_content_types", "Returns a text, an image and a resource.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{
			text("Multiple content types test:"),
			pictureContent(),
			&mcp.EmbeddedResource{Resource: &mcp.TextResourceContents{
				URI: "test://mixed-content-resource", MIMEType: "application/json", Text: `{"test":"data","value":123}`,
			}},
		}, nil
	}, readOnly())

	server.AddTool(s, "test_error_handling", "Fails.", func(context.Context, nothing) (string, error) {
		//lint:ignore ST1005 these are the suite's words
		return "", errors.New("This tool intentionally returns an error for testing")
	}, readOnly())

	server.AddTool(s, "resource_link", "Returns a link to a resource.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{&mcp.ResourceLink{URI: staticText, Name: "static-text", MIMEType: "text/plain"}}, nil
	}, readOnly())

	server.AddTool(s, "annotated_content", "Returns texts for the user and for the model.", func(context.Context, nothing) ([]mcp.ContentBlock, error) {
		return []mcp.ContentBlock{
			&mcp.TextContent{Text: "for the user", Annotations: &mcp.Annotations{Audience: []mcp.Role{mcp.RoleUser}, Priority: new(1.0)}},
			&mcp.TextContent{Text: "for the model", Annotations: &mcp.Annotations{Audience: []mcp.Role{mcp.RoleAssistant}, Priority: new(0.5)}},
		}, nil
	}, readOnly())

	server.AddTool(s, "add", "Adds two integers and returns structured content.", func(_ context.Context, in addends) (sum, error) {
		return sum{Sum: in.A + in.B}, nil
	}, readOnly(), server.Title("Add"), server.Icons(icon))

	server.AddRawTool(s, mcp.Tool{
		Name:        "json_schema_2020_12_tool",
		Description: "Has an input schema with much of the vocabulary of JSON Schema 2020-12.",
		InputSchema: contactSchema,
	}, func(_ context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.ContentBlock{text(fmt.Sprintf("called with %s", params.Arguments.Bytes()))}}, nil
	})
}

type addends struct {
	A int64 `json:"a" jsonschema:"description=the first number"`
	B int64 `json:"b" jsonschema:"description=the second number"`
}

type sum struct {
	Sum int64 `json:"sum" jsonschema:"description=a + b"`
}

// contactSchema is what the suite asks for, member by member.
var contactSchema = wire.MustRaw(`{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"$defs": {
		"address": {
			"$anchor": "addressDef",
			"type": "object",
			"properties": {"street": {"type": "string"}, "city": {"type": "string"}}
		}
	},
	"properties": {
		"name": {"type": "string"},
		"address": {"$ref": "#/$defs/address"},
		"contactMethod": {"type": "string", "enum": ["phone", "email"]},
		"phone": {"type": "string"},
		"email": {"type": "string"}
	},
	"allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
	"if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
	"then": {"required": ["phone"]},
	"else": {"required": ["email"]},
	"additionalProperties": false
}`)
