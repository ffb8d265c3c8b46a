package server

import (
	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// TitleOption is what [Title] returns.
type TitleOption string

// Title sets the name that people see, of a tool, resource, resource template or prompt. Default none: clients show the
// name.
func Title(title string) TitleOption { return TitleOption(title) }

// IconsOption is what [Icons] returns.
type IconsOption []mcp.Icon

// Icons sets the icons of a tool, resource, resource template or prompt. Default none.
func Icons(icons ...mcp.Icon) IconsOption { return icons }

// MetaOption is what [Meta] returns.
type MetaOption wire.Object

// Meta sets the member _meta of what lists show of a tool, resource, resource template or prompt. Default none.
func Meta(meta wire.Object) MetaOption { return MetaOption(meta) }
