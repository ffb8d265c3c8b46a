package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schema"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// outputSchema is the output schema of a tool, compiled when it is needed first. A nil one means none was declared.
type outputSchema struct {
	raw      wire.Raw
	once     sync.Once
	compiled *schema.Schema
	err      error
}

func (s *outputSchema) check(v wire.Raw, l schemalimit.Limits) error {
	s.once.Do(func() { s.compiled, s.err = schema.Compile(s.raw, schema.Options{Limits: l}) })
	if s.err != nil {
		return fmt.Errorf("the tool's output schema is of no use: %w", s.err)
	}
	err := s.compiled.Check(v)
	if e, ok := errors.AsType[*schema.Invalid](err); ok && e.Unknown {
		return fmt.Errorf("the output was not checked: %w", err)
	}
	if err != nil {
		return fmt.Errorf("the output does not fit the tool's output schema: %w", err)
	}
	return nil
}

// toolFacts are what the server lists of a tool, as far as calls need it.
type toolFacts struct {
	schema  *outputSchema // nil for a tool that has none
	support mcp.TaskSupport
}

func factsOf(t *mcp.Tool) toolFacts {
	var f toolFacts
	if !t.OutputSchema.IsZero() {
		f.schema = &outputSchema{raw: t.OutputSchema}
	}
	if t.Execution != nil {
		f.support = t.Execution.TaskSupport
	}
	return f
}

// schemas are what was seen of tools in lists: their output schemas above all.
type schemas struct {
	mu     sync.Mutex
	gen    uint64
	byTool map[string]toolFacts
	all    bool // the list was read to its end

	reading chan struct{} // holds one while somebody reads the list for this
}

func (s *schemas) mark() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gen
}

// note takes the facts of a page of the list that was asked for at the mark.
func (s *schemas) note(at uint64, tools []mcp.Tool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != at {
		return
	}
	if s.byTool == nil {
		s.byTool = map[string]toolFacts{}
	}
	for i := range tools {
		f := factsOf(&tools[i])
		old := s.byTool[tools[i].Name].schema
		if f.schema != nil && old != nil && bytes.Equal(old.raw.Bytes(), f.schema.raw.Bytes()) {
			f.schema = old // it may be compiled already
		}
		s.byTool[tools[i].Name] = f
	}
}

func (s *schemas) find(tool string) (facts toolFacts, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	facts, known = s.byTool[tool]
	return facts, known || s.all
}

func (s *schemas) readAll(at uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == at {
		s.all = true
	}
}

func (s *schemas) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.byTool, s.all = nil, false
}

// turn waits for the right to read the list; the function it gives returns it.
func (s *schemas) turn(ctx context.Context) (func(), error) {
	s.mu.Lock()
	if s.reading == nil {
		s.reading = make(chan struct{}, 1)
	}
	reading := s.reading
	s.mu.Unlock()
	select {
	case reading <- struct{}{}:
		return func() { <-reading }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// outputSchema gives the output schema that a tool declared; nil if there is none.
func (c *Client) outputSchema(ctx context.Context, tool string) (*outputSchema, error) {
	facts, err := c.tool(ctx, tool)
	return facts.schema, err
}

// tool gives what the server lists of a tool, reading the list as far as is needed if it is not known; nothing of one that
// is not listed.
func (c *Client) tool(ctx context.Context, tool string) (toolFacts, error) {
	if f, known := c.schemas.find(tool); known {
		return f, nil
	}
	ctx = rpc.WithoutProgress(ctx)
	leave, err := c.schemas.turn(ctx)
	if err != nil {
		return toolFacts{}, err
	}
	defer leave()
	if f, known := c.schemas.find(tool); known {
		return f, nil
	}
	at := c.schemas.mark()
	var last *link
	for tools, err := range pages(c, mcp.MethodListTools, callOptions{}, &last,
		func(cursor mcp.Cursor, o callOptions) ([]mcp.Tool, mcp.Cursor, *link, error) {
			r, l, err := c.listTools(ctx, cursor, o)
			if err != nil {
				return nil, "", nil, err
			}
			return r.Tools, r.NextCursor, l, nil
		}) {
		if err != nil {
			return toolFacts{}, err
		}
		for i := range tools {
			if tools[i].Name != tool {
				continue
			}
			if f, known := c.schemas.find(tool); known {
				return f, nil
			}
			return factsOf(&tools[i]), nil
		}
	}
	c.schemas.readAll(at)
	return toolFacts{}, nil
}
