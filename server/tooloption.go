package server

import (
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ToolOption is an option of AddTool and AddRawTool: [Title], [Icons], [Meta], [Scopes], [Annotate], [TaskOptional], [TaskRequired],
// [TaskSupport], [Resumable], [ModelImmediateResponse], [Coerce],
// [InputSchema], [OutputSchema], [WithoutValidation].
type ToolOption interface{ applyTool(*toolConfig) }

// toolConfig is a tool while its options are applied.
type toolConfig struct {
	def          mcp.Tool
	scopes       []string
	resumable    bool
	immediate    string
	coerce       bool
	noValidation bool
}

type toolOption func(*toolConfig)

func (o toolOption) applyTool(c *toolConfig) { o(c) }

func (o TitleOption) applyTool(c *toolConfig) { c.def.Title = string(o) }
func (o IconsOption) applyTool(c *toolConfig) { c.def.Icons = o }
func (o MetaOption) applyTool(c *toolConfig)  { c.def.Meta = wire.Object(o) }

// Annotate sets the hints on a tool's behaviour: whether it only reads, destroys, is idempotent, reaches out. new(true)
// makes a pointer to true. Default none, which clients take for the worst.
func Annotate(a mcp.ToolAnnotations) ToolOption {
	return toolOption(func(c *toolConfig) { c.def.Annotations = &a })
}

// TaskSupport says whether calls of a tool may or must be tasks. Default forbidden.
func TaskSupport(t mcp.TaskSupport) ToolOption {
	return toolOption(func(c *toolConfig) { c.def.Execution = &mcp.ToolExecution{TaskSupport: t} })
}

// Coerce takes strings for other types where they hold one: "5" for a number, "true" for a Boolean, "[1]" for an array,
// as some models write arguments. Default off.
func Coerce() ToolOption { return toolOption(func(c *toolConfig) { c.coerce = true }) }

// InputSchema sets the schema of the arguments in place of the inferred one. It is kept as it is.
func InputSchema(schema wire.Raw) ToolOption {
	return toolOption(func(c *toolConfig) { c.def.InputSchema = schema })
}

// OutputSchema sets the schema of the structured result in place of the inferred one. It is kept as it is.
func OutputSchema(schema wire.Raw) ToolOption {
	return toolOption(func(c *toolConfig) { c.def.OutputSchema = schema })
}

// WithoutValidation leaves arguments and structured results unchecked against the tool's schemas, which are not even
// compiled, so that they may have what the validator does not support.
func WithoutValidation() ToolOption { return toolOption(func(c *toolConfig) { c.noValidation = true }) }
