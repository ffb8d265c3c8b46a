package server

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// encodedList is a page of a list as it goes out. It is not to be changed.
type encodedList struct{ text []byte }

// AppendJSON appends the page.
func (l *encodedList) AppendJSON(b []byte) []byte { return append(b, l.text...) }

// listCache keeps pages of a list that were encoded, until the list changes. The zero value is empty.
type listCache struct{ pages atomic.Pointer[listPages] }

// listPages are the pages of a list as it was at some time.
type listPages struct {
	mu       sync.RWMutex
	byCursor map[string]*encodedList
	bytes    int
}

// mostCached is how many bytes of pages of one list are kept.
const mostCached = 32 << 20

// forget drops the pages because the list has changed.
func (c *listCache) forget() { c.pages.Store(nil) }

// listResult is what a handler gives as a page of a list.
type listResult interface {
	wire.Appender
	Validate() error
}

// get gives a page, which make makes if it is not there.
func (c *listCache) get(cursor string, make func() (listResult, error)) (*encodedList, error) {
	pages := c.pages.Load()
	if pages == nil {
		pages = &listPages{byCursor: map[string]*encodedList{}}
		c.pages.Store(pages) // before the list is looked at: a change from now on drops what is kept here
	}
	pages.mu.RLock()
	page := pages.byCursor[cursor]
	pages.mu.RUnlock()
	if page != nil {
		return page, nil
	}
	result, err := make()
	if err != nil {
		return nil, err
	}
	if err := result.Validate(); err != nil {
		return nil, err
	}
	page = &encodedList{result.AppendJSON(nil)}
	pages.mu.Lock()
	defer pages.mu.Unlock()
	if pages.bytes+len(page.text) <= mostCached {
		pages.byCursor[cursor] = page
		pages.bytes += len(page.text)
	}
	return page, nil
}

// cachedLists gives the rows of table for lists with those in their place that keep what they encoded, as long as nothing
// but the list decides on it. Interceptors would not know their results, so this is for servers without any.
func (s *Server) cachedLists(table *rpc.Table) *rpc.Table {
	return table.With(
		cached(table, mcp.MethodListTools, s.tools.list, handler.ListTools),
		cached(table, mcp.MethodListResources, s.resources.list, handler.ListResources),
		cached(table, mcp.MethodListResourceTemplates, s.resources.templates, handler.ListResourceTemplates),
		cached(table, mcp.MethodListPrompts, s.prompts.list, handler.ListPrompts),
	)
}

func cached[T any, R listResult](table *rpc.Table, method string, list *registry[T],
	make func(handler, context.Context, *mcp.PaginatedParams) (R, error)) rpc.Row {
	row, _ := table.Lookup(method)
	return rpc.Request(method, func(h handler, ctx context.Context, params *mcp.PaginatedParams) (*encodedList, error) {
		page := func() (listResult, error) { return make(h, ctx, params) }
		if list.private() {
			result, err := page()
			if err != nil {
				return nil, err
			}
			return &encodedList{result.AppendJSON(nil)}, result.Validate()
		}
		return list.cache.get(params.Cursor, page)
	}).Gate(row.Capability)
}

// edited is called when what lists show of an entry has changed.
func (r *registry[T]) edited() {
	r.cache.forget()
	r.mu.RLock()
	mirrors := r.mirrors
	r.mu.RUnlock()
	for _, m := range mirrors {
		m.to.edited()
	}
}

// private reports whether it depends on who asks what a list shows.
func (r *registry[T]) private() bool {
	return r.visible != nil || r.hideForbidden || r.veiled.Load()
}
