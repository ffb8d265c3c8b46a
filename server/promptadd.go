package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// PromptOption is an option of AddPrompt and AddRawPrompt: [Title], [Icons], [Meta], [Scopes], [Complete],
// [CompleteFrom].
type PromptOption interface{ applyPrompt(*promptConfig) }

// promptConfig is a prompt while its options are applied.
type promptConfig struct {
	def      mcp.Prompt
	scopes   []string
	complete []CompleteOption
}

func (o TitleOption) applyPrompt(c *promptConfig) { c.def.Title = string(o) }
func (o IconsOption) applyPrompt(c *promptConfig) { c.def.Icons = o }
func (o MetaOption) applyPrompt(c *promptConfig)  { c.def.Meta = wire.Object(o) }

// PromptOutput is what the handler of a prompt may return: a string, which is a message of the user, one or more messages
// with any content, or the whole.
type PromptOutput interface {
	string | mcp.PromptMessage | []mcp.PromptMessage | *mcp.GetPromptResult
}

// PromptText makes a message of text.
func PromptText(role mcp.Role, text string) mcp.PromptMessage {
	return mcp.PromptMessage{Role: role, Content: &mcp.TextContent{Text: text}}
}

// AddPrompt adds a prompt to the catalogue of s (specification 2025-11-25, server/prompts). Its name has 1 to 128 letters,
// digits, '_', '.' and '-'; its description is for people.
//
// The fields of the struct In are the arguments, named and described as for [AddTool]: description and title from the
// jsonschema tag, required without omitempty and default. Clients send them as text, which is read as the type of the
// field: a string, number, bool, or what has a text form of its own; an empty text for what is not required is as if
// absent. They are checked before get is called; what is wrong is the client's error -32602. An argument with a list of
// allowed values (enum, an EnumOptions method, a bool) completes by itself. In is struct{} for none.
//
// A result without a description has that of the prompt. An error of get is an error of the protocol, internal (-32603)
// unless it is an *rpc.Error.
//
// A mistake (a bad name or one that is taken, a field that no text can be read as) is the program's, and AddPrompt panics
// with a [*Mistake], which names the line. TryAddPrompt returns it.
func AddPrompt[In any, Out PromptOutput](s *Server, name, description string, get func(ctx context.Context, in In) (Out, error), opts ...PromptOption) {
	must(TryAddPrompt(s, name, description, get, opts...))
}

// TryAddPrompt is AddPrompt for what is not known to be right: it returns the *Mistake.
func TryAddPrompt[In any, Out PromptOutput](s *Server, name, description string, get func(ctx context.Context, in In) (Out, error), opts ...PromptOption) error {
	c := newPromptConfig(mcp.Prompt{Name: name, Description: description}, opts)
	p, err := typedPrompt(c, get)
	if err == nil {
		err = checkName(name)
	}
	if err == nil {
		err = s.addPrompt(c, p)
	}
	if err != nil {
		return mistake(KindPrompt, name, err)
	}
	return nil
}

// AddRawPrompt adds a prompt whose definition and arguments are the program's own affair. A name that clients may refuse
// is only logged. It panics as AddPrompt does.
func AddRawPrompt(s *Server, def mcp.Prompt, h PromptHandler, opts ...PromptOption) {
	must(TryAddRawPrompt(s, def, h, opts...))
}

// TryAddRawPrompt is AddRawPrompt for definitions that are not known to be right: it returns the *Mistake.
func TryAddRawPrompt(s *Server, def mcp.Prompt, h PromptHandler, opts ...PromptOption) error {
	c := newPromptConfig(def, opts)
	var err error
	if h == nil {
		err = errors.New("the handler is nil")
	} else if err = s.addPrompt(c, &prompt{get: h, complete: map[string]completer{}}); err == nil {
		s.warnName(KindPrompt, def.Name)
	}
	if err != nil {
		return mistake(KindPrompt, def.Name, err)
	}
	return nil
}

func newPromptConfig(def mcp.Prompt, opts []PromptOption) *promptConfig {
	c := &promptConfig{def: def}
	for _, o := range opts {
		o.applyPrompt(c)
	}
	return c
}

// typedPrompt makes a prompt of a function. All reflection on types happens here.
func typedPrompt[In any, Out PromptOutput](c *promptConfig, get func(context.Context, In) (Out, error)) (*prompt, error) {
	if get == nil {
		return nil, errors.New("the handler is nil")
	}
	reader, err := newTextReader[In]()
	if err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	complete := map[string]completer{}
	for _, f := range reader.fields {
		if f.list || f.pairs {
			return nil, fmt.Errorf("arguments: the field %s has several values: expected one that a text can be read as", f.name)
		}
		c.def.Arguments = append(c.def.Arguments, mcp.PromptArgument{
			Name: f.name, Title: f.title, Description: f.description, Required: f.required,
		})
		if len(f.enum) > 0 {
			complete[f.name] = completeFrom(f.enum)
		}
	}
	name, description := c.def.Name, c.def.Description
	return &prompt{complete: complete, get: func(ctx context.Context, params *mcp.GetPromptParams) (*mcp.GetPromptResult, error) {
		given := make(wire.Object, 0, len(params.Arguments))
		for _, argument := range slices.Sorted(maps.Keys(params.Arguments)) {
			given = append(given, wire.Member{Name: argument, Value: text(params.Arguments[argument])})
		}
		in, err := reader.read(given)
		if err != nil {
			return nil, rpc.Errorf(mcp.CodeInvalidParams, "the arguments of the prompt %s are not valid: %w", name, err)
		}
		out, err := get(ctx, in)
		if err != nil {
			return nil, err
		}
		return promptResult(description, out), nil
	}}, nil
}

// promptResult makes the result of what a handler returned.
func promptResult(description string, out any) *mcp.GetPromptResult {
	switch v := out.(type) {
	case string:
		return &mcp.GetPromptResult{Description: description, Messages: []mcp.PromptMessage{PromptText(mcp.RoleUser, v)}}
	case mcp.PromptMessage:
		return &mcp.GetPromptResult{Description: description, Messages: []mcp.PromptMessage{v}}
	case []mcp.PromptMessage:
		return &mcp.GetPromptResult{Description: description, Messages: v}
	}
	r, _ := out.(*mcp.GetPromptResult)
	if r == nil {
		r = &mcp.GetPromptResult{}
	}
	if r.Description == "" && description != "" {
		r = new(*r)
		r.Description = description
	}
	return r
}

func (s *Server) addPrompt(c *promptConfig, p *prompt) error {
	if err := c.def.Validate(); err != nil {
		return err
	}
	if c.def.Name == "" {
		return errors.New("the name is empty: clients ask by it")
	}
	var err error
	if p.scoped, err = newScoped(c.scopes); err != nil {
		return err
	}
	p.def = c.def
	names := p.argumentNames()
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("the argument %s occurs twice", name)
		}
	}
	if err := addCompleters(p.complete, c.complete, "argument", names); err != nil {
		return err
	}
	return s.prompts.list.add(c.def.Name, p)
}
