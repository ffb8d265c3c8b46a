package server

import (
	"context"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ResourceOption is an option of AddResource, AddStaticResource and AddRawResource: [Title], [Icons], [Meta], [Scopes],
// [MIMEType], [ResourceAnnotations], [OnSubscribe], [Size].
type ResourceOption interface{ applyResource(*resourceConfig) }

// TemplateOption is an option of AddResourceTemplate and AddRawResourceTemplate: [Title], [Icons], [Meta], [Scopes],
// [MIMEType], [ResourceAnnotations], [OnSubscribe], [Complete], [CompleteFrom].
type TemplateOption interface{ applyTemplate(*templateConfig) }

// resourceConfig is a resource while its options are applied.
type resourceConfig struct {
	def    mcp.Resource
	scopes []string
	watch  watcher
}

// templateConfig is a resource template while its options are applied.
type templateConfig struct {
	def      mcp.ResourceTemplate
	scopes   []string
	watch    watcher
	complete []CompleteOption
}

func (o TitleOption) applyResource(c *resourceConfig) { c.def.Title = string(o) }
func (o TitleOption) applyTemplate(c *templateConfig) { c.def.Title = string(o) }
func (o IconsOption) applyResource(c *resourceConfig) { c.def.Icons = o }
func (o IconsOption) applyTemplate(c *templateConfig) { c.def.Icons = o }
func (o MetaOption) applyResource(c *resourceConfig)  { c.def.Meta = wire.Object(o) }
func (o MetaOption) applyTemplate(c *templateConfig)  { c.def.Meta = wire.Object(o) }

// ResourceTemplateOption is an option for resources and templates alike.
type ResourceTemplateOption struct {
	resource func(*resourceConfig)
	template func(*templateConfig)
}

func (o ResourceTemplateOption) applyResource(c *resourceConfig) { o.resource(c) }
func (o ResourceTemplateOption) applyTemplate(c *templateConfig) { o.template(c) }

// MIMEType sets the MIME type of a resource, or of every resource of a template. Default text/plain for handlers that
// return a string, application/json for those whose results are encoded, otherwise none.
func MIMEType(mime string) ResourceTemplateOption {
	return ResourceTemplateOption{
		func(c *resourceConfig) { c.def.MIMEType = mime },
		func(c *templateConfig) { c.def.MIMEType = mime },
	}
}

// ResourceAnnotations sets the hints on a resource or template: for whom it is, how much it matters, when it last
// changed. Default none.
func ResourceAnnotations(a mcp.Annotations) ResourceTemplateOption {
	return ResourceTemplateOption{
		func(c *resourceConfig) { c.def.Annotations = &a },
		func(c *templateConfig) { c.def.Annotations = &a },
	}
}

// OnSubscribe calls f when a client subscribes to the resource, or to one of the template's, with its URI: the place to
// start looking for changes, of which f's side tells with [Server.ResourceUpdated]. ctx is that of the request. stop,
// which may be nil, is called once when the client has unsubscribed or its session has ended, however it ended; it must not
// block. An error of f refuses the subscription. Default: nothing is called. It makes the server declare that clients can
// subscribe, see [Subscriptions].
func OnSubscribe(f func(ctx context.Context, uri string) (stop func(), err error)) ResourceTemplateOption {
	return ResourceTemplateOption{
		func(c *resourceConfig) { c.watch = f },
		func(c *templateConfig) { c.watch = f },
	}
}

type resourceOption func(*resourceConfig)

func (o resourceOption) applyResource(c *resourceConfig) { o(c) }

// Size sets the size of a resource's contents in bytes, before any encoding. Default: that of a static resource's only
// content, otherwise none.
func Size(bytes int64) ResourceOption {
	return resourceOption(func(c *resourceConfig) { c.def.Size = &bytes })
}
