package server

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

var emptyObject = wire.MustRaw(`{}`)

// capabilities gives what the server declares to a session now. In stateless mode nothing is declared that needs one.
func (s *Server) capabilities(st *sessionState) *mcp.ServerCapabilities {
	c := s.cfg.capabilities
	if c.Tools != nil {
		c.Tools = new(*c.Tools)
	}
	if c.Prompts != nil {
		c.Prompts = new(*c.Prompts)
	}
	if c.Resources != nil {
		c.Resources = new(*c.Resources)
	}
	if !s.cfg.noLogging {
		c.Logging = emptyObject
	}
	s.tools.declare(&c)
	s.resources.declare(&c)
	s.prompts.declare(&c)
	s.completions.declare(&c)
	s.tasks.declare(&c, st)
	if st.stateless {
		c.Logging = wire.Raw{}
		if c.Tools != nil {
			c.Tools.ListChanged = false
		}
		if c.Prompts != nil {
			c.Prompts.ListChanged = false
		}
		if c.Resources != nil {
			c.Resources.ListChanged, c.Resources.Subscribe = false, false
		}
	}
	return &c
}

// CapabilityError is the error for a request or notification that was not sent because its capability was not declared:
// by the client, or, for notifications that the server promises, by the server.
type CapabilityError struct {
	// Method is the method that was not sent.
	Method string
	// Capability is the dotted path of the capability, such as "sampling.tools".
	Capability string
	// Ours says that it is the server that did not declare it.
	Ours bool
}

// Error names the method and the capability.
func (e *CapabilityError) Error() string {
	who := "the client"
	if e.Ours {
		who = "this server"
	}
	return fmt.Sprintf("%s was not sent: %s did not declare the capability %q", e.Method, who, e.Capability)
}

// StatelessError is the error for asking the client something in stateless mode, where there is no way to it.
type StatelessError struct {
	// Method is the method that was not sent.
	Method string
}

// Error names the method and the mode.
func (e *StatelessError) Error() string {
	return e.Method + " was not sent: the server runs in stateless mode, in which clients cannot be asked anything"
}

// serverMethods are the methods that servers send, by name.
var serverMethods = func() map[string]mcp.Method {
	methods := make(map[string]mcp.Method)
	for _, m := range mcp.Latest.Methods {
		if m.FromServer {
			methods[m.Name] = m
		}
	}
	return methods
}()

// checkOutgoing is the outermost outgoing interceptor: it keeps what was not declared from being sent.
func (s *Server) checkOutgoing(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		if err := s.allowed(m); err != nil {
			return nil, err
		}
		return next(ctx, m)
	}
}

func (s *Server) allowed(m *rpc.Message) error {
	method, known := serverMethods[m.Method]
	st := stateOf(m.Session())
	if m.Kind == rpc.KindRequest && st.stateless {
		return &StatelessError{m.Method}
	}
	if !known || method.Capability == "" {
		return nil
	}
	if method.SenderDeclares {
		if st.stateless && m.Method == mcp.MethodLoggingMessage {
			return nil // there is no level to set, so logging is not declared, but messages stream within a call
		}
		if !st.declared.Load().Declares(method.Capability) {
			return &CapabilityError{m.Method, method.Capability, true}
		}
		return nil
	}
	return st.requires(m.Method, method.Capability)
}

// requires is the error for a method whose capability the client did not declare, nil if it did.
func (st *sessionState) requires(method, capability string) error {
	if st.stateless {
		return &StatelessError{method}
	}
	c := st.client()
	if c == nil || !clientDeclares(&c.Capabilities, st.session.Version(), capability) {
		return &CapabilityError{Method: method, Capability: capability}
	}
	return nil
}

// clientDeclares is Declares for the capabilities that no method names as well, as they are in the client's version.
func clientDeclares(c *mcp.ClientCapabilities, version, capability string) bool {
	switch capability {
	case "elicitation.form":
		// An empty object means form mode, from before there were modes.
		return c.Elicitation != nil && (!c.Elicitation.Form.IsZero() || c.Elicitation.URL.IsZero())
	case "sampling.tools":
		return c.Sampling != nil && !c.Sampling.Tools.IsZero() && version >= manyBlocks
	case "sampling.context":
		// Before there was a capability for it, asking was enough.
		return c.Sampling != nil && (!c.Sampling.Context.IsZero() || version < manyBlocks)
	}
	return c.Declares(capability)
}
