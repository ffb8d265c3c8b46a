package server

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ResourceHandler reads a resource whose definition is the program's own affair, see [AddRawResource]. An error that
// matches [ErrResourceNotFound] tells the client that there is no such resource.
type ResourceHandler func(ctx context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error)

// ErrResourceNotFound is what the handler of a resource or template returns, wrapped or not, if there is nothing at the
// URI. The client is told the error -32002 with the URI in its data (specification 2025-11-25, server/resources, "Error
// Handling").
var ErrResourceNotFound = errors.New("resource not found")

// ResourceLimits bounds what clients may do with resources. Zero fields mean the defaults; negative ones no limit.
type ResourceLimits struct {
	// URI is the length in bytes of the URIs that clients may send; default 8,192. A longer one is refused with -32602.
	URI int
	// Subscriptions is how many a session may have at once; default 1,000. One more is refused with -32600.
	Subscriptions int
	// Updates is how many updates may wait for a session that is slow to take them; default 1,000. Beyond, it is told of
	// what it subscribed to in place of the part of that which changed.
	Updates int
}

const (
	defaultMaxURI           = 8192
	defaultMaxSubscriptions = 1000
	defaultMaxUpdates       = 1000
)

// LimitResources sets what clients may do with resources.
func LimitResources(l ResourceLimits) Option { return func(c *config) { c.resources = l } }

// resourceFeature is the server's share of the feature.
type resourceFeature struct {
	list      *registry[*resource]
	templates *registry[*resourceTemplate]
	limits    ResourceLimits
	subs      subscriptions
	parents   []*resourceFeature // of the servers it is mounted under; guarded by subs.mu
	// subscribable says that clients may subscribe.
	subscribable atomic.Bool
}

func (f *resourceFeature) init(s *Server) {
	f.list = newRegistry(s, KindResource, resourcesChanged, func(r *resource) any { return r.def.Load() })
	f.templates = newRegistry(s, KindResourceTemplate, resourcesChanged, func(t *resourceTemplate) any { return &t.def })
	f.limits = s.cfg.resources
	f.limits.URI = limitOr(f.limits.URI, defaultMaxURI)
	f.limits.Subscriptions = limitOr(f.limits.Subscriptions, defaultMaxSubscriptions)
	f.subs.maxUpdates = limitOr(f.limits.Updates, defaultMaxUpdates)
	if s.cfg.subscriptions {
		f.subscribable.Store(true)
	}
}

// limitOr gives a limit: the default for 0, as good as none for a negative one.
func limitOr(n, standard int) int {
	switch {
	case n == 0:
		return standard
	case n < 0:
		return int(^uint(0) >> 1)
	}
	return n
}

func (f *resourceFeature) declare(c *mcp.ServerCapabilities) {
	subscribe := f.subscribable.Load()
	if c.Resources == nil && (subscribe || f.list.len() > 0 || f.templates.len() > 0) {
		c.Resources = &mcp.ServerCapabilitiesResources{}
	}
	if c.Resources != nil {
		c.Resources.ListChanged = true
		c.Resources.Subscribe = c.Resources.Subscribe || subscribe
	}
}

// mount takes over the resources of a mounted server, under their own URIs, and passes its updates on.
func (f *resourceFeature) mount(from *resourceFeature, m mounting) error {
	same := func(uri string, r *resource) (string, *resource) { return uri, r }
	if err := from.list.mount(f.list, same, m.report); err != nil {
		return err
	}
	sameTemplate := func(uri string, t *resourceTemplate) (string, *resourceTemplate) { return uri, t }
	if err := from.templates.mount(f.templates, sameTemplate, m.report); err != nil {
		return err
	}
	from.subs.mu.Lock()
	from.parents = append(from.parents, f)
	from.subs.mu.Unlock()
	if from.subscribable.Load() {
		f.subscribe()
	}
	return nil
}

// resource is a registered resource.
type resource struct {
	scoped
	def   atomic.Pointer[mcp.Resource] // replaced as a whole when it changes
	read  ResourceHandler
	watch watcher
}

func newResource(def mcp.Resource, scopes scoped, read ResourceHandler, watch watcher) *resource {
	r := &resource{scoped: scopes, read: read, watch: watch}
	r.def.Store(&def)
	return r
}

// watcher is told of subscriptions; nil if nobody wants to know.
type watcher func(ctx context.Context, uri string) (stop func(), err error)

// RemoveResources takes resources out of the catalogue by their URIs and reports how many there were. Reads that run go
// on, and subscriptions stay.
func (s *Server) RemoveResources(uris ...string) int { return s.resources.list.remove(uris...) }

// RemoveResourceTemplates takes resource templates out of the catalogue and reports how many there were.
func (s *Server) RemoveResourceTemplates(templates ...string) int {
	return s.resources.templates.remove(templates...)
}

var _ mcp.ResourcesHandler = handler{}

// ListResources gives a page of the resources (specification 2025-11-25, server/resources).
func (h handler) ListResources(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListResourcesResult, error) {
	resources, next, err := h.resources.list.page(ctx, params.Cursor)
	if err != nil {
		return nil, err
	}
	result := &mcp.ListResourcesResult{Resources: make([]mcp.Resource, len(resources)), NextCursor: next}
	for i, r := range resources {
		result.Resources[i] = *r.def.Load()
	}
	return result, nil
}

// ListResourceTemplates gives a page of the resource templates.
func (h handler) ListResourceTemplates(ctx context.Context, params *mcp.PaginatedParams) (*mcp.ListResourceTemplatesResult, error) {
	templates, next, err := h.resources.templates.page(ctx, params.Cursor)
	if err != nil {
		return nil, err
	}
	result := &mcp.ListResourceTemplatesResult{ResourceTemplates: make([]mcp.ResourceTemplate, len(templates)), NextCursor: next}
	for i, t := range templates {
		result.ResourceTemplates[i] = t.def
	}
	return result, nil
}

// ReadResource reads a resource.
func (h handler) ReadResource(ctx context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
	read, _, err := h.resources.find(ctx, params.URI)
	if err != nil {
		return nil, err
	}
	result, err := read(ctx, params)
	if errors.Is(err, ErrResourceNotFound) {
		return nil, resourceNotFound(params.URI, err)
	}
	if err != nil {
		return nil, handlerError(err)
	}
	return result, nil
}

// find gives what reads the resource at a URI, and what is told of subscriptions to it: the resource of that URI, or
// else the first template that fits, as far as the client of ctx may know of them.
func (f *resourceFeature) find(ctx context.Context, uri string) (ResourceHandler, watcher, error) {
	if len(uri) > f.limits.URI {
		return nil, nil, rpc.Errorf(mcp.CodeInvalidParams, "the URI has %d bytes: expected at most %d", len(uri), f.limits.URI)
	}
	if r, ok, err := f.list.use(ctx, uri); ok {
		if err != nil {
			return nil, nil, err
		}
		return r.read, r.watch, nil
	}
	for _, e := range f.templates.candidates(func(t *resourceTemplate) bool { return t.mayMatch(uri) }) {
		if read := e.value.open(uri); read != nil && f.templates.shows(ctx, e) {
			if err := f.templates.allows(ctx, e); err != nil {
				return nil, nil, err
			}
			return read, e.value.watch, nil
		}
	}
	return nil, nil, resourceNotFound(uri, ErrResourceNotFound)
}

// candidates gives the entries that may do, in order. may is called under the lock.
func (r *registry[T]) candidates(may func(v T) bool) []*entry[T] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []*entry[T]
	for _, e := range r.order {
		if may(e.value) {
			found = append(found, e)
		}
	}
	return found
}

// resourceNotFound is the error for a URI at which there is nothing, because of cause.
func resourceNotFound(uri string, cause error) error {
	e := rpc.Errorf(mcp.CodeResourceNotFound, "resource not found: %s", quoted(uri)).Wrap(cause)
	return e.WithData(raw(wire.Object{{Name: "uri", Value: text(uri)}}))
}

// handlerError gives what the client is told of a handler's error. What the client itself said when it was asked
// something is no answer to its request.
func handlerError(err error) error {
	if _, asked := errors.AsType[*AskError](err); asked {
		return rpc.Errorf(mcp.CodeInternalError, "%w", err)
	}
	return err
}
