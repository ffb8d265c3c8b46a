package server

import "github.com/tenonmcp/tenon/generated/mcp"

// handler is what the dispatch is bound to: its methods, one file for each feature, implement the generated handler
// interfaces.
type handler struct{ *Server }

var (
	_ mcp.LifecycleHandler        = handler{}
	_ mcp.LoggingHandler          = handler{}
	_ mcp.RootsListChangedHandler = handler{}
	_ mcp.ToolsHandler            = handler{}
)
