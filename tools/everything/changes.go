package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/tenonmcp/tenon/server"
)

// What the change tools add and remove.
const (
	extraTool     = "extra_tool"
	extraResource = "test://extra-resource"
	extraPrompt   = "extra_prompt"
)

// addChangeTools adds the tools that change what the server has, which clients are told.
func addChangeTools(s *server.Server, touched *atomic.Int64) {
	server.AddTool(s, "toggle_tool", "Adds or removes the tool "+extraTool+".", func(context.Context, nothing) (string, error) {
		if s.RemoveTools(extraTool) > 0 {
			return "removed", nil
		}
		return added(server.TryAddTool(s, extraTool, "Was added while the server ran.", func(context.Context, nothing) (string, error) {
			return "an extra", nil
		}, readOnly()))
	})

	server.AddTool(s, "toggle_resource", "Adds or removes the resource "+extraResource+".", func(context.Context, nothing) (string, error) {
		if s.RemoveResources(extraResource) > 0 {
			return "removed", nil
		}
		return added(server.TryAddStaticResource(s, extraResource, "extra-resource", "Was added while the server ran.", "an extra"))
	})

	server.AddTool(s, "toggle_prompt", "Adds or removes the prompt "+extraPrompt+".", func(context.Context, nothing) (string, error) {
		if s.RemovePrompts(extraPrompt) > 0 {
			return "removed", nil
		}
		return added(server.TryAddPrompt(s, extraPrompt, "Was added while the server ran.", func(context.Context, nothing) (string, error) {
			return "an extra", nil
		}))
	})

	server.AddTool(s, "touch_resource", "Changes the resource "+watched+", of which subscribers are told.", func(context.Context, nothing) (string, error) {
		n := touched.Add(1)
		s.ResourceUpdated(watched)
		return fmt.Sprintf("changed %d times", n), nil
	})
}

// added says that something was added.
func added(err error) (string, error) { return "added", err }
