package client

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// ListTools gets one page of the server's tools; cursor is "" for the first, and NextCursor of the page before for
// others.
func (c *Client) ListTools(ctx context.Context, cursor mcp.Cursor, opts ...CallOption) (*mcp.ListToolsResult, error) {
	result, _, err := c.listTools(ctx, cursor, newCallOptions(opts))
	return result, err
}

func (c *Client) listTools(ctx context.Context, cursor mcp.Cursor, o callOptions) (*mcp.ListToolsResult, *link, error) {
	at := c.schemas.mark()
	result, l, err := call[mcp.ListToolsResult](ctx, c, mcp.MethodListTools, page(cursor, &o), o)
	if err == nil {
		c.schemas.note(at, result.Tools)
	}
	return result, l, err
}

// ListResources is [Client.ListTools] for resources.
func (c *Client) ListResources(ctx context.Context, cursor mcp.Cursor, opts ...CallOption) (*mcp.ListResourcesResult, error) {
	o := newCallOptions(opts)
	result, _, err := call[mcp.ListResourcesResult](ctx, c, mcp.MethodListResources, page(cursor, &o), o)
	return result, err
}

// ListResourceTemplates is [Client.ListTools] for resource templates.
func (c *Client) ListResourceTemplates(ctx context.Context, cursor mcp.Cursor, opts ...CallOption) (*mcp.ListResourceTemplatesResult, error) {
	o := newCallOptions(opts)
	result, _, err := call[mcp.ListResourceTemplatesResult](ctx, c, mcp.MethodListResourceTemplates, page(cursor, &o), o)
	return result, err
}

// ListPrompts is [Client.ListTools] for prompts.
func (c *Client) ListPrompts(ctx context.Context, cursor mcp.Cursor, opts ...CallOption) (*mcp.ListPromptsResult, error) {
	o := newCallOptions(opts)
	result, _, err := call[mcp.ListPromptsResult](ctx, c, mcp.MethodListPrompts, page(cursor, &o), o)
	return result, err
}

func page(cursor mcp.Cursor, o *callOptions) *mcp.PaginatedParams {
	return &mcp.PaginatedParams{Cursor: cursor, Meta: o.requestMeta()}
}

// Tools gives all tools of the server, page by page as they are needed; the options hold for each page. After an error
// it ends. It is an error if the server's cursors go in circles, if there are more pages than [WithMaxPages] allows, and
// if the session was replaced between two pages.
func (c *Client) Tools(ctx context.Context, opts ...CallOption) iter.Seq2[mcp.Tool, error] {
	return entries(c, &c.tools, mcp.MethodListTools, "tools.listChanged", opts,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.Tool, mcp.Cursor, *link, error) {
			r, l, err := c.listTools(ctx, cursor, o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.Tools, r.NextCursor, l, nil
		})
}

// Resources is [Client.Tools] for resources.
func (c *Client) Resources(ctx context.Context, opts ...CallOption) iter.Seq2[mcp.Resource, error] {
	return entries(c, &c.resources, mcp.MethodListResources, "resources.listChanged", opts,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.Resource, mcp.Cursor, *link, error) {
			r, l, err := call[mcp.ListResourcesResult](ctx, c, mcp.MethodListResources, page(cursor, &o), o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.Resources, r.NextCursor, l, nil
		})
}

// ResourceTemplates is [Client.Tools] for resource templates.
func (c *Client) ResourceTemplates(ctx context.Context, opts ...CallOption) iter.Seq2[mcp.ResourceTemplate, error] {
	return entries(c, &c.templates, mcp.MethodListResourceTemplates, "resources.listChanged", opts,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.ResourceTemplate, mcp.Cursor, *link, error) {
			r, l, err := call[mcp.ListResourceTemplatesResult](ctx, c, mcp.MethodListResourceTemplates, page(cursor, &o), o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.ResourceTemplates, r.NextCursor, l, nil
		})
}

// Prompts is [Client.Tools] for prompts.
func (c *Client) Prompts(ctx context.Context, opts ...CallOption) iter.Seq2[mcp.Prompt, error] {
	return entries(c, &c.prompts, mcp.MethodListPrompts, "prompts.listChanged", opts,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.Prompt, mcp.Cursor, *link, error) {
			r, l, err := call[mcp.ListPromptsResult](ctx, c, mcp.MethodListPrompts, page(cursor, &o), o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.Prompts, r.NextCursor, l, nil
		})
}

// entries iterates over a list, from what is kept of it if that is wanted and possible.
func entries[T any](c *Client, kept *list[T], method, announced string, opts []CallOption,
	get func(mcp.Cursor, callOptions) ([]T, mcp.Cursor, *link, error),
) iter.Seq2[T, error] {
	if !c.cfg.cache {
		kept = nil
	}
	return func(yield func(T, error) bool) {
		if all, ok := kept.get(); ok {
			for _, v := range all {
				if !yield(v, nil) {
					return
				}
			}
			return
		}
		at := kept.mark()
		var all []T
		var last *link
		for batch, err := range pages(c, method, newCallOptions(opts), &last, get) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			if kept != nil {
				all = append(all, batch...)
			}
			for _, v := range batch {
				if !yield(v, nil) {
					return
				}
			}
		}
		if last.server.Capabilities.Declares(announced) {
			kept.keep(at, all)
		}
	}
}

// pages iterates over the pages of a list. last gets the session they are of.
func pages[T any](c *Client, method string, o callOptions, last **link,
	get func(mcp.Cursor, callOptions) ([]T, mcp.Cursor, *link, error),
) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var cursor mcp.Cursor
		check := listCheck{limits: &c.cfg.bounds, method: method}
		for n := 1; ; n++ {
			batch, next, l, err := get(cursor, o)
			if err != nil {
				yield(nil, err)
				return
			}
			*last, o.pin = l, l // cursors hold within a session only
			if err := checkPage(&check, batch); err != nil {
				c.counters.lists.Add(1)
				yield(nil, err)
				return
			}
			if !yield(batch, nil) || next == "" {
				return
			}
			if err := check.cursor(next, n); err != nil {
				c.counters.lists.Add(1)
				yield(nil, err)
				return
			}
			if c.cfg.maxPages > 0 && n >= c.cfg.maxPages {
				c.counters.lists.Add(1)
				yield(nil, fmt.Errorf("%s: more than %d pages, see WithMaxPages", method, c.cfg.maxPages))
				return
			}
			cursor = next
		}
	}
}

// list is a list of the server's that was read to its end. A nil one keeps nothing.
type list[T any] struct {
	mu   sync.Mutex
	gen  uint64 // changes whenever what is kept becomes void
	ok   bool
	kept []T
}

func (l *list[T]) get() ([]T, bool) {
	if l == nil {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept, l.ok
}

// mark is taken before the list is read, and given to keep.
func (l *list[T]) mark() uint64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gen
}

// keep keeps a list, unless it became void since it was begun to be read.
func (l *list[T]) keep(at uint64, all []T) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gen == at {
		l.kept, l.ok = all, true
	}
}

func (l *list[T]) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gen++
	l.kept, l.ok = nil, false
}

// dropLists makes everything void that was read of the server's lists.
func (c *Client) dropLists() {
	c.schemas.drop()
	c.tools.drop()
	c.resources.drop()
	c.templates.drop()
	c.prompts.drop()
}
