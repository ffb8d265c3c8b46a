package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
)

// resourceTemplate is a registered resource template. It is immutable.
type resourceTemplate struct {
	scoped
	def     mcp.ResourceTemplate
	pattern *uriPattern
	// open gives what reads the resource at a URI; nil if it is none of the template's.
	open     func(uri string) ResourceHandler
	watch    watcher
	complete map[string]completer
}

// mayMatch rules most URIs out quickly.
func (t *resourceTemplate) mayMatch(uri string) bool { return strings.HasPrefix(uri, t.pattern.prefix) }

// AddResourceTemplate adds a family of resources whose URIs follow a template (RFC 6570), such as "repo://{owner}/{+path}"
// (specification 2025-11-25, server/resources, "Resource Templates").
//
// Each variable of the template is for a field of V, a struct, and each field for a variable: named as for the arguments of
// tools (see [AddTool]), read from the text between as the type of the field, and checked against its jsonschema tag. A
// field with omitempty may be absent; others are there and not empty. A slice takes a list, a map of strings names and
// values, and both are needed for a variable with an asterisk. Values are decoded: what {x} stands for may hold a slash
// that was written %2F. If V is a map, its keys are the variables. A variable occurs once.
//
// A URI that does not follow the template, or whose values do not fit V, is not of the template. Of several that fit, the
// one that was added first counts; a resource of that very URI comes before all. Where a URI can be read in several ways,
// variables that come first take as much as they can. Matching takes time in proportion to the URI.
//
// read and Out are as for [AddResource]; mistakes too, a variable without a field, and the reverse, among them.
func AddResourceTemplate[V, Out any](s *Server, template, name, description string, read func(ctx context.Context, variables V) (Out, error), opts ...TemplateOption) {
	must(TryAddResourceTemplate(s, template, name, description, read, opts...))
}

// TryAddResourceTemplate is AddResourceTemplate for what is not known to be right: it returns the *Mistake.
func TryAddResourceTemplate[V, Out any](s *Server, template, name, description string, read func(ctx context.Context, variables V) (Out, error), opts ...TemplateOption) error {
	c := newTemplateConfig(mcp.ResourceTemplate{URITemplate: template, Name: name, Description: description}, opts)
	t, err := typedTemplate(c, read)
	if err == nil {
		err = s.addTemplate(c, t)
	}
	if err != nil {
		return mistake(KindResourceTemplate, template, err)
	}
	return nil
}

// AddRawResourceTemplate adds a resource template whose definition and resources are the program's own affair: h reads
// every URI that follows the template. It panics as AddResourceTemplate does.
func AddRawResourceTemplate(s *Server, def mcp.ResourceTemplate, h ResourceHandler, opts ...TemplateOption) {
	must(TryAddRawResourceTemplate(s, def, h, opts...))
}

// TryAddRawResourceTemplate is AddRawResourceTemplate for definitions that are not known to be right: it returns the
// *Mistake.
func TryAddRawResourceTemplate(s *Server, def mcp.ResourceTemplate, h ResourceHandler, opts ...TemplateOption) error {
	c := newTemplateConfig(def, opts)
	t, err := rawTemplate(c, h)
	if err == nil {
		err = s.addTemplate(c, t)
	}
	if err != nil {
		return mistake(KindResourceTemplate, def.URITemplate, err)
	}
	return nil
}

func newTemplateConfig(def mcp.ResourceTemplate, opts []TemplateOption) *templateConfig {
	c := &templateConfig{def: def}
	for _, o := range opts {
		o.applyTemplate(c)
	}
	return c
}

// typedTemplate makes a template of a function. All reflection on types happens here.
func typedTemplate[V, Out any](c *templateConfig, read func(context.Context, V) (Out, error)) (*resourceTemplate, error) {
	if read == nil {
		return nil, errors.New("the handler is nil")
	}
	if err := checkContents[Out](&c.def.MIMEType); err != nil {
		return nil, err
	}
	reader, err := newTextReader[V]()
	if err != nil {
		return nil, fmt.Errorf("variables: %w", err)
	}
	pattern, err := newPattern(c.def.URITemplate, reader.form)
	if err != nil {
		return nil, err
	}
	if len(pattern.variables) == 0 {
		return nil, errors.New("the template has no variables: expected at least one, or AddResource")
	}
	for _, f := range reader.fields {
		if pattern.variable(f.name) == nil {
			return nil, fmt.Errorf("the field %s is for no variable: expected one of %s", f.name, strings.Join(pattern.names(), ", "))
		}
	}
	complete := map[string]completer{}
	for _, name := range pattern.names() {
		if f := reader.field(name); len(f.enum) > 0 {
			complete[name] = completeFrom(f.enum)
		}
	}
	mime := c.def.MIMEType
	open := func(uri string) ResourceHandler {
		found, ok := pattern.match(uri)
		if !ok {
			return nil
		}
		values, err := pattern.values(found)
		if err != nil {
			return nil
		}
		variables, err := reader.read(values)
		if err != nil {
			return nil
		}
		return func(ctx context.Context, params *mcp.ReadResourceParams) (*mcp.ReadResourceResult, error) {
			out, err := read(ctx, variables)
			if err != nil {
				return nil, err
			}
			return contentsOf(params.URI, mime, out)
		}
	}
	return &resourceTemplate{pattern: pattern, open: open, complete: complete}, nil
}

func rawTemplate(c *templateConfig, h ResourceHandler) (*resourceTemplate, error) {
	if h == nil {
		return nil, errors.New("the handler is nil")
	}
	pattern, err := newPattern(c.def.URITemplate, func(_ string, exploded bool) (valueForm, error) {
		return valueForm{list: exploded}, nil
	})
	if err != nil {
		return nil, err
	}
	open := func(uri string) ResourceHandler {
		if _, ok := pattern.match(uri); !ok {
			return nil
		}
		return h
	}
	return &resourceTemplate{pattern: pattern, open: open, complete: map[string]completer{}}, nil
}

func (s *Server) addTemplate(c *templateConfig, t *resourceTemplate) error {
	if err := c.def.Validate(); err != nil {
		return err
	}
	if c.def.Name == "" {
		return errors.New("the name is empty: clients show it, and it is required")
	}
	if err := addCompleters(t.complete, c.complete, "variable", t.pattern.names()); err != nil {
		return err
	}
	var err error
	if t.scoped, err = newScoped(c.scopes); err != nil {
		return err
	}
	t.def, t.watch = c.def, c.watch
	if err := s.resources.templates.add(c.def.URITemplate, t); err != nil {
		return err
	}
	if c.watch != nil {
		s.resources.subscribe()
	}
	return nil
}

// variable gives the variable of a name; nil if there is none.
func (p *uriPattern) variable(name string) *patternVariable {
	for i := range p.variables {
		if p.variables[i].name == name {
			return &p.variables[i]
		}
	}
	return nil
}

func (p *uriPattern) names() []string {
	names := make([]string, len(p.variables))
	for i, v := range p.variables {
		names[i] = v.name
	}
	return names
}
