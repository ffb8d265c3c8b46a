package client

import (
	"context"
	"fmt"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// CapabilityError says that something was not sent because a capability it needs was not declared.
type CapabilityError struct {
	// Method is what was not sent.
	Method string
	// Capability is the dotted path of what was not declared, such as "resources.subscribe".
	Capability string
	// Ours tells that it is for this client to declare, by a handler or an option, and not for the server.
	Ours bool
}

func (e *CapabilityError) Error() string {
	who := "the server"
	if e.Ours {
		who = "this client"
	}
	return fmt.Sprintf("%s was not sent: %s does not declare the capability %q", e.Method, who, e.Capability)
}

// methods are the protocol's methods by name.
var methods = func() map[string]*mcp.Method {
	all := make(map[string]*mcp.Method, len(mcp.Latest.Methods))
	for i := range mcp.Latest.Methods {
		all[mcp.Latest.Methods[i].Name] = &mcp.Latest.Methods[i]
	}
	return all
}()

// mayCall reports whether both sides declared what a method needs. Methods the protocol does not know need nothing.
func (c *Client) mayCall(l *link, method string, params wire.Appender) error {
	m := methods[method]
	if m == nil || m.Capability == "" {
		return nil
	}
	if m.SenderDeclares {
		if !c.capabilities.Declares(m.Capability) {
			return &CapabilityError{Method: method, Capability: m.Capability, Ours: true}
		}
		return nil
	}
	if !l.server.Capabilities.Declares(m.Capability) && l.server.ProtocolVersion >= capabilitySince[m.Capability] {
		return &CapabilityError{Method: method, Capability: m.Capability}
	}
	if p, ok := params.(*mcp.CallToolParams); ok && p != nil && p.Task != nil && !l.server.Capabilities.Declares(m.TaskCapability) {
		return &CapabilityError{Method: method + " as a task", Capability: m.TaskCapability}
	}
	return nil
}

// declared derives the capabilities from the handlers.
func (cfg *config) declared() (mcp.ClientCapabilities, error) {
	h := &cfg.handlers
	caps := mcp.ClientCapabilities{Experimental: cfg.experimental}
	if h.sample != nil {
		caps.Sampling = &mcp.ClientCapabilitiesSampling{}
		if h.sampleTools {
			caps.Sampling.Tools = emptyObject
		}
		if h.sampleContext {
			caps.Sampling.Context = emptyObject
		}
	}
	if h.elicit != nil || h.elicitURL != nil {
		caps.Elicitation = &mcp.ClientCapabilitiesElicitation{}
		if h.elicit != nil {
			caps.Elicitation.Form = emptyObject
		}
		if h.elicitURL != nil {
			caps.Elicitation.URL = emptyObject
		}
	}
	if h.listRoots != nil || h.staticRoots {
		caps.Roots = &mcp.ListChangedCapability{ListChanged: true}
	}
	if err := cfg.declareTasks(&caps); err != nil {
		return caps, err
	}
	for _, f := range cfg.capabilities {
		f(&caps)
	}
	return caps, nil
}

// gate refuses requests of the server for which we did not declare the capability.
func (c *Client) gate(next rpc.Handler) rpc.Handler {
	return func(ctx context.Context, m *rpc.Message) (wire.Appender, error) {
		known := methods[m.Method]
		if known != nil && known.Capability != "" && !known.SenderDeclares && !c.capabilities.Declares(known.Capability) {
			if m.Kind == rpc.KindNotification {
				return nil, nil
			}
			return nil, rpc.MethodNotFound(m.Method)
		}
		return next(ctx, m)
	}
}
