package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// AddResource adds a resource whose contents read makes each time they are asked for. Clients ask by its URI, exactly as
// it is here; name and description are what they show and tell their model (specification 2025-11-25, server/resources).
//
// Out decides on the contents: a string is text, or a blob where it is no UTF-8; []byte is a blob; a
// mcp.ResourceContents or a slice of them are the contents, *mcp.ReadResourceResult is the whole; anything else is
// encoded as JSON. Contents without a URI or MIME type have that of the resource.
//
// An error that matches [ErrResourceNotFound] says that there is no such resource; any other is an error of the protocol,
// internal (-32603) unless it is an *rpc.Error.
//
// A mistake (a bad URI, or one that is taken, a type that cannot be encoded) is the program's, and AddResource panics
// with a [*Mistake], which names the line. TryAddResource returns it.
func AddResource[Out any](s *Server, uri, name, description string, read func(ctx context.Context) (Out, error), opts ...ResourceOption) {
	must(TryAddResource(s, uri, name, description, read, opts...))
}

// TryAddResource is AddResource for what is not known to be right: it returns the *Mistake.
func TryAddResource[Out any](s *Server, uri, name, description string, read func(ctx context.Context) (Out, error), opts ...ResourceOption) error {
	c := newResourceConfig(mcp.Resource{URI: uri, Name: name, Description: description}, opts)
	if err := checkContents[Out](&c.def.MIMEType); err != nil {
		return mistake(KindResource, uri, err)
	}
	if read == nil {
		return s.addResource(c, nil)
	}
	mime := c.def.MIMEType
	return s.addResource(c, func(ctx context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		out, err := read(ctx)
		if err != nil {
			return nil, err
		}
		return contentsOf(params.URI, mime, out)
	})
}

// AddStaticResource adds a resource whose contents never change: content, treated as what the handler of [AddResource]
// returns, as it is now. It panics as AddResource does.
func AddStaticResource[T any](s *Server, uri, name, description string, content T, opts ...ResourceOption) {
	must(TryAddStaticResource(s, uri, name, description, content, opts...))
}

// TryAddStaticResource is AddStaticResource for what is not known to be right: it returns the *Mistake.
func TryAddStaticResource[T any](s *Server, uri, name, description string, content T, opts ...ResourceOption) error {
	c := newResourceConfig(mcp.Resource{URI: uri, Name: name, Description: description}, opts)
	err := checkContents[T](&c.def.MIMEType)
	if err == nil {
		err = c.def.Validate()
	}
	var result *mcp.ReadResourceResult
	if err == nil {
		result, err = contentsOf(uri, c.def.MIMEType, content)
	}
	if err == nil {
		err = result.Validate()
	}
	if err != nil {
		return mistake(KindResource, uri, err)
	}
	if c.def.Size == nil && len(result.Contents) == 1 {
		c.def.Size = sizeOf(result.Contents[0])
	}
	return s.addResource(c, func(context.Context, *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
		return result, nil
	})
}

// AddRawResource adds a resource whose definition and contents are the program's own affair. It panics as AddResource
// does.
func AddRawResource(s *Server, def mcp.Resource, h ResourceHandler, opts ...ResourceOption) {
	must(TryAddRawResource(s, def, h, opts...))
}

// TryAddRawResource is AddRawResource for definitions that are not known to be right: it returns the *Mistake.
func TryAddRawResource(s *Server, def mcp.Resource, h ResourceHandler, opts ...ResourceOption) error {
	return s.addResource(newResourceConfig(def, opts), h)
}

func newResourceConfig(def mcp.Resource, opts []ResourceOption) *resourceConfig {
	c := &resourceConfig{def: def}
	for _, o := range opts {
		o.applyResource(c)
	}
	return c
}

func (s *Server) addResource(c *resourceConfig, h ResourceHandler) error {
	err := c.def.Validate()
	scopes, wrong := newScoped(c.scopes)
	switch {
	case err != nil:
	case wrong != nil:
		err = wrong
	case h == nil:
		err = errors.New("the handler is nil")
	case c.def.Name == "":
		err = errors.New("the name is empty: clients show it, and it is required")
	case len(c.def.URI) > s.resources.limits.URI:
		err = fmt.Errorf("the URI has %d bytes, of which clients may send %d (LimitResources)", len(c.def.URI), s.resources.limits.URI)
	default:
		err = s.resources.list.add(c.def.URI, newResource(c.def, scopes, h, c.watch))
	}
	if err != nil {
		return mistake(KindResource, c.def.URI, err)
	}
	if c.watch != nil {
		s.resources.subscribe()
	}
	return nil
}
