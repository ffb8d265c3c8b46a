package server

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// PromptHandler gives a prompt whose definition and arguments are the program's own affair, see [AddRawPrompt].
type PromptHandler func(ctx context.Context, params *mcp.GetPromptParams) (*mcp.GetPromptResult, error)

// promptFeature is the server's share of the feature.
type promptFeature struct {
	list *registry[*prompt]
}

func (f *promptFeature) init(s *Server) {
	f.list = newRegistry(s, KindPrompt, promptsChanged, func(p *prompt) any { return &p.def })
}

func (f *promptFeature) declare(c *mcp.ServerCapabilities) {
	if c.Prompts == nil && f.list.len() > 0 {
		c.Prompts = &mcp.ListChangedCapability{}
	}
	if c.Prompts != nil {
		c.Prompts.ListChanged = true
	}
}

// mount takes over the prompts of a mounted server.
func (f *promptFeature) mount(from *promptFeature, m mounting) error {
	return from.list.mount(f.list, func(name string, p *prompt) (string, *prompt) {
		renamed := *p
		renamed.def.Name = m.name(KindPrompt, name)
		return renamed.def.Name, &renamed
	}, m.report)
}

// prompt is a registered prompt. It is immutable.
type prompt struct {
	scoped
	def      mcp.Prompt
	get      PromptHandler
	complete map[string]completer
}

func (p *prompt) argumentNames() []string {
	names := make([]string, len(p.def.Arguments))
	for i := range p.def.Arguments {
		names[i] = p.def.Arguments[i].Name
	}
	return names
}

// RemovePrompts takes prompts out of the catalogue and reports how many there were.
func (s *Server) RemovePrompts(names ...string) int { return s.prompts.list.remove(names...) }

var _ mcp.PromptsHandler = handler{}

// ListPrompts gives a page of the prompts (specification 2025-11-25, server/prompts).
func (h handler) ListPrompts(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListPromptsResult, error) {
	prompts, next, err := h.prompts.list.page(ctx, params.Cursor)
	if err != nil {
		return nil, err
	}
	result := &mcp.ListPromptsResult{Prompts: make([]mcp.Prompt, len(prompts)), NextCursor: next}
	for i, p := range prompts {
		result.Prompts[i] = p.def
	}
	return result, nil
}

// GetPrompt gives a prompt with its arguments filled in.
func (h handler) GetPrompt(ctx context.Context, params *mcp.GetPromptParams) (*mcp.GetPromptResult, error) {
	p, ok, err := h.prompts.list.use(ctx, params.Name)
	if !ok {
		return nil, unknownName(ctx, h.prompts.list, params.Name)
	}
	if err != nil {
		return nil, err
	}
	result, err := p.get(ctx, params)
	if err != nil {
		return nil, handlerError(err)
	}
	return result, nil
}
