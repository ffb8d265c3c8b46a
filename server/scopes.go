package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tenonmcp/tenon/runtime/rpc"
	"github.com/tenonmcp/tenon/runtime/wire"
)

// ScopesOption is what [Scopes] returns.
type ScopesOption []string

// Scopes sets what it takes to call a tool, to read, subscribe to or complete a resource or template, or to get or
// complete a prompt: the principal of the request must have all of scopes. It is checked before anything of the handler
// runs, also before a task is made. Who has not, or is nobody, gets the error -32013 with all that it takes in its data,
// {"scopes": [...]}; over HTTP, where nothing of the response has begun, with status 403 and the challenge that says so
// (specification 2025-11-25, basic/authorization, "Scope Challenge Handling"). Over stdio and pipes the principal is that
// of the ctx of Serve, see rpc.WithPrincipal. Given several times the scopes add up. Default none: for everybody.
//
// A scope is one or more printable ASCII characters but space, '"' and '\' (RFC 6749, section 3.3).
func Scopes(scopes ...string) ScopesOption { return scopes }

func (o ScopesOption) applyTool(c *toolConfig)         { c.scopes = append(c.scopes, o...) }
func (o ScopesOption) applyResource(c *resourceConfig) { c.scopes = append(c.scopes, o...) }
func (o ScopesOption) applyTemplate(c *templateConfig) { c.scopes = append(c.scopes, o...) }
func (o ScopesOption) applyTree(c *treeConfig)         { o.applyTemplate(&c.templateConfig) }
func (o ScopesOption) applyPrompt(c *promptConfig)     { c.scopes = append(c.scopes, o...) }

// Authorize adds a hook for roles and the like: it is asked before each use of an item, after its scopes were found to be
// there, and its error refuses: an *rpc.Error as it is, any other with the code -32013 and its text, over HTTP with
// status 403. The principal and the params are in CallFrom(ctx). With several hooks all must agree; those of a server that
// is mounted hold as well, and see its names. It must be safe for concurrent use. Default none.
func Authorize(f func(ctx context.Context, item Item) error) Option {
	return func(c *config) { c.authorize = append(c.authorize, f) }
}

// HideForbidden leaves what the principal may not use, by [Scopes] or [Authorize], out of lists. Using it is refused all the
// same, so that a client that knows of it can ask for the scopes. Default: it is listed.
func HideForbidden() Option { return func(c *config) { c.hideForbidden = true } }

// Challenge makes the answer over HTTP to a request for which scopes are missing, of which needed are all that the item
// takes.
type Challenge func(needed []string) (status int, header map[string][]string)

type challengeKey struct{}

// WithChallenge returns ctx with how a request that arrives with it is answered over HTTP when scopes are missing. HTTP
// middleware that authenticates calls it, such as serverauth.Require. Default: status 403, or 401 without a principal, and
// a Bearer challenge with the scopes.
func WithChallenge(ctx context.Context, c Challenge) context.Context {
	return context.WithValue(ctx, challengeKey{}, c)
}

// scoped is the part of an item that says what it takes to use it.
type scoped struct{ scopes []string }

func (s scoped) needs() []string { return s.scopes }

// newScoped checks scopes.
func newScoped(scopes []string) (scoped, error) {
	for _, s := range scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			return scoped{}, fmt.Errorf("the scope %q has a character that none can have: expected printable ASCII but space, '\"' and '\\'", s)
		}
	}
	return scoped{slices.Compact(slices.Sorted(slices.Values(scopes)))}, nil
}

// use finds the thing that a client names and wants to use. The error says that it may not.
func (r *registry[T]) use(ctx context.Context, name string) (v T, ok bool, err error) {
	r.mu.RLock()
	e := r.byName[name]
	r.mu.RUnlock()
	if e == nil || !r.shows(ctx, e) {
		return v, false, nil
	}
	return e.value, true, r.allows(ctx, e)
}

// allows is the error for the client of ctx not being allowed to use the entry.
func (r *registry[T]) allows(ctx context.Context, e *entry[T]) error {
	if item, ok := any(e.value).(interface{ needs() []string }); ok && len(item.needs()) > 0 {
		if err := haveScopes(ctx, r.kind, e.name, item.needs()); err != nil {
			return err
		}
	}
	if e.guard != nil {
		if err := e.guard(ctx); err != nil {
			return err
		}
	}
	return r.permitted(ctx, e)
}

// permitted asks the hooks of this server.
func (r *registry[T]) permitted(ctx context.Context, e *entry[T]) error {
	for _, f := range r.authorize {
		err := f(ctx, Item{Kind: r.kind, Name: e.name, Definition: r.describe(e.value)})
		if err == nil {
			continue
		}
		if own, ok := errors.AsType[*rpc.Error](err); ok && own != nil {
			return err
		}
		return rpc.Errorf(rpc.CodeForbidden, "%s %s: %w", r.kind, quoted(e.name), err).WithHTTP(http.StatusForbidden, nil)
	}
	return nil
}

// guardOf gives what keeps the hooks of this server for an entry that stands in a mirror too; nil if there are none.
func (r *registry[T]) guardOf(e *entry[T]) func(ctx context.Context) error {
	if len(r.authorize) == 0 && e.guard == nil {
		return nil
	}
	return func(ctx context.Context) error {
		if e.guard != nil {
			if err := e.guard(ctx); err != nil {
				return err
			}
		}
		return r.permitted(ctx, e)
	}
}

// lists reports whether the entry is in the lists that the client of ctx sees.
func (r *registry[T]) lists(ctx context.Context, e *entry[T]) bool {
	return r.shows(ctx, e) && (!r.hideForbidden || r.allows(ctx, e) == nil)
}

// haveScopes is the error for a principal that lacks scopes.
func haveScopes(ctx context.Context, kind ItemKind, name string, needed []string) error {
	p, known := rpc.PrincipalFrom(ctx)
	var missing []string
	for _, s := range needed {
		if !slices.Contains(p.Scopes, s) {
			missing = append(missing, s)
		}
	}
	if known && len(missing) == 0 {
		return nil
	}
	b := []byte(`{"scopes":[`)
	for i, s := range needed {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(b, s)
	}
	err := rpc.Errorf(rpc.CodeForbidden, "the %s %s takes the scopes %q: missing %q", kind, quoted(name),
		strings.Join(needed, " "), strings.Join(missing, " ")).WithData(wire.MustRaw(string(append(b, "]}"...))))
	if c, ok := ctx.Value(challengeKey{}).(Challenge); ok {
		return err.WithHTTP(c(slices.Clone(needed)))
	}
	status, why := http.StatusForbidden, `error="insufficient_scope", `
	if !known {
		status, why = http.StatusUnauthorized, ""
	}
	return err.WithHTTP(status, map[string][]string{
		"Www-Authenticate": {"Bearer " + why + `scope="` + strings.Join(needed, " ") + `"`},
	})
}
