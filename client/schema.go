package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/schemalimit"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// dialects are the JSON Schema dialects that are supported; absent means the first (basic, "JSON Schema usage").
var dialects = []string{
	"https://json-schema.org/draft/2020-12/schema",
	"http://json-schema.org/draft-07/schema",
	"https://json-schema.org/draft-07/schema",
}

// noLoader refuses every reference that leaves the document.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("references may not leave the document")
}

// schemaURL stands for the document in the texts of errors.
const schemaURL = "urn:schema"

// compileSchema makes a validator of a schema that a server sent, which is not trusted.
func compileSchema(raw wire.Raw, assertFormats bool) (s *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("the schema cannot be used: %v", r)
		}
	}()
	var members wire.Object
	if raw.Kind() == wire.KindObject {
		if err := raw.Decode(&members); err != nil {
			return nil, err
		}
	}
	if named, ok := members.Get("$schema"); ok {
		var dialect string
		if err := named.Unmarshal(&dialect); err != nil {
			return nil, fmt.Errorf("$schema: %w", err)
		}
		if !slices.Contains(dialects, strings.TrimSuffix(dialect, "#")) {
			return nil, fmt.Errorf("the schema's dialect %q is not supported: only 2020-12 and draft-07 are", clip(dialect))
		}
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	if assertFormats {
		compiler.AssertFormat()
	}
	if err := compiler.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	return compiler.Compile(schemaURL)
}

// checkValue validates a value. The error has a line for each place that is wrong.
func checkValue(s *jsonschema.Schema, raw wire.Raw) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the value cannot be validated: %v", r)
		}
	}()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw.Bytes()))
	if err != nil {
		return err
	}
	err = s.Validate(v)
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return err
	}
	lines := mistakes(invalid, nil)
	const most = 10
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", more))
	}
	return errors.New(strings.Join(lines, "; "))
}

// mistakes adds to lines what is wrong: the innermost causes of a validation error.
func mistakes(e *jsonschema.ValidationError, lines []string) []string {
	for _, cause := range e.Causes {
		lines = mistakes(cause, lines)
	}
	if len(e.Causes) > 0 {
		return lines
	}
	unit := e.BasicOutput()
	place := unit.InstanceLocation
	if place == "" {
		place = "the value"
	}
	return append(lines, clip(place)+": "+clip(unit.Error.String()))
}

// outputSchema is the output schema of a tool, compiled when it is needed first. A nil one means none was declared.
type outputSchema struct {
	raw      wire.Raw
	once     sync.Once
	compiled *jsonschema.Schema
	gauge    *schemalimit.Gauge
	err      error
}

func (s *outputSchema) check(v wire.Raw, l schemalimit.Limits) error {
	s.once.Do(func() {
		if s.gauge, s.err = schemalimit.Measure(s.raw, l); s.err == nil {
			s.compiled, s.err = compileSchema(s.raw, false)
		}
	})
	if s.err != nil {
		return fmt.Errorf("the tool's output schema is of no use: %w", s.err)
	}
	if err := s.gauge.Check(v); err != nil {
		return fmt.Errorf("the output was not checked: %w", err)
	}
	if err := checkValue(s.compiled, v); err != nil {
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
