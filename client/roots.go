package client

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/tenonmcp/tenon/generated/mcp"
	"github.com/tenonmcp/tenon/runtime/rpc"
)

// RootDir makes a root of a directory or file of this machine; a relative path is taken from the working directory. Its
// name is the last part of the path.
func RootDir(path string) (mcp.Root, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return mcp.Root{}, fmt.Errorf("client: root %q: %w", path, err)
	}
	return mcp.Root{URI: fileURI(filepath.ToSlash(abs)), Name: filepath.Base(abs)}, nil
}

// fileURI gives the URI of an absolute path with slashes: /dir, C:/dir or //host/share.
func fileURI(path string) string {
	u := url.URL{Scheme: "file"}
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		u.Host, path, _ = strings.Cut(rest, "/")
	}
	u.Path = "/" + strings.TrimPrefix(path, "/")
	return u.String()
}

// WithRoots declares the capability roots, and answers roots/list with these roots until [Client.SetRoots] changes them
// (client/roots). None at all is fine. Their URIs must be file URIs; see [RootDir].
func WithRoots(roots ...mcp.Root) Option {
	return func(cfg *config) {
		if err := checkRoots(roots); err != nil {
			cfg.fail("WithRoots: %w", err)
		}
		cfg.handlers.staticRoots, cfg.handlers.roots = true, slices.Clone(roots)
	}
}

// OnListRoots declares the capability roots, and has f answer roots/list. When what f gives changes, call
// [Client.RootsChanged].
func OnListRoots(f func(ctx context.Context) ([]mcp.Root, error)) Option {
	return func(cfg *config) { cfg.handlers.listRoots = f }
}

func checkRoots(roots []mcp.Root) error {
	for _, r := range roots {
		if u, err := url.Parse(r.URI); err != nil || u.Scheme != "file" {
			return fmt.Errorf("root %q: expected a URI that starts with file://", clip(r.URI))
		}
	}
	return nil
}

// roots is what WithRoots and SetRoots set.
type roots struct {
	mu  sync.Mutex
	now []mcp.Root
}

func (r *roots) set(now []mcp.Root) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = now
}

func (r *roots) get() []mcp.Root {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.now)
}

// SetRoots changes the roots of [WithRoots] and tells the server that they changed.
func (c *Client) SetRoots(ctx context.Context, roots ...mcp.Root) error {
	if !c.cfg.handlers.staticRoots || c.cfg.handlers.listRoots != nil {
		return fmt.Errorf("client: SetRoots is for clients with WithRoots and without OnListRoots: %w",
			&CapabilityError{Method: mcp.MethodRootsListChanged, Capability: "roots.listChanged", Ours: true})
	}
	if err := checkRoots(roots); err != nil {
		return fmt.Errorf("client: SetRoots: %w", err)
	}
	c.roots.set(slices.Clone(roots))
	return c.RootsChanged(ctx)
}

// Roots gives the roots of [WithRoots] and [Client.SetRoots].
func (c *Client) Roots() []mcp.Root { return c.roots.get() }

// RootsChanged tells the server that the roots changed, so that it may ask for them again.
func (c *Client) RootsChanged(ctx context.Context) error {
	return c.Notify(ctx, mcp.MethodRootsListChanged, nil)
}

func (h handlers) ListRoots(ctx context.Context, _ *mcp.RequestParams) (*mcp.ListRootsResult, error) {
	if h.listRoots == nil {
		if !h.staticRoots {
			return nil, rpc.MethodNotFound(mcp.MethodListRoots)
		}
		return &mcp.ListRootsResult{Roots: h.c.roots.get()}, nil
	}
	roots, err := h.listRoots(h.ctx(ctx))
	if err == nil {
		err = checkRoots(roots)
	}
	if err != nil {
		return nil, err
	}
	return &mcp.ListRootsResult{Roots: roots}, nil
}
