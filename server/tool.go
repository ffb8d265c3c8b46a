package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// ToolHandler handles the calls of a raw tool. An error is handled as that of a typed tool's handler.
type ToolHandler func(ctx context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error)

// toolFeature is the server's share of the feature.
type toolFeature struct {
	list *registry[*tool]
}

func (f *toolFeature) init(s *Server) {
	f.list = newRegistry(s, KindTool, toolsChanged, func(t *tool) any { return &t.def })
}

func (f *toolFeature) declare(c *mcp.ServerCapabilities) {
	if c.Tools == nil && f.list.len() > 0 {
		c.Tools = &mcp.ListChangedCapability{}
	}
	if c.Tools != nil {
		c.Tools.ListChanged = true
	}
}

// tool is a registered tool. It is immutable.
type tool struct {
	scoped
	def       mcp.Tool
	resumable bool
	immediate string
	// call runs the tool with arguments that nobody has looked at.
	call ToolHandler
}

// RemoveTools takes tools out of the catalogue and reports how many there were. Calls that run go on.
func (s *Server) RemoveTools(names ...string) int { return s.tools.list.remove(names...) }

// ListTools gives a page of the tools (specification 2025-11-25, server/tools).
func (h handler) ListTools(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListToolsResult, error) {
	tools, next, err := h.tools.list.page(ctx, params.Cursor)
	if err != nil {
		return nil, err
	}
	result := &mcp.ListToolsResult{Tools: make([]mcp.Tool, len(tools)), NextCursor: next}
	for i, t := range tools {
		result.Tools[i] = t.def
	}
	return result, nil
}

// CallTool runs a tool.
func (h handler) CallTool(ctx context.Context, params *mcp.CallToolParams) (*mcp.CallToolResult, error) {
	t, ok, err := h.tools.list.use(ctx, params.Name)
	if !ok {
		return nil, unknownName(ctx, h.tools.list, params.Name)
	}
	if err != nil {
		return nil, err
	}
	result, err := t.call(ctx, params)
	if err != nil {
		return failed(err)
	}
	return result, nil
}

// unknownName is the error for a name that is not in the catalogue (-32602), with the one that was probably meant.
func unknownName[T any](ctx context.Context, r *registry[T], name string) error {
	text := fmt.Sprintf("unknown %s %s", r.kind, quoted(name))
	names := r.names(ctx)
	switch near := nearest(name, names); {
	case near != "":
		text += fmt.Sprintf(": did you mean %q?", near)
	case len(names) == 0:
		text += fmt.Sprintf(": there are no %ss", r.kind)
	case len(names) <= 10:
		text += ": expected one of " + strings.Join(names, ", ")
	}
	return rpc.Errorf(mcp.CodeInvalidParams, "%s", text)
}

// failed makes what the client is told of a handler's error: an *rpc.Error goes out as it is, unless it is what the
// client itself said when it was asked something; any other is for the model to read.
func failed(err error) (*mcp.CallToolResult, error) {
	if _, asked := errors.AsType[*AskError](err); !asked {
		if e, ok := errors.AsType[*rpc.Error](err); ok && e != nil {
			return nil, err
		}
	}
	return toolError(err.Error()), nil
}

// toolError is a result that tells the model what went wrong.
func toolError(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.ContentBlock{&mcp.TextContent{Text: text}}}
}

// checkName is the error for a name that clients may refuse (specification 2025-11-25, server/tools, "Tool Names").
func checkName(name string) error {
	if len(name) == 0 || len(name) > 128 {
		return fmt.Errorf("the name has %d characters: expected 1 to 128", len(name))
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
		default:
			return fmt.Errorf("the name has the character %q: expected letters, digits, '_', '.' and '-'", r)
		}
	}
	return nil
}

// warnName logs what checkName has to say, for names that were not chosen here.
func (s *Server) warnName(kind ItemKind, name string) {
	if err := checkName(name); err != nil {
		s.log.Warn("server: some clients may not accept a name", "kind", string(kind), "name", name, "error", err)
	}
}
