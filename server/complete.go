package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// maxCompletions is how many values the protocol lets an answer have.
const maxCompletions = 100

// Completing is the argument of a prompt, or the variable of a resource template, that somebody is typing.
type Completing struct {
	// Argument is its name.
	Argument string
	// Value is what was typed so far; may be "".
	Value string
	// Given are the values of other arguments, as far as the client has told; nil if it told none. It must not be changed.
	Given map[string]string
}

// completer gives the values that complete an argument, best first.
type completer func(ctx context.Context, c Completing) (*mcp.Completion, error)

// CompleteOption is what [Complete] and [CompleteFrom] return: an option of prompts and resource templates.
type CompleteOption struct {
	argument string
	complete completer
}

func (o CompleteOption) applyPrompt(c *promptConfig)     { c.complete = append(c.complete, o) }
func (o CompleteOption) applyTemplate(c *templateConfig) { c.complete = append(c.complete, o) }

// Complete has f complete an argument of a prompt, or a variable of a resource template (specification 2025-11-25,
// server/utilities/completion). f gives the values that fit what was typed, best first: as []string all of them, of which
// the client gets the first 100 and is told how many there are; as *mcp.Completion the first ones, with how many there are
// if f knows. An error of f is an error of the protocol. Default: no values, except that an argument with a list of
// allowed values completes by itself.
func Complete[Out interface{ []string | *mcp.Completion }](argument string, f func(ctx context.Context, c Completing) (Out, error)) CompleteOption {
	if f == nil {
		return CompleteOption{argument, nil}
	}
	return CompleteOption{argument, func(ctx context.Context, c Completing) (*mcp.Completion, error) {
		out, err := f(ctx, c)
		if err != nil {
			return nil, err
		}
		if values, ok := any(out).([]string); ok {
			return &mcp.Completion{Values: values, Total: new(int64(len(values)))}, nil
		}
		completion, _ := any(out).(*mcp.Completion)
		return completion, nil
	}}
}

// CompleteFrom completes an argument of a prompt, or a variable of a resource template, from a list: with the values that
// begin with what was typed, in any case, then with those that have it elsewhere.
func CompleteFrom(argument string, values ...string) CompleteOption {
	return CompleteOption{argument, completeFrom(slices.Clone(values))}
}

func completeFrom(values []string) completer {
	folded := make([]string, len(values))
	for i, v := range values {
		folded[i] = strings.ToLower(v)
	}
	return func(_ context.Context, c Completing) (*mcp.Completion, error) {
		typed := strings.ToLower(c.Value)
		var first, later []string
		for i, f := range folded {
			switch strings.Index(f, typed) {
			case -1:
			case 0:
				first = append(first, values[i])
			default:
				later = append(later, values[i])
			}
		}
		fit := append(first, later...)
		return &mcp.Completion{Values: fit, Total: new(int64(len(fit)))}, nil
	}
}

// addCompleters adds those of options to what completes by itself. kind is what the names are of.
func addCompleters(to map[string]completer, options []CompleteOption, kind string, names []string) error {
	seen := map[string]bool{}
	for _, o := range options {
		switch {
		case o.complete == nil:
			return fmt.Errorf("the function that completes the %s %s is nil", kind, o.argument)
		case seen[o.argument]:
			return fmt.Errorf("the %s %s is completed twice", kind, o.argument)
		case !slices.Contains(names, o.argument):
			return fmt.Errorf("there is no %s %s to complete: %s", kind, o.argument, expectedNames(kind, names))
		}
		seen[o.argument] = true
		to[o.argument] = o.complete
	}
	return nil
}

func expectedNames(kind string, names []string) string {
	if len(names) == 0 {
		return "there are no " + kind + "s"
	}
	return "expected one of " + strings.Join(names, ", ")
}

// completeFeature is the server's share of the feature.
type completeFeature struct {
	server *Server
	limit  CompletionLimit
	rates  rates
}

func (f *completeFeature) init(s *Server) {
	f.server, f.limit = s, s.cfg.completions.withDefaults()
}

// declare declares completions if anything can be completed.
func (f *completeFeature) declare(c *mcp.ServerCapabilities) {
	prompts := f.server.prompts.list.candidates(func(p *prompt) bool { return len(p.complete) > 0 })
	if len(prompts) > 0 || len(f.server.resources.templates.candidates(func(t *resourceTemplate) bool { return len(t.complete) > 0 })) > 0 {
		c.Completions = emptyObject
	}
}

var _ mcp.CompletionsHandler = handler{}

// Complete gives values for an argument that somebody is typing.
func (h handler) Complete(ctx context.Context, params *mcp.CompleteParams) (*mcp.CompleteResult, error) {
	if err := h.completions.admit(stateFrom(ctx)); err != nil {
		return nil, err
	}
	complete, err := h.completer(ctx, params)
	if err != nil {
		return nil, err
	}
	result := &mcp.CompleteResult{}
	if complete == nil {
		result.Completion.Total = new(int64(0))
		return result, nil
	}
	c := Completing{Argument: params.Argument.Name, Value: params.Argument.Value}
	if params.Context != nil {
		c.Given = params.Context.Arguments
	}
	completion, err := complete(ctx, c)
	if err != nil {
		return nil, handlerError(err)
	}
	if completion != nil {
		result.Completion = *completion
	}
	if n := int64(len(result.Completion.Values)); n > maxCompletions {
		result.Completion.Values = result.Completion.Values[:maxCompletions]
		result.Completion.HasMore = true
		if result.Completion.Total == nil || *result.Completion.Total < n {
			result.Completion.Total = &n
		}
	}
	return result, nil
}

// completer finds what completes an argument; nil if nothing does. What the client may not know of does not exist.
func (h handler) completer(ctx context.Context, params *mcp.CompleteParams) (completer, error) {
	name := params.Argument.Name
	switch ref := params.Ref.(type) {
	case *mcp.PromptReference:
		p, ok, err := h.prompts.list.use(ctx, ref.Name)
		if !ok {
			return nil, unknownName(ctx, h.prompts.list, ref.Name)
		}
		if err != nil {
			return nil, err
		}
		return p.complete[name], unknownArgument("argument", name, p.argumentNames())
	case *mcp.ResourceTemplateReference:
		if t, ok, err := h.resources.templates.use(ctx, ref.URI); ok {
			if err != nil {
				return nil, err
			}
			return t.complete[name], unknownArgument("variable", name, t.pattern.names())
		}
		if _, ok, err := h.resources.list.use(ctx, ref.URI); ok {
			if err != nil {
				return nil, err
			}
			return nil, unknownArgument("variable", name, nil)
		}
		return nil, unknownName(ctx, h.resources.templates, ref.URI)
	}
	return nil, rpc.Errorf(mcp.CodeInvalidParams, "unknown kind of reference: expected ref/prompt or ref/resource")
}

// unknownArgument is the error for a name that is none of names (-32602).
func unknownArgument(kind, name string, names []string) error {
	if slices.Contains(names, name) {
		return nil
	}
	return rpc.Errorf(mcp.CodeInvalidParams, "unknown %s %s: %s", kind, quoted(name), expectedNames(kind, names))
}
